"""What the pages show, as `reporting.query` gives it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from statistics import quantiles
from typing import Any, Literal

import polars as pl

from reporting.dimensions import Dimensions, QueryError, dimensions
from reporting.periods import LONGER, RUNNING, months_after
from reporting.query import KpiQuery, query
from reporting.reader import Release, once
from reporting.web.words import PARTS

# Grains that have pages of their own.
GRAINS = LONGER
PAGED = f"period_grain in ({', '.join(repr(grain) for grain in GRAINS)})"
# Months from one period to the next.
_STEPS = {"quarter": 3, "tertial": 4, "year": 12}
SERIES = 24
SPARK = 13
FEWEST_OF_DECILES = 10
# The services whose figures the first page looks through.
FURTHEST_LEVELS = ("health_trust", "central", "base")
Row = Mapping[str, Any]
# What neighbouring pages differ in.
Along = Literal["unit_id", "period_start"]


@dataclass(frozen=True)
class When:
    """A period of one grain."""

    grain: str
    start: date


@dataclass(frozen=True)
class Place:
    """A unit of one level."""

    level: str
    unit_id: str
    name: str


@dataclass(frozen=True)
class Figure:
    """One figure of a unit in a period, with what stands beside it."""

    row: Row
    definition: Row
    before: tuple[float | None, ...]

    @property
    def last_year(self) -> Row | None:
        """The same figure a year earlier, by the same definition; None where there is no row."""
        row = self.row
        if row["last_year_status"] is None:
            return None
        then = {name: row[f"last_year_{name}"] for name in ("value", "status")}
        return {"measure_unit": row["measure_unit"], **then}

    @property
    def surprise(self) -> float:
        """How far from similar units, in widths of what is ordinary there; 0 where not judged."""
        row = self.row
        if row["value"] is None or row["verdict"] not in ("better", "worse", "higher", "lower"):
            return 0.0
        center, upper, lower = row["funnel_center"], row["funnel_upper_95"], row["funnel_lower_95"]
        if row["comparator"] != "funnel" or center is None:
            center, upper, lower = row["peer_median"], row["peer_q3"], row["peer_q1"]
        if center is None or upper is None or lower is None or upper <= lower:
            return 1.0
        return float(abs(row["value"] - center) / (upper - lower) * 2)

    @property
    def needs_a_look(self) -> bool:
        """Worse than similar units, or a concern over time."""
        row = self.row
        return bool(row["verdict"] == "worse" or row["signal_direction"] == "concern")


def periods(
    release: Release, level: str = "national", kpi: tuple[str, str] | None = None
) -> list[When]:
    """The periods the level has that can be chosen, or one KPI and segment of it; latest first.

    Of the periods that run up to each month those up to the last one: so that the choice, and the
    pages in a folder, do not become three times as many.
    """
    return _periods(release).get((level, kpi), [])


@once
def _periods(release: Release) -> Mapping[tuple[str, tuple[str, str] | None], list[When]]:
    """What can be chosen, per level, and per level with KPI and segment."""
    rows = release.rows(
        "select distinct level, kpi_id, segment, period_grain, period_start from kpi_values"
        f" where {PAGED} and geography_version <> 'event'"
    )
    found: dict[tuple[str, tuple[str, str] | None], set[When]] = {}
    for row in rows:
        for kpi in (None, (row["kpi_id"], row["segment"])):
            when = When(row["period_grain"], row["period_start"])
            found.setdefault((row["level"], kpi), set()).add(when)
    return {key: in_order(periods) for key, periods in found.items()}


def in_order(found: Iterable[When]) -> list[When]:
    """The periods that can be chosen: by length, the latest of each first."""
    return sorted(
        latest_running(found), key=lambda when: (GRAINS.index(when.grain), -when.start.toordinal())
    )


def latest_running(found: Iterable[When]) -> list[When]:
    """The periods without those running ones that are not up to the last month."""
    every = list(found)
    last = {
        grain: max((when.start for when in every if when.grain == grain), default=None)
        for grain in RUNNING
    }
    return [when for when in every if last.get(when.grain, when.start) == when.start]


@once
def latest_whole(release: Release) -> When:
    """The latest month whose national figures are not of a part of it; else the latest."""
    partial = "is_partial" if release.has("kpi_values", "is_partial") else "false"
    rows = release.rows(
        f"select period_start, avg(case when {partial} then 1 else 0 end) as partial"
        " from kpi_values where level = 'national' and period_grain = 'month' and status = 'ok'"
        " group by period_start order by period_start desc"
    )
    for row in rows:
        if row["partial"] < 0.5:
            return When("month", row["period_start"])
    found = [When("month", row["period_start"]) for row in rows] or periods(release)
    if not found:
        raise QueryError("Utgivelsen har ingen tall. / The release has no figures.")
    return found[0]


def views(release: Release, definition: Row) -> list[tuple[str, str, When]]:
    """Segment, level and latest period of the figures there are of a KPI, the country first."""
    rows = release.rows(
        "select segment, level, period_grain, max(period_start) as period_start from kpi_values"
        f" where kpi_id = ? and {PAGED} and geography_version <> 'event' group by all",
        [definition["kpi_id"]],
    )
    latest = {
        (row["segment"], row["level"]): When(row["period_grain"], row["period_start"])
        for row in sorted(rows, key=lambda row: -GRAINS.index(row["period_grain"]))
    }
    return [
        (segment, level, latest[segment, level])
        for segment in segments_of(definition)
        for level in levels_of(definition)
        if (segment, level) in latest
    ]


@once
def places(release: Release) -> dict[str, list[Place]]:
    """The units there are figures of, shown or hidden, per level, by name."""
    known = dimensions(release)
    rows = release.rows(
        "select distinct level, unit_id from kpi_values"
        " where unit_id <> 'UNKNOWN' and geography_version <> 'event'"
    )
    found: dict[str, list[Place]] = {}
    for row in rows:
        key = row["level"], row["unit_id"]
        place = Place(*key, known.units.get(key, row["unit_id"]))
        found.setdefault(row["level"], []).append(place)
    return {
        level: sorted(units, key=lambda unit: (unit.name, unit.unit_id))
        for level, units in found.items()
    }


def of_unit(release: Release, place: Place, when: When) -> list[Figure]:
    """Every figure of a unit in a period."""
    return _figures(release, (place.level, place.unit_id), when)


def unit_figures(
    release: Release, place: Place, when: When, *, is_all: bool = False
) -> dict[str, list[Figure]]:
    """The figures of a unit by part of the chain, those furthest from what is expected first.

    `is_all` reads those of all units of the level at once, for whoever makes all their pages.
    """
    unit = place.level, place.unit_id
    return _by_part(dimensions(release), _figures(release, unit, when, is_all=is_all))


def _figures(
    release: Release, unit: tuple[str, str], when: When, *, is_all: bool = False
) -> list[Figure]:
    wanted = KpiQuery(
        levels=(unit[0],), units=(unit[1],), grain=when.grain, peers=True, trends=True,
        last_year=True, start_from=back(when, SPARK - 1), start_to=when.start,
    )  # fmt: skip
    known = dimensions(release)
    series: dict[tuple[str, str], list[Row]] = {}
    for row in rows_of(release, wanted, "unit_id" if is_all else None):
        series.setdefault((row["kpi_id"], row["segment"]), []).append(row)
    found = []
    for (kpi_id, segment), rows in series.items():
        now = rows[-1]
        definition = known.definition(kpi_id, now["kpi_version"])
        if now["period_start"] != when.start or segment not in segments_of(definition):
            continue
        found.append(Figure(now, definition, tuple(row["value"] for row in rows)))
    return found


def furthest(release: Release, when: When, most: int = 10) -> list[Figure]:
    """Figures of services that are worse than similar units', the furthest first; one per unit."""
    wanted = KpiQuery(
        levels=FURTHEST_LEVELS, grain=when.grain, peers=True, start_from=when.start,
        start_to=when.start,
    )  # fmt: skip
    known = dimensions(release)
    rows = query(release, wanted).filter(pl.col("verdict") == "worse")
    found = [
        Figure(row, known.definition(row["kpi_id"], row["kpi_version"]), (row["value"],))
        for row in rows.iter_rows(named=True)
    ]
    first: dict[tuple[str, str], Figure] = {}
    for figure in sorted(found, key=lambda figure: -figure.surprise):
        first.setdefault((figure.row["level"], figure.row["unit_id"]), figure)
    return list(first.values())[:most]


