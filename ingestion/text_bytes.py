"""Columns of text looked at as bytes, all values at once: most are plain, and looking is cheap."""

from __future__ import annotations

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


def may_have_blank_ends(texts: pl.Series) -> bool:
    """Whether a text may begin or end with white space: with a blank, a control, or no ASCII."""
    data, at = _content(texts)
    begin, end = at[:-1], at[1:]
    filled = end > begin
    if not filled.all():
        begin, end = begin[filled], end[filled]
    ends = (data[begin], data[end - 1])
    return any(bool(((edge <= _BLANK) | (edge > _ASCII_END)).any()) for edge in ends)


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
    texts = texts.drop_nulls()
    data, at = _content(texts)
    data = data[at[0] : at[-1]]
    whole = len(texts) // _BESIDE * _BESIDE * length
    low, high = np.full(length, 255, np.uint8), np.zeros(length, np.uint8)
    for part, width in ((data[:whole], length * _BESIDE), (data[whole:], length)):
        if len(part):
            rows = part.reshape(-1, width)
            low = np.minimum(low, rows.min(axis=0).reshape(-1, length).min(axis=0))
            high = np.maximum(high, rows.max(axis=0).reshape(-1, length).max(axis=0))
    is_digit = (low >= _ZERO) & (high <= _NINE)
    if not (is_digit | ((low == high) & (high <= _ASCII_END))).all():
        return None
    return high.tobytes().decode("ascii")
