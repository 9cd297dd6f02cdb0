"""Deliveries and source files that nobody meant: each kind once went wrong in silence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from ingestion.intake import ingest
from ingestion.lake import iter_receipts
from ingestion.quarantine import rejected_rows, replay
from ingestion.sources.spec import SourceSpec
from tests.ingestion.conftest import HEADER, KEY, call_source, deliver, row, text
from tests.ingestion.test_cases import identity_numbers
from tests.ingestion.test_shaping import wide_source

NAME = "prove_2026-01-15.csv"
STAMP = {"format": "%Y-%m-%d %H:%M:%S%.3f"}


def take(home: Path, spec: SourceSpec | None = None) -> dict[str, int]:
    report = ingest(home, key=KEY, specs={"prove": spec or call_source()}).sources["prove"]
    return {"accepted": report.accepted, **report.refusals}


def lake(home: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in home.glob("lake/*/*/accepted.parquet")])


def mapped(**columns: Any) -> SourceSpec:
    """The test source with some columns mapped otherwise."""
    own = call_source().model_dump(by_alias=True, exclude_defaults=True)["columns"]
    return call_source(columns=own | columns)


def wider(name: str, *values: str) -> str:
    """One more column in a file of the test source."""
    rows = [f"{row(number)};{value}" for number, value in enumerate(values, start=1)]
    return "\n".join([f"{HEADER};{name}", *rows]) + "\n"


def written(home: Path) -> str:
    """Everything in lake and quarantine as text."""
    frames = [str(pl.read_parquet(path).to_dicts()) for path in home.glob("lake/*/*/*.parquet")]
    return "".join(frames) + "".join(p.read_text("utf-8") for p in home.glob("lake/*/*/*.json"))


def test_a_file_is_tried_again_when_its_manifest_is_another(home: Path) -> None:
    deliver(home, NAME, text(row(1), row(2)))
    deliver(home, f"{NAME}.manifest.json", json.dumps({"rows": 3}))
    assert take(home) == {"accepted": 0, "FILE_MANIFEST_DIFFERS": 1}
    assert take(home) == {"accepted": 0}
    deliver(home, f"{NAME}.manifest.json", json.dumps({"rows": 2}))
    assert take(home) == {"accepted": 2}


def test_a_replay_holds_the_manifest_against_the_file_too(home: Path) -> None:
    deliver(home, NAME, text(row(1), row(2)))
    deliver(home, f"{NAME}.manifest.json", json.dumps({"rows": 3}))
    take(home)
    report = replay(home, "prove", key=KEY, specs={"prove": call_source(title="Endret")})
    assert report.refusals == {"FILE_MANIFEST_DIFFERS": 1}


def test_a_content_under_two_names_is_judged_under_the_good_one(home: Path) -> None:
    dated = {"from": "utfall", "codes": [{"valid_from": "2026-01-10", "map": {"B": "ANSWERED"}}]}
    for day in ("2026-01-01", "2026-01-15"):
        deliver(home, f"prove_{day}.csv", text(row(1), row(2)))
    assert take(home, mapped(outcome=dated)) == {"accepted": 2, "FILE_NO_ROW_ACCEPTED": 1}


def test_a_replay_finds_both_files_that_are_shown_by_one_name(home: Path) -> None:
    end = "x" * 190
    names = [f"prove_2026-01-15_{end}{number}.csv" for number in (1, 2)]
    for number, name in enumerate(names):
        rows = [row(10 * number + n) for n in range(3)]
        deliver(home, name, text(*rows, row(10 * number + 9, utfall="X")))
    assert take(home) == {"accepted": 6}
    codes = {"B": "ANSWERED", "F": "ABANDONED", "X": "ANSWERED"}
    spec = mapped(outcome={"from": "utfall", "codes": codes})
    assert replay(home, "prove", key=KEY, specs={"prove": spec}).accepted == 2


def test_a_replay_leaves_the_accepted_units_of_a_wide_row_alone(home: Path) -> None:
    content = (
        "hendelse;enhet 1;varslet 1;enhet 2;varslet 2\n"
        "H1;A;2026-01-15 12:00:00;B;tull\n"
        "H2;A;2026-01-15 13:00:00;;\n"
    )
    deliver(home, NAME, content)
    assert take(home, wide_source()) == {"accepted": 2}
    report = replay(home, "prove", key=KEY, specs={"prove": wide_source()}, force=True)
    assert (report.rows_read, report.accepted, report.rejected) == (1, 0, 1)
    assert lake(home)["source_id"].is_unique().all()


@pytest.mark.parametrize(
    ("column", "join"), [("chain_id", ""), ("chain_id", " "), ("home_central_id", "-")]
)
def test_a_number_in_two_columns_is_found_where_they_are_joined(
    home: Path, column: str, join: str
) -> None:
    number = identity_numbers(1)[0]
    content = text(row(1), row(2), row(3)).splitlines()
    lines = [f"{content[0]};a;b", *(f"{line};{number[:6]};{number[6:]}" for line in content[1:])]
    deliver(home, NAME, "\n".join(lines) + "\n")
    spec = mapped(**{column: {"from": ["a", "b"], "join": join}})
    assert take(home, spec) == {"accepted": 0, "FILE_IDENTITY_NUMBER": 1}
    assert number not in written(home)


def test_a_short_address_in_a_key_is_found(home: Path) -> None:
    deliver(
        home, NAME, text(row(1, id="a@b.no"), row(2, id="c2"), row(3, id="c3"), row(4, id="c4"))
    )
    assert take(home) == {"accepted": 0, "FILE_EMAIL": 1}


def test_a_key_of_content_says_nothing_of_it(home: Path) -> None:
    deliver(home, NAME, text(row(1, innringer="+4790000001"), row(2, innringer="a\x1fb")))
    spec = mapped(source_id={"hash_of": ["innringer", "sentral"]})
    take(home, spec)
    ours = set(lake(home)["source_id"])
    other = home.parent / "other"
    (other / "inbox" / "prove").mkdir(parents=True)
    deliver(other, NAME, text(row(1, innringer="+4790000001"), row(2, innringer="a\x1fb")))
    ingest(other, key=KEY[::-1], specs={"prove": spec})
    assert len(ours) == 2 and not ours & set(lake(other)["source_id"])


def test_a_phone_number_in_a_flag_is_not_shown_in_quarantine(home: Path) -> None:
    rows = [row(n) for n in range(1, 7)]
    deliver(home, NAME, text(*rows, row(8, slettet="91234567"), row(9, utfall="ring 91234567")))
    take(home)
    assert "91234567" not in written(home)


def test_stamps_on_two_clocks_cannot_stand_in_one_coalesce() -> None:
    parts = [{"from": "start", "format": "%Y-%m-%dT%H:%M:%S%z"}, {"from": "start", **STAMP}]
    with pytest.raises(ValidationError, match="one coalesce"):
        mapped(ring_start_at={"coalesce": parts})


def test_two_pseudonyms_of_one_column_are_two(home: Path) -> None:
    parts = [
        {"from": "innringer", "pseudonym": True, "extract": "A:(.*)"},
        {"from": "innringer", "pseudonym": True, "extract": "B:(.*)"},
    ]
    deliver(home, NAME, text(row(1, innringer="A:x1"), row(2, innringer="B:x1"), row(3)))
    take(home, mapped(caller_pseudonym={"coalesce": parts}))
    found = lake(home).sort("source_id")["caller_pseudonym"].to_list()
    assert found[0] is not None and found[0] == found[1] and found[2] is None


def test_a_raw_column_may_be_named_as_anything_of_ours(home: Path) -> None:
    deliver(home, NAME, wider("__answered_at", "tull", "2026-01-15 12:01:00.000"))
    take(home, mapped(answered_at={"from": "__answered_at", **STAMP}))
    assert rejected_rows(home / "lake")["code"].to_list() == ["CALL_ANSWERED_UNPARSABLE"]
    with pytest.raises(ValidationError, match="cannot be the name"):
        mapped(chain_id="_row_number")


def test_a_name_without_its_date_refuses_that_file_only(home: Path) -> None:
    deliver(home, "prove.csv", text(row(1)))
    deliver(home, NAME, text(row(2)))
    spec = call_source(files=r"prove(_(?P<date>\d{4}-\d{2}-\d{2}))?\.csv")
    assert take(home, spec) == {"accepted": 1, "FILE_NAME_PATTERN": 1}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_named_as_a_manifest_is_not_waited_for(home: Path) -> None:
    os.mkfifo(home / "inbox" / "prove" / "manifest.csv")
    deliver(home, NAME, text(row(1)))
    assert take(home) == {"accepted": 1}


def test_records_that_are_all_of_others_are_counted(home: Path) -> None:
    deliver(home, NAME, text(row(1), row(2)))
    assert take(home, call_source(where={"sentral": "amk_bodo"})) == {"accepted": 0}
    receipt = next(iter_receipts(home / "lake"))[1]
    assert (receipt["status"], receipt["rows_read"], receipt["left_out"]) == ("accepted", 0, 2)


@pytest.mark.parametrize(
    "odd", ["2026-01-15 12:01: 5.000", "2026-01-15\t12:01:05.000", "2026-01-15 12:01:60.000"]
)
def test_a_stamp_is_read_alike_alone_and_beside_others(home: Path, odd: str) -> None:
    deliver(home, NAME, text(row(1, svar=odd), row(2)))
    take(home)
    (home / "other" / "inbox" / "prove").mkdir(parents=True)
    other = home / "other"
    deliver(other, NAME, text(row(1, svar=odd), row(2)))
    deliver(other, "prove_2026-01-16.csv", text(row(3, svar="2026-01-15 12:1"), row(4)))
    ingest(other, key=KEY, specs={"prove": call_source()})
    codes = [
        rejected_rows(place / "lake", file_name=NAME)["code"].to_list() for place in (home, other)
    ]
    assert codes == [["CALL_ANSWERED_UNPARSABLE"]] * 2


def test_lists_objects_and_numbers_that_are_none_are_no_values(home: Path) -> None:
    records = [dict(zip(HEADER.split(";"), row(n).split(";"), strict=True)) for n in range(1, 4)]
    records[0]["sentral"] = ["4601"]  # type: ignore[assignment]
    records[1]["sentral"] = {"nr": 1}  # type: ignore[assignment]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (home / "inbox" / "prove" / "prove_2026-01-15.jsonl").write_text(lines, "utf-8")
    spec = call_source(format={"type": "jsonl"}, files=r"prove_(?P<date>\d{4}-\d{2}-\d{2})\.jsonl")
    take(home, spec)
    assert rejected_rows(home / "lake")["code"].to_list() == ["ROW_VALUE_NESTED"] * 2
