"""The step between the two builds: read the figures, decide, write the decision back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from orchestration import release_content
from orchestration.disclosure.scope import last_delivered, released_periods
from orchestration.suppression import SuppressionPolicy, too_small

SCHEMA = "disclosure"
KEY = (
    "kpi_id",
    "kpi_version",
    "segment",
    "period_grain",
    "period_start",
    "level",
    "unit_id",
)
_NUMBERS = ("numerator", "denominator", "n", "value", "coverage")


class DisclosureError(RuntimeError):
    """What may be seen cannot be decided; the message says why."""


@dataclass(frozen=True)
class Decision:
    """What a run of the step came to."""

    hidden: pl.DataFrame
    scope: pl.DataFrame
    report: dict[str, Any]


def disclose(
    warehouse: Path, releases_dir: Path, receipts: pl.DataFrame, policy: SuppressionPolicy
) -> Decision:
    """Decide which cells of the warehouse's kpi_values may be seen, and write it there."""
    values, registry = _read(warehouse)
    decision = decide(values, registry, receipts, policy)
    _write(warehouse, decision, policy)
    return decision


def decide(
    values: pl.DataFrame, registry: pl.DataFrame, receipts: pl.DataFrame, policy: SuppressionPolicy
) -> Decision:
    """The decision, from data alone."""
    unregistered = set(values["kpi_id"].unique()) - set(registry["kpi_id"])
    if unregistered:
        raise DisclosureError(f"KPIs without an entry in the registry: {sorted(unregistered)}")
    keys = values.select("kpi_id", "segment", "level").unique()
    scope = released_periods(keys, registry, last_delivered(receipts), policy)
    kinds = release_content.kpi_kinds(registry)
    cells = (
        values.join(scope, on=["kpi_id", "segment", "level", "period_grain"])
        .filter(pl.col("period_start") <= pl.col("last_period_start"))
        .join(kinds, on="kpi_id", how="left")
    )
    hidden = cells.filter(too_small(policy)).select(*KEY, pl.lit("primary").alias("reason"))
    report = {"cells": cells.height, "primary": hidden.height}
    return Decision(hidden, scope, report)


def _read(warehouse: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    import duckdb

    connection = duckdb.connect(str(warehouse), read_only=True)
    try:
        values = release_content.relation(connection, "kpi_values")
        registry = release_content.relation(connection, "kpi_registry")
        columns = ", ".join((*KEY, *_NUMBERS, "status"))
        return (
            connection.sql(f"select {columns} from {values}").pl(),
            connection.sql(f"select * from {registry}").pl(),
        )
    finally:
        connection.close()


def _write(warehouse: Path, decision: Decision, policy: SuppressionPolicy) -> None:
    import duckdb

    info = pl.DataFrame(
        {
            "name": ["policy", "report"],
            "value": [json.dumps(policy.describe()), json.dumps(decision.report)],
        }
    )
    tables = {"kpi_hidden": decision.hidden, "kpi_scope": decision.scope, "info": info}
    connection = duckdb.connect(str(warehouse))
    try:
        connection.execute("begin")
        connection.execute(f"create schema if not exists {SCHEMA}")
        for name, frame in tables.items():
            text = frame.with_columns(pl.col(pl.String))
            connection.register("incoming", text.to_arrow(compat_level=pl.CompatLevel.oldest()))
            connection.execute(f"create or replace table {SCHEMA}.{name} as from incoming")
            connection.unregister("incoming")
        connection.execute("commit")
    finally:
        connection.close()


def read_info(warehouse: Path) -> dict[str, Any]:
    """What the last run of the step left: `policy` and `report`; empty when it never ran."""
    import duckdb

    connection = duckdb.connect(str(warehouse), read_only=True)
    try:
        rows = connection.execute(f"select name, value from {SCHEMA}.info").fetchall()
    except duckdb.CatalogException:
        return {}
    finally:
        connection.close()
    return {name: json.loads(value) for name, value in rows}
