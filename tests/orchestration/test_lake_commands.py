"""Collisions hold a release back where a user sees it; `akutt lake` takes back and reads again."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from ingestion.intake import ingest
from ingestion.lake import read_receipts
from ingestion.withdrawal import standing
from orchestration.cli.main import app
from orchestration.diagnosis import _keys, _lake
from orchestration.engine import Engine
from orchestration.implausible import DAYS_AHEAD, implausible
from orchestration.paths import Home
from tests.orchestration.conftest import KEY, deliver

SOURCE = "helse_nord_alarms"


def test_a_collision_holds_the_release_back_and_doctor_says_so(
    home: Home, make_engine: Callable[..., Engine]
) -> None:
    engine = make_engine()
    assert engine.collisions() == []
    home.warehouse.parent.mkdir(parents=True)
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute(
            "create table int_alarms__latest as select * from (values"
            " ('1', 'helse_nord_alarms'), ('2', 'helse_nord_alarms,helse_vest_alarms'),"
            " ('3', 'helse_nord_alarms,helse_vest_alarms')) as t(source_id, _sources)"
        )
    (reason,) = [item for item in engine.held_back_by() if item.startswith("key: ")]
    for word in ("alarm", "helse_nord_alarms", "helse_vest_alarms", "2 nøkler", "2 keys"):
        assert word in reason
    (finding,) = _keys(home)
    assert finding.status == "fail"
    assert finding.found in reason
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("update int_alarms__latest set _sources = 'helse_nord_alarms'")
    assert [item.status for item in _keys(home)] == ["ok"]


@pytest.fixture
def akutt(deliveries: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command line in a home with one day of one source in its lake."""
    deliver(deliveries, home, days=1, source=SOURCE)
    ingest(home.root, [SOURCE], key=KEY)
    monkeypatch.setenv("AKUTT_HOME", str(home.root))
    monkeypatch.setenv("AKUTT_PSEUDONYM_KEY", KEY.decode())
    runner = CliRunner()

    def call(*arguments: str) -> Result:
        return runner.invoke(app, ["lake", *arguments])

    return call


def test_withdraw_says_first_and_does_when_told(akutt: Callable[..., Result], home: Home) -> None:
    def left() -> int:
        return standing(read_receipts(home.lake), home.lake).height

    files = left()
    words = ("--reason", "feil kart", "--who", "dataeier")
    told = akutt("withdraw", "--source", SOURCE, *words)
    assert told.exit_code == 0, told.output
    assert "dry run" in told.output
    assert "2026-03" in told.output
    assert left() == files > 0
    assert akutt("withdraw", "--source", SOURCE).exit_code == 2  # a reason is asked for
    assert akutt("withdraw", *words).exit_code == 1
    unknown = akutt("withdraw", "--source", "nobody", *words)
    assert (unknown.exit_code, "nobody" in unknown.output) == (1, True)
    done = akutt("withdraw", "--source", SOURCE, *words, "--write")
    assert done.exit_code == 0, done.output
    assert left() == 0
    assert "feil kart" in akutt("withdrawals").output


def test_the_id_of_a_finding_leads_to_the_name_of_the_file(
    akutt: Callable[..., Result], home: Home
) -> None:
    receipt = read_receipts(home.lake).row(0, named=True)
    for name in (receipt["file_id"], receipt["file_name"]):
        shown = akutt("files", name)
        assert shown.exit_code == 0
        assert receipt["file_name"] in shown.output and receipt["file_id"] in shown.output
    assert "ikke i datasjøen" in akutt("files", "0000").output


def test_remap_under_the_same_map_has_nothing_to_do(
    akutt: Callable[..., Result], home: Home
) -> None:
    assert "nothing to read again" in akutt("remap", SOURCE).output
    before = read_receipts(home.lake).height
    told = akutt("remap", SOURCE, "--force", "--from", "2026-01-01", "--to", "2026-12-31")
    assert told.exit_code == 0, told.output
    assert "0 endret / changed" in told.output
    assert "dry run" in told.output
    assert read_receipts(home.lake).height == before
    done = akutt("remap", SOURCE, "--force", "--write")
    assert done.exit_code == 0, done.output
    assert read_receipts(home.lake).height == 2 * before
    assert standing(read_receipts(home.lake), home.lake).height == before


def test_deliveries_dated_far_from_their_intake_are_set_aside(
    deliveries: Path, home: Home, make_engine: Callable[..., Engine]
) -> None:
    deliver(deliveries, home, days=1, source=SOURCE)
    ingest(home.root, [SOURCE], key=KEY)
    # As a lake from before the intake looked at dates: the same rows, delivered in 2205.
    (folder,) = home.lake.glob("alarm/*")
    receipts = json.loads((folder / "receipts.json").read_text("utf-8"))
    receipts[0]["delivered_on"] = "2205-11-03"
    (folder / "receipts.json").write_text(json.dumps(receipts), "utf-8")
    lines: list[str] = []
    engine = make_engine(say=lines.append)
    engine.set_aside()
    assert len(lines) == 1
    for word in (receipts[0]["file_name"], "2205-11-03", "satt til side", "set aside", SOURCE):
        assert word in lines[0]
    left = engine.receipts()["file_name"].to_list()
    assert left
    assert receipts[0]["file_name"] not in left
    engine.set_aside()
    assert len(lines) == 1
    assert "set aside" in " ".join(item.what for item in _lake(home))


def test_which_dates_are_far_from_the_intake() -> None:
    taken_in = dt.datetime(2026, 3, 10, 12)
    near, far = (taken_in.date() + dt.timedelta(days=DAYS_AHEAD + more) for more in (0, 1))
    first = dt.date(2010, 1, 1)
    cases = [
        ("ok", near, near), ("late event", near, far), ("late delivery", far, near),
        ("refused", near, None), ("unnamed", None, None), ("first", first, first),
        ("before", first - dt.timedelta(days=1), first), ("end", dt.date(9999, 12, 31), None),
    ]  # fmt: skip
    receipts = pl.DataFrame(
        [
            {"source": "s", "file_name": name, "delivered_on": day, "last_event_date": event}
            for name, day, event in cases
        ]
    ).with_columns(pl.lit(taken_in).alias("ingested_at"))
    found = implausible(receipts, {"s": first})["file_name"].to_list()
    assert found == ["late event", "late delivery", "before", "end"]
    assert implausible(receipts, {})["file_name"].to_list() == found[:2] + found[3:]
