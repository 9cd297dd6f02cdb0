"""What it takes to move one event, for many ways and days at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestration.disclosure.layout import Moves
from orchestration.disclosure.periods import DEPTHS, MONTH, NONE, Calendar, Ints

Floats = npt.NDArray[np.float32]
_INFINITE = np.float32(np.inf)
# More than any cost that is not infinite.
_MUCH = np.float32(1e9)


@dataclass(frozen=True)
class Way:
    """An event moved: which of the ways, on which day, the day it comes back on, and how far up
    in time totals change."""

    move: int
    days: tuple[int, ...]
    depth: int


class Reach:
    """Costs of some ways to move an event, for every day, by how far up in time totals change.

    `cost` has what it takes per cell for one event more and for one less; its last row and its last
    column stand for nothing and are free. The costs of a way come in two as well: out, and back.
    """

    def __init__(self, cost: Floats, calendar: Calendar, moves: Sequence[Moves]) -> None:
        _, units, columns = cost.shape
        self._of, self._nothing = cost.reshape(2 * units, columns), units - 1
        self._calendar = calendar
        self._rows = [rows for rows, _ in moves]
        # Lines of both kinds of costs: of the units that gain an event, and of those that lose it.
        self._lines = [
            np.stack([rows + units * (signs < 0), rows + units * (signs > 0)])
            for rows, signs in moves
        ]
        self._cost: Floats = np.concatenate(
            [self._of[lines].sum(axis=2) for lines in self._lines], axis=1
        )

    def refresh(self, columns: Ints) -> None:
        """Cells of these columns have become cheaper."""
        self._cost[:, :, columns] = np.concatenate(
            [self._of[lines[..., None], columns].sum(axis=2) for lines in self._lines], axis=1
        )

    def cells(self, way: Way) -> tuple[list[int], list[int]]:
        """Units and columns that a way changes; periods that hold both days keep their totals."""
        columns: set[int] = set()
        for day in way.days:
            columns ^= self._columns(day, way.depth)
        if way.depth >= MONTH:
            columns |= self._changed_unions(way.days)
        return self._units(way.move), sorted(columns)

    def safe(self, way: Way) -> tuple[list[int], list[int]]:
        """Units and columns that a way protects for good.

        Not those around the day to come back on when the first day lies in a period still open.
        """
        units, columns = self.cells(way)
        if len(way.days) == 2 and not self._calendar.closed[way.depth, way.days[0]]:
            first = self._columns(way.days[0], way.depth)
            columns = [column for column in columns if column in first]
        return units, columns

    def _columns(self, day: int, depth: int) -> set[int]:
        return set(self._calendar.path[: depth + 1, day].tolist()) - {NONE}

    def _changed_unions(self, days: Sequence[int]) -> set[int]:
        """Unions of months that hold one of the days and not the other."""
        calendar = self._calendar
        held = np.logical_xor.reduce([calendar.holds[calendar.month_of[day]] for day in days])
        return set(calendar.unions[held].tolist())

    def _units(self, move: int) -> list[int]:
        for rows in self._rows:
            if move < len(rows):
                return sorted(set(rows[move].tolist()) - {self._nothing})
            move -= len(rows)
        raise IndexError(move)

    def together(self, columns: Ints, grain: int, depth: int, limit: float) -> list[Way] | None:
        """For columns of steps of one depth: the ways that change the fewest totals, up to a depth.

        Columns with none within the limit are left out; None when no greater depth would help.
        """
        if self._calendar.unions.size and depth >= MONTH:
            return self._by_months(columns, grain, depth, limit)
        calendar = self._calendar
        pieces = [calendar.pieces[column] for column in columns]
        wanted = np.concatenate(pieces)
        first_day = calendar.bounds[grain][0][wanted]
        # An event comes back within the step above, so that only the days of such steps matter.
        above = calendar.step[depth + 1][first_day]
        starts, ends = calendar.bounds[depth + 1]
        days = slice(int(starts[above[0]]), int(ends[above[-1]]))
        total = self._total(depth, days)
        here = _least(total, calendar.within[grain][wanted] - days.start)
        if here.min() > limit:
            return None
        back = total[::-1]
        if not calendar.closed[depth, days].all():
            back = np.where(calendar.closed[depth, days], back, _INFINITE)
        first, last = calendar.step[depth][[days.start, days.stop - 1]]
        back = _least(back, calendar.within[depth][first : last + 1] - days.start)
        others = calendar.others[depth][calendar.step[depth][first_day]]
        ways = [here + _elsewhere(back, others, int(first))]
        if depth == DEPTHS - 1:
            ways.append(here)
        costs = np.concatenate(ways)
        moves = costs.argmin(axis=1)
        least = costs.min(axis=1)
        found, position = [], 0
        for mine in pieces:
            among = least[:, position : position + mine.size]
            kind, index = divmod(int(among.argmin()), mine.size)
            if among[kind, index] <= limit and among[kind, index] < _INFINITE:
                move = int(moves[kind, position + index])
                found.append(self._way(kind, move, grain, int(mine[index]), depth, total, days))
            position += mine.size
        return found

    def _by_months(self, columns: Ints, grain: int, depth: int, limit: float) -> list[Way] | None:
        """The same where totals over several months change that do not nest: which of them do
        depends on the months of both days."""
        calendar = self._calendar
        part = min(grain, MONTH)
        found: list[Way] = []
        total = self._total(depth, slice(0, calendar.days.size))
        back = np.where(calendar.closed[depth], total[::-1], _INFINITE)
        back = _least(back, calendar.within[MONTH])
        months = calendar.bounds[MONTH][0]
        step, above = calendar.step[depth][months], calendar.step[depth + 1][months]
        hopeful = False
        for column in columns:
            pieces = np.unique(calendar.step[part][calendar.days_of[column]])
            here = _least(total, calendar.within[part][pieces])
            hopeful |= bool(here.min() <= limit)
            best: tuple[float, int, int, int, int] | None = None
            firsts = calendar.bounds[part][0][pieces]
            for at, month in enumerate(calendar.month_of[firsts].tolist()):
                apart = (above == above[month]) & (step != step[month])
                if calendar.is_union[column]:
                    apart &= ~calendar.holds[:, calendar.unions == column][:, 0]
                others = np.flatnonzero(apart)
                options = [(NONE, self._alone(month))] if depth == DEPTHS - 1 else []
                if others.size:
                    pairs = back[:, :, others] + self._pairs(month, others)
                    nearest = pairs.argmin(axis=2)
                    options.append((0, pairs.min(axis=2)))
                for kind, rest in options:
                    cost = here[:, :, at] + rest
                    way, move = divmod(int(cost.argmin()), cost.shape[1])
                    if best is None or cost[way, move] < best[0]:
                        other = NONE if kind == NONE else int(others[nearest[way, move]])
                        best = (float(cost[way, move]), way, move, int(pieces[at]), other)
            if best is not None and best[0] <= limit and best[0] < _INFINITE:
                _, way, move, piece, other = best
                days = [self._best_day(total[way, move], calendar.bounds[part], piece)]
                if other != NONE:
                    there = np.where(calendar.closed[depth], total[1 - way, move], _INFINITE)
                    days.append(self._best_day(there, calendar.bounds[MONTH], other))
                found.append(Way(move, tuple(days), depth))
        return found if hopeful else None

    @staticmethod
    def _best_day(costs: Floats, bounds: tuple[Ints, Ints], step: int) -> int:
        first, last = (int(bound[step]) for bound in bounds)
        return first + int(costs[first:last].argmin())

    def _alone(self, month: int) -> Floats:
        """Costs, per way, of all unions that hold a month."""
        unions: Floats = self._cost[:, :, self._calendar.unions]
        found: Floats = unions[:, :, self._calendar.holds[month]].sum(axis=2)
        return found

    def _pairs(self, month: int, others: Ints) -> Floats:
        """Costs, per way and other month, of the unions that hold one of the two months only."""
        holds, unions = self._calendar.holds, self._cost[:, :, self._calendar.unions]
        finite = np.minimum(unions, _MUCH)
        here = (holds[month] & ~holds[others]).astype(np.float32)
        there = (~holds[month] & holds[others]).astype(np.float32)
        found: Floats = finite @ here.T + finite[::-1] @ there.T
        return np.where(found >= _MUCH, _INFINITE, found)

    def _total(self, depth: int, days: slice) -> Floats:
        """Costs per way and day, totals changing up to a depth."""
        first, *others = self._calendar.path[: depth + 1, days]
        total: Floats = self._cost[:, :, first]
        for columns in others:
            total += self._cost[:, :, columns]
        return total

    def _way(
        self, kind: int, move: int, grain: int, piece: int, depth: int, total: Floats, days: slice
    ) -> Way:
        """The best day in a piece of time, and the best day outside its step to come back on."""
        calendar, way = self._calendar, kind % 2
        starts, ends = (int(bound[piece]) for bound in calendar.bounds[grain])
        here = total[way, move, starts - days.start : ends - days.start]
        day = starts + int(here.argmin())
        if kind > 1:
            return Way(move, (day,), depth)
        step, above = calendar.step[depth], calendar.step[depth + 1]
        first, last = (int(bound[above[day]]) for bound in calendar.bounds[depth + 1])
        there = total[1 - way, move, first - days.start : last - days.start]
        elsewhere = calendar.closed[depth, first:last] & (step[first:last] != step[day])
        return Way(move, (day, first + int(np.where(elsewhere, there, _INFINITE).argmin())), depth)


def _least(costs: Floats, days: Ints) -> Floats:
    """The least of costs per way and day, per line of days."""
    found: Floats = costs[:, :, days[:, 0]] if days.shape[1] == 1 else costs[:, :, days].min(axis=3)
    return found


def _elsewhere(costs: Floats, others: Ints, first: int) -> Floats:
    """The least of costs per way and step from a first one on, per line of steps."""
    among = costs[:, :, np.maximum(others - first, 0)]
    found: Floats = np.where(others == NONE, _INFINITE, among).min(axis=3)
    return found
