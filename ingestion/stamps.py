"""Stamps written as text: read only when the whole text fits the declared format.

The parser of polars takes one digit where two are meant, so that a file cut off after `04:00:0`
would give another time. The width of every part is therefore checked beside it.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from ingestion.text_bytes import highest_of_shape, numbers_at

# What stands for nothing around a value: what Python and Unicode call white space, with the
# separators among the control characters, and marks that nobody sees.
WHITE = "".join(mark for mark in map(chr, range(0x3001)) if mark.isspace()) + (
    "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00ad"
)

# Years that stand for "no date" in the systems that write them: 0001, 1753, 1899, 1900 and 9999.
FIRST_PLACEHOLDER_YEAR, LAST_PLACEHOLDER_YEAR = 1900, 9999

_SECOND = int(dt.datetime(2200, 1, 1, tzinfo=dt.UTC).timestamp())
# Numbers since 1970 that can be a moment, from that year to 2200.
EPOCH_RANGE = {
    "s": (-_SECOND, _SECOND),
    "ms": (-_SECOND * 1_000, _SECOND * 1_000),
    "us": (-_SECOND * 1_000_000, _SECOND * 1_000_000),
}
_ISO_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d")
_SHORT = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y"}
# Per directive: the pattern of its text, and the largest width it can have, when there is one.
_PARTS: dict[str, tuple[str, int | None]] = {
    "%Y": (r"\d{4}", 4),
    "%y": (r"\d{2}", 2),
    "%m": (r"\d{1,2}", 2),
    "%d": (r"\d{1,2}", 2),
    "%e": (r" ?\d{1,2}", None),
    "%j": (r"\d{3}", 3),
    "%H": (r"\d{1,2}", 2),
    "%I": (r"\d{1,2}", 2),
    "%M": (r"\d{2}", 2),
    "%S": (r"[0-5]\d", 2),
    "%p": (r"[AaPp][Mm]", 2),
    "%P": (r"[AaPp][Mm]", 2),
    "%b": (r"\p{L}{3}", None),
    "%B": (r"\p{L}+", None),
    "%.f": (r"(?:\.\d{1,9})?", None),
    "%.3f": (r"(?:\.\d{3})?", 4),
    "%.6f": (r"(?:\.\d{6})?", 7),
    "%.9f": (r"(?:\.\d{9})?", 10),
    "%3f": (r"\d{3}", 3),
    "%6f": (r"\d{6}", 6),
    "%f": (r"\d{1,9}", None),
    "%z": (r"(?:[+-]\d{2}:?\d{2}|Z)", None),
    "%:z": (r"[+-]\d{2}:\d{2}", None),
    "%#z": (r"(?:[+-]\d{2}(?::?\d{2})?|Z)", None),
    "%Z": (r"\p{L}+", None),
    "%%": ("%", 1),
}
_FRACTION = re.compile(r"(?<!%)%\.([369])f")
_DIRECTIVE = re.compile(r"%(?:\.?\d?f|[:#]?[A-Za-z]|%)")
_CLOCK = ("%H", "%I", "%k", "%l", "%T", "%R", "%r", "%X", "%c", "%s", "%+")


def has_offset(form: str) -> bool:
    """Whether a format says an offset from UTC, or a number since 1970."""
    return any(mark in form for mark in ("%z", "%:z", "%#z", "%s", "%+"))


def has_clock(form: str) -> bool:
    """Whether a format says a time of day."""
    return any(mark in form for mark in _CLOCK)


def _spelled_out(form: str) -> str:
    for short, long in _SHORT.items():
        form = form.replace(short, long)
    return form


@functools.lru_cache(maxsize=256)
def widths(form: str) -> tuple[str, int | None]:
    """The anchored pattern of a format, and the largest length its text can have, if bounded."""
    form = _spelled_out(form)
    pattern, length, position = "", 0, 0
    is_bounded = True
    for match in _DIRECTIVE.finditer(form):
        literal = form[position : match.start()]
        part, width = _PARTS.get(match[0], (".+?", None))
        touches = match.end() < len(form) and form[match.end()] == "%"
        after_digits = position == match.start() and position > 0
        if part == r"\d{1,2}" and (touches or after_digits):
            # `%Y%m%d`: with a digit on its side, one digit alone could be either's.
            part = r"\d{2}"
        pattern += re.escape(literal) + part
        is_bounded = is_bounded and width is not None
        length += len(literal.encode()) + (width or 0)
        position = match.end()
    tail = form[position:]
    return f"^{pattern}{re.escape(tail)}$", (length + len(tail.encode())) if is_bounded else None


def _fitting(texts: pl.Series, form: str) -> pl.Series:
    """The texts that have the widths of the format; null for the others."""
    pattern, _ = widths(form)
    # No part asks of a digit more than not to be above another.
    highest = highest_of_shape(texts)
    if highest is not None and pl.Series([highest]).str.contains(pattern).all():
        return texts
    fits = texts.str.contains(pattern)
    return texts if fits.all() else texts.set(~fits.fill_null(True), None)


def _as_parsed(texts: pl.Series, form: str) -> str:
    """The format as the parser is told it, of texts that fit it.

    A fraction that is there in every text is written so that the parser knows its place: it reads
    formats of fixed width many times faster.
    """
    _, length = widths(form)
    if length is None or not (texts.str.len_bytes() == length).all():
        return form
    return _FRACTION.sub(r".%\1f", form)


def moment(texts: pl.Series, formats: Sequence[str]) -> pl.Series:
    """Texts as naive `Datetime("us")`, by the first format that fits each whole text.

    An offset in the text is applied: the result is then UTC. Null where no format fits.
    """
    found = pl.Series(texts.name, [None], dtype=pl.Datetime("us")).new_from_index(0, texts.len())
    rest = texts
    for form in formats:
        parsed = _parsed(_fitting(rest, form), form)
        found = parsed if rest is texts else found.zip_with(found.is_not_null(), parsed)
        if found.null_count() == texts.null_count():
            break
        rest = texts.set(found.is_not_null(), None)
    if found.null_count() > texts.null_count() and (trimmed := _trimmed(texts, found)) is not None:
        found = found.zip_with(found.is_not_null(), moment(trimmed, formats))
    return found


def _trimmed(texts: pl.Series, found: pl.Series) -> pl.Series | None:
    """The texts that were not read, without white space around them; None if there is none."""
    rest = texts.set(found.is_not_null(), None)
    trimmed = rest.str.strip_chars(WHITE)
    return None if trimmed.equals(rest, null_equal=True) else trimmed


def _parsed(texts: pl.Series, form: str) -> pl.Series:
    if not has_clock(form):
        return texts.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    # Few stamps of a column are equal, so that none is worth remembering.
    parsed = texts.str.to_datetime(
        _as_parsed(texts, form), time_unit="us", strict=False, cache=False
    )
    return parsed.dt.replace_time_zone(None)


def iso_moment(texts: pl.Series) -> pl.Series:
    """What typed cells are written as, read back: `2026-01-15 12:00:01.250`, `2026-01-15`."""
    return moment(texts, _ISO_FORMATS)


def clock_time(texts: pl.Series, form: str) -> pl.Series:
    """Clock times as `Duration("us")` since midnight."""
    alike = _alike_clocks(texts, form)
    if alike is not None:
        return alike
    # Of the day whose midnight is number 0; the parser reads stamps faster than times alone.
    stamps = _parsed("1970-01-01 " + _fitting(texts, form), f"%Y-%m-%d {form}")
    found = stamps.cast(pl.Int64).cast(pl.Duration("us"))
    if found.null_count() > texts.null_count() and (trimmed := _trimmed(texts, found)) is not None:
        found = found.zip_with(found.is_not_null(), clock_time(trimmed, form))
    return found


_UNIT_US = {"%H": 3_600_000_000, "%M": 60_000_000, "%S": 1_000_000, "%3f": 1_000, "%.3f": 1_000}
_TOO_HIGH = {"%H": 24, "%M": 60}


def _alike_clocks(texts: pl.Series, form: str) -> pl.Series | None:
    """Clock times of texts that all have their digits at the same places: most files' are so.

    Counting from digits is many times faster than parsing. None of any other texts or format.
    """
    places = _clock_places(form)
    pattern, length = widths(form)
    if places is None or (highest := highest_of_shape(texts)) is None:
        return None
    if len(highest) != length or re.fullmatch(pattern, highest) is None:
        return None
    numbers = numbers_at(texts, list(places.values()))
    if numbers is None:
        return None
    total = np.zeros(texts.len() - texts.null_count(), np.int64)
    is_clock = np.ones(len(total), dtype=bool)
    for unit, number in zip(places, numbers, strict=True):
        total += np.multiply(number, _UNIT_US[unit], dtype=np.int64)
        if unit in _TOO_HIGH:
            is_clock &= number < _TOO_HIGH[unit]
    found = pl.Series(total)
    if not is_clock.all():
        found = found.set(pl.Series(~is_clock), None)
    if texts.has_nulls():
        nothing = pl.Series([None], dtype=pl.Int64).new_from_index(0, texts.len())
        found = nothing.scatter(texts.is_not_null().arg_true(), found)
    return found.cast(pl.Duration("us")).alias(texts.name)


@functools.lru_cache(maxsize=256)
def _clock_places(form: str) -> dict[str, range] | None:
    """Where each number of a clock time stands; None of a format that has anything else in it."""
    places: dict[str, range] = {}
    form, at, position = _spelled_out(form), 0, 0
    for match in _DIRECTIVE.finditer(form):
        unit = match[0]
        _, width = _PARTS.get(unit, ("", None))
        at += match.start() - position
        if unit not in _UNIT_US or unit in places or width is None:
            return None
        # The point of a fraction is no digit.
        places[unit] = range(at + unit.startswith("%."), at + width)
        at, position = at + width, match.end()
    return places


def clock_milliseconds(text: pl.Expr) -> pl.Expr:
    """A duration written as `h:mm:ss`, `mm:ss` or with a fraction, as Float64 milliseconds."""
    parts = text.str.extract_groups(
        r"^(?:([0-9]{1,4}):)?([0-9]{1,4}):([0-9]{2})(?:[.,]([0-9]{1,3}))?$"
    )

    def part(number: int) -> pl.Expr:
        return parts.struct[number - 1]

    hours, minutes, seconds = (part(n).cast(pl.Int64, strict=False) for n in (1, 2, 3))
    fraction = part(4).str.pad_end(3, "0").cast(pl.Int64, strict=False).fill_null(0)
    minutes_fit = hours.is_null() | (minutes < 60)
    total = hours.fill_null(0) * 3_600_000 + minutes * 60_000 + seconds * 1_000 + fraction
    return pl.when(minutes_fit & (seconds < 60)).then(total).cast(pl.Float64)
