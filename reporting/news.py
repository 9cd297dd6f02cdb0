"""What is new in a release: whose latest three periods differ from those before beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reporting.dimensions import LEVELS, Dimensions, QueryError, check_segments, dimensions
from reporting.reader import Release

if TYPE_CHECKING:
    import polars as pl

GRAINS = ("month", "week")
CHANGES = ("worse", "better", "higher", "lower")

# The version in force in the latest period, as the other figures have it.
_SQL = """
with in_force as (
    select n.*,
        row_number() over (
            partition by n.kpi_id, n.segment, n.level, n.unit_id order by n.kpi_version desc
        ) as place
    from kpi_news as n
    inner join kpi_registry as k
        on k.kpi_id = n.kpi_id and k.version = n.kpi_version
        and coalesce(try_cast(k.valid_from as date), date '0001-01-01') <= n.period_start
    where n.period_grain = ?
)
select
    n.kpi_id, k.name_nb as kpi_name, k.name_en as kpi_name_en, n.segment, n.level, n.unit_id,
    coalesce(u.unit_name, n.unit_id) as unit_name, n.period_grain, n.period_start, n.change,
    n.recent_value, n.expected_value, k.unit as measure_unit, n.p_value, n.q_value, t.signal,
    n.news_nb, n.news_en
from in_force as n
inner join kpi_registry as k on k.kpi_id = n.kpi_id and k.version = n.kpi_version
left join units as u on u.level = n.level and u.unit_id = n.unit_id
left join kpi_trends as t
    on t.kpi_id = n.kpi_id and t.kpi_version = n.kpi_version and t.segment = n.segment
    and t.period_grain = n.period_grain and t.period_start = n.period_start
    and t.level = n.level and t.unit_id = n.unit_id
where n.place = 1 and n.is_news
order by n.q_value, n.p_value, n.kpi_id, n.segment, n.level, n.unit_id
"""


def news(
    release: Release,
    *,
    grain: str = "month",
    kpis: Sequence[str] = (),
    levels: Sequence[str] = (),
    units: Sequence[str] = (),
    segments: Sequence[str] = (),
    changes: Sequence[str] = (),
) -> pl.DataFrame:
    """The news of a release, the surest first; filters that are empty let everything through."""
    import polars as pl

    known = dimensions(release)
    known.check_kpis(kpis)
    Dimensions.check("level", levels, LEVELS)
    Dimensions.check("grain", [grain], GRAINS)
    Dimensions.check("change", changes, CHANGES)
    check_segments(release, segments)
    if not release.has("kpi_news"):
        raise QueryError("Utgivelsen har ingen nyheter. / The release has no news.")
    frame = release.sql(_SQL, [grain])
    for column, wanted in (
        ("kpi_id", kpis),
        ("level", levels),
        ("unit_id", known.unit_ids(units, levels) if units else ()),
        ("segment", segments),
        ("change", changes),
    ):
        if wanted:
            frame = frame.filter(pl.col(column).is_in(list(wanted)))
    return frame.with_columns(pl.lit(release.release_id).alias("release_id"))
