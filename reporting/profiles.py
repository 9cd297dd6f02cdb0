"""Calls by hour of the week, and answer and response times by class, of a release.

Both are pooled over the weeks of a quarter, a tertial, a year or the last twelve months.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from reporting.dimensions import LEVELS, Dimensions, QueryError, check_segments, dimensions
from reporting.periods import PeriodError, label, last_date, parse_period
from reporting.reader import Release

if TYPE_CHECKING:
    import polars as pl

HOURS, CLASSES = "hour_profiles", "time_classes"
MEASURES = ("answer_time", "response_time")
# The longest first: of these the fewest numbers are small.
GRAINS = ("rolling12", "year", "tertial", "quarter")
WEEKDAYS = (
    ("mandag", "Monday"),
    ("tirsdag", "Tuesday"),
    ("onsdag", "Wednesday"),
    ("torsdag", "Thursday"),
    ("fredag", "Friday"),
    ("lørdag", "Saturday"),
    ("søndag", "Sunday"),
)
NO_ROWS = (
    "Ingen rader: enheten har ingen anrop eller hendelser, eller ingen periode er over (et "
    "kvartal er det korteste). / No rows: the unit has no calls or incidents, or no period is "
    "over (a quarter is the shortest)."
)
_UNIT = ("segment", "period_grain", "period_start", "level", "unit_id")


def profile(
    release: Release,
    *,
    units: Sequence[str] = (),
    levels: Sequence[str] = (),
    segments: Sequence[str] = (),
    period: str | None = None,
) -> pl.DataFrame:
    """The hours of the week, Monday first, of every service, unit and period that is asked for.

    Without a period the longest one that ended last: twelve months, else a year.
    """
    return _read(release, HOURS, ("weekday", "hour"), units, levels, segments, period)


def distribution(
    release: Release,
    *,
    measures: Sequence[str] = (),
    units: Sequence[str] = (),
    levels: Sequence[str] = (),
    segments: Sequence[str] = (),
    period: str | None = None,
) -> pl.DataFrame:
    """The classes of times, the shortest first; `over_s` and `to_s` are their limits in seconds."""
    import polars as pl

    Dimensions.check("measure", measures, MEASURES)
    frame = _read(release, CLASSES, ("class_no",), units, levels, segments, period, "measure")
    return frame.filter(pl.col("measure").is_in(list(measures))) if measures else frame


def periods(release: Release, table: str = HOURS) -> list[tuple[str, date]]:
    """Grain and start of the periods that a table has, the last first, of these the longest."""
    if not release.has(table):
        return []
    found = release.rows(f"select distinct period_grain, period_start from {table}")
    return sorted(
        ((row["period_grain"], row["period_start"]) for row in found),
        key=lambda at: (-last_date(*at).toordinal(), GRAINS.index(at[0])),
    )


def busiest(hours: pl.DataFrame) -> dict[str, object] | None:
    """The hour of the week with most calls per hour, of one service, unit and period.

    None where no hour is shown. Hidden hours have few calls, or protect one that has.
    """
    shown = hours.drop_nulls("calls_per_hour").sort(
        "calls_per_hour", "weekday", "hour", descending=[True, False, False]
    )
    return None if shown.is_empty() else shown.row(0, named=True)


def _read(
    release: Release,
    table: str,
    order: Sequence[str],
    units: Sequence[str],
    levels: Sequence[str],
    segments: Sequence[str],
    period: str | None,
    *before: str,
) -> pl.DataFrame:
    import polars as pl

    known = dimensions(release)
    Dimensions.check("level", levels, LEVELS)
    check_segments(release, segments)
    if not release.has(table):
        raise QueryError(f"Utgivelsen har ingen / the release has no {table}.")
    there = periods(release, table)
    # Where none is over yet, a period that gives no rows.
    latest = there[0] if there else (GRAINS[0], date.max.replace(day=1))
    grain, start = latest if period is None else parse_period(period)
    if period is not None and (grain, start) not in there:
        known_as = ", ".join(label(*at) for at in there)
        raise PeriodError(
            f"{period}: utgivelsen har / the release has {known_as}" if there else NO_ROWS
        )
    conditions = ["t.period_grain = ?", "t.period_start = ?"]
    parameters: list[object] = [grain, start]
    for column, names in (
        ("level", levels),
        ("unit_id", known.unit_ids(units, levels) if units else ()),
        ("segment", segments),
    ):
        if names:
            conditions.append(f"list_contains(?::varchar[], t.{column})")
            parameters.append(list(names))
    keys = (*before, *_UNIT, *order)
    frame = release.sql(
        f"select t.*, coalesce(u.unit_name, t.unit_id) as unit_name from {table} as t"
        " left join units as u on u.level = t.level and u.unit_id = t.unit_id"
        f" where {' and '.join(conditions)} order by {', '.join(f't.{name}' for name in keys)}",
        parameters,
    )
    if "is_small" not in frame.columns:
        frame = frame.with_columns(pl.lit(False).alias("is_small"))
    named = [name for name in frame.columns if name not in ("unit_name", "is_small")]
    named.insert(named.index("unit_id") + 1, "unit_name")
    return frame.select(*named, "is_small", pl.lit(release.release_id).alias("release_id"))
