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
from orchestration.disclosure.periods import DEPTHS, MONTH, Bools, Calendar, Ints
from orchestration.disclosure.places import Place, Unit
from orchestration.disclosure.reach import Floats, Reach, Way

# In how many places of a unit an event is looked for, and in how many of another division.
_INSIDE = 4
_ELSEWHERE = 4


class Search:
    """The search for one kind of move. `hide(rows, columns)` hides what the move changes there."""

    def __init__(self, layout: Layout, cost: Floats, hide: Callable[[Ints, Ints], None]) -> None:
        _, units, periods = cost.shape
        # One row and one column more, which stand for nothing: always free.
        self._cost = np.zeros((2, units + 1, periods + 1), dtype=np.float32)
        self._cost[:, :units, :periods] = cost
        self._layout = layout
        self._hide = hide

    def protect(self, targets: Bools, limit: float) -> Bools:
        """Hide what it takes to protect the target cells, for `limit` each at the most.

        Returns the cells for which that is not enough.
        """
        left = targets.copy()
        wanted: Bools = np.asarray(targets.any(axis=1))
        for row in self._layout.totals_first:
            if wanted[row] and left[row].any():
                self._protect_unit(int(row), left, limit)
        return left

    def protect_by_any(self, targets: Bools) -> Bools:
        """The same, from everywhere to everywhere: earlier releases may have left a single way."""
        left = targets.copy()
        possible: Bools = np.logical_or(*np.isfinite(self._cost[:, :-1, :-1]))
        for row in np.flatnonzero((targets & possible).any(axis=1)):
            unit = self._layout.units[row]
            for place in self._layout.inside(unit):
                if (left[row] & possible[row]).any():
                    ways = self._layout.leaving(unit, [place], None)
                    self._protect_by(ways, int(row), left, np.inf)
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
            self._by_pairs(covered, targets, first[mine], second[mine], layout.at(int(shortest)))
        return covered

    def _by_pairs(
        self, covered: Bools, targets: Bools, first: Ints, second: Ints, calendar: Calendar
    ) -> None:
        """Mark what pairs of places protect, an event going one way and another coming back."""
        # One column more, for the periods that are not published.
        wanted = np.pad(targets, ((0, 0), (0, 1)))
        path = calendar.path
        sought = np.logical_or.reduce([wanted[:, columns] for columns in path])
        can_rise, can_fall = self._cost == 0
        ahead = np.ones((first.size, path.shape[1]), dtype=np.bool_)
        back = ahead.copy()
        for depth in range(DEPTHS):
            if (path[depth] < 0).all():
                continue
            rise, fall = can_rise[:, path[depth]], can_fall[:, path[depth]]
            ahead &= rise[first] & fall[second]
            back &= fall[first] & rise[second]
            # Of most pairs no event can be moved on the days that matter.
            useful = ((ahead | back) & (sought[first] | sought[second])).any(axis=1)
            first, second, ahead, back = first[useful], second[useful], ahead[useful], back[useful]
            if not first.size:
                return
            if calendar.unions.size and depth >= MONTH:
                safe = self._matched_months(covered, first, second, ahead, back, calendar, depth)
            else:
                safe = self._matched(ahead, back, calendar, depth)
            if not safe.any():
                continue
            for grain in range(depth + 1):
                self._mark(covered, first, second, safe, path[grain])

    def _matched_months(
        self,
        covered: Bools,
        first: Ints,
        second: Ints,
        ahead: Bools,
        back: Bools,
        calendar: Calendar,
        depth: int,
    ) -> Bools:
        """The same where unions of months change too; marks those that are protected."""
        months = calendar.bounds[MONTH][0]
        step, above = calendar.step[depth][months], calendar.step[depth + 1][months]
        rise, fall = (can[:, calendar.unions] for can in self._cost == 0)
        ways = (ahead, rise[first] & fall[second]), (back, fall[first] & rise[second])
        safe = np.zeros_like(ahead)
        for (here, free), (there, free_back) in (ways, ways[::-1]):
            has = np.logical_or.reduceat(there & calendar.closed[depth], months, axis=1)
            for month in range(months.size):
                mine = here & (calendar.month_of == month)
                if not mine.any():
                    continue
                if depth == DEPTHS - 1:
                    held = calendar.holds[month]
                    alone = mine & free[:, held].all(axis=1, keepdims=True)
                    self._mark_unions(covered, first, second, alone, calendar.unions[held])
                    safe |= alone
                for other in np.flatnonzero((above == above[month]) & (step != step[month])):
                    held, held_back = calendar.holds[month], calendar.holds[other]
                    fine = has[:, other] & free[:, held & ~held_back].all(axis=1)
                    fine &= free_back[:, held_back & ~held].all(axis=1)
                    matched = mine & fine[:, None]
                    self._mark_unions(
                        covered, first, second, matched, calendar.unions[held ^ held_back]
                    )
                    safe |= matched
        return safe

    @staticmethod
    def _mark_unions(
        covered: Bools, first: Ints, second: Ints, matched: Bools, columns: Ints
    ) -> None:
        pairs = np.flatnonzero(matched.any(axis=1))
        for rows in (first[pairs], second[pairs]):
            covered[np.ix_(np.unique(rows), columns)] = True

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
        unit = self._layout.units[row]
        inside = self._inside(unit)
        self._protect_by(self._layout.leaving(unit, inside, self._room), row, left, limit)
        if left[row].any() and self._least_of_country(np.flatnonzero(left[row])) <= limit:
            self._protect_by([self._alone(row, inside)], row, left, limit)

    def _least_of_country(self, columns: Ints) -> float:
        """The least it takes to hide what an event alone changes in the totals of the country."""
        shortest = int(self._layout.calendar.depth_of[columns].min())
        calendar = self._layout.calendar
        days = np.concatenate([calendar.days_of[column] for column in columns])
        country = self._cost[:, self._layout.national].sum(axis=1)
        return float(country[:, calendar.path[: shortest + 1, days]].sum(axis=1).min())

    def _protect_by(self, moves: Sequence[Moves], row: int, left: Bools, limit: float) -> None:
        if not moves:
            return
        shortest = min(int(self._layout.depth_of[rows].min()) for rows, _ in moves)
        reach = Reach(self._cost, self._layout.at(shortest), moves)
        depth_of = self._layout.calendar.depth_of
        for grain in range(DEPTHS - 1, -1, -1):
            for depth in range(grain, DEPTHS):
                columns = np.flatnonzero(left[row] & (depth_of == grain))
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
        cost = self._cost[:, at_rows, at]
        self._cost[:, at_rows, at] = np.where(np.isfinite(cost), np.float32(0), cost)
        left[_grids([reach.safe(way) for way in ways])] = False
        reach.refresh(np.unique(at))
        return True

    def _inside(self, unit: Unit) -> list[Place]:
        """Places of a unit in which an event may lie: those with the most room."""
        return self._best(self._layout.inside(unit), _INSIDE)

    def _alone(self, row: int, inside: Sequence[Place]) -> Moves:
        """An event more or less: every total that holds it changes, in all divisions."""
        layout = self._layout
        best = [
            self._best_of(index)
            for index, division in enumerate(layout.places.divisions)
            if not inside or layout.places.division_of(inside[0].unit) is not division
        ]
        count = max((len(places) for places in best), default=1)
        national = frozenset(layout.units[row] for row in layout.national)
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
    def _room(self) -> Ints:
        """Per unit: in how many periods the event can be, or can be lacking."""
        found: Ints = np.isfinite(self._cost).sum(axis=2).min(axis=0)
        return found

    @cached_property
    def _freedom(self) -> Floats:
        """Per unit: how many of its cells are free, or could be hidden."""
        free = (self._cost == 0).all(axis=0)
        possible = np.isfinite(self._cost).any(axis=0)
        score: Floats = (free.sum(axis=1) + 0.01 * possible.sum(axis=1)).astype(np.float32)
        return score

    def _best_of(self, division: int) -> list[Place]:
        if division not in self._found:
            places = self._layout.places.divisions[division]
            self._found[division] = self._best(places, _ELSEWHERE)
        return self._found[division]

    @cached_property
    def _found(self) -> dict[int, list[Place]]:
        return {}

    def _best(self, candidates: Sequence[Place], count: int) -> list[Place]:
        """The candidates with the most room; of those alike the first."""
        if len(candidates) < 2:
            return list(candidates)
        freedom = self._freedom[[self._layout.row[place.unit] for place in candidates]]
        return [candidates[i] for i in np.argsort(-freedom, kind="stable")[:count]]


def _grids(parts: Sequence[tuple[list[int], list[int]]]) -> tuple[Ints, Ints]:
    """All cells of some rows and columns, as one row and column per cell."""
    cells = [(row, column) for rows, columns in parts for row in rows for column in columns]
    at = np.array(cells, dtype=np.int64).reshape(-1, 2)
    return at[:, 0], at[:, 1]
