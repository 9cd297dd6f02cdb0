"""What pages say beside figures, in bokmål and English, with its numbers and dates."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from babel import Locale
from babel.dates import format_date

Language = Literal["nb", "en"]
LANGUAGES: tuple[Language, ...] = ("nb", "en")
_LOCALES = {"nb": "nb_NO", "en": "en_GB"}


def _signs(locale: str) -> Mapping[int, str]:
    """What a language writes for the signs of a number."""
    symbols = Locale.parse(locale).number_symbols["latn"]
    return str.maketrans({",": symbols["group"], ".": symbols["decimal"]})


_SIGNS = {language: _signs(locale) for language, locale in _LOCALES.items()}

LEVELS: Mapping[str, tuple[str, str]] = {
    "national": ("Landet", "The country"),
    "region": ("Helseregioner", "Health regions"),
    "health_trust": ("Helseforetak", "Health trusts"),
    "county": ("Fylker", "Counties"),
    "municipality": ("Kommuner", "Municipalities"),
    "central": ("Sentraler", "Centrals"),
    "base": ("Baser", "Bases"),
    "source_system": ("Kildesystemer", "Source systems"),
}
# The links of the chain in their order, with the relations of the registry that belong to each.
PARTS: tuple[tuple[str, tuple[str, str], tuple[str, ...]], ...] = (
    ("call", ("Anrop", "Calls"), ("calls", "call_homes", "call_hours", "call_texts")),
    ("video", ("Video", "Video"), ("video",)),
    ("alarm", ("Ambulanse", "Ambulance"), ("incidents", "missions", "response_standardized")),
    ("chain", ("Kjeden samlet", "The whole chain"), ("chains",)),
    ("air", ("Luftambulanse", "Air ambulance"), ("lat_requests", "lat_readiness")),
    ("quality", ("Datakvalitet", "Data quality"), ("record_quality",)),
)
SEGMENTS = {
    "113": ("113", "113"),
    "116117": ("116 117", "116 117"),
    "all": ("", ""),
    "HELI": ("helikopter", "helicopter"),
    "PLANE": ("fly", "plane"),
    "CAR": ("bil", "car"),
}

TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("Akuttkjeden i tall", "The emergency chain in figures"),
    "skip": ("Hopp til innholdet", "Skip to the content"),
    "start": ("Start", "Start"),
    "units": ("Enheter", "Units"),
    "definitions": ("Definisjoner", "Definitions"),
    "about": ("Om tallene", "About the figures"),
    "other": ("English", "Norsk"),
    "search": ("Søk etter enhet eller nøkkeltall", "Search for a unit or a KPI"),
    "find": ("Søk", "Search"),
    "found_none": ("Ingen treff på", "Nothing found for"),
    "period": ("Periode", "Period"),
    "chain": ("Fra det ringer til pasienten", "From the ring to the patient"),
    "news": ("Nytt som ikke er tilfeldig", "News beyond chance"),
    "news_none": (
        "Ingen enhet har endret seg mer enn tilfeldigheter kan forklare.",
        "No unit has changed by more than chance can explain.",
    ),
    "furthest": ("Lengst fra det ventede", "Furthest from what is expected"),
    "furthest_none": (
        "Ingen enhet er dårligere enn lignende enheter mer enn tilfeldig.",
        "No unit is worse than similar units by more than chance.",
    ),
    "no_period": ("Ingen tall for perioden.", "No figures for the period."),
    "kpi": ("Nøkkeltall", "KPI"),
    "unit": ("Enhet", "Unit"),
    "value": ("Verdi", "Value"),
    "target": ("Mål", "Target"),
    "last_year": ("Samme periode i fjor", "Same period last year"),
    "verdict": ("Mot lignende enheter", "Against similar units"),
    "trend": ("Utvikling", "Development"),
    "coverage": ("Dekning", "Coverage"),
    "grade": ("Datakvalitet", "Data quality"),
    "interval": ("95 %-intervall", "95 % interval"),
    "cases": ("Antall", "Cases"),
    "numbers": ("Tallene", "The numbers"),
    "download": ("Last ned", "Download"),
    "first": ("Se på dette først", "Look into this first"),
    "first_none": (
        "Ingen tall skiller seg fra lignende enheter mer enn tilfeldig, og ingen gir grunn til "
        "bekymring over tid.",
        "No figure differs from similar units by more than chance, and none is a concern "
        "over time.",
    ),
    "all_units": ("Alle enheter av samme slag", "All units of the kind"),
    "definition": ("Definisjon", "Definition"),
    "numerator": ("Teller", "Numerator"),
    "denominator": ("Nevner", "Denominator"),
    "left_out": ("Utelatt", "Left out"),
    "pitfalls": ("Hvorfor det betyr noe", "Why it matters"),
    "version": ("Versjon", "Version"),
    "up": ("Høyere er bedre.", "Higher is better."),
    "down": ("Lavere er bedre.", "Lower is better."),
    "neutral": ("Ingen retning er bedre enn en annen.", "No direction is better than another."),
    "release": ("Utgivelse", "Release"),
    "figures_to": ("tall til og med", "figures up to"),
    "not_found": ("Siden finnes ikke", "There is no such page"),
    "no_release": ("Det er ingen utgivelse å vise nå", "There is no release to show now"),
    "not_permitted": ("Du har ikke tilgang", "You have no access"),
    "who_permits": (
        "Den som driver sidene, gir tilgang.",
        "Whoever runs the pages gives access.",
    ),
    "damaged": ("Utgivelsen kan ikke leses", "The release cannot be read"),
    "later": ("Prøv igjen om litt.", "Try again in a while."),
    "suppressed": ("skjult", "hidden"),
    "no_data": ("ingen data", "no data"),
    "no_denominator": ("ingen befolkning å dele på", "no population to divide by"),
    "no_source": ("ingen kilde ennå", "no source yet"),
    "partial": ("ufullstendig periode", "partial period"),
    "provisional": ("foreløpig", "provisional"),
    "not_open": ("ikke åpent", "not open"),
    "improvement": ("bedring", "improvement"),
    "concern": ("bekymring", "concern"),
    "changed": ("endring", "change"),
    "common": ("vanlig variasjon", "common variation"),
    "pass": ("målet nås", "target is met"),
    "fail": ("målet nås ikke", "target is not met"),
    "inconsistent": ("målet nås av og til", "target is met at times"),
    "events": ("Hendelser", "Events"),
    "break": ("Brudd i serien", "Break in the series"),
    "limits": (
        "Stiplet: grensene for vanlig variasjon (XmR). Punkter utenfor, eller mange på samme side "
        "av midten, er mer enn tilfeldig.",
        "Dashed: the limits of common variation (XmR). Points outside, or many on one side of the "
        "centre, are more than chance.",
    ),
    "plot": (
        "Punkt: verdien. Strek: 95 %-intervallet. Loddrett: verdien for landet. Firkant: "
        "dårligere, rombe: bedre, trekant: annerledes enn ventet.",
        "Point: the value. Line: its 95 % interval. Vertical: the country. Square: worse, "
        "diamond: better, triangle: other than expected.",
    ),
    "none_shown": ("Ingen tall kan vises.", "No figure can be shown."),
    "air": ("Luftambulansen", "Air ambulance"),
    "air_activity": (
        "Oppdrag, pasienter og flytimer",
        "Missions, patients and flight hours",
    ),
    "air_missions": ("oppdrag", "missions"),
    "air_types": ("Oppdrag etter type", "Missions by type"),
    "air_types_mean": (
        "Prosent av oppdragene med oppgitt type. Når en type er skjult, har raden ingen stolpe.",
        "Per cent of the missions whose type is stated. A row with a hidden type has no bar.",
    ),
    "air_declined": (
        "Forespørsler og hvorfor de ble avvist",
        "Requests and why they were declined",
    ),
    "air_declined_mean": (
        "Prosent av forespørslene. Når en årsak er skjult, har raden ingen stolpe.",
        "Per cent of the requests. A row with a hidden reason has no bar.",
    ),
    "air_aborted": ("Hvorfor oppdrag ble avbrutt", "Why missions were aborted"),
    "air_aborted_mean": (
        "Prosent av de påbegynte oppdragene. Når en årsak er skjult, har raden ingen stolpe.",
        "Per cent of the started missions. A row with a hidden reason has no bar.",
    ),
    "air_hours_by_reason": ("Tapte beredskapstimer etter årsak", "Readiness hours lost, by reason"),
    "air_hours_by_reason_mean": (
        "Timer ute eller redusert innenfor planen. Hver stolpe er én base.",
        "Hours off or reduced within the plan. Each bar is a base.",
    ),
    "air_hours_by_attribution": (
        "Tapte beredskapstimer etter hvem de er tilskrevet",
        "Readiness hours lost, by whom they are attributed to",
    ),
    "air_hours_by_attribution_mean": (
        "De samme timene, fordelt på hvem eller hva som svarer for dem.",
        "The same hours, divided by who or what answers for them.",
    ),
    "air_aircraft": (
        "Tallene er per base og slag fartøy, ikke per enkelt fartøy.",
        "The figures are per base and kind of aircraft, not per single aircraft.",
    ),
    "quality": ("Datakvalitet", "Data quality"),
    "no_quality": (
        "Utgivelsen har ingen tall om datakvalitet.",
        "The release has no figures of data quality.",
    ),
    "grades_mean": (
        "A god, B brukbar, C svak, D ikke til å bygge på. Tomt: ikke målt.",
        "A good, B usable, C weak, D not to build on. Empty: not measured.",
    ),
    "letters": ("Karakterene", "The grades"),
    "letter": ("Karakter", "Grade"),
    "grade_A": ("god", "good"),
    "grade_B": ("brukbar", "usable"),
    "grade_C": ("svak", "weak"),
    "grade_D": ("ikke til å bygge på", "not to build on"),
    "sources": ("Kildene", "The sources"),
    "source": ("Kilde", "Source"),
    "record_type": ("Datatype", "Record type"),
    "links": ("Koblinger mellom leddene", "Links between the steps"),
    "links_mean": (
        "Bare koblinger med identifikator er regnet med, og bare når den andre raden er fra samme "
        "eller nabodøgnet.",
        "Only links by identifier count, and only when the other row is of the same or a "
        "neighbouring day.",
    ),
    "link": ("Kobling", "Link"),
    "has_reference": ("Har identifikator", "Has an identifier"),
    "linked": ("Koblet", "Linked"),
    "breaks": ("Brudd i seriene", "Breaks in the series"),
    "breaks_mean": (
        "Tall på hver side av et brudd måler ikke det samme.",
        "Figures on either side of a break do not measure the same.",
    ),
    "dimension": ("Dimensjon", "Dimension"),
    "decided_by": ("Avgjøres av", "Decided by"),
    "findings": ("Funn å rette", "Findings to act on"),
    "findings_none": ("Ingen.", "None."),
    "minor": ("Mindre funn", "Minor findings"),
    "small_rows": (
        "Eksempler er filens navn eller nummer, og raden i den; verdier fra radene vises aldri.",
        "Examples are the file's name or number, and the row in it; values of the rows are never "
        "shown.",
    ),
    "rule": ("Regel", "Rule"),
    "wrong": ("Hva som er galt", "What is wrong"),
    "extent": ("Omfang", "Extent"),
    "since": ("Siden", "Since"),
    "examples": ("Eksempler", "Examples"),
    "to_do": ("Hva du kan gjøre", "What to do"),
    "weak_units": ("Enheter med karakter C eller D", "Units with grade C or D"),
    "deliveries": ("Leveranser", "Deliveries"),
    "days_delivered": ("Leverte dager", "Days delivered"),
    "of": ("av", "of"),
    "rows": ("rader", "rows"),
    "days": ("dager", "days"),
    "files": ("filer", "files"),
    "ytd": ("Hittil i år", "Year to date"),
    "rolling12": ("Siste 12 måneder", "Last 12 months"),
    "judged": ("Vurdering", "Judgement"),
    "summary": ("Sammendrag", "Summary"),
    "deviations": ("Avvik å forklare", "Deviations to explain"),
    "comment": ("Kommentar og tiltak", "Comment and measures"),
    "report": ("Rapport til styret", "Report for the board"),
    "synthetic": (
        "Syntetiske data: laget for å prøve systemet, sier ingenting om noen tjeneste.",
        "Synthetic data: made to try the system, they say nothing about any service.",
    ),
    "the_chain": ("Kjeden", "The chain"),
    "where_time_goes": ("Hvor tiden går", "Where the time goes"),
    "part_by_part": ("Del for del", "Part by part"),
    "spans_mean": (
        "Stolpe: medianen, den vanlige saken. Strek med rombe: 90-persentilen, som ni av ti er "
        "innenfor. Grå stolpe: hele veien.",
        "Bar: the median, the ordinary case. Line with a diamond: the 90th percentile, which nine "
        "of ten are within. Grey bar: the whole way.",
    ),
    "not_a_sum": (
        "Delene kan ikke legges sammen: medianen av det hele er ikke summen av delenes medianer, "
        "og hver del har sine egne saker. Derfor begynner hver av dem på null.",
        "The parts do not add up: the median of the whole is not the sum of the medians of its "
        "parts, and each part has its own cases. So each of them begins at nought.",
    ),
    "which_cases": (
        "Tidene gjelder akuttoppdrag og røde hendelser, og svartiden alle 113-anrop. Andre "
        "hastegrader har ikke egne tider i nøkkeltallene.",
        "The times are of acute missions and red incidents, and the answer time of all 113 calls. "
        "The KPIs have no times of other urgencies.",
    ),
    "part": ("Del av tiden", "Part of the time"),
    "by_area": ("Tettbygd og grisgrendt", "Urban and rural"),
    "by_area_mean": (
        "Etter sted er det andelen innenfor tidskravet som måles, ikke tidene selv.",
        "By place it is the share within the time limit that is measured, not the times.",
    ),
    "how_linked": ("Hvor mye som er koblet", "How much is linked"),
    "how_linked_mean": (
        "Tiden fra første ring kan bare måles i hendelser som er koblet til anropet.",
        "The time from the first ring can be measured only in incidents linked to their call.",
    ),
    "country": ("Landet", "The country"),
    "compare": ("Sammenlign", "Compare"),
    "compare_similar": ("Sammenlign med lignende enheter", "Compare with similar units"),
    "compare_how": (
        "Velg to til seks enheter, ett til seks nøkkeltall og en periode. Adressen har med alle "
        "valgene, så den kan lagres eller sendes videre.",
        "Choose two to six units, one to six KPIs and a period. The address holds every choice, "
        "so it can be kept or sent on.",
    ),
    "show": ("Vis", "Show"),
    "from_period": ("Fra", "From"),
    "to_period": ("Til", "To"),
    "only_last": ("bare den siste", "only the last"),
    "over_time": ("Over tid", "Over time"),
    "one_axis": (
        "Alle grafene av et nøkkeltall har samme akse. Stiplet: grensene for vanlig variasjon.",
        "All charts of a KPI have the same axis. Dashed: the limits of common variation.",
    ),
    "kind": ("Slag enheter", "Kind of units"),
    "funnel": ("Traktplott: verdi mot størrelse", "Funnel plot: value against size"),
    "funnel_mean": (
        "Bortover: nevneren. Stiplet: hva tilfeldigheter kan gi en enhet av den størrelsen (95 og "
        "99,8 %). Er det flere grupper av lignende enheter, har hver enhet en strek mellom sine "
        "egne grenser på 95 %. Firkant: dårligere, rombe: bedre, trekant: annerledes enn ventet.",
        "Across: the denominator. Dashed: what chance can give a unit of that size (95 and "
        "99.8 %). With several groups of similar units each has a line between 95 % limits "
        "of its own. Square: worse, diamond: better, triangle: other than expected.",
    ),
    "spread": ("Spredningen over tid", "The spread over time"),
    "spread_mean": (
        "Strek: enheten i midten. Feltene går fra desil til desil; ytterst ligger åtte av ti "
        "enheter. Bare enheter med tall som kan vises, er med.",
        "Line: the unit in the middle. The bands go from decile to decile; the outermost holds "
        "eight of ten units. Only units whose figure can be shown are in it.",
    ),
    "first_decile": ("1. desil", "1st decile"),
    "median": ("Median", "Median"),
    "last_decile": ("9. desil", "9th decile"),
    "units_shown": ("Enheter vist", "Units shown"),
    "tiles": ("Kart: én rute per enhet", "Map: one tile per unit"),
    "tiles_mean": (
        "Rutene er like store og ligger så nær stedet sitt som det er plass til. Mørkere er "
        "høyere, ikke bedre eller dårligere. Tallene står i tabellen under.",
        "The tiles are of one size, each as near its place as there is room for. Darker is "
        "higher, not better or worse. The numbers are in the table below.",
    ),
    "below": ("under", "below"),
    "at_least": ("minst", "at least"),
    "no_tile": ("skjult eller ingen data", "hidden or no data"),
    "changes": ("Hva er endret", "What changed"),
    "changes_mean": (
        "Forskjellene fra utgivelsen før denne, i måneder og lengre perioder.",
        "The differences from the release before this one, in months and longer periods.",
    ),
    "before_gone": (
        "Utgivelsen før er ikke lenger lagret; enkelttallene kan ikke vises.",
        "The release before is no longer kept; single figures cannot be shown.",
    ),
    "release_before": ("Utgivelsen før", "The release before"),
    "no_before": (
        "Det finnes ingen tidligere utgivelse å sammenligne med.",
        "There is no earlier release to compare with.",
    ),
    "unchanged": ("Ingen tall er endret.", "No figure has changed."),
    "how_many": ("Hvor mange tall, og hvorfor", "How many figures, and why"),
    "what": ("Hva", "What"),
    "why": ("Hvorfor", "Why"),
    "cells": ("Tall", "Figures"),
    "before": ("Før", "Before"),
    "now": ("Nå", "Now"),
    "largest": (
        "Endret mest, i forhold til verdien før",
        "Revised most, against the old value",
    ),
    "none_revised": ("Ingen tall fra før er endret.", "No earlier figure was revised."),
    "by_kpi": ("Etter nøkkeltall", "By KPI"),
    "first_of_them": ("Bare de øverste", "Only the first"),
    "rest_in_files": ("Alle er med i filene nederst.", "The files below have all of them."),
    "absent": ("fantes ikke", "not there"),
    "ok": ("var vist", "was shown"),
    "how_read": ("Slik leses tallene", "How to read the figures"),
}


@dataclass(frozen=True)
class Speech:
    """One language: texts, numbers and dates."""

    language: Language

    def __call__(self, key: str) -> str:
        return self.of(TEXTS[key])

    def of(self, pair: tuple[str, str]) -> str:
        """The text of this language."""
        return pair[LANGUAGES.index(self.language)]

    def field(self, row: Mapping[str, object], nb: str, en: str) -> str:
        """The column of this language."""
        return str(row.get(nb if self.language == "nb" else en) or "")

    def number(self, value: float | None, unit: str = "", decimals: int | None = None) -> str:
        """A figure with its unit; counts whole, others with one decimal, small ones with two."""
        if value is None:
            return ""
        if decimals is None:
            decimals = 0 if unit == "n" else 1 if abs(value) >= 1 or value == 0 else 2
        # Of what the number reads as, not of the binary fraction nearest to it; half to even.
        text = f"{Decimal(str(value)):,.{decimals}f}".translate(_SIGNS[self.language])
        return text if unit in ("", "n") else f"{text}\u00a0{unit}"

    def day(self, value: date) -> str:
        """A date in full."""
        return str(format_date(value, format="long", locale=_LOCALES[self.language]))

    @functools.lru_cache(maxsize=4096)  # noqa: B019  (there is one Speech of each language)
    def period(self, grain: str, start: date) -> str:
        """A period as people say it."""
        match grain:
            case "month":
                return str(format_date(start, format="MMMM y", locale=_LOCALES[self.language]))
            case "quarter":
                quarter = (start.month + 2) // 3
                nb, en = f"{quarter}. kvartal {start.year}", f"Q{quarter} {start.year}"
                return self.of((nb, en))
            case "tertial":
                tertial = (start.month + 3) // 4
                return self.of(
                    (f"{tertial}. tertial {start.year}", f"tertial {tertial}, {start.year}")
                )
            case "ytd":
                month = str(format_date(start, format="MMMM", locale=_LOCALES[self.language]))
                nb, en = (
                    f"hittil i {start.year}, til og med {month}",
                    f"{start.year} to date, to {month}",
                )
                return self.of((nb, en))
            case "rolling12":
                last = self.period("month", start)
                return self.of((f"tolv måneder til og med {last}", f"twelve months to {last}"))
            case "week":
                year, week, _ = start.isocalendar()
                return self.of((f"uke {week}, {year}", f"week {week}, {year}"))
            case "year":
                return str(start.year)
            case _:
                return self.day(start)
