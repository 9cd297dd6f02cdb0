"""Time: everything is made in milliseconds since 1970 in UTC; local Oslo time is a view of it.

A local day may have 23, 24 or 25 hours, so days are given by their bounds in UTC and never by
adding 24 hours.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

OSLO = "Europe/Oslo"
SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
EPOCH = dt.date(1970, 1, 1)
_FIRST_YEAR, _LAST_YEAR = 2008, 2040


def day_number(date: dt.date) -> int:
    """Days since 1970-01-01; the generator counts local dates this way."""
    return (date - EPOCH).days


def date_of(day: int) -> dt.date:
    """The date of a day number."""
    return EPOCH + dt.timedelta(days=int(day))


def local_ms(date: dt.date, hour: int = 0, minute: int = 0) -> int:
    """UTC milliseconds of a local wall-clock time (the first one where it occurs twice)."""
    moment = dt.datetime(date.year, date.month, date.day, hour, minute, tzinfo=ZoneInfo(OSLO))
    return round(moment.timestamp()) * SECOND


@cache
def _midnights() -> Ints:
    first = day_number(dt.date(_FIRST_YEAR, 1, 1))
    last = day_number(dt.date(_LAST_YEAR, 1, 1))
    return np.array([local_ms(date_of(day)) for day in range(first, last)], dtype=np.int64)


def midnight(days: Ints) -> Ints:
    """UTC milliseconds at the start of local days."""
    return _midnights()[np.asarray(days) - day_number(dt.date(_FIRST_YEAR, 1, 1))]


def local_day(utc: Ints) -> Ints:
    """The local day number each moment falls on."""
    first = day_number(dt.date(_FIRST_YEAR, 1, 1))
    return np.searchsorted(_midnights(), utc, side="right").astype(np.int64) - 1 + first


def extract_ms(days: Ints) -> Ints:
    """When the extract of a local day is taken: 04:00 local the day after."""
    table = {int(day): local_ms(date_of(int(day) + 1), 4) for day in np.unique(days)}
    keys = np.array(sorted(table), dtype=np.int64)
    values = np.array([table[int(key)] for key in keys], dtype=np.int64)
    return values[np.searchsorted(keys, days)] if len(keys) else np.empty(0, np.int64)


def hours_of_day(date: dt.date) -> tuple[Ints, list[int]]:
    """The hours a local day really has: UTC start of each, and the hour a wall clock shows."""
    start, end = (
        local_ms(date),
        local_ms(date + dt.timedelta(days=1)),
    )
    starts = np.arange(start, end, HOUR, dtype=np.int64)
    zone = ZoneInfo(OSLO)
    shown = [dt.datetime.fromtimestamp(int(ms) / SECOND, tz=zone).hour for ms in starts]
    return starts, shown


@cache
def clock_changes(year: int) -> tuple[int, int]:
    """UTC milliseconds of the change to summer time and of the change back."""
    changes: list[int] = []
    for month in (3, 10):
        last = dt.date(year, month, 31)
        sunday = last - dt.timedelta(days=(last.weekday() + 1) % 7)
        moment = dt.datetime(year, month, sunday.day, 1, tzinfo=dt.UTC)
        changes.append(round(moment.timestamp()) * SECOND)
    return changes[0], changes[1]


def _changes_back(utc: Ints) -> list[int]:
    if not len(utc):
        return []
    first, last = int(utc.min()), int(utc.max())
    return [
        change
        for change in (clock_changes(year)[1] for year in range(_FIRST_YEAR, _LAST_YEAR))
        if first - HOUR <= change <= last + HOUR
    ]


def is_ambiguous(utc: Ints) -> Bools:
    """Whether the wall clock shows the same time twice around each moment."""
    mask = np.zeros(len(utc), dtype=bool)
    for change in _changes_back(utc):
        mask |= (utc >= change - HOUR) & (utc < change + HOUR)
    return mask


def earliest_reading(utc: Ints) -> Ints:
    """What a reader gets who takes the first of two moments with the same wall-clock time."""
    read = utc.copy()
    for change in _changes_back(utc):
        read[(utc >= change) & (utc < change + HOUR)] -= HOUR
    return read


def easter(year: int) -> dt.date:
    """Easter Sunday (the anonymous Gregorian computus)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    ell = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * ell) // 451
    month, day = divmod(h + ell - 7 * m + 114, 31)
    return dt.date(year, month, day + 1)


def is_holiday(date: dt.date) -> bool:
    """Norwegian public holidays, and Christmas Eve, on which surgeries are closed."""
    if (date.month, date.day) in {(1, 1), (5, 1), (5, 17), (12, 24), (12, 25), (12, 26)}:
        return True
    return (date - easter(date.year)).days in {-3, -2, 0, 1, 39, 49, 50}
