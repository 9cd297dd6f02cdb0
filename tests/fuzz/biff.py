"""Old Excel workbooks (.xls): a writer of BIFF8 records in a compound file, and their mutators."""

from __future__ import annotations

import datetime as dt
import random
import struct
from decimal import Decimal

from ingestion.sources.spec import SourceSpec
from tests.fuzz.mutate import Draft, mutator
from tests.fuzz.table import Cell, Table
from tests.fuzz.write import serial

_SECTOR = 512
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
# Built-in number formats: general, date with time, date, time.
_FORMATS = (0, 22, 14, 21)
BOF, EOF, DATE_1904, XF, SHEET = 0x0809, 0x000A, 0x0022, 0x00E0, 0x0085
NUMBER, LABEL, BOOL_OR_ERROR, FORMULA, DIMENSIONS = 0x0203, 0x0204, 0x0205, 0x0006, 0x0200


def record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def workbook(table: Table, spec: SourceSpec) -> bytes:
    """A workbook with one sheet."""
    heads: list[list[Cell]] = [["Grupper"]] * (spec.format.header_row - 1)
    names: list[Cell] = list(table.names)
    rows = [*heads, names, *table.rows]
    cells = b"".join(
        _cell(cell, at, column) for at, row in enumerate(rows) for column, cell in enumerate(row)
    )
    width = max((len(row) for row in rows), default=0)
    size = record(DIMENSIONS, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    sheet = record(BOF, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0)) + size + cells
    sheet += record(EOF, b"")
    name = (spec.format.sheet or "Ark1").encode("utf-16-le")
    before = record(BOF, struct.pack("<HHHHII", 0x600, 0x05, 0, 0, 0, 0))
    before += record(DATE_1904, b"\x00\x00")
    before += b"".join(record(XF, struct.pack("<HH16x", 0, form)) for form in _FORMATS)
    place = len(before) + 4 + 8 + len(name) + 4
    bound = struct.pack("<IBBBB", place, 0, 0, len(name) // 2, 1) + name
    return compound(before + record(SHEET, bound) + record(EOF, b"") + sheet)


def _cell(cell: Cell, row: int, column: int) -> bytes:
    if cell is None:
        return b""
    if isinstance(cell, bool):
        return record(BOOL_OR_ERROR, struct.pack("<HHHBB", row, column, 0, cell, 0))
    if isinstance(cell, int | float | Decimal):
        try:
            value = float(cell)
        except OverflowError:
            value = 1e300
        return record(NUMBER, struct.pack("<HHHd", row, column, 0, value))
    if isinstance(cell, dt.datetime):
        return record(NUMBER, struct.pack("<HHHd", row, column, 1, serial(cell)))
    if isinstance(cell, dt.date):
        day = serial(dt.datetime.combine(cell, dt.time()))
        return record(NUMBER, struct.pack("<HHHd", row, column, 2, day))
    if isinstance(cell, dt.time):
        part = serial(dt.datetime.combine(dt.date(1899, 12, 30), cell))
        return record(NUMBER, struct.pack("<HHHd", row, column, 3, part))
    text = cell.encode("utf-16-le", errors="replace")[:8_000]
    return record(LABEL, struct.pack("<HHHHB", row, column, 0, len(text) // 2, 1) + text)


def compound(stream: bytes) -> bytes:
    """A compound file with the one stream `Workbook`."""
    # Below 4,096 bytes it would have to lie in the small sectors.
    stream = stream.ljust(4096, b"\x00")
    count = -(-len(stream) // _SECTOR)
    # The sectors: those of the allocation table, the directory, the stream.
    tables = 1
    while tables * 128 < tables + 1 + count:
        tables += 1
    first = tables + 1
    fat = [_FAT] * tables + [_END] + [*range(first + 1, first + count), _END]
    fat += [_FREE] * (tables * 128 - len(fat))
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16)
    header += struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, tables, tables, 0, 4096,
                          _END, 0, _END, 0)  # fmt: skip
    header += struct.pack("<109I", *range(tables), *[_FREE] * (109 - tables))
    directory = _entry("Root Entry", 5, 1, _END, 0) + _entry("Workbook", 2, _FREE, first,
                                                             len(stream))  # fmt: skip
    directory = directory.ljust(_SECTOR, b"\x00")
    body = stream.ljust(count * _SECTOR, b"\x00")
    return header + struct.pack(f"<{len(fat)}I", *fat) + directory + body


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = (name + "\0").encode("utf-16-le")
    return text.ljust(64, b"\x00") + struct.pack(
        "<HBBIII36xIQ", len(text), kind, 1, _FREE, _FREE, child, start, size
    )


# --- mutators ---------------------------------------------------------------------------------


def _stream(data: bytes) -> tuple[int, bytes]:
    """Where the stream begins in a file of ours, and the stream."""
    tables = struct.unpack_from("<I", data, 44)[0]
    start = (tables + 2) * _SECTOR
    return start, data[start:]


@mutator("payload", "xls", weight=10)
def old_excel_cell(draft: Draft, rng: random.Random) -> None:
    """One cell as an error, a formula with or without a value, another type, in another place."""
    start, stream = _stream(draft.payload)
    cells, at = [], 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        if kind in (NUMBER, LABEL):
            cells.append((at, 4 + length))
        at += 4 + length
        if kind == 0:
            break
    if not cells:
        return
    at, length = rng.choice(cells)
    row, column = struct.unpack_from("<HH", stream, at + 4)
    place = struct.pack("<HHH", row, column, 0)
    far = rng.choice((200, 200, 200, 65_535))
    result = rng.choice((
        struct.pack("<d", 301.0), b"\x02\x00\x2a\x00\x00\x00\xff\xff",
        b"\x03\x00\x00\x00\x00\x00\xff\xff", b"\x01\x00\x01\x00\x00\x00\xff\xff",
    ))  # fmt: skip
    new = rng.choice((
        record(BOOL_OR_ERROR, place + rng.choice((b"\x2a\x01", b"\x07\x01", b"\x01\x00"))),
        record(FORMULA, place + result + struct.pack("<HIH", 0, 0, 3) + b"\x1e\x01\x00"),
        record(NUMBER, place + struct.pack("<d", rng.choice((301.0, 301.5, 1e16, -1.0)))),
        record(NUMBER, place[:4] + b"\x01\x00" + struct.pack("<d", rng.choice((0.5, 0.0, 60.0)))),
        record(NUMBER, place[:4] + b"\x01\x00" + struct.pack("<d", rng.choice((1e9, 46037.25)))),
        record(NUMBER, struct.pack("<HHH", far, 255, 0) + struct.pack("<d", 1.0)), b"",
        stream[at : at + length] * 2,
    ))  # fmt: skip
    changed = stream[:at] + new + stream[at + length :]
    # The sheet lies after the directory of sheets, so no place moves but its own end.
    draft.payload = draft.payload[:start] + changed.ljust(len(stream), b"\x00")[: len(stream)]


@mutator("payload", "xls", weight=2)
def old_excel_calendar(draft: Draft, _: random.Random) -> None:
    at = draft.payload.find(record(DATE_1904, b"\x00\x00"))
    draft.payload = draft.payload[: at + 4] + b"\x01" + draft.payload[at + 5 :]


@mutator("payload", "xls", weight=4)
def old_excel_bytes(draft: Draft, rng: random.Random) -> None:
    """In the header, the allocation table, the directory or the records."""
    data = bytearray(draft.payload)
    start, end = rng.choice(((0, 100), (512, 700), (1024, 1300), (1536, len(data))))
    for _ in range(rng.choice((1, 1, 4))):
        data[rng.randrange(start, min(end, len(data)))] = rng.randrange(256)
    draft.payload = bytes(data)
