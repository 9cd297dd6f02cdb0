"""Workbooks: what a cell means, what is refused, and that no cell is lost."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.errors import FileRefusedError
from ingestion.readers import RawFile, read_bytes
from ingestion.readers.cells import (
    AS_CLOCK,
    AS_DATE,
    AS_NUMBER,
    AS_SPAN,
    AS_STAMP,
    shown_by_code,
    shown_by_id,
)
from ingestion.sources.spec import SourceSpec
from tests.ingestion.conftest import HEADER, call_source

DAY = dt.date(2026, 1, 15)
FILES = Path(__file__).parent / "files"
NAMES = HEADER.split(";")
NS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

Fill = Callable[[Any, Any], None]


def source(kind: str = "xlsx", extra: tuple[str, ...] = (), **form: Any) -> SourceSpec:
    """The call source with workbook cells, and more mapped columns (joined into one)."""
    spec = call_source().model_dump(by_alias=True, exclude_defaults=True)
    if extra:
        spec["columns"]["chain_id"] = {"from": list(extra), "optional": True}
    return call_source(format={"type": kind, "sheet": "Ark", **form}, columns=spec["columns"])


def made(fill: Fill, **options: Any) -> bytes:
    """A workbook whose sheet `Ark` has the header in row 1 and what `fill` writes."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, **options}) as workbook:
        sheet = workbook.add_worksheet("Ark")
        sheet.write_row(0, 0, NAMES)
        fill(workbook, sheet)
    return buffer.getvalue()


def by_hand(
    rows: str,
    *,
    book: str = "",
    styles: str = "",
    strings: str = "",
    namespace: str = NS,
    head: str = "",
    prefix: str = "",
) -> bytes:
    """A workbook of parts written by hand: the header is given as row 1, `rows` follow it."""
    cells = "".join(
        f'<{prefix}c t="inlineStr"><{prefix}is><{prefix}t>{n}</{prefix}t></{prefix}is></{prefix}c>'
        for n in NAMES
    )
    space = f'xmlns:{prefix[:-1]}="{namespace}"' if prefix else f'xmlns="{namespace}"'
    p = prefix
    relation = namespace.replace("/spreadsheetml/2006/main", "/officeDocument/2006/relationships")
    relation = relation.replace("/spreadsheetml/main", "/officeDocument/relationships")
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="x"><Relationship Id="a" Type="{relation}/'
        'officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/'
        f'package/2006/relationships"><Relationship Id="r1" Type="{relation}/worksheet" '
        f'Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{relation}/styles" '
        f'Target="styles.xml"/><Relationship Id="r3" Type="{relation}/sharedStrings" '
        'Target="sharedStrings.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{namespace}" xmlns:r="{relation}">{book}<sheets>'
        '<sheet name="Ark" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/styles.xml": f'<styleSheet xmlns="{namespace}"><numFmts count="1"><numFmt '
        'numFmtId="164" formatCode="dd.mm.yyyy hh:mm:ss"/></numFmts><cellXfs count="4"><xf/>'
        '<xf numFmtId="164"/><xf numFmtId="14"/><xf numFmtId="21"/></cellXfs>'
        f"{styles}</styleSheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{namespace}">{strings}</sst>',
        "xl/worksheets/sheet1.xml": f"{head}<{p}worksheet {space}><{p}sheetData><{p}row>{cells}"
        f"</{p}row>{rows}</{p}sheetData></{p}worksheet>",
    }
    return zipped(parts)


