"""Columns of text looked at as bytes, all values at once: most are plain, and looking is cheap."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

# Rows that are compared side by side, so that the processor compares many bytes in one step.
_BESIDE = 256
_ZERO, _NINE = b"09"
_BLANK, _ASCII_END = 0x20, 0x7F

Bytes = npt.NDArray[np.uint8]


def _content(texts: pl.Series) -> tuple[Bytes, npt.NDArray[np.int64]]:
    """The bytes of all texts, one after the other, and where each begins and the last ends."""
    column = texts.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, content = column.buffers()
    at = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    data = np.frombuffer(content, np.uint8) if content is not None else np.zeros(0, np.uint8)
    return data, at


# How Arrow keeps a text: 16 bytes, of which four tell its length. A short text follows; of a longer
# one its first four bytes, and the number of a buffer and the place in it.
_VIEW, _LENGTH = 16, 4
_SHORT = _VIEW - _LENGTH


class _Views:
    """The texts that are not null, as the engine keeps them: nothing is copied to look at them."""

    def __init__(self, texts: pl.Series) -> None:
        self.texts = texts.drop_nulls() if texts.has_nulls() else texts
        column = self.texts.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
        _, views, *self.buffers = column.buffers()
        held = np.frombuffer(views or b"", np.uint8).reshape(-1, _VIEW)
        self.bytes = held[column.offset : column.offset + len(column)]
        self.numbers = self.bytes.view(np.int32)
        self.lengths = self.numbers[:, 0]

    def ends(self) -> Iterator[Bytes]:
        """The first and the last bytes of all texts that have any."""
        filled = self.lengths > 0
        held, numbers = self.bytes, self.numbers
        if not filled.all():
            held, numbers = held[filled], numbers[filled]
        lengths = numbers[:, 0]
        yield held[:, _LENGTH]
        short = lengths <= _SHORT
        if short.all():
            yield held.ravel()[np.arange(len(held)) * _VIEW + (_LENGTH - 1) + lengths]
            return
        at = np.flatnonzero(short)
        yield held.ravel()[at * _VIEW + (_LENGTH - 1) + lengths[at]]
        long = numbers[~short]
        # Texts of one buffer mostly follow one another.
        edges = np.flatnonzero(np.diff(long[:, 2], prepend=-1, append=-1))
        for begin, end in itertools.pairwise(edges.tolist()):
            buffer = np.frombuffer(self.buffers[long[begin, 2]], np.uint8)
            yield buffer[long[begin:end, 3] + long[begin:end, 0] - 1]


def may_have_blank_ends(texts: pl.Series) -> bool:
    """Whether a text may begin or end with white space: with a blank, a control, or no ASCII."""
    ends = _Views(texts).ends()
    return any(bool(((edge <= _BLANK) | (edge > _ASCII_END)).any()) for edge in ends)


def has_any_of(texts: pl.Series, words: Collection[str]) -> bool:
    """Whether a text is one of these; only texts as long as one of them are looked at."""
    views = _Views(texts)
    alike = np.zeros(len(views.texts), dtype=bool)
    for length in {len(word.encode()) for word in words}:
        alike |= views.lengths == length
    if not alike.any():
        return False
    return bool(views.texts.filter(pl.Series(alike)).is_in(list(words)).any())


def highest_of_shape(texts: pl.Series) -> str | None:
    """Of texts that look alike the one with the highest digit at each place: `2029-19-39`.

    They have one length, and at each place all have a digit or all the same ASCII character. A
    pattern fits them all if it fits this one, as long as it asks of a digit no more than not to be
    above another. None when they do not look alike, or when there are none.
    """
    size = texts.str.len_bytes()
    length = size.min()
    if not isinstance(length, int) or not length or length != size.max():
        return None
    if length <= _SHORT:
        low, high = (edge[_LENGTH : _LENGTH + length] for edge in _extremes(_Views(texts).bytes))
    else:
        data, at = _content(texts.drop_nulls())
        low, high = _extremes(data[at[0] : at[-1]].reshape(-1, length))
    is_digit = (low >= _ZERO) & (high <= _NINE)
    if not (is_digit | ((low == high) & (high <= _ASCII_END))).all():
        return None
    return high.tobytes().decode("ascii")


def numbers_at(texts: pl.Series, places: Sequence[range]) -> list[npt.NDArray[np.integer]] | None:
    """The whole numbers that stand at these places of texts that look alike, null or not.

    Args:
        texts: as in `highest_of_shape`, with digits at all these places.

    Returns:
        A line of numbers per place, of the texts that are not null; None of texts that are too long
        to be looked at where they are kept.
    """
    views = _Views(texts)
    if len(views.lengths) and views.lengths.max() > _SHORT:
        return None
    found = []
    for place in places:
        # Two digits have room in a byte, and bytes are quick to count with.
        kind = np.uint8 if len(place) <= 2 else np.int64
        number: npt.NDArray[Any] = np.zeros(len(views.bytes), kind)
        for at in place:
            number *= 10
            number += views.bytes[:, _LENGTH + at] - np.uint8(_ZERO)
        found.append(number)
    return found


def _extremes(rows: Bytes) -> tuple[Bytes, Bytes]:
    """The lowest and the highest byte of each column, of rows that lie one behind the other."""
    width = rows.shape[1]
    data = rows.ravel()
    whole = len(rows) // _BESIDE * _BESIDE * width
    low, high = np.full(width, 255, np.uint8), np.zeros(width, np.uint8)
    for part, beside in ((data[:whole], width * _BESIDE), (data[whole:], width)):
        if len(part):
            block = part.reshape(-1, beside)
            low = np.minimum(low, block.min(axis=0).reshape(-1, width).min(axis=0))
            high = np.maximum(high, block.max(axis=0).reshape(-1, width).max(axis=0))
    return low, high
