"""Local clock times to UTC, with the two hours a year that need a policy made visible.

In March an hour does not exist; in October one happens twice. Neither is ever resolved silently.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

_DAY = dt.timedelta(days=1)
_STEP = dt.timedelta(minutes=15)


@dataclass(frozen=True)
class Shift:
    """A change of offset: local stamps in `[start, end)` are doubled or do not exist.

    `before` and `after` are the offsets from UTC on its two sides.
    """

    start: dt.datetime
    end: dt.datetime
    before: dt.timedelta
    after: dt.timedelta

    @property
    def doubled(self) -> bool:
        return self.after < self.before


@functools.lru_cache(maxsize=512)
def shifts(zone: str, year: int) -> tuple[Shift, ...]:
    """The offset changes of a zone in one calendar year, as naive local stamps."""
    found: list[Shift] = []
    utc = dt.datetime(year, 1, 1)
    end = dt.datetime(year + 1, 1, 1)
    before = _offset(zone, utc)
    while utc < end:
        if _offset(zone, utc + _DAY) == before:
            utc += _DAY
            continue
        while (after := _offset(zone, utc + _STEP)) == before:
            utc += _STEP
        utc += _STEP
        low, high = sorted((utc + before, utc + after))
        found.append(Shift(low, high, before, after))
        before = after
    return tuple(found)


def _offset(zone: str, utc: dt.datetime) -> dt.timedelta:
    offset = utc.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset


def in_shift(local: pl.Expr, zone: str, years: Iterable[int], *, doubled: bool) -> pl.Expr:
    """Whether a naive local stamp lies in an hour that is doubled (or does not exist).

    Args:
        years: the calendar years in which there are stamps.
    """
    expr = pl.lit(False)
    for year in years:
        for shift in shifts(zone, year):
            if shift.doubled == doubled:
                expr = expr | local.is_between(shift.start, shift.end, closed="left")
    return expr


def past_the_gap(local: pl.Expr, zone: str, years: Iterable[int]) -> pl.Expr:
    """Naive local stamps that we made ourselves, moved on by the hour that does not exist."""
    for year in years:
        for shift in shifts(zone, year):
            if not shift.doubled:
                gap = local.is_between(shift.start, shift.end, closed="left")
                local = pl.when(gap).then(local + (shift.after - shift.before)).otherwise(local)
    return local


def to_utc(
    local: pl.Expr, zone: str, ambiguous: Literal["earliest", "latest"], years: Iterable[int]
) -> pl.Expr:
    """Naive local stamps as naive UTC; a stamp that does not exist becomes null.

    A comparison per clock change of the years there are stamps in: several times cheaper than
    looking every stamp up in the zone.
    """
    offsets: list[tuple[dt.datetime, dt.timedelta]] = []
    for year in sorted(years):
        changes = shifts(zone, year)
        start = dt.datetime(year, 1, 1)
        first = changes[0].before if changes else _offset(zone, start)
        offsets.append((start, first))
        offsets.extend(
            (
                change.start if change.doubled and ambiguous == "latest" else change.end,
                change.after,
            )
            for change in changes
        )
    # Before the first of these years the first offset holds: such stamps are rejected anyway.
    first_offset = offsets[0][1] if offsets else _offset(zone, dt.datetime(2000, 1, 1))
    utc = local - first_offset
    for since, offset in offsets[1:]:
        utc = pl.when(local >= since).then(local - offset).otherwise(utc)
    return pl.when(~in_shift(local, zone, years, doubled=False)).then(utc)


def local_date(utc: pl.Expr, zone: str) -> pl.Expr:
    """The calendar date in a zone of naive UTC stamps."""
    return utc.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date()
