"""The page of a comparison that somebody puts together: of units, KPIs and periods."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reporting.dimensions import dimensions
from reporting.periods import PeriodError, label, last_date, parse_span
from reporting.query import KpiQuery, QueryError, query
from reporting.reader import Release
from reporting.web import figures
from reporting.web.figures import GRAINS, SERIES, Place, Row, When

MOST_UNITS, MOST_KPIS, MOST_PERIODS = 6, 6, 24
Choices = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Asked:
    """What to compare: units of one level, KPIs, and the periods from the first to the last."""

    level: str
    units: Sequence[Place]
    kpis: Sequence[str]
    first: When
    last: When


@dataclass(frozen=True)
class Line:
    """One KPI in one period: the figures by unit, and the country's."""

    definition: Row
    segment: str
    when: When
    figures: Mapping[str, Row]
    country: float | None


@dataclass(frozen=True)
class Panels:
    """One KPI over time: the series of each unit that has the KPI, the earliest period first."""

    definition: Row
    segment: str
    series: Mapping[str, Sequence[Row]]


def asked(release: Release, choices: Choices) -> Asked:
    """The comparison that an address asks for.

    Raises:
        QueryError: something in it is not there, or it is too much; the message says what there is.
    """
    here = figures.places(release)
    units = _several(choices, "units", MOST_UNITS)
    level = next(iter(choices.get("level", ())), None) or _level_of(here, units)
    if level not in here:
        raise QueryError(f"level {level}: {', '.join(here)}")
    known = {place.unit_id: place for place in here[level]}
    for unit_id in units:
        if unit_id not in known:
            near = dimensions(release).units_with(unit_id.replace("_", " "), [level])
            raise QueryError(f"{level} {unit_id}: {', '.join((near or list(known))[:20])}")
    there = kpis_of(release, level)
    kpis = _several(choices, "kpis", MOST_KPIS)
    for kpi_id in kpis:
        if kpi_id not in there:
            raise QueryError(f"{level} {kpi_id}: {', '.join(there)}")
    first, last = _periods(release, choices)
    return Asked(level, [known[unit_id] for unit_id in units], kpis, first, last)


def kpis_of(release: Release, level: str) -> dict[str, Row]:
    """The newest definitions of the KPIs that there are figures of at a level, by number."""
    rows = release.rows(
        f"select distinct kpi_id from kpi_values where level = ? and {figures.PAGED}"
        " and geography_version <> 'event'",
        [level],
    )
    there = {row["kpi_id"] for row in rows}
    newest = [
        versions[-1]
        for kpi_id, versions in dimensions(release).kpis.items()
        if kpi_id in there and level in figures.levels_of(versions[-1])
    ]
    return {row["kpi_id"]: row for row in sorted(newest, key=lambda row: int(row["number"]))}


def wanted(choice: Asked) -> KpiQuery:
    """Every figure of the table."""
    return KpiQuery(
        kpis=tuple(choice.kpis), levels=(choice.level,),
        units=tuple(place.unit_id for place in choice.units), grain=choice.last.grain,
        start_from=choice.first.start, start_to=choice.last.start, peers=True, trends=True,
    )  # fmt: skip


def lines(release: Release, choice: Asked) -> list[Line]:
    """The rows of the table: by KPI in the order of the choice, the latest period first."""
    found: dict[tuple[str, str, When], dict[str, Row]] = {}
    for row in _rows(release, choice, wanted(choice)):
        key = row["kpi_id"], row["segment"], When(row["period_grain"], row["period_start"])
        found.setdefault(key, {})[row["unit_id"]] = row
    known = dimensions(release)
    made = []
    for (kpi_id, segment, when), there in found.items():
        some = next(iter(there.values()))
        country = next(
            (row["national_value"] for row in there.values() if row["national_value"] is not None),
            None,
        )
        definition = known.definition(kpi_id, some["kpi_version"])
        made.append(Line(definition, segment, when, there, country))
    return sorted(
        made,
        key=lambda line: (
            choice.kpis.index(line.definition["kpi_id"]), line.segment, -line.when.start.toordinal()
        ),
    )  # fmt: skip


