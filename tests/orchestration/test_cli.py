"""The commands on a release: what they print, write and refuse."""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner, Result

from audit.attack import Result as Attacked
from ingestion.intake import ingest
from ingestion.sources import SourceSpec
from orchestration import diagnosis
from orchestration.cli import demo_summary
from orchestration.cli.kpi import breaks_by_text
from orchestration.cli.main import app
from orchestration.cli.serve import serve
from orchestration.findings import CODES, Finding
from orchestration.paths import Home
from orchestration.release import build_release, get_release, list_releases
from orchestration.watching.alarms import ALARMS
from tests.ingestion.conftest import KEY, call_source, deliver, row, text
from tests.orchestration.fabricated import ordinary_values, receipts, write_warehouse

START = datetime(2026, 10, 1, 5, 0, tzinfo=UTC)


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    for shift in (0, 1):
        warehouse = write_warehouse(tmp_path / f"w{shift}.duckdb", ordinary_values(shift))
        build_release(
            warehouse, tmp_path / "releases", receipts(), now=START + timedelta(hours=shift)
        )
    return tmp_path / "releases"


def akutt(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_release_list_show_verify_rollback(releases: Path) -> None:
    newest = get_release(releases).release_id
    listed = akutt("release", "list")
    assert listed.exit_code == 0
    assert [line for line in listed.output.splitlines() if newest in line and "→" in line]
    shown = akutt("release", "show", newest[:12])
    assert json.loads(shown.output[shown.output.index("{") :])["release_id"] == newest
    assert "ok" in akutt("release", "verify").output
    rolled = akutt("release", "rollback")
    assert rolled.exit_code == 0
    assert get_release(releases).release_id != newest
    assert newest in rolled.output
    assert akutt("release", "rollback").exit_code == 1
    assert akutt("release", "rollback", newest).exit_code == 0
    assert get_release(releases).release_id == newest


def test_release_attack_says_what_follows(releases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [info.release_id for info in list_releases(releases)]
    outcome = akutt("release", "attack", "--format", "json", "--earlier", listed[-1], "--changed")
    told = json.loads(outcome.stdout)
    assert (told["release"], told["earlier"]) == (listed[0], listed[-1])
    assert outcome.exit_code == (1 if told["recovered"] else 0)
    assert akutt("release", "attack", "--changed").exit_code == 2
    assert akutt("release", "attack", "--format", "xml").exit_code == 2
    found = Attacked(attacked=3, steps=Counter(peeling=1))
    monkeypatch.setattr("audit.attack.attack", lambda *_, **__: found)
    outcome = akutt("release", "attack")
    assert outcome.exit_code == 1
    assert "recovered: 1" in outcome.stdout


def test_a_damaged_release_fails_verification(releases: Path) -> None:
    current = get_release(releases)
    (current.path / "units.parquet").write_bytes(b"x")
    outcome = akutt("release", "verify")
    assert outcome.exit_code == 1
    assert "units.parquet has changed" in outcome.output


def test_without_a_release_every_command_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    for words in (("kpi", "list"), ("kpi", "query"), ("release", "list"), ("release", "show")):
        outcome = akutt(*words)
        assert outcome.exit_code == 1
        assert "akutt run" in outcome.output
        assert "AKUTT_HOME" in outcome.output


def test_kpi_query_filters_and_says_its_release(releases: Path) -> None:
    outcome = akutt("kpi", "query", "c113_within_10s", "--unit", "amk_oslo", "--period", "2026-09")
    assert outcome.exit_code == 0, outcome.output
    assert "81,1" in outcome.output
    assert "1 rader" in outcome.output
    assert get_release(releases).release_id in outcome.output


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (("--from", "2026-02", "--to", "2026-04"), 3),
        (("--from", "2026-02"), 8),
        (("--to", "2026-Q1", "--grain", "month"), 3),
        (("--period", "2026-03"), 1),
    ],
)
def test_kpi_query_periods(releases: Path, words: tuple[str, ...], rows: int) -> None:
    base = ("kpi", "query", "c113_within_10s", "--unit", "amk_oslo", "--format", "json")
    outcome = akutt(*base, *words)
    assert outcome.exit_code == 0, outcome.output
    assert len(json.loads(outcome.output)["rows"]) == rows


