"""KPI values of a release, filtered."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from reporting.periods import GRAINS
from reporting.reader import Release

if TYPE_CHECKING:
    import polars as pl

LEVELS = (
    "national",
    "region",
    "health_trust",
    "county",
    "municipality",
    "central",
    "base",
    "source_system",
)


class QueryError(ValueError):
    """The release does not know a name in the query."""


@dataclass(frozen=True)
class KpiQuery:
    """What to select. An empty filter selects everything; dates are first dates of periods."""

    kpis: Sequence[str] = ()
    levels: Sequence[str] = ()
    units: Sequence[str] = ()
    segments: Sequence[str] = ()
    grain: str | None = None
    start_from: date | None = None
    start_to: date | None = None
    with_no_data: bool = True


_COLUMNS = """
    v.kpi_id, r.kpi_name, v.kpi_version, v.segment, v.period_grain, v.period_start, v.level,
    v.unit_id, coalesce(u.unit_name, v.unit_id) as unit_name, v.geography_version, v.numerator,
    v.denominator, v.n, v.value, r.measure_unit, v.lower, v.upper, v.coverage, v.status
"""

# One row per KPI: its newest version.
_REGISTRY = """
    select kpi_id, name_nb as kpi_name, unit as measure_unit, cast(number as integer) as kpi_number
    from kpi_registry
    qualify row_number() over (partition by kpi_id order by cast(version as integer) desc) = 1
"""


def query(release: Release, wanted: KpiQuery) -> pl.DataFrame:
    """The selected values, with names of KPIs and units and the release id on every row."""
    import polars as pl

    _check_names(release, wanted)
    conditions = ["true"]
    parameters: list[Any] = []
    for column, values in (
        ("v.kpi_id", wanted.kpis),
        ("v.level", wanted.levels),
        ("v.unit_id", wanted.units),
        ("v.segment", wanted.segments),
    ):
        if values:
            conditions.append(f"list_contains(?::varchar[], {column})")
            parameters.append(list(values))
    for condition, value in (
        ("v.period_grain = ?", wanted.grain),
        ("v.period_start >= ?", wanted.start_from),
        ("v.period_start <= ?", wanted.start_to),
    ):
        if value is not None:
            conditions.append(condition)
            parameters.append(value)
    if not wanted.with_no_data:
        conditions.append("v.status <> 'no_data'")
    frame = release.sql(
        f"""
        select {_COLUMNS}
        from kpi_values as v
        left join ({_REGISTRY}) as r on v.kpi_id = r.kpi_id
        left join (select level, unit_id, any_value(unit_name) as unit_name from units group by all)
            as u on v.level = u.level and v.unit_id = u.unit_id
        where {" and ".join(conditions)}
        order by v.kpi_id, v.segment, v.period_grain, v.period_start, v.level, v.unit_id
        """,
        parameters,
    )
    return frame.with_columns(pl.lit(release.release_id).alias("release_id"))


def list_kpis(release: Release) -> pl.DataFrame:
    """One row per KPI: id, name, unit of measure, levels with values."""
    return release.sql(
        f"""
        select r.kpi_id, r.kpi_name, r.measure_unit, v.levels, v.segments
        from ({_REGISTRY}) as r
        left join (
            select kpi_id, string_agg(distinct level, ', ' order by level) as levels,
                string_agg(distinct segment, ', ' order by segment) as segments
            from kpi_values group by kpi_id
        ) as v on r.kpi_id = v.kpi_id
        order by r.kpi_number, r.kpi_id
        """
    )


def show_kpi(release: Release, kpi_id: str) -> dict[str, Any]:
    """Everything the registry says about one KPI."""
    _check_names(release, KpiQuery(kpis=[kpi_id]))
    rows = release.sql(
        "select * from kpi_registry where kpi_id = ? order by cast(version as integer)", [kpi_id]
    ).to_dicts()
    return rows[-1]


def latest_period(release: Release, kpi_id: str, grain: str) -> date | None:
    """The first date of the last period in which the KPI has a value."""
    rows = release.sql(
        "select max(period_start) as last from kpi_values"
        " where kpi_id = ? and period_grain = ? and status <> 'no_data'",
        [kpi_id, grain],
    )
    found = rows["last"][0]
    return found if isinstance(found, date) else None


def _check_names(release: Release, wanted: KpiQuery) -> None:
    known = {
        "KPI": (
            wanted.kpis,
            release.sql("select distinct kpi_id from kpi_registry")["kpi_id"].to_list(),
        ),
        "level": (wanted.levels, list(LEVELS)),
        "grain": ([wanted.grain] if wanted.grain else [], list(GRAINS)),
    }
    if wanted.units:
        units = release.sql("select distinct unit_id from units")["unit_id"].to_list()
        known["unit"] = (wanted.units, units)
    if wanted.segments:
        segments = release.sql("select distinct segment from kpi_values")["segment"].to_list()
        known["segment"] = (wanted.segments, segments)
    for what, (names, valid) in known.items():
        for name in names:
            if name not in valid:
                near = difflib.get_close_matches(name, valid, n=5, cutoff=0.5)
                hint = ", ".join(near or sorted(valid)[:12])
                raise QueryError(f"Ukjent {what} / unknown {what}: {name!r}. {hint}")
