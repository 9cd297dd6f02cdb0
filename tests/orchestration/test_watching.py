"""Alarms per source at their limits, and what `akutt status` says in each of its forms."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from ingestion.attention import WINDOW_DAYS, cadence
from ingestion.intake import ingest
from ingestion.lock import exclusive, is_held
from orchestration.cli.main import app
from orchestration.paths import Home
from orchestration.quality.suites import load_suites
from orchestration.watching.alarms import (
    ALARMS,
    DELIVERY_REFUSED,
    FRESHNESS_LATE,
    NEVER_DELIVERED,
    SOURCE_SKIPPED,
    VOLUME_HIGH,
    VOLUME_LOW,
    Alarm,
    Deliveries,
    Watched,
    look_at,
)
from orchestration.watching.prometheus import METRICS, exposition
from orchestration.watching.records import Record
from orchestration.watching.status import runs, status_of
from tests.ingestion.conftest import KEY, call_source, row, text

SUITES = load_suites()
FIRST = date(2026, 6, 1)
USED = Watched("prove", "call", "Eier", is_used=True)
(ALLOWED,) = {e.arguments["max_value"] for e in SUITES.every_source if e.name == "freshness"}
(VOLUME,) = (e.arguments for e in SUITES.every_source if e.name == "volume_against_history")


def receipt(day: date | None, rows: int = 1000, **columns: Any) -> dict[str, Any]:
    noon = datetime.combine(day or FIRST, datetime.min.time()) + timedelta(days=1, hours=4)
    return {
        "source": "prove",
        "file_id": f"{day}",
        "delivered_on": day,
        "status": "accepted",
        "rows_read": rows,
        "accepted": rows,
        "rejected": 0,
        "exact_duplicates": 0,
        "left_out": 0,
        "replay_of": None,
        "ingested_at": noon,
    } | columns


def refused(day: date | None, **columns: Any) -> dict[str, Any]:
    return receipt(day, 0, status="refused", file_id=f"refused {day}", **columns)


def looked_at(
    rows: list[dict[str, Any]], today: date, source: Watched = USED
) -> tuple[Deliveries, dict[str, date | None]]:
    schema = {"delivered_on": pl.Date, "replay_of": pl.String, "ingested_at": pl.Datetime("us")}
    frame = pl.DataFrame(
        rows or [receipt(FIRST)], schema_overrides=schema, infer_schema_length=None
    )
    known, alarms = look_at(source, frame.head(len(rows)), SUITES, today)
    return known, {alarm.code: alarm.since for alarm in alarms}


def daily(count: int, step: int = 1) -> list[dict[str, Any]]:
    return [receipt(FIRST + timedelta(days=step * n)) for n in range(count)]


# --- alarms -------------------------------------------------------------------------------------


@given(step=st.sampled_from([1, 2, 7, 30]), count=st.integers(3, 40), wait=st.integers(0, 120))
def test_late_from_the_first_day_beyond_what_is_allowed_and_not_before(
    step: int, count: int, wait: int
) -> None:
    rows = daily(count, step)
    last = rows[-1]["delivered_on"]
    known, alarms = looked_at(rows, last + timedelta(days=wait))
    assert (known.cadence_days, known.days_since) == (step, wait)
    since = last + timedelta(days=step + ALLOWED + 1)
    expected = since if wait > step + ALLOWED else None
    assert alarms.get(FRESHNESS_LATE) == expected


def test_a_source_with_too_few_deliveries_is_not_late() -> None:
    known, alarms = looked_at(daily(2), FIRST + timedelta(days=300))
    assert (known.cadence_days, alarms) == (None, {})


def test_the_cadence_is_that_of_the_latest_deliveries() -> None:
    weekly = [FIRST + timedelta(weeks=n) for n in range(40)]
    since = [weekly[-1] + timedelta(days=n) for n in range(1, 20)]
    assert cadence(weekly) == 7
    assert cadence([*weekly, *since]) == 1
    assert cadence([*weekly, *weekly]) == 7
    # Weekends without a delivery are no reason to wait for more than a day.
    assert cadence(day for day in since if day.weekday() < 5) == 1


@pytest.mark.parametrize(
    ("share", "code"),
    [
        (VOLUME["min_value"], None),
        (VOLUME["min_value"] - 0.001, VOLUME_LOW),
        (VOLUME["max_value"], None),
        (VOLUME["max_value"] + 0.001, VOLUME_HIGH),
    ],
)
def test_volume_is_judged_against_the_weekday_at_its_limits(share: float, code: str | None) -> None:
    rows = daily(60)
    rows[-1] |= {"rows_read": round(1000 * share), "accepted": round(1000 * share)}
    last = rows[-1]["delivered_on"]
    known, alarms = looked_at(rows, last)
    assert (known.rows, known.usual, known.ratio) == (round(1000 * share), 1000, share)
    assert alarms == ({code: last} if code else {})


def test_volume_is_wrong_since_the_first_of_the_days_in_a_row() -> None:
    rows = daily(60)
    for n in (40, 57, 58, 59):  # the first of them was followed by ordinary days
        rows[n] |= {"rows_read": 100}
    assert looked_at(rows, rows[-1]["delivered_on"])[1] == {VOLUME_LOW: rows[57]["delivered_on"]}
    rows[57] |= {"rows_read": 5000}
    assert looked_at(rows, rows[-1]["delivered_on"])[1] == {VOLUME_LOW: rows[58]["delivered_on"]}


def test_few_rows_and_short_histories_have_no_volume_alarm() -> None:
    few = [receipt(item["delivered_on"], 20) for item in daily(60)]
    few[-1] |= {"rows_read": 1}
    assert looked_at(few, few[-1]["delivered_on"])[1] == {}
    young = daily(15)
    young[-1] |= {"rows_read": 1}
    assert looked_at(young, young[-1]["delivered_on"])[1] == {}


def test_only_a_source_that_somebody_means_to_deliver_can_have_failed_to() -> None:
    assert looked_at([], FIRST)[1] == {NEVER_DELIVERED: None}
    assert looked_at([], FIRST, Watched("prove", "call", "Eier", is_used=False))[1] == {}
    # What was refused is no delivery.
    assert set(looked_at([refused(FIRST)], FIRST)[1]) == {NEVER_DELIVERED, DELIVERY_REFUSED}


def test_a_refused_file_is_told_of_until_another_comes_in_its_place() -> None:
    rows, at = daily(10), FIRST + timedelta(days=10)
    gone = at + timedelta(days=1)
    assert looked_at([*rows, refused(at)], at)[1] == {DELIVERY_REFUSED: gone}
    assert looked_at([*rows, refused(at), receipt(at)], at)[1] == {}
    # Where its day is not known, a later file of the source is one.
    unknown = refused(None, ingested_at=rows[-1]["ingested_at"])
    assert looked_at([*rows, unknown], at)[1] == {DELIVERY_REFUSED: rows[-1]["ingested_at"].date()}
    assert looked_at([*rows, unknown, receipt(at)], at)[1] == {}
    # The one that was first names the day.
    two = [*rows, refused(at), refused(at + timedelta(days=1))]
    assert looked_at(two, at)[1][DELIVERY_REFUSED] == gone


@pytest.mark.parametrize(("days", "is_told"), [(WINDOW_DAYS, True), (WINDOW_DAYS + 1, False)])
def test_a_refused_file_is_forgotten_in_time(days: int, is_told: bool) -> None:
    rows = [refused(FIRST), receipt(FIRST - timedelta(days=1))]
    today = rows[0]["ingested_at"].date() + timedelta(days=days)
    assert (DELIVERY_REFUSED in looked_at(rows, today)[1]) == is_told


def test_an_alarm_has_a_code_that_is_documented() -> None:
    with pytest.raises(ValueError, match="MADE_UP"):
        Alarm("MADE_UP", None)


# --- the state ----------------------------------------------------------------------------------


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home where one source has delivered, one file waits, and one source file is broken."""
    home = Home(tmp_path)
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    spec = call_source()
    home.sources.mkdir()
    described = json.dumps(spec.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    (home.sources / "prove.yaml").write_text(described, "utf-8")
    (home.sources / "broken.yaml").write_text("name: broken", "utf-8")
    folder = home.inbox / "prove"
    folder.mkdir(parents=True)
    for n in range(3):
        (folder / f"prove_2026-01-{16 + n}.csv").write_text(text(row(n)), "utf-8")
    ingest(home.root, key=KEY, specs={"prove": spec})
    (folder / "prove_2026-01-19.csv").write_text(text(row(9)), "utf-8")
    (home.inbox / "lat_requests").mkdir()
    release = home.releases / "20260119T0500"
    release.mkdir(parents=True)
    about = {"created_at": "2026-01-19T05:00:00+00:00", "period_end": "2026-01-18"}
    (release / "metadata.json").write_text(json.dumps(about))
    (home.releases / "current").write_text("20260119T0500")
    return home


NOW = datetime(2026, 1, 25, 23, 30, tzinfo=UTC)  # the 26th in Norway


def akutt(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def contents(home: Home) -> dict[Path, tuple[int, bytes]]:
    files = [path for path in home.root.rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_the_state_of_an_installation(installation: Home) -> None:
    before = contents(installation)
    status = status_of(installation, NOW)
    assert contents(installation) == before
    sources = {source["source"]: source for source in status["sources"]}
    mine = sources["prove"]
    assert (mine["last_delivery"], mine["days_since"], mine["cadence_days"]) == ("2026-01-18", 8, 1)
    assert (mine["owner"], mine["rows"], mine["pending_files"]) == (call_source().owner, 1, 1)
    assert [(a["code"], a["since"]) for a in mine["alarms"]] == [(FRESHNESS_LATE, "2026-01-22")]
    alarms = {name: [a["code"] for a in source["alarms"]] for name, source in sources.items()}
    assert alarms["lat_requests"] == [NEVER_DELIVERED]
    assert alarms["broken"] == [SOURCE_SKIPPED]
    assert alarms["lat_readiness"] == []
    assert not sources["lat_readiness"]["is_used"]
    assert status["alarms"] == 3
    assert status["pending"] == {"prove": 1}
    (release,) = status["releases"]
    assert release == {
        "audience": "open",
        "release_id": "20260119T0500",
        "created_at": "2026-01-19T05:00:00+00:00",
        "last_day": "2026-01-18",
        "age_seconds": 6 * 86400 + 18 * 3600 + 1800,
    }
    assert (status["running"], status["last_run"]) == (None, None)


def test_a_run_that_goes_on_is_told_apart_from_one_that_died(installation: Home) -> None:
    Record(installation.runs, NOW).end("failed", NOW)
    Record(installation.runs, NOW + timedelta(hours=1)).begin()
    assert not is_held(installation.run_lock)
    running, last = runs(installation)
    assert (running, last and last["status"]) == (None, "interrupted")
    code = (
        "import sys; from pathlib import Path; from ingestion.lock import exclusive\n"
        "with exclusive(Path(sys.argv[1])):\n    print('held', flush=True); input()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", code, str(installation.run_lock)]
    with subprocess.Popen(command, **pipes) as other:  # type: ignore[call-overload]
        assert other.stdout.readline().strip() == "held"
        running, last = runs(installation)
        answer = akutt("status", "--format", "json")
        other.communicate("\n")
    assert running is not None
    assert running["started_at"].startswith("2026-01-26T00:30")
    assert (last or {})["status"] == "failed"
    assert answer.exit_code == 0
    assert json.loads(answer.stdout)["running"] == running
    with exclusive(installation.run_lock):  # asking has left it free
        pass


SOURCE_FIELDS = {
    "source", "contract", "owner", "is_used", "last_delivery", "days_since", "cadence_days", "rows",
    "usual_rows", "volume_ratio", "pending_files", "alarms",
}  # fmt: skip


def test_the_fields_of_the_json_stay(installation: Home) -> None:
    answer = akutt("status", "--format", "json")
    assert answer.exit_code == 0, answer.output
    status = json.loads(answer.stdout)
    assert set(status) == {
        "schema", "at", "home", "alarms", "releases", "running", "last_run", "pending", "sources",
    }  # fmt: skip
    assert {frozenset(source) for source in status["sources"]} == {frozenset(SOURCE_FIELDS)}
    (alarm,) = next(s["alarms"] for s in status["sources"] if s["source"] == "prove")
    assert set(alarm) == {"code", "since", "message_nb", "message_en"}


def test_the_exit_status_and_the_table(
    installation: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Record(installation.runs, NOW).end("held_back", NOW + timedelta(seconds=90))
    shown = akutt("status")
    assert shown.exit_code == 0
    (line,) = [line for line in shown.stdout.splitlines() if line.split()[:1] == ["prove"]]
    assert "FRESHNESS_LATE (2026-01-22)" in line
    assert "held_back" in shown.stdout
    assert "90.0 s" in shown.stdout
    assert ALARMS[FRESHNESS_LATE][0] in shown.stdout
    assert akutt("status", "--fail-on-alarm").exit_code == 1
    assert akutt("status", "--format", "yaml").exit_code == 2
    assert akutt("status", "--output", str(tmp_path / "x")).exit_code == 2
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    monkeypatch.setenv("AKUTT_HOME", str(quiet))
    assert akutt("status", "--fail-on-alarm").exit_code == 0
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path / "nowhere"))
    missing = akutt("status")
    assert missing.exit_code == 1
    assert "nowhere" in missing.stderr
    assert not (tmp_path / "nowhere").exists()


def test_it_starts_without_what_is_heavy(installation: Home) -> None:
    code = (
        "import sys, time\nbegan = time.process_time()\n"
        "from typer.testing import CliRunner\nfrom orchestration.cli.main import app\n"
        "assert CliRunner().invoke(app, ['status', '--format', 'json']).exit_code == 0\n"
        "heavy = {'dagster', 'dbt', 'great_expectations', 'duckdb'} & set(sys.modules)\n"
        "assert not heavy, heavy\nprint(time.process_time() - began)"
    )
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    # Of the processor: how long it takes on a clock is up to whatever else goes on.
    assert float(ended.stdout) < min(3.0, time.monotonic() - began + 1)


# --- Prometheus ---------------------------------------------------------------------------------

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)')
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def parsed(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The samples of a text in the exposition format; what is not of that format is an error."""
    assert text.endswith("\n")
    helped: set[str] = set()
    typed: dict[str, str] = {}
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    families: list[str] = []
    for line in text[:-1].split("\n"):
        if about := re.fullmatch(rf"# HELP ({NAME}) (?:[^\\]|\\\\|\\n)+", line):
            assert about[1] not in helped
            helped.add(about[1])
            continue
        if kind := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram|summary)", line):
            assert kind[1] not in typed
            typed[kind[1]] = kind[2]
            continue
        sample = re.fullmatch(rf"({NAME})(?:\{{(.*)\}})? (\S+)", line)
        assert sample, line
        name, inside, value = sample.groups()
        assert name in typed
        assert name in helped
        labels, at = {}, 0
        while inside and at < len(inside):
            label = LABEL.match(inside, at)
            assert label, line
            assert label[1] not in labels
            labels[label[1]] = re.sub(r'\\[\\"n]', lambda m: ESCAPES[m[0]], label[2])
            at = label.end()
        if not families or families[-1] != name:
            assert name not in families, "the samples of a metric stand together"
            families.append(name)
        key = (name, frozenset(labels.items()))
        assert key not in found
        found[key] = float(value)
    return found


def labels(**values: str) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


def test_prometheus_reads_what_the_json_says(installation: Home, tmp_path: Path) -> None:
    Record(installation.runs, NOW).end("ok", NOW + timedelta(seconds=41.5))
    file = tmp_path / "akutt.prom"
    wrote = akutt("status", "--format", "prometheus", "--output", str(file))
    assert (wrote.exit_code, wrote.stdout) == (0, "")
    assert [path.name for path in tmp_path.iterdir() if "prom" in path.name] == ["akutt.prom"]
    found = parsed(file.read_text("utf-8"))
    assert set(parsed(akutt("status", "--format", "prometheus").stdout)) == set(found)
    assert {name for name, _ in found} <= set(METRICS)
    assert found["akuttkjede_last_run_seconds", labels()] == 41.5
    assert found["akuttkjede_last_run_success", labels()] == 1
    assert found["akuttkjede_run_in_progress", labels()] == 0
    prove = labels(source="prove")
    assert found["akuttkjede_source_pending_files", prove] == 1
    # The 18th begins an hour earlier in Norway than in UTC.
    began = datetime(2026, 1, 17, 23, tzinfo=UTC).timestamp()
    assert found["akuttkjede_source_last_delivery_timestamp_seconds", prove] == began
    raised = {key for (name, key), on in found.items() if name.endswith("_alarm") and on == 1}
    assert raised == {
        labels(source="prove", code=FRESHNESS_LATE),
        labels(source="lat_requests", code=NEVER_DELIVERED),
        labels(source="broken", code=SOURCE_SKIPPED),
    }
    assert found["akuttkjede_source_alarm", labels(source="prove", code=VOLUME_LOW)] == 0
    assert found["akuttkjede_release_age_seconds", labels(audience="open")] > 0


@pytest.mark.parametrize("status", ["held_back", "failed", "interrupted"])
def test_a_run_that_did_not_release_is_no_success(installation: Home, status: str) -> None:
    Record(installation.runs, NOW).end(status, NOW)
    found = parsed(exposition(status_of(installation, NOW)))
    assert found["akuttkjede_last_run_success", labels()] == 0


def test_what_is_not_known_has_no_sample(tmp_path: Path) -> None:
    found = parsed(exposition(status_of(Home(tmp_path), NOW)))
    assert {name for name, _ in found} == {"akuttkjede_run_in_progress"}


@given(st.text(alphabet=st.sampled_from('ab\\"\n{},= æ'), min_size=1))
def test_labels_survive_whatever_they_hold(name: str) -> None:
    source = {"source": name, "is_used": True, "last_delivery": None, "pending_files": 3}
    state = {
        "releases": [],
        "running": None,
        "last_run": None,
        "sources": [{**source, "alarms": []}],
    }
    found = parsed(exposition(state))
    assert found["akuttkjede_source_pending_files", labels(source=name)] == 3