@pytest.mark.parametrize("suffix", ["csv", "json", "xlsx", "parquet"])
def test_kpi_query_writes_the_format_of_the_file_name(
    releases: Path, tmp_path: Path, suffix: str
) -> None:
    output = tmp_path / f"values.{suffix}"
    outcome = akutt("kpi", "query", "--level", "central", "--output", str(output))
    assert outcome.exit_code == 0, outcome.output
    data = output.read_bytes()
    magic = {"csv": b"kpi_id", "json": b"{", "xlsx": b"PK", "parquet": b"PAR1"}[suffix]
    assert data.startswith(magic)
    if suffix == "csv":
        assert pl.read_csv(output)["release_id"].unique().to_list() == [
            get_release(releases).release_id
        ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--format", "xlsx"), "--output"),
        (("--format", "word"), "parquet"),
        (("--output", "tall.pdf"), ".txt, .csv, .json, .xlsx, .parquet"),
        (("--output", "tall"), ".txt, .csv, .json, .xlsx, .parquet"),
        (("--output", "tall.xlsx", "--format", "csv"), "tall.xlsx"),
        (("--output", "no_such_folder/tall.xlsx"), "no_such_folder"),
        (("--period", "yesterday"), "2026-W40"),
        (("no_such_kpi",), "no_such_kpi"),
        (("--from", "2026-01", "--to", "2026-Q3"), "--grain"),
        (("--period", "2026-09..2026-08"), "ends before it begins"),
        (("--period", "2026-08-31", "--by", "month"), "choose 2026-08"),
    ],
)
def test_kpi_query_refuses_clearly(
    releases: Path, words: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(releases)
    before = sorted(releases.iterdir())
    outcome = akutt("kpi", "query", *words)
    assert sorted(releases.iterdir()) == before
    assert outcome.exit_code == 1
    assert message in outcome.output
    assert "Traceback" not in outcome.output


def test_a_table_has_its_units_in_alphabetical_order(releases: Path) -> None:
    words = ("kpi", "query", "c113_within_10s", "--period", "2026-09")
    lines = akutt(*words, "--level", "central").output.splitlines()
    units = [line.split("  ")[0] for line in lines if line.startswith("AMK")]
    assert units == ["AMK Bergen", "AMK Bodø", "AMK Oslo", "AMK Tromsø"]


def test_a_format_that_is_asked_for_may_have_any_ending_that_is_no_other(
    releases: Path, tmp_path: Path
) -> None:
    output = tmp_path / "tall.dat"
    words = ("kpi", "query", "--level", "central", "--output", str(output))
    assert akutt(*words, "--format", "csv").exit_code == 0
    assert output.read_bytes().startswith(b"kpi_id")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--level", "municipality"), "har / has: central."),
        (("--segment", "116117"), "har / has: 113."),
        (("--period", "2024-01"), "(month: 2026-01 – 2026-09)"),
        (("--unit", "Oslo"), "AMK Oslo (amk_oslo)"),
    ],
)
@pytest.mark.parametrize("fmt", ["table", "json"])
def test_an_empty_answer_says_why_beside_it(
    releases: Path, words: tuple[str, ...], reason: str, fmt: str
) -> None:
    outcome = akutt("kpi", "query", "c113_within_10s", *words, "--format", fmt)
    assert outcome.exit_code == 0, outcome.output
    assert reason in outcome.stderr
    assert reason not in outcome.stdout
    assert not akutt("kpi", "query", "c113_within_10s").stderr


def test_kpi_list_and_show(releases: Path) -> None:
    listed = akutt("kpi", "list")
    assert "lat_readiness" in listed.output
    assert get_release(releases).release_id in listed.output
    assert "Andel besvarte 113-anrop" in akutt("kpi", "show", "c113_within_10s").output


def test_kpis_are_found_by_words(releases: Path) -> None:
    listed = akutt("kpi", "list", "113", "svartid").output
    assert "answer_time_median" in listed
    assert "c113_within_10s" in listed
    assert "lat_readiness" not in listed
    assert akutt("kpi", "list", "finnes", "ikke").exit_code == 1


def test_what_has_no_source_says_why(releases: Path) -> None:
    for words in (
        ("kpi", "show", "unit_hour_utilisation"),
        ("kpi", "query", "unit_hour_utilisation"),
        ("kpi", "list", "unit_hour_utilisation"),
    ):
        assert "ingen kilde / no source: " in akutt(*words).output


def test_kpi_show_prints_the_sql(releases: Path) -> None:
    shown = akutt("kpi", "show", "c113_within_10s").output
    assert "from fct_calls" in shown
    assert "'c113_within_10s' as kpi_id" in shown


