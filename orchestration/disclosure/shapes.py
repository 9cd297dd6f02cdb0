"""Other worlds of any shape, for the few numbers for which no single event moved makes one.

`witness` moves one event from one place to another and back on another day, which is fast and finds
a world for nearly every number. What it misses are worlds that take more: three days, or two units
and the rest of the country. Here a world is any change of the events per place and day that leaves
every sum as it is that can be seen; the one that costs least is found by linear programming. No
cell changes by more than one event, so nothing becomes less than nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linprog

from orchestration.disclosure.layout import Layout
from orchestration.disclosure.periods import DEPTHS, MONTH, NONE, Ints
from orchestration.disclosure.places import Place

Floats = npt.NDArray[np.float64]
# Events are looked at in so many places and on so many days together, and in so many places.
_MOST_EVENTS, _MOST_PLACES = 12_000, 60
# Of two worlds that hide as much, the one that changes less.
_PER_CHANGE = 1e-3
_NOTHING = 1e-6
_SECONDS = 10.0


@dataclass(frozen=True)
class _Events:
    """Events that may be more or less: per place, and per day within it."""

    # Per place the rows of the units that hold it, and the number of its division.
    rows: Sequence[Ints]
    division: Sequence[int]
    days: Ints

    @property
    def count(self) -> int:
        return len(self.rows) * self.days.size

    def of(self, place: int) -> Ints:
        return place * self.days.size + np.arange(self.days.size)


def world(
    layout: Layout, cost: npt.NDArray[np.float32], row: int, column: int
) -> tuple[Ints, Ints] | None:
    """Rows and columns of the cells that change in a world in which a cell does; None if none.

    `cost` is what it takes to hide a cell with one event more and with one less, units by periods;
    zero where it is hidden, infinite where it cannot be.
    """
    possible = np.isfinite(cost[:, row, column])
    if not possible.any():
        return None
    events = _events(layout, cost, row, column)
    for sign in np.flatnonzero(possible):
        found = _least(layout, cost, events, row, column, int(sign))
        if found is not None:
            return found
    return None


def _events(layout: Layout, cost: npt.NDArray[np.float32], row: int, column: int) -> _Events:
    """Places with the most room, those of the unit first; days of the period and around it."""
    calendar, unit = layout.calendar, layout.units[row]
    own = calendar.days_of[column]
    # A day or a week has its month around it, a month its year.
    depth = MONTH if calendar.depth_of[column] < MONTH else DEPTHS - 1
    step = calendar.step[depth]
    days = np.flatnonzero(np.isin(step, step[own]))
    if (calendar.path[0] != NONE).any():
        days = days[calendar.path[0, days] != NONE]
    room = np.isfinite(cost).sum(axis=(0, 2))
    rows: list[Ints] = []
    division: list[int] = []
    for at, members in enumerate(layout.places.divisions):
        plain = [place for place in members if _has_one_of_each(place)]
        unions = {u for place in members for u in place.units - {place.unit}}
        plain = [place for place in plain if place.unit not in unions]
        plain.sort(key=lambda place: (unit not in place.units, -room[layout.row[place.unit]]))
        for place in plain[:_MOST_PLACES]:
            above = layout.national.tolist() if not at else []
            rows.append(np.array([*(layout.row[u] for u in place.units), *above], dtype=np.int64))
            division.append(at)
    if not rows:
        rows, division = [layout.national], [0]
    apart = -(-len(rows) * days.size // _MOST_EVENTS)
    kept = (np.arange(days.size) % apart == 0) | (days == own[0])
    return _Events(rows, division, days[kept])


def _has_one_of_each(place: Place) -> bool:
    """Whether a place has never belonged to two units of one level."""
    return all(len(held - {place.unit}) < 2 for held in place.held_by.values())


def _least(
    layout: Layout,
    cost: npt.NDArray[np.float32],
    events: _Events,
    row: int,
    column: int,
    sign: int,
) -> tuple[Ints, Ints] | None:
    """The cheapest world in which a cell has one event more (sign 0) or one less (sign 1)."""
    cells, sums = _sums(layout, events)
    (goal,) = np.nonzero(cells == row * len(layout.calendar.periods) + column)
    if not goal.size:
        return None
    rules = _rules(layout, events, column)
    size = cells.size
    ones, nothing = sparse.identity(size), sparse.coo_matrix((rules.shape[0], 2 * size))
    system = sparse.vstack(
        [sparse.hstack([sums, -ones, ones]), sparse.hstack([rules, nothing])]
    ).tocsr()
    prices = cost.reshape(2, -1)[:, cells].astype(float)
    most = np.isfinite(prices).astype(float)
    least = np.zeros_like(most)
    least[sign, goal], most[1 - sign, goal] = 1.0, 0.0
    result = linprog(
        np.concatenate(
            [np.zeros(events.count), np.where(np.isfinite(prices), prices + _PER_CHANGE, 0).ravel()]
        ),
        A_eq=system,
        b_eq=np.zeros(system.shape[0]),
        bounds=np.stack(
            [
                np.concatenate([np.full(events.count, -1.0), least.ravel()]),
                np.concatenate([np.full(events.count, 1.0), most.ravel()]),
            ],
            axis=1,
        ),
        method="highs",
        options={"time_limit": _SECONDS},
    )
    if result.status != 0:
        return None
    by = np.abs(result.x[events.count :].reshape(2, size)).max(axis=0)
    rows, columns = np.divmod(cells[by > _NOTHING], len(layout.calendar.periods))
    return rows, columns


def _sums(layout: Layout, events: _Events) -> tuple[Ints, sparse.coo_matrix]:
    """The cells in which events count, by number, and which events count in each."""
    calendar = layout.calendar
    periods = len(calendar.periods)
    held = []
    for day in events.days:
        nested = calendar.path[:, day]
        unions = calendar.unions[calendar.holds[calendar.month_of[day]]]
        held.append(np.concatenate([nested[nested != NONE], unions]))
    cells, at = [], []
    for place, rows in enumerate(events.rows):
        for event, columns in zip(events.of(place), held, strict=True):
            inside = (rows[:, None] * periods + columns).ravel()
            cells.append(inside)
            at.append(np.full(inside.size, event))
    found, line = np.unique(np.concatenate(cells), return_inverse=True)
    shape = (found.size, events.count)
    return found, sparse.coo_matrix((np.ones(line.size), (line, np.concatenate(at))), shape=shape)


def _rules(layout: Layout, events: _Events, column: int) -> sparse.csr_matrix:
    """Sums of events that stay as they are, whatever is hidden.

    Every event has a place in each division. And the total of a period that is still to come is
    released without asking, so events stay in it; but the one that the period of the cell is in.
    """
    calendar = layout.calendar
    days = np.arange(events.days.size)
    lines: list[tuple[Ints, Floats]] = []
    for division in range(1, len(layout.places.divisions)):
        mine = [place for place, at in enumerate(events.division) if at in (0, division)]
        for day in days:
            columns = np.array([events.of(place)[day] for place in mine], dtype=np.int64)
            signs = np.array([1.0 if not events.division[place] else -1.0 for place in mine])
            lines.append((columns, signs))
    own = calendar.days_of[column]
    for depth in range(1, DEPTHS):
        path, step = calendar.path[depth], calendar.step[depth]
        if (path == NONE).all():
            continue
        coming = set(step[events.days[path[events.days] == NONE]]) - set(step[own])
        for one in sorted(coming):
            inside = days[step[events.days] == one]
            lines += [
                (events.of(place)[inside], np.ones(inside.size))
                for place in range(len(events.rows))
            ]
    if not lines:
        return sparse.csr_matrix((0, events.count))
    at = np.repeat(np.arange(len(lines)), [columns.size for columns, _ in lines])
    columns, factors = (np.concatenate(part) for part in zip(*lines, strict=True))
    return sparse.coo_matrix((factors, (at, columns)), shape=(len(lines), events.count)).tocsr()
