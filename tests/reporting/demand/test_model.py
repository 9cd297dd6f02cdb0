"""The models against series whose law is known."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from reporting.demand.holidays import is_holiday
from reporting.demand.model import ForecastError, outlook

MONDAY = date(2026, 1, 12)


def series(days: int, seed: int, mean: float = 80.0) -> list[float | None]:
    """Poisson counts of days of the week that differ."""
    rng = np.random.default_rng(seed)
    week = mean * np.array([1.0, 0.9, 0.9, 0.95, 1.1, 1.5, 1.4])
    return [float(count) for count in rng.poisson(np.resize(week, days))]


def test_intervals_hold_what_they_say() -> None:
    inside, days = 0, 0
    for seed in range(5):
        counts = series(140, seed)
        found = outlook(MONDAY, counts[:112], 28)
        assert found.beats_naive
        held = np.array(counts[112:], dtype=float)
        inside += int(((held >= found.low[80]) & (held <= found.high[80])).sum())
        days += len(held)
    assert 0.7 <= inside / days <= 0.92


def test_an_unknown_day_is_not_a_day_without_calls() -> None:
    counts = series(112, 3)
    whole = outlook(MONDAY, counts, 14)
    for day in (20, 41, 60, 61, 62, 99):
        counts[day] = None
    gaps = outlook(MONDAY, counts, 14)
    assert np.abs(gaps.value / whole.value - 1).max() < 0.05
    zeros = outlook(MONDAY, [0.0 if count is None else count for count in counts], 14)
    assert np.abs(zeros.value / whole.value - 1).max() > 0.05


def test_a_holiday_is_like_the_holidays_before_it() -> None:
    first = date(2024, 1, 1)
    # Three times as many calls on holidays, whatever day they fall on.
    counts: list[float | None] = [
        count * (3 if is_holiday(first + timedelta(days=number)) else 1)
        for number, count in enumerate(series(492, 5, 60))
        if count is not None
    ]
    found = outlook(first, counts, 28)  # to 2025-06-03: Ascension is 2025-05-29
    by_day = dict(zip(found.days, found.value, strict=True))
    holiday, thursday = by_day[date(2025, 5, 29)], by_day[date(2025, 5, 22)]
    assert holiday / thursday == pytest.approx(3, rel=0.15)


def test_what_no_forecast_can_be_made_of() -> None:
    with pytest.raises(ForecastError, match="69 dager er for få: 28 dager frem krever 70"):
        outlook(MONDAY, series(69, 1), 28)
    # Days before the first that is known do not count.
    with pytest.raises(ForecastError, match="69 dager er for få"):
        outlook(MONDAY, [None] * 50 + series(69, 1), 28)
    few = [count if number % 4 else None for number, count in enumerate(series(120, 1), 1)]
    with pytest.raises(ForecastError, match="bare 75 % av dagene er kjent"):
        outlook(MONDAY, few, 28)
    with pytest.raises(ForecastError, match="0 dager"):
        outlook(MONDAY, [None] * 100, 28)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 1, 1), True),
        (date(2026, 4, 2), True),  # Maundy Thursday
        (date(2026, 4, 6), True),  # Easter Monday
        (date(2026, 4, 7), False),
        (date(2026, 5, 14), True),  # Ascension
        (date(2026, 5, 17), True),
        (date(2026, 5, 25), True),  # Whit Monday
        (date(2027, 3, 26), True),  # Good Friday
        (date(2026, 12, 24), True),
        (date(2026, 12, 27), False),
    ],
)
def test_the_almanac(day: date, expected: bool) -> None:
    assert is_holiday(day) is expected
