"""The columns of a result and of the tables of a release: headings for people, meaning, groups."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column: its heading in bokmål, and what it holds in both languages."""

    nb: str
    meaning_nb: str
    meaning_en: str


# The unit of what could not be placed, on every level.
UNPLACED = "UNKNOWN"

KEY = (
    "kpi_id",
    "kpi_version",
    "segment",
    "period_grain",
    "period_start",
    "level",
    "unit_id",
)

# What a value says of its period.
PERIOD = ("days_covered", "days_in_period", "is_partial", "maturity")

PEERS = (
    "peer_group",
    "peer_count",
    "peer_q1",
    "peer_median",
    "peer_q3",
    "region_value",
    "national_value",
    "target_difference",
    "funnel_center",
    "funnel_lower_95",
    "funnel_upper_95",
    "funnel_lower_998",
    "funnel_upper_998",
    "is_over_dispersed",
    "comparator",
    "verdict",
    "verdict_nb",
    "verdict_en",
)

TRENDS = (
    "xmr_center",
    "xmr_lower",
    "xmr_upper",
    "xmr_distance",
    "is_trial",
    "phase_start",
    "is_recent",
    "signal",
    "signal_direction",
    "assurance",
    "trend_nb",
    "trend_en",
)

LAST_YEAR = (
    "last_year_start",
    "last_year_value",
    "last_year_lower",
    "last_year_upper",
    "last_year_n",
    "last_year_coverage",
    "last_year_status",
    "last_year_is_partial",
    "change",
    "change_lower",
    "change_upper",
    "change_verdict",
    "change_nb",
    "change_en",
)

# Type of the columns that a release may lack, so that a query always has them.
SQL_TYPES = {
    "peer_group": "varchar",
    "peer_count": "bigint",
    "is_over_dispersed": "boolean",
    "comparator": "varchar",
    "verdict": "varchar",
    "verdict_nb": "varchar",
    "verdict_en": "varchar",
    "is_trial": "boolean",
    "phase_start": "date",
    "is_recent": "boolean",
    "signal": "varchar",
    "signal_direction": "varchar",
    "assurance": "varchar",
    "trend_nb": "varchar",
    "trend_en": "varchar",
    "grade": "varchar",
    "days_covered": "integer",
    "days_in_period": "integer",
    "is_partial": "boolean",
    "maturity": "varchar",
}