def zipped(parts: dict[str, str] | dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def read(data: bytes, spec: SourceSpec | None = None) -> RawFile:
    return read_bytes(data, spec or source(), DAY)


def refusal(data: bytes, spec: SourceSpec | None = None) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as caught:
        read(data, spec)
    return caught.value


def column(data: bytes, name: str = "start") -> list[str | None]:
    return read(data).frame[name].to_list()


def numbers(*values: float, shown: str, options: dict[str, Any] | None = None) -> bytes:
    """Numbers down column F (`start`), shown in this format."""

    def fill(workbook: Any, sheet: Any) -> None:
        style = workbook.add_format({"num_format": shown})
        for index, value in enumerate(values, start=1):
            sheet.write_number(index, 5, value, style)

    return made(fill, **(options or {}))


STAMPS, DATES, CLOCKS = "dd.mm.yyyy hh:mm:ss", "dd.mm.yyyy", "hh:mm:ss"


# --- stamps -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown", "text"),
    [
        (46037.500011574074, STAMPS, "2026-01-15 12:00:01"),
        (46037, STAMPS, "2026-01-15 00:00:00"),
        (46037, DATES, "2026-01-15"),
        (46037.5, DATES, "2026-01-15 12:00:00"),
        (46037.499999999994, STAMPS, "2026-01-15 12:00:00"),
        (46037.50000578704, STAMPS, "2026-01-15 12:00:00.500"),
        (46037.5000000058, STAMPS, "2026-01-15 12:00:00.001"),
        (0.500011574074, CLOCKS, "12:00:01"),
        (0.500011574074, STAMPS, "12:00:01"),
        (0, CLOCKS, "00:00:00"),
        (0.5, DATES, "12:00:00"),
        (1.09027777777778, "[h]:mm:ss", "26:10:00"),
        (1.09027777777778, CLOCKS, "26:10:00"),
        (0.25, "[h]:mm", "06:00:00"),
        (46037.5, CLOCKS, "2026-01-15 12:00:00"),
        (1, DATES, "1900-01-01"),
        (59, DATES, "1900-02-28"),
        (60, DATES, "1900-02-29"),
        (61, DATES, "1900-03-01"),
        (2958465, DATES, "9999-12-31"),
        (2958466, DATES, "2958466"),
        (-1.5, DATES, "-1.5"),
    ],
)
def test_a_stamp_is_what_its_number_and_its_format_say(value: float, shown: str, text: str) -> None:
    assert column(numbers(value, shown=shown)) == [text]


def test_midnight_in_a_column_of_times_of_day_is_written_out() -> None:
    def fill(workbook: Any, sheet: Any) -> None:
        stamp, date = (workbook.add_format({"num_format": text}) for text in (STAMPS, DATES))
        sheet.write_number(1, 5, 46037.25, stamp)
        sheet.write_number(2, 5, 46038, date)
        sheet.write_number(1, 6, 46037, date)

    raw = read(made(fill))
    assert raw.frame["start"].to_list() == ["2026-01-15 06:00:00", "2026-01-16 00:00:00"]
    assert raw.frame["svar"].to_list() == ["2026-01-15", None]


def test_the_calendar_of_1904_also_beside_an_extension_of_the_same_name() -> None:
    extension = (
        '<extLst><ext uri="{1}" xmlns:x15="urn:x15"><x15:workbookPr chartTrackingRefBase="1"/>'
        "</ext></extLst>"
    )
    cell = '<row r="2"><c r="F2" s="1"><v>44575.500011574074</v></c></row>'
    data = by_hand(cell, book=f'<workbookPr date1904="1"/>{extension}')
    assert column(data) == ["2026-01-15 12:00:01"]
    assert column(by_hand(cell)) == ["2022-01-14 12:00:01"]


def test_strict_workbooks_hold_dates_as_text() -> None:
    cells = (
        '<row r="2"><c r="F2" s="1" t="d"><v>2026-01-15T12:00:01.500</v></c>'
        '<c r="G2" s="1" t="d"><v>2026-01-15T00:00:00</v></c>'
        '<c r="H2" s="2" t="d"><v>2026-01-15</v></c></row>'
    )
    raw = read(by_hand(cells, namespace=STRICT))
    assert raw.frame.select("start", "svar", "slutt").row(0) == (
        "2026-01-15 12:00:01.500",
        "2026-01-15 00:00:00",
        "2026-01-15",
    )


