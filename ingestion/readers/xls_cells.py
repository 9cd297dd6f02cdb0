"""The filled cells of an xls sheet (Excel 97 to 2003), from the records of its stream."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import polars as pl

from ingestion.readers.cells import (
    A_NUMBER,
    AS_NUMBER,
    ERROR,
    TEXT,
    VALUE,
    Cells,
    Content,
    Places,
    cells_of,
    check_extent,
    no_sheet,
    shown_by_code,
    shown_by_id,
    typed,
    unreadable,
)
from ingestion.readers.typed_text import float_text
from ingestion.readers.xlsx_cells import OLE, password

_END = 0xFFFFFFFC  # this sector number, and those above, are no sectors
_BOF, _EOF, _FILEPASS, _DATEMODE, _BOUNDSHEET = 0x809, 0x0A, 0x2F, 0x22, 0x85
_FORMAT, _XF = 0x41E, 0xE0
_NUMBER, _RK, _MULRK, _BOOLERR, _FORMULA = 0x203, 0x27E, 0xBD, 0x205, 0x06
_TEXTS = (0xFD, 0x204, 0xD6)
_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
# Row, column, kind (none of a number), cell style, number, and the text of what is no number.
_Cell = tuple[int, int, int | None, int, float | None, str | None]


def scan_xls(payload: bytes, wanted: str | None) -> Cells:
    """The filled cells of the wanted sheet, or of the first worksheet.

    Raises:
        FileRefusedError: not a workbook of Excel 97 to 2003, no such sheet, or FILE_TOO_LARGE.
    """
    if not payload.startswith(OLE):
        raise unreadable("ikke en gyldig xls-fil", "not a valid xls file")
    try:
        return _scan(_stream(payload), wanted)
    except (struct.error, IndexError, UnicodeDecodeError):
        pass
    raise unreadable("xls-filen er skadet", "the xls file is damaged")


def _scan(stream: bytes, wanted: str | None) -> Cells:
    formats: dict[int, int] = {}
    styles: list[int] = []
    sheets: list[tuple[str, int]] = []
    epoch_1904 = False
    for kind, body in _records(stream, 0):
        if kind == _FILEPASS:
            raise password()
        if kind == _BOF and body[:2] != b"\x00\x06":
            raise unreadable(
                "arbeidsboken er eldre enn Excel 97: lagre den på nytt",
                "the workbook is older than Excel 97: save it again",
            )
        if kind == _DATEMODE:
            epoch_1904 = body[:2] == b"\x01\x00"
        elif kind == _FORMAT:
            (number,) = struct.unpack_from("<H", body)
            formats[number] = shown_by_code(_string(body[2:], "<H"))
        elif kind == _XF:
            styles.append(struct.unpack_from("<H", body, 2)[0])
        elif kind == _BOUNDSHEET and body[5] == 0:
            sheets.append((_string(body[6:], "<B"), struct.unpack_from("<I", body)[0]))
    found = next(((name, at) for name, at in sheets if wanted in (None, name)), None)
    if found is None:
        raise no_sheet(wanted, len(sheets))
    shown = [formats.get(number, shown_by_id(number)) for number in styles]
    cells = list(_cells(stream, found[1]))
    return cells_of(found[0], _typed(cells, shown, epoch_1904=epoch_1904))


def _string(body: bytes, size: str) -> str:
    (length,) = struct.unpack_from(size, body)
    start = struct.calcsize(size) + 1
    wide = body[start - 1] & 1
    return body[start : start + length * (1 + wide)].decode("utf-16-le" if wide else "latin-1")


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The records of one part of the stream; what is nested in it (a chart) is left out."""
    depth = 0
    while True:
        kind, size = struct.unpack_from("<HH", stream, at)
        if at + 4 + size > len(stream):
            raise IndexError
        depth += (kind == _BOF) - (kind == _EOF)
        if depth == 0:
            return
        if depth == 1:
            yield kind, stream[at + 4 : at + 4 + size]
        at += 4 + size


def _cells(stream: bytes, at: int) -> Iterator[_Cell]:
    for kind, body in _records(stream, at):
        if kind == _NUMBER:
            row, column, style, number = struct.unpack_from("<HHHd", body)
            yield row, column, None, style, number, None
        elif kind == _RK:
            row, column, style, packed = struct.unpack_from("<HHHI", body)
            yield row, column, None, style, _unpacked(packed), None
        elif kind == _MULRK:
            row, column = struct.unpack_from("<HH", body)
            for style, packed in struct.iter_unpack("<HI", body[4:-2]):
                yield row, column, None, style, _unpacked(packed), None
                column += 1
        elif kind in _TEXTS:
            row, column, style = struct.unpack_from("<HHH", body)
            yield row, column, TEXT, style, None, None
        elif kind == _BOOLERR:
            row, column, style, value, is_error = struct.unpack_from("<HHHBB", body)
            yield _flag(row, column, style, value, is_error=bool(is_error))
        elif kind == _FORMULA:
            row, column, style, number = struct.unpack_from("<HHHd", body)
            if body[12:14] != b"\xff\xff":
                yield row, column, None, style, number, None
            elif body[6] in (1, 2):
                yield _flag(row, column, style, body[8], is_error=body[6] == 2)
            elif body[6] == 0:
                yield row, column, TEXT, style, None, None


