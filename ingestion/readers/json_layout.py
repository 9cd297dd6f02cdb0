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
from typing import TypeAlias

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
_CHUNK_BYTES = 2 * 1024**2
_QUOTE, _COLON, _BACKSLASH, _SPACE = b'":\\ '
_ZERO, _NINE, _F = b"09f"
_VALUE = re.compile(
    rb'(?<=":)(?P<space>[ \t\r\n]*)'
    rb'(?P<value>"[^"]*"|null|true|false|-?[0-9][0-9.eE+-]*)(?=[ \t\r\n]*[,}\]])'
)
# A character that no other value can have: nothing else is written so.
_MARK = rb"\u0000"
_PLAIN = r"^(?:true|false|0|-?[1-9][0-9]*)$"
# What a text may hold only as an escape.
_NEVER_INSIDE = r"[\"\x00-\x1f]"


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
    """Some records of a file, and where their keys end.

    Args:
        payload: valid UTF-8 text.
        starts, ends: first byte of each record, and the one after its last.
    """

    def __init__(self, payload: bytes, starts: Places, ends: Places) -> None:
        base, stop = int(starts[0]), int(ends[-1])
        # Padded, so that there is something behind every colon.
        self.text = payload[base:stop] + bytes(_PADDING)
        self.starts, self.ends = starts - base, ends - base
        self.data = np.frombuffer(self.text, np.uint8)
        self.colons = np.flatnonzero((self.data[:-1] == _QUOTE) & (self.data[1:] == _COLON))
        self.first_colon = np.searchsorted(self.colons, self.starts)
        self.colon_count = np.searchsorted(self.colons, self.ends) - self.first_colon

    def record(self, number: int) -> bytes:
        """The bytes of one record."""
        return self.text[self.starts[number] : self.ends[number]]

    def are(self, word: bytes, begin: Places, end: Places) -> Flags:
        """Whether this word, of four letters, is what stands between these places."""
        words: npt.NDArray[np.uint32] = np.ndarray((len(self.text) - 3,), "<u4", self.text, 0, (1,))
        found: Flags = (end - begin == 4) & (words[begin] == int.from_bytes(word, "little"))
        return found

    def are_plain(self, begin: Places, end: Places) -> Flags:
        """Whether what stands between these places is a truth or one digit: as it is written."""
        digit = self.data[begin]
        found: Flags = (end - begin == 1) & (digit >= _ZERO) & (digit <= _NINE)
        found |= self.are(b"true", begin, end)
        found |= (digit == _F) & self.are(b"alse", begin + 1, end)
        return found

    def texts(self, begin: Places, end: Places, null: Flags | None = None) -> pa.LargeStringArray:
        """What stands between these places, column after column.

        Args:
            begin, end, null: a line per record, with its pieces in the order of the text.
        """
        records, count = begin.shape
        # Begin and end alternate, so every second text is what lies between two pieces.
        edges = np.stack([begin, end], axis=2).ravel()
        there = None
        if null is not None:
            there = pa.py_buffer(np.packbits(np.repeat(~null.ravel(), 2), bitorder="little"))
        texts = pa.LargeStringArray.from_buffers(
            max(len(edges) - 1, 0), pa.py_buffer(edges), pa.py_buffer(self.text), there
        )
        by_column = np.arange(records) * count + np.arange(count)[:, None]
        return texts.take(pa.array(2 * by_column.ravel()))


@dataclass(frozen=True)
class _Values:
    """Where the values of many records are: a line per record, a column per value of the layout."""

    begin: Places
    end: Places


Column: TypeAlias = pa.LargeStringArray


def cut(chunk: Chunk, layout: Layout, among: Places) -> tuple[Places, list[Column | None]]:
    """The records among these that fit a layout, and their values per raw column as text.

    A column that the layout lacks is None.
    """
    rows, values = _find_values(chunk, layout, among)
    if not len(rows):
        return rows, []
    begin, end = values.begin, values.end
    quoted = (chunk.data[begin] == _QUOTE) & (chunk.data[end - 1] == _QUOTE) & (end - begin > 1)
    odd = ~quoted
    null = np.zeros(odd.shape, np.bool_)
    null[odd] = chunk.are(b"null", begin[odd], end[odd])
    odd &= ~null
    odd[odd] = ~chunk.are_plain(begin[odd], end[odd])
    written = chunk.texts(begin + quoted, end - quoted, null)
    columns = [written.slice(n * len(rows), len(rows)) for n in range(len(layout.literals))]
    # Values that are not mapped are looked at too: the whole record must be JSON.
    content = _content(written)
    if ((content < _SPACE) | (content == _QUOTE)).any():
        never = np.logical_or.reduce([_contain(column, _NEVER_INSIDE) for column in columns])
        return cut(chunk, layout, rows[~never])
    if (content == _BACKSLASH).any():
        odd |= np.stack([_contain(column, r"\\") for column in columns], axis=1) & quoted
    if odd.any():
        numbers, places, read = _read_strictly(chunk, values, odd)
        if read.has_nulls():
            return cut(chunk, layout, np.delete(rows, numbers[read.is_null().to_numpy()]))
        for place in set(places.tolist()):
            here = places == place
            column = pl.Series(columns[place]).scatter(numbers[here], read.filter(here))
            columns[place] = column.to_arrow(compat_level=pl.CompatLevel.oldest())
    return rows, [None if place is None else columns[place] for place in layout.columns]


