"""The filled cells of an ods sheet, from its XML."""

from __future__ import annotations

import datetime as dt
import io
import math
import re
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.etree import ElementTree

import polars as pl

from ingestion.readers.cells import (
    CLOCK,
    DATE,
    ERROR,
    NOT_CALCULATED,
    STAMP,
    VALUE,
    Cells,
    Content,
    Places,
    cells_of,
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
# The day that a time of day without a date is written on.
_NO_DATE = dt.date(1899, 12, 30)
_BREAKS = {"tab": "\t", "line-break": "\n"}
_MOST_BLANKS = 1000
_NUMBERS = ("float", "percentage", "currency")


class _Value(NamedTuple):
    """What is in a cell, as in `Cells`."""

    kind: int
    text: str | None = None
    us: int | None = None
    is_number: bool = False


@dataclass
class _Table:
    """One sheet as it is read: a filled cell with how often it is repeated, and where it starts."""

    name: str
    row: int = 0
    runs: list[tuple[int, int, int, int, int, str | None, int | None, bool]] = field(
        default_factory=list
    )

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
    return cells_of(table.name, _expanded(table), unseen=(ERROR, NOT_CALCULATED, CLOCK))


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


def _cell(cell: ElementTree.Element) -> _Value | None:
    """What is in a cell; None of an empty one."""
    said = {local(key): value for key, value in cell.attrib.items() if "calcext" not in key}
    kind = said.get("value-type")
    if any("calcext" in key and value == "error" for key, value in cell.attrib.items()):
        return _Value(ERROR, _text(cell) or "#ERROR")
    if kind == "string":
        text = _text(cell) or said.get("string-value", "")
        return _Value(VALUE, text) if text else None
    if kind == "boolean":
        return _Value(VALUE, said.get("boolean-value", ""))
    if kind in _NUMBERS:
        return _number(said.get("value", ""))
    if kind == "date":
        return _date(said.get("date-value", ""))
    if kind == "time":
        return _span(said.get("time-value", ""))
    if text := _text(cell):
        # Without a type it is what an office program shows: text.
        return _Value(VALUE, text)
    # An empty text as the result of a formula has no type, but it is shown.
    if "formula" in said and not any(local(child.tag) == "p" for child in cell):
        return _Value(NOT_CALCULATED)
    return None


def _text(cell: ElementTree.Element) -> str:
    """The paragraphs of a cell; what is noted beside it is left out."""
    return "\n".join(_inline(child) for child in cell if local(child.tag) == "p")


def _inline(element: ElementTree.Element) -> str:
    parts = [element.text or ""]
    for child in element:
        name = local(child.tag)
        if name == "s":
            parts.append(" " * min(int(_attribute(child, "c") or 1), _MOST_BLANKS))
        elif name in _BREAKS:
            parts.append(_BREAKS[name])
        elif name != "annotation":
            parts.append(_inline(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _number(text: str) -> _Value:
    try:
        is_one = math.isfinite(float(text))
    except ValueError:
        return _Value(VALUE, text)
    return _Value(VALUE if is_one else ERROR, text, is_number=is_one)


def _date(text: str) -> _Value:
    try:
        stamp = dt.datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return _Value(VALUE, text)
    if stamp.date() == _NO_DATE:
        return _Value(CLOCK, us=(stamp - dt.datetime.combine(_NO_DATE, dt.time())) // _US)
    return _Value(STAMP if "T" in text else DATE, us=(stamp - _EPOCH) // _US)


def _span(text: str) -> _Value:
    match = _SPAN.fullmatch(text)
    if match is None:
        return _Value(VALUE, text)
    sign, days, hours, minutes, seconds = match.groups()
    milliseconds = round(float((seconds or "0").replace(",", ".")) * 1000)
    whole = (int(days or 0) * 24 + int(hours or 0)) * 3600 + int(minutes or 0) * 60
    size = whole * 1_000_000 + milliseconds * 1000
    return _Value(CLOCK, us=-size if sign else size)


def _expanded(table: _Table) -> Content:
    """Every cell of its own, when they are no more than a delivery can have."""
    schema = {
        "row": pl.Int64,
        "rows": pl.Int64,
        "column": pl.Int64,
        "columns": pl.Int64,
        "kind": pl.UInt8,
        "text": pl.String,
        "us": pl.Int64,
        "is_number": pl.Boolean,
    }
    runs = pl.DataFrame(table.runs, schema=schema, orient="row")
    ends = runs.select(
        (pl.col("row") + pl.col("rows")).max().fill_null(0),
        (pl.col("column") + pl.col("columns")).max().fill_null(0),
    ).row(0)
    check_extent(min(ends[0], MAX_CELLS), ends[1])
    cells = (
        runs.with_columns(
            number_text(runs["text"]).zip_with(runs["is_number"], runs["text"]),
            runs["us"].fill_null(0),
        )
        .with_columns(pl.int_ranges("row", pl.col("row") + pl.col("rows")).alias("row"))
        .explode("row")
        .with_columns(pl.int_ranges("column", pl.col("column") + pl.col("columns")).alias("column"))
        .explode("column")
    )
    return Content(
        Places(cells["row"].to_numpy(), cells["column"].to_numpy()),
        cells["kind"].to_numpy(),
        cells["text"],
        cells["us"].to_numpy(),
    )