COLUMNS: dict[str, Column] = {
    "kpi_id": Column("Nøkkeltall-id", "id i registeret", "id in the registry"),
    "kpi_name": Column("Nøkkeltall", "navn på bokmål", "name in bokmål"),
    "kpi_name_en": Column("Nøkkeltall (engelsk)", "navn på engelsk", "name in English"),
    "kpi_version": Column("Versjon", "versjon av definisjonen", "version of the definition"),
    "segment": Column(
        "Segment", "del som aldri legges sammen med andre", "part that is never added to another"
    ),
    "period_grain": Column(
        "Periodetype",
        "day (dag), week (uke), month (måned), quarter (kvartal), tertial, year (år), ytd (hittil "
        "i år) eller rolling12 (siste tolv måneder)",
        "day, week, month, quarter, tertial, year, ytd (year to date) or rolling12 (twelve months)",
    ),
    "period_start": Column(
        "Periode fra", "første dag, lokal dato", "first day of the period, local date"
    ),
    "level": Column("Nivå", "hva enheten er", "what kind of unit it is"),
    "unit_id": Column("Enhets-id", "kode for enheten", "code of the unit"),
    "unit_name": Column("Enhet", "navn på enheten", "name of the unit"),
    "geography_version": Column(
        "Kommuneinndeling", "inndelingen tallet gjelder", "municipal division of the figure"
    ),
    "numerator": Column("Teller", "telleren", "the numerator"),
    "denominator": Column("Nevner", "nevneren", "the denominator"),
    "n": Column("Antall", "tilfeller tallet hviler på", "cases that the figure rests on"),
    "value": Column("Verdi", "i nøkkeltallets enhet", "in the KPI's unit; per cent for shares"),
    "measure_unit": Column("Måleenhet", "enhet for verdien", "unit of the value"),
    "lower": Column("Nedre 95 %", "nedre grense, 95 %", "lower limit of the 95 % interval"),
    "upper": Column("Øvre 95 %", "øvre grense, 95 %", "upper limit of the 95 % interval"),
    "coverage": Column(
        "Dekning", "brukbare av dem som skulle telle", "usable out of what should count, 0 to 1"
    ),
    "grade": Column(
        "Datakvalitet", "karakter for grunnlaget", "grade of the data behind the figure"
    ),
    "days_covered": Column(
        "Dager levert",
        "dager i perioden som alle enhetens kilder har levert",
        "days of the period that all sources of the unit have delivered",
    ),
    "days_in_period": Column("Dager i perioden", "dager perioden har", "days of the period"),
    "is_partial": Column(
        "Ufullstendig periode",
        "ikke alle dagene i perioden er levert; tallet gjelder de dagene som er det",
        "not all days of the period are delivered; the figure is of those that are",
    ),
    "maturity": Column(
        "Foreløpig eller endelig",
        "provisional: sene rader kan ennå komme; final: de har kommet, etter kildens historie",
        "provisional: late rows may still come; final: they have, by the source's own history",
    ),
    "status": Column("Status", "om det finnes et tall", "whether there is a figure, and why not"),
    "status_reason": Column(
        "Årsak", "hvorfor tallet ikke finnes", "what is lacking for a KPI without a source"
    ),
    "direction": Column("Ønsket retning", "up, down, neutral", "up, down or neutral is better"),
    "target": Column("Mål", "krav eller mål, ellers tom", "target of the KPI, if it has one"),
    "break_date": Column(
        "Brudd", "siste brudd i serien", "last break in the series up to the end of the period"
    ),
    "is_break": Column(
        "Brudd i perioden", "bruddet faller i perioden", "the break falls in this period"
    ),
    "break_kind": Column("Bruddtype", "hva som skiftet", "platform_cutover, definition, geography"),
    "break_nb": Column("Om bruddet", "forklaring på bokmål", "explanation in bokmål"),
    "break_en": Column("Om bruddet (engelsk)", "forklaring på engelsk", "explanation in English"),
    "is_small": Column(
        "Ikke til deling",
        "tallet er ikke åpent og skal ikke deles videre",
        "the figure is not open and must not be passed on",
    ),
    "audience": Column("For hvem", "hvem utgivelsen er for", "whom the release is for"),
    "release_id": Column("Utgivelse", "utgivelsen tallet er fra", "release the figure is from"),
    "peer_group": Column("Gruppe", "gruppen av lignende enheter", "group of similar units"),
    "peer_count": Column(
        "Antall like",
        "enheter i gruppen med tall, enheten selv medregnet",
        "units in the group with a figure, the unit itself included",
    ),
    "peer_q1": Column(
        "Like, 1. kvartil", "nedre kvartil av gruppens enheter", "lower quartile of similar units"
    ),
    "peer_median": Column(
        "Like, median",
        "median av gruppens enheter, store og små likt",
        "median of similar units, large and small alike",
    ),
    "peer_q3": Column(
        "Like, 3. kvartil", "øvre kvartil av gruppens enheter", "upper quartile of similar units"
    ),
    "region_value": Column("Regionen", "verdi for regionen", "value of the unit's region"),
    "national_value": Column("Landet", "verdi for landet", "value of the country"),
    "target_difference": Column("Avstand til mål", "verdi minus mål", "value minus target"),
    "funnel_center": Column(
        "Trakt, midt",
        "gruppens enheter samlet: sum av tellere delt på sum av nevnere",
        "the units of the group together: sum of numerators by sum of denominators",
    ),
    "funnel_lower_95": Column(
        "Trakt, nedre 95 %",
        "1 av 20 like enheter på denne størrelsen er utenfor 95 %-grensene ved en tilfeldighet",
        "1 in 20 similar units of this size lies outside the 95 % limits by chance",
    ),
    "funnel_upper_95": Column("Trakt, øvre 95 %", "se nedre 95 %", "see the lower 95 % limit"),
    "funnel_lower_998": Column(
        "Trakt, nedre 99,8 %",
        "1 av 500 er utenfor 99,8 %-grensene ved en tilfeldighet",
        "1 in 500 lies outside the 99.8 % limits by chance",
    ),
    "funnel_upper_998": Column(
        "Trakt, øvre 99,8 %", "se nedre 99,8 %", "see the lower 99.8 % limit"
    ),
    "is_over_dispersed": Column(
        "Overdispersjon",
        "gruppens enheter varierer mer enn tilfeldig; grensene er utvidet for det",
        "the group varies more than chance; the limits are widened for it",
    ),
    "comparator": Column(
        "Sammenlignet med",
        "hva som avgjorde vurderingen. funnel: traktens grenser; peers: medianen i like enheter; "
        "others: de tre andre enhetene samlet",
        "what decided the verdict. funnel: the limits of the funnel; peers: the median of similar "
        "units; others: the three other units taken together",
    ),
    "verdict": Column(
        "Vurdering (kode)",
        "better, as_expected, worse; higher, lower der ingen retning er best; hidden: skjult; "
        "too_few: for få; not_comparable: brudd, lav dekning, antall eller ukjent enhet",
        "better, as_expected, worse; higher, lower where no direction is better; hidden; too_few; "
        "not_comparable: a break, low coverage, a count, or an unknown unit",
    ),
    "verdict_nb": Column("Vurdering", "vurdering på bokmål", "verdict in bokmål"),
    "verdict_en": Column("Vurdering (engelsk)", "vurdering på engelsk", "verdict in English"),
    "xmr_center": Column("XmR, midt", "prosessens nivå", "centre line of the XmR chart"),
    "xmr_lower": Column("XmR, nedre", "nedre prosessgrense", "lower process limit"),
    "xmr_upper": Column("XmR, øvre", "øvre prosessgrense", "upper process limit"),
    "xmr_distance": Column(
        "Avstand fra midten",
        "1 ved øvre og -1 ved nedre grense",
        "1 at the upper and -1 at the lower limit",
    ),
    "is_trial": Column("Foreløpige grenser", "under 12 punkter", "limits of fewer than 12 points"),
    "phase_start": Column("Fase fra", "siste brudd i grensene", "first period of these limits"),
    "is_recent": Column(
        "Blant de siste tre", "en av nivåets tre siste perioder", "one of the level's last three"
    ),
    "signal": Column("Signal", "regel som slo ut", "rule that was met"),
    "signal_direction": Column(
        "Signalets retning", "bedring eller bekymring", "improvement, concern or neutral"
    ),
    "assurance": Column("Måloppnåelse", "om målet nås over tid", "whether the target is met"),
    "trend_nb": Column("Utvikling", "utvikling på bokmål", "development in bokmål"),
    "trend_en": Column("Utvikling (engelsk)", "utvikling på engelsk", "development in English"),
    "last_year_start": Column(
        "I fjor fra", "første dag i samme periode i fjor", "first day of the same period last year"
    ),
    "last_year_value": Column(
        "I fjor", "verdi for samme periode i fjor", "value of the same period last year"
    ),
    "last_year_lower": Column("I fjor, nedre 95 %", "nedre grense", "its lower 95 % limit"),
    "last_year_upper": Column("I fjor, øvre 95 %", "øvre grense", "its upper 95 % limit"),
    "last_year_n": Column("I fjor, antall", "tilfeller i fjor", "cases it rests on"),
    "last_year_coverage": Column("I fjor, dekning", "dekning i fjor", "its coverage, 0 to 1"),
    "last_year_status": Column("I fjor, status", "om det fantes et tall", "whether there is one"),
    "last_year_is_partial": Column(
        "I fjor, ufullstendig", "ikke alle dagene var levert", "not all of its days are delivered"
    ),
    "change": Column(
        "Endring fra i fjor", "verdi minus verdi i fjor", "value minus that of last year"
    ),
    "change_lower": Column("Endring, nedre 95 %", "nedre grense", "lower 95 % limit of the change"),
    "change_upper": Column("Endring, øvre 95 %", "øvre grense", "upper 95 % limit of the change"),
    "change_verdict": Column(
        "Endring, kode",
        "better, worse, higher, lower, uncertain, eller hvorfor det ikke er noen",
        "better, worse, higher, lower, uncertain, or why there is none",
    ),
    "change_nb": Column("Endring, vurdering", "vurdering på bokmål", "verdict in bokmål"),
    "change_en": Column(
        "Endring, vurdering (engelsk)", "vurdering på engelsk", "verdict in English"
    ),
}

