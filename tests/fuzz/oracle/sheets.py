"""Workbooks (xlsx, ods) from their XML, and Parquet with pyarrow."""

from __future__ import annotations

import datetime as dt
import io
import posixpath
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.sources.spec import SourceSpec
from tests.fuzz.oracle import archives
from tests.fuzz.oracle.reading import (
    BEYOND,
    BROKEN,
    UNKNOWN,
    Clock,
    MustRefuseError,
    Number,
    Raw,
    Reading,
    Row,
    Stamp,
    UndecidedError,
    file_columns,
    header_fault,
)

Grid = dict[int, dict[int, Raw]]
_SLACK = dt.timedelta(milliseconds=501)
# Number formats of Excel that show a date or a time.
_BUILT_IN = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_MAX_COLUMNS = 16_384
# What a formula of a spreadsheet shows when it has gone wrong.
_ERROR = re.compile(r"#[A-ZÆØÅ0-9/]+[!?]?|Err:\d+")


Parts = dict[str, archives.Member]


def _parts(data: bytes) -> Parts:
    """The parts of a workbook. One that is not needed may be damaged."""
    return {item.name: item for item in archives.members(data)}


def _xml(part: archives.Member | None, what: str) -> ET.Element:
    if part is None:
        raise MustRefuseError(f"no {what}")
    if part.fault == "wrong size":
        raise UndecidedError("a size that lies")
    content = part.read()
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise UndecidedError("document type")
    try:
        return ET.fromstring(content)
    except ET.ParseError:
        # Readers of workbooks look at less than the whole of a part.
        raise UndecidedError(f"{what} is not well-formed") from None


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _below(element: ET.Element, name: str) -> list[ET.Element]:
    return [item for item in element.iter() if _tag(item) == name]


def _attribute(element: ET.Element, name: str) -> str | None:
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return value
    return None


# --- xlsx -------------------------------------------------------------------------------------


def xlsx_readings(data: bytes, spec: SourceSpec, day: dt.date) -> list[Reading]:
    parts = _parts(data)
    book = _xml(parts.get("xl/workbook.xml"), "workbook")
    sheets = _below(book, "sheet")
    chosen = [s for s in sheets if spec.format.sheet in (None, _attribute(s, "name"))]
    if not chosen:
        raise MustRefuseError("no such sheet")
    if len(chosen) > 1 and spec.format.sheet:
        raise UndecidedError("two sheets of one name")
    wanted = next((value for key, value in chosen[0].attrib.items() if key.endswith("}id")), None)
    links = _xml(parts.get("xl/_rels/workbook.xml.rels"), "links")
    targets = [
        item.get("Target") or ""
        for item in _below(links, "Relationship")
        if item.get("Id") == wanted
    ]
    if len(targets) != 1:
        raise UndecidedError("no link to the sheet")
    target = targets[0].lstrip("/")
    path = target if target.startswith("xl/") else posixpath.normpath(f"xl/{target}")
    strings = _strings(parts)
    stamps = _stamp_styles(parts)
    setup = _below(book, "workbookPr")
    late = any((item.get("date1904") or "0") in ("1", "true") for item in setup)
    # Names of parts are equal in upper and lower case (ECMA-376, part 2).
    part = next((part for name, part in parts.items() if name.lower() == path.lower()), None)
    grid = _grid(_xml(part, "sheet"), strings, stamps, late=late)
    return grid_readings(grid, spec, day)


def _strings(parts: Parts) -> list[str | None]:
    if "xl/sharedStrings.xml" not in parts:
        return []
    root = _xml(parts["xl/sharedStrings.xml"], "strings")
    return [_rich(item) for item in root if _tag(item) == "si"]


def _rich(item: ET.Element) -> str:
    texts = []
    for child in item:
        if _tag(child) == "t":
            texts.append(child.text or "")
        elif _tag(child) == "r":
            texts.extend(t.text or "" for t in child if _tag(t) == "t")
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), "".join(texts))


def _stamp_styles(parts: Parts) -> dict[int, str]:
    """Per cell format that shows a date or a time: `date`, `clock`."""
    if "xl/styles.xml" not in parts:
        return {}
    root = _xml(parts["xl/styles.xml"], "styles")
    codes = {
        int(item.get("numFmtId") or -1): item.get("formatCode") or ""
        for item in _below(root, "numFmt")
    }
    kinds: dict[int, str] = {}
    for block in _below(root, "cellXfs"):
        for number, item in enumerate(child for child in block if _tag(child) == "xf"):
            form = int(item.get("numFmtId") or 0)
            code = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", codes.get(form, "")).lower()
            if form in _BUILT_IN or re.search("[ymdhs]", code):
                kinds[number] = "date" if re.search("[yd]", code) else "clock"
    return kinds


