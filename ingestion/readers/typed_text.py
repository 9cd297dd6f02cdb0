"""Typed values as text, one spelling for each value, whatever the type it came in."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import polars as pl

# Of the calendar, in days since 1970.
_FIRST_DAY = (dt.date.min - dt.date(1970, 1, 1)).days
_LAST_DAY = (dt.date.max - dt.date(1970, 1, 1)).days


def as_text(values: pl.Series) -> pl.Series:
    """Values of any type as text; stamps alone stay stamps.

    Returns:
        String, or `Datetime("us")` of a stamp without offset and `Datetime("us", "UTC")` of one
        with. `301`, `301.0` and `301.00` are `301`; other numbers are the shortest plain decimal;
        truth is `true` or `false`, a duration `26:10:00`; what is nested is compact JSON.
    """
    dtype = values.dtype
    if isinstance(dtype, pl.Datetime):
        return _stamp(values)
    if dtype.is_float():
        return float_text(values)
    if dtype.is_decimal():
        return _without_zeros(values.cast(pl.String))
    if isinstance(dtype, pl.Duration):
        return clock_text(values.dt.total_microseconds())
    if dtype == pl.Time:
        return clock_text(values.cast(pl.Int64) // 1000)
    if dtype == pl.Binary:
        return _binary(values)
    if dtype.is_nested() or dtype == pl.Object:
        return _json(values)
    if dtype == pl.Date:
        return _in_calendar(values).cast(pl.String)
    return values.cast(pl.String)


def float_text(values: pl.Series) -> pl.Series:
    """Floats as the shortest plain decimal: no exponent, no `.0`, no negative zero."""
    text = values.cast(pl.String)
    if values.dtype == pl.Float32:
        # The shortest text of a large single is another whole number than it holds.
        whole = (values == values.round(0)).fill_null(False)
        text = values.cast(pl.Float64).cast(pl.String).zip_with(whole, text)
    text = text.str.strip_suffix(".0").replace("-0", "0")
    # The words nan and inf have no digit; an exponent stands behind one.
    odd = text.str.contains(r"\de") | text.is_in(["nan"])
    if not odd.any():
        return text
    known = {value: _plain(value) for value in text.filter(odd).unique()}
    return text.replace(known)


def _plain(text: str) -> str:
    return "NaN" if text.lower() == "nan" else format(Decimal(text), "f")


def _without_zeros(text: pl.Series) -> pl.Series:
    return text.str.replace(r"\.0+$", "").str.replace(r"(\.\d*?)0+$", "$1").replace("-0", "0")


def clock_text(microseconds: pl.Series) -> pl.Series:
    """A span or time of day as `hh:mm:ss`, beyond 24 hours too, with a fraction if any."""
    size = microseconds.abs()
    seconds = size // 1_000_000
    parts = pl.DataFrame(
        {
            "is_negative": microseconds < 0,
            "h": (seconds // 3600).cast(pl.String).str.zfill(2),
            "m": (seconds // 60 % 60).cast(pl.String).str.zfill(2),
            "s": (seconds % 60).cast(pl.String).str.zfill(2),
            "f": _fraction(size % 1_000_000),
        }
    )
    clock = pl.format("{}:{}:{}{}", "h", "m", "s", "f")
    signed = pl.when("is_negative").then(pl.lit("-") + clock).otherwise(clock)
    return parts.select(signed.alias(microseconds.name)).to_series()


def stamp_text(microseconds: pl.Series) -> pl.Series:
    """Microseconds since 1970 as `2026-01-15 12:00:01`, with a fraction if any."""
    whole = microseconds.cast(pl.Datetime("us")).dt.to_string("%Y-%m-%d %H:%M:%S")
    rest = microseconds % 1_000_000
    return whole + _fraction(rest) if _has_any(rest) else whole


def _has_any(microseconds: pl.Series) -> bool:
    return bool(microseconds.max() or 0)


def _fraction(microseconds: pl.Series) -> pl.Series:
    if not _has_any(microseconds):
        return pl.repeat("", microseconds.len(), dtype=pl.String, eager=True)
    text = "." + microseconds.cast(pl.String).str.zfill(6)
    return text.str.replace("000$", "").str.replace(r"^\.000$", "")


def _stamp(values: pl.Series) -> pl.Series:
    dtype = values.dtype
    assert isinstance(dtype, pl.Datetime)
    # The number behind a stamp with a zone is UTC.
    local = values.cast(pl.Int64).cast(pl.Datetime(dtype.time_unit))
    if dtype.time_unit != "ns":  # nanoseconds begin in 1677 and end in 2262
        local = _in_calendar(local)
    zone = None if dtype.time_zone is None else "UTC"
    return (
        local.cast(pl.Int64).cast(pl.Datetime("us", zone))
        if dtype.time_unit == "us"
        else (local.cast(pl.Datetime("us")).cast(pl.Int64).cast(pl.Datetime("us", zone)))
    )


def _in_calendar(values: pl.Series) -> pl.Series:
    """Years that no calendar of ours has become the first or the last: sentinels, not values."""
    numbers = values.cast(pl.Int64)
    per_day = {"ms": 86_400_000, "us": 86_400_000_000}.get(
        getattr(values.dtype, "time_unit", ""), 1
    )
    first, last = _FIRST_DAY * per_day, _LAST_DAY * per_day
    least, most = numbers.min(), numbers.max()
    if least is None or (first <= least and most <= last):  # type: ignore[operator]
        return values
    return numbers.clip(first, last).cast(values.dtype)


def _binary(values: pl.Series) -> pl.Series:
    decoded = [None if value is None else _decoded(value) for value in values.to_list()]
    return pl.Series(values.name, decoded, dtype=pl.String)


def _decoded(value: bytes) -> str:
    """Text where the bytes are UTF-8; else with characters lost, which no record may have."""
    return value.decode("utf-8", "replace")


def _json(values: pl.Series) -> pl.Series:
    def encoded(value: object) -> str:
        plain = value.to_list() if isinstance(value, pl.Series) else value
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), default=_inner)

    return pl.Series(
        values.name,
        [None if value is None else encoded(value) for value in values.to_list()],
        dtype=pl.String,
    )


def _inner(value: object) -> str:
    return _decoded(value) if isinstance(value, bytes) else str(value)
