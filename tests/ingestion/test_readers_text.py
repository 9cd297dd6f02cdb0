"""Text deliveries: line ends, quotation marks, encodings, fixed width, archives."""

from __future__ import annotations

import bz2
import csv
import datetime as dt
import gzip
import io
import struct
import zipfile
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from ingestion.errors import FileRefusedError
from ingestion.readers import RawFile, csv_file, read_bytes
from ingestion.readers.container import unpack
from ingestion.readers.text import to_utf8
from tests.ingestion.conftest import HEADER, call_source, row, text

DAY = dt.date(2026, 1, 15)
UNREADABLE = "ROW_UNREADABLE"


def read(data: str | bytes, **format_: Any) -> RawFile:
    spec = call_source(format={"type": "csv", "delimiter": ";", **format_})
    return read_bytes(data.encode() if isinstance(data, str) else data, spec, DAY)


def refused(data: str | bytes, **format_: Any) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as caught:
        read(data, **format_)
    return caught.value


def ids(raw: RawFile) -> list[str]:
    return raw.frame["id"].to_list()


# --- records ----------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["sentral", "note"])
@pytest.mark.parametrize("place", [1, 10, 200])
def test_a_mark_that_is_not_closed_costs_its_record(column: str, place: int) -> None:
    def line(n: int) -> str:
        mark = '"' if n == place else ""
        if column == "note":
            return f"{row(n)};{mark}x"
        return row(n, sentral=f"{mark}amk_oslo") + ";"

    lines = [HEADER + ";note", *(line(n) for n in range(1, 201))]
    raw = read("\n".join(lines) + "\n")
    assert raw.broken == ((place, UNREADABLE),)
    assert ids(raw) == [f"a{n}" for n in range(1, 201) if n != place]
    assert raw.frame["_row_number"].to_list() == [n for n in range(1, 201) if n != place]


@pytest.mark.parametrize(
    "broken",
    [
        row(2).removesuffix(";301"),
        row(2) + ";",
        row(2) + ";x;y",
        row(2, sentral='"amk"x'),
        row(2, sentral='amk" oslo'),
        row(2, sentral="amk\roslo"),
        "x",
    ],
)
def test_a_line_with_other_than_the_right_fields_costs_its_record(broken: str) -> None:
    # The neighbours have too many and too few fields between them: the sum is right.
    raw = read(text(row(1), broken, row(3)))
    assert raw.broken == ((2, UNREADABLE),)
    assert ids(raw) == ["a1", "a3"]


def test_most_rows_ragged_are_all_counted() -> None:
    raw = read(text(*(row(n) for n in range(30)), *(row(n) + ";x;y" for n in range(30, 330))))
    assert (raw.frame.height, len(raw.broken), raw.rows_read) == (30, 300, 330)


def test_as_many_fields_too_many_as_too_few() -> None:
    raw = read(text(row(1), row(2) + ";", row(3).removesuffix(";301"), row(4)))
    assert [number for number, _ in raw.broken] == [2, 3]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends(end: str, last: bool) -> None:
    data = text(row(1), row(2), row(3)).replace("\n", end)
    raw = read(data if last else data.removesuffix(end))
    assert (ids(raw), raw.broken) == (["a1", "a2", "a3"], ())
    assert raw.frame["kommune"].to_list() == ["301"] * 3
    assert raw.findings == ({} if last else {"FILE_NO_FINAL_NEWLINE": 1})


def test_line_ends_of_all_kinds_in_one_file() -> None:
    raw = read(f"{HEADER}\r\n{row(1)}\n{row(2)}\r{row(3)}\r\n\r\n{row(4)}\r\r\n")
    assert (ids(raw), raw.broken) == (["a1", "a2", "a3", "a4"], ())


def test_a_broken_line_beside_one_that_a_cr_ends_costs_itself_alone() -> None:
    raw = read(f"{HEADER}\n{row(1)}\r{row(2)}\n{row(3)};one more\r{row(4)}\n{row(5)}\n")
    assert ids(raw) == ["a1", "a2", "a4", "a5"]
    assert raw.broken == ((3, "ROW_UNREADABLE"),)