def test_kpi_show_says_which_breaks_are_after_the_last_day() -> None:
    row = {"kind": "platform_cutover", "text_nb": "Ny plattform.", "unit_id": "amk_oslo"}
    days = ("2026-08-31", "2026-09-01")
    before, after = breaks_by_text([row | {"break_date": day} for day in days], days[0])
    assert "siste dag" not in before
    assert "etter siste dag i utgivelsen / after the last day of the release" in after


def test_kpi_query_compares_and_groups(releases: Path) -> None:
    words = ("kpi", "query", "c113_within_10s", "--peers", "--trends", "--version", "all")
    outcome = akutt(*words, "--by", "month", "--by", "region", "--format", "csv")
    frame = pl.read_csv(outcome.output.encode())
    assert {"peer_median", "verdict_nb", "xmr_center", "region_name"} <= set(frame.columns)
    assert set(frame["region_id"]) == {"sorost", "vest", "nord"}
    assert akutt(*words[:3], "--version", "new").exit_code == 1


def test_kpi_query_says_what_is_left_out(releases: Path) -> None:
    outcome = akutt("kpi", "query", "--format", "csv", "--limit", "5")
    assert "more rows" in outcome.output
    assert len(outcome.stdout.splitlines()) == 6
    assert "more rows" not in akutt("kpi", "query", "--format", "csv", "--limit", "0").output


def test_sql_reads_and_only_reads(releases: Path, tmp_path: Path) -> None:
    outcome = akutt("sql", "select count(*) as n from kpi_values")
    assert outcome.exit_code == 0, outcome.output
    assert get_release(releases).release_id in outcome.output
    for statement in ("drop table units", "select * from read_csv('/etc/hostname')", "select 1; "):
        outcome = akutt("sql", statement + ("select 2" if statement.endswith("; ") else ""))
        assert outcome.exit_code == 1
        assert " / " in outcome.output
        assert "Traceback" not in outcome.output
    outcome = akutt(
        "sql", "select count(*) from range(1000000000000), range(1000)", "--seconds", "0.2"
    )
    assert outcome.exit_code == 1
    assert "Stopped after 0.2 s" in outcome.output
    cut = akutt("sql", "select * from kpi_values", "--limit", "2", "--format", "csv")
    assert "cut at 2 rows" in cut.output
    for suffix in ("csv", "json", "xlsx", "parquet", "txt"):
        target = tmp_path / f"values.{suffix}"
        assert akutt("sql", "select * from units", "--output", str(target)).exit_code == 0
        assert target.stat().st_size > 100


def test_quarantine_that_is_no_terminal_has_one_whole_line_per_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "40")
    (tmp_path / "inbox" / "prove").mkdir(parents=True)
    rows = [row(1), row(2, utfall="X"), *(row(number, id="") for number in range(3, 7))]
    deliver(tmp_path, "prove_2026-01-15.csv", text(*rows))
    put_source(tmp_path, call_source())
    ingest(tmp_path, key=KEY, specs={"prove": call_source()})
    listed = akutt("quarantine", "list").stdout.splitlines()
    assert listed[0].split("  ")[0] == "kilde / source"
    (line,) = [line for line in listed if "CALL_SOURCE_ID_MISSING" in line]
    assert line.startswith("prove ")
    for message in ("source_id er obligatorisk, men mangler verdi.", "source_id is required"):
        assert message in line
    shown = akutt("quarantine", "show", "--limit", "2").stdout.splitlines()
    assert "Avviste rader / rejected rows" in shown
    (line,) = [line for line in shown if "CALL_OUTCOME_UNKNOWN_CODE" in line]
    assert "utfall: X" in line
    assert shown[-1] == "… 3 rader til / more rows"


PLAIN = {
    "file", "source", "rows_read", "accepted", "rejected", "exact_duplicates", "status", "refusal",
    "findings",
}  # fmt: skip


def put_source(home: Path, spec: SourceSpec) -> Path:
    """A source file of the installation, as a user writes one."""
    path = home / "sources" / f"{spec.name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    path.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    return path


