"""The calendar of a table of figures: days, and the published periods that hold each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from orchestration.suppression import GRAINS

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
NONE = -1
# Periods that lie in each other, except weeks: the depths at which days lie in something published.
NESTED = ("day", "week", "month", "quarter", "year")
DEPTHS = len(NESTED)
MONTH = NESTED.index("month")
# Unions of months that do not nest with the others, or overlap each other.
UNIONS = tuple(grain for grain in GRAINS if grain not in NESTED)
_DAYS = {"day": 1, "week": 7}
# Months from the first day of a period to its end; running ones are named by their last month.
_MONTHS = {"month": 1, "quarter": 3, "tertial": 4, "year": 12, "ytd": 1, "rolling12": 1}


@dataclass(frozen=True)
class Calendar:
    """Columns of a table are periods; `path` says which of them hold a day.

    Days lie in stretches (the days of one week in one month), stretches in months, months in
    quarters, quarters in years. `step[g]` numbers, per day, what it lies in at that depth: itself,
    its stretch, its month, its quarter, its year, and everything. Any other period is a union of
    months: `holds` says, per month and union, whether it is one of them; `unions` are the columns.
    """

    periods: tuple[tuple[str, date], ...]
    days: Ints
    path: Ints
    step: Ints
    unions: Ints
    holds: Bools

    def column(self, grain: str, start: date) -> int:
        """The column of a period."""
        return self.periods.index((grain, start))

    @cached_property
    def grain_of(self) -> Ints:
        """Number of each column's grain, day first."""
        return np.array([GRAINS.index(grain) for grain, _ in self.periods], dtype=np.int64)

    @cached_property
    def depth_of(self) -> Ints:
        """Depth of the steps that each column is made of; for its own grain where it nests."""
        return np.array([depth_of(grain) for grain, _ in self.periods], dtype=np.int64)

    @cached_property
    def is_union(self) -> Bools:
        """Which columns are unions of months that do not nest."""
        return np.isin(np.arange(len(self.periods)), self.unions)

    @cached_property
    def month_of(self) -> Ints:
        """The month of each day, by its number."""
        month: Ints = self.step[MONTH]
        return month

    def at(self, depth: int) -> Calendar:
        """The same periods over one day of each step: enough where nothing shorter is released."""
        if depth == 0:
            return self
        first = np.flatnonzero(np.r_[True, np.diff(self.step[depth]) != 0])
        path = self.path[:, first]
        path[:depth] = NONE
        found = replace(self, days=self.days[first], path=path, step=self.step[:, first])
        # Where nothing as short as months is released, no unions of months are either.
        nothing = replace(found, unions=self.unions[:0], holds=self.holds[:, :0])
        return found if depth <= MONTH else nothing

    @cached_property
    def closed(self) -> Bools:
        """Per depth and day: every period up to the depth that holds the day is released.

        An event must not be thought to lie on another day of a period still open: its total will
        be released without asking.
        """
        released = (self.path >= 0).any(axis=1, keepdims=True)
        missing = (self.path < 0) & released
        found: Bools = ~np.logical_or.accumulate(missing, axis=0)
        return found

    @cached_property
    def days_of(self) -> list[Ints]:
        """The days that each column holds."""
        found: list[list[int]] = [[] for _ in self.periods]
        for row in self.path:
            for day, column in enumerate(row):
                if column >= 0:
                    found[column].append(day)
        for column, months in zip(self.unions, self.holds.T, strict=True):
            found[column] = np.flatnonzero(months[self.month_of]).tolist()
        return [np.array(days, dtype=np.int64) for days in found]

    @cached_property
    def bounds(self) -> list[tuple[Ints, Ints]]:
        """Per depth: the first day and the day after the last of each step."""
        found = []
        for row in self.step:
            starts = np.flatnonzero(np.r_[True, np.diff(row) != 0])
            found.append((starts, np.r_[starts[1:], row.size]))
        return found

    @cached_property
    def pieces(self) -> list[Ints]:
        """Per column, the steps of its own depth that it holds."""
        return [
            np.unique(self.step[depth][days])
            for depth, days in zip(self.depth_of, self.days_of, strict=True)
        ]

    @cached_property
    def within(self) -> list[Ints]:
        """Per depth: the days of each step, a line per step, filled up with its last day."""
        found = []
        for starts, ends in self.bounds:
            days = starts[:, None] + np.arange(int((ends - starts).max(initial=1)))
            found.append(np.minimum(days, ends[:, None] - 1))
        return found

    @cached_property
    def others(self) -> list[Ints]:
        """Per depth: the other steps within the step above, a line per step."""
        found = []
        for depth in range(DEPTHS):
            starts, _ = self.bounds[depth]
            above = self.step[depth + 1][starts]
            first = np.searchsorted(above, above)
            number = np.searchsorted(above, above, side="right") - first
            steps = first[:, None] + np.arange(int(number.max(initial=1)))
            own = np.arange(starts.size)[:, None]
            missing = (steps >= (first + number)[:, None]) | (steps == own)
            found.append(np.where(missing, NONE, steps))
        return found


