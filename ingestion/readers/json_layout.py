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
from collections.abc import Iterator, Sequence
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
    Nested,
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
_CHUNK_BYTES = 1024**2
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
        payload: valid UTF-8 text.
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
        self.backslashes = np.flatnonzero(data == _BACKSLASH)
        self.plain = np.ones(len(starts), np.bool_)
        if len(self.backslashes):
            # An escaped quotation mark looks like the end of a text.
            twice = np.zeros(size, np.bool_)
            twice[:-1] = (data[:-1] == _BACKSLASH) & ((data[1:] == _BACKSLASH) | quotes[1:])
            self.plain = self._count(twice) == 0

    def _count(self, marks: Flags) -> npt.NDArray[np.int32]:
        return np.add.reduceat(marks, self._edges, dtype=np.int32)[::2]

    def record(self, number: int) -> bytes:
        """The bytes of one record."""
        return self.text[self.starts[number] : self.ends[number]]

    def holds(self, at: Places, literals: Sequence[bytes]) -> Flags:
        """Where the text has these literals (of four bytes or more).

        Args:
            at: the places, a line per literal.
        """
        found = np.ones(at.shape[1], np.bool_)
        for width, words in self._words.items():
            # A literal is as many words as fit, of which the last may overlap the one before.
            of = [
                (line, offset, int.from_bytes(literal[offset : offset + width], "little"))
                for line, literal in enumerate(literals)
                if (width == 8) == (len(literal) >= 8)
                for offset in {*range(0, len(literal) - width, width), len(literal) - width}
            ]
            if of:
                lines, offsets, expected = zip(*of, strict=True)
                there = words[at[list(lines)] + _upright(offsets)]
                found &= (there == np.array(expected, words.dtype)[:, None]).all(axis=0)
        return found

    def texts(self, begin: Places, end: Places, null: Flags) -> list[pl.Series]:
        """What stands between these places, as a column of texts per line of the matrices.

        Args:
            begin, end, null: a column per record; the values of a record in the order of the text.
        """
        count, records = begin.shape
        if not begin.size:
            return [pl.Series([], dtype=pl.String)] * count
        # Record by record begin and end alternate, and every second text lies between two values.
        edges = np.stack([begin.T, end.T], axis=2).ravel()
        there = np.packbits(np.repeat(~null.T.ravel(), 2), bitorder="little")
        texts = pa.LargeStringArray.from_buffers(
            len(edges) - 1, pa.py_buffer(edges), pa.py_buffer(self.text), pa.py_buffer(there)
        )
        by_column = np.arange(records) * count + np.arange(count)[:, None]
        columns = texts.take(pa.array(2 * by_column.ravel()))
        return [pl.Series(columns.slice(n * records, records)) for n in range(count)]


@dataclass(frozen=True)
class _Values:
    """Where the values of many records are: a line per value of the layout, a column per record.

    Attributes:
        begin, end: the first byte of each value, and the one after its last.
        quoted: whether there are quotation marks around it.
    """

    begin: Places
    end: Places
    quoted: Flags

    def of(self, records: Flags) -> _Values:
        """The values of some of the records."""
        return _Values(self.begin[:, records], self.end[:, records], self.quoted[:, records])


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
        rows, values = rows[fits], values.of(fits)
    null = ~values.quoted & (values.end - values.begin == 4)
    null[null] = chunk.holds(values.begin[null][None], [b"null"])
    odd = ~values.quoted & ~null | _escaped(chunk, values, rows)
    # Values that are not mapped are read too: the whole record must be JSON.
    places, numbers, read = _read_strictly(chunk, values, odd)
    if read.has_nulls():
        return cut(chunk, layout, np.delete(rows, numbers[read.is_null().to_numpy()]))
    mapped = sorted({place for place in layout.columns if place is not None})
    begin, end = values.begin + values.quoted, values.end - values.quoted
    texts = dict(zip(mapped, chunk.texts(begin[mapped], end[mapped], null[mapped]), strict=True))
    for place in set(places.tolist()) & texts.keys():
        here = places == place
        texts[place] = texts[place].scatter(numbers[here], read.filter(here))
    return rows, [None if place is None else texts[place] for place in layout.columns]


def _find_values(chunk: Chunk, layout: Layout, rows: Places) -> tuple[Flags, _Values]:
    """Which records have the literals of a layout, and the values between them.

    Places of records that do not fit may be anywhere in the chunk, or before it, which is its end.
    """
    literals, tail = layout.literals, layout.tail
    ends = chunk.ends[rows] - len(tail)
    colons = chunk.colons[chunk.first_colon[rows] + _upright(layout.colons)]
    begin = colons + _upright(layout.spaces) + 2
    # The first literal begins the record; every other ends the value before it.
    at = begin - _upright([len(literal) for literal in literals])
    end = np.concatenate([at[1:], [ends]])
    fits = (at[0] == chunk.starts[rows]) & (end > begin).all(axis=0)
    fits &= chunk.holds(at, literals)
    for offset, byte in enumerate(tail):
        fits &= chunk.data[ends + offset] == byte
    quoted = (chunk.data[begin] == _QUOTE) & (chunk.data[end - 1] == _QUOTE) & (end - begin > 1)
    # No quotation mark inside a value: all there are stand in the literals and around the texts.
    fits &= layout.count(b'"') + 2 * quoted.sum(axis=0) == chunk.quote_count[rows]
    return fits, _Values(begin, end, quoted)


def _upright(numbers: Sequence[int]) -> Places:
    """Numbers one below the other."""
    return np.array(numbers, np.int64)[:, None]


def _escaped(chunk: Chunk, values: _Values, rows: Places) -> Flags:
    """Which texts have a backslash."""
    found = np.zeros(values.quoted.shape, np.bool_)
    if len(chunk.backslashes):
        before, after = (
            np.searchsorted(chunk.backslashes, at) for at in (values.begin, values.end)
        )
        found = values.quoted & (before < after)
    return found


def _read_strictly(chunk: Chunk, values: _Values, odd: Flags) -> tuple[Places, Places, pl.Series]:
    """Those of the odd values that are not what they are written as.

    Returns:
        For each, which value of the layout it is, of which of the records, and what it says; null
        where it is not JSON.
    """
    numbers, places = np.nonzero(odd.T)
    begin, end = (edge[places, numbers][None] for edge in (values.begin, values.end))
    written = chunk.texts(begin, end, np.zeros(begin.shape, np.bool_))[0]
    strange = ~written.str.contains(_PLAIN)
    if not strange.any():
        return places[:0], numbers[:0], written.clear()
    at = strange.arg_true().to_numpy()
    written = written.gather(at)
    different = written.unique()
    read = pl.Series([_scalar(text) for text in different], dtype=pl.String)
    return places[at], numbers[at], written.replace_strict(different, read)


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
        nested: number of every record with an object or array where a value should be.
        present: the raw columns that some record has.
    """

    frame: pl.DataFrame
    broken: tuple[tuple[int, str], ...]
    nested: tuple[int, ...]
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
    nested: list[int] = []
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
            if any(isinstance(value, Nested) for value in found):
                nested.append(number)
            present |= {
                name for name, value in zip(fields.names, found, strict=True) if value is not ABSENT
            }
        if rest:
            parts.append(pl.DataFrame(rest, schema=schema, orient="row"))
        first = last
    frame = pl.concat(parts, rechunk=True)
    if not frame[ROW_NUMBER].is_sorted():
        frame = frame.sort(ROW_NUMBER)
    return Records(frame, tuple(broken), tuple(nested), frozenset(present))


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