# A page is asked for in one language and then in the other.
@functools.lru_cache(maxsize=8)
def rows_of(release: Release, wanted: KpiQuery, along: Along | None = None) -> Sequence[Row]:
    """The rows of a query of one unit or one period.

    `along` says what its neighbours differ in, when all of them are to be made: the query is then
    answered for all units, or for all periods, and kept for these.
    """
    if along is None:
        return list(query(release, wanted).iter_rows(named=True))
    one = wanted.units[0] if along == "unit_id" else wanted.start_to
    frame = _parts(release, replace(wanted, **_ALL[along]), along).get(one)
    return [] if frame is None else list(frame.iter_rows(named=True))


_ALL: Mapping[Along, Mapping[str, Any]] = {
    "unit_id": {"units": ()},
    "period_start": {"start_from": None, "start_to": None},
}


# A page of a KPI reads its level and the country.
@functools.lru_cache(maxsize=4)
def _parts(release: Release, wanted: KpiQuery, along: Along) -> Mapping[object, pl.DataFrame]:
    parts = query(release, wanted).partition_by(along, as_dict=True, maintain_order=True)
    return {one: frame for (one,), frame in parts.items()}


def _by_part(known: Dimensions, figures: Iterable[Figure]) -> dict[str, list[Figure]]:
    found: dict[str, list[Figure]] = {}
    for figure in figures:
        found.setdefault(part_of(figure.definition), []).append(figure)
    order = [part for part, _, _ in PARTS]
    return {
        part: sorted(found[part], key=_order_in_part) for part in order if part in found
    }  # fmt: skip