def test_check_and_ingest_as_json_have_stable_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    monkeypatch.setenv("AKUTT_PSEUDONYM_KEY", KEY.decode())
    put_source(tmp_path, call_source())
    (tmp_path / "sources" / "draft.yaml").write_text("name: draft\n", "utf-8")
    (tmp_path / "inbox" / "prove").mkdir(parents=True)
    file = deliver(tmp_path, "prove_2026-01-15.csv", text(row(1), row(1), row(2, id="")))
    deliver(tmp_path, "prove_2026-01-16.csv", "nothing;here\n1;2\n")

    checked = akutt("source", "check", str(file), "--source", "prove", "--format", "json")
    assert checked.exit_code == 1  # a row is rejected
    (one,) = json.loads(checked.stdout)["files"]
    assert set(one) == PLAIN | {"unknown_codes", "more_codes"}
    assert (one["file"], one["source"], one["status"]) == (file.name, "prove", "accepted")
    assert (one["rows_read"], one["accepted"], one["rejected"]) == (3, 1, 1)
    assert (one["exact_duplicates"], one["refusal"]) == (1, None)
    (finding,) = [item for item in one["findings"] if item["level"] == "row"]
    assert (finding["code"], finding["rows"]) == ("CALL_SOURCE_ID_MISSING", 1)
    assert [item["row"] for item in finding["examples"]] == [3]
    assert finding["message_nb"] and finding["message_en"]

    taken = akutt("ingest", "--format", "json")
    assert taken.exit_code == 0, taken.output
    answer = json.loads(taken.stdout)
    first, second = sorted(answer["files"], key=lambda item: str(item["file"]))
    assert {name: first[name] for name in PLAIN - {"findings"}} == {
        name: one[name] for name in PLAIN - {"findings"}
    }
    assert second["status"] == "refused"
    assert second["refusal"]["code"] == "FILE_COLUMN_MISSING"
    assert {"message_nb", "message_en", "detail_nb", "detail_en"} < set(second["refusal"])
    assert [item["source"] for item in answer["skipped_sources"]] == ["draft"]
    assert json.loads(akutt("ingest", "--format", "json").stdout)["files"] == []


def test_an_intake_says_what_to_look_at_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    monkeypatch.setenv("AKUTT_PSEUDONYM_KEY", KEY.decode())
    put_source(tmp_path, call_source())
    (tmp_path / "inbox" / "prove").mkdir(parents=True)
    (tmp_path / "inbox" / "pröve").mkdir()
    deliver(tmp_path, "prove_2026-01-15.csv", text(row(1), row(2, id="")))
    deliver(tmp_path, "prove_2026-01-15_igjen.csv", text(row(1), row(2, id="")))
    deliver(tmp_path, "prove_2026-01-16.csv", "nothing;here\n1;2\n")
    taken = akutt("ingest")
    assert taken.exit_code == 0, taken.output
    said = " ".join(taken.stdout.split())
    assert "FILE_COLUMN_MISSING 1 → akutt quarantine show --source prove" in said
    assert "rejected rows: prove" in said
    assert "taken in before: prove_2026-01-15_igjen.csv" in said
    assert "belongs to no source: pröve/" in said
    assert "bliksund_video" not in said  # no row of zeros for those without files
    again = akutt("ingest")
    assert "no new files" in again.stdout


