"""The intake end to end on small files: nothing is lost, nothing is counted twice."""

from __future__ import annotations

import datetime as dt
import json
import threading
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import intake
from ingestion.delivery import Delivery
from ingestion.intake import IngestReport, ingest, pending_files
from ingestion.known import known_files
from ingestion.lake import iter_receipts, read_receipts
from ingestion.lock import LockBusyError, exclusive
from ingestion.readers.isolated import Readers
from ingestion.sources.spec import SourceSpec
from tests.ingestion.conftest import KEY, call_source, deliver, row, text


def take(home: Path, **changes: object) -> IngestReport:
    return ingest(home, key=KEY, specs={"prove": call_source(**changes)})


def accepted(home: Path) -> pl.DataFrame:
    files = sorted(home.glob("lake/call/*/accepted.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files])


def test_an_air_ambulance_source_without_missions_and_flights_still_loads(home: Path) -> None:
    stamp = {"format": "%Y-%m-%d %H:%M:%S", "utc": True}
    columns = {
        "source_system": {"constant": "PROVE"},
        "source_id": "id",
        "revision": {"constant": 1},
        "deleted": {"constant": False},
        "extract_at": {"from": "tatt", **stamp},
        "requested_at": {"from": "spurt", **stamp},
        "airborne_at": {"from": "opp", **stamp},
        "base_id": {"constant": "heli_al"},
        "vehicle": {"constant": "HELI"},
        "urgency": {"constant": "RED"},
        "outcome": {"constant": "COMPLETED"},
    }
    own = "1;2026-01-16 03:00:00;2026-01-15 12:00:00;2026-01-15 12:05:00"
    deliver(home, "prove_2026-01-15.csv", f"id;tatt;spurt;opp\n{own}\n")
    report = take(home, contract="lat_request", columns=columns).sources["prove"]
    assert (report.accepted, report.rejected) == (1, 0)
    (file,) = home.glob("lake/lat_request/*/accepted.parquet")
    row = pl.read_parquet(file).row(0, named=True)
    assert {"mission_type", "patients", "landed_at"} <= set(row["_unmapped"].split("|"))
    assert (row["mission_type"], row["patients"], row["landed_at"]) == (None, None, None)
    assert row["warning_codes"] is None


def test_every_row_is_accepted_rejected_or_a_duplicate(home: Path) -> None:
    deliver(
        home,
        "prove_2026-01-15.csv",
        text(
            row(1),
            row(1),
            row(2, id=""),
            row(3, utfall="X"),
            row(4, svar="2026-01-15 11:00:00.000"),
            row(5, start="tull"),
            row(6),
            row(6, sentral="amk_bodo"),
            row(7, slutt="2027-01-01 00:00:00.000"),
            row(8, start="1970-01-01 00:00:00.000"),
        ),
    )
    report = take(home, thresholds={"max_reject_share": 1.0}).sources["prove"]
    assert (report.rows_read, report.accepted, report.rejected, report.exact_duplicates) == (
        10,
        3,
        6,
        1,
    )
    receipt = next(iter_receipts(home / "lake"))[1]
    assert receipt["rejections"] == {
        "CALL_SOURCE_ID_MISSING": 1,
        "CALL_OUTCOME_UNKNOWN_CODE": 1,
        "CALL_RING_START_UNPARSABLE": 1,
        "CALL_KEY_REPEATED": 1,
        "CALL_TIME_IN_FUTURE": 1,
        "CALL_TIME_BEFORE_FIRST_DATE": 1,
    }
    assert receipt["warnings"] == {"CALL_ANSWERED_OUT_OF_ORDER": 1}
    rows = accepted(home)
    late = rows.filter(pl.col("source_id") == "a4").row(0, named=True)
    assert late["warning_codes"] == "|CALL_ANSWERED_OUT_OF_ORDER|"
    assert late["has_order_warning"] and late["has_timing_warning"]
    assert not late["has_missing_warning"]
    assert rows.filter(pl.col("source_id") == "a1")["warning_codes"].to_list() == [None]


def test_the_same_file_twice_changes_nothing(home: Path) -> None:
    content = text(row(1), row(2))
    deliver(home, "prove_2026-01-15.csv", content)
    take(home)
    before = {path: path.stat().st_mtime_ns for path in home.glob("lake/call/*/*")}
    deliver(home, "prove_2026-01-15.csv", content)
    deliver(home, "prove_2026-01-15_igjen.csv", content)
    report = take(home).sources["prove"]
    assert report.rows_read == 0
    assert not pending_files(
        home / "inbox" / "prove", call_source(), known_files(home / "lake")["prove"]
    )
    assert {path: path.stat().st_mtime_ns for path in home.glob("lake/call/*/*")} == before


def test_a_broken_file_never_stops_the_others(home: Path) -> None:
    deliver(home, "prove_2026-01-14.csv", b"")
    deliver(home, "prove_2026-01-15.csv", text(row(1)))
    deliver(home, "prove_2026-01-16.csv", b"\x00\x01\x02")
    deliver(home, "feil navn.csv", text(row(2)))
    report = take(home).sources["prove"]
    assert report.accepted == 1
    assert report.refusals == {"FILE_EMPTY": 1, "FILE_UNREADABLE": 1, "FILE_NAME_PATTERN": 1}


def test_too_many_rejects_refuse_the_delivery_and_keep_every_reason(home: Path) -> None:
    rows = [row(n, utfall="X" if n % 3 else "B") for n in range(30)]
    deliver(home, "prove_2026-01-15.csv", text(*rows))
    report = take(home).sources["prove"]
    assert (report.accepted, report.rejected, report.refusals) == (
        0,
        30,
        {"FILE_TOO_MANY_REJECTS": 1},
    )
    rejected = pl.read_parquet(next(home.glob("lake/call/*/rejected.parquet")))
    assert rejected.group_by("codes").len().sort("codes").rows() == [
        ("|CALL_OUTCOME_UNKNOWN_CODE|", 20),
        ("|FILE_TOO_MANY_REJECTS|", 10),
    ]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        # Synthetic: month + 80, valid control digits.
        ("id", "15896912306", "FILE_IDENTITY_NUMBER"),
        ("sentral", "ring 99999999", "FILE_PHONE_NUMBER"),
        ("id", "+4799999999", "FILE_PHONE_NUMBER"),
    ],
)
def test_personal_numbers_refuse_the_file_and_are_not_written(
    home: Path, field: str, value: str, code: str
) -> None:
    if code == "FILE_IDENTITY_NUMBER":
        from tests.ingestion.test_privacy import with_control_digits

        value = next(
            number
            for serial in range(100)
            if (number := with_control_digits(f"158969{serial:03d}")) is not None
        )
    deliver(home, "prove_2026-01-15.csv", text(row(1), row(2, **{field: value})))
    report = take(home).sources["prove"]
    assert report.refusals == {code: 1}
    assert not list(home.glob("lake/call/*/accepted.parquet"))
    assert all(value not in path.read_text("utf-8") for path in home.glob("lake/call/*/*.json"))


