"""What goes wrong when a figure is read too fast: by kind, by family, and by KPI."""

from __future__ import annotations

from collections.abc import Mapping

from orchestration.registry import Kpi

Texts = tuple[str, str]

_BY_KIND: Mapping[str, tuple[Texts, ...]] = {
    "count": (
        (
            "Et antall følger innbyggertall og dekningsområde; sammenlign rater eller enheten med "
            "seg "
            "selv.",
            "A count follows population and catchment; compare rates, or the unit with itself.",
        ),
    ),
    "share": (
        (
            "Små grunnlag svinger mye; se på grensene (`lower`, `upper`) før to tall kalles ulike.",
            "Small bases vary a lot; look at the limits (`lower`, `upper`) before calling two "
            "figures "
            "different.",
        ),
    ),
    "ratio": (
        (
            "Et forholdstall kan endre seg fordi telleren eller nevneren gjør det; se på begge.",
            "A ratio may change because of either of its parts; look at both.",
        ),
    ),
    "rate": (
        (
            "Nevneren er de som bor der 1. januar; turister, hytteeiere og pendlere er ikke med.",
            "The denominator is those who live there on 1 January; tourists, cabin owners and "
            "commuters are not in it.",
        ),
    ),
    "interval": (
        (
            "Persentiler kan ikke legges sammen eller gjøres til snitt; hent tallet på det nivået "
            "og "
            "den perioden du trenger.",
            "Percentiles can be neither added nor averaged; take the figure at the level and "
            "period "
            "you need.",
        ),
        (
            "Tallet gjelder bare sakene med gyldige tider; les dekningen ved siden av.",
            "The figure is of the cases with valid times only; read the coverage beside it.",
        ),
    ),
    "mean": (
        (
            "Et snitt trekkes opp av noen få lange saker; medianen beskriver den vanlige saken.",
            "A mean is drawn up by a few long cases; the median describes the usual one.",
        ),
    ),
    "hours": (
        (
            "Tid uten registrert tilstand er ukjent og regnes ikke som beredskap; se dekningen.",
            "Time without a recorded state is unknown and does not count as ready; see the "
            "coverage.",
        ),
    ),
    "hours_count": (
        (
            "Flere fartøy på en base gir flere timer; se antall ressurser (`n`).",
            "More aircraft at a base give more hours; see the number of resources (`n`).",
        ),
    ),
    "standardized": (
        (
            "Indirekte standardiserte forholdstall sammenlignes med 1, ikke med hverandre.",
            "Indirectly standardized ratios are compared with 1, not with each other.",
        ),
    ),
    "excess": (
        (
            "Én av seksti tider faller på helt minutt av seg selv; bare det over det er tegn på "
            "manuell føring, og små negative tall er tilfeldige.",
            "One time in sixty falls on a whole minute by itself; only what is above is a sign of "
            "manual entry, and small negative figures are chance.",
        ),
    ),
}
_BY_SUBJECT: Mapping[str, tuple[Texts, ...]] = {
    "calls": (
        (
            "Sentraler bytter telefoniplattform på ulike dager; tall på hver side av bruddet måler "
            "ikke nødvendigvis det samme.",
            "Centrals change telephony platform on different days; figures on either side of the "
            "break do not necessarily measure the same.",
        ),
    ),
    "alarms": (
        (
            "Manglende eller sene statustrykk gjør at saker faller ut av tidsmål, og kan få et "
            "tall "
            "til å se bedre ut.",
            "Status messages that are missing or late drop cases from interval figures, and may "
            "make "
            "a figure look better.",
        ),
    ),
    "video": (
        (
            "To videoløsninger fører status ulikt; sammenlign innen samme løsning.",
            "Two video systems record status differently; compare within the same one.",
        ),
    ),
    "chain": (
        (
            "Bare hendelser som er koblet til anrop er med; les koblingsgraden ved siden av.",
            "Only incidents that are linked to calls are in it; read the link rate beside it.",
        ),
    ),
    "lat": (
        (
            "Samme oppdrag kan være tilbudt flere baser, og bil eller redningshelikopter kan ha "
            "tatt "
            "det.",
            "The same mission may have been offered to several bases, and a car or rescue "
            "helicopter "
            "may have taken it.",
        ),
    ),
    "data_quality": (
        (
            "Tallet sier noe om registreringen, ikke om tjenesten.",
            "The figure is about registration, not about the service.",
        ),
    ),
}
_BY_ID: Mapping[str, tuple[Texts, ...]] = {
    "c113_within_10s": (
        (
            "Ubesvarte anrop er ikke med; se det sammen med `c113_within_10s_offered`.",
            "Unanswered calls are not in it; see it with `c113_within_10s_offered`.",
        ),
    ),
    "c116117_within_2min": (
        (
            "Nevneren er alle anrop, også ubesvarte, i motsetning til 113-kravet.",
            "The denominator is all calls, unanswered too, unlike the 113 requirement.",
        ),
    ),
    "resp_urban_12": (
        (
            "Hendelser der hastegraden ble endret er utelatt; flere endringer kan bedre tallet.",
            "Incidents whose urgency changed are left out; more changes may improve the figure.",
        ),
    ),
    "resp_rural_25": (
        (
            "Hendelser der hastegraden ble endret er utelatt; flere endringer kan bedre tallet.",
            "Incidents whose urgency changed are left out; more changes may improve the figure.",
        ),
    ),
    "lat_requests": (
        (
            "Forespørsler er ikke oppdrag; avviste teller med.",
            "Requests are not missions; declined ones count.",
        ),
    ),
}


def pitfalls(kpi: Kpi) -> tuple[Texts, ...]:
    """What to look out for, the most particular first; bokmål and English."""
    return (
        *_BY_ID.get(kpi.id, ()),
        *_BY_KIND.get(kpi.kind, ()),
        *_BY_SUBJECT.get(kpi.subject, ()),
    )