def _order_in_part(figure: Figure) -> tuple[Any, ...]:
    row = figure.row
    return (
        not figure.needs_a_look,
        -figure.surprise,
        int(figure.definition["number"]),
        row["segment"],
    )


def part_of(definition: Row) -> str:
    """The link of the chain a KPI tells about; versions of a relation are of the same link."""
    relation = str(definition["relation"]).split("_v")[0]
    return next((part for part, _, relations in PARTS if relation in relations), "quality")


def kpi_query(kpi_id: str, segment: str, level: str, when: When) -> KpiQuery:
    """One KPI for all units of a level."""
    return KpiQuery(
        kpis=(kpi_id,), levels=(level,), segments=(segment,), grain=when.grain, peers=True,
        trends=True, start_from=when.start, start_to=when.start,
    )  # fmt: skip


def kpi_figures(release: Release, wanted: KpiQuery, *, is_all: bool = False) -> list[Row]:
    """The figures of `kpi_query`, by name of the unit; what could not be placed last.

    `is_all` reads all periods at once, for whoever makes all pages.
    """
    # A KPI without a source has one row that is of no unit.
    found = rows_of(release, wanted, "period_start" if is_all else None)
    rows = [row for row in found if row["unit_id"] is not None]
    return sorted(rows, key=lambda row: (row["unit_id"] == "UNKNOWN", row["unit_name"]))


def national_figure(
    release: Release, kpi_id: str, segment: str, when: When, *, is_all: bool = False
) -> Row | None:
    """The country's figure of a KPI; `is_all` as above."""
    wanted = kpi_query(kpi_id, segment, "national", when)
    rows = kpi_figures(release, wanted, is_all=is_all)
    return rows[0] if rows else None