@given(
    st.datetimes(dt.datetime(1904, 1, 2), dt.datetime(2199, 12, 31)),
    st.booleans(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_stamp_survives_to_the_millisecond(stamp: dt.datetime, is_1904: bool) -> None:
    stamp = stamp.replace(microsecond=stamp.microsecond // 1000 * 1000)

    def fill(workbook: Any, sheet: Any) -> None:
        sheet.write_datetime(1, 5, stamp, workbook.add_format({"num_format": STAMPS}))

    (text,) = column(made(fill, date_1904=is_1904))
    assert text is not None
    assert dt.datetime.fromisoformat(text) == stamp


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("General", AS_NUMBER),
        ("0.00", AS_NUMBER),
        ("0.00E+00", AS_NUMBER),
        ('0 "dager"', AS_NUMBER),
        ("[Red]0;[Blue]-0", AS_NUMBER),
        ("#,##0\\ \\d", AS_NUMBER),
        ("@", AS_NUMBER),
        ("dd.mm.yyyy", AS_DATE),
        ("mmm", AS_DATE),
        ("[$-414]d. mmmm yyyy;@", AS_DATE),
        ("yyyy\\-mm\\-dd\\ hh:mm:ss", AS_STAMP),
        ("dd/mm/yy h:mm AM/PM", AS_STAMP),
        ("hh:mm", AS_CLOCK),
        ("mm:ss.0", AS_CLOCK),
        ("[h]:mm", AS_SPAN),
        ("[mm]:ss", AS_SPAN),
    ],
)
def test_what_a_number_format_shows(code: str, shown: int) -> None:
    assert shown_by_code(code) == shown


def test_what_the_built_in_formats_show() -> None:
    assert [shown_by_id(number) for number in (0, 2, 14, 20, 22, 46, 49)] == [
        AS_NUMBER,
        AS_NUMBER,
        AS_DATE,
        AS_CLOCK,
        AS_STAMP,
        AS_SPAN,
        AS_NUMBER,
    ]


# --- numbers, texts, truth ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("301", "301"),
        ("301.0", "301"),
        ("3.01E+2", "301"),
        ("1.1000000000000001", "1.1"),
        ("0.1", "0.1"),
        ("1E-7", "0.0000001"),
        ("1E+16", "10000000000000000"),
        ("12345678901234567", "12345678901234567"),
        ("-0", "0"),
        ("-2.50", "-2.5"),
        ("NaN", "NaN"),
        (" 301 ", "301"),
    ],
)
@pytest.mark.parametrize("beside", ["", '<c r="L2"><f>1+1</f><v>2</v></c>'])
def test_a_number_has_one_spelling(written: str, text: str, beside: str) -> None:
    # Sheets without formulas are read a shorter way.
    cells = f'<row r="2"><c r="K2"><v>{written}</v></c>{beside}</row>'
    assert column(by_hand(cells), "kommune") == [text]


def test_what_is_no_number_marks_its_row_and_a_text_does_not() -> None:
    cells = "<v>NaN</v>", "<v>1E+400</v>", "<v>301</v>"
    rows = "".join(
        f'<row r="{n + 2}"><c r="K{n + 2}">{cell}</c></row>' for n, cell in enumerate(cells)
    )
    rows += '<row r="5"><c r="K5" t="inlineStr"><is><t>NaN</t></is></c></row>'
    assert read(by_hand(rows)).marks == {"ROW_CELL_ERROR": [1, 2]}