def _grid(
    root: ET.Element, strings: list[str | None], stamps: dict[int, str], *, late: bool
) -> Grid:
    grid: Grid = {}
    row_number = 0
    for row in _below(root, "row"):
        named = row.get("r")
        row_number = _whole(named) if named else row_number + 1
        column = -1
        for cell in (child for child in row if _tag(child) == "c"):
            place = cell.get("r")
            at_row = row_number
            if place:
                found = re.fullmatch("([A-Z]{1,3})([0-9]+)", place)
                if found is None:
                    raise UndecidedError("a cell without a place")
                column, at_row = _column(found[1]), int(found[2])
            else:
                column += 1
            value = _cell(cell, strings, stamps, late=late)
            line = grid.setdefault(at_row, {})
            if column in line:
                raise UndecidedError("two cells in one place")
            if at_row != row_number:
                raise UndecidedError("a cell outside its row")
            line[column] = value
        grid.setdefault(row_number, {})
    return grid


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise UndecidedError("a row without a number")
    return int(text)


def _column(letters: str) -> int:
    number = 0
    for c in letters:
        number = number * 26 + ord(c) - 64
    return number - 1


def _cell(
    cell: ET.Element, strings: list[str | None], stamps: dict[int, str], *, late: bool
) -> Raw:
    kind = cell.get("t") or "n"
    values = [child for child in cell if _tag(child) == "v"]
    formula = any(_tag(child) == "f" for child in cell)
    if kind == "inlineStr":
        inner = [child for child in cell if _tag(child) == "is"]
        return (_rich(inner[0]) or None) if inner else None
    text = values[0].text if values else None
    if formula and text is None:
        # Empty is what a formula may also give, as a text; without any cache it is not known.
        return BROKEN if not values or kind == "n" else None
    if text is None:
        return None
    match kind:
        case "s":
            if not text.isascii() or not text.isdigit() or int(text) >= len(strings):
                return BROKEN
            return strings[int(text)] or None
        case "str":
            return _rich_text(text)
        case "e":
            return BROKEN
        case "b":
            return {"1": True, "0": False, "true": True, "false": False}.get(text, UNKNOWN)
        case "d":
            return UNKNOWN
        case "n":
            return _number(text, stamps.get(_style(cell)), late=late)
    return UNKNOWN


def _rich_text(text: str) -> Raw:
    return text or None


def _style(cell: ET.Element) -> int:
    text = cell.get("s") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0


def _number(text: str, stamp: str | None, *, late: bool) -> Raw:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return BROKEN
    if not value.is_finite() or abs(value) > Decimal("1e300"):
        return BROKEN
    return Number(value) if stamp is None else moment(value, late=late)


def moment(value: Decimal, *, late: bool = False) -> Raw:
    """A day number of Excel. Below one it is a time of day, or a duration."""
    if value < 0:
        return BEYOND
    if value < 1:
        return Clock(dt.timedelta(days=float(value)))
    start = dt.datetime(1904, 1, 1) if late else dt.datetime(1899, 12, 30)
    if not late and value < 61:
        # 29 February 1900, which Excel has and the calendar has not.
        return (
            UNKNOWN
            if value >= 60
            else Stamp(
                start + dt.timedelta(days=1 + float(value)), slack=dt.timedelta(days=1, seconds=1)
            )
        )
    try:
        return Stamp(start + dt.timedelta(days=float(value)), slack=_SLACK)
    except OverflowError:
        return BEYOND


def grid_readings(grid: Grid, spec: SourceSpec, day: dt.date) -> list[Reading]:
    last = max(grid, default=0)
    if last > 20_000 or any(max(line, default=0) > _MAX_COLUMNS for line in grid.values()):
        raise UndecidedError("a far cell")
    header = grid.get(spec.format.header_row, {})
    if not any(value is not None for value in header.values()):
        raise MustRefuseError("no header")
    if any(value is not None and not isinstance(value, str) for value in header.values()):
        raise UndecidedError("a header that is not text")
    names = [str(header.get(at) or "") for at in range(max(header) + 1)]
    known, fault = header_fault(names, spec, day)
    if fault:
        return [Reading(refused_for=fault)]
    wanted = set(file_columns(spec))
    rows = []
    for number in range(spec.format.header_row + 1, last + 1):
        line = grid.get(number, {})
        values: dict[str, Raw] = {
            name: line.get(at) for at, name in enumerate(known) if name in wanted
        }
        filled = {at: value for at, value in line.items() if value is not None}
        blank = all(isinstance(value, str) and not value.strip() for value in filled.values())
        key = tuple(sorted((at, repr(value)) for at, value in filled.items()))
        rows.append(Row(values, key, optional=blank))
    return [Reading(rows)]


# --- ods --------------------------------------------------------------------------------------


def ods_readings(data: bytes, spec: SourceSpec, day: dt.date) -> list[Reading]:
    root = _xml(_parts(data).get("content.xml"), "content")
    tables = _below(root, "table")
    chosen = [t for t in tables if spec.format.sheet in (None, _attribute(t, "name"))]
    if not chosen:
        raise MustRefuseError("no such sheet")
    grid: Grid = {}
    number = 1
    for row in _below(chosen[0], "table-row"):
        line = _ods_line(row)
        count = int(_attribute(row, "number-rows-repeated") or 1)
        if line:
            if count > 5_000:
                raise UndecidedError("a row a thousand times")
            for repeat in range(count):
                grid[number + repeat] = dict(line)
        number += count
    return grid_readings(grid, spec, day)