@pytest.mark.parametrize(("key", "said"), [("x" * 40, "another AKUTT"), ("kort", "only 4 char")])
def test_a_key_that_cannot_be_used_is_told_whatever_waits(
    key: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    monkeypatch.setenv("AKUTT_PSEUDONYM_KEY", KEY.decode())
    put_source(tmp_path, call_source())
    (tmp_path / "inbox" / "prove").mkdir(parents=True)
    deliver(tmp_path, "prove_2026-01-15.csv", text(row(1)))
    assert akutt("ingest").exit_code == 0
    monkeypatch.setenv("AKUTT_PSEUDONYM_KEY", key)
    told = akutt("ingest")
    assert told.exit_code == 1 and said in told.stderr
    assert "Traceback" not in told.output


def test_a_source_that_cannot_be_used_stops_no_other_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    monkeypatch.setenv("AKUTT_PSEUDONYM_KEY", KEY.decode())
    put_source(tmp_path, call_source())
    (tmp_path / "sources" / "draft.yaml").write_text("name: draft\n", "utf-8")
    for words in (("run",), ("ingest",), ("source", "list"), ("quarantine", "list")):
        outcome = akutt(*words, *(("--source", "prove") if words[0] == "quarantine" else ()))
        assert outcome.exit_code == 0, outcome.output
        assert "source skipped: draft" in outcome.stderr
        assert "draft" not in outcome.stdout
    # Only what is asked of it ends in its error.
    named = akutt("ingest", "--source", "draft")
    assert named.exit_code == 1
    assert "title: mangler / is missing" in named.stderr
    for words in (("quarantine", "replay", "draft"), ("lake", "remap", "draft"),
                  ("unit", "add", "coverage", "draft")):  # fmt: skip
        outcome = akutt(*words)
        assert outcome.exit_code == 1
        assert "title: mangler / is missing" in outcome.stderr
        assert "ukjent kilde" not in outcome.stderr
    doctor = akutt("doctor")
    assert doctor.exit_code == 1
    assert "title: mangler / is missing" in doctor.stdout


MESSAGE = "ended_at er i timen som ikke finnes. / ended_at is in the hour that does not exist."


@pytest.mark.parametrize("width", [120, 100, 60, 30])
def test_in_a_terminal_messages_fold_and_codes_do_not(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    from orchestration.cli import common

    terminal = Console(width=width, force_terminal=True, no_color=True, highlight=False)
    monkeypatch.setattr(common, "console", lambda: terminal)
    code = "CALL_ENDED_NONEXISTENT_TIME"
    common.print_frame(
        pl.DataFrame({"source": ["hdo"], "code": [code], "rows": [12345], "message": [MESSAGE]})
    )
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    # On the narrowest a code may stand out, for it is never cut.
    assert all(len(line) <= max(width, len(code) + 6) for line in lines)
    assert sum(code in line for line in lines) == 1
    assert any("12345" in line for line in lines)
    shown = " ".join(" ".join(lines).split())
    assert set(MESSAGE.split()) <= set(shown.split())


def test_release_export_writes_a_described_folder(releases: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    outcome = akutt("release", "export", str(folder), "--format", "csv")
    assert outcome.exit_code == 0, outcome.output
    assert (folder / "datapackage.json").is_file()
    assert (folder / "kpi_values_calls.csv").is_file()
    again = akutt("release", "export", str(folder))
    assert again.exit_code == 1
    assert "not empty" in again.output
    assert akutt("release", "export", str(tmp_path / "b"), "--grain", "hour").exit_code == 1


def test_doctor_on_an_empty_folder_gives_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path / "new"))
    monkeypatch.delenv("AKUTT_PSEUDONYM_KEY", raising=False)
    outcome = akutt("doctor")
    assert outcome.exit_code == 0, outcome.output
    assert "AKUTT_PSEUDONYM_KEY" in outcome.output
    assert "akutt run" in outcome.output
    assert not (tmp_path / "new").exists()


def status_of(home: Home, what: str) -> list[str]:
    return [item.status for item in diagnosis.diagnose(home, full=True) if what in item.what]


def test_doctor_finds_what_is_wrong(releases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(releases.parent)
    assert status_of(home, get_release(releases).release_id) == ["ok"]
    (get_release(releases).path / "akutt.duckdb").unlink()
    assert status_of(home, "Utgivelse") == ["fail"]
    assert status_of(home, get_release(releases).release_id) == ["fail"]
    assert akutt("doctor").exit_code == 1
    (home.inbox / "unknown_sender").mkdir(parents=True)
    assert status_of(home, "Inbox") == ["warn"]
    monkeypatch.setattr(diagnosis, "version", lambda package: "0.0.1")
    assert status_of(home, "Pakker") == ["warn"]
    monkeypatch.setattr(diagnosis.sys, "version_info", (3, 9, 1))
    assert status_of(home, "Python") == ["fail"]


def test_doctor_as_json_has_codes_that_stay(
    releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AKUTT_PSEUDONYM_KEY", raising=False)
    (releases.parent / "inbox" / "unknown_sender").mkdir(parents=True)
    outcome = akutt("doctor", "--full", "--format", "json")
    answer = json.loads(outcome.stdout)
    assert set(answer) == {"findings", "failed", "warned"}
    fields = "code severity subject message_nb message_en advice_nb advice_en"
    assert {frozenset(item) for item in answer["findings"]} == {frozenset(fields.split())}
    found = {item["code"]: item for item in answer["findings"]}
    assert "CHECK_BROKE" not in found
    assert found["KEY_MISSING"]["message_nb"] == "ikke satt"
    assert found["KEY_MISSING"]["message_en"] == "not set"
    assert found["INBOX_STRANGERS"]["severity"] == "warn"
    assert "unknown_sender/" in found["INBOX_STRANGERS"]["message_en"]
    assert "inbox/KILDE/" in found["INBOX_STRANGERS"]["advice_nb"]
    assert found["RELEASE_FILES_OK"]["subject"] in {r.release_id for r in list_releases(releases)}
    severities = [item["severity"] for item in answer["findings"]]
    assert answer["failed"] == severities.count("fail")
    assert answer["warned"] == severities.count("warn") > 0
    assert outcome.exit_code == (1 if answer["failed"] else 0)
    (get_release(releases).path / "akutt.duckdb").unlink()
    broken = akutt("doctor", "--full", "--format", "json")
    assert broken.exit_code == 1
    codes = {item["code"] for item in json.loads(broken.stdout)["findings"]}
    assert {"RELEASE_UNREADABLE", "RELEASE_FILES_WRONG"} <= codes


def test_a_check_that_breaks_is_a_finding_with_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Home) -> list[Finding]:
        raise OSError("no such luck")

    monkeypatch.setattr(diagnosis, "_disk", broken)
    (found,) = [f for f in diagnosis.diagnose(Home(tmp_path)) if f.code == "CHECK_BROKE"]
    assert (found.status, found.subject) == ("fail", "broken")
    assert "no such luck" in found.found


def test_every_code_is_given_somewhere_and_documented() -> None:
    """The codes in the text of the checks, in the list, and in the operator's guide."""
    given = set(re.findall(r'Finding\(\s*"\w+",\s*"([A-Z_]+)"', inspect.getsource(diagnosis)))
    assert given == set(CODES)
    guide = Path(__file__).parents[2] / "docs" / "operator.md"
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+) \|$", guide.read_text("utf-8"), re.MULTILINE)
    documented = dict(rows)
    assert len(documented) == len(rows)
    expected = {**CODES, **{code: en for code, (_, en) in ALARMS.items()}}
    assert documented == expected
    with pytest.raises(ValueError, match="MADE_UP"):
        Finding("ok", "MADE_UP", "x", "y")


def test_demo_does_not_mix_with_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    (tmp_path / "inbox" / "hdo_iccs_calls").mkdir(parents=True)
    outcome = akutt("demo", "--days", "1")
    assert outcome.exit_code == 1
    assert "AKUTT_HOME" in outcome.output
    (tmp_path / "demo.json").write_text(json.dumps({"days": 5, "complete": True}))
    assert akutt("demo", "--days", "1").exit_code == 1
    assert not (tmp_path / "lake").exists()


def test_the_demo_ends_with_figures_and_says_what_is_hidden(
    releases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo_summary.table(Home(releases.parent))
    lines = capsys.readouterr().out.splitlines()
    assert "Andel besvarte 113-anrop innen 10 sekunder, 2026-09 (krav 90 %)" in lines
    rows = {line[:10].strip(): line.split()[2] for line in lines if line.startswith("AMK ")}
    cells = pl.read_parquet(get_release(releases).path / "kpi_values.parquet").filter(
        pl.col("kpi_id") == "c113_within_10s",
        pl.col("level") == "central",
        pl.col("period_grain") == "month",
    )
    last = cells.filter(pl.col("period_start") == pl.col("period_start").max())
    shown = {
        unit for unit, status in last.select("unit_id", "status").iter_rows() if status == "ok"
    }
    names = {"amk_bergen": "AMK Bergen", "amk_bodo": "AMK Bodø"}
    names |= {"amk_oslo": "AMK Oslo", "amk_tromso": "AMK Tromsø"}
    assert rows == {name: "81,1" if unit in shown else ":" for unit, name in names.items()}
    assert "amk_tromso" not in shown and shown
    count = cells.filter(pl.col("status") == "ok").height
    assert f"Vist / shown: {count} av / of 28 tall per AMK" in "\n".join(lines)


# The made-up releases have no readiness; docs/readiness.nb.md tries those commands.
@pytest.mark.parametrize(
    "command", [command for _, command in demo_summary.TO_TRY if " readiness " not in command]
)
def test_what_the_demo_says_to_try_works(
    command: str, releases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = akutt(*command.split()[1:])
    assert outcome.exit_code == 0, outcome.output


def test_the_demo_ends_by_saying_how_to_open_the_pages(capsys: pytest.CaptureFixture[str]) -> None:
    demo_summary._to_try()
    command, where = capsys.readouterr().out.splitlines()[-2:]
    assert command.strip() == "akutt serve"
    told = inspect.signature(serve).parameters
    assert f"http://{told['host'].default}:{told['port'].default}/" in where
