"""MetricFlow in process, on a warehouse: its SQL by its own API, run on a read-only connection.

`mf query` does the same in five to seven seconds a call, nearly all of it start-up.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import duckdb
import polars as pl

from orchestration.paths import DBT_PROJECT
from orchestration.registry.spec import Kpi, Registry


def parse(warehouse: Path, target: Path) -> Path:
    """The semantic manifest of the project, with the relations of a warehouse."""
    from dbt.cli.main import dbtRunner

    command = ["parse", "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    command += ["--target-path", str(target), "--log-path", str(target), "--log-level", "error"]
    with mock.patch.dict(os.environ, {"AKUTT_WAREHOUSE": str(warehouse), "DO_NOT_TRACK": "1"}):
        outcome = dbtRunner().invoke(command)
    assert outcome.success, outcome.exception
    return target / "semantic_manifest.json"


@dataclass(frozen=True)
class MetricFlow:
    """Queries of the metrics in a semantic manifest."""

    manifest: Path
    warehouse: Path

    @cached_property
    def engine(self) -> Any:
        from metricflow.engine.metricflow_engine import MetricFlowEngine
        from metricflow.protocols.sql_client import SqlEngine
        from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
        from metricflow_semantics.model.dbt_manifest_parser import (
            parse_manifest_from_dbt_generated_manifest,
        )
        from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

        manifest = parse_manifest_from_dbt_generated_manifest(
            manifest_json_string=self.manifest.read_text(encoding="utf-8")
        )
        # The engine asks its client for the dialect only; it runs nothing here.
        dialect = SimpleNamespace(
            sql_engine_type=SqlEngine.DUCKDB, sql_plan_renderer=DuckDbSqlPlanRenderer()
        )
        return MetricFlowEngine(
            semantic_manifest_lookup=SemanticManifestLookup(manifest), sql_client=dialect
        )

    def sql(self, metric: str, group_by: list[str]) -> str:
        """The SQL MetricFlow makes for a metric."""
        from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

        request = MetricFlowQueryRequest.create(metric_names=[metric], group_by_names=group_by)
        return str(self.engine.explain(request).sql_statement.sql)

    def values(self, registry: Registry, kpi: Kpi, level: str, grain: str) -> pl.DataFrame:
        """segment, period_start, unit_id and value of a KPI at a level."""
        family = registry.families[kpi.family]
        unit = family.units[level]  # type: ignore[index]
        time = f"metric_time__{grain}"
        segment = f"{kpi.family}_row__segment" if family.segment else None
        group_by = [time, *([segment] if segment else [])]
        if unit is not None:
            group_by.append(unit.removesuffix("_id"))
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            frame = connection.sql(self.sql(kpi.id, group_by)).pl()
        return frame.select(
            (pl.col(segment) if segment else pl.lit("all")).alias("segment"),
            pl.col(time).cast(pl.Date).alias("period_start"),
            (pl.col(unit.removesuffix("_id")) if unit else pl.lit("NO")).alias("unit_id"),
            pl.col(kpi.id).cast(pl.Float64).alias("value"),
        ).drop_nulls(["segment", "unit_id"])
