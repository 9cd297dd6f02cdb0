"""One number: MetricFlow's metrics equal kpi_values, for every KPI it can express."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from orchestration.paths import DBT_PROJECT
from orchestration.registry import load_registry
from orchestration.registry.semantic import expressible, inexpressible
from tests.e2e.conftest import World
from tests.e2e.metricflow import MetricFlow, parse

needs_metricflow = pytest.mark.skipif(
    not shutil.which("mf", path=str(Path(sys.executable).parent)),
    reason="the extra `metricflow` is not installed",
)
REGISTRY = load_registry()
KEY = ["segment", "period_start", "unit_id"]
# Levels with many small units, and the one with all.
LEVELS = ("national", "region", "central", "base")


@pytest.fixture(scope="session")
def metricflow(autumn: World, tmp_path_factory: pytest.TempPathFactory) -> MetricFlow:
    manifest = parse(autumn.home.warehouse, tmp_path_factory.mktemp("metricflow"))
    return MetricFlow(manifest, autumn.home.warehouse)


def test_every_active_kpi_is_a_metric_or_has_a_reason() -> None:
    reasons = inexpressible(REGISTRY)
    metrics = {kpi.id for kpi in expressible(REGISTRY)}
    assert metrics.isdisjoint(reasons)
    assert metrics | set(reasons) == {kpi.id for kpi in REGISTRY.kpis}
    assert len(metrics) >= 50
    assert all(len(reason) > 10 for reason in reasons.values())


@needs_metricflow
@pytest.mark.slow
def test_metrics_equal_kpi_values(metricflow: MetricFlow, autumn: World) -> None:
    compared = 0
    for kpi in expressible(REGISTRY):
        for level in (level for level in LEVELS if level in kpi.levels):
            stored = autumn.sql(
                f"select segment, period_start, unit_id, value from kpi_values "
                f"where kpi_id = '{kpi.id}' and kpi_version = {kpi.version} "
                f"and level = '{level}' and period_grain = 'month' and value is not null"
            )
            made = metricflow.values(REGISTRY, kpi, level, "month").drop_nulls("value")
            both = stored.join(made, on=KEY, how="full", suffix="_mf", coalesce=True)
            if kpi.kind == "count":
                # A unit that delivered nothing of its kind has no row; its count is a true zero.
                # A unit outside the register that has rows of another kind only has no cell.
                both = both.with_columns(pl.col("value_mf").fill_null(0)).filter(
                    pl.col("value").is_not_null() | (pl.col("value_mf") != 0)
                )
            assert both.height > 0 or level != "national", kpi.id
            different = both.filter(
                ((pl.col("value") - pl.col("value_mf")).abs() > 1e-9 * (1 + pl.col("value").abs()))
                | pl.col("value").is_null()
                | pl.col("value_mf").is_null()
            )
            assert different.is_empty(), (kpi.id, level, different)
            compared += both.height
    assert compared > 2000


@needs_metricflow
@pytest.mark.slow
def test_the_command_line_works_in_the_project(autumn: World, tmp_path: Path) -> None:
    """`mf list metrics` and `mf query` as a user types them, in a copy of the project folder."""
    project = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    parse(autumn.home.warehouse, project / "target")
    env = {**os.environ, "AKUTT_WAREHOUSE": str(autumn.home.warehouse), "DO_NOT_TRACK": "1"}
    mf = str(Path(sys.executable).parent / "mf")

    def run(*arguments: str) -> str:
        result = subprocess.run(
            [mf, *arguments], cwd=project, env=env, capture_output=True, text=True, timeout=300
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    assert "answer_time_median" in run("list", "metrics")
    table = tmp_path / "out.csv"
    run(
        *("query", "--metrics", "c113_within_10s", "--group-by", "metric_time__month"),
        *("--csv", str(table)),
    )
    made = pl.read_csv(table)
    stored = autumn.sql(
        "select value from kpi_values where kpi_id = 'c113_within_10s' and level = 'national' "
        "and kpi_version = 2 and period_grain = 'month' and value is not null order by period_start"
    )
    values = made.sort(made.columns[0])["c113_within_10s"].to_list()
    assert values == pytest.approx(stored["value"].to_list())
