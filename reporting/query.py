"""KPI values of a release, filtered: the one way that every channel of ours takes to a figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from reporting import last_year
from reporting.columns import KEY, PEERS, PERIOD, SQL_TYPES, TRENDS
from reporting.dimensions import (
    LEVELS,
    NO_SOURCE,
    SERIES,
    Dimensions,
    QueryError,
    check_grain,
    check_segments,
    dimensions,
    small_tables,
)
from reporting.numbers import spaced
from reporting.reader import Release

if TYPE_CHECKING:
    import polars as pl

__all__ = ["KpiQuery", "QueryError", "TooManyRowsError", "page", "query", "show_kpi"]

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
    last_year: bool = False
    version: int | Literal["all"] | None = None
    geography: str | None = None
    limit: int | None = None
    is_cut_allowed: bool = False


def query(release: Release, wanted: KpiQuery) -> pl.DataFrame:
    """The selected values, with names, target, breaks and the release id on every row."""
    known = dimensions(release)
    wanted = _checked(release, known, wanted)
    # The limit is applied to the values as they lie.
    at_most = "" if wanted.limit is None else f"limit {wanted.limit + 1}"
    frame = _values(release, known, wanted, at_most)
    if wanted.limit is not None and frame.height > wanted.limit:
        if not wanted.is_cut_allowed:
            rows = _count(release, known, wanted)
            raise TooManyRowsError(
                f"Spørringen gir {spaced(rows)} rader, grensen er {spaced(wanted.limit)}. "
                "Velg færre, eller sett limit høyere (None: ingen grense). / "
                f"The query gives {rows:,} rows, the limit is {wanted.limit:,}. "
                "Select less, or raise the limit (None: no limit)."
            )
        frame = frame.head(wanted.limit)
    missing = _missing_sources(known, wanted)
    return _labelled(_with_rows(_described(frame, release, wanted), missing), release)


def page(
    release: Release, wanted: KpiQuery, *, offset: int, limit: int
) -> tuple[pl.DataFrame, int]:
    """Some rows of a query, and how many it has in all.

    The pages of a release, put together, are what `query` gives without a limit, in its order.
    """
    known = dimensions(release)
    wanted = _checked(release, known, wanted)
    values = _count(release, known, wanted)
    some = f"order by {', '.join(f'v.{name}' for name in ORDER)} limit {limit} offset {offset}"
    frame = _described(_values(release, known, wanted, some), release, wanted)
    missing = _missing_sources(known, wanted)
    here = missing[max(0, offset - values) : max(0, offset + limit - values)]
    return _labelled(_with_rows(frame, here), release), values + len(missing)


def count(release: Release, wanted: KpiQuery) -> int:
    """How many values the query selects, whatever its limit."""
    known = dimensions(release)
    return _count(release, known, _checked(release, known, wanted))


def _count(release: Release, known: Dimensions, wanted: KpiQuery) -> int:
    where = " and ".join(_conditions(known, wanted))
    (row,) = release.rows(f"select count(*) as n from kpi_values as v where {where}")
    return int(row["n"])


def _values(release: Release, known: Dimensions, wanted: KpiQuery, some: str) -> pl.DataFrame:
    """The values in their order. `some`: the SQL clause that says which of them."""
    conditions = list(_conditions(known, wanted))
    # Ordered here: the engine takes three times as long to order strings.
    frame = release.sql(_statement(release, wanted, conditions, some))
    return frame.sort(ORDER, maintain_order=True, nulls_last=True)


def _labelled(frame: pl.DataFrame, release: Release) -> pl.DataFrame:
    import polars as pl

    return frame.with_columns(
        pl.lit(release.release_id).alias("release_id"), pl.lit(release.audience).alias("audience")
    )


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
    known.check_kpis(wanted.kpis)
    Dimensions.check("level", wanted.levels, LEVELS)
    Dimensions.check("level", wanted.by, PARENT_LEVELS)
    check_grain(wanted.grain)
    check_segments(release, wanted.segments)
    if isinstance(wanted.version, int):
        for kpi_id in wanted.kpis:
            known.definition(kpi_id, wanted.version)
    if wanted.geography is not None:
        rows = release.rows("select distinct geography_version as name from kpi_values")
        Dimensions.check("geography", [wanted.geography], {row["name"] for row in rows})
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
                parts.append(f"{FIRST_DATE} >= {_date(version.first)}")
            if version.before is not None:
                parts.append(f"{FIRST_DATE} < {_date(version.before)}")
            periods.append(" and ".join(parts))
        yield f"(v.kpi_id <> {_text(kpi_id)} or " + " or ".join(f"({p})" for p in periods) + ")"


def _statement(release: Release, wanted: KpiQuery, conditions: Sequence[str], some: str) -> str:
    """What is left out by `some` is left out before anything is joined."""
    later = ", ".join(_or_null(release, "kpi_values", "v", name) for name in ("grade", *PERIOD))
    flags = [
        f"coalesce({alias}.is_small, false)"
        for table, alias, is_wanted in (
            ("kpi_values", "v", True),
            ("kpi_comparisons", "c", wanted.peers),
            ("kpi_trends", "t", wanted.trends),
            ("kpi_values", "y", wanted.last_year),
        )
        if is_wanted and release.has(table, "is_small")
    ]
    columns = [
        *(f"{level}.unit_id as {level}_id" for level in wanted.by),
        *(f"c.{name}" for name in PEERS if wanted.peers),
        *(f"t.{name}" for name in TRENDS if wanted.trends),
        *(
            _or_null(release, "kpi_values", "y", column, name)
            for name, column in last_year.READ.items()
            if wanted.last_year
        ),
        *(
            [f"{last_year.year_before('period_first')} as last_year_first"]
            if wanted.last_year
            else []
        ),
    ]
    joins = [
        *(_parent(release, level) for level in wanted.by),
        *([_extra(release, wanted, "kpi_comparisons", "c", PEERS)] if wanted.peers else []),
        *([_extra(release, wanted, "kpi_trends", "t", TRENDS)] if wanted.trends else []),
        *([_year_before(wanted)] if wanted.last_year else []),
    ]
    return f"""
        with chosen as (
            select *, {FIRST_DATE} as period_first
            from kpi_values as v where {" and ".join(conditions)} {some}
        )
        select v.kpi_id, v.kpi_version, v.segment, v.period_grain, v.period_start, v.level,
            v.unit_id, v.geography_version, v.numerator, v.denominator, v.n, v.value, v.lower,
            v.upper, v.coverage, {later}, v.status,
            {" or ".join(flags) or "false"} as is_small, v.period_first, {LAST_DATE} as period_last
            {"".join(f", {column}" for column in columns)}
        from chosen as v
        {" ".join(joins)}
    """


def _year_before(wanted: KpiQuery) -> str:
    """The same KPI, definition, unit and kind of period, a year earlier."""
    any_time = replace(wanted, start_from=None, start_to=None)
    where = " and ".join(["true", *_key_conditions(any_time, "x")])
    same = (name for name in (*KEY, "geography_version") if name != "period_start")
    on = " and ".join(f"y.{name} = v.{name}" for name in same)
    return f"""left join (select * from kpi_values as x where {where}) as y
        on {on} and y.period_start = {last_year.year_before("period_start")}"""


def _or_null(release: Release, table: str, alias: str, column: str, name: str = "") -> str:
    """A column of a table; one without values where the release is older than the column."""
    if release.has(table, column):
        return f"{alias}.{column} as {name or column}"
    return f"cast(null as {SQL_TYPES.get(column, 'double')}) as {name or column}"


ORDER = (
    "kpi_id",
    "segment",
    "period_grain",
    "period_start",
    "level",
    "unit_id",
    "kpi_version",
    "geography_version",
)


# The first and last day of a period of `v`, in SQL that PostgreSQL understands as well. Running
# periods are named by the first day of their last month.
FIRST_DATE = """case v.period_grain
    when 'ytd' then cast(date_trunc('year', v.period_start) as date)
    when 'rolling12' then cast(v.period_start - interval '11 month' as date)
    else v.period_start end"""
LAST_DATE = """case v.period_grain
    when 'day' then v.period_start
    when 'week' then v.period_start + 6
    when 'quarter' then cast(v.period_start + interval '3 month' as date) - 1
    when 'tertial' then cast(v.period_start + interval '4 month' as date) - 1
    when 'year' then cast(v.period_start + interval '1 year' as date) - 1
    else cast(v.period_start + interval '1 month' as date) - 1 end"""


def _described(frame: pl.DataFrame, release: Release, wanted: KpiQuery) -> pl.DataFrame:
    """The values with what the small tables say: names, unit, target, breaks.

    Joined here, because planning the same joins takes the engine longer than the whole query.
    """
    import polars as pl

    small = small_tables(release)
    frame = frame.join(small.kpis, on=("kpi_id", "kpi_version"), how="left", maintain_order="left")
    frame = frame.join(small.units, on=("level", "unit_id"), how="left", maintain_order="left")
    frame = frame.with_columns(pl.col("unit_name").fill_null(pl.col("unit_id")))
    for level in wanted.by:
        names = small.units.filter(level=level).select(
            pl.col("unit_id").alias(f"{level}_id"), pl.col("unit_name").alias(f"{level}_name")
        )
        frame = frame.join(names, on=f"{level}_id", how="left", maintain_order="left")
    frame = _with_breaks(frame, small.breaks)
    parents = [f"{level}_{part}" for level in wanted.by for part in ("id", "name")]
    if wanted.last_year:
        frame = last_year.with_change(frame)
    after = [name for name in frame.columns if name not in {*_FIRST, *parents, *_THEN}]
    return frame.select(*_FIRST, *parents, *_THEN, *after)


_FIRST = (
    "kpi_id",
    "kpi_name",
    "kpi_name_en",
    "kpi_version",
    "segment",
    "period_grain",
    "period_start",
    "level",
    "unit_id",
    "unit_name",
)
_THEN = (
    "geography_version",
    "numerator",
    "denominator",
    "n",
    "value",
    "measure_unit",
    "lower",
    "upper",
    "coverage",
    "grade",
    *PERIOD,
    "status",
    "is_small",
    "status_reason",
    "direction",
    "target",
    "break_date",
    "is_break",
    "break_kind",
    "break_nb",
    "break_en",
)


def _with_breaks(frame: pl.DataFrame, breaks: pl.DataFrame) -> pl.DataFrame:
    """The last break of each series up to the end of the period."""
    import polars as pl

    touching = breaks.join(frame, on=SERIES, how="semi")
    if touching.is_empty():
        nothing = [pl.lit(None, dtype=breaks.schema[name]).alias(name) for name in _BREAK]
        found = frame.with_columns(nothing)
    else:
        # Ends of periods rise within a series when all periods are of one kind.
        is_one_grain = frame["period_grain"].n_unique() == 1
        rising = frame if is_one_grain else frame.with_row_index("_at").sort("period_last")
        found = rising.join_asof(
            touching.sort("break_date"),
            left_on="period_last",
            right_on="break_date",
            by=SERIES,
            strategy="backward",
            coalesce=False,
            check_sortedness=False,
        )
        found = found if is_one_grain else found.sort("_at").drop("_at")
    broken = (pl.col("break_date") >= pl.col("period_first")).fill_null(False)
    return found.with_columns(broken.alias("is_break")).drop("period_first", "period_last")


_BREAK = ("break_date", "break_kind", "break_nb", "break_en")


def _extra(
    release: Release, wanted: KpiQuery, table: str, alias: str, columns: Sequence[str]
) -> str:
    """A table with the key of the values, or its columns without values where it is lacking."""
    if not release.has(table):
        empty = ", ".join(
            f"cast(null as {SQL_TYPES.get(name, 'double')}) as {name}" for name in columns
        )
        return f"left join (select {empty} where false) as {alias} on false"
    if release.has(table, "is_small"):
        columns = (*columns, "is_small")
    present = ", ".join(_or_null(release, table, "x", name) for name in columns)
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
            select p.level, p.unit_id as child_id, q.period_first, min_by(p.parent_id, p.step)
                as unit_id
            from (select distinct level, unit_id, period_first from chosen) as q
            inner join ({pairs}) as p on p.level = q.level and p.unit_id = q.unit_id
                and p.valid_from <= q.period_first and q.period_first < p.valid_to
            group by p.level, p.unit_id, q.period_first
        ) as {level} on {level}.level = v.level and {level}.child_id = v.unit_id
            and {level}.period_first = v.period_first
    """


def _missing_sources(known: Dimensions, wanted: KpiQuery) -> list[Mapping[str, Any]]:
    """The KPIs asked for by name that no source carries yet."""
    return known.without_source(wanted.kpis) if wanted.with_no_data else []


def _with_rows(frame: pl.DataFrame, missing: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """One more row, without a number, for each KPI that no source carries yet."""
    import polars as pl

    if not missing:
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
            "is_small": False,
        }
        for row in missing
    ]
    added = pl.DataFrame(rows, schema={name: frame.schema[name] for name in rows[0]})
    return pl.concat([frame, added], how="diagonal")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _date(value: date) -> str:
    return f"date '{value.isoformat()}'"