def test_where_a_cr_ends_lines_above_the_header_no_one_can_count_to_it() -> None:
    above = f"Uttrekk\rfra i går\n{HEADER}\n"
    assert ids(read(f"{above}{row(1)}\n{row(2)}\n", header_row=2)) == ["a1", "a2"]
    error = refused(f"{above}{row(1)}\r{row(2)}\n", header_row=2)
    assert (error.code, "CR" in error.detail_en) == ("FILE_UNREADABLE", True)


def test_blank_lines_are_no_records() -> None:
    raw = read(f"{HEADER}\n\n{row(1)}\n   \n\t\n{row(2)}\n\n\n")
    assert raw.frame["_row_number"].to_list() == [1, 2]
    assert raw.broken == ()


def test_a_file_cut_within_its_last_line() -> None:
    raw = read(text(row(1), row(2), row(3))[:-20])
    assert (ids(raw), raw.broken) == (["a1", "a2"], ((3, UNREADABLE),))


def test_empty_fields_are_null_also_in_quotation_marks() -> None:
    raw = read(text(row(1, sentral='""'), row(2, sentral="")))
    assert raw.frame["sentral"].to_list() == [None, None]


def test_a_field_is_not_trimmed() -> None:
    raw = read(text(row(1, sentral=" amk "), row(2, sentral='" amk\xa0"')))
    assert raw.frame["sentral"].to_list() == [" amk ", " amk\xa0"]


def test_a_source_that_does_not_quote() -> None:
    raw = read(text(row(1, sentral='"amk'), row(2, sentral='5"')), quoting="none")
    assert raw.frame["sentral"].to_list() == ['"amk', '5"']


def test_quotation_marks_hide_no_line_end_where_the_source_does_not_quote() -> None:
    lines = [HEADER, row(1, sentral='"amk'), row(2, sentral='oslo"')]
    # Lines of an old Mac: between the two marks lies an end of a record.
    assert ids(read("\r".join(lines) + "\r", quoting="none")) == ["a1", "a2"]
    # And a record behind the names is no name, in marks or not.
    behind = HEADER + ';"note\r' + row(1) + ';"'
    assert refused(behind + "\n" + row(2) + ";\n", quoting="none").code == "FILE_UNREADABLE"
    assert read(behind, quoting="none").rows_read == 1


def test_line_breaks_where_the_source_has_them() -> None:
    data = text(row(1, sentral='"a\nb;""c""\r\n\nd"'), row(2))
    assert read(data, multiline=True).frame["sentral"].to_list() == [
        'a\nb;"c"\r\n\nd',
        "amk_oslo",
    ]
    # A source that does not say so: the record is lost, and nothing behind it.
    assert ids(read(data)) == ["a2"]


@pytest.mark.parametrize(
    ("rows", "code", "line"),
    [
        ([row(1), row(2, sentral='"amk'), row(3)], "FILE_TRUNCATED", 3),
        ([row(1), row(2, sentral='"amk'), row(3, sentral='"x"')], "FILE_UNREADABLE", 3),
        ([row(1, sentral='"a\nb"'), row(2, sentral='"amk'), row(3)], "FILE_TRUNCATED", 4),
    ],
)
def test_a_mark_never_closed_refuses_a_file_with_line_breaks(
    rows: list[str], code: str, line: int
) -> None:
    error = refused(text(*rows), multiline=True)
    assert error.code == code
    assert f"linje {line}," in error.detail_nb
    assert f"line {line} " in error.detail_en