Spread = tuple[date, int, Sequence[float] | None]


def deciles(
    release: Release, kpi_id: str, segment: str, level: str, last: When
) -> Sequence[Spread]:
    """Per period up to the last its units with a value, and the deciles of their values.

    No deciles where fewer than ten units can be shown: they would be single units.
    """
    first = back(last, SERIES - 1)
    every = _spread(release, kpi_id, segment, level, last.grain)
    return [one for one in every if first <= one[0] <= last.start]


# The pages of a KPI differ in the last period.
@functools.lru_cache(maxsize=64)
def _spread(
    release: Release, kpi_id: str, segment: str, level: str, grain: str
) -> Sequence[Spread]:
    wanted = KpiQuery(kpis=(kpi_id,), levels=(level,), segments=(segment,), grain=grain)
    shown = query(release, wanted).filter(
        pl.col("value").is_not_null(), pl.col("unit_id") != "UNKNOWN"
    )
    found = []
    for (start,), rows in shown.sort("period_start").group_by("period_start", maintain_order=True):
        values = rows["value"].sort().to_list()
        few = len(values) < FEWEST_OF_DECILES
        spread = None if few else quantiles(values, n=10, method="inclusive")
        found.append((start, len(values), spread))
    return found


def series_query(kpi_id: str, segment: str, place: Place, last: When) -> KpiQuery:
    """The latest periods of one KPI of a unit."""
    return KpiQuery(
        kpis=(kpi_id,), levels=(place.level,), units=(place.unit_id,), segments=(segment,),
        grain=last.grain, trends=True, peers=True, start_from=back(last, SERIES - 1),
        start_to=last.start,
    )  # fmt: skip


def back(when: When, steps: int) -> date:
    """The first date of the period so many periods earlier."""
    return months_after(when.start, -steps * _STEPS.get(when.grain, 1))


# The picture of the chain: what the country is told by, link by link.
KEY_FIGURES: tuple[tuple[str, Sequence[tuple[str, str]]], ...] = (
    ("call", (("calls_offered", "113"), ("c113_within_10s", "113"))),
    ("call", (("calls_offered", "116117"), ("c116117_within_2min", "116117"))),
    ("video", (("video_per_100_calls", "all"), ("video_connect_rate", "all"))),
    ("alarm", (("resp_median", "all"), ("resp_p90", "all"))),
    ("air", (("lat_requests", "HELI"), ("lat_declined_weather", "HELI"))),
)


def key_figures(release: Release, when: When) -> list[tuple[str, list[Figure]]]:
    """The links of the chain with the country's key figures."""
    known = {
        (figure.row["kpi_id"], figure.row["segment"]): figure
        for figure in _figures(release, ("national", nation(release)), when)
    }
    found = []
    for part, keys in KEY_FIGURES:
        figures = [known[key] for key in keys if key in known]
        if figures:
            found.append((part, figures))
    return found


def nation(release: Release) -> str:
    """The id of the country."""
    known = dimensions(release)
    return next(unit for level, unit in known.units if level == "national")


@once
def finest(release: Release) -> Mapping[tuple[str, str, str], str]:
    """Per KPI, segment and level the grain its series are drawn in: months where there are any."""
    rows = release.rows(
        "select kpi_id, segment, level, list(distinct period_grain) as grains from kpi_values"
        f" where {PAGED} group by all"
    )
    return {
        (row["kpi_id"], row["segment"], row["level"]): min(row["grains"], key=GRAINS.index)
        for row in rows
    }


def place_of(release: Release, level: str, unit_id: str) -> Place | None:
    """The unit, where the release has it."""
    name = dimensions(release).units.get((level, unit_id))
    return None if name is None else Place(level, unit_id, name)


def segments_of(definition: Row) -> list[str]:
    """The parts of a KPI that are never added together."""
    return str(definition["segments"]).split("|")


def levels_of(definition: Row) -> list[str]:
    """The levels a KPI is told for."""
    return str(definition["levels"]).split("|")
