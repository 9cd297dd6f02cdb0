"""From inbox to release through the Dagster job, with the checks that hold a release back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml

from benchmarks.national_year import steps
from ingestion.errors import KeyMissingError
from ingestion.lock import LockBusyError, exclusive
from orchestration import state, warehouse
from orchestration.engine import Engine
from orchestration.paths import Home
from orchestration.pipeline import LAUNCHED_BY, RUN_COMMAND, RunFailedError, instance, run
from orchestration.quality.suites import DEFAULT_FILE
from orchestration.release import get_release, list_releases, verify_release
from reporting.query import KpiQuery, query
from reporting.reader import open_current
from tests.orchestration.conftest import deliver

pytestmark = pytest.mark.slow
MakeEngine = Callable[..., Engine]


def released_calls(home: Home) -> int:
    with open_current(home.releases) as release:
        return int(query(release, KpiQuery(kpis=["calls_offered"]))["n"].sum())


def accepted_calls(engine: Engine) -> int:
    receipts = engine.receipts()
    return int(receipts.filter(pl.col("contract") == "call")["accepted"].sum())


def test_inbox_to_release_and_nothing_twice(
    deliveries: Path, home: Home, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    deliver(deliveries, home, days=3)
    first = run(make_engine(say=lines.append, expectations=True))
    assert first.did_work
    assert verify_release(home.releases) == []
    assert released_calls(home) == accepted_calls(make_engine())
    assert any("rader/s" in line for line in lines)
    assert {"intake", "warehouse", "disclosure", "comparison", "release"} == set(
        steps("\n".join(lines))
    )
    assert (home.gx / "data_docs" / "index.html").is_file()

    again = run(make_engine(expectations=True))
    assert (again.did_work, again.release_id) == (False, first.release_id)
    # What the lake holds is built anew without the key that its pseudonyms were made with.
    monkeypatch.delenv("AKUTT_PSEUDONYM_KEY", raising=False)
    forced = run(make_engine(key=None), force=True)
    assert (forced.did_work, forced.release_id) == (True, first.release_id)
    assert len(list_releases(home.releases)) == 1

    deliver(deliveries, home, days=4)
    more = run(make_engine())
    assert more.release_id != first.release_id
    assert released_calls(home) == accepted_calls(make_engine())
    with instance(make_engine()) as dagster_instance:
        _history_is_complete(dagster_instance)


def _history_is_complete(dagster_instance: object) -> None:
    """Runs, partitions of the last day, checks and the release are in Dagster's own history."""
    import dagster as dg

    from orchestration.assets_release import QUALITY_KEY, RELEASE_KEY
    from orchestration.assets_sources import IDENTITY_CHECK, source_key

    assert isinstance(dagster_instance, dg.DagsterInstance)
    assert {item.status for item in dagster_instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
    partitions = dagster_instance.get_materialized_partitions(source_key("hdo_iccs_calls"))
    assert "2026-03-05" in partitions
    release = dagster_instance.get_latest_materialization_event(RELEASE_KEY)
    assert release is not None
    storage = dagster_instance.event_log_storage
    for key in (
        dg.AssetCheckKey(source_key("hdo_iccs_calls"), IDENTITY_CHECK),
        dg.AssetCheckKey(QUALITY_KEY, "expectations_hdo_iccs_calls"),
        dg.AssetCheckKey(dg.AssetKey(["warehouse", "kpi_values"]), "not_null_kpi_values_value"),
    ):
        (record,) = storage.get_asset_check_execution_history(key, limit=1)
        assert record.event is not None, key


def test_without_deliveries_or_without_a_key_the_message_comes_at_once(
    deliveries: Path, home: Home, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    outcome = run(make_engine(say=lines.append))
    assert (outcome.did_work, outcome.release_id) == (False, None)
    assert str(home.inbox) in lines[-1]
    deliver(deliveries, home, days=1)
    monkeypatch.delenv("AKUTT_PSEUDONYM_KEY", raising=False)
    with pytest.raises(KeyMissingError):
        run(make_engine(key=None))
    assert not home.dagster.exists()


def test_the_storage_of_a_configured_dagster_yaml_is_used(
    home: Home, make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with instance(make_engine()) as dagster_instance:
        assert type(dagster_instance.event_log_storage).__name__ == "PooledSqliteEventLogStorage"
        assert not dagster_instance.telemetry_enabled
    own = tmp_path / "own.yaml"
    elsewhere = tmp_path / "elsewhere"
    own.write_text(yaml.safe_dump({"storage": {"sqlite": {"base_dir": str(elsewhere)}}}))
    monkeypatch.setenv("AKUTT_DAGSTER_YAML", str(own))
    with instance(make_engine()) as dagster_instance:
        assert type(dagster_instance.event_log_storage).__name__ == "SqliteEventLogStorage"
    assert elsewhere.is_dir()


def test_lost_state_costs_time_and_nothing_else(
    deliveries: Path, home: Home, make_engine: MakeEngine
) -> None:
    deliver(deliveries, home, days=1)
    first = run(make_engine())
    for path in home.state.iterdir():
        path.unlink()
    again = run(make_engine())
    assert (again.did_work, again.release_id) == (True, first.release_id)


def test_a_killed_build_is_done_again(
    deliveries: Path, home: Home, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(deliveries, home, days=1)
    engine = make_engine()
    engine.warehouse.manifest()
    with monkeypatch.context() as patch:
        patch.setattr(warehouse, "_outcome", _killed)
        with pytest.raises(RunFailedError, match="killed"):
            run(engine)
    assert state.read_warehouse(home).lake is None
    assert run(make_engine()).release_id is not None
    assert released_calls(home) == accepted_calls(make_engine())


def _killed(*_: object, **__: object) -> None:
    raise OSError("killed")


def test_a_failed_dbt_test_holds_the_release_back_until_it_passes(
    deliveries: Path, home: Home, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(deliveries, home, days=1)
    first = run(make_engine())
    deliver(deliveries, home, days=2)
    with monkeypatch.context() as patch:
        patch.setenv("MINI_FAIL", "yes")
        with pytest.raises(RunFailedError, match="as_told"):
            run(make_engine())
        assert get_release(home.releases).release_id == first.release_id
        with pytest.raises(RunFailedError, match="as_told"):
            run(make_engine())  # no work is pending, and yet nothing is released
    after = run(make_engine())
    assert after.release_id != first.release_id
    assert released_calls(home) == accepted_calls(make_engine())


@pytest.mark.parametrize("blocking", [True, False])
def test_an_expectation_blocks_only_when_configured_to(
    deliveries: Path, home: Home, make_engine: MakeEngine, tmp_path: Path, blocking: bool
) -> None:
    suites = yaml.safe_load(DEFAULT_FILE.read_text())
    suites["every_source"]["a_file_every_day"] |= {
        "arguments": {"min_value": 1000},
        "blocking": blocking,
    }
    file = tmp_path / "suites.yaml"
    file.write_text(yaml.safe_dump(suites))
    deliver(deliveries, home, days=1)
    if blocking:
        with pytest.raises(RunFailedError, match="expectations_hdo_iccs_calls"):
            run(make_engine(suites_file=file, expectations=True))
        assert list_releases(home.releases) == []
        reasons = make_engine(suites_file=file, expectations=True).held_back_by()
        assert any("a_file_every_day" in reason for reason in reasons)
    else:
        lines: list[str] = []
        run(make_engine(suites_file=file, expectations=True, say=lines.append))
        (told,) = [line for line in lines if "a_file_every_day" in line]
        assert "det er en leveranse for hver dag / a delivery is there for every day" in told
        assert "hdo_iccs_calls" in told
        warnings = get_release(home.releases).metadata["gate"]["quality_warnings"]
        assert any("a_file_every_day" in warning for warning in warnings)


def test_a_batch_that_differs_from_its_receipts_holds_the_release_back(
    deliveries: Path, home: Home, make_engine: MakeEngine
) -> None:
    deliver(deliveries, home, days=1)
    run(make_engine())
    batch = next(home.lake.glob("call/*/accepted.parquet"))
    pl.read_parquet(batch).head(1).write_parquet(batch)
    engine = make_engine()
    assert any(batch.parent.name in reason for reason in engine.held_back_by())
    with pytest.raises(RunFailedError, match="batches_match_receipts"):
        run(engine, force=True)


def test_two_runs_at_once_are_refused_and_the_lock_dies_with_its_process(
    deliveries: Path, home: Home, make_engine: MakeEngine
) -> None:
    deliver(deliveries, home, days=1)
    code = (
        "import sys, time; from pathlib import Path; from ingestion.lock import exclusive\n"
        "with exclusive(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(home.run_lock)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline().strip() == "held"
    with pytest.raises(LockBusyError):
        run(make_engine())
    other.kill()
    other.wait()
    with exclusive(home.run_lock):
        pass


def test_a_dead_run_is_not_shown_as_running(
    deliveries: Path, home: Home, make_engine: MakeEngine
) -> None:
    import dagster as dg

    deliver(deliveries, home, days=1)
    with instance(make_engine()) as dagster_instance:
        dead = dagster_instance.create_run_for_job(
            dg.job(name="akutt")(lambda: None),
            status=dg.DagsterRunStatus.STARTED,
            tags={LAUNCHED_BY: RUN_COMMAND},
        )
    run(make_engine())
    with instance(make_engine()) as dagster_instance:
        found = dagster_instance.get_run_by_id(dead.run_id)
        assert found is not None
        assert found.status == dg.DagsterRunStatus.FAILURE


def test_the_key_never_reaches_the_history(
    deliveries: Path, home: Home, make_engine: MakeEngine
) -> None:
    deliver(deliveries, home, days=1)
    secret = b"0123-this-must-not-be-found-anywhere-4567"
    run(make_engine(key=lambda: secret))
    for path in home.root.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path
    assert json.loads((home.state / "release.json").read_text())["release_id"]