# Of calls by hour of the week and of times by class.
PART_COLUMNS: dict[str, Column] = {
    "measure": Column(
        "Mål",
        "answer_time: svartid; response_time: responstid",
        "answer_time or response_time",
    ),
    "weekday": Column("Ukedag", "1 mandag til 7 søndag", "1 Monday to 7 Sunday, local date"),
    "hour": Column("Time", "0 til 23, norsk tid", "0 to 23, local clock"),
    "hours": Column(
        "Timer levert",
        "så mange slike timer er levert: ingen på dager som mangler",
        "so many such hours were delivered: none on days that are missing",
    ),
    "calls": Column("Anrop", "som i calls_offered", "as in calls_offered"),
    "answered": Column("Besvart", "besvarte anrop", "answered calls"),
    "unanswered": Column("Ubesvart", "ubesvarte anrop", "unanswered calls"),
    "answered_valid": Column(
        "Besvart, gyldige tider", "de som svartidene er av", "those that the answer times are of"
    ),
    "in_time": Column(
        "Besvart i tide",
        "innen 10 sekunder på 113, innen 2 minutter på 116117",
        "within 10 seconds at 113, within 2 minutes at 116117",
    ),
    "in_time_of": Column(
        "Besvart i tide, av",
        "nevneren: besvarte med gyldige tider, på 116117 også ubesvarte",
        "the denominator: answered with valid times, at 116117 the unanswered too",
    ),
    "calls_per_hour": Column(
        "Anrop i timen",
        "av timene som er levert; til nærmeste ti anrop der noen kom på andre dager",
        "of the hours delivered; to the nearest ten calls where some came on other days",
    ),
    "in_time_share": Column("Andel i tide", "prosent", "per cent"),
    "unanswered_share": Column("Andel ubesvart", "prosent av anropene", "per cent of the calls"),
    "answer_median": Column("Svartid, median", "sekunder", "median answer time, seconds"),
    "answer_p90": Column("Svartid, 90-persentil", "sekunder", "90th percentile, seconds"),
    "talk_median": Column("Samtaletid, median", "sekunder", "median talk time, seconds"),
    "class_no": Column("Klasse", "de korteste tidene først", "the shortest times first"),
    "over_s": Column("Over (s)", "tom i den første klassen", "over so many seconds"),
    "to_s": Column("Til og med (s)", "tom i den siste klassen", "up to so many seconds, included"),
    "total": Column("Antall i alt", "i alle klassene", "in all classes: n of the percentiles"),
    "share": Column("Andel", "prosent av alle", "per cent of all"),
}

