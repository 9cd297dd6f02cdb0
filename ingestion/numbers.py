"""Numbers written as text: which mark is which is said by the source, and nothing else is read."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Marks:
    """How a source writes numbers.

    Attributes:
        machine: the format has numbers of its own, which are written with a point (JSON, Parquet,
            workbooks) whatever mark the source uses in texts.
    """

    decimal: str = "."
    thousands: str | None = None
    machine: bool = False

    @property
    def decimals(self) -> str:
        """The decimal marks, as they stand in a character class."""
        marks = {self.decimal, "."} if self.machine else {self.decimal}
        return "".join(re.escape(mark) for mark in sorted(marks))


def _ungrouped(text: pl.Expr, marks: Marks) -> pl.Expr:
    """The text without thousands marks, where they stand between groups of three; else null."""
    if marks.thousands is None:
        return text
    # A source that writes a blank may write any kind of blank.
    mark = r"[ \u{a0}\u{202f}]" if marks.thousands == " " else re.escape(marks.thousands)
    grouped = text.str.contains(
        rf"^[+-]?[1-9]\d{{0,2}}(?:{mark}\d{{3}})+(?:[{marks.decimals}]\d+)?$"
    )
    plain = text.str.contains(rf"^[+-]?\d+(?:[{marks.decimals}]\d+)?$")
    return pl.when(grouped).then(text.str.replace_all(mark, "")).when(plain).then(text)


def plain_number(text: pl.Expr, marks: Marks) -> pl.Expr:
    """Text as Float64; null where it is no plain decimal number (an exponent, `nan`, `inf`)."""
    text = _ungrouped(text, marks)
    is_number = text.str.contains(rf"^[+-]?\d{{1,18}}(?:[{marks.decimals}]\d+)?$")
    point = text.str.replace_all(rf"[{marks.decimals}]", ".")
    return pl.when(is_number).then(point).cast(pl.Float64, strict=False)


def whole_number(text: pl.Expr, marks: Marks) -> pl.Expr:
    """Text as Int64; `1,0` is 1 and `1,5` is null, as is what does not fit."""
    text = _ungrouped(text, marks)
    digits = text.str.extract(rf"^([+-]?\d{{1,18}})(?:[{marks.decimals}]0+)?$", 1)
    return digits.cast(pl.Int64, strict=False)
