"""The filled cells of an ods sheet, from its XML."""

from __future__ import annotations

import datetime as dt
import io
import re
from dataclasses import dataclass, field
from xml.etree import ElementTree

import polars as pl

from ingestion.readers.cells import (
    CLOCK,
    DATE,
    ERROR,
    NOT_CALCULATED,
    STAMP,
    TEXT,
    VALUE,
    Cells,
    check_extent,
    no_sheet,
    number_text,
    unreadable,
)
from ingestion.readers.raw import MAX_CELLS
from ingestion.readers.xlsx_cells import local, members, password

_SPAN = re.compile(r"(-?)P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?")
_EPOCH = dt.datetime(1970, 1, 1)
_US = dt.timedelta(microseconds=1)
_NUMBERS = ("float", "percentage", "currency")


@dataclass
class _Table:
    """One sheet as it is read: a filled cell with how often it is repeated, and where it starts."""

    name: str
    row: int = 0
    runs: list[tuple[int, int, int, int, int, str | None, int | None]] = field(default_factory=list)

    def add_row(self, element: ElementTree.Element) -> None:
        """The filled cells of a row; a row that is repeated is one run."""
        times = _times(element, "number-rows-repeated")
        column = 0
        for cell in element:
            if local(cell.tag) not in ("table-cell", "covered-table-cell"):
                continue
            wide = _times(cell, "number-columns-repeated")
            known = _cell(cell)
            if known is not None:
                self.runs.append((self.row, times, column, wide, *known))
            column += wide
        self.row += times


def scan_ods(payload: bytes, wanted: str | None) -> Cells:
    """The filled cells of the wanted sheet, or of the first one.

    Raises:
        FileRefusedError: not a workbook, no such sheet, or FILE_TOO_LARGE.
    """
    parts = members(payload)
    if b"encryption-data" in parts.get("meta-inf/manifest.xml", b""):
        raise password()
    table, found = _read(parts.get("content.xml", b""), wanted)
    if table is None:
        raise no_sheet(wanted, found)
    return Cells(table.name, _expanded(table), unseen=(ERROR, NOT_CALCULATED, CLOCK))


def _read(xml: bytes, wanted: str | None) -> tuple[_Table | None, int]:
    """The wanted table, and how many there are."""
    table: _Table | None = None
    depth = found = 0
    reading = False
    if b"<!DOCTYPE" in xml:
        raise unreadable("ugyldig XML i arbeidsboken", "invalid XML in the workbook")
    try:
        for event, element in ElementTree.iterparse(io.BytesIO(xml), ("start", "end")):  # noqa: S314
            name = local(element.tag)
            if name == "table":
                depth += 1 if event == "start" else -1
                if event == "start" and depth == 1:
                    found += 1
                    title = _attribute(element, "name") or ""
                    reading = table is None and wanted in (None, title)
                    table = _Table(title) if reading else table
            elif name == "table-row" and event == "end" and depth == 1:
                if reading and table is not None:
                    table.add_row(element)
                element.clear()
    except (ElementTree.ParseError, ValueError, LookupError):
        pass
    else:
        return table, found
    raise unreadable("ugyldig XML i arbeidsboken", "invalid XML in the workbook")


def _attribute(element: ElementTree.Element, name: str) -> str | None:
    return next((v for key, v in element.attrib.items() if local(key) == name), None)


def _times(element: ElementTree.Element, name: str) -> int:
    value = _attribute(element, name)
    return max(int(value), 1) if value else 1


def _cell(cell: ElementTree.Element) -> tuple[int, str | None, int | None] | None:
    """Kind, text and microseconds of a cell; None of an empty one."""
    said = {local(key): value for key, value in cell.attrib.items() if "calcext" not in key}
    kind = said.get("value-type")
    if any("calcext" in key and value == "error" for key, value in cell.attrib.items()):
        return ERROR, "".join(cell.itertext()) or "#ERROR", None
    if kind == "string":
        return TEXT, None, None
    if kind == "boolean":
        return VALUE, said.get("boolean-value", ""), None
    if kind in _NUMBERS:
        return VALUE, said.get("value", ""), None
    if kind == "date":
        return _date(said.get("date-value", ""))
    if kind == "time":
        return _span(said.get("time-value", ""))
    if "formula" in said:
        return NOT_CALCULATED, None, None
    return None


def _date(text: str) -> tuple[int, str | None, int | None]:
    try:
        stamp = dt.datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return VALUE, text, None
    return (STAMP if "T" in text else DATE), None, (stamp - _EPOCH) // _US


def _span(text: str) -> tuple[int, str | None, int | None]:
    match = _SPAN.fullmatch(text)
    if match is None:
        return VALUE, text, None
    sign, days, hours, minutes, seconds = match.groups()
    milliseconds = round(float((seconds or "0").replace(",", ".")) * 1000)
    whole = (int(days or 0) * 24 + int(hours or 0)) * 3600 + int(minutes or 0) * 60
    size = whole * 1_000_000 + milliseconds * 1000
    return CLOCK, None, -size if sign else size


def _expanded(table: _Table) -> pl.DataFrame:
    """Every cell of its own, when they are no more than a delivery can have."""
    schema = {
        "row": pl.Int64,
        "rows": pl.Int64,
        "column": pl.Int64,
        "columns": pl.Int64,
        "kind": pl.UInt8,
        "text": pl.String,
        "us": pl.Int64,
    }
    runs = pl.DataFrame(table.runs, schema=schema, orient="row")
    ends = runs.select(
        (pl.col("row") + pl.col("rows")).max().fill_null(0),
        (pl.col("column") + pl.col("columns")).max().fill_null(0),
    ).row(0)
    check_extent(min(ends[0], MAX_CELLS), ends[1])
    is_number = (runs["kind"] == VALUE) & ~runs["text"].is_in(["true", "false"])
    return (
        runs.with_columns(runs["text"].zip_with(~is_number, number_text(runs["text"])))
        .with_columns(pl.int_ranges("row", pl.col("row") + pl.col("rows")).alias("row"))
        .explode("row")
        .with_columns(pl.int_ranges("column", pl.col("column") + pl.col("columns")).alias("column"))
        .explode("column")
        .select("row", "column", "kind", "text", "us")
    )
