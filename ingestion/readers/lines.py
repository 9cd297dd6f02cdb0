"""Physical lines of UTF-8 text: one kind of line end, and which lines are records."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

import numpy as np
import polars as pl

BLANK = " \t\r"


def ends_with_cr(payload: bytes, *, quoted: bool) -> bool:
    """Whether CR alone ends the lines, as in files of old Macs.

    Args:
        quoted: line breaks between quotation marks are of a text, and end no line.
    """
    first = payload.find(b"\r")
    if first < 0 or payload[first + 1 : first + 2] == b"\n" or payload.find(b"\n", 0, first) >= 0:
        return False
    outside = re.sub(rb'"[^"]*"', b"", payload) if quoted else payload
    return outside.count(b"\n") < outside.count(b"\r")


def split_lines(payload: bytes, start: int) -> pl.Series:
    """The lines from byte `start` on, without their line ends (LF or CR LF)."""
    if start >= len(payload):
        return pl.Series([], dtype=pl.String)
    lines = pl.read_lines(io.BytesIO(payload)).to_series()
    return lines.slice(payload.count(b"\n", 0, start))


def lines_at(payload: bytes, numbers: Iterable[int]) -> list[str]:
    """Some lines by their number, from 0, without their line ends; the others are not made."""
    ends = np.flatnonzero(np.frombuffer(payload, np.uint8) == ord("\n")).tolist()
    ends.append(len(payload))
    return [
        payload[ends[number - 1] + 1 if number else 0 : ends[number]]
        .removesuffix(b"\r")
        .decode("utf-8")
        for number in numbers
    ]


def split_at_lf(payload: bytes, start: int) -> pl.Series:
    """The lines from byte `start` on, with the CR of a line end; one at the end begins no line."""
    if start >= len(payload):
        return pl.Series([], dtype=pl.String)
    text = payload[start:].removesuffix(b"\n").decode("utf-8")
    return pl.Series(text.split("\n"), dtype=pl.String)


def blank(lines: pl.Series, delimiter: str = "") -> pl.Series:
    """Which lines hold nothing but white space, and so are no records."""
    return lines.str.strip_chars(_marks(delimiter)).str.len_bytes() == 0


def count_records(payload: bytes, start: int, delimiter: str = "") -> int:
    """How many lines from byte `start` on hold more than white space, without splitting them."""
    if start >= len(payload):
        return 0
    marks = _marks(delimiter).encode()
    # Each LF begins a line, the one at the very end a blank one; the first line has none before it.
    blanks = re.compile(rb"\n[%s]*(?=\n|\Z)" % marks).findall(payload, start)
    first = payload[start : (payload.find(b"\n", start) + 1) or None].strip(marks + b"\n")
    return payload.count(b"\n", start) - len(blanks) + bool(first)


def no_final_line_end(payload: bytes) -> bool:
    """Whether the last line may have been cut: it has no line end, though others do."""
    return b"\n" in payload and not payload.endswith(b"\n")


def line_start(payload: bytes, line: int) -> int | None:
    """The byte at which the 1-based line begins; None when the file is shorter."""
    start = 0
    for _ in range(line - 1):
        end = payload.find(b"\n", start)
        if end < 0:
            return None
        start = end + 1
    return start if start < len(payload) else None


def _marks(delimiter: str) -> str:
    return BLANK.replace(delimiter, "") if delimiter else BLANK