def test_caller_numbers_enter_neither_lake_nor_quarantine(home: Path) -> None:
    number = "+4798765432"
    rows = [row(1, innringer=number), row(2, innringer=number, utfall="X"), row(3), row(4)]
    deliver(home, "prove_2026-01-15.csv", text(*rows))
    take(home)
    everything = b"".join(path.read_bytes() for path in home.glob("lake/**/*") if path.is_file())
    assert b"98765432" not in everything
    for path in home.glob("lake/call/*/*.parquet"):
        assert "98765432" not in str(pl.read_parquet(path).to_dicts())
    raw = pl.read_parquet(next(home.glob("lake/call/*/rejected.parquet")))["raw"][0]
    assert json.loads(raw)["innringer"] == "•••(11)"


def test_dates_limit_a_backfill(home: Path) -> None:
    for day in (14, 15, 16):
        deliver(home, f"prove_2026-01-{day}.csv", text(row(day)))
    day = dt.date(2026, 1, 15)
    report = ingest(home, key=KEY, specs={"prove": call_source()}, dates=(day, day))
    assert report.files_read == 1
    assert take(home).files_read == 2


def test_a_slow_workbook_does_not_hold_up_text(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = {"name": "ark", "files": r"ark_(?P<date>[0-9-]{10})\.xlsx", "format": {"type": "xlsx"}}
    (home / "inbox" / "ark").mkdir(parents=True)
    (home / "inbox" / "ark" / "ark_2026-01-15.xlsx").write_bytes(b"no workbook")
    deliver(home, "prove_2026-01-15.csv", text(row(1)))
    text_is_judged, order = threading.Event(), []
    reads = intake.read_delivery

    def slowly(file: intake.InboxFile, spec: SourceSpec, readers: Readers) -> Delivery | None:
        if spec.name == "ark":
            text_is_judged.wait(30)
        return reads(file, spec, readers)

    def progress(step: intake.Progress) -> None:
        order.append(step.source)
        text_is_judged.set()

    monkeypatch.setattr(intake, "read_delivery", slowly)
    specs = {"ark": call_source(**typed), "prove": call_source()}
    ingest(home, key=KEY, specs=specs, progress=progress)
    assert order == ["prove", "ark"]


def test_one_intake_at_a_time(home: Path) -> None:
    with exclusive(home / "lake" / ".lock"), pytest.raises(LockBusyError):
        take(home)


def test_what_an_interrupted_run_left_aside_is_removed(home: Path) -> None:
    aside = home / "lake" / "call" / ".aside-x-1"
    aside.mkdir(parents=True)
    (aside / "accepted.parquet").write_bytes(b"half")
    take(home)
    assert not aside.exists()


_CELL = st.sampled_from(
    ["", "x", "1", "2026-01-15 12:00:00.000", "J", "N", "B", "113", ";", '"', "æ"]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.lists(_CELL, min_size=9, max_size=12).map(";".join), max_size=30))
def test_any_rubbish_keeps_the_row_identity(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str]
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / "inbox" / "prove").mkdir(parents=True)
    deliver(home, "prove_2026-01-15.csv", text(*rows, row(1)))
    report = take(home).sources["prove"]
    assert report.rows_read == report.accepted + report.rejected + report.exact_duplicates
    assert read_receipts(home / "lake").height == 1