def test_the_line_where_parser_and_count_part_is_named() -> None:
    # The count lets no such text through to the parser: an open mark joins the lines from it on.
    lines = [b"x;y", b"a;b", b"c;d", b'"e;f', b"g;h"]
    records = csv_file._Records(b"\n".join(lines), skip=1, count=4, quoted=True)
    dialect = csv_file._Dialect(";", quoted=True, multiline=False)
    assert csv_file._parting(records, 2, dialect) == 4
    moved = replace(records, places=[11, 12, 13, 14])
    assert csv_file._parting(moved, 2, dialect) == 13


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_many_columns(quoting: Any) -> None:
    names = [*HEADER.split(";"), *(f"x{n}" for n in range(1_900))]
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", quoting=quoting, lineterminator="\n")
    writer.writerow(names)
    for number in range(1, 4):
        writer.writerow([*row(number).split(";"), *(f"{n};" for n in range(1_900))])
    raw = read(buffer.getvalue() + row(4) + "\n")
    assert (ids(raw), raw.broken) == (["a1", "a2", "a3"], ((4, UNREADABLE),))


# --- duplicates -------------------------------------------------------------------------------


def test_the_hash_sees_columns_that_are_not_mapped() -> None:
    lines = [f"{row(1)};x", f"{row(1)};y", f"{row(2)};x", f'{row(1)};"x"']
    raw = read("\n".join([HEADER + ";note", *lines, ""]))
    assert raw.record_hash is not None
    first, other, second, again = raw.record_hash.to_list()
    assert first == again
    assert len({first, other, second}) == 3


def test_a_second_cr_at_the_end_of_an_equal_record() -> None:
    lines = ['"' + line.replace(";", '";"') + '"' for line in (HEADER, row(1), row(1))]
    raw = read("\r\n".join([*lines[:2], lines[2] + "\r", ""]))
    assert raw.record_hash is not None
    assert raw.record_hash.n_unique() == 1


def test_no_hash_where_no_record_can_be_equal_to_another() -> None:
    assert read(text(row(1), row(1, sentral="amk_bodo"))).record_hash is None


def test_no_hash_where_no_id_recurs() -> None:
    assert read(text(row(1), row(2))).record_hash is None


# --- the header -------------------------------------------------------------------------------


def test_a_header_with_line_breaks_and_space_around_its_names() -> None:
    header = HEADER.replace("start", '"start\nlokal"').replace("rev", " rev\xa0")
    spec = call_source()
    columns = spec.columns | {
        "ring_start_at": spec.columns["ring_start_at"].model_copy(
            update={"from_": ["start\nlokal"]}
        )
    }
    raw = read_bytes(
        f"{header}\n{row(1)}\n".encode(), spec.model_copy(update={"columns": columns}), DAY
    )
    assert raw.frame["start\nlokal"].to_list() == ["2026-01-15 12:00:01.000"]
    assert raw.frame["rev"].to_list() == ["1"]


def test_lines_above_the_header() -> None:
    raw = read("Uttrekk fra i går\n\n" + text(row(1), row(2)), header_row=3)
    assert ids(raw) == ["a1", "a2"]


def test_a_header_mark_that_is_never_closed() -> None:
    error = refused(text(row(1)).replace("id;", '"id;', 1))
    assert error.code == "FILE_UNREADABLE"
    assert "linje 1" in error.detail_nb


def test_a_field_longer_than_the_csv_module_takes() -> None:
    long = "x" * 200_000
    raw = read("\n".join([f"{HEADER};{long}", f"{row(1)};{long}", f'{row(2)};"{long}"', ""]))
    assert ids(raw) == ["a1", "a2"]


@pytest.mark.parametrize(("written", "name"), [(",", "','"), ("\t", "'tab'"), ("|", "'|'")])
def test_another_delimiter_is_called_by_its_name(written: str, name: str) -> None:
    error = refused(text(row(1)).replace(";", written))
    assert error.code == "FILE_UNREADABLE"
    assert f"skilletegnet ser ut til å være {name}" in error.detail_nb
    assert f"the delimiter seems to be {name}" in error.detail_en


