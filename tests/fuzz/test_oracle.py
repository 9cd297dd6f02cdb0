"""The oracle bites: what it must find is planted, in what came out and in what went in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.fuzz import write
from tests.fuzz.cases import Case, all_cases
from tests.fuzz.oracle import archives, sheets, texts
from tests.fuzz.oracle.read import readings
from tests.fuzz.oracle.reading import Clock, MustRefuseError, Stamp, UndecidedError
from tests.fuzz.oracle.values import parsed
from tests.fuzz.oracle.verdict import Outcome, judged
from tests.fuzz.run import take_in

DAY = dt.date(2026, 1, 15)
Change = Callable[[list[dict[str, Any]], dict[str, Any]], None]


def case(name: str) -> Case:
    return next(item for item in all_cases() if item.name == name)


@pytest.fixture(scope="module")
def delivered() -> tuple[Case, str, bytes, Outcome]:
    """A valid file and what became of it."""
    lifex = case("hdo_lifex_calls")
    name, data = lifex.file_name(DAY, "a"), lifex.valid_file(DAY, 6, random.Random(1))
    mutant = _mutant(lifex, name, data)
    got = take_in({lifex: [mutant]}).of(lifex, name, data)
    assert got is not None
    return lifex, name, data, got


def _mutant(of: Case, name: str, data: bytes) -> Any:
    from tests.fuzz.mutate import Mutant

    return Mutant(0, of, DAY, name, data, ("untouched",), data)


def test_a_valid_file_is_without_fault(delivered: tuple[Case, str, bytes, Outcome]) -> None:
    of, name, data, got = delivered
    verdict = judged(name, data, of.spec, got, untouched=True)
    assert (verdict.outcome, verdict.faults) == ("as is", [])
    assert verdict.cells > 100 > verdict.cells_unknown


def _lost(rows: list[dict[str, Any]], receipt: dict[str, Any]) -> None:
    rows.pop()
    receipt.update(rows_read=5, accepted=5)


def _twice(rows: list[dict[str, Any]], receipt: dict[str, Any]) -> None:
    rows.append({**rows[0], "_row_number": 7})
    receipt.update(rows_read=7, accepted=7)


def _unstored(rows: list[dict[str, Any]], _: dict[str, Any]) -> None:
    rows.pop()


def _duplicate(rows: list[dict[str, Any]], receipt: dict[str, Any]) -> None:
    rows.pop()
    receipt.update(accepted=5, exact_duplicates=1)


def _changed(column: str, value: Callable[[Any], Any]) -> Change:
    def change(rows: list[dict[str, Any]], _: dict[str, Any]) -> None:
        rows[2][column] = value(rows[2][column])

    return change


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (_lost, "records lost"),
        (_twice, "records that are not there"),
        (_unstored, "stored rows are not those of the receipt"),
        (_duplicate, "called exact duplicates"),
        (_changed("source_id", lambda old: old + "0"), "wrong key"),
        (_changed("source_id", lambda old: old + " "), "wrong key"),
        (_changed("revision", lambda old: old + 1), "wrong number"),
        (_changed("outcome", lambda _: "TECHNICAL X"), "wrong code"),
        (_changed("is_test", lambda old: not old), "wrong flag"),
        (_changed("ring_start_at", lambda old: old + dt.timedelta(hours=1)), "wrong timestamp"),
        (_changed("ring_start_at", lambda _: None), "timestamp lost"),
        (_changed("event_date", lambda old: old + dt.timedelta(days=1)), "wrong event date"),
        (_changed("caller_pseudonym", lambda _: "98765432"), "not a pseudonym"),
    ],
)
def test_what_is_wrong_in_the_lake_is_found(
    delivered: tuple[Case, str, bytes, Outcome], change: Change, kind: str
) -> None:
    of, name, data, got = delivered
    rows, receipt = [dict(row) for row in got.accepted], dict(got.receipt)
    change(rows, receipt)
    verdict = judged(name, data, of.spec, Outcome(receipt, rows, got.rejected), untouched=False)
    assert kind in {found for found, _ in verdict.faults}


@pytest.mark.parametrize(
    ("edit", "kind"),
    [
        (lambda data: data.replace(b'"revision": ', b'"revision": 1, "revision": ', 1), "broken"),
        (lambda data: data.replace(b'"ringStart": "20', b'"ringStart": "0:0', 1), "unusable"),
        (lambda data: data.replace(b'"deleted": false', b'"deleted": [false]', 1), "unusable"),
        (lambda data: data.replace(b'"ringStart"', b'"start"'), "should be refused"),
        (lambda data: data[: len(data) // 2], "records that are not there"),
    ],
)
def test_a_file_that_says_other_than_the_lake_is_found(
    delivered: tuple[Case, str, bytes, Outcome], edit: Callable[[bytes], bytes], kind: str
) -> None:
    of, name, data, got = delivered
    verdict = judged(name, edit(data), of.spec, got, untouched=False)
    assert any(found.startswith(kind) for found, _ in verdict.faults)


def test_a_file_without_a_trace_is_found_unless_it_waits() -> None:
    spec = case("lat_requests").spec
    name = "lat_requests_2026-01-15.csv"
    assert judged(name, b"x", spec, None, untouched=False).faults == [("no receipt", "")]
    assert judged(f"{name}.part", b"x", spec, None, untouched=False).faults == []


@pytest.mark.parametrize("of", all_cases(), ids=lambda item: item.name)
def test_valid_files_of_every_source_are_read_by_the_oracle(of: Case) -> None:
    data = of.valid_file(DAY, 8, random.Random(2))
    found = readings(data, of.spec, DAY)
    assert all(reading.refused_for is None for reading in found)
    assert all(row.values is not None for row in found[0].rows)
    assert len(found[0].rows) == 8 if not of.spec.where else 1 <= len(found[0].rows) <= 8


@pytest.mark.parametrize(
    ("line", "fields", "state"),
    [
        ('a;"b;c";d', ["a", "b;c", "d"], "ok"),
        ('"a ""b""";c', ['a "b"', "c"], "ok"),
        ('a"b;c', ['a"b', "c"], "ok"),
        ('a;"b;c', ["a", "b;c"], "open"),
        ('"a"b;c', [], "bad"),
        (";", ["", ""], "ok"),
    ],
)
def test_fields_by_rfc_4180(line: str, fields: list[str], state: str) -> None:
    assert texts.split_fields(line, ";", quoted=True) == (fields, state)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-15 04:00:01.250", dt.datetime(2026, 1, 15, 4, 0, 1, 250_000)),
        ("2026-01-15 04:00:01", dt.datetime(2026, 1, 15, 4, 0, 1)),
        ("2026-01-15 04:00:0", None),
        ("2026-01-15 04:0:01.250", None),
        ("2026-02-30 04:00:01.250", None),
        ("2026-01-15 24:00:00.000", None),
    ],
)
def test_stamps_fit_their_format_in_whole(text: str, moment: dt.datetime | None) -> None:
    found = parsed(text, "%Y-%m-%d %H:%M:%S%.3f")
    assert (found and found[0]) == moment


