"""What the pages show, as `reporting.query` gives it."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from statistics import quantiles
from typing import Any

import polars as pl

from reporting.dimensions import Dimensions, QueryError, dimensions
from reporting.periods import LONGER, RUNNING, months_after
from reporting.query import KpiQuery, query
from reporting.reader import Release
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
    rows = release.rows(
        f"select distinct period_grain, period_start from kpi_values where level = ? and {PAGED}"
        " and geography_version <> 'event'" + (" and kpi_id = ? and segment = ?" if kpi else ""),
        [level, *(kpi or ())],
    )
    return in_order(When(row["period_grain"], row["period_start"]) for row in rows)


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
    return {level: sorted(units, key=lambda unit: unit.name) for level, units in found.items()}


def of_unit(release: Release, place: Place, when: When) -> list[Figure]:
    """Every figure of a unit in a period."""
    return _figures(release, (place.level, place.unit_id), when)


def unit_figures(
    release: Release, place: Place, when: When, *, ahead: bool = False
) -> dict[str, list[Figure]]:
    """The figures of a unit by part of the chain, those furthest from what is expected first.

    `ahead` reads those of all units of the level at once, for whoever makes all their pages.
    """
    unit = place.level, place.unit_id
    return _by_part(dimensions(release), _figures(release, unit, when, ahead=ahead))


def _figures(
    release: Release, unit: tuple[str, str], when: When, *, ahead: bool = False
) -> list[Figure]:
    wanted = KpiQuery(
        levels=(unit[0],), grain=when.grain, peers=True, trends=True, last_year=True,
        start_from=back(when, SPARK - 1), start_to=when.start,
    )  # fmt: skip
    known = dimensions(release)
    series: dict[tuple[str, str], list[Row]] = {}
    for row in _rows_of(release, wanted, unit[1], ahead):
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


def _rows_of(release: Release, wanted: KpiQuery, unit_id: str, ahead: bool) -> Iterable[Row]:
    if not ahead:
        return query(release, replace(wanted, units=(unit_id,))).iter_rows(named=True)
    frame = _by_unit(release, wanted).get(unit_id)
    return () if frame is None else frame.iter_rows(named=True)


@functools.lru_cache(maxsize=4)
def _frame(release: Release, wanted: KpiQuery) -> pl.DataFrame:
    """A page is asked for in one language and then in the other."""
    return query(release, wanted)


@functools.lru_cache(maxsize=2)
def _by_unit(release: Release, wanted: KpiQuery) -> Mapping[str, pl.DataFrame]:
    parts = query(release, wanted).partition_by("unit_id", as_dict=True, maintain_order=True)
    return {str(unit_id): frame for (unit_id,), frame in parts.items()}


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


def kpi_figures(release: Release, wanted: KpiQuery) -> list[Row]:
    """The figures of `kpi_query`, by name of the unit; what could not be placed last."""
    # A KPI without a source has one row that is of no unit.
    rows = list(
        _frame(release, wanted).filter(pl.col("unit_id").is_not_null()).iter_rows(named=True)
    )
    return sorted(rows, key=lambda row: (row["unit_id"] == "UNKNOWN", row["unit_name"]))


def national_figure(release: Release, kpi_id: str, segment: str, when: When) -> Row | None:
    """The country's figure of a KPI."""
    rows = kpi_figures(release, kpi_query(kpi_id, segment, "national", when))
    return rows[0] if rows else None


@functools.lru_cache(maxsize=64)
def deciles(
    release: Release, kpi_id: str, segment: str, level: str, last: When
) -> Sequence[tuple[date, int, Sequence[float] | None]]:
    """Per period up to the last its units with a value, and the deciles of their values.

    No deciles where fewer than ten units can be shown: they would be single units.
    """
    wanted = replace(series_query(kpi_id, segment, level, last), peers=False, trends=False)
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


def series_query(kpi_id: str, segment: str, level: str, last: When) -> KpiQuery:
    """The latest periods of one KPI for all units of a level."""
    return KpiQuery(
        kpis=(kpi_id,), levels=(level,), segments=(segment,), grain=last.grain, trends=True,
        peers=True, start_from=back(last, SERIES - 1), start_to=last.start,
    )  # fmt: skip


def series(release: Release, wanted: KpiQuery, unit_id: str, *, ahead: bool = False) -> list[Row]:
    """The figures of `series_query` of one unit, the earliest first; `ahead` as above."""
    return list(_rows_of(release, wanted, unit_id, ahead))


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


_finest: weakref.WeakKeyDictionary[Release, dict[tuple[str, str, str], str]] = (
    weakref.WeakKeyDictionary()
)


def finest(release: Release) -> Mapping[tuple[str, str, str], str]:
    """Per KPI, segment and level the grain its series are drawn in: months where there are any."""
    found = _finest.get(release)
    if found is None:
        rows = release.rows(
            "select kpi_id, segment, level, list(distinct period_grain) as grains from kpi_values"
            f" where {PAGED} group by all"
        )
        found = _finest[release] = {
            (row["kpi_id"], row["segment"], row["level"]): min(row["grains"], key=GRAINS.index)
            for row in rows
        }
    return found


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
