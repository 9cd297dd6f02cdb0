"""When things happen: the shape of the day, the week and the year."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np

from ingestion.synthetic.chance import Rng
from ingestion.synthetic.clock import HOUR, Floats, Ints, date_of, hours_of_day, is_holiday

_EMERGENCY = (
    "3 2.6 2.3 2.1 2 2.1 2.6 3.4 4.2 4.9 5.2 5.3 5.3 5.2 5.1 5.1 5.1 5.1 5.1 5 4.8 4.5 4.1 3.5"
)
_EVENING = "2.2 1.7 1.4 1.2 1.1 1.2 1.7 2.4 3.2 3.4 3.2 3 2.9 3 3.6 5.4 7.4 8.2 8.2 7.8 7 6 4.6 3.2"
_ALL_DAY = "2 1.6 1.3 1.1 1.1 1.2 1.8 3 5 7 7.4 7 6.4 6 5.8 5.6 5.6 5.6 5.4 5 4.6 4 3.4 2.6"
_OFFICE = "1 .8 .7 .7 .8 1.2 2.6 6 9 9.4 9.2 8.8 8 8.4 8 6.6 4.6 3.4 2.8 2.4 2.2 1.8 1.4 1.2"


def _profile(text: str) -> Floats:
    values: Floats = np.array([float(part) for part in text.split()])
    relative: Floats = values / values.mean()
    return relative


@dataclass(frozen=True)
class Rhythm:
    """How a yearly volume spreads: hours of working days and free days, weekdays, the season."""

    working_day: Floats
    free_day: Floats
    weekday: tuple[float, ...]
    season: float

    def level(self, date: dt.date) -> float:
        """The volume of a date against the average date."""
        day = 6 if is_holiday(date) else date.weekday()
        position = date.timetuple().tm_yday - 20
        return self.weekday[day] * (1 + self.season * math.cos(2 * math.pi * position / 365.25))

    def hours(self, date: dt.date) -> Floats:
        """The volume of each wall-clock hour against the average hour of the date."""
        return self.free_day if is_free(date) else self.working_day


def is_free(date: dt.date) -> bool:
    """Weekend or public holiday."""
    return date.weekday() >= 5 or is_holiday(date)


EMERGENCY = Rhythm(
    _profile(_EMERGENCY),
    np.roll(_profile(_EMERGENCY), 1),
    (0.98, 0.96, 0.96, 0.97, 1.03, 1.07, 1.03),
    0.05,
)
OUT_OF_HOURS = Rhythm(
    _profile(_EVENING), _profile(_ALL_DAY), (0.84, 0.79, 0.79, 0.81, 0.93, 1.46, 1.38), 0.09
)
OFFICE = Rhythm(
    _profile(_OFFICE), _profile(_ALL_DAY), (1.17, 1.15, 1.14, 1.14, 1.1, 0.66, 0.64), 0.02
)


def moments(rng: Rng, rhythm: Rhythm, day: int, count: int) -> Ints:
    """Moments of one local day, also one of 23 or 25 hours."""
    date = date_of(day)
    starts, shown = hours_of_day(date)
    shares = np.cumsum(rhythm.hours(date)[shown])
    hour = np.searchsorted(shares, rng.random(count) * shares[-1], side="right")
    begun: Ints = starts[np.minimum(hour, len(starts) - 1)]
    return begun + rng.integers(0, HOUR, count)


def expected(rhythm: Rhythm, day: int, yearly: float) -> float:
    """How many of a yearly volume fall on one local day."""
    return yearly / 365.25 * rhythm.level(date_of(day))
