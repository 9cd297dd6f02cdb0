"""The Dagster graph: complete, loadable, and free of work at import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from orchestration.assets_release import QUALITY_KEY, RELEASE_KEY
from orchestration.assets_sources import WRITER_POOL, lake_key, source_key
from orchestration.definitions import JOB, build_definitions
from orchestration.engine import Engine, Settings
from orchestration.paths import REPOSITORY, Home
from tests.orchestration.conftest import deliver

SOURCES = sorted(path.stem for path in (REPOSITORY / "ingestion" / "sources").glob("*.yaml"))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """The definitions over the project's own dbt models."""
    engine = Engine(Settings(Home(tmp_path_factory.mktemp("home"))))
    return build_definitions({"engine": engine})


@pytest.fixture(scope="module")
def graph(real: dg.Definitions) -> Any:
    return real.resolve_asset_graph()


def test_one_asset_per_source_file_with_daily_partitions(graph: Any) -> None:
    for source in SOURCES:
        node = graph.get(source_key(source))
        assert isinstance(node.partitions_def, dg.DailyPartitionsDefinition)
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
    found = {key.path[1] for key in graph.get_all_asset_keys() if key.path[0] == "source"}
    assert found == set(SOURCES)


def test_everything_leads_from_the_sources_to_the_release(graph: Any) -> None:
    upstream = graph.get_ancestor_asset_keys(RELEASE_KEY)
    assert {source_key(source) for source in SOURCES} <= upstream
    assert lake_key("call") in upstream
    assert QUALITY_KEY in upstream
    models = {key.path[-1] for key in upstream if key.path[0] == "warehouse"}
    assert {"kpi_values", "stg_lake__calls", "fct_calls", "fct_incidents"} <= models


def test_checks_of_rules_dbt_and_expectations_are_there(graph: Any) -> None:
    checks = {(key.asset_key.path[0], key.name) for key in graph.asset_check_keys}
    names = {name for _, name in checks}
    assert {"rows_accounted_for", "rule_outcomes", "refused_files"} <= names
    assert {f"expectations_{source}" for source in SOURCES} <= names
    assert "expectations_reconciliation" in names
    assert sum(group == "warehouse" for group, _ in checks) > 20


def test_writers_share_the_pool_of_one(real: dg.Definitions) -> None:
    pools = {
        node.op.pool if hasattr(node, "op") else None
        for node in real.assets or []
        if isinstance(node, dg.AssetsDefinition)
    }
    assert pools == {WRITER_POOL, None}
    settings = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    assert settings["concurrency"]["pools"]["default_limit"] == 1
    assert settings["telemetry"] == {"enabled": False}


def test_job_sensor_and_schedule(real: dg.Definitions) -> None:
    job = real.resolve_job_def(JOB)
    assert job.executor_def is dg.in_process_executor
    schedule = real.resolve_schedule_def("daily")
    assert schedule.execution_timezone == "Europe/Oslo"


def test_an_unknown_override_is_an_error() -> None:
    with pytest.raises(ValueError, match="wharehouse"):
        build_definitions({"wharehouse": object()})


def test_the_sensor_asks_for_a_run_once_per_new_state(
    deliveries: Path, home: Home, make_engine: Callable[..., Engine]
) -> None:
    engine = make_engine()
    sensor = build_definitions({"engine": engine}).resolve_sensor_def("inbox")

    def tick() -> Any:
        return sensor.evaluate_tick(dg.build_sensor_context(resources={"engine": engine}))

    assert tick().skip_message
    deliver(deliveries, home, days=1)
    (first,), (again,) = tick().run_requests, tick().run_requests
    assert first.run_key == again.run_key
    deliver(deliveries, home, days=2)
    assert tick().run_requests[0].run_key != first.run_key
    engine.intake()
    assert tick().skip_message


def test_a_partition_run_takes_in_its_own_day_only(
    deliveries: Path, home: Home, make_engine: Callable[..., Engine]
) -> None:
    deliver(deliveries, home, days=3)
    engine = make_engine()
    definitions = build_definitions({"engine": engine})
    wanted = [source_key("hdo_iccs_calls"), source_key("lat_requests")]
    job = dg.define_asset_job("part", selection=dg.AssetSelection.assets(*wanted))
    result = (
        dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))
        .resolve_job_def("part")
        .execute_in_process(partition_key="2026-03-03")
    )
    assert result.success
    receipts = engine.receipts()
    assert set(receipts["delivered_on"]) == {date(2026, 3, 3)}
    assert set(receipts["source"]) == {"hdo_iccs_calls", "lat_requests"}
    partitions = {event.partition for event in result.get_asset_materialization_events()}
    assert partitions == {"2026-03-03"}


def environment(tmp_path: Path) -> dict[str, str]:
    return os.environ | {
        "AKUTT_HOME": str(tmp_path / "home"),
        "DAGSTER_HOME": str(tmp_path),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }


def test_importing_the_definitions_does_nothing(tmp_path: Path) -> None:
    code = "import orchestration.definitions, orchestration.cli.run, orchestration.cli.kpi"
    subprocess.run([sys.executable, "-c", code], env=environment(tmp_path), check=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_dagster_validates_the_definitions(tmp_path: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate"],
        cwd=REPOSITORY,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    assert "successful" in outcome.stderr + outcome.stdout


def test_help_is_fast_because_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom orchestration.cli.main import app\n"
        "for words in ('', 'run', 'kpi', 'release', 'demo', 'doctor', 'status', 'kpi query'):\n"
        "    assert CliRunner().invoke(app, [*words.split(), '--help']).exit_code == 0, words\n"
        "heavy = {'dagster', 'dbt', 'great_expectations', 'pandas', 'polars', 'duckdb'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env=environment(tmp_path), check=True)