def _ods_line(row: ET.Element) -> dict[int, Raw]:
    line: dict[int, Raw] = {}
    at = 0
    for cell in row:
        if _tag(cell) not in ("table-cell", "covered-table-cell"):
            continue
        count = int(_attribute(cell, "number-columns-repeated") or 1)
        value = _ods_cell(cell)
        if value is not None:
            if count > 5_000:
                raise UndecidedError("a cell a thousand times")
            for repeat in range(count):
                line[at + repeat] = value
        at += count
    return line


def _ods_cell(cell: ET.Element) -> Raw:
    kind = _attribute(cell, "value-type")
    shown = "\n".join("".join(item.itertext()) for item in cell if _tag(item) == "p")
    if kind in ("float", "currency"):
        return _number(_attribute(cell, "value") or "", None, late=False)
    if kind == "percentage":
        return UNKNOWN
    if kind == "boolean":
        return {"true": True, "false": False}.get(_attribute(cell, "boolean-value") or "", UNKNOWN)
    if kind == "date":
        try:
            value = dt.datetime.fromisoformat(_attribute(cell, "date-value") or "")
        except ValueError:
            return BROKEN
        return Stamp(value, slack=_SLACK)
    if kind == "time":
        found = re.fullmatch(
            r"PT(\d+)H(\d+)M(\d+)(?:[.,]\d+)?S", _attribute(cell, "time-value") or ""
        )
        if found is None:
            return UNKNOWN
        hours, minutes, seconds = (int(part) for part in found.groups())
        return Clock(dt.timedelta(hours=hours, minutes=minutes, seconds=seconds))
    if _attribute(cell, "formula") is not None and (not shown or _ERROR.fullmatch(shown)):
        return BROKEN
    return _attribute(cell, "string-value") or shown or None


# --- Parquet ----------------------------------------------------------------------------------


def parquet_readings(data: bytes, spec: SourceSpec, day: dt.date) -> list[Reading]:
    try:
        table = pq.read_table(io.BytesIO(data))
    except Exception:
        raise UndecidedError("not readable for Arrow") from None
    known, fault = header_fault(table.column_names, spec, day)
    if fault:
        return [Reading(refused_for=fault)]
    if table.num_rows > 10_000:
        raise UndecidedError("too many rows")
    try:
        table.validate(full=True)
    except pa.ArrowException:
        raise UndecidedError("not valid for Arrow") from None
    wanted = set(file_columns(spec))
    whole: list[Sequence[Any]] = []
    columns: dict[str, list[Raw]] = {}
    for name, column in zip(known, table.columns, strict=True):
        raws = arrow_values(column.combine_chunks())
        whole.append([repr(raw) for raw in raws])
        if name in wanted:
            columns[name] = raws
    rows = []
    for number in range(table.num_rows):
        key = tuple(column[number] for column in whole)
        rows.append(Row({name: raws[number] for name, raws in columns.items()}, key))
    return [Reading(rows)]


def arrow_values(column: Any) -> list[Raw]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return arrow_values(column.cast(kind.value_type))
    if pa.types.is_nested(kind):
        return [None if not item.is_valid else BROKEN for item in column]
    if pa.types.is_timestamp(kind):
        return _timestamps(column)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [UNKNOWN if item.is_valid else None for item in column]
    if pa.types.is_date(kind):
        days = column.cast(pa.int32()) if kind == pa.date32() else None
        if days is None:
            return [UNKNOWN if item.is_valid else None for item in column]
        return [None if d is None else _date(d) for d in days.to_pylist()]
    if pa.types.is_time(kind) or pa.types.is_duration(kind) or pa.types.is_interval(kind):
        return [UNKNOWN if item.is_valid else None for item in column]
    values = column.to_pylist()
    if pa.types.is_boolean(kind):
        return list(values)
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return [None if value is None else Number(Decimal(value)) for value in values]
    if pa.types.is_floating(kind):
        return [_float(value, single=kind != pa.float64()) for value in values]
    return [value or None for value in values]


def _float(value: float | None, *, single: bool) -> Raw:
    if value is None:
        return None
    number = Decimal(repr(value))
    if not number.is_finite():
        return BROKEN
    return UNKNOWN if single and number != number.to_integral_value() else Number(number)


def _date(days: int) -> Raw:
    try:
        day = dt.date(1970, 1, 1) + dt.timedelta(days=days)
    except OverflowError:
        return BROKEN
    return Stamp(dt.datetime.combine(day, dt.time()))


def _timestamps(column: Any) -> list[Raw]:
    """Epoch numbers in the unit of the type, so that nothing is rounded."""
    per = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 0}[column.type.unit]
    raws: list[Raw] = []
    for number in column.cast(pa.int64()).to_pylist():
        if number is None:
            raws.append(None)
            continue
        micros = number // 1000 if per == 0 else number * per
        try:
            value = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=micros)
        except OverflowError:
            raws.append(BROKEN)
            continue
        slack = dt.timedelta(microseconds=1) if per == 0 else dt.timedelta(0)
        raws.append(Stamp(value, zoned=column.type.tz is not None, slack=slack))
    return raws
