"""The next days of a series of daily counts, by models that are tried on days held back.

The models are structural time series of statsmodels: a level that drifts, days of the week that
change slowly, public holidays, and a yearly wave where the series is long enough (Harvey 1989;
Durbin & Koopman 2012). Days that were not delivered are unknown, and stay so.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from reporting.demand.holidays import is_holiday

Floats = npt.NDArray[np.float64]

# Six weeks tell the days of a week apart; two years, the seasons.
LEAST_DAYS, _TWO_YEARS = 42, 730
LEVELS = (80, 95)
_WEEK = 7
_FOLDS = 6
# Of fewer days than this nothing is known of a stretch that is tried on.
_LEAST_KNOWN = 0.8
_MODELS = ("local level", "smooth trend")
_NORMAL = {level: NormalDist().inv_cdf((1 + level / 100) / 2) for level in LEVELS}
# Square roots of counts vary alike, however large the counts are (Anscombe 1948).
_SHIFT = 3 / 8


class ForecastError(ValueError):
    """No forecast can be made of a series, and why; in both languages."""


@dataclass(frozen=True)
class Outlook:
    """The next days of a series.

    Attributes:
        days: the first day to the last.
        value: expected counts.
        low, high: per level in per cent, the interval.
        model: what it was made with.
        error: mean absolute error a day, on days that were held back.
        naive_error: that of the same weekday of the week before, on the same days.
        covered: per level, the share of the days held back that were in the interval, per cent.
        tried: how many stretches were held back.
    """

    days: tuple[date, ...]
    value: Floats
    low: dict[int, Floats]
    high: dict[int, Floats]
    model: str
    error: float
    naive_error: float
    covered: dict[int, float]
    tried: int

    @property
    def beats_naive(self) -> bool:
        """Whether it is worth more than last week's figures."""
        return self.error < self.naive_error


@dataclass(frozen=True)
class _Trial:
    error: float
    covered: dict[int, float]


def outlook(first: date, counts: Sequence[float | None], days: int) -> Outlook:
    """The next days of a series, by the model that was nearest on days held back.

    Args:
        first: the day of the first count.
        counts: one per day; None for a day that was not delivered or is hidden.
        days: how many to look ahead.

    Raises:
        ForecastError: the series is too short, or too many of its days are unknown.
        ModuleNotFoundError: statsmodels is not installed.
    """
    values = np.array([np.nan if count is None else float(count) for count in counts])
    known = np.flatnonzero(~np.isnan(values))
    values = values[known[0] :] if len(known) else values[:0]
    first += timedelta(days=int(known[0])) if len(known) else timedelta()
    least = LEAST_DAYS + days
    if len(values) < least:
        raise ForecastError(
            f"{len(values)} dager er for få: {days} dager frem krever {least}. / "
            f"{len(values)} days are too few: {days} days ahead need {least}."
        )
    share = float(np.mean(~np.isnan(values)))
    if share < _LEAST_KNOWN:
        raise ForecastError(
            f"bare {int(100 * share)} % av dagene er kjent. / "
            f"only {int(100 * share)} % of the days are known."
        )
    stretches = list(_stretches(len(values), days))
    naive = _errors(values, stretches, [_naive(values[:end], days) for end in stretches])
    trials = {}
    for model in _MODELS:
        made = [_ahead(model, first, values[:end], days) for end in stretches]
        trials[model] = _Trial(
            _errors(values, stretches, [one.value for one in made]),
            {level: _covered(values, stretches, made, level) for level in LEVELS},
        )
    best = min(trials, key=lambda name: trials[name].error)
    ahead = _ahead(best, first, values, days)
    start = first + timedelta(days=len(values))
    return Outlook(
        days=tuple(start + timedelta(days=number) for number in range(days)),
        value=ahead.value,
        low=ahead.low,
        high=ahead.high,
        model=best,
        error=trials[best].error,
        naive_error=naive,
        covered=trials[best].covered,
        tried=len(stretches),
    )


def _stretches(length: int, days: int) -> Iterator[int]:
    """Where the stretches that are held back begin, the last first, a week apart."""
    for number in range(_FOLDS):
        end = length - days - number * _WEEK
        if end >= LEAST_DAYS:
            yield end


def _naive(values: Floats, days: int) -> Floats:
    """The last known count of the same weekday."""
    week = [values[(len(values) - _WEEK + day) % _WEEK :: _WEEK] for day in range(_WEEK)]
    last = [
        of_day[~np.isnan(of_day)][-1] if (~np.isnan(of_day)).any() else np.nan for of_day in week
    ]
    return np.array([last[number % _WEEK] for number in range(days)])


def _errors(values: Floats, stretches: Sequence[int], made: Sequence[Floats]) -> float:
    """Mean absolute error a day, of the days that are known."""
    gaps = [
        np.abs(values[end : end + len(one)] - one) for end, one in zip(stretches, made, strict=True)
    ]
    return float(np.nanmean(np.concatenate(gaps)))


@dataclass(frozen=True)
class _Ahead:
    value: Floats
    low: dict[int, Floats]
    high: dict[int, Floats]


def _covered(values: Floats, stretches: Sequence[int], made: Sequence[_Ahead], level: int) -> float:
    inside: list[bool] = []
    for end, one in zip(stretches, made, strict=True):
        held = values[end : end + len(one.value)]
        is_known = ~np.isnan(held)
        within = (held >= one.low[level]) & (held <= one.high[level])
        inside += within[is_known].tolist()
    return 100 * float(np.mean(inside))


def _ahead(model: str, first: date, values: Floats, days: int) -> _Ahead:
    """The days after the values, by one model."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    holidays = np.array(
        [is_holiday(first + timedelta(days=number)) for number in range(len(values) + days)],
        dtype=np.float64,
    )
    before, after = holidays[: len(values), None], holidays[len(values) :, None]
    # What was never seen cannot be told of.
    seen = bool((before[:, 0] * ~np.isnan(values)).sum() >= 2)
    options: dict[str, Any] = {"exog": before} if seen else {}
    if len(values) >= _TWO_YEARS:
        options["freq_seasonal"] = [{"period": 365.25, "harmonics": 2}]
    with warnings.catch_warnings():
        # Of a series without any drift the search ends at its edge, and says so.
        warnings.simplefilter("ignore")
        fitted = UnobservedComponents(
            np.sqrt(values + _SHIFT), level=model, seasonal=_WEEK, **options
        ).fit(disp=False, maxiter=200)
        found = fitted.get_forecast(days, exog=after if seen else None)
    mean = np.asarray(found.predicted_mean, dtype=np.float64)
    variance = np.asarray(found.var_pred_mean, dtype=np.float64)
    return _Ahead(
        # The square of what varies is on average more than the square of its mean.
        value=np.maximum(mean**2 + variance - _SHIFT, 0),
        low={level: _count(mean - _NORMAL[level] * np.sqrt(variance)) for level in LEVELS},
        high={level: _count(mean + _NORMAL[level] * np.sqrt(variance)) for level in LEVELS},
    )


def _count(root: Floats) -> Floats:
    counts: Floats = np.maximum(np.maximum(root, 0) ** 2 - _SHIFT, 0)
    return counts