def test_names_that_are_there_under_another_encoding() -> None:
    spec = call_source()
    columns = spec.columns | {
        "outcome": spec.columns["outcome"].model_copy(update={"from_": ["fødested"]})
    }
    data = text(row(1)).replace("utfall", "fødested").encode("utf-8").decode("cp1252")
    with pytest.raises(FileRefusedError) as caught:
        read_bytes(data.encode(), spec.model_copy(update={"columns": columns}), DAY)
    assert caught.value.code == "FILE_ENCODING"


# --- encodings --------------------------------------------------------------------------------

NORWEGIAN = [row(n, sentral=name) for n, name in enumerate(["Bærum", "Tromsø", "på Ås", "Ål é"])]
PLAIN = text(*NORWEGIAN)
DRESSED = text(row(1, sentral="“Oslo” – d’Arc …"), row(2, sentral="12 € Ørsta"))


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (PLAIN.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + PLAIN.encode(), "utf-8"),
        (text(row(1, sentral="Kárášjohka Đ ŋ č ž"), row(2)).encode(), "utf-8"),
        (text(row(1, sentral="Αθήνα Łódź 東京")).encode(), "utf-8"),
        (DRESSED.encode(), "utf-8"),
        (PLAIN.encode("utf-16"), "utf-16"),
        (PLAIN.encode("utf-16-le"), "utf-16"),
        (PLAIN.encode("utf-16-be"), "utf-16"),
        (b"\xfe\xff" + PLAIN.encode("utf-16-be"), "utf-16"),
        (PLAIN.encode("latin-1"), "latin-1"),
        (PLAIN.encode("cp1252"), "cp1252"),
        (DRESSED.encode("cp1252"), "cp1252"),
        (text(row(1, sentral="“”€")).encode("cp1252"), "cp1252"),
        (PLAIN.replace("Ål", "Öl").encode("cp865") + b"\x1a", "cp865"),
    ],
)
def test_encodings(data: bytes, encoding: str) -> None:
    raw = read(data, encoding=encoding)
    assert raw.broken == ()
    decoded = data.decode("utf-8-sig" if encoding == "utf-8" else encoding, "ignore")
    assert all(value in decoded for value in raw.frame["sentral"] if encoding != "utf-16")
    assert "\ufffd" not in "".join(raw.frame["sentral"])


@pytest.mark.parametrize(
    ("data", "declared", "hint"),
    [
        (PLAIN.encode(), "cp1252", "utf-8"),
        (PLAIN.encode(), "latin-1", "utf-8"),
        (PLAIN.encode(), "cp865", "utf-8"),
        (PLAIN.encode("cp1252"), "utf-8", "linje 2; tegnsettet ser ut til å være cp1252"),
        (PLAIN.encode("cp865"), "utf-8", "cp865"),
        (PLAIN.replace("Ås", "hå").replace("Ål", "så").encode("cp865"), "cp1252", "cp865"),
        (PLAIN.encode("cp865"), "latin-1", "cp865"),
        (PLAIN.encode("cp1252"), "cp865", "cp1252"),
        (text(row(1, sentral="“Ørsta” 12 €")).encode("cp1252"), "latin-1", "cp1252"),
        (PLAIN.encode("utf-16-le"), "utf-8", "UTF-16"),
        (PLAIN.encode("utf-16"), "cp1252", "UTF-16"),
        (PLAIN.encode(), "utf-16", "UTF-16"),
        (PLAIN.encode("utf-32"), "utf-8", "UTF-32"),
        (PLAIN.encode().decode("cp1252").encode(), "utf-8", "to ganger"),
        (text(*(row(n, sentral="T\ufffd") for n in range(9))).encode(), "utf-8", "9 av 10"),
        (text(*(row(n, sentral="T\x02") for n in range(9))).encode(), "latin-1", "9 av 10"),
    ],
)
def test_another_encoding_is_found(data: bytes, declared: str, hint: str) -> None:
    error = refused(data, encoding=declared)
    assert error.code == "FILE_ENCODING"
    assert hint in error.detail_nb


