"""KPI values of a release, filtered: the one way that every channel of ours takes to a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from reporting.columns import KEY, PEERS, SQL_TYPES, TRENDS
from reporting.dimensions import (
    LEVELS,
    NO_SOURCE,
    Dimensions,
    QueryError,
    check_grain,
    check_segments,
    dimensions,
)
from reporting.reader import Release

if TYPE_CHECKING:
    import polars as pl

__all__ = ["KpiQuery", "QueryError", "TooManyRowsError", "query", "show_kpi"]

EVENT_GEOGRAPHY = "event"
PARENT_LEVELS = ("region", "health_trust", "county")
_PARENT_IN_UNITS = {
    "region": "rhf_code",
    "health_trust": "health_trust_code",
    "county": "county_code",
}


class TooManyRowsError(QueryError):
    """The query gives more rows than its limit."""


@dataclass(frozen=True)
class KpiQuery:
    """What to select. An empty filter selects everything; dates are first dates of periods.

    `version` None is the version in force in each period. `by` names levels whose unit is added to
    each row. `limit` is the largest number of rows; `is_cut_allowed` gives the first of them
    instead of an error when there are more.
    """

    kpis: Sequence[str] = ()
    levels: Sequence[str] = ()
    units: Sequence[str] = ()
    segments: Sequence[str] = ()
    grain: str | None = None
    start_from: date | None = None
    start_to: date | None = None
    with_no_data: bool = True
    by: Sequence[str] = ()
    peers: bool = False
    trends: bool = False
    version: int | Literal["all"] | None = None
    geography: str | None = None
    limit: int | None = None
    is_cut_allowed: bool = False


def query(release: Release, wanted: KpiQuery) -> pl.DataFrame:
    """The selected values, with names, target, breaks and the release id on every row."""
    import polars as pl

    known = dimensions(release)
    wanted = _checked(release, known, wanted)
    conditions = list(_conditions(known, wanted))
    frame = release.sql(_statement(release, wanted, conditions))
    if wanted.limit is not None and frame.height > wanted.limit:
        if not wanted.is_cut_allowed:
            rows = count(release, wanted)
            raise TooManyRowsError(
                f"Spørringen gir {_spaced(rows)} rader, grensen er {_spaced(wanted.limit)}. "
                "Velg færre, eller sett limit høyere (None: ingen grense). / "
                f"The query gives {rows:,} rows, the limit is {wanted.limit:,}. "
                "Select less, or raise the limit (None: no limit)."
            )
        frame = frame.head(wanted.limit)
    frame = _with_missing_sources(frame, known, wanted)
    return frame.with_columns(pl.lit(release.release_id).alias("release_id"))


def count(release: Release, wanted: KpiQuery) -> int:
    """How many values the query selects, whatever its limit."""
    known = dimensions(release)
    where = " and ".join(_conditions(known, _checked(release, known, wanted)))
    (row,) = release.rows(f"select count(*) as n from kpi_values as v where {where}")
    return int(row["n"])


def show_kpi(release: Release, kpi_id: str, version: int | None = None) -> dict[str, Any]:
    """Everything the registry says about one KPI, in its newest version if not told which."""
    return dict(dimensions(release).definition(kpi_id, version))


def latest_period(release: Release, kpi_id: str, grain: str) -> date | None:
    """The first date of the last period in which the KPI has a value."""
    (row,) = release.rows(
        "select max(period_start) as last from kpi_values"
        " where kpi_id = ? and period_grain = ? and status <> 'no_data'",
        [kpi_id, grain],
    )
    found = row["last"]
    return found if isinstance(found, date) else None


def _checked(release: Release, known: Dimensions, wanted: KpiQuery) -> KpiQuery:
    """The query with names that exist, units as ids."""
    Dimensions.check("KPI", wanted.kpis, known.kpis)
    Dimensions.check("level", wanted.levels, LEVELS)
    Dimensions.check("level", wanted.by, PARENT_LEVELS)
    check_grain(wanted.grain)
    check_segments(release, wanted.segments)
    if isinstance(wanted.version, int):
        for kpi_id in wanted.kpis:
            known.definition(kpi_id, wanted.version)
    if wanted.units:
        wanted = replace(wanted, units=known.unit_ids(wanted.units, wanted.levels))
    return wanted


def _conditions(known: Dimensions, wanted: KpiQuery) -> Iterator[str]:
    yield "true"
    yield from _key_conditions(wanted, "v")
    if wanted.geography is None:
        yield f"v.geography_version <> {_text(EVENT_GEOGRAPHY)}"
    else:
        yield f"v.geography_version = {_text(wanted.geography)}"
    if not wanted.with_no_data:
        yield "v.status <> 'no_data'"
    yield from _version_conditions(known, wanted)


def _key_conditions(wanted: KpiQuery, alias: str) -> Iterator[str]:
    """The filters on columns that values, comparisons and trends share.

    Grain and KPI come first in the order of the rows, so that most of the table is skipped.
    """
    for column, values in (
        ("period_grain", [wanted.grain] if wanted.grain else []),
        ("kpi_id", wanted.kpis),
        ("level", wanted.levels),
        ("unit_id", wanted.units),
        ("segment", wanted.segments),
    ):
        if len(values) == 1:
            yield f"{alias}.{column} = {_text(values[0])}"
        elif values:
            yield f"{alias}.{column} in ({', '.join(_text(value) for value in values)})"
    if wanted.start_from is not None:
        yield f"{alias}.period_start >= {_date(wanted.start_from)}"
    if wanted.start_to is not None:
        yield f"{alias}.period_start <= {_date(wanted.start_to)}"


def _version_conditions(known: Dimensions, wanted: KpiQuery) -> Iterator[str]:
    if wanted.version == "all":
        return
    if wanted.version is not None:
        yield f"v.kpi_version = {wanted.version}"
        return
    for kpi_id in wanted.kpis or known.kpis:
        if len(known.kpis[kpi_id]) == 1:
            continue
        periods = []
        for version in known.in_force(kpi_id):
            parts = [f"v.kpi_version = {version.number}"]
            if version.first is not None:
                parts.append(f"v.period_start >= {_date(version.first)}")
            if version.before is not None:
                parts.append(f"v.period_start < {_date(version.before)}")
            periods.append(" and ".join(parts))
        yield f"(v.kpi_id <> {_text(kpi_id)} or " + " or ".join(f"({p})" for p in periods) + ")"


def _statement(release: Release, wanted: KpiQuery, conditions: Sequence[str]) -> str:
    """The limit is applied to the values as they lie, before names and order."""
    at_most = "" if wanted.limit is None else f"limit {wanted.limit + 1}"
    grade = "v.grade" if release.has("kpi_values", "grade") else "cast(null as varchar)"
    parents = "".join(
        f"{level}.unit_id as {level}_id, {level}.unit_name as {level}_name, " for level in wanted.by
    )
    columns = [
        *(f"c.{name}" for name in PEERS if wanted.peers),
        *(f"t.{name}" for name in TRENDS if wanted.trends),
    ]
    joins = [
        *(_parent(release, level) for level in wanted.by),
        _breaks(release, wanted),
        *([_extra(release, wanted, "kpi_comparisons", "c", PEERS)] if wanted.peers else []),
        *([_extra(release, wanted, "kpi_trends", "t", TRENDS)] if wanted.trends else []),
    ]
    return f"""
        with chosen as (
            select *, {_LAST_DATE} as period_last
            from kpi_values as v
            where {" and ".join(conditions)}
            {at_most}
        ),
        registry as (
            select kpi_id, cast(version as integer) as kpi_version, name_nb, name_en, unit,
                direction, try_cast(target as double) as target
            from kpi_registry
        ),
        names as (
            select level, unit_id, any_value(unit_name) as unit_name from units group by all
        )
        select v.kpi_id, r.name_nb as kpi_name, r.name_en as kpi_name_en, v.kpi_version, v.segment,
            v.period_grain, v.period_start, v.level, v.unit_id,
            coalesce(u.unit_name, v.unit_id) as unit_name, {parents}
            v.geography_version, v.numerator, v.denominator, v.n, v.value, r.unit as measure_unit,
            v.lower, v.upper, v.coverage, {grade} as grade, v.status,
            cast(null as varchar) as status_reason, r.direction, r.target,
            b.break_date, coalesce(b.break_date >= v.period_start, false) as is_break,
            b.break_kind, b.break_nb, b.break_en
            {"".join(f", {column}" for column in columns)}
        from chosen as v
        left join registry as r on r.kpi_id = v.kpi_id and r.kpi_version = v.kpi_version
        left join names as u on u.level = v.level and u.unit_id = v.unit_id
        {" ".join(joins)}
        order by v.kpi_id, v.segment, v.period_grain, v.period_start, v.level, v.unit_id,
            v.kpi_version, v.geography_version
    """


_LAST_DATE = """case period_grain
    when 'day' then period_start
    when 'week' then period_start + 6
    when 'month' then cast(period_start + interval 1 month as date) - 1
    when 'quarter' then cast(period_start + interval 3 month as date) - 1
    else cast(period_start + interval 1 year as date) - 1 end"""


def breaks_table(release: Release) -> str | None:
    """The table with one row per series and break; releases made before there was one have none."""
    for name in ("kpi_series_breaks", "kpi_breaks"):
        if release.has(name, "kpi_id", "segment", "level", "unit_id", "break_date", "kind"):
            return name
    return None


def _breaks(release: Release, wanted: KpiQuery) -> str:
    """The last break of each series up to the end of the period."""
    table = breaks_table(release)
    if table is None:
        nothing = "cast(null as date) as break_date, cast(null as varchar) as "
        return (
            f"left join (select {nothing}break_kind, cast(null as varchar) as break_nb,"
            " cast(null as varchar) as break_en where false) as b on false"
        )
    chosen = replace(wanted, grain=None, start_from=None, start_to=None)
    where = " and ".join(["true", *_key_conditions(chosen, "s")])
    key = ("kpi_id", "kpi_version", "segment", "level", "unit_id")
    return f"""
        left join (
            select {", ".join(key)}, break_date, break_kind, break_nb, break_en,
                lead(break_date) over (partition by {", ".join(key)} order by break_date) as next_on
            from (
                select {", ".join(f"s.{name}" for name in key)},
                    cast(s.break_date as date) as break_date,
                    string_agg(distinct s.kind, ', ' order by s.kind) as break_kind,
                    string_agg(distinct s.text_nb, '; ' order by s.text_nb) as break_nb,
                    string_agg(distinct s.text_en, '; ' order by s.text_en) as break_en
                from {table} as s
                where {where}
                group by all
            )
        ) as b on {" and ".join(f"b.{name} = v.{name}" for name in key)}
            and b.break_date <= v.period_last and (b.next_on is null or b.next_on > v.period_last)
    """


def _extra(
    release: Release, wanted: KpiQuery, table: str, alias: str, columns: Sequence[str]
) -> str:
    """A table with the key of the values, or its columns without values where it is lacking."""
    if not release.has(table):
        empty = ", ".join(
            f"cast(null as {SQL_TYPES.get(name, 'double')}) as {name}" for name in columns
        )
        return f"left join (select {empty} where false) as {alias} on false"
    present = ", ".join(
        f"x.{name}"
        if release.has(table, name)
        else f"cast(null as {SQL_TYPES.get(name, 'double')}) as {name}"
        for name in columns
    )
    where = " and ".join(["true", *_key_conditions(wanted, "x")])
    key = ", ".join(f"x.{name}" for name in KEY)
    on = " and ".join(f"{alias}.{name} = v.{name}" for name in KEY)
    if release.has(table, "geography_version"):
        on += f" and {alias}.geography_version = v.geography_version"
        key += ", x.geography_version"
    return f"left join (select {key}, {present} from {table} as x where {where}) as {alias} on {on}"


def _parent(release: Release, level: str) -> str:
    """The unit of a higher level that each unit belonged to when the period began."""
    if release.has("unit_hierarchy"):
        edges = """select level, unit_id, parent_level, parent_id,
            coalesce(try_cast(valid_from as date), date '0001-01-01') as valid_from,
            coalesce(try_cast(valid_to as date), date '9999-12-31') as valid_to
            from unit_hierarchy"""
        pairs = f"""
            with edges as ({edges})
            select level, unit_id, parent_id, valid_from, valid_to, 1 as step
            from edges where parent_level = '{level}'
            union all
            select a.level, a.unit_id, b.parent_id, greatest(a.valid_from, b.valid_from),
                least(a.valid_to, b.valid_to), 2
            from edges as a
            inner join edges as b on b.level = a.parent_level and b.unit_id = a.parent_id
            where b.parent_level = '{level}' and a.valid_from < b.valid_to
                and b.valid_from < a.valid_to
        """
    else:
        pairs = f"""
            select level, unit_id, {_PARENT_IN_UNITS[level]} as parent_id,
                date '0001-01-01' as valid_from, date '9999-12-31' as valid_to, 1 as step
            from units where {_PARENT_IN_UNITS[level]} is not null
        """
    return f"""
        left join (
            select p.level, p.unit_id as child_id, q.period_start, min_by(p.parent_id, p.step)
                as unit_id, any_value(n.unit_name) as unit_name
            from (select distinct level, unit_id, period_start from chosen) as q
            inner join ({pairs}) as p on p.level = q.level and p.unit_id = q.unit_id
                and p.valid_from <= q.period_start and q.period_start < p.valid_to
            left join names as n on n.level = '{level}' and n.unit_id = p.parent_id
            group by p.level, p.unit_id, q.period_start
        ) as {level} on {level}.level = v.level and {level}.child_id = v.unit_id
            and {level}.period_start = v.period_start
    """


def _with_missing_sources(frame: pl.DataFrame, known: Dimensions, wanted: KpiQuery) -> pl.DataFrame:
    """One row, without a number, for each KPI asked for by name that no source carries yet."""
    import polars as pl

    missing = known.without_source(wanted.kpis)
    if not missing or not wanted.with_no_data:
        return frame
    rows = [
        {
            "kpi_id": row["kpi_id"],
            "kpi_name": row["name_nb"],
            "kpi_name_en": row["name_en"],
            "kpi_version": row["version"],
            "measure_unit": row["unit"],
            "status": NO_SOURCE,
            "status_reason": row["status_reason"],
            "direction": row["direction"],
            "is_break": False,
        }
        for row in missing
    ]
    added = pl.DataFrame(rows, schema={name: frame.schema[name] for name in rows[0]})
    return pl.concat([frame, added], how="diagonal")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _date(value: date) -> str:
    return f"date '{value.isoformat()}'"


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")