def test_day_numbers_of_excel() -> None:
    stamp = sheets.moment(Decimal("46037.5"))
    assert isinstance(stamp, Stamp)
    assert stamp.moment == dt.datetime(2026, 1, 15, 12)
    late = sheets.moment(Decimal("44575.5"), late=True)
    assert isinstance(late, Stamp)
    assert late.moment == dt.datetime(2026, 1, 15, 12)
    assert sheets.moment(Decimal("0.5")) == Clock(dt.timedelta(hours=12))


def test_archives_are_checked() -> None:
    archive = write.zipped({"a.csv": b"innhold " * 20})
    assert archives.chosen(archive, None) == [b"innhold " * 20]
    place = archive.rfind(b"PK\x01\x02") + 16
    lying = archive[:place] + b"\x00\x00\x00\x00" + archive[place + 4 :]
    for wrong in (lying, archive[:-30], write.zipped({"a": b"1", "b": b"2"})):
        with pytest.raises(MustRefuseError):
            archives.chosen(wrong, None)
    with pytest.raises(MustRefuseError):
        archives.gunzipped(gzip.compress(b"abc")[:-3])


def test_a_damaged_element_costs_itself_and_not_the_array() -> None:
    of = case("fz_json")
    data = of.valid_file(DAY, 5, random.Random(3)).replace(b'"rev": ', b'"rev" ', 1)
    rows = readings(data, of.spec, DAY)[0].rows
    assert [row.values is None for row in rows] == [True, False, False, False, False]
    cut = dataclasses.replace(of)
    assert readings(data[:-4], cut.spec, DAY)[0].refused_for == "the array does not end"


def test_nonsense_of_one_decoding_does_not_judge_what_another_cannot() -> None:
    of = case("fz_utf16")
    text = of.valid_file(DAY, 6, random.Random(1)).decode("utf-16")
    names, rest = text.split("\n", 1)
    data = f'{names};"\n{rest}'.encode("utf-16")
    with pytest.raises(UndecidedError, match="quotation marks in the header"):
        readings(data, of.spec, DAY)