def test_a_wrong_encoding_is_found_far_into_a_large_file() -> None:
    ascii_rows = [row(n) for n in range(40_000)]
    data = text(*ascii_rows[:25_000], *NORWEGIAN, *ascii_rows[25_000:])
    assert refused(data.encode(), encoding="cp1252").code == "FILE_ENCODING"
    assert read(data.encode("cp1252"), encoding="cp1252").rows_read == 40_004


def test_one_odd_character_does_not_refuse_a_delivery() -> None:
    rows = [row(n, sentral="T\ufffd" if n == 7 else "amk") for n in range(200)]
    assert read(text(*rows)).rows_read == 200


def test_a_value_that_lost_a_character_is_not_accepted() -> None:
    rows = [row(n, id=f"a{n}\ufffd" if n == 7 else f"a{n}") + ";" for n in range(200)]
    rows[11] += "unmapped \ufffd"
    raw = read("\n".join([HEADER + ";note", *rows, ""]))
    assert raw.marks == {"ROW_CHARACTER_LOST": [8]}
    assert raw.rows_read == 200


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (PLAIN.encode() + "ø".encode()[:1], "utf-8"),
        ((PLAIN + "ø").encode("utf-16")[:-1], "utf-16"),
        ((PLAIN + "\U0001f691").encode("utf-16")[:-2], "utf-16"),
        # Cut by a program that wrote what it could not read as the replacement character.
        ((PLAIN + "\ufffd").encode(), "utf-8"),
        ((PLAIN + "\ufffd").encode("utf-16"), "utf-16"),
    ],
)
def test_a_file_that_ends_within_a_character(data: bytes, encoding: str) -> None:
    error = refused(data, encoding=encoding)
    assert error.code == "FILE_TRUNCATED"
    assert f"line {PLAIN.count(chr(10)) + 1}" in error.detail_en


def test_a_document_on_one_line_may_be_long() -> None:
    document = b"[" + b"1," * 1024**2 + b"1]"
    assert to_utf8(document, "utf-8", lines=False) == document


# --- fixed width ------------------------------------------------------------------------------

# As a central of the 1990s prints its journal: right-aligned numbers, blanks for 'nothing'.
FIELDS = {
    "id": [1, 6],
    "rev": [7, 8],
    "slettet": [9, 9],
    "tjeneste": [10, 12],
    "sentral": [13, 22],
    "start": [23, 41],
    "svar": [42, 60],
    "slutt": [61, 79],
    "utfall": [80, 80],
    "innringer": [82, 92],
    "kommune": [93, 96],
    "merknad": [97, 110],
}
STAMPS = ["2026-01-15 12:00:01", "2026-01-15 12:01:01", "2026-01-15 12:05:01"]
NO_ANSWER = [STAMPS[0], " " * 19, STAMPS[2]]
JOURNAL = [
    "".join(["    A1 1N113amk_tromsø", *STAMPS, "B             301"]),
    "".join(["    A2 1N113amk_bodø  ", *NO_ANSWER, "F             301"]),
    "".join(["    A3 2J110110_oslo  ", *STAMPS, "B             301", "Ring tilbake  "]),
]
FIXED = {"type": "fixed", "fields": FIELDS}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp865", "utf-16"])
def test_fixed_width(end: str, encoding: str) -> None:
    data = "".join(line + end for line in JOURNAL).encode(encoding)
    raw = read(data, **FIXED, encoding=encoding)
    assert raw.broken == ()
    assert raw.frame["id"].to_list() == ["    A1", "    A2", "    A3"]
    assert raw.frame["sentral"].to_list() == ["amk_tromsø", "amk_bodø  ", "110_oslo  "]
    assert raw.frame["svar"].str.strip_chars().to_list()[1] == ""
    assert raw.frame["kommune"].to_list() == [" 301"] * 3
    assert "merknad" not in raw.frame.columns