def test_texts_of_every_kind() -> None:
    strings = (
        "<si><t>plain</t></si><si><r><t>ri</t></r><r><rPr><b/></rPr><t>ch</t></r></si>"
        '<si><t xml:space="preserve"> kept </t></si><si><t>a_x000D_b</t></si><si><t></t></si>'
    )
    rows = "".join(
        f'<row r="{index + 2}"><c r="A{index + 2}"><v>{index}</v></c>'
        f'<c r="E{index + 2}" t="s"><v>{index}</v></c></row>'
        for index in range(5)
    )
    inline = '<c r="E7" t="inlineStr"><is><t>in &amp; line</t></is></c>'
    rows += f'<row r="7"><c r="A7"><v>5</v></c>{inline}</row>'
    rows += (
        '<row r="8"><c r="A8"><v>6</v></c><c r="E8" t="str"><f>A1</f><v>of a formula</v></c></row>'
    )
    rows += '<row r="9"><c r="A9" t="b"><v>1</v></c><c r="E9" t="b"><v>0</v></c></row>'
    values = column(by_hand(rows, strings=strings), "sentral")
    assert values == [
        "plain", "rich", " kept ", "a\rb", None, "in & line", "of a formula", "false"
    ]  # fmt: skip


# --- errors and formulas ------------------------------------------------------------------------


def test_an_error_cell_is_there_and_marks_its_row() -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write_row(1, 0, ["a1", "1"])
        sheet.write_formula(1, 6, "=NA()", None, "#N/A")
        sheet.write_row(2, 0, ["a2", "1"])
        sheet.write_formula(3, 6, "=1/0", None, "#DIV/0!")

    raw = read(made(fill))
    assert raw.rows_read == 3
    assert raw.frame["svar"].to_list() == ["#N/A", None, "#DIV/0!"]
    assert raw.marks == {"ROW_CELL_ERROR": [1, 3]}


@pytest.mark.parametrize(
    ("kind", "value"),
    [("", "x"), ("", "1,5"), (' t="b"', "2"), (' t="b"', "x"), (' t="d"', "i morgen")],
)
def test_a_cell_with_another_thing_than_it_says_it_is_is_damaged(kind: str, value: str) -> None:
    raw = read(
        by_hand(f'<row r="2"><c r="A2"><v>1</v></c><c r="K2"{kind}><v>{value}</v></c></row>')
    )
    assert raw.marks == {"ROW_CELL_ERROR": [1]}


def test_an_error_in_a_column_that_is_not_mapped_marks_nothing() -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write(0, 11, "annet")
        sheet.write_row(1, 0, ["a1", "1"])
        sheet.write_formula(1, 11, "=NA()", None, "#N/A")

    assert not read(made(fill)).marks


def test_a_formula_without_a_stored_value_marks_its_row() -> None:
    rows = (
        '<row r="2"><c r="A2"><v>1</v></c><c r="K2"><f>1+1</f></c></row>'
        '<row r="3"><c r="A3"><v>2</v></c><c r="K3"><f>1+1</f><v></v></c></row>'
        '<row r="4"><c r="A4"><v>3</v></c><c r="K4"><f>1+1</f><v>2</v></c></row>'
        '<row r="5"><c r="A5"><v>4</v></c><c r="K5" t="str"><f>IF(1,"")</f><v></v></c></row>'
    )
    raw = read(by_hand(rows))
    assert raw.marks == {"ROW_CELL_NOT_CALCULATED": [1, 2]}
    assert raw.frame["kommune"].to_list() == [None, None, "2", None]


# --- rows ---------------------------------------------------------------------------------------


def test_the_header_row_is_the_row_that_excel_shows() -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("Ark")
        sheet.write_row(2, 1, NAMES)
        sheet.write_row(3, 1, ["a1"])
        sheet.write_row(5, 1, ["a2"])
    raw = read(buffer.getvalue(), source(header_row=3))
    assert raw.frame.select("id", "_row_number").rows() == [("a1", 1), ("a2", 3)]
    assert refusal(buffer.getvalue(), source(header_row=1)).code == "FILE_EMPTY"
    assert refusal(buffer.getvalue(), source(header_row=9)).code == "FILE_EMPTY"


