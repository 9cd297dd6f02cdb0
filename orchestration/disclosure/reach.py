"""What it takes to move one event, for many ways and days at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestration.disclosure.layout import Moves
from orchestration.disclosure.periods import DEPTHS, Calendar, Ints

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Way:
    """An event moved: which of the ways, on which day, the day it comes back on, and how far up
    in time totals change."""

    move: int
    days: tuple[int, ...]
    depth: int


class Reach:
    """Costs of some ways to move an event, for every day, by how far up in time totals change."""

    def __init__(
        self, up: Floats, down: Floats, calendar: Calendar, moves: Sequence[Moves]
    ) -> None:
        self._up, self._down, self._nothing = up, down, up.shape[0] - 1
        self._calendar = calendar
        self._moves = [(rows, signs[:, :, None] > 0) for rows, signs in moves]
        count, days = sum(len(rows) for rows, _ in moves), calendar.path.shape[1]
        self._cost = [np.zeros((count, up.shape[1]), dtype=np.float32) for _ in range(2)]
        self._sum = [np.zeros((DEPTHS, count, days), dtype=np.float32) for _ in range(2)]
        held = np.unique(calendar.path)
        self._fill(held[held >= 0], np.arange(days))

    def refresh(self, columns: Ints) -> None:
        """Cells of these columns have become cheaper."""
        days = [self._calendar.days_of[column] for column in columns]
        if days:
            self._fill(columns, np.unique(np.concatenate(days)))

    def cells(self, way: Way) -> tuple[Ints, Ints]:
        """Units and columns that a way changes; periods that hold both days keep their totals."""
        rows = np.unique(self._rows_of(way.move))
        path = self._calendar.path[: way.depth + 1, list(way.days)]
        if len(way.days) == 2:
            path = path[path[:, 0] != path[:, 1]]
        cells = np.unique(path)
        return rows[rows < self._nothing], cells[cells >= 0]

    def safe(self, way: Way) -> tuple[Ints, Ints]:
        """Units and columns that a way protects for good.

        Not those around the day to come back on when the first day lies in a period still open.
        """
        units, cells = self.cells(way)
        if len(way.days) == 2 and not self._calendar.closed[way.depth, way.days[0]]:
            cells = np.intersect1d(cells, self._calendar.path[: way.depth + 1, way.days[0]])
        return units, cells

    def _rows_of(self, move: int) -> Ints:
        for rows, _ in self._moves:
            if move < len(rows):
                found: Ints = rows[move]
                return found
            move -= len(rows)
        raise IndexError(move)

    def _fill(self, columns: Ints, days: Ints) -> None:
        first = 0
        for rows, rising in self._moves:
            last = first + len(rows)
            rise = self._up[rows[:, :, None], columns]
            fall = self._down[rows[:, :, None], columns]
            for cost, ahead, back in zip(self._cost, (rise, fall), (fall, rise), strict=True):
                cost[first:last, columns] = np.where(rising, ahead, back).sum(axis=1)
            first = last
        path = self._calendar.path[:, days]
        for cost, total in zip(self._cost, self._sum, strict=True):
            running = np.zeros((first, days.size), dtype=np.float32)
            for depth in range(DEPTHS):
                if (path[depth] >= 0).any():
                    running = running + cost[:, path[depth]]
                total[depth][:, days] = running

    def together(self, columns: Ints, grain: int, depth: int, limit: float) -> list[Way] | None:
        """For columns of one grain: the ways that change the fewest totals, up to a depth.

        Columns with none within the limit are left out; None when no greater depth would help.
        """
        calendar = self._calendar
        pieces = [np.unique(calendar.step[grain][calendar.days_of[c]]) for c in columns]
        wanted = np.concatenate(pieces)
        here = [self._least(way, grain, grain, wanted) for way in range(2)]
        if min(float(part.min()) for part in here) > limit:
            return None
        starts, _ = calendar.bounds[depth]
        step_of = calendar.step[depth][calendar.bounds[grain][0][wanted]]
        above = calendar.step[depth + 1][starts]
        around = np.flatnonzero(np.isin(above, above[step_of]))
        place = np.searchsorted(around, step_of)
        least = np.full((4, wanted.size), np.inf, dtype=np.float32)
        moves = np.zeros((4, wanted.size), dtype=np.int64)
        every = np.arange(wanted.size)
        for way in range(2):
            if depth > grain:
                here[way] = self._least(way, depth, grain, wanted)
            back = self._least(1 - way, depth, depth, around, coming_back=True)
            there = _elsewhere(back, above[around])
            total = here[way] + there[:, place]
            moves[way] = np.argmin(total, axis=0)
            least[way] = total[moves[way], every]
            if depth == DEPTHS - 1:
                moves[2 + way] = np.argmin(here[way], axis=0)
                least[2 + way] = here[way][moves[2 + way], every]
        found, position = [], 0
        for mine in pieces:
            among = least[:, position : position + mine.size]
            kind, index = (int(i) for i in np.unravel_index(int(np.argmin(among)), among.shape))
            if np.isfinite(among[kind, index]) and among[kind, index] <= limit:
                move, piece = int(moves[kind, position + index]), int(mine[index])
                found.append(self._way(kind, move, grain, piece, depth))
            position += mine.size
        return found

    def _least(
        self, way: int, depth: int, grain: int, pieces: Ints, *, coming_back: bool = False
    ) -> Floats:
        """Least cost per way and piece of time, totals changing up to a depth."""
        starts, ends = self._calendar.bounds[grain]
        total = self._sum[way][depth]
        if coming_back and not self._calendar.closed[depth].all():
            total = np.where(self._calendar.closed[depth], total, np.float32(np.inf))
        if starts.size == total.shape[1]:
            cells: Floats = total[:, pieces]
            return cells
        # Between the pieces lie others, whose minima are left out.
        edges = np.stack([starts[pieces], ends[pieces]], axis=1).ravel()
        padded = np.pad(total, ((0, 0), (0, 1)))
        found: Floats = np.minimum.reduceat(padded, edges, axis=1)[:, ::2]
        return found

    def _way(self, kind: int, move: int, grain: int, piece: int, depth: int) -> Way:
        """The best day in a piece of time, and the best day outside its step to come back on."""
        way = kind % 2
        starts, ends = self._calendar.bounds[grain]
        here = self._sum[way][depth][move, starts[piece] : ends[piece]]
        day = int(starts[piece] + np.argmin(here))
        if kind > 1:
            return Way(move, (day,), depth)
        step, above = self._calendar.step[depth], self._calendar.step[depth + 1]
        steps, step_ends = self._calendar.bounds[depth]
        first, last = (int(bound[above[day]]) for bound in self._calendar.bounds[depth + 1])
        closed = self._calendar.closed[depth, first:last]
        there = np.where(closed, self._sum[1 - way][depth][move, first:last], np.inf)
        there[steps[step[day]] - first : step_ends[step[day]] - first] = np.inf
        return Way(move, (day, int(first + np.argmin(there))), depth)


def _elsewhere(costs: Floats, above: Ints) -> Floats:
    """Per way and step: the least cost in the other steps of the one above."""
    starts = np.flatnonzero(np.r_[True, np.diff(above) != 0])
    number = np.repeat(np.arange(starts.size), np.diff(np.r_[starts, above.size]))
    least = np.minimum.reduceat(costs, starts, axis=1)
    is_least = costs == least[:, number]
    others = np.minimum.reduceat(np.where(is_least, np.float32(np.inf), costs), starts, axis=1)
    several = np.add.reduceat(is_least.astype(np.int32), starts, axis=1) > 1
    second = np.where(several, least, others)
    found: Floats = np.where(is_least, second[:, number], least[:, number])
    return found