def _find_values(chunk: Chunk, layout: Layout, among: Places) -> tuple[Places, _Values]:
    """Which of these records have the literals of a layout, and the values between them."""
    literals, tail = layout.literals, layout.tail
    rows = among[
        (chunk.colon_count[among] == layout.count(b'":'))
        & (chunk.ends[among] - chunk.starts[among] > layout.size)
    ]
    begin = chunk.colons[chunk.first_colon[rows][:, None] + np.array(layout.colons)]
    begin += np.array(layout.spaces) + 2
    # The first literal begins the record; every other ends the value before it.
    at = begin - np.array([len(literal) for literal in literals])
    end = np.concatenate([at[:, 1:], chunk.ends[rows][:, None] - len(tail)], axis=1)
    fits = (at[:, 0] == chunk.starts[rows]) & (end > begin).all(axis=1)
    for offset, byte in enumerate(tail):
        fits &= chunk.data[end[:, -1] + offset] == byte
    if not fits.all():
        rows, at, begin, end = rows[fits], at[fits], begin[fits], end[fits]
    content = _content(chunk.texts(at, begin))
    if content.tobytes() != b"".join(literal * len(rows) for literal in literals):
        parts = np.split(content, np.cumsum([len(literal) * len(rows) for literal in literals]))
        fits = np.logical_and.reduce(
            [
                (part.reshape(len(rows), -1) == np.frombuffer(literal, np.uint8)).all(axis=1)
                for part, literal in zip(parts, literals, strict=False)
            ]
        )
        rows, begin, end = rows[fits], begin[fits], end[fits]
    return rows, _Values(begin, end)


def _content(texts: pa.LargeStringArray) -> npt.NDArray[np.uint8]:
    """The bytes of all texts, one after the other."""
    _, offsets, content = texts.buffers()
    if content is None:
        return np.zeros(0, np.uint8)
    return np.frombuffer(content, np.uint8)[: np.frombuffer(offsets, np.int64)[len(texts)]]


def _contain(column: Column, pattern: str) -> Flags:
    return pl.Series(column).str.contains(pattern).fill_null(False).to_numpy()


def _read_strictly(chunk: Chunk, values: _Values, odd: Flags) -> tuple[Places, Places, pl.Series]:
    """Those of the odd values that are not what they are written as.

    Returns:
        For each, of which of the records it is, which value of the layout, and what it says; null
        where it is not JSON.
    """
    numbers, places = np.nonzero(odd)
    written = pl.Series(chunk.texts(values.begin[odd][:, None], values.end[odd][:, None]))
    strange = ~written.str.contains(_PLAIN)
    if not strange.any():
        return numbers[:0], places[:0], written.clear()
    at = strange.arg_true().to_numpy()
    written = written.gather(at)
    different = written.unique()
    read = pl.Series([_scalar(text) for text in different], dtype=pl.String)
    return numbers[at], places[at], written.replace_strict(different, read)


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
    parts = [_table([None] * len(fields.names), np.zeros(0, np.int64), fields.names)]
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
            parts.append(_table(columns, rows + first + 1, fields.names))
            present |= layout.present
            alone[rows] = False
        rest: dict[int, list[str | None]] = {}
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
            rest[number] = list(map(as_text, found))
            if any(isinstance(value, Nested) for value in found):
                nested.append(number)
            present |= {
                name for name, value in zip(fields.names, found, strict=True) if value is not ABSENT
            }
        if rest:
            texts = [
                pa.array(column, pa.large_string()) for column in zip(*rest.values(), strict=True)
            ]
            parts.append(_table(texts, np.array(list(rest)), fields.names))
        first = last
    frame = pl.DataFrame(pa.concat_tables(parts))
    if not frame[ROW_NUMBER].is_sorted():
        frame = frame.sort(ROW_NUMBER)
    return Records(frame, tuple(broken), tuple(nested), frozenset(present))


def _alike(
    chunk: Chunk, fields: Fields, layouts: list[Layout]
) -> Iterator[tuple[Layout, Places, list[Column | None]]]:
    """Layout by layout the records that fit it. Layouts that are learnt are added to the list."""
    rest = np.arange(len(chunk.starts))
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


def _table(columns: Sequence[Column | None], numbers: Places, names: Sequence[str]) -> pa.Table:
    nothing = pa.nulls(len(numbers), pa.large_string())
    arrays = [nothing if column is None else column for column in columns]
    return pa.Table.from_arrays([*arrays, pa.array(numbers)], names=[*names, ROW_NUMBER])
