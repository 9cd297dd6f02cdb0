"""What one file causes stays with it: no other file is read, judged or counted differently."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import polars as pl
import pytest

from ingestion.delivery import Delivery
from ingestion.intake import InboxFile, ingest, pending_files, read_delivery
from ingestion.judge import judge
from ingestion.known import known_files
from ingestion.lake import iter_receipts
from ingestion.privacy import Pseudonymiser
from ingestion.quarantine import rejected_rows, replay
from ingestion.readers.isolated import Readers
from ingestion.readers.raw import ROW_NUMBER, RawFile
from ingestion.sources.spec import SourceSpec
from tests.ingestion.conftest import KEY, call_source, deliver, row, text

NOW = dt.datetime(2026, 1, 20, tzinfo=dt.UTC)


def take(home: Path, spec: SourceSpec | None = None) -> dict[str, int]:
    report = ingest(home, key=KEY, specs={"prove": spec or call_source()}).sources["prove"]
    return {"accepted": report.accepted, **report.refusals}


def accepted(home: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in home.glob("lake/*/*/accepted.parquet")])


def raw(**columns: pl.Series) -> RawFile:
    """One row of the test source, some columns replaced."""
    names = call_source().raw_columns()
    values = dict(zip(names, row(1).split(";"), strict=True))
    frame = pl.DataFrame({name: [value or None] for name, value in values.items()})
    return RawFile(
        frame.cast(pl.String).with_columns(
            *(series.alias(name) for name, series in columns.items()),
            pl.Series(ROW_NUMBER, [1], dtype=pl.Int64),
        )
    )


def delivery(name: str, content: RawFile) -> Delivery:
    return Delivery(name, name, 1, 1, dt.date(2026, 1, 15), content)


def test_a_file_that_cannot_be_judged_is_refused_alone() -> None:
    # A list is a type that no reader gives; whatever raises is of this kind.
    odd = raw(start=pl.Series([["x"]]))
    good = raw()
    for deliveries in ([delivery("a", odd), delivery("b", good)], [delivery("a", odd)]):
        batch = judge(call_source(), "b", deliveries, Pseudonymiser(KEY).series, NOW)
        refused = {r.file_name: r.refusal_code for r in batch.receipts if r.status == "refused"}
        assert refused == {"a": "FILE_READER_FAILED"}
    batch = judge(
        call_source(),
        "b",
        [delivery("a", odd), delivery("b", good)],
        Pseudonymiser(KEY).series,
        NOW,
    )
    assert batch.accepted["source_id"].to_list() == ["a1"]


def test_files_whose_columns_have_other_types_change_nothing_for_each_other() -> None:
    stamp = dt.datetime(2026, 1, 15, 12, 0, 1)
    naive = raw(start=pl.Series([stamp], dtype=pl.Datetime("us")))
    zoned = raw(start=pl.Series([stamp], dtype=pl.Datetime("us")).dt.replace_time_zone("UTC"))
    spec = call_source(format={"type": "parquet"})
    batch = judge(
        spec, "b", [delivery("a", naive), delivery("b", zoned)], Pseudonymiser(KEY).series, NOW
    )
    found = dict(batch.accepted.select("_file_id", "ring_start_at").iter_rows())
    # The naive stamp is on the source's clock, an hour ahead of UTC in January.
    assert found == {"a": dt.datetime(2026, 1, 15, 11, 0, 1), "b": stamp}


def test_a_file_that_is_being_written_waits(home: Path) -> None:
    deliver(home, "prove_2026-01-15.csv.part", text(row(1)))
    path = deliver(home, "prove_2026-01-16.csv", text(row(2)))
    found = InboxFile.of(path, call_source())
    with path.open("a", encoding="utf-8") as file:
        file.write(row(3) + "\n")
    with Readers() as readers:
        assert read_delivery(found, call_source(), readers) is None
        path.unlink()
        assert read_delivery(found, call_source(), readers) is None
    assert take(home) == {"accepted": 0}
    (home / "inbox/prove/prove_2026-01-15.csv.part").rename(
        home / "inbox/prove/prove_2026-01-15.csv"
    )
    assert take(home) == {"accepted": 1}


def test_a_file_that_cannot_be_opened_is_refused_until_it_can(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deliver(home, "prove_2026-01-15.csv", text(row(1)))
    deliver(home, "prove_2026-01-16.csv", text(row(2)))
    read_bytes = Path.read_bytes

    def locked(self: Path) -> bytes:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return read_bytes(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", locked)
        assert take(home) == {"accepted": 1, "FILE_UNREADABLE": 1}
        assert take(home) == {"accepted": 0}
    path.chmod(0o600)  # moves the time of the entry, as mending the permissions does
    assert take(home) == {"accepted": 1}


def test_names_that_are_no_text_or_command_a_terminal_are_shown_harmlessly(home: Path) -> None:
    folder = os.fsencode(home / "inbox" / "prove")
    for name in (b"pr\xf8ve_2026-01-15.csv", b"\x1b[31mprove_2026-01-16.csv"):
        with open(os.path.join(folder, name), "wb") as file:  # noqa: PTH118, PTH123
            file.write(text(row(1)).encode() + name)
    deliver(home, "prove_2026-01-17.csv", text(row(2)))
    assert take(home) == {"accepted": 1, "FILE_NAME_PATTERN": 2}
    names = {receipt["file_name"] for _, receipt in iter_receipts(home / "lake")}
    assert len(names) == 3
    assert not any("\x1b" in name or "\ufffd" in name for name in names)
    assert take(home) == {"accepted": 0}


def test_a_file_refused_for_its_name_is_taken_in_under_a_right_one(home: Path) -> None:
    path = deliver(home, "feil navn.csv", text(row(1)))
    assert take(home) == {"accepted": 0, "FILE_NAME_PATTERN": 1}
    path.rename(path.with_name("prove_2026-01-15.csv"))
    assert take(home) == {"accepted": 1}


def test_other_content_under_the_same_name_size_and_time_is_seen(home: Path) -> None:
    path = deliver(home, "prove_2026-01-15.csv", text(row(1)))
    take(home)
    status = path.stat()
    path.write_text(text(row(2)), "utf-8")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert take(home) == {"accepted": 1}


@pytest.mark.parametrize("day", ["2205-11-03", "9999-12-31", "1899-12-31"])
def test_a_delivery_far_from_the_present_is_refused(home: Path, day: str) -> None:
    deliver(home, f"prove_{day}.csv", text(row(1)))
    assert take(home) == {"accepted": 0, "FILE_DATE_IMPLAUSIBLE": 1}


def test_stamps_that_lie_ahead_with_their_extract_time_are_rejected(home: Path) -> None:
    columns = call_source().model_dump(by_alias=True, exclude_defaults=True)["columns"]
    columns["extract_at"] = {"from": "uttrekk", "format": "%Y-%m-%d"}
    lines = text(row(1), row(2, start="2099-01-15 12:00:00.000", svar="", slutt="", utfall="F"))
    head, first, second, _ = lines.split("\n")
    content = f"{head};uttrekk\n{first};2026-01-16\n{second};2099-01-16\n"
    deliver(home, "prove_2026-01-15.csv", content)
    assert take(home, call_source(columns=columns)) == {"accepted": 1}
    assert rejected_rows(home / "lake")["code"].to_list() == ["CALL_TIME_IN_FUTURE"]


def test_a_replay_keeps_what_follows_from_the_other_rows(home: Path) -> None:
    rows = [row(1), row(1, sentral="amk_bodo"), row(2, utfall="X"), row(2, utfall="X"), row(3)]
    deliver(home, "prove_2026-01-15.csv", text(*rows, row(4), row(5)))
    take(home)
    report = replay(home, "prove", key=KEY, specs={"prove": call_source()}, force=True)
    # The second a1 has a key that stands above it, in a row that is not in quarantine.
    assert (report.accepted, report.rejected) == (0, 2)
    assert rejected_rows(home / "lake").select("row", "code").rows() == [
        (2, "CALL_KEY_REPEATED"),
        (3, "CALL_OUTCOME_UNKNOWN_CODE"),
    ]


def test_a_replay_goes_by_content_where_two_files_had_one_name(home: Path) -> None:
    path = deliver(home, "prove_2026-01-15.csv", text(row(1), row(2, id=""), row(3)))
    take(home)
    path.unlink()
    deliver(home, "prove_2026-01-15.csv", text(row(4), row(5), row(6, id="")))
    take(home)
    report = replay(home, "prove", key=KEY, specs={"prove": call_source()}, force=True)
    assert (report.rows_read, report.accepted, report.rejected) == (1, 0, 1)


def test_a_file_of_which_no_row_can_be_accepted_is_refused_and_says_so(home: Path) -> None:
    deliver(home, "prove_2026-01-15.csv", text(row(1, utfall="X"), row(2, start="")))
    assert take(home) == {"accepted": 0, "FILE_NO_ROW_ACCEPTED": 1}
    receipt = next(iter_receipts(home / "lake"))[1]
    assert receipt["refusal_nb"] == "2 rader, alle avvist"
    assert (receipt["rows_read"], receipt["rejected"]) == (2, 2)


def five_weeks(home: Path) -> None:
    """Five deliveries of 60 rows, a week apart, up to the first of January."""
    for week in range(5):
        day = dt.date(2025, 12, 4) + dt.timedelta(weeks=week)
        deliver(home, f"prove_{day}.csv", a_days_rows(day, 100 * week, 60))


def a_days_rows(day: dt.date, first: int, count: int) -> str:
    return text(*(row(first + n) for n in range(count))).replace("2026-01-15", str(day))


def test_far_fewer_rows_than_usual_for_the_weekday_are_a_warning(home: Path) -> None:
    five_weeks(home)
    deliver(home, "prove_2026-01-08.csv", a_days_rows(dt.date(2026, 1, 8), 900, 29))
    take(home)
    warned = {
        receipt["delivered_on"]
        for _, receipt in iter_receipts(home / "lake")
        if "FILE_VOLUME_LOW" in receipt["warnings"]
    }
    assert warned == {"2026-01-08"}


def test_a_refused_file_is_no_earlier_delivery_of_another(home: Path) -> None:
    five_weeks(home)
    few = a_days_rows(dt.date(2026, 1, 8), 900, 29)
    wider = "".join(f"{line};ny\n" for line in few.splitlines())
    # Of the same day and with the same column; refused when its rows are judged.
    deliver(home, "prove_2026-01-08_a.csv", wider.replace(";B;", ";X;"))
    deliver(home, "prove_2026-01-08_b.csv", wider)
    take(home)
    receipts = {receipt["file_name"]: receipt for _, receipt in iter_receipts(home / "lake")}
    assert receipts["prove_2026-01-08_a.csv"]["status"] == "refused"
    assert receipts["prove_2026-01-08_b.csv"]["warnings"] == {
        "FILE_VOLUME_LOW": 1,
        "FILE_COLUMN_ADDED": 1,
    }


def test_pending_is_known_again_after_a_run(home: Path) -> None:
    deliver(home, "prove_2026-01-15.csv", text(row(1)))
    take(home)
    known = known_files(home / "lake")["prove"]
    assert pending_files(home / "inbox" / "prove", call_source(), known) == []


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("sentral", "kari.nordmann@example.no", "FILE_EMAIL"),
        ("sentral", "Kari Nordmann", "FILE_PERSON_NAME"),
        ("sentral", "59.9139, 10.7522", "FILE_COORDINATE"),
    ],
)
def test_what_is_personal_in_a_free_column_is_a_warning_and_never_written(
    home: Path, field: str, value: str, code: str
) -> None:
    deliver(home, "prove_2026-01-15.csv", text(row(1), row(2, **{field: value}), row(3)))
    assert take(home) == {"accepted": 3}
    receipt = next(iter_receipts(home / "lake"))[1]
    assert receipt["warnings"] == {code: 1}
    written = accepted(home)
    assert value not in str(written.to_dicts())
    assert written.filter(pl.col("source_id") == "a2")["central_id"].to_list() == ["•••"]
    refusing = call_source(personal=dict.fromkeys(("email", "name", "coordinate"), "refuse"))
    deliver(home, "prove_2026-01-16.csv", text(row(4, **{field: value}), row(5)))
    assert take(home, refusing) == {"accepted": 0, code: 1}


def test_an_address_in_a_key_refuses_the_file(home: Path) -> None:
    rows = [row(n) for n in range(1, 9)]
    deliver(home, "prove_2026-01-15.csv", text(*rows, row(9, id="ola.nordmann@example.no")))
    assert take(home) == {"accepted": 0, "FILE_EMAIL": 1}


def test_a_column_that_no_earlier_delivery_had_is_a_warning_once(home: Path) -> None:
    plain = text(row(1), row(2))
    wider = "".join(f"{line};ny\n" for line in text(row(3), row(4)).splitlines())
    deliver(home, "prove_2026-01-15.csv", plain)
    deliver(home, "prove_2026-01-16.csv", wider)
    take(home)
    deliver(home, "prove_2026-01-17.csv", wider.replace("a3", "a5"))
    take(home)
    receipts = {receipt["delivered_on"]: receipt for _, receipt in iter_receipts(home / "lake")}
    assert [day for day, r in receipts.items() if "FILE_COLUMN_ADDED" in r["warnings"]] == [
        "2026-01-16"
    ]
    assert receipts["2026-01-16"]["new_columns"] == ["ny"]