def test_fixed_width_lines_that_are_too_short_or_too_long() -> None:
    lines = [
        JOURNAL[0],
        JOURNAL[0][:-1],
        "",
        JOURNAL[2] + "  ",
        JOURNAL[2] + "x",
        JOURNAL[0].replace(" 1N", "\r1N"),
        JOURNAL[1],
    ]
    raw = read("\n".join(lines), **FIXED)
    assert raw.frame["_row_number"].to_list() == [1, 3, 6]
    assert raw.broken == ((2, UNREADABLE), (4, UNREADABLE), (5, UNREADABLE))
    assert raw.findings == {"FILE_NO_FINAL_NEWLINE": 1}


def test_fixed_width_skips_the_lines_above_header_row() -> None:
    data = "\n".join(["JOURNAL", "ID", *JOURNAL, ""])
    assert read(data, **FIXED, header_row=3).frame.height == 3
    assert read("JOURNAL\nID\n", **FIXED, header_row=3).rows_read == 0


def test_fixed_width_needs_a_place_for_each_mapped_column() -> None:
    fields = {name: span for name, span in FIELDS.items() if name != "utfall"}
    with pytest.raises(ValidationError, match="lacks columns that the source reads: utfall"):
        call_source(format={"type": "fixed", "fields": fields})


def test_fixed_width_hash_sees_columns_that_are_not_mapped() -> None:
    lines = [JOURNAL[0], JOURNAL[0] + "  ", JOURNAL[0] + "nei"]
    hashes = read("\n".join([*lines, ""]), **FIXED).record_hash
    assert hashes is not None
    assert (hashes[0] == hashes[1], hashes[0] == hashes[2]) == (True, False)


# --- archives ---------------------------------------------------------------------------------


def zipped(*members: tuple[str, str | bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


GOOD = text(row(1), row(2))


def test_an_archive_from_a_mac() -> None:
    data = zipped(
        ("uttrekk/", ""),
        ("uttrekk/prove.csv", GOOD),
        ("__MACOSX/uttrekk/._prove.csv", b"\x00\x05\x16\x07"),
        ("uttrekk/.DS_Store", b"\x00"),
        ("uttrekk/._prove.csv", b"\x00"),
        ("Thumbs.db", b"\x00"),
    )
    assert ids(read(data, compression="zip")) == ["a1", "a2"]


def test_members_are_read_in_name_order_as_one_delivery() -> None:
    header = HEADER.split(";")
    moved = ";".join([*header[1:], header[0]])
    second = [";".join([*line.split(";")[1:], line.split(";")[0]]) for line in (row(3), row(1))]
    data = zipped(
        ("dag/del_2.csv", "\n".join([moved, *second, ""])),
        ("dag/les_meg.txt", "Ikke en del av leveransen"),
        ("dag/del_1.csv", text(row(1), row(2) + ";x", row(2))),
        ("dag/del_3.csv", text(row(4), "x", row(1, utfall="F"))),
    )
    raw = read(data, compression="zip", members=r"del_\d\.csv")
    assert raw.columns == tuple(header)
    assert ids(raw) == ["a1", "a2", "a3", "a1", "a4", "a1"]
    assert raw.frame["_row_number"].to_list() == [1, 3, 4, 5, 6, 8]
    assert raw.broken == ((2, UNREADABLE), (7, UNREADABLE))
    assert raw.record_hash is not None
    hashes = raw.record_hash.to_list()
    assert hashes[0] == hashes[3]
    assert len(set(hashes)) == 5


def test_members_of_fixed_width() -> None:
    data = zipped(("b.txt", JOURNAL[0] + "\n"), ("a.txt", "\n".join([*JOURNAL, ""])))
    raw = read(data, **FIXED, compression="zip", members=r".*\.txt")
    assert raw.frame["_row_number"].to_list() == [1, 2, 3, 4]
    assert raw.record_hash is not None
    assert raw.record_hash[0] == raw.record_hash[3]


def test_the_member_with_a_fault_is_named_by_its_place() -> None:
    data = zipped(("a Kari.csv", GOOD), ("b Kari.csv", GOOD.replace("utfall", "x")))
    error = refused(data, compression="zip", members=r".*\.csv")
    assert error.code == "FILE_COLUMN_MISSING"
    assert "fil 2 av 2" in error.detail_nb
    assert "Kari" not in error.detail_nb + error.detail_en


def lying(size: int) -> bytes:
    """An archive whose directory says that its file has this many bytes."""
    data = bytearray(zipped(("a.csv", GOOD)))
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, size)
    return bytes(data)


def patched(offset: int, value: int) -> bytes:
    """An archive with another 16-bit value in both of its headers."""
    data = bytearray(zipped(("a.csv", GOOD)))
    struct.pack_into("<H", data, offset, value)
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 2 + offset, value)
    return bytes(data)


