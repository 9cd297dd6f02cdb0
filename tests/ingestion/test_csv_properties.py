"""CSV: what Python's writer writes is read back cell by cell, and a fault stays in its record."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.errors import FileRefusedError
from ingestion.readers import RawFile, read_bytes
from tests.ingestion.conftest import call_source

DAY = dt.date(2026, 1, 15)
SHORT = ["id", "sentral", "fri"]

LETTERS = st.sampled_from([*"ab1Åøčž€–' .#\\", ";", ",", "\t", "|", '"', '""', ' "'])
BREAKS = st.sampled_from(["\n", "\r", "\r\n", "\n\n"])
ONE_LINE = st.lists(LETTERS, max_size=5).map("".join)
TEXT = st.lists(LETTERS | BREAKS, max_size=5).map("".join)


def short_source(**format_: Any) -> Any:
    """A source that maps two of the three columns of the file."""
    columns = {
        "source_system": {"constant": "PROVE"},
        "source_id": "id",
        "central_id": "sentral",
        "service_line": {"constant": "113"},
        "direction": {"constant": "INBOUND"},
        "channel": {"constant": "VOICE"},
        "ring_start_at": {"hours_after_delivery": 1},
        "outcome": {"constant": "ANSWERED"},
        "is_test": {"constant": False},
    }
    return call_source(format={"type": "csv", **format_}, columns=columns)


def written(table: list[list[str]], delimiter: str, quoting: Any, end: str, last: bool) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerow(SHORT)
    writer.writerows(table)
    text = buffer.getvalue()
    return (text if last else text.removesuffix(end)).encode()


def cells(raw: RawFile) -> list[tuple[str | None, ...]]:
    return raw.frame.select("id", "sentral").rows()


def expected(table: list[list[str]]) -> list[tuple[str | None, ...]]:
    return [(record[0] or None, record[1] or None) for record in table]


def tables(text: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[str]]]:
    return st.lists(st.lists(text, min_size=3, max_size=3), max_size=8)


QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
DELIMITER = st.sampled_from([";", ",", "\t", "|"])
END = st.sampled_from(["\n", "\r\n", "\r"])


@settings(max_examples=400, deadline=None)
@given(tables(ONE_LINE), DELIMITER, QUOTING, END, st.booleans())
def test_what_is_written_on_one_line_is_read_back(
    table: list[list[str]], delimiter: str, quoting: Any, end: str, last: bool
) -> None:
    raw = read_bytes(
        written(table, delimiter, quoting, end, last), short_source(delimiter=delimiter), DAY
    )
    assert raw.broken == ()
    assert cells(raw) == expected(table)
    assert raw.frame["_row_number"].to_list() == list(range(1, len(table) + 1))


@settings(max_examples=600, deadline=None)
@given(tables(TEXT), DELIMITER, QUOTING, END, st.booleans())
def test_fields_with_line_breaks_are_read_back_where_the_source_has_them(
    table: list[list[str]], delimiter: str, quoting: Any, end: str, last: bool
) -> None:
    if quoting == csv.QUOTE_MINIMAL:
        # The writer puts marks around a line break only if it is part of its own line end.
        end = "\r\n"
    data = written(table, delimiter, quoting, end, last)
    raw = read_bytes(data, short_source(delimiter=delimiter, multiline=True), DAY)
    assert raw.broken == ()
    assert cells(raw) == expected(table)


MUTATION = st.sampled_from(
    ['"', ";", '";', ';"', '""', "\r", '"\r"', " ", "x", ";;;;", '";"', "\\", "\t", "\ufffd", '"x']
)


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.lists(ONE_LINE, min_size=3, max_size=3), min_size=3, max_size=8),
    QUOTING,
    st.sampled_from(["\n", "\r\n"]),
    st.data(),
)
def test_a_fault_in_a_line_leaves_the_others_as_they_are(
    table: list[list[str]], quoting: Any, end: str, data: st.DataObject
) -> None:
    lines = written(table, ";", quoting, end, True).decode().removesuffix(end).split(end)
    at = data.draw(st.integers(1, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[at])))
    cut = data.draw(st.integers(0, 3))
    lines[at] = lines[at][:place] + data.draw(MUTATION) + lines[at][place + cut :]
    raw = read_bytes(end.join([*lines, ""]).encode(), short_source(), DAY)
    by_number = dict(zip(raw.frame["_row_number"], cells(raw), strict=True))
    # A CR that makes two records of the line, or an emptied line, moves the numbers behind it.
    moved = raw.rows_read - len(table)
    assert moved in (-1, 0, 1)
    for number, values in enumerate(expected(table), start=1):
        if number < at:
            assert by_number[number] == values
        elif number > at:
            assert by_number[number + moved] == values


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(TEXT, min_size=3, max_size=3), min_size=2, max_size=6),
    QUOTING,
    st.data(),
)
def test_with_line_breaks_a_fault_costs_its_record_or_the_file(
    table: list[list[str]], quoting: Any, data: st.DataObject
) -> None:
    text = written(table, ";", quoting, "\n", True).decode()
    place = data.draw(st.integers(len("id;sentral;fri\n") + 4, len(text)))
    broken = text[:place] + data.draw(MUTATION) + text[place:]
    try:
        raw = read_bytes(broken.encode(), short_source(multiline=True), DAY)
    except FileRefusedError as error:
        assert error.code in {"FILE_UNREADABLE", "FILE_TRUNCATED", "FILE_COLUMN_MISSING"}
        return
    right = set(expected(table))
    assert sum(values not in right for values in cells(raw)) <= 2
    assert raw.rows_read == raw.frame.height + len(raw.broken)


@settings(max_examples=300, deadline=None)
@given(tables(ONE_LINE), QUOTING)
def test_the_hash_is_equal_when_the_records_are(table: list[list[str]], quoting: Any) -> None:
    table = [["a", *record[1:]] for record in table] + [["a", "", ""], ["a", "", ""]]
    hashes = read_bytes(written(table, ";", quoting, "\n", True), short_source(), DAY).record_hash
    assert hashes is not None
    first = [table.index(record) for record in table]
    assert [hashes.to_list().index(value) for value in hashes] == first
