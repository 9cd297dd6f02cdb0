"""The record that every run leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingestion.errors import KeyMissingError
from orchestration import warehouse
from orchestration.engine import Engine
from orchestration.paths import Home
from orchestration.pipeline import RunFailedError, run
from orchestration.watching.account import class_of, is_held_back
from orchestration.watching.records import KEEP, Record, kinds, latest, peak_memory
from orchestration.watching.status import runs
from tests.orchestration.conftest import deliver

MakeEngine = Callable[..., Engine]
NOW = datetime(2026, 3, 10, 5, 30, tzinfo=UTC)
FIELDS = {
    "schema", "run_id", "status", "started_at", "ended_at", "seconds", "release_id", "audiences",
    "steps", "warnings", "held_back_by", "error", "peak_memory_bytes", "versions",
}  # fmt: skip


def record_of(home: Home) -> dict[str, Any]:
    found = latest(home.runs)
    assert found is not None
    assert set(found) == FIELDS
    return found


def test_a_record_says_that_a_run_goes_on_and_then_what_it_came_to(tmp_path: Path) -> None:
    record = Record(tmp_path, NOW)
    record.begin()
    begun = latest(tmp_path)
    assert begun is not None
    assert (begun["status"], begun["ended_at"]) == ("running", None)
    record.end("ok", NOW + timedelta(seconds=12.5), release_id="r", audiences=["open"])
    (file,) = tmp_path.iterdir()
    ended = json.loads(file.read_text())
    assert set(ended) == FIELDS
    assert (ended["status"], ended["seconds"], ended["release_id"]) == ("ok", 12.5, "r")
    assert ended["ended_at"] == "2026-03-10T05:30:12.500+00:00"
    assert {"python", "dagster", "duckdb"} <= set(ended["versions"])


def test_a_run_that_was_killed_is_found_by_the_next_one(tmp_path: Path) -> None:
    Record(tmp_path, NOW).begin()
    Record(tmp_path, NOW + timedelta(hours=1)).begin()
    statuses = [json.loads(path.read_text())["status"] for path in sorted(tmp_path.iterdir())]
    assert statuses == ["interrupted", "running"]


def test_the_latest_records_are_kept(tmp_path: Path) -> None:
    for minute in range(KEEP + 3):
        moment = NOW + timedelta(minutes=minute)
        (tmp_path / f"{moment:%Y%m%dT%H%M%S.%fZ}.json").write_text('{"status": "ok"}')
    record = Record(tmp_path, NOW + timedelta(days=2))
    record.end("ok", NOW + timedelta(days=2))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == KEEP
    assert names[-1].startswith("20260312T0530")
    assert names[0] == "20260310T053400.000000Z.json"


def test_a_record_that_cannot_be_written_ends_no_run(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    record = Record(tmp_path / "runs", NOW)
    record.begin()
    record.end("ok", NOW)
    assert latest(tmp_path / "runs") is None


def test_a_record_has_only_fields_and_states_that_are_documented(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="done"):
        Record(tmp_path, NOW).end("done", NOW)
    with pytest.raises(ValueError, match="file_names"):
        Record(tmp_path, NOW).end("ok", NOW, file_names=["x"])


def test_what_is_no_record_is_passed_over(tmp_path: Path) -> None:
    Record(tmp_path, NOW).end("ok", NOW)
    (tmp_path / "20990101T000000.000000Z.json").write_text("half a rec")
    (tmp_path / "20990102T000000.000000Z.json").write_text('{"status": "unheard of"}')
    found = latest(tmp_path)
    assert found is not None
    assert found["run_id"].startswith("20260310")


def test_memory_is_told_in_bytes() -> None:
    held = bytearray(64 * 1024**2)
    peak = peak_memory()["run"]
    assert peak is None or len(held) < peak < 2**45


@pytest.mark.slow
def test_every_run_leaves_a_record(
    deliveries: Path, home: Home, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(make_engine())
    assert record_of(home)["status"] == "nothing_pending"
    assert record_of(home)["steps"] == []

    deliver(deliveries, home, days=1)
    first = run(make_engine())
    done = record_of(home)
    assert (done["status"], done["release_id"]) == ("ok", first.release_id)
    assert done["audiences"] == ["open", "internal"]
    steps = {step["step"]: step for step in done["steps"]}
    assert next(iter(steps)) == "intake"
    assert list(steps)[-1] == "release"
    assert {step["outcome"] for step in steps.values()} == {"ok"}
    assert all(step["seconds"] >= 0 for step in steps.values())
    receipts = make_engine().receipts()
    taken = steps["intake"]["counts"]
    assert taken["files"] == receipts.height > 0
    assert taken["rows_read"] == receipts["rows_read"].sum() > 0
    assert steps["dbt_build"]["counts"]["success"] > 0
    assert steps["disclosure"]["counts"]["cells"] > 0
    assert steps["release"]["counts"] == {"created": 1}
    tallied = [json.loads(text) for text in receipts["rejections"]]
    rejected = {code for tally in tallied for code in tally}
    assert {item["code"] for item in done["warnings"] if item["kind"] == "rejected"} == rejected
    # No file of the inbox is named in a record.
    text = json.dumps(done)
    assert not [path.name for path in home.inbox.glob("*/*") if path.name in text]

    deliver(deliveries, home, days=2)
    monkeypatch.setenv("MINI_FAIL", "yes")
    with pytest.raises(RunFailedError):
        run(make_engine())
    held = record_of(home)
    assert (held["status"], held["error"]) == ("held_back", "RunFailedError")
    assert held["held_back_by"] == {"dbt": 1}
    assert held["release_id"] == first.release_id
    monkeypatch.delenv("MINI_FAIL")

    with monkeypatch.context() as patch:
        patch.setattr(warehouse, "_outcome", _broken)
        with pytest.raises(RunFailedError, match="Kari Nordmann"):
            run(make_engine())
    failed = record_of(home)
    assert failed["status"] == "failed"
    assert [s["error"] for s in failed["steps"] if s["outcome"] == "failed"] == ["OSError"]
    assert "Kari" not in json.dumps(failed)

    with monkeypatch.context() as patch:
        patch.setattr("orchestration.pipeline._run_job", _stopped)
        with pytest.raises(KeyboardInterrupt):
            run(make_engine())
    assert record_of(home)["status"] == "interrupted"


def _broken(*_: object, **__: object) -> None:
    raise OSError("Kari Nordmann")


def _stopped(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_process_that_was_killed_leaves_a_record_of_a_run_that_was_interrupted(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from ingestion.lock import exclusive; from orchestration.paths import Home\n"
        "from orchestration.watching.records import Record\n"
        "home = Home(Path(sys.argv[1]))\n"
        "with exclusive(home.run_lock):\n"
        "    Record(home.runs, datetime.now(UTC)).begin()\n"
        "    print('begun', flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "begun"
        running, last = runs(home)
        assert (running is not None, last) == (True, None)
        process.kill()
        process.wait()
    running, last = runs(home)
    assert running is None
    assert last is not None
    assert (last["status"], last["seconds"]) == ("interrupted", None)


@dataclass
class _Error:
    cls_name: str
    cause: _Error | None = None


@pytest.mark.parametrize(
    ("errors", "counts", "held"),
    [
        ({"release__current": "GateError"}, {}, True),
        ({"lake": "DagsterAssetCheckFailedError"}, {}, True),
        ({"lake": "DagsterAssetCheckFailedError", "intake": "OSError"}, {}, False),
        ({"dbt_build": "Failure"}, {"dbt_build": {"fail": 1, "success": 9}}, True),
        ({"dbt_build": "Failure"}, {"dbt_build": {"fail": 1, "error": 1}}, False),
        ({"dbt_build": "Failure"}, {}, False),
        ({}, {}, False),
    ],
)
def test_held_back_is_what_was_found_and_failed_is_what_broke(
    make_engine: MakeEngine,
    errors: dict[str, str],
    counts: dict[str, dict[str, int]],
    held: bool,
) -> None:
    engine = make_engine()
    engine.counts |= counts
    assert is_held_back(engine, errors) == held


def test_an_error_is_told_by_the_class_of_what_went_wrong_first() -> None:
    assert class_of(_Error("Outer", _Error("Failure", _Error("GateError")))) == "GateError"
    assert class_of(None) == "unknown"


def test_reasons_are_counted_by_kind_and_not_quoted() -> None:
    reasons = ["dbt: a_test: Kari", "dbt: other", "key: alarm: helse"]
    assert kinds(reasons) == {"dbt": 2, "key": 1}


@pytest.mark.slow
def test_a_check_on_the_lake_and_the_gate_hold_back_alike(
    deliveries: Path, home: Home, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(deliveries, home, days=1)
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "held_back_by", lambda _: ["key: secret", "quality: secret"])
        with pytest.raises(RunFailedError, match="secret"):
            run(make_engine())
    held = record_of(home)
    assert (held["status"], held["held_back_by"]) == ("held_back", {"key": 1, "quality": 1})
    assert [s["error"] for s in held["steps"] if s["outcome"] == "failed"] == ["GateError"]
    assert "secret" not in json.dumps(held)
    batch = next(home.lake.glob("call/*/accepted.parquet"))
    pl.read_parquet(batch).head(1).write_parquet(batch)
    with pytest.raises(RunFailedError, match="batches_match_receipts"):
        run(make_engine(), force=True)
    held = record_of(home)
    assert (held["status"], held["held_back_by"]) == ("held_back", {"lake": 1})


def test_what_is_wrong_before_the_job_leaves_a_record_too(
    deliveries: Path, home: Home, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(deliveries, home, days=1)
    monkeypatch.delenv("AKUTT_PSEUDONYM_KEY", raising=False)
    with pytest.raises(KeyMissingError):
        run(make_engine(key=None))
    failed = record_of(home)
    assert (failed["status"], failed["error"]) == ("failed", "KeyMissingError")
    assert (failed["steps"], failed["release_id"]) == ([], None)
