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

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from orchestration.disclosure.periods import Bools, Calendar, Ints
from orchestration.disclosure.places import NATIONAL, Place, Places, Unit, changed

Floats = npt.NDArray[np.float32]
_OTHERS = 8
_SIBLINGS = 40
_INSIDE = 5
_GRAINS = 5


@dataclass(frozen=True)
class Layout:
    """Rows are units, columns are periods; what follows from them alone, for every move."""

    units: tuple[Unit, ...]
    calendar: Calendar
    places: Places

    @cached_property
    def row(self) -> dict[Unit, int]:
        """The row of each unit."""
        return {unit: index for index, unit in enumerate(self.units)}

    @cached_property
    def grain_of(self) -> Ints:
        """Depth of the grain of each column."""
        return self.calendar.grain_of

    @cached_property
    def pairs(self) -> tuple[Ints, Ints]:
        """Rows of two places that differ in nothing but themselves."""
        first, second = [], []
        for division in self.places.divisions:
            for place in division:
                for partner in self.siblings(place):
                    if place.unit < partner.unit:
                        first.append(self.row[place.unit])
                        second.append(self.row[partner.unit])
        return np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)

    @cached_property
    def _groups(self) -> dict[tuple[object, ...], list[Place]]:
        found: dict[tuple[object, ...], list[Place]] = {}
        for division in self.places.divisions:
            for place in division:
                found.setdefault(self._surroundings(place), []).append(place)
        return found

    def _surroundings(self, place: Place) -> tuple[object, ...]:
        return tuple((level, held - {place.unit}) for level, held in sorted(place.held_by.items()))

    def siblings(self, place: Place) -> list[Place]:
        """Places held by the same units."""
        return [p for p in self._groups[self._surroundings(place)] if p.unit != place.unit]

    def ways(self, place: Place) -> list[tuple[Place, list[tuple[Unit, int]]]]:
        """Where an event of a place could have been instead, and what totals that changes.

        The places held by the same units, and of the others those with the most in common.
        """
        if place.unit not in self._ways:
            partners = self.siblings(place)[:_SIBLINGS]
            division = self.places.division_of(place.unit)
            level = place.unit[0]
            others = sorted(
                (p for p in division if p not in partners and p.unit != place.unit),
                key=lambda p: (p.unit[0] != level, -len(p.units & place.units), p.unit),
            )
            found = [(p, changed(place, p)) for p in [*partners, *others[:_OTHERS]]]
            self._ways[place.unit] = [(p, way) for p, way in found if way is not None]
        return self._ways[place.unit]

    @cached_property
    def _ways(self) -> dict[Unit, list[tuple[Place, list[tuple[Unit, int]]]]]:
        return {}

    @cached_property
    def days_of(self) -> list[Ints]:
        """The days that each column holds."""
        found: list[list[int]] = [[] for _ in self.calendar.periods]
        for row in self.calendar.path:
            for day, column in enumerate(row):
                if column >= 0:
                    found[column].append(day)
        return [np.array(days, dtype=np.int64) for days in found]

    def parts(self, column: int, depth: int) -> list[tuple[Ints, Ints]]:
        """Days of a column by the step they lie in, and the other days of the step above."""
        if (column, depth) not in self._parts:
            step, above = self.calendar.step[depth], self.calendar.step[depth + 1]
            starts, ends = self.bounds[depth + 1]
            days, found = self.days_of[column], []
            for part in np.unique(step[days]):
                mine = days[step[days] == part]
                around = np.arange(starts[above[mine[0]]], ends[above[mine[0]]])
                found.append((mine, around[step[around] != part]))
            self._parts[column, depth] = found
        return self._parts[column, depth]

    @cached_property
    def _parts(self) -> dict[tuple[int, int], list[tuple[Ints, Ints]]]:
        return {}

    @cached_property
    def bounds(self) -> list[tuple[Ints, Ints]]:
        """Per depth: the first day and the day after the last of each step."""
        found = []
        for row in self.calendar.step:
            starts = np.flatnonzero(np.r_[True, np.diff(row) != 0])
            found.append((starts, np.r_[starts[1:], row.size]))
        return found


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
        left = targets & ~self.protected(targets)
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
        if first.size:
            chosen = np.flatnonzero(wanted[first] | wanted[second])
            first, second = first[chosen], second[chosen]
        if not first.size or not layout.calendar.days.size:
            return covered
        can_rise, can_fall = self._up == 0, self._down == 0
        one = can_rise[first] & can_fall[second]
        other = can_fall[first] & can_rise[second]
        useful = one.any(axis=1) | other.any(axis=1)
        first, second, one, other = first[useful], second[useful], one[useful], other[useful]
        path = layout.calendar.path
        ahead = np.ones((first.size, path.shape[1]), dtype=np.bool_)
        back = ahead.copy()
        for depth in range(_GRAINS):
            ahead &= one[:, path[depth]]
            back &= other[:, path[depth]]
            safe = self._matched(ahead, back, depth)
            if not safe.any():
                continue
            for grain in range(depth + 1):
                self._mark(covered, first, second, safe, path[grain])
        return covered

    def _matched(self, ahead: Bools, back: Bools, depth: int) -> Bools:
        """Days on which an event can go one way, with another day to come back on."""
        layout = self._layout
        starts, _ = layout.bounds[depth]
        step, above = layout.calendar.step[depth], layout.calendar.step[depth + 1]
        parent = above[starts]
        parent_starts = np.flatnonzero(np.r_[True, np.diff(parent) != 0])
        safe = np.zeros_like(ahead)
        for here, there in ((ahead, back), (back, ahead)):
            has = np.logical_or.reduceat(there, starts, axis=1).astype(np.int32)
            total = np.add.reduceat(has, parent_starts, axis=1)
            elsewhere = (total[:, parent - parent[0]] - has) > 0
            safe |= here & elsewhere[:, step]
        if depth == _GRAINS - 1:
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
        """Protect the cells of one unit one by one, the longest periods first."""
        layout = self._layout
        rows, signs = self._moves(row)
        if not rows.size:
            return
        reach = _Reach(self._up, self._down, layout, rows, signs)
        columns = np.flatnonzero(left[row])
        for column in columns[np.argsort(-layout.grain_of[columns], kind="stable")]:
            if not left[row, column]:
                continue
            found = reach.best(int(column), limit)
            if found is None:
                continue
            move, days, depth = found
            units = np.unique(rows[move][rows[move] < left.shape[0]])
            cells = np.unique(layout.calendar.path[: depth + 1, days])
            cells = cells[cells >= 0]
            if len(days) == 2:
                cells = self._not_shared(cells, days)
            grid_rows, grid_columns = np.repeat(units, cells.size), np.tile(cells, units.size)
            self._hide(grid_rows, grid_columns)
            for cost in (self._up, self._down):
                finite = np.isfinite(cost[grid_rows, grid_columns])
                cost[grid_rows[finite], grid_columns[finite]] = 0
            left[grid_rows, grid_columns] = False
            reach.refresh(cells)

    def _not_shared(self, cells: Ints, days: list[int]) -> Ints:
        """Periods that hold both days keep their totals."""
        path = self._layout.calendar.path
        shared = path[:, days[0]][path[:, days[0]] == path[:, days[1]]]
        return cells[~np.isin(cells, shared)]

    def _moves(self, row: int) -> tuple[Ints, Ints]:
        """Ways to move one event that change the totals of a unit: rows and signs, padded."""
        layout = self._layout
        unit = layout.units[row]
        division = layout.places.division_of(unit)
        if unit[0] == NATIONAL and layout.places.divisions:
            inside = self._best(list(layout.places.divisions[0]), _INSIDE)
        else:
            inside = self._best([p for p in division if unit in p.units], _INSIDE)
        found: list[list[tuple[Unit, int]]] = []
        for place in inside:
            found += [way for partner, way in layout.ways(place) if unit not in partner.units]
        rest = [d for d in layout.places.divisions if not any(p in d for p in inside)]
        elsewhere = [u for d in rest for p in self._best(list(d), 1) for u in p.units]
        national = [u for u in layout.units if u[0] == NATIONAL]
        found += [[(u, 1) for u in [*p.units, *elsewhere, *national]] for p in inside]
        if not inside:
            found.append([(u, 1) for u in dict.fromkeys([unit, *national])])
        return self._padded(found)

    def _padded(self, found: list[list[tuple[Unit, int]]]) -> tuple[Ints, Ints]:
        width = max((len(way) for way in found), default=0)
        rows = np.full((len(found), width), len(self._layout.units), dtype=np.int64)
        signs = np.ones((len(found), width), dtype=np.int64)
        for index, way in enumerate(found):
            for position, (unit, sign) in enumerate(way):
                rows[index, position] = self._layout.row[unit]
                signs[index, position] = sign
        return rows, signs

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