# Of what changed since the release before, and of events of the installation.
TOLD_COLUMNS: dict[str, Column] = {
    "earlier_release": Column(
        "Forrige utgivelse", "utgivelsen det er endret siden", "the release it is changed since"
    ),
    "change_kind": Column(
        "Endring",
        "new: nytt tall; revised: endret; withdrawn: trukket; hidden: nå skjult; shown: nå vist",
        "new, revised, withdrawn, hidden now, or shown now",
    ),
    "change_reason": Column(
        "Årsak",
        "definition, geography, disclosure (hva som må skjules), new period, period went on "
        "(perioden var ikke over), taken back (leveringer trukket), late rows (flere poster har "
        "kommet) eller correction (poster er rettet)",
        "definition, geography, disclosure (what has to be hidden), new period, period went on (it "
        "was not over), taken back (deliveries), late rows (more have come) or correction",
    ),
    "cells": Column("Celler", "så mange tall er endret slik", "so many figures changed so"),
    "event_date": Column("Dato", "dagen det skjedde", "the day of it"),
    "effect": Column(
        "Virkning",
        "none: dagen merkes; rebase: grensene regnes på nytt; freeze: grensene er fra tiden før",
        "none: the day is marked; rebase: limits begin anew; freeze: they are of the time before",
    ),
    "text_nb": Column("Hva", "forklaring på bokmål", "what it is, in bokmål"),
    "text_en": Column("Hva (engelsk)", "forklaring på engelsk", "what it is, in English"),
}