def calendar(periods: Sequence[tuple[str, date]], first: date, last: date) -> Calendar:
    """The calendar of published periods over the days from `first` to `last`."""
    ordered = tuple(sorted(set(periods), key=lambda item: (GRAINS.index(item[0]), item[1])))
    column = {period: index for index, period in enumerate(ordered)}
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    path = np.array(
        [[column.get((grain, start_of(grain, day)), NONE) for grain in NESTED] for day in days],
        dtype=np.int64,
    ).T
    numbers = [
        [day.toordinal() for day in days],
        # The days of one week in one month lie next to each other.
        [start_of("week", day).toordinal() + 100_000_000 * day.month for day in days],
        [day.year * 12 + day.month for day in days],
        [day.year * 4 + (day.month - 1) // 3 for day in days],
        [day.year for day in days],
        [0 for _ in days],
    ]
    step = np.array([_runs(row) for row in numbers], dtype=np.int64)
    months = sorted({day.replace(day=1) for day in days})
    unions = [index for index, (grain, _) in enumerate(ordered) if grain in UNIONS]
    holds = [
        [begins <= month <= ends for begins, ends in (span(*ordered[index]) for index in unions)]
        for month in months
    ]
    return Calendar(
        ordered,
        np.array([d.toordinal() for d in days], dtype=np.int64),
        path,
        step,
        np.array(unions, dtype=np.int64),
        np.array(holds, dtype=np.bool_).reshape(len(months), len(unions)),
    )


def depth_of(grain: str) -> int:
    """Depth of the steps that the periods of a grain are made of."""
    return NESTED.index(grain) if grain in NESTED else MONTH


def start_of(grain: str, day: date) -> date:
    """First day of the period of a grain that holds a day."""
    match grain:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
        case "year":
            return date(day.year, 1, 1)
    raise ValueError(f"unknown grain {grain!r}")


def end_of(grain: str, start: date) -> date:
    """Last day of a period."""
    if grain in _DAYS:
        return start + timedelta(days=_DAYS[grain] - 1)
    return _months_on(start, _MONTHS[grain]) - timedelta(days=1)


def span(grain: str, start: date) -> tuple[date, date]:
    """First and last day of a period. Running periods are named by their last month."""
    first = {"ytd": start.replace(month=1), "rolling12": _months_on(start, -11)}
    return first.get(grain, start), end_of(grain, start)


def _months_on(day: date, months: int) -> date:
    """First day of the month so many months later."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _runs(values: Sequence[int]) -> list[int]:
    """Numbers runs of equal values from 0."""
    found, number = [], -1
    previous: int | None = None
    for value in values:
        if value != previous:
            number += 1
            previous = value
        found.append(number)
    return found