class _Reach:
    """Costs of some ways to move an event, for every day, by how far up in time totals change."""

    def __init__(self, up: Floats, down: Floats, layout: Layout, rows: Ints, signs: Ints) -> None:
        self._up, self._down = up, down
        self._layout, self._rows, self._rising = layout, rows, signs > 0
        self._cost = [np.zeros((rows.shape[0], up.shape[1]), dtype=np.float32) for _ in range(2)]
        days = layout.calendar.path.shape[1]
        self._sum = [np.zeros((_GRAINS, rows.shape[0], days), dtype=np.float32) for _ in range(2)]
        self._fill(np.arange(up.shape[1]), np.arange(days))

    def refresh(self, columns: Ints) -> None:
        """Cells of these columns have become cheaper."""
        if not columns.size:
            return
        days = [self._layout.days_of[column] for column in columns]
        self._fill(columns, np.unique(np.concatenate(days)))

    def _fill(self, columns: Ints, days: Ints) -> None:
        here, there = self._up[:, columns], self._down[:, columns]
        for way, (rise, fall) in enumerate(((here, there), (there, here))):
            total = np.zeros((self._rows.shape[0], columns.size), dtype=np.float32)
            for position in range(self._rows.shape[1]):
                rows, rising = self._rows[:, position], self._rising[:, position, None]
                total += np.where(rising, rise[rows], fall[rows])
            self._cost[way][:, columns] = total
            path = self._layout.calendar.path[:, days]
            running = np.zeros((self._rows.shape[0], days.size), dtype=np.float32)
            for depth in range(_GRAINS):
                running = running + self._cost[way][:, path[depth]]
                self._sum[way][depth][:, days] = running

    def best(self, column: int, limit: float) -> tuple[int, list[int], int] | None:
        """The way through a column that changes the fewest totals, of those within the limit.

        Returns which way it is, on which days, and how far up in time totals change.
        """
        grain = int(self._layout.grain_of[column])
        days = self._layout.days_of[column]
        least, found = np.float32(limit), None
        if min(float(total[grain][:, days].min()) for total in self._sum) > limit:
            return None
        for depth in range(grain, _GRAINS):
            for mine, around in self._layout.parts(column, depth):
                for way in range(2):
                    here = self._sum[way][depth][:, mine]
                    if depth == _GRAINS - 1:
                        least, found = _alone(here, mine, least, found)
                    if around.size:
                        there = self._sum[1 - way][depth][:, around]
                        least, found = _paired(here, there, mine, around, depth, least, found)
            if found is not None:
                break
        return found


_Found = tuple[int, list[int], int] | None


def _alone(here: Floats, mine: Ints, least: np.float32, found: _Found) -> tuple[np.float32, _Found]:
    move, day = np.unravel_index(int(np.argmin(here)), here.shape)
    if here[move, day] <= least and np.isfinite(here[move, day]):
        return here[move, day], (int(move), [int(mine[day])], _GRAINS - 1)
    return least, found


def _paired(
    here: Floats,
    there: Floats,
    mine: Ints,
    around: Ints,
    depth: int,
    least: np.float32,
    found: _Found,
) -> tuple[np.float32, _Found]:
    total = here.min(axis=1) + there.min(axis=1)
    move = int(np.argmin(total))
    if total[move] <= least and np.isfinite(total[move]):
        days = [int(mine[np.argmin(here[move])]), int(around[np.argmin(there[move])])]
        return total[move], (move, days, depth)
    return least, found


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
