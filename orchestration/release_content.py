"""What a release contains: aggregates, definitions, registers and coverage; never single events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal, overload

import polars as pl

from orchestration.audiences import SCHEMA_OF_AUDIENCES, Audience
from orchestration.deliveries import net
from orchestration.readiness.releasable import (
    releasable_findings,
    releasable_readiness,
    releasable_volume,
)
from orchestration.suppression import KINDS_SCHEMA, STRICTEST, SuppressionPolicy
from reporting.audience import OPEN
from reporting.changes import TABLE as CHANGES_TABLE
from reporting.columns import UNPLACED

NATIONAL = "NO"
# What earlier releases for everyone have shown and this one does not.
WITHDRAWN = "withdrawn"
# Tables about the release beside others: no part of what it says.
NOT_CONTENT = frozenset({CHANGES_TABLE})

# The key of a figure, in the order of the rows. Readers skip what they did not ask for by the
# smallest and largest value of each stretch of rows: first the grain, so that months are not spread
# among thirty times as many days, then the KPI; and the period before the unit, so that one day of
# everything is a few stretches.
KPI_KEY = (
    "period_grain",
    "kpi_id",
    "level",
    "period_start",
    "unit_id",
    "segment",
    "kpi_version",
    "geography_version",
)
# The order of releases that do not state theirs.
FIRST_KPI_KEY = (
    "kpi_id",
    "period_grain",
    "level",
    "unit_id",
    "segment",
    "period_start",
    "kpi_version",
    "geography_version",
)
_TABLES_OF_FIGURES = ("kpi_values", "kpi_comparisons", "kpi_trends")

_UNITS_SQL = """
select 'national' as level, '{national}' as unit_id, 'Norge' as unit_name,
    cast(null as varchar) as unit_kind,
    cast(null as varchar) as rhf_code, cast(null as varchar) as health_trust_code,
    cast(null as varchar) as county_code, cast(null as varchar) as municipality_code,
    cast(null as varchar) as valid_from, cast(null as varchar) as valid_to, false as is_synthetic
union all
select 'region', rhf_code, rhf_name, 'RHF', rhf_code, null, null, null, null, null, false
from {rhf}
union all
select 'health_trust', health_trust_code, health_trust_name, kind, rhf_code, health_trust_code,
    null, null, null, null, false
from {health_trusts}
union all
select 'county', cast(county_code as varchar), county_name, 'COUNTY', null, null,
    cast(county_code as varchar), null, cast(valid_from as varchar), cast(valid_to as varchar),
    false
from {counties}
where cast(is_current as integer) = 1
union all
select 'municipality', cast(m.municipality_code as varchar), m.municipality_name, 'MUNICIPALITY',
    a.rhf_code,
    a.health_trust_code, cast(m.county_code as varchar), cast(m.municipality_code as varchar),
    cast(m.valid_from as varchar), null, false
from {municipalities} as m
left join {areas} as a on a.municipality_code = cast(m.municipality_code as varchar)
union all
select case when unit_kind = 'LAT_BASE' then 'base' else 'central' end, unit_id, unit_name,
    coalesce(nullif(base_kind, ''), unit_kind), rhf_code, health_trust_code, null,
    cast(municipality_code as varchar), cast(valid_from as varchar), cast(valid_to as varchar),
    cast(is_synthetic as integer) = 1
from {units}
union all
select level, '{unknown}', 'Ukjent', null, null, null, null, null, null, null, false
from (values ('region'), ('health_trust'), ('county'), ('municipality'), ('central'), ('base'))
    as unknown_units(level)
"""

# Areas that all members of a union lie in; the others are left empty.
_UNIONS_SQL = """
select 'municipality' as level, u.union_id as unit_id, u.union_name as unit_name,
    'MUNICIPALITY_UNION' as unit_kind,
    case when min(a.rhf_code) = max(a.rhf_code) then min(a.rhf_code) end as rhf_code,
    case when min(a.health_trust_code) = max(a.health_trust_code) then min(a.health_trust_code)
        end as health_trust_code,
    case when min(m.county_code) = max(m.county_code) then min(m.county_code) end as county_code,
    cast(null as varchar) as municipality_code, cast(null as varchar) as valid_from,
    cast(null as varchar) as valid_to, false as is_synthetic
