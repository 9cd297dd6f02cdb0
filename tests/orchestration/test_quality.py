"""The daily profile, the suites, and the checkpoint with its Data Docs."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ingestion.sources.registry import load_sources
from orchestration.deliveries import net
from orchestration.diagnosis import diagnose
from orchestration.engine import Engine, Settings
from orchestration.paths import Home
from orchestration.quality.checkpoint import Checkpoint
from orchestration.quality.profile import profiles
from orchestration.quality.suites import (
    DEFAULT_FILE,
    RECONCILIATION,
    SuiteFileError,
    load_suites,
)

SUITES = load_suites()
START = date(2026, 6, 1)


def receipt(day: int, source: str = "hdo_iccs_calls", **columns: Any) -> dict[str, Any]:
    contract = {"hdo_iccs_calls": "call", "bliksund_video": "video_session"}.get(source, "alarm")
    row = {
        "source": source,
        "contract": contract,
        "file_name": f"{source}_{day}",
        "file_id": f"{source}{day:04}",
        "batch_id": "b",
        "delivered_on": START + timedelta(days=day),
        "status": "accepted",
        "refusal_code": None,
        "rows_read": 1000,
        "accepted": 990,
        "rejected": 10,
        "exact_duplicates": 0,
        "left_out": 0,
        "null_counts": json.dumps({"municipality_code": 99}),
        "replay_of": None,
        # A replay comes after what it replays.
        "ingested_at": datetime(2026, 9, 1, 1 if columns.get("replay_of") else 0),
    }
    return row | columns


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        schema_overrides={"refusal_code": pl.String, "replay_of": pl.String},
        infer_schema_length=None,
    )


def profile_of(rows: list[dict[str, Any]], source: str = "hdo_iccs_calls") -> pl.DataFrame:
    return profiles(frame(rows), SUITES)[source]


def last(table: pl.DataFrame) -> dict[str, Any]:
    return table.row(-1, named=True)


def test_an_ordinary_day_is_as_usual() -> None:
    table = profile_of([receipt(day) for day in range(60)])
    assert table.height == SUITES.window_days
    row = last(table)
    assert (row["files"], row["volume_ratio"], row["rejected_share"]) == (1, 1.0, 0.01)
    assert (row["unaccounted_rows"], row["days_behind"], row["null_drift"]) == (0, 0, 0.0)


def test_usual_is_the_same_weekday_before_and_not_the_day_itself() -> None:
    rows = [receipt(day, rows_read=500 if day % 7 == 5 else 1000) for day in range(60)]
    rows[54] |= {"rows_read": 250}  # a Saturday with half of its usual rows
    by_day = {row["delivered_on"]: row for row in profile_of(rows).iter_rows(named=True)}
    assert by_day[START + timedelta(days=54)]["volume_ratio"] == 0.5
    assert by_day[START + timedelta(days=53)]["volume_ratio"] == 1.0


def test_small_sources_have_no_volume_ratio() -> None:
    table = profile_of([receipt(day, rows_read=20, accepted=10) for day in range(60)])
    assert table["volume_ratio"].null_count() == table.height
    assert table["rejected_share"].null_count() == table.height


def test_a_missing_day_is_a_day_with_no_file() -> None:
    table = profile_of([receipt(day) for day in range(60) if day != 50])
    missing = table.filter(pl.col("delivered_on") == START + timedelta(days=50)).row(0, named=True)
    assert (missing["files"], missing["rows_read"]) == (0, None)


def test_a_source_that_stopped_is_behind_the_newest_of_any_source() -> None:
    rows = [receipt(day) for day in range(55)]
    rows += [receipt(day, "helse_vest_alarms") for day in range(60)]
    tables = profiles(frame(rows), SUITES)
    assert last(tables["hdo_iccs_calls"])["days_behind"] == 5
    assert last(tables["hdo_iccs_calls"])["files"] == 0
    assert last(tables["helse_vest_alarms"])["days_behind"] == 0


def test_refused_files_and_lost_rows_show() -> None:
    rows = [receipt(day) for day in range(60)]
    rows[-1] |= {"status": "refused", "rows_read": 0, "accepted": 0, "rejected": 0}
    rows[-2] |= {"rows_read": 1001}
    table = profile_of(rows)
    assert (last(table)["files"], last(table)["files_refused"]) == (0, 1)
    assert table.row(-2, named=True)["unaccounted_rows"] == 1


def test_a_column_that_empties_drifts() -> None:
    rows = [receipt(day) for day in range(60)]
    rows[-1] |= {"null_counts": json.dumps({"municipality_code": 990, "central_id": 0})}
    row = last(profile_of(rows))
    assert row["null_drift"] == pytest.approx(0.9)
    assert row["null_drift_column"] == "municipality_code"


def test_reconciliation_compares_sources_day_by_day() -> None:
    rows = [receipt(day) for day in range(60)]
    rows += [receipt(day, "helse_vest_alarms", accepted=500) for day in range(60)]
    rows += [receipt(day, "bliksund_video", accepted=200) for day in range(60)]
    rows[119] |= {"accepted": 125}  # alarms of the last day
    table = profiles(frame(rows), SUITES)[RECONCILIATION]
    assert last(table)["alarm_ratio"] == pytest.approx(0.25)
    assert last(table)["video_ratio"] == pytest.approx(1.0)
    without_calls = profiles(frame(rows[60:]), SUITES)[RECONCILIATION]
    assert last(without_calls)["calls"] == 0


def test_a_replay_moves_rows_and_reads_none() -> None:
    rows = [
        receipt(0),
        receipt(0, batch_id="r", replay_of="b", rows_read=10, accepted=7, rejected=3),
    ]
    totals = net(frame(rows)).select("rows_read", "accepted", "rejected").sum().row(0)
    assert totals == (1000, 997, 3)
    refused = {"status": "refused", "rows_read": 0, "accepted": 0, "rejected": 0}
    rows = [receipt(0, **refused), receipt(0, batch_id="r", replay_of="b")]
    totals = net(frame(rows)).select("rows_read", "accepted", "rejected").sum().row(0)
    assert totals == (1000, 990, 10)
    rows = [receipt(0, **refused), receipt(0, batch_id="r", replay_of="b", **refused)]
    assert net(frame(rows)).height == 1


def test_the_suite_file_fits_the_registry_and_the_profile() -> None:
    suites = load_suites(DEFAULT_FILE, list(load_sources()))
    rows = [receipt(day) for day in range(10)]
    tables = profiles(frame(rows), suites)
    assert {item.column for item in suites.every_source} <= set(tables["hdo_iccs_calls"].columns)
    assert {item.column for item in suites.reconciliation} <= set(tables[RECONCILIATION].columns)
    changed = {item.name: item for item in suites.of_source("lat_requests")}
    assert changed["volume_against_history"].arguments["max_value"] == 3.0
    assert any(item.blocking for item in suites.every_source)


@pytest.mark.parametrize(
    "change",
    [
        {"sources": {"no_such_source": {"freshness": {"blocking": True}}}},
        {"sources": {"lat_requests": {"no_such_expectation": {"blocking": True}}}},
        {"sources": {"lat_requests": {"freshness": {"column": "files"}}}},
        {"reconciliation": {"x": {"expectation": "E", "column": "c", "arguments": {}, "text": ""}}},
    ],
)
def test_a_suite_file_that_cannot_be_meant_is_refused(tmp_path: Path, change: Any) -> None:
    data = yaml.safe_load(DEFAULT_FILE.read_text()) | change
    file = tmp_path / "suites.yaml"
    file.write_text(yaml.safe_dump(data))
    with pytest.raises(SuiteFileError):
        load_suites(file, list(load_sources()))


@pytest.mark.slow
def test_the_checkpoint_finds_what_is_wrong_and_writes_pages_that_call_nobody(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    rows = [receipt(day) for day in range(60)]
    rows += [receipt(day, "helse_vest_alarms") for day in range(50)]
    for bad in rows[36:60]:
        bad |= {"rejected": 700, "accepted": 300}
    checkpoint = Checkpoint(home)
    lake = Engine(Settings(home)).lake()
    assert checkpoint.known(lake) is None
    quality = checkpoint.result(lake, frame(rows))
    failed = {(finding.suite, finding.name): finding for finding in quality.failed}
    assert set(failed) >= {
        ("hdo_iccs_calls", "rejected_share"),
        ("helse_vest_alarms", "freshness"),
        ("helse_vest_alarms", "a_file_every_day"),
    }
    rejected = failed["hdo_iccs_calls", "rejected_share"]
    assert rejected.blocking
    assert rejected.days_unexpected == 24
    assert "0.7" in rejected.sentence
    assert not failed["helse_vest_alarms", "freshness"].blocking
    assert [finding.suite for finding in quality.blocking] == ["hdo_iccs_calls"]
    told = [line for line in quality.told() if "helse_vest_alarms" in line]
    assert any(line.startswith("freshness (kilden er høyst to dager") for line in told)
    # What a run and doctor say of it, by its name and in both languages.
    shown = [item.found for item in diagnose(home) if "expectations" in item.what]
    assert any("two days behind" in text and "helse_vest_alarms" in text for text in shown)

    pages = list(quality.docs.rglob("*.html"))
    assert quality.docs / "index.html" in pages
    for page in pages:
        outside = re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=.?https?:", page.read_text())
        assert outside == [], page

    assert checkpoint.known(lake) is not None
    assert Checkpoint(home).known("lake-2") is None


@pytest.mark.slow
def test_a_checkpoint_that_was_started_and_not_asked_ends(tmp_path: Path) -> None:
    checkpoint = Checkpoint(Home(tmp_path))
    checkpoint.start()
    process = checkpoint._process
    assert process is not None
    checkpoint.stop()
    assert process.poll() is not None