def test_a_row_with_a_value_in_any_column_is_a_record() -> None:
    def fill(workbook: Any, sheet: Any) -> None:
        sheet.write(0, 12, "annet")
        sheet.write_row(1, 0, ["a1"])
        sheet.write(2, 12, "only here")
        sheet.write_blank(3, 0, None, workbook.add_format({"bold": True}))
        sheet.write(4, 14, "without a heading")

    raw = read(made(fill))
    assert raw.frame.select("id", "_row_number").rows() == [("a1", 1), (None, 2), (None, 4)]
    assert "annet" not in raw.frame.columns
    assert "only here" not in str(raw)


def test_rows_alike_in_mapped_columns_only_are_not_equal() -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write(0, 11, "annet")
        for index, other in enumerate([1.00000000001, 1.00000000002, 1.00000000001], start=1):
            sheet.write_row(index, 0, ["a1", "1"])
            sheet.write(index, 11, other)

    hashes = read(made(fill)).record_hash
    assert hashes is not None
    first, second, third = hashes
    assert first == third != second


def test_hidden_sheets_rows_filters_and_merged_cells_change_nothing() -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        workbook.add_worksheet("Skjult").hide()
        workbook.add_chartsheet("Graf")
        sheet = workbook.add_worksheet("Ark")
        sheet.activate()
        sheet.write_row(0, 0, NAMES)
        for index in range(1, 5):
            sheet.write_row(index, 0, [f"a{index}", "1"])
        sheet.set_row(2, None, None, {"hidden": True})
        sheet.autofilter(0, 0, 4, 3)
        sheet.filter_column(0, "x == a4")
        sheet.merge_range(3, 4, 4, 4, "merged")
    raw = read(buffer.getvalue())
    assert raw.frame["id"].to_list() == ["a1", "a2", "a3", "a4"]
    assert raw.frame["sentral"].to_list() == [None, None, "merged", None]


def test_the_first_sheet_is_the_first_worksheet_in_the_order_of_the_workbook() -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        workbook.add_chartsheet("Graf")
        for name, identity in (("En", "a1"), ("To", "a2")):
            sheet = workbook.add_worksheet(name)
            sheet.write_row(0, 0, NAMES)
            sheet.write(1, 0, identity)
    spec = source()
    spec = spec.model_copy(update={"format": spec.format.model_copy(update={"sheet": None})})
    assert read(buffer.getvalue(), spec).frame["id"].to_list() == ["a1"]


# --- how the XML may be written -----------------------------------------------------------------

ROW = '<row r="2"><c r="A2" t="inlineStr"><is><t>a1</t></is></c><c r="K2"><v>301</v></c></row>'


@pytest.mark.parametrize(
    "rows",
    [
        ROW,
        ROW.replace('"', "'"),
        ROW.replace('c r="A2" t="inlineStr"', 'c t="inlineStr" s="0" r="A2"'),
        ROW.replace(' r="2"', "").replace(' r="A2"', ""),
        ROW.replace("<row", '<!-- <row r="9"><c r="A9"><v>1</v></c></row> --><row'),
        ROW.replace("<v>301</v>", "<v >301</v >").replace("</v >", "</v>"),
        ROW + '<row r="3"/><row r="4"><c r="A4" s="1"/></row>',
    ],
)
def test_the_same_row_however_it_is_written(rows: str) -> None:
    raw = read(by_hand(rows))
    assert raw.frame.select("id", "kommune", "_row_number").rows() == [("a1", "301", 1)]


def test_element_names_with_a_prefix_and_another_encoding() -> None:
    rows = ROW.replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:")
    raw = read(by_hand(rows, prefix="x:"))
    assert raw.frame.select("id", "kommune").rows() == [("a1", "301")]


@pytest.mark.parametrize(
    "rows",
    [
        ROW + ROW,
        ROW.replace("</row>", '<c r="A2"><v>1</v></c></row>'),
        ROW.replace('r="K2"', 'r="K7"'),
        ROW.replace('r="K2"', 'r="XFE2"'),
    ],
)
def test_cells_that_stand_twice_or_elsewhere_are_refused(rows: str) -> None:
    assert refusal(by_hand(rows)).code in {"FILE_UNREADABLE", "FILE_COUNT_DIFFERS"}