STATUSES: dict[str, tuple[str, str]] = {
    "ok": ("det finnes et tall", "there is a figure"),
    "no_data": (
        "ingen data for perioden, eller ingen tilfeller; det er ikke null",
        "nothing was delivered, or there was no case; it is not zero",
    ),
    "no_denominator": (
        "tilfeller uten befolkning å dele på",
        "cases without a population to divide by",
    ),
    "suppressed": (
        "skjult: tallet er lite, eller kunne røpe et lite tall",
        "hidden: the number is small, or could reveal one that is",
    ),
    "no_source": (
        "ingen kilde leverer det nøkkeltallet trenger ennå",
        "no source delivers yet what the KPI needs",
    ),
}

MATURITIES = ("provisional", "final")

# What is said of a figure whose period is not whole, or not settled: short, and in full.
PARTIAL = (
    "ikke alle dagene i perioden er levert; tallet gjelder dem som er det, sammenlignes ikke med "
    "hele perioder og gir ingen signaler",
    "not all days of the period are delivered; the figure is of those that are, is not compared "
    "with whole periods and gives no signal",
)
PROVISIONAL = (
    "sene rader fra kildene kan ennå endre tallet",
    "late rows of the sources may still change the figure",
)


SYNTHETIC = (
    "Syntetiske data: laget for å prøve systemet, sier ingenting om noen tjeneste. / "
    "Synthetic data: made to try the system, they say nothing about any service."
)


# Of sheets that explain: definitions, breaks and columns.
_EXPLAINING = {
    "version": "Versjon",
    "name_nb": "Navn",
    "name_en": "Navn (engelsk)",
    "definition_nb": "Definisjon",
    "definition_en": "Definisjon (engelsk)",
    "formula": "Formel (engelsk)",
    "numerator_nb": "Teller",
    "numerator": "Teller (engelsk)",
    "denominator_nb": "Nevner",
    "denominator": "Nevner (engelsk)",
    "exclusions_nb": "Utelatt",
    "exclusions": "Utelatt (engelsk)",
    "unit": "Måleenhet",
    "target_source": "Kilde for målet",
    "valid_from": "Gjelder fra",
    "in_force_from": "Offisiell fra",
    "in_force_before": "Offisiell før",
    "owner": "Eier",
    "coverage_lowest": "Laveste dekning",
    "coverage_median": "Median dekning",
    "kind": "Bruddtype",
    "text_nb": "Forklaring",
    "text_en": "Forklaring (engelsk)",
    "name": "Kolonne",
    "heading_nb": "Overskrift",
    "nb": "Betydning",
    "en": "Betydning (engelsk)",
}


def heading(column: str) -> str:
    """The heading of a column for people: bokmål, then the name that code uses."""
    known = COLUMNS.get(column) or PART_COLUMNS.get(column)
    return f"{known.nb} / {column}" if known else column


def explaining_heading(column: str) -> str:
    """The same for the sheets that explain the rows."""
    nb = _EXPLAINING.get(column)
    return f"{nb} / {column}" if nb else heading(column)