def corrupt() -> bytes:
    data = bytearray(zipped(("a.csv", GOOD), packing=zipfile.ZIP_STORED))
    data[80] ^= 1
    return bytes(data)


def doubled() -> bytes:
    with pytest.warns(UserWarning):
        return zipped(("a.csv", GOOD), ("a.csv", GOOD))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (lying(len(GOOD) - 5), "FILE_UNREADABLE"),
        (lying(len(GOOD) + 5), "FILE_UNREADABLE"),
        (lying(3 * 1024**3), "FILE_ARCHIVE_BOMB"),
        (patched(6, 1), "FILE_UNREADABLE"),
        (patched(8, 9), "FILE_UNREADABLE"),
        (corrupt(), "FILE_UNREADABLE"),
        (zipped(("a.csv", GOOD))[:-30], "FILE_TRUNCATED"),
        (zipped(("a.zip", zipped(("a.csv", GOOD)))), "FILE_UNREADABLE"),
        (zipped(("a.csv.gz", gzip.compress(GOOD.encode(), mtime=0))), "FILE_UNREADABLE"),
        (zipped(("__MACOSX/._a.csv", GOOD)), "FILE_UNREADABLE"),
        (zipped(("__MACOSX/../../a.csv", GOOD)), "FILE_ARCHIVE_PATH"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_archives_that_are_refused(data: bytes, code: str) -> None:
    assert refused(data, compression="zip").code == code


def test_two_members_of_one_name() -> None:
    assert refused(doubled(), compression="zip", members=".*").code == "FILE_UNREADABLE"


def test_no_member_of_the_right_name() -> None:
    error = refused(zipped(("a.txt", GOOD)), compression="zip", members=r".*\.csv")
    assert error.code == "FILE_UNREADABLE"


def test_other_packing_methods_of_zip() -> None:
    for packing in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED):
        assert unpack(zipped(("a.csv", GOOD), packing=packing), "zip") == GOOD.encode()


PACKED = gzip.compress(GOOD.encode(), mtime=0)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (PACKED + b"garbage", "FILE_UNREADABLE"),
        (PACKED + b"\x00" * 512 + b"x", "FILE_UNREADABLE"),
        (PACKED[:-8] + bytes(8), "FILE_UNREADABLE"),
        (PACKED + PACKED[:15], "FILE_TRUNCATED"),
        (bz2.compress(GOOD.encode()), "FILE_UNREADABLE"),
        (b"\x1f", "FILE_UNREADABLE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_gzip_that_is_refused(data: bytes, code: str) -> None:
    assert refused(data, compression="gzip").code == code


def test_gzip_filled_up_with_zeros() -> None:
    assert unpack(PACKED + bytes(700_000), "gzip") == GOOD.encode()
    assert unpack(PACKED + bytes(300) + PACKED, "gzip") == GOOD.encode() * 2


def test_a_gzip_of_very_many_members_is_refused_soon() -> None:
    empty = gzip.compress(b"", mtime=0)
    assert refused(empty * 100_001, compression="gzip").code == "FILE_ARCHIVE_BOMB"


def test_columns_stand_as_the_source_names_them() -> None:
    raw = read(GOOD)
    assert raw.frame.columns == [*call_source().raw_columns(), "_row_number"]
    assert set(raw.frame.drop("_row_number").dtypes) == {pl.String}
