"""Local clock times to UTC, with the two hours a year that need a policy made visible.

In March an hour does not exist; in October one happens twice. Neither is ever resolved silently.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

_STEP = dt.timedelta(minutes=15)


@dataclass(frozen=True)
class Shift:
    """A change of offset: local stamps in `[start, end)` are doubled or do not exist."""

    start: dt.datetime
    end: dt.datetime
    doubled: bool


@functools.lru_cache(maxsize=512)
def shifts(zone: str, year: int) -> tuple[Shift, ...]:
    """The offset changes of a zone in one calendar year, as naive local stamps."""
    tz = ZoneInfo(zone)
    found: list[Shift] = []
    utc = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
    end = dt.datetime(year + 1, 1, 1, tzinfo=dt.UTC)
    before = utc.astimezone(tz).utcoffset()
    while utc < end:
        day_later = utc + dt.timedelta(days=1)
        if day_later.astimezone(tz).utcoffset() == before:
            utc = day_later
            continue
        while (after := (utc + _STEP).astimezone(tz).utcoffset()) == before:
            utc += _STEP
        utc += _STEP
        if before is None or after is None:
            raise ValueError(f"{zone} has no offset")
        naive = utc.replace(tzinfo=None)
        low, high = sorted((naive + before, naive + after))
        found.append(Shift(low, high, doubled=after < before))
        before = after
    return tuple(found)


def in_shift(
    local: pl.Expr, zone: str, span: tuple[dt.datetime, dt.datetime], *, doubled: bool
) -> pl.Expr:
    """Whether a naive local stamp lies in an hour that is doubled (or does not exist).

    Only the clock changes within `span` (first and last stamp there is) are looked at.
    """
    first, last = span
    expr = pl.lit(False)
    for year in range(first.year, last.year + 1):
        for shift in shifts(zone, year):
            if shift.doubled == doubled and shift.start <= last and first < shift.end:
                expr = expr | local.is_between(shift.start, shift.end, closed="left")
    return expr


def to_utc(local: pl.Expr, zone: str, ambiguous: Literal["earliest", "latest"]) -> pl.Expr:
    """Naive local stamps as naive UTC; a stamp that does not exist becomes null."""
    return (
        local.dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null")
        .dt.convert_time_zone("UTC")
        .dt.replace_time_zone(None)
    )


def local_date(utc: pl.Expr, zone: str) -> pl.Expr:
    """The calendar date in a zone of naive UTC stamps."""
    return utc.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date()
