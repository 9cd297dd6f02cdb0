"""Small made-up inputs: a warehouse file, receipts, releases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from orchestration.audience_tables import write_tables
from orchestration.audiences import Audience
from orchestration.disclosure.step import disclose
from orchestration.registry import load_registry
from orchestration.suppression import SuppressionPolicy, load_policy

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
SEED_NAMES = (
    "rhf",
    "health_trusts",
    "counties",
    "municipalities",
    "units",
    "urban_municipalities",
    "municipality_population",
)
# What the dbt model of the same name does.
RELEASABLE_SQL = """
create table marts.kpi_releasable as
select v.* replace (
        case when h.kpi_id is null then v.numerator end as numerator,
        case when h.kpi_id is null then v.denominator end as denominator,
        case when h.kpi_id is null then v.n end as n,
        case when h.kpi_id is null then v.value end as value,
        case when h.kpi_id is null and v.n >= coalesce(l.lower_from, v.n) then v.lower end as lower,
        case when h.kpi_id is null and v.n >= coalesce(l.upper_from, v.n) then v.upper end as upper,
        case when h.kpi_id is null then v.coverage end as coverage,
        case when h.kpi_id is null then v.status else 'suppressed' end as status
    ),
    cast(null as varchar) as grade
from marts.kpi_values as v
inner join disclosure.kpi_scope as s
    on (s.kpi_id, s.segment, s.level, s.period_grain)
        = (v.kpi_id, v.segment, v.level, v.period_grain)
    and v.period_start <= s.last_period_start and s.is_unplaced = (v.unit_id = 'UNKNOWN')
left join disclosure.kpi_limits as l
    on (l.kpi_id, l.kpi_version, l.level) = (v.kpi_id, v.kpi_version, v.level)
left join disclosure.kpi_hidden as h
    on (h.kpi_id, h.kpi_version, h.segment, h.period_grain, h.period_start, h.level, h.unit_id)
        = (v.kpi_id, v.kpi_version, v.segment, v.period_grain, v.period_start, v.level, v.unit_id)
"""
VALUES_SCHEMA = {
    "kpi_id": pl.String,
    "kpi_version": pl.Int32,
    "segment": pl.String,
    "period_grain": pl.String,
    "period_start": pl.Date,
    "level": pl.String,
    "unit_id": pl.String,
    "geography_version": pl.String,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "n": pl.Int64,
    "value": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "coverage": pl.Float64,
    "status": pl.String,
}


@cache
def newest(kpi_id: str) -> int:
    """The newest version of a KPI's definition; 1 of what is in no registry."""
    return max((kpi.version for kpi in load_registry().kpis if kpi.id == kpi_id), default=1)


def value(kpi_id: str = "c113_within_10s", **columns: Any) -> dict[str, Any]:
    """One row of kpi_values, of the newest definition; unnamed columns get ordinary contents."""
    row: dict[str, Any] = {
        "kpi_id": kpi_id,
        "kpi_version": newest(kpi_id),
        "segment": "113",
        "period_grain": "month",
        "period_start": date(2026, 9, 1),
        "level": "central",
        "unit_id": "amk_oslo",
        "geography_version": "2024",
        "numerator": None,
        "denominator": None,
        "n": None,
        "value": 50.0,
        "lower": None,
        "upper": None,
        "coverage": 0.9,
        "status": "ok",
    }
    return row | columns


def values(*rows: dict[str, Any]) -> pl.DataFrame:
    """kpi_values as a frame."""
    return pl.DataFrame(list(rows), schema=VALUES_SCHEMA)


def share(numerator: float, denominator: float, **columns: Any) -> dict[str, Any]:
    """A row of a share KPI with consistent numbers."""
    numbers = {
        "numerator": numerator,
        "denominator": denominator,
        "n": int(denominator),
        "value": 100 * numerator / denominator,
    }
    return value("c113_within_10s", **(numbers | columns))


def count(n: int, **columns: Any) -> dict[str, Any]:
    """A row of a count KPI."""
    return value("calls_offered", **({"n": n, "value": float(n), "coverage": 1.0} | columns))


def ordinary_values(shift: float = 0.0) -> pl.DataFrame:
    """A few centrals and months; `shift` changes the content."""
    months = [date(2026, month, 1) for month in range(1, 10)]
    rows = [
        row
        for month in months
        for unit in ("amk_oslo", "amk_bergen", "amk_bodo")
        for row in (
            share(900 - 10 * month.month + shift, 1000, unit_id=unit, period_start=month),
            count(1000 + month.month, unit_id=unit, period_start=month),
        )
    ]
    return values(*rows, share(3, 9, unit_id="amk_tromso"), count(0, unit_id="amk_tromso"))


def registry() -> pl.DataFrame:
    """The registry as dbt loads it."""
    return pl.read_csv(SEEDS / "kpi_registry.csv", infer_schema=False)


def receipts(days: int = 3, source: str = "hdo_iccs_calls", **columns: Any) -> pl.DataFrame:
    """Receipts of accepted files, one a day, in the shape the lake gives them."""
    start = date(2026, 10, 1) - timedelta(days=days)
    rows = [
        {
            "source": source,
            "contract": "call",
            "file_name": f"{source}_{start + timedelta(days=day)}.csv",
            "file_id": f"{day:016x}",
            "batch_id": f"batch-{day}",
            "delivered_on": start + timedelta(days=day),
            "status": "accepted",
            "refusal_code": None,
            "rows_read": 110,
            "accepted": 100,
            "rejected": 10,
            "exact_duplicates": 0,
            "first_event_date": start + timedelta(days=day),
            "last_event_date": start + timedelta(days=day),
        }
        | columns
        for day in range(days)
    ]
    return pl.DataFrame(
        rows, schema_overrides={"refusal_code": pl.String}, infer_schema_length=None
    )


def write_warehouse(
    path: Path,
    kpi_values: pl.DataFrame | None = None,
    *,
    releases: Path | None = None,
    policy: SuppressionPolicy | None = None,
    audiences: Sequence[Audience] = (),
    delivered: pl.DataFrame | None = None,
) -> Path:
    """A warehouse file with the tables that a release is made from, after disclosure control."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    frame = ordinary_values() if kpi_values is None else kpi_values
    connection = duckdb.connect(str(path))
    connection.execute("create schema marts")
    connection.register("incoming", frame)
    connection.execute("create table marts.kpi_values as from incoming")
    connection.register("kpis", registry())
    connection.execute("create table marts.kpi_registry as from kpis")
    for name in SEED_NAMES:
        seed = pl.read_csv(SEEDS / f"{name}.csv", infer_schema=False)
        connection.register("seed", seed)
        connection.execute(f"create table {name} as from seed")
    connection.close()
    folder = releases or path.parent / "releases"
    given = receipts() if delivered is None else delivered
    disclose(path, folder, given, policy or load_policy(), audiences)
    connection = duckdb.connect(str(path))
    connection.execute(RELEASABLE_SQL)
    connection.close()
    write_tables(path, lambda model: model, audiences)
    return path
