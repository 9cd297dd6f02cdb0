"""Dagster's history on PostgreSQL as the operator's guide says: kept, out of reach, found again."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from orchestration.engine import Engine, Settings
from orchestration.paths import Home
from orchestration.pipeline import RunFailedError, instance
from tests.operation.postgres import Server, binaries

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server is installed")


def uncommented(text: str) -> str:
    """dagster.yaml with the comment marks at its end taken away."""
    kept, mark, storage = text.partition("# storage:\n")
    assert mark
    return (
        kept + "storage:\n" + "".join(line.removeprefix("# ") for line in storage.splitlines(True))
    )


@dg.op
def nothing() -> None: ...


@dg.job
def empty_job() -> None:
    nothing()


def run_once(engine: Engine) -> int:
    """Run a job on the instance; how many runs its history knows."""
    with instance(engine) as opened:
        assert empty_job.execute_in_process(instance=opened).success
        return opened.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))


def test_history_is_kept_and_a_server_that_is_away_is_said(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.database("dagster")
    own = tmp_path / "dagster.yaml"
    own.write_text(uncommented((ROOT / "dagster.yaml").read_text("utf-8")), encoding="utf-8")
    for name, value in {**server.environment("dagster"), "AKUTT_DAGSTER_YAML": str(own)}.items():
        monkeypatch.setenv(name, value)
    engine = Engine(Settings(Home(tmp_path / "home")))
    assert [run_once(engine), run_once(engine)] == [1, 2]
    assert not list((tmp_path / "home").rglob("*.db"))

    monkeypatch.setattr("time.sleep", lambda _: None)  # Dagster tries again for half a minute
    server.stop()
    with pytest.raises(RunFailedError, match="kjør igjen") as told:
        run_once(engine)
    assert "run again" in str(told.value)
    server.start()

    with pytest.raises(RunFailedError, match="cannot be reached"), instance(engine) as opened:
        server.stop()
        opened.get_runs_count()
    server.start()
    assert run_once(engine) == 3
