"""Finds, for numbers that must not be worked out, other numbers that could have been instead.

A number is safe when everything that can be seen would look the same if it were one more or one
less. Such another world is found by moving one event: from one place to another on one day, and
back again on another day. If both places lie in the same region and both days in the same week and
month, no total changes; only the four cells at the corners do. Hidden, the four protect each other,
whatever else is published, and they go on doing so when more is hidden. Where there is no such
rectangle, the move reaches further: other weeks, other months, other regions, and the totals that
it changes are hidden with it.

Costs are numbers per cell: what it takes to hide there everything that the move changes; infinite
where the move is impossible (a number known to be zero, or shown before) in that direction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from orchestration.disclosure.layout import Layout, Moves
from orchestration.disclosure.periods import DEPTHS, Bools, Calendar, Ints
from orchestration.disclosure.places import NATIONAL, Place, Unit
from orchestration.disclosure.reach import Floats, Reach, Way

# In how many places of a unit an event is looked for, and in how many of another division.
_INSIDE = 4
_ELSEWHERE = 4
# Totals before their parts: protecting a total protects the parts that the move goes through.
_RANK = {
    NATIONAL: 0,
    "region": 1,
    "health_trust": 2,
    "county": 3,
    "source_system": 4,
    "central": 5,
    "base": 6,
    "municipality": 7,
}


class Search:
    """The search for one kind of move. `hide(rows, columns)` hides what the move changes there."""

    def __init__(
        self, layout: Layout, up: Floats, down: Floats, hide: Callable[[Ints, Ints], None]
    ) -> None:
        units, periods = up.shape
        # One row and one column more, which stand for nothing: always free.
        self._up = np.zeros((units + 1, periods + 1), dtype=np.float32)
        self._down = np.zeros_like(self._up)
        self._up[:units, :periods] = up
        self._down[:units, :periods] = down
        self._layout = layout
        self._hide = hide

    def protect(self, targets: Bools, limit: float) -> Bools:
        """Hide what it takes to protect the target cells, for `limit` each at the most.

        Returns the cells for which that is not enough.
        """
        left = targets.copy()
        order = np.argsort([_RANK.get(level, 9) for level, _ in self._layout.units], kind="stable")
        for row in order:
            if left[row].any():
                self._protect_unit(int(row), left, limit)
        return left

    def protected(self, targets: Bools) -> Bools:
        """The target cells that are safe with what is hidden already, by pairs of siblings."""
        layout = self._layout
        covered = np.zeros_like(targets)
        first, second = layout.pairs
        wanted: Bools = np.asarray(targets.any(axis=1))
        if not first.size or not layout.calendar.days.size:
            return covered
        chosen: Bools = wanted[first] | wanted[second]
        depth = np.minimum(layout.depth_of[first], layout.depth_of[second])
        for shortest in np.unique(depth[chosen]):
            mine = np.flatnonzero(chosen & (depth == shortest))
            self._by_pairs(covered, first[mine], second[mine], layout.at(int(shortest)))
        return covered

    def _by_pairs(self, covered: Bools, first: Ints, second: Ints, calendar: Calendar) -> None:
        """Mark what pairs of places protect, an event going one way and another coming back."""
        can_rise, can_fall = self._up == 0, self._down == 0
        one = can_rise[first] & can_fall[second]
        other = can_fall[first] & can_rise[second]
        useful = one.any(axis=1) | other.any(axis=1)
        first, second, one, other = first[useful], second[useful], one[useful], other[useful]
        path = calendar.path
        ahead = np.ones((first.size, path.shape[1]), dtype=np.bool_)
        back = ahead.copy()
        for depth in range(DEPTHS):
            if (path[depth] < 0).all():
                continue
            ahead &= one[:, path[depth]]
            back &= other[:, path[depth]]
            safe = self._matched(ahead, back, calendar, depth)
            if not safe.any():
                continue
            for grain in range(depth + 1):
                self._mark(covered, first, second, safe, path[grain])

    @staticmethod
    def _matched(ahead: Bools, back: Bools, calendar: Calendar, depth: int) -> Bools:
        """Days on which an event can go one way, with another day to come back on."""
        starts, _ = calendar.bounds[depth]
        step, above = calendar.step[depth], calendar.step[depth + 1]
        parent = above[starts]
        parent_starts = np.flatnonzero(np.r_[True, np.diff(parent) != 0])
        safe = np.zeros_like(ahead)
        for here, there in ((ahead, back), (back, ahead)):
            there = there & calendar.closed[depth]
            has = np.logical_or.reduceat(there, starts, axis=1).astype(np.int32)
            total = np.add.reduceat(has, parent_starts, axis=1)
            elsewhere = (total[:, parent - parent[0]] - has) > 0
            safe |= here & elsewhere[:, step]
        if depth == DEPTHS - 1:
            safe |= ahead | back
        return safe

    @staticmethod
    def _mark(covered: Bools, first: Ints, second: Ints, safe: Bools, columns: Ints) -> None:
        known = np.flatnonzero(columns >= 0)
        if not known.size:
            return
        names = columns[known]
        starts = np.flatnonzero(np.r_[True, np.diff(names) != 0])
        cells = np.logical_or.reduceat(safe[:, known], starts, axis=1)
        for rows in (first, second):
            order = np.argsort(rows, kind="stable")
            begins = np.flatnonzero(np.r_[True, np.diff(rows[order]) != 0])
            merged = np.logical_or.reduceat(cells[order], begins, axis=0)
            covered[np.ix_(rows[order][begins], names[starts])] |= merged

    def _protect_unit(self, row: int, left: Bools, limit: float) -> None:
        """Protect the cells of one unit, the longest periods first."""
        inside = self._inside(self._layout.units[row])
        leaving = self._layout.leaving(self._layout.units[row], tuple(inside))
        self._protect_by(leaving, row, left, limit)
        if left[row].any() and self._least_of_country(np.flatnonzero(left[row])) <= limit:
            self._protect_by([self._alone(row, inside)], row, left, limit)

    def _least_of_country(self, columns: Ints) -> float:
        """The least it takes to hide what an event alone changes in the totals of the country."""
        rows = [row for row, (level, _) in enumerate(self._layout.units) if level == NATIONAL]
        shortest = int(self._layout.grain_of[columns].min())
        calendar = self._layout.calendar
        days = np.unique(np.concatenate([calendar.days_of[column] for column in columns]))
        path = calendar.path[: shortest + 1, days]
        costs = [cost[rows][:, path].sum(axis=(0, 1)).min() for cost in (self._up, self._down)]
        return float(min(costs))

    def _protect_by(self, moves: Sequence[Moves], row: int, left: Bools, limit: float) -> None:
        if not moves:
            return
        shortest = min(int(self._layout.depth_of[rows].min()) for rows, _ in moves)
        reach = Reach(self._up, self._down, self._layout.at(shortest), moves)
        for grain in range(DEPTHS - 1, -1, -1):
            for depth in range(grain, DEPTHS):
                columns = np.flatnonzero(left[row] & (self._layout.grain_of == grain))
                if not columns.size or not self._hide_ways(
                    reach, reach.together(columns, grain, depth, limit), left
                ):
                    break

    def _hide_ways(self, reach: Reach, ways: Sequence[Way] | None, left: Bools) -> bool:
        """Hide everything that some ways to move an event change; False when there can be none."""
        if not ways:
            return ways is not None
        at_rows, at = _grids([reach.cells(way) for way in ways])
        self._hide(at_rows, at)
        for cost in (self._up, self._down):
            finite = np.isfinite(cost[at_rows, at])
            cost[at_rows[finite], at[finite]] = 0
        left[_grids([reach.safe(way) for way in ways])] = False
        reach.refresh(np.unique(at))
        return True

    def _inside(self, unit: Unit) -> list[Place]:
        """Places of a unit in which an event may lie: those with the most room."""
        places = self._layout.places
        if unit[0] == NATIONAL and places.divisions:
            return self._best(list(places.divisions[0]), _INSIDE)
        return self._best([p for p in places.division_of(unit) if unit in p.units], _INSIDE)

    def _alone(self, row: int, inside: Sequence[Place]) -> Moves:
        """An event more or less: every total that holds it changes, in all divisions."""
        layout = self._layout
        rest = [d for d in layout.places.divisions if not any(p in d for p in inside)]
        best = [self._best(list(d), _ELSEWHERE) for d in rest]
        count = max((len(places) for places in best), default=1)
        national = frozenset(u for u in layout.units if u[0] == NATIONAL)
        held = [p.units for p in inside] or [frozenset([layout.units[row]])]
        return layout.padded(
            [
                [
                    (u, 1)
                    for u in sorted(units | national.union(*(p[i % len(p)].units for p in best)))
                ]
                for units in held
                for i in range(count)
            ]
        )

    @cached_property
    def _freedom(self) -> Floats:
        """Per unit: how many of its cells are free, or could be hidden."""
        free = (self._up == 0) & (self._down == 0)
        possible = np.isfinite(self._up) | np.isfinite(self._down)
        score: Floats = (free.sum(axis=1) + 0.01 * possible.sum(axis=1)).astype(np.float32)
        return score

    def _best(self, candidates: list[Place], count: int) -> list[Place]:
        row, freedom = self._layout.row, self._freedom
        ranked = sorted(candidates, key=lambda p: (-float(freedom[row[p.unit]]), p.unit))
        return ranked[:count]


def _grids(parts: Sequence[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    """All cells of some rows and columns, as one row and column per cell."""
    rows = np.concatenate([np.repeat(units, cells.size) for units, cells in parts])
    return rows, np.concatenate([np.tile(cells, units.size) for units, cells in parts])
