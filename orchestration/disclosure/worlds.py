"""Which cells of a table of units and classes are hidden, so that no small one can be worked out.

Units lie in units above them, and every sum is known: of the classes of a unit (of each block of
them: an hour of the week lies in a weekday, whose calls are published), and of the units in a unit
above. A small cell is safe when there is another world with the same sums: one event of a unit lies
in another class of the block, and one of another unit the other way round. All cells that such a
world changes are hidden, the cheapest ones that will do. Where there is none, cells that an earlier
release has shown as they are may be hidden as well: that they are unchanged is then not seen. Where
that is not enough, the whole table is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
# What hiding a cell costs against one of the level below, and what each event in it costs more.
_PER_LEVEL, _PER_EVENT = 10.0, 1e-6


@dataclass(frozen=True)
class Level:
    """The units of a level of one table: arrays of units x classes, `hidden` as decided so far."""

    n: Ints
    hidden: Bools
    # Must not be seen or worked out.
    small: Bools
    # Known to readers of earlier releases: no protection.
    known: Bools

    def prices(self, weight: float, *, again: bool = False) -> Floats:
        """What hiding each cell would cost: nothing where it is hidden.

        Where it is known it has no price, unless it may be hidden `again`.
        """
        price = np.where(self.hidden, 0.0, weight * (1.0 + _PER_EVENT * self.n))
        return np.asarray(np.where(self.known & (not again), np.inf, price))


@dataclass(frozen=True)
class Further:
    """What a step has hidden where there is no other world, and for how many small cells."""

    step: str
    numbers: int
    rows: int


@dataclass
class Table:
    """The levels of one period from the top down.

    `above[i]` is, per unit of the last level, the unit of level i that it lies in.
    """

    levels: Sequence[Level]
    above: Sequence[Ints]
    blocks: Ints
    _prices: list[Floats] = field(init=False)

    def _priced(self, *, again: bool) -> list[Floats]:
        weights = [_PER_LEVEL**power for power in reversed(range(len(self.levels)))]
        return [
            level.prices(weight, again=again)
            for level, weight in zip(self.levels, weights, strict=True)
        ]

    def protect(self) -> list[Further]:
        """Hide what it takes; what was hidden for small cells without another world.

        Hiding more undoes no world: once is enough.
        """
        left = [
            (at, int(unit), int(item))
            for at, level in enumerate(self.levels)
            for unit, item in np.argwhere(level.small)
        ]
        found = []
        for step in ("", "again", "table"):
            before, hidden = len(left), self._hidden_count
            if step == "table":
                for level in self.levels:
                    level.hidden[:] = True
                left = []
            else:
                self._prices = self._priced(again=step == "again")
                left = [cell for cell in left if not self._safe(*cell)]
            if step:
                found.append(Further(step, before - len(left), self._hidden_count - hidden))
            if not left:
                break
        return found

    @property
    def _hidden_count(self) -> int:
        return sum(int(level.hidden.sum()) for level in self.levels)

    def _safe(self, at: int, unit: int, item: int) -> bool:
        # Where to the event may go: beside its unit below the same one above, else further away.
        for aside in range(at - 1, -2, -1):
            best: tuple[float, int, int, int] | None = None
            for mover in np.flatnonzero(self.above[at] == unit):
                found = self._cheapest(int(mover), item, at, aside)
                if found is not None and (best is None or found[0] < best[0]):
                    best = (found[0], int(mover), *found[1:])
            if best is not None:
                self._hide(*best[1:], item)
                return True
        return False

    def _cheapest(
        self, mover: int, item: int, at: int, aside: int
    ) -> tuple[float, int, int] | None:
        """Cost, the other unit and the other class; units alike at level `aside`, apart at `at`.

        `aside` is -1 for an event that needs no other: its class changes at every level.
        """
        items = np.flatnonzero(self.blocks == self.blocks[item])
        items = items[items != item]
        last = self.levels[-1].n
        if aside < 0:
            others = np.array([mover])
            room = np.broadcast_to(last[mover, item] > 0, (1, items.size))
        else:
            apart = self.above[at] != self.above[at][mover]
            others = np.flatnonzero(apart & (self.above[aside] == self.above[aside][mover]))
            there = last[np.ix_(others, items)] > 0
            room = (last[mover, item] > 0) & there
            room = room | ((last[others, item] > 0)[:, None] & (last[mover, items] > 0)[None, :])
        if not room.size:
            return None
        cost = np.where(room, 0.0, np.inf)
        for price, above in zip(self._prices, self.above, strict=True):
            own = price[above[mover], item] + price[above[mover], items]
            if aside < 0:
                cost = cost + own
                continue
            theirs = price[above[others], item][:, None] + price[np.ix_(above[others], items)]
            changed = (above[others] != above[mover])[:, None]
            cost = cost + np.where(changed, own + theirs, 0.0)
        best = int(np.argmin(cost))
        row, column = divmod(best, items.size)
        if not np.isfinite(cost[row, column]):
            return None
        return float(cost[row, column]), int(others[row]), int(items[column])

    def _hide(self, mover: int, other: int, other_item: int, item: int) -> None:
        for level, price, above in zip(self.levels, self._prices, self.above, strict=True):
            if above[mover] != above[other] or mover == other:
                for unit in (above[mover], above[other]):
                    level.hidden[unit, [item, other_item]] = True
                    price[unit, [item, other_item]] = 0.0
