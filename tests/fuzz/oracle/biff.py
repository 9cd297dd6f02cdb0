"""Old Excel workbooks from their compound file and records (BIFF8)."""

from __future__ import annotations

import datetime as dt
import math
import struct
from decimal import Decimal

from ingestion.sources.spec import SourceSpec
from tests.fuzz.oracle.reading import (
    BROKEN,
    MustRefuseError,
    Number,
    Raw,
    Reading,
    UndecidedError,
)
from tests.fuzz.oracle.sheets import Grid, grid_readings, moment

_DATES = {*range(14, 18), 22}
_CLOCKS = {*range(18, 22), 45, 46, 47}


def xls_readings(data: bytes, spec: SourceSpec, day: dt.date) -> list[Reading]:
    if not data.startswith(bytes.fromhex("d0cf11e0a1b11ae1")):
        raise MustRefuseError("no compound file")
    try:
        stream = _stream(data)
        grid = _sheet(stream, spec)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise UndecidedError("damaged records") from None
    return grid_readings(grid, spec, day)


def _stream(data: bytes) -> bytes:
    """The stream `Workbook`, by way of the allocation table and the directory."""
    if struct.unpack_from("<HH", data, 28) != (0xFFFE, 9):
        raise UndecidedError("sectors")
    tables, directory = struct.unpack_from("<II", data, 44)
    if not 1 <= tables <= 109:
        raise UndecidedError("allocation table")
    fat: list[int] = []
    for number in struct.unpack_from(f"<{tables}I", data, 76):
        fat += struct.unpack("<128I", _sector(data, number))
    entries = b"".join(_sector(data, number) for number in _chain(fat, directory))
    for at in range(0, len(entries), 128):
        length, kind = struct.unpack_from("<HB", entries, at + 64)
        if entries[at : at + max(length - 2, 0)] == "Workbook".encode("utf-16-le") and kind == 2:
            start, size = struct.unpack_from("<IQ", entries, at + 116)
            content = b"".join(_sector(data, number) for number in _chain(fat, start))
            if len(content) < size:
                raise UndecidedError("a short stream")
            return content[:size]
    raise UndecidedError("no stream")


def _sector(data: bytes, number: int) -> bytes:
    start = 512 * (number + 1)
    if start + 512 > len(data):
        raise UndecidedError("sector outside the file")
    return data[start : start + 512]


def _chain(fat: list[int], start: int) -> list[int]:
    chain: list[int] = []
    while start != 0xFFFFFFFE:
        if start >= len(fat) or len(chain) > len(fat):
            raise UndecidedError("allocation chain")
        chain.append(start)
        start = fat[start]
    return chain


def _records(stream: bytes, at: int) -> list[tuple[int, bytes]]:
    """Records from a beginning (BOF) to its end (EOF)."""
    found = []
    while True:
        kind, length = struct.unpack_from("<HH", stream, at)
        body = stream[at + 4 : at + 4 + length]
        if len(body) < length:
            raise UndecidedError("a record is cut")
        found.append((kind, body))
        at += 4 + length
        if kind == 0x000A:
            return found


def _sheet(stream: bytes, spec: SourceSpec) -> Grid:
    book = _records(stream, 0)
    if book[0][0] != 0x0809 or any(kind not in _BOOK for kind, _ in book):
        raise UndecidedError("records of the book")
    formats = [struct.unpack_from("<H", body, 2)[0] for kind, body in book if kind == 0x00E0]
    late = any(kind == 0x0022 and body[:1] == b"\x01" for kind, body in book)
    places = {}
    for kind, body in book:
        if kind == 0x0085:
            place, length, wide = struct.unpack_from("<I2xBB", body)
            raw = body[8:]
            name = raw.decode("utf-16-le") if wide & 1 else raw.decode("latin-1")
            places[name[:length]] = place
    wanted = spec.format.sheet or next(iter(places), None)
    if wanted not in places:
        raise MustRefuseError("no such sheet")
    records = _records(stream, places[wanted])
    if records[0][0] != 0x0809 or any(kind not in _CELLS for kind, _ in records):
        raise UndecidedError("records of the sheet")
    grid: Grid = {}
    for kind, body in records:
        if kind in (0x0203, 0x0204, 0x0205, 0x0006):
            row, column, form = struct.unpack_from("<HHH", body)
            line = grid.setdefault(row + 1, {})
            if column in line:
                raise UndecidedError("two cells in one place")
            line[column] = _value(kind, body, formats, form, late=late)
    return grid


_BOOK = {0x0809, 0x0022, 0x00E0, 0x0085, 0x000A}
_CELLS = {0x0809, 0x0200, 0x0203, 0x0204, 0x0205, 0x0006, 0x000A}


def _value(kind: int, body: bytes, formats: list[int], form: int, *, late: bool) -> Raw:
    if kind == 0x0204:
        length, wide = struct.unpack_from("<HB", body, 6)
        text = body[9:].decode("utf-16-le" if wide & 1 else "latin-1")
        if len(body) != 9 + length * (2 if wide & 1 else 1):
            raise UndecidedError("the length of a text")
        return text or None
    if kind == 0x0205:
        value, error = struct.unpack_from("<BB", body, 6)
        return BROKEN if error else bool(value)
    if kind == 0x0006 and body[12:14] == b"\xff\xff":
        # 0 a text that follows, 1 a truth value, 2 an error, 3 an empty text.
        raw: dict[int, Raw] = {1: body[8] != 0, 2: BROKEN, 3: None}
        if body[6] not in raw:
            raise UndecidedError("the value of a formula")
        return raw[body[6]]
    number = struct.unpack_from("<d", body, 6)[0]
    if not math.isfinite(number):
        return BROKEN
    if form >= len(formats):
        raise UndecidedError("a cell format that is not there")
    value = Decimal(repr(number))
    shown = formats[form]
    if shown in _DATES | _CLOCKS:
        return moment(value, late=late)
    return Number(value)