from {dim_municipality_union} as u
inner join {municipalities} as m on cast(m.municipality_code as varchar) = u.municipality_id
inner join {areas} as a on a.municipality_code = u.municipality_id
group by u.union_id, u.union_name
"""

# Where municipalities belong today: by the dated table, or as stated with the municipalities.
_DATED_AREAS_SQL = """(
    select municipality_id as municipality_code, health_trust_id as health_trust_code,
        region_id as rhf_code
    from {dim_municipality}
)"""
_STATED_AREAS_SQL = """(
    select cast(municipality_code as varchar) as municipality_code, health_trust_code, rhf_code
    from {municipalities}
)"""

_GEOGRAPHY_SQL = """
select cast(m.municipality_code as varchar) as municipality_code, m.municipality_name,
    cast(m.county_code as varchar) as county_code, m.county_name, a.health_trust_code,
    a.rhf_code, m.amk_code,
    cast(m.centrality_class as integer) as centrality_class,
    cast(u.is_urban as integer) = 1 as is_urban, p.population, p.population_year,
    cast(m.latitude as double) as latitude, cast(m.longitude as double) as longitude
from {municipalities} as m
left join {areas} as a on a.municipality_code = cast(m.municipality_code as varchar)
left join {urban_municipalities} as u
    on cast(m.municipality_code as varchar) = cast(u.municipality_code as varchar)
