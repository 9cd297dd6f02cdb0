"""Readers: what is refused whole, and that one broken row is rejected alone."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import os
import zipfile
from typing import Any

import pytest
import xlsxwriter

from ingestion.errors import FileRefusedError
from ingestion.readers import read_bytes
from ingestion.readers.container import unpack
from ingestion.readers.text import MAX_LINE_BYTES
from tests.ingestion.conftest import HEADER, call_source, row, text

DAY = dt.date(2026, 1, 15)


def refusal(data: bytes, **changes: Any) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as caught:
        read_bytes(data, call_source(**changes), DAY)
    return caught.value


def zipped(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


GZIP = {"format": {"type": "csv", "delimiter": ";", "compression": "gzip"}}
ZIP = {"format": {"type": "csv", "delimiter": ";", "compression": "zip"}}
CP1252 = {"format": {"type": "csv", "delimiter": ";", "encoding": "cp1252"}}
JSONL = {"format": {"type": "jsonl"}}
XLSX = {"format": {"type": "xlsx", "sheet": "Ark"}}
PARQUET = {"format": {"type": "parquet"}}
GOOD = text(row(1), row(2)).encode()


# Without a time in the archives: the names of the tests are made of the bytes, and all processes
# that run them have to find the same names.
@pytest.mark.parametrize(
    ("data", "changes", "code"),
    [
        (b"", {}, "FILE_EMPTY"),
        (b"\n", {}, "FILE_EMPTY"),
        (gzip.compress(GOOD, mtime=0)[:-12], GZIP, "FILE_TRUNCATED"),
        (gzip.compress(GOOD, mtime=0)[:20], GZIP, "FILE_TRUNCATED"),
        (GOOD, GZIP, "FILE_UNREADABLE"),
        (GOOD, ZIP, "FILE_UNREADABLE"),
        (zipped(("../x.csv", GOOD)), ZIP, "FILE_ARCHIVE_PATH"),
        (zipped(("/etc/x.csv", GOOD)), ZIP, "FILE_ARCHIVE_PATH"),
        (zipped(("C:\\x.csv", GOOD)), ZIP, "FILE_ARCHIVE_PATH"),
        (zipped(("a.csv", GOOD), ("b.csv", GOOD)), ZIP, "FILE_UNREADABLE"),
        (zipped(("a.csv", b"0" * (64 * 1024**2))), ZIP, "FILE_ARCHIVE_BOMB"),
        (gzip.compress(b"0" * (64 * 1024**2)), GZIP, "FILE_ARCHIVE_BOMB"),
        (GOOD.decode().encode("utf-16"), {}, "FILE_ENCODING"),
        (text(row(1, sentral="Kø")).encode("cp1252"), {}, "FILE_ENCODING"),
        (GOOD + b"\x81", CP1252, "FILE_ENCODING"),
        (os.urandom(4096) + b"\x00", {}, "FILE_UNREADABLE"),
        (GOOD + b"x" * (MAX_LINE_BYTES + 2), {}, "FILE_LINE_TOO_LONG"),
        (GOOD.replace(b"utfall", b"resultat"), {}, "FILE_COLUMN_MISSING"),
        (GOOD.replace(b"innringer", b"id"), {}, "FILE_COLUMN_MISSING"),
        (GOOD.replace(b"kommune", b"kommune;id"), {}, "FILE_COLUMN_DOUBLED"),
        (b'{"id": "1"}\n', JSONL, "FILE_COLUMN_MISSING"),
        (b"not a workbook", XLSX, "FILE_UNREADABLE"),
        (zipped(("x.txt", b"not a workbook")), XLSX, "FILE_UNREADABLE"),
        (b"PAR1 but no more", PARQUET, "FILE_UNREADABLE"),
    ],
)
def test_refused_whole(data: bytes, changes: dict[str, Any], code: str) -> None:
    assert refusal(data, **changes).code == code


def test_a_200_megabyte_line_is_refused_without_parsing_it() -> None:
    error = refusal(GOOD + b"y" * (200 * 1024**2))
    assert error.code == "FILE_LINE_TOO_LONG"
    assert "4" in error.detail_en


def test_gzip_of_several_members_is_one_file() -> None:
    head, tail = GOOD[:50], GOOD[50:]
    assert unpack(gzip.compress(head) + gzip.compress(tail), "gzip") == GOOD


def test_the_missing_column_is_named_in_both_languages() -> None:
    error = refusal(GOOD.replace(b"utfall", b"resultat"))
    assert "utfall" in error.detail_nb
    assert "utfall" in error.detail_en


def test_a_missing_column_has_near_names_that_may_be_shown() -> None:
    error = refusal(GOOD.replace(b"utfall", b"Ut_fall").replace(b"sentral", b"sted"))
    assert error.detail_nb.startswith("kolonne: sentral, utfall (mener du Ut_fall?); ")
    assert error.detail_en.startswith("column: sentral, utfall (did you mean Ut_fall?); ")
    for detail in (error.detail_nb, error.detail_en):
        assert "akutt source diff" in detail and "--source prove --write" in detail
    error = refusal(GOOD.replace(b"innringer", b"innringer 98 76 54 32"))
    assert error.detail_nb.startswith("kolonne: innringer;")
    # A column that the source uses is itself, not another.
    error = refusal(GOOD.replace(b"start", b"x"))
    assert error.detail_nb.startswith("kolonne: start;")


def test_unmapped_columns_never_leave_the_reader() -> None:
    data = "\n".join([HEADER + ";navn", row(1) + ";Kari Nordmann"]).encode()
    raw = read_bytes(data, call_source(), DAY)
    assert "navn" not in raw.frame.columns
    assert "Kari" not in str(raw.frame.to_dicts())


@pytest.mark.parametrize("broken", [row(2) + ";one;too;many", '"unclosed;1;N'])
def test_a_broken_csv_row_is_rejected_alone(broken: str) -> None:
    raw = read_bytes(text(row(1), broken, row(3)).encode(), call_source(), DAY)
    assert raw.rows_read == raw.frame.height + len(raw.broken)
    assert 2 in [number for number, _ in raw.broken]
    assert raw.frame["id"][0] == "a1"


def test_broken_json_lines_are_rejected_alone() -> None:
    names = HEADER.split(";")
    good = "{" + ",".join(f'"{name}":"v"' for name in names) + "}"
    data = "\n".join([good, "{broken", "[1]", good]).encode()
    raw = read_bytes(data, call_source(**JSONL), DAY)
    assert [n for n, _ in raw.broken] == [2, 3]
    assert raw.frame["_row_number"].to_list() == [1, 4]


def test_cp1252_letters_beyond_latin1() -> None:
    data = text(row(1, sentral="€–æøå")).encode("cp1252")
    raw = read_bytes(data, call_source(**CP1252), DAY)
    assert raw.frame["sentral"].to_list() == ["€–æøå"]


def test_byte_order_mark_is_not_part_of_the_first_name() -> None:
    assert read_bytes(b"\xef\xbb\xbf" + GOOD, call_source(), DAY).frame.height == 2


def test_a_header_without_rows_is_zero_rows() -> None:
    assert read_bytes((HEADER + "\n").encode(), call_source(), DAY).rows_read == 0


def test_xlsx_with_two_header_rows_and_trailing_blank_rows() -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("Ark")
        sheet.write_row(0, 0, ["Gruppe", "", "Tider"])
        sheet.write_row(1, 0, HEADER.split(";"))
        sheet.write_row(2, 0, row(1).split(";"))
        sheet.write_blank(9, 0, None, workbook.add_format({"bold": True}))
    spec = call_source(format={"type": "xlsx", "sheet": "Ark", "header_row": 2})
    raw = read_bytes(buffer.getvalue(), spec, DAY)
    assert raw.rows_read == 1
    assert raw.frame["id"].to_list() == ["a1"]


def test_header_variants_by_period() -> None:
    old = GOOD.replace(b"utfall", b"resultat")
    spec = call_source(headers=[{"valid_to": "2026-01-16", "rename": {"resultat": "utfall"}}])
    assert read_bytes(old, spec, DAY).frame["utfall"].to_list() == ["B", "B"]
    with pytest.raises(FileRefusedError):
        read_bytes(old, spec, dt.date(2026, 1, 16))