def _flag(row: int, column: int, style: int, value: int, *, is_error: bool) -> _Cell:
    if is_error:
        return row, column, ERROR, style, None, _ERRORS.get(value, "#ERROR")
    return row, column, VALUE, style, None, "true" if value else "false"


def _unpacked(packed: int) -> float:
    """A number in the short form: 30 bits of an integer or a float, perhaps a hundredfold."""
    if packed & 2:
        number: float = (packed - (1 << 32) if packed >> 31 else packed) >> 2
    else:
        (number,) = struct.unpack("<d", struct.pack("<Q", (packed & 0xFFFFFFFC) << 32))
    return number / 100 if packed & 1 else number


def _typed(cells: list[_Cell], shown: list[int], *, epoch_1904: bool) -> Content:
    schema = {
        "row": pl.Int64,
        "column": pl.Int64,
        "was": pl.UInt8,
        "style": pl.UInt32,
        "number": pl.Float64,
        "text": pl.String,
    }
    frame = pl.DataFrame(cells, schema=schema, orient="row")
    if frame.is_empty():
        return Content.none()
    rows, columns = frame.select(pl.col("row").max(), pl.col("column").max()).row(0)
    check_extent(rows + 1, columns + 1)
    # A cell that is written twice has the last value.
    frame = frame.unique(["row", "column"], keep="last", maintain_order=True)
    numbers = float_text(frame["number"])
    formats = np.array([*shown, AS_NUMBER], dtype=np.uint8)
    return typed(
        Places(frame["row"].to_numpy(), frame["column"].to_numpy()),
        frame["was"].fill_null(A_NUMBER).to_numpy(),
        frame["number"].fill_null(0).to_numpy(),
        numbers.zip_with(numbers.is_not_null(), frame["text"]),
        formats[np.minimum(frame["style"].to_numpy(), len(shown))],
        epoch_1904=epoch_1904,
    )


# --- the compound file around the stream ---------------------------------------------------------


def _stream(payload: bytes) -> bytes:
    """The workbook's stream in the compound file."""
    size = 1 << struct.unpack_from("<H", payload, 30)[0]
    if size not in (512, 4096):
        raise IndexError
    fat_count, directory_at = struct.unpack_from("<II", payload, 44)
    cutoff, mini_at, _, difat_at, difat_count = struct.unpack_from("<IIIII", payload, 56)
    fat_sectors = list(struct.unpack_from("<109I", payload, 76))
    for _ in range(difat_count):
        sector = struct.unpack(f"<{size // 4}I", _sector(payload, difat_at, size))
        fat_sectors += sector[:-1]
        difat_at = sector[-1]
    fat: list[int] = []
    for number in fat_sectors[:fat_count]:
        fat += struct.unpack(f"<{size // 4}I", _sector(payload, number, size))
    directory = b"".join(_sector(payload, number, size) for number in _chain(fat, directory_at))
    entries = [directory[at : at + 128] for at in range(0, len(directory) - 127, 128)]
    root = b""
    for entry in entries:
        (length,) = struct.unpack_from("<H", entry, 64)
        name = entry[: max(length - 2, 0)].decode("utf-16-le")
        start, wanted = struct.unpack_from("<II", entry, 116)
        if entry[66] == 5:
            root = b"".join(_sector(payload, number, size) for number in _chain(fat, start))
        if entry[66] == 2 and name in ("Workbook", "Book"):
            if wanted >= cutoff:
                sectors = [_sector(payload, number, size) for number in _chain(fat, start)]
            else:
                mini = b"".join(_sector(payload, n, size) for n in _chain(fat, mini_at))
                mini_fat = [n for (n,) in struct.iter_unpack("<I", mini)]
                sectors = [root[n * 64 : n * 64 + 64] for n in _chain(mini_fat, start)]
            stream = b"".join(sectors)[:wanted]
            if len(stream) < wanted:
                raise IndexError
            return stream
    raise unreadable("ingen arbeidsbok i filen", "there is no workbook in the file")


def _sector(payload: bytes, number: int, size: int) -> bytes:
    sector = payload[(number + 1) * size : (number + 2) * size]
    if number >= _END or not sector:
        raise IndexError
    return sector.ljust(size, b"\0")


def _chain(fat: list[int], start: int) -> Iterator[int]:
    """The sectors of a stream; one that comes round to itself is damaged."""
    for _ in range(len(fat) + 1):
        if start >= _END:
            return
        yield start
        start = fat[start]
    raise IndexError