def test_a_cell_that_one_reader_does_not_see_is_refused() -> None:
    """A text is lost where the number of the shared one is none: the library gives nothing."""
    rows = ROW.replace("</row>", '<c r="L2" t="s"><v>99</v></c></row>')
    assert refusal(by_hand(rows)).code in {"FILE_COUNT_DIFFERS", "FILE_UNREADABLE"}


# --- what is refused ----------------------------------------------------------------------------


def test_what_the_library_would_leave_out_is_refused() -> None:
    rows = ROW.replace("<t>a1</t>", "<t>a<![CDATA[1]]></t>")
    assert refusal(by_hand(rows)).code == "FILE_UNREADABLE"


def test_one_cell_in_the_last_corner_is_refused_before_it_fills_the_memory() -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write(1_048_575, 16_383, "x")

    assert refusal(made(fill)).code == "FILE_TOO_LARGE"


def test_cells_far_apart_are_refused_too() -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write(1_048_575, 90, "x")

    assert refusal(made(fill)).code == "FILE_TOO_LARGE"


def test_a_missing_sheet_is_refused_without_the_names_of_the_others() -> None:
    error = refusal(by_hand(ROW), source(sheet="Oppdrag"))
    assert error.code == "FILE_UNREADABLE"
    assert "Oppdrag" in error.detail_nb
    assert "'Ark'" not in error.detail_nb + error.detail_en


def test_a_workbook_behind_a_password_says_so() -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le")
    assert "password" in refusal(ole).detail_en
    manifest = {"META-INF/manifest.xml": "<m><encryption-data/></m>", "content.xml": "x"}
    assert "password" in refusal(zipped(manifest), source("ods")).detail_en


@pytest.mark.parametrize(
    "parts",
    [
        {"xl/workbook.xml": '<!DOCTYPE a [<!ENTITY b "c">]><workbook/>'},
        {"xl/workbook.xml": "<workbook>"},
        {"x.txt": "no workbook"},
    ],
)
def test_what_is_no_workbook_is_refused(parts: dict[str, str]) -> None:
    assert refusal(zipped(parts)).code == "FILE_UNREADABLE"


# --- the other formats --------------------------------------------------------------------------

EXTRA = ("dato", "tid", "varighet", "navn")


@pytest.mark.parametrize(
    "name", ["libreoffice.ods", "libreoffice.xls", "libreoffice_1904.xls", "libreoffice_1904.xlsx"]
)
def test_the_same_sheet_in_files_that_libreoffice_wrote(name: str) -> None:
    spec = source(name.rpartition(".")[2], EXTRA, header_row=2)
    raw = read((FILES / name).read_bytes(), spec)
    rows = raw.frame.select("id", "start", "svar", "utfall", "kommune", *EXTRA, "_row_number")
    assert rows.rows() == [
        ("a0", "2026-01-15 12:00:01", "2026-01-15 12:00:06.250", "#N/A", "301",
         "2026-01-15", "12:00:01", "26:10:00", None, 1),
        ("a1", "2026-01-15 00:00:00", "2026-01-15 12:00:07.250", "B", "301.5",
         "2026-01-16", "12:00:01", "26:10:00", "x", 2),
        ("a2", "2026-01-15 12:00:03", "2026-01-15 12:00:08.250", "B", "302",
         "2026-01-17", "12:00:01", "26:10:00", "xx", 3),
        ("a3", "2026-01-15 12:00:04", "2026-01-15 12:00:09.250", "B", "302.5",
         "2026-01-18", "12:00:01", "26:10:00", "xxx", 5),
    ]  # fmt: skip
    assert raw.marks == {"ROW_CELL_ERROR": [1]}


@pytest.mark.parametrize("cut", [100, 520, 3000, 7000])
def test_an_xls_file_cut_short_is_refused(cut: int) -> None:
    data = (FILES / "libreoffice.xls").read_bytes()
    assert refusal(data[:cut], source("xls", header_row=2)).code == "FILE_UNREADABLE"


OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0"
TEXTS = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"


def ods(rows: str) -> bytes:
    """An ods file with the header in row 1."""
    header = "".join(ods_text(name) for name in NAMES)
    content = (
        f'<office:document-content xmlns:office="{OFFICE}" xmlns:table="{TABLE}" '
        f'xmlns:text="{TEXTS}"><office:body><office:spreadsheet><table:table table:name="Ark">'
        f"<table:table-row>{header}</table:table-row>{rows}</table:table></office:spreadsheet>"
        "</office:body></office:document-content>"
    )
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": "<manifest/>",
            "content.xml": content,
        }
    )


def ods_text(text: str, more: str = "") -> str:
    return (
        f'<table:table-cell office:value-type="string"{more}><text:p>{escape(text)}</text:p>'
        "</table:table-cell>"
    )


def test_repeated_rows_and_cells_of_an_ods_file_are_all_there() -> None:
    twice = ' table:number-columns-repeated="2"'
    gap = '<table:table-cell table:number-columns-repeated="3"/>'
    rows = (
        f'<table:table-row table:number-rows-repeated="2">{ods_text("a", twice)}{gap}'
        f"{ods_text('s')}</table:table-row>"
        '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>'
        f"<table:table-row>{ods_text('b')}</table:table-row>"
        '<table:table-row table:number-rows-repeated="1048569"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row>'
    )
    frame = read(ods(rows), source("ods")).frame
    assert frame.select("id", "rev", "start", "_row_number").rows() == [
        ("a", "a", "s", 1),
        ("a", "a", "s", 2),
        ("b", None, None, 6),
    ]


def test_text_in_an_ods_cell_without_a_type_is_not_lost() -> None:
    """Office programs show it; the library that reads the values does not."""
    bare = ods_text("b").replace(' office:value-type="string"', "")
    rows = f"<table:table-row>{ods_text('a')}{bare}</table:table-row>"
    assert refusal(ods(rows), source("ods")).code == "FILE_COUNT_DIFFERS"


def test_an_ods_file_that_repeats_a_filled_row_without_end_is_refused() -> None:
    rows = (
        f'<table:table-row table:number-rows-repeated="1048575">'
        f"{ods_text('a', ' table:number-columns-repeated=' + chr(34) + '16384' + chr(34))}"
        "</table:table-row>"
    )
    assert refusal(ods(rows), source("ods")).code == "FILE_TOO_LARGE"


def test_numbers_are_text_before_files_are_stacked() -> None:
    cells = '<row r="2"><c r="A2"><v>2119008</v></c></row>'
    schema = read(by_hand(cells)).frame.drop("_row_number").schema
    assert set(schema.values()) == {pl.String()}


def test_marks_that_nobody_sees_around_a_column_name_do_not_hide_the_column() -> None:
    """A byte order mark stands there when a table was pasted from a file that began with one."""

    def fill(around: str) -> Fill:
        def write(_: Any, sheet: Any) -> None:
            sheet.write_row(0, 0, [f"{around}{name}{around} " for name in NAMES])
            sheet.write_row(1, 0, [f"{number}" for number in range(len(NAMES))])

        return write

    assert read(made(fill("\ufeff"))).frame.equals(read(made(fill(""))).frame)
    assert read(made(fill("\u200b"))).columns == tuple(NAMES)


def test_a_text_is_not_equal_to_a_number_that_is_written_like_it() -> None:
    def fill(_: Any, sheet: Any) -> None:
        for row, value in enumerate(["17", 17, "17"], start=1):
            sheet.write_string(row, 0, "a1")
            (sheet.write_string if isinstance(value, str) else sheet.write_number)(row, 2, value)

    hashes = read(made(fill)).record_hash
    assert hashes is not None
    assert hashes[0] == hashes[2] != hashes[1]
