"""Many JSON records at once: those that are written alike are cut at the same places.

The records of a file are nearly all written by one program, with the same keys in the same order
and the same white space. One record teaches that layout: the literal texts between its values.
A record whose bytes are these literals with one plain value between each two is JSON with exactly
these keys, so its values can be cut out of all such records at once. What a layout means is decided
by the strict reader, which reads one record of it; a value that is more than a plain text or whole
number is read by the strict reader as well; and records that fit no layout are left to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from ingestion.readers.json_record import (
    ABSENT,
    Exact,
    Fields,
    KeyTwiceError,
    as_text,
    read_record,
    read_value,
)
from ingestion.readers.raw import ROW_KEY_TWICE, ROW_NUMBER, ROW_UNREADABLE

Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MAX_LAYOUTS = 30
# How much white space there can be between a colon and a value of a layout.
_PADDING = 32
# As much as stays in the processor's cache.
_CHUNK_BYTES = 2 * 1024**2
_QUOTE, _COLON, _BACKSLASH, _SPACE = b'":\\ '
_VALUE = re.compile(
    rb'(?<=":)(?P<space>[ \t\r\n]*)'
    rb'(?P<value>"[^"]*"|null|true|false|-?[0-9][0-9.eE+-]*)(?=[ \t\r\n]*[,}\]])'
)
# A character that no other value can have: nothing else is written so.
_MARK = rb"\u0000"
_PLAIN = r"^(?:true|false|0|-?[1-9][0-9]*)$"


@dataclass(frozen=True)
class Layout:
    """How records of one kind are written.

    Attributes:
        literals: the bytes before each value.
        spaces: per value, white space between its colon and itself.
        colons: per value, how many keys of the record come before its own.
        tail: the bytes after the last value.
        columns: per raw column the place of its value; None where it is absent or null.
        present: the raw columns that such records have.
    """

    literals: tuple[bytes, ...]
    spaces: tuple[int, ...]
    colons: tuple[int, ...]
    tail: bytes
    columns: tuple[int | None, ...]
    present: frozenset[str]

    def count(self, text: bytes) -> int:
        """How often a text stands in the literals."""
        return sum(literal.count(text) for literal in (*self.literals, self.tail))

    @property
    def size(self) -> int:
        """How long the literals are together."""
        return sum(map(len, self.literals)) + len(self.tail)

    @property
    def controls(self) -> int:
        """Line ends and tabs between the values."""
        return sum(byte < _SPACE for literal in (*self.literals, self.tail) for byte in literal)


def learn(record: bytes, fields: Fields) -> Layout | None:
    """The layout of a record; None when it has none that can be used."""
    if _MARK in record:
        return None
    values = list(_VALUE.finditer(record))
    while True:
        starts = [match.start("value") for match in values]
        ends = [match.end("value") for match in values]
        *literals, tail = (
            record[a:b] for a, b in zip([0, *ends], [*starts, len(record)], strict=True)
        )
        # The strict reader says where the fields are, in the same record with marked values.
        marked = b"".join(b'%b"%b%d"' % (text, _MARK, n) for n, text in enumerate(literals))
        try:
            found = fields.find(read_record((marked + tail).decode("utf-8")))
        except ValueError:
            return None
        above = {_place(value) for value in found if isinstance(value, Exact)}
        if not above:
            break
        # Fields are looked for below these values. A null there is part of the layout.
        if any(place is None or values[place]["value"] != b"null" for place in above):
            return None
        values = [match for place, match in enumerate(values) if place not in above]
    places = [_place(value) if isinstance(value, str) else None for value in found]
    usable = all(
        value is None or value is ABSENT or place is not None
        for value, place in zip(found, places, strict=True)
    )
    if not usable or not literals or any(len(match["space"]) > _PADDING // 2 for match in values):
        return None
    colons = np.cumsum([literal.count(b'":') for literal in literals], dtype=np.int64) - 1
    return Layout(
        tuple(literals),
        tuple(len(match["space"]) for match in values),
        tuple(colons.tolist()),
        tail,
        tuple(places),
        frozenset(
            name for name, value in zip(fields.names, found, strict=True) if value is not ABSENT
        ),
    )


def _place(value: str) -> int | None:
    """Which of the marked values this is, or stands where an object should be."""
    text = read_value(value) if isinstance(value, Exact) else value
    match = re.fullmatch(r"\0(\d+)", text) if isinstance(text, str) else None
    return int(match[1]) if match else None


class Chunk:
    """Some records of a file: where they are, and what is counted in each.

    Args:
        payload: UTF-8 text.
        starts, ends: first byte of each record, and the one after its last.
    """

    def __init__(self, payload: bytes, starts: Places, ends: Places) -> None:
        base, stop = int(starts[0]), int(ends[-1])
        # Padded, so that a word can be looked at from every byte.
        self.text = payload[base:stop] + bytes(_PADDING)
        self.starts, self.ends = starts - base, ends - base
        self._edges = np.stack([self.starts, self.ends], axis=1).ravel()
        size = len(self.text)
        data = np.frombuffer(self.text, np.uint8)
        quotes = data == _QUOTE
        self.data = data
        self._words = {
            width: np.ndarray((size - width + 1,), f"<u{width}", self.text, 0, (1,))
            for width in (4, 8)
        }
        self.colons = np.flatnonzero(quotes[:-1] & (data[1:] == _COLON))
        self.first_colon = np.searchsorted(self.colons, self.starts)
        self.colon_count = np.searchsorted(self.colons, self.ends) - self.first_colon
        self.quote_count = self._count(quotes)
        self.control_count = self._count(data < _SPACE)
        self.escapes = b"\\" in self.text
        self.plain = np.ones(len(starts), np.bool_)
        if self.escapes:
            # An escaped quotation mark looks like the end of a text.
            twice = np.zeros(size, np.bool_)
            twice[:-1] = (data[:-1] == _BACKSLASH) & ((data[1:] == _BACKSLASH) | quotes[1:])
            self.plain = self._count(twice) == 0

    def _count(self, marks: Flags) -> npt.NDArray[np.int32]:
        return np.add.reduceat(marks, self._edges, dtype=np.int32)[::2]

    def record(self, number: int) -> bytes:
        """The bytes of one record."""
        return self.text[self.starts[number] : self.ends[number]]

    def holds(self, at: Places, literal: bytes) -> Flags:
        """Where the text has this literal (of four bytes or more) at these places."""
        width = 8 if len(literal) >= 8 else 4
        words = self._words[width]
        found = np.ones(len(at), np.bool_)
        for offset in {*range(0, len(literal) - width, width), len(literal) - width}:
            word = int.from_bytes(literal[offset : offset + width], "little")
            found &= words[at + offset] == word
        return found

    def lines(self, rows: Places) -> pl.Series:
        """These records as binary values, which share the memory of the chunk."""
        # Starts and ends alternate, so every second value is what lies between two records.
        array = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(),
            len(self._edges) - 1,
            [None, pa.py_buffer(self._edges), pa.py_buffer(self.text)],
        )
        return pl.Series(array).gather(2 * rows)


@dataclass(frozen=True)
class _Values:
    """One value of many records: first byte, the one after the last, and whether it is a text."""

    begin: Places
    end: Places
    quoted: Flags

    def at(self, rows: Flags) -> _Values:
        """The values of some of the records."""
        return _Values(self.begin[rows], self.end[rows], self.quoted[rows])


def cut(chunk: Chunk, layout: Layout, among: Places) -> tuple[Places, list[pl.Series | None]]:
    """The records among these that fit a layout, and their values per raw column as text.

    A column that the layout lacks is None.
    """
    right = (
        (chunk.colon_count[among] == layout.count(b'":'))
        & (chunk.control_count[among] == layout.controls)
        & (chunk.ends[among] - chunk.starts[among] > layout.size)
    )
    rows = among[right]
    if not len(rows):
        return rows, []
    fits, values = _find_values(chunk, layout, rows)
    if not fits.all():
        rows = rows[fits]
        values = [value.at(fits) for value in values]
    sound = np.ones(len(rows), np.bool_)
    texts = []
    # Values that are not mapped are judged too: the whole record must be JSON.
    for value, text in zip(values, _texts(chunk, rows, values), strict=True):
        good, read = _judge(chunk, value, text)
        sound &= good
        texts.append(read)
    columns = [None if place is None else texts[place] for place in layout.columns]
    if not sound.all():
        keep = pl.Series(sound)
        columns = [None if column is None else column.filter(keep) for column in columns]
    return rows[sound], columns


def _find_values(chunk: Chunk, layout: Layout, rows: Places) -> tuple[Flags, list[_Values]]:
    """Which records have the literals of a layout, and the values between them.

    Places of records that do not fit may be anywhere in the chunk, or before it, which is its end.
    """
    starts, ends, first = chunk.starts[rows], chunk.ends[rows], chunk.first_colon[rows]
    fits = np.ones(len(rows), np.bool_)
    begins: list[Places] = []
    stops: list[Places] = []
    before = starts
    for place, literal in enumerate(layout.literals):
        begin = chunk.colons[first + layout.colons[place]] + (2 + layout.spaces[place])
        at = begin - len(literal)
        fits &= chunk.holds(at, literal)
        # The first literal begins the record; before every other there is a value.
        fits &= at == starts if place == 0 else at > before
        if place:
            stops.append(at)
        begins.append(begin)
        before = begin
    at = ends - len(layout.tail)
    fits &= at > before
    for offset, byte in enumerate(layout.tail):
        fits &= chunk.data[at + offset] == byte
    stops.append(at)
    values = []
    # No quotation mark inside a value: all there are stand in the literals and around the texts.
    quotes = np.full(len(rows), layout.count(b'"'))
    for begin, stop in zip(begins, stops, strict=True):
        quoted = (chunk.data[begin] == _QUOTE) & (chunk.data[stop - 1] == _QUOTE)
        quoted &= stop - begin > 1
        quotes += 2 * quoted
        values.append(_Values(begin, stop, quoted))
    fits &= quotes == chunk.quote_count[rows]
    return fits, values


def _texts(chunk: Chunk, rows: Places, values: list[_Values]) -> list[pl.Series]:
    """The values as they are written, without the quotation marks around texts."""
    starts = chunk.starts[rows]
    places: dict[str, Any] = {"line": chunk.lines(rows)}
    for name, value in enumerate(values):
        places[f"offset {name}"] = value.begin - starts + value.quoted
        places[f"length {name}"] = value.end - value.begin - 2 * value.quoted
    return (
        pl.DataFrame(places)
        .select(
            pl.col("line")
            .bin.slice(f"offset {name}", f"length {name}")
            .cast(pl.String)
            .alias(f"{name}")
            for name in range(len(values))
        )
        .get_columns()
    )


def _judge(chunk: Chunk, value: _Values, text: pl.Series) -> tuple[Flags, pl.Series]:
    """Which of the values are JSON, and what they say. The others are for the strict reader."""
    sound = np.ones(len(text), np.bool_)
    bare = np.flatnonzero(~value.quoted)
    if len(bare):
        begin = value.begin[bare]
        null = (value.end[bare] - begin == 4) & chunk.holds(begin, b"null")
        text = _interpret(text, bare[~null], "", sound)
        text = text.scatter(bare[null], None) if null.any() else text
    if chunk.escapes:
        escaped = value.quoted & text.str.contains("\\", literal=True).fill_null(False).to_numpy()
        text = _interpret(text, np.flatnonzero(escaped), '"', sound)
    return sound, text


def _interpret(text: pl.Series, rows: Places, mark: str, sound: Flags) -> pl.Series:
    """The texts, in these rows as the strict reader reads them; rows it refuses are not sound."""
    read = _read(text.gather(rows), mark) if len(rows) else None
    if read is None:
        return text
    sound[rows] = read.is_not_null().to_numpy()
    return text.scatter(rows, read)


def _read(given: pl.Series, mark: str) -> pl.Series | None:
    """The values as the strict reader reads them, null where it does not; None if unchanged."""
    different = given.unique()
    if not mark:
        different = different.filter(~different.str.contains(_PLAIN))
    if not len(different):
        return None
    read = [_scalar(f"{mark}{value}{mark}") for value in different]
    return given.replace(different, pl.Series(read, dtype=pl.String))


def _scalar(text: str) -> str | None:
    try:
        value = read_value(text)
    except ValueError:
        return None
    return None if isinstance(value, dict | list) else as_text(value)


@dataclass(frozen=True)
class Records:
    """What the records of a file gave.

    Attributes:
        frame: the raw columns as text, with the record number, in the order of the file.
        broken: number and code of every record that could not be read.
        present: the raw columns that some record has.
    """

    frame: pl.DataFrame
    broken: tuple[tuple[int, str], ...]
    present: frozenset[str]


def read_records(payload: bytes, starts: Places, ends: Places, fields: Fields) -> Records:
    """Read every record of a file.

    Args:
        payload: UTF-8 text.
        starts, ends: first byte of each record, and the one after its last.
        fields: the raw columns to read.
    """
    schema = {**dict.fromkeys(fields.names, pl.String), ROW_NUMBER: pl.Int64}
    parts = [pl.DataFrame(schema=schema)]
    broken: list[tuple[int, str]] = []
    present: set[str] = set()
    layouts: list[Layout] = []
    first = 0
    while first < len(starts):
        last = max(int(np.searchsorted(ends, starts[first] + _CHUNK_BYTES)), first + 1)
        chunk = Chunk(payload, starts[first:last], ends[first:last])
        alone = np.ones(last - first, np.bool_)
        for layout, rows, columns in _alike(chunk, fields, layouts):
            parts.append(_frame(columns, rows + first + 1, schema))
            present |= layout.present
            alone[rows] = False
        rest: list[list[Any]] = []
        for row in np.flatnonzero(alone).tolist():
            number = first + row + 1
            try:
                found = fields.find(read_record(chunk.record(row).decode("utf-8")))
            except KeyTwiceError:
                broken.append((number, ROW_KEY_TWICE))
                continue
            except ValueError:
                broken.append((number, ROW_UNREADABLE))
                continue
            rest.append([*map(as_text, found), number])
            present |= {
                name for name, value in zip(fields.names, found, strict=True) if value is not ABSENT
            }
        if rest:
            parts.append(pl.DataFrame(rest, schema=schema, orient="row"))
        first = last
    frame = pl.concat(parts, rechunk=True)
    if not frame[ROW_NUMBER].is_sorted():
        frame = frame.sort(ROW_NUMBER)
    return Records(frame, tuple(broken), frozenset(present))


def _alike(
    chunk: Chunk, fields: Fields, layouts: list[Layout]
) -> Iterator[tuple[Layout, Places, list[pl.Series | None]]]:
    """Layout by layout the records that fit it. Layouts that are learnt are added to the list."""
    rest = np.flatnonzero(chunk.plain)
    for layout in list(layouts):
        rows, columns = cut(chunk, layout, rest)
        if len(rows):
            yield layout, rows, columns
            rest = np.setdiff1d(rest, rows, assume_unique=True)
    for _ in range(MAX_LAYOUTS - len(layouts)):
        if not len(rest):
            break
        teacher = rest[0]
        learnt = learn(chunk.record(teacher), fields)
        rest, tried = rest[1:], rest
        if learnt is None or learnt in layouts:
            continue
        rows, columns = cut(chunk, learnt, tried)
        if len(rows):
            layouts.append(learnt)
            yield learnt, rows, columns
            rest = np.setdiff1d(rest, rows, assume_unique=True)


def _frame(
    columns: list[pl.Series | None], numbers: Places, schema: dict[str, Any]
) -> pl.DataFrame:
    empty = pl.Series([None], dtype=pl.String).new_from_index(0, len(numbers))
    series = [*(empty if column is None else column for column in columns), pl.Series(numbers)]
    return pl.DataFrame([column.alias(name) for column, name in zip(series, schema, strict=True)])