def panels(release: Release, choice: Asked) -> list[Panels]:
    """The series of the chosen KPIs up to the last period, for small charts beside each other."""
    back = figures.back(choice.last, SERIES - 1)
    longer = replace(wanted(choice), start_from=min(back, choice.first.start))
    found: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in _rows(release, choice, longer):
        series = found.setdefault((row["kpi_id"], row["segment"]), {})
        series.setdefault(row["unit_id"], []).append(row)
    known = dimensions(release)
    made = [
        Panels(known.definition(kpi_id), segment, series)
        for (kpi_id, segment), series in found.items()
    ]
    return sorted(made, key=lambda one: (choice.kpis.index(one.definition["kpi_id"]), one.segment))


def similar(release: Release, place: Place, when: When, kpi_id: str, most: int = 3) -> list[str]:
    """The unit and those most like it: of the same groups of similar units, then as many cases."""
    shared: dict[str, int] = {}
    if release.has("peer_groups"):
        rows = release.rows(
            "select o.unit_id, count(*) as shared from peer_groups as p"
            " inner join peer_groups as o on o.level = p.level and o.scheme = p.scheme"
            " and o.group_id = p.group_id and o.valid_from <= $day and o.valid_to > $day"
            " where p.level = $level and p.unit_id = $unit"
            " and p.valid_from <= $day and p.valid_to > $day group by all",
            {"level": place.level, "unit": place.unit_id, "day": when.start},
        )
        shared = {row["unit_id"]: row["shared"] for row in rows}
    of_all = KpiQuery(
        kpis=(kpi_id,), levels=(place.level,), grain=when.grain, start_from=when.start,
        start_to=when.start,
    )  # fmt: skip
    cases: dict[str, int] = {}
    for row in query(release, of_all).iter_rows(named=True):
        cases[row["unit_id"]] = max(cases.get(row["unit_id"], 0), row["n"] or 0)

    def unlike(unit_id: str) -> tuple[int, float]:
        here, there = cases.get(place.unit_id, 0), cases.get(unit_id, 0)
        return -shared.get(unit_id, 0), abs(math.log1p(here) - math.log1p(there))

    others = [unit.unit_id for unit in figures.places(release).get(place.level, ())]
    near = sorted((unit for unit in others if unit != place.unit_id), key=unlike)
    return [place.unit_id, *near[:most]]


def _rows(release: Release, choice: Asked, asked_for: KpiQuery) -> list[Row]:
    if not choice.units or not choice.kpis:
        return []
    known = dimensions(release)
    return [
        row
        for row in query(release, asked_for).iter_rows(named=True)
        if row["segment"] in figures.segments_of(known.definition(row["kpi_id"]))
    ]


def _several(choices: Choices, name: str, most: int) -> list[str]:
    """The choices of a name, repeated or with commas between them, each once."""
    given = [part.strip() for text in choices.get(name, ()) for part in text.split(",")]
    found = list(dict.fromkeys(part for part in given if part))
    if len(found) > most:
        raise QueryError(f"{name}: {len(found)} > {most}")
    return found


def _level_of(here: Mapping[str, Sequence[Place]], units: Sequence[str]) -> str:
    """The level that has all the units; that of the centrals where none is named."""
    levels = [
        level
        for level, places in here.items()
        if units and set(units) <= {place.unit_id for place in places}
    ]
    if len(levels) > 1:
        raise QueryError(f"level: {', '.join(levels)}")
    return levels[0] if levels else "central"


def _periods(release: Release, choices: Choices) -> tuple[When, When]:
    given = {name: values[-1] for name, values in choices.items()}
    start, end = given.get("start"), given.get("end")
    text = given.get("period") or (f"{start or end}..{end or start}" if start or end else None)
    if text is None:
        when = figures.latest_whole(release)
        return when, when
    try:
        span = parse_span(text)
    except PeriodError as error:
        raise QueryError(str(error)) from error
    if span.grain not in GRAINS or span.start_from is None or span.start_to is None:
        raise QueryError(f"{text}: {', '.join(GRAINS)}")
    first = When(span.grain, span.start_from)
    starts = [first.start]
    while last_date(first.grain, starts[-1]) < span.start_to:
        starts.append(figures.back(When(first.grain, starts[-1]), -1))
        if len(starts) > MOST_PERIODS:
            raise QueryError(f"{text}: > {MOST_PERIODS} ({label(first.grain, starts[-2])})")
    return first, When(first.grain, starts[-1])