left join (
    select cast(municipality_code as varchar) as municipality_code,
        max(cast(year as integer)) as population_year,
        cast(max_by(population, cast(year as integer)) as bigint) as population
    from {municipality_population}
    group by all
) as p on cast(m.municipality_code as varchar) = p.municipality_code
"""

# Released as they are where the warehouse has them: what they say about figures they take from
# kpi_releasable, and the rest is about units, sources and methods.
FURTHER_TABLES = (
    "kpi_comparisons",
    "kpi_trends",
    "kpi_news",
    "hour_profiles",
    "time_classes",
    "kpi_events",
    "kpi_breaks",
    "kpi_series_breaks",
    "peer_groups",
    "unit_hierarchy",
    "data_readiness",
    "readiness_grades",
    "readiness_findings",
    "chain_link_methods",
    WITHDRAWN,
    "official_figures",
)

_SEEDS = (
    "rhf",
    "health_trusts",
    "counties",
    "municipalities",
    "units",
    "urban_municipalities",
    "municipality_population",
)


def read_warehouse(warehouse: Path, audience: Audience | None = None) -> dict[str, pl.DataFrame]:
    """The tables of a release that come straight out of the warehouse.

    Figures, comparisons and trends are those of the audience; the open ones where none is named.
    """
    import duckdb

    connection = duckdb.connect(str(warehouse), read_only=True)
    try:
        relations = {
            name: relation(connection, name, audience=audience)
            for name in ("kpi_releasable", "kpi_registry", *_SEEDS)
        }
        names = {**relations, "unknown": UNPLACED, "national": NATIONAL}
        municipality = relation(connection, "dim_municipality", required=False)
        union = relation(connection, "dim_municipality_union", required=False)
        areas = _DATED_AREAS_SQL if municipality else _STATED_AREAS_SQL
        names["areas"] = areas.format(**names, dim_municipality=municipality)
        units_sql = _UNITS_SQL
        if union is not None:
            units_sql = f"{_UNITS_SQL} union all {_UNIONS_SQL}"
            names["dim_municipality_union"] = union
        tables = {
            "kpi_values": connection.sql(f"select * from {relations['kpi_releasable']}").pl(),
            "kpi_registry": connection.sql(f"select * from {relations['kpi_registry']}").pl(),
            "units": connection.sql(units_sql.format(**names)).pl(),
            "geography": connection.sql(_GEOGRAPHY_SQL.format(**names)).pl(),
        }
        for name in FURTHER_TABLES:
            found = relation(connection, name, required=False, audience=audience)
            if found is not None and not (audience and name == WITHDRAWN):
                tables[name] = connection.sql(f"select * from {found}").pl()
    finally:
        connection.close()
    return tables


@overload
def relation(
    connection: Any, name: str, *, required: Literal[True] = True, audience: Audience | None = None
) -> str: ...
@overload
def relation(
    connection: Any, name: str, *, required: Literal[False], audience: Audience | None = None
) -> str | None: ...
def relation(
    connection: Any, name: str, *, required: bool = True, audience: Audience | None = None
) -> str | None:
    """The one table or view of that name, whichever schema dbt put it in.

    Where an audience has a table of that name of its own, it is that one.
    """
    found = connection.execute(
        "select table_schema from information_schema.tables"
        " where table_name = ? and table_catalog = current_database()",
        [name],
    ).fetchall()
    own = [row for row in found if audience is not None and row[0] == audience.schema_name]
    rows = own or [row for row in found if not row[0].startswith(SCHEMA_OF_AUDIENCES)]
    if not rows and not required:
        return None
    if len(rows) != 1:
        raise LookupError(f"expected one table {name} in the warehouse, found {len(rows)}")
    return f'"{rows[0][0]}"."{name}"'


def kpi_kinds(registry: pl.DataFrame) -> pl.DataFrame:
    """Per version of a KPI what decides which of its numbers are too small."""
    sensitivity = pl.col("sensitivity") if "sensitivity" in registry.columns else pl.lit(STRICTEST)
    return (
        registry.with_columns(
            pl.col("version").alias("kpi_version"),
            pl.col("measure").alias("kind"),
            sensitivity.alias("sensitivity"),
        )
        .select(KINDS_SCHEMA.names())
        .cast(KINDS_SCHEMA)
        .unique()
        .sort("kpi_id", "kpi_version")
    )


def key_of(table: str, frame: pl.DataFrame, kpi_key: Sequence[str] = KPI_KEY) -> list[str]:
    """The columns that order a table the same way every time."""
    figures = _TABLES_OF_FIGURES if tuple(kpi_key) == KPI_KEY else ("kpi_values",)
    if table in figures:
        return [column for column in kpi_key if column in frame.columns]
    return [name for name, dtype in frame.schema.items() if not dtype.is_nested()]


def with_source_systems(units: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """Source systems are data, so their units are those that the values mention."""
    systems = (
        values.filter(pl.col("level") == "source_system")
        .select("level", "unit_id")
        .unique()
        .with_columns(
            pl.col("unit_id").alias("unit_name"),
            pl.lit("SOURCE_SYSTEM").alias("unit_kind"),
            pl.lit(False).alias("is_synthetic"),
        )
    )
    return pl.concat([units, systems], how="diagonal").select(units.columns)


def coverage_tables(receipts: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """What was delivered: per source and day without row counts, per source and month with them."""
    accepted = pl.col("status") == "accepted"
    receipts = net(receipts)
    per_day = (
        receipts.filter(~pl.col("is_replay"))
        .group_by("source", "contract", "delivered_on")
        .agg(
            accepted.sum().cast(pl.Int64).alias("files_accepted"),
            (~accepted).sum().cast(pl.Int64).alias("files_refused"),
            pl.col("first_event_date").filter(accepted).min(),
            pl.col("last_event_date").filter(accepted).max(),
        )
        .sort("source", "contract", "delivered_on")
    )
    counts = ("rows_read", "accepted", "rejected", "exact_duplicates")
    per_month = (
        receipts.filter(accepted)
        .group_by("source", "contract", pl.col("delivered_on").dt.truncate("1mo").alias("month"))
        .agg(pl.col(counts).sum().cast(pl.Int64))
        .sort("source", "contract", "month")
    )
    return {"data_coverage": per_day, "data_volume": per_month}


def with_rough_counts(
    tables: Mapping[str, pl.DataFrame], policy: SuppressionPolicy, *, in_full: bool
) -> dict[str, pl.DataFrame]:
    """The tables that count rows, in the form that may be shown; exactly where all is `in_full`."""
    rough = {
        "data_readiness": releasable_readiness,
        "readiness_findings": releasable_findings,
        "data_volume": releasable_volume,
    }
    return {
        name: rough[name](frame, policy, in_full=in_full) if name in rough else frame
        for name, frame in tables.items()
    }


def gate_for(audience: str, gate: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What the checks have said; to everyone only which of them did, without their numbers."""
    return {
        name: [text.partition(":")[0] if audience == OPEN else text for text in texts]
        for name, texts in gate.items()
    }


def coverage_summary(per_day: pl.DataFrame) -> dict[str, Mapping[str, Any]]:
    """Per source: first and last delivery, days delivered and days missing in between."""
    summary: dict[str, Mapping[str, Any]] = {}
    for (source,), rows in per_day.group_by("source", maintain_order=True):
        delivered = rows.filter(pl.col("files_accepted") > 0)["delivered_on"].drop_nulls()
        first, last = delivered.min(), delivered.max()
        span = (last - first).days + 1 if isinstance(first, date) and isinstance(last, date) else 0
        summary[str(source)] = {
            "first_delivered_on": None if first is None else str(first),
            "last_delivered_on": None if last is None else str(last),
            "days_delivered": delivered.n_unique(),
            "days_missing": span - delivered.n_unique(),
            "files_refused": int(rows["files_refused"].sum()),
        }
    return summary
