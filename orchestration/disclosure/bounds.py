"""Between which bounds a number lies when no part is more than its whole: 12 calls, 11 and 1.

Per cell by itself, from the sums that its rows show: what wholes leave room for, and what parts add
up to. A sum with one number between its bounds follows, although no equation gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestration.disclosure.events import Ints, parts_of_wholes
from orchestration.disclosure.forms import Form
from orchestration.disclosure.periods import Bools

Numbers = npt.NDArray[np.float64]
# Bounds are passed on from wholes to parts and back no more often than this.
_ROUNDS = 4


@dataclass(frozen=True)
class Sum:
    """A sum of measures, its numbers per cell (NaN where there is none), and the series with it.

    `counts` says how much each kind of event counts in it.
    """

    form: Form
    counts: Ints
    numbers: Numbers
    sources: tuple[int, ...]


@dataclass(frozen=True)
class Whole:
    """A sum and parts of it side by side, by their places among the sums."""

    whole: int
    parts: tuple[int, ...]
    # Nothing is left beside the parts.
    is_complete: bool
    rest: Form
    # How much is left beside the parts; NaN where that is not known.
    left: Numbers


def wholes(sums: Sequence[Sum]) -> list[Whole]:
    """Which of the sums hold which others."""
    found = []
    for whole, parts in parts_of_wholes([own.counts for own in sums]):
        rest, left = dict(sums[whole].form), sums[whole].numbers.copy()
        kinds = sums[whole].counts.copy()
        for part in parts:
            for name, by in sums[part].form.items():
                rest[name] = rest.get(name, 0) - by
            # Of a part that has no row there may be nothing, or more room than that.
            left -= np.nan_to_num(sums[part].numbers)
            kinds -= sums[part].counts
        rest = {name: by for name, by in rest.items() if by}
        found.append(Whole(whole, parts, not kinds.any(), rest, left))
    return found


def bounds(
    sums: Sequence[Sum], held: Sequence[Whole], visible: Sequence[Bools]
) -> tuple[list[Numbers], list[Numbers]]:
    """The least and the most that each sum can be in each cell, by those that are visible there."""
    lower = [np.where(seen, own.numbers, 0.0) for own, seen in zip(sums, visible, strict=True)]
    upper = [np.where(seen, own.numbers, np.inf) for own, seen in zip(sums, visible, strict=True)]
    for _ in range(_ROUNDS):
        for item in held:
            whole, parts = item.whole, item.parts
            least = sum((lower[part] for part in parts), start=np.zeros_like(lower[whole]))
            lower[whole] = np.maximum(lower[whole], least)
            for part in parts:
                room = upper[whole] - (least - lower[part])
                upper[part] = np.minimum(upper[part], room)
            if item.is_complete:
                _complete(item, lower, upper)
    return lower, upper


def _complete(item: Whole, lower: list[Numbers], upper: list[Numbers]) -> None:
    """What the other parts of a whole cannot be, this one is."""
    most = sum((upper[part] for part in item.parts), start=np.zeros_like(upper[item.whole]))
    upper[item.whole] = np.minimum(upper[item.whole], most)
    for part in item.parts:
        others = [upper[other] for other in item.parts if other != part]
        rest = lower[item.whole] - sum(others, start=np.zeros_like(most))
        lower[part] = np.maximum(lower[part], rest)
