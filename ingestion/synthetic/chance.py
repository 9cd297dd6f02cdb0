"""Randomness: one independent, reproducible stream per purpose and month."""

from __future__ import annotations

import zlib

import numpy as np

from ingestion.synthetic.clock import Floats, Ints

Rng = np.random.Generator


def stream(seed: int, purpose: str, part: int = 0) -> Rng:
    """The stream for one purpose; adding a purpose does not disturb the others."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(purpose.encode()), part]))


def lognormal_ms(rng: Rng, median_seconds: float | Floats, sigma: float, size: int) -> Ints:
    """Durations in whole milliseconds with the given median."""
    seconds = np.exp(rng.standard_normal(size) * sigma) * median_seconds
    return np.rint(seconds * 1000).astype(np.int64)


def uniform_ms(rng: Rng, low_seconds: float, high_seconds: float, size: int) -> Ints:
    """Evenly spread durations in whole milliseconds."""
    drawn: Ints = rng.integers(int(low_seconds * 1000), int(high_seconds * 1000) + 1, size)
    return drawn


def pick(rng: Rng, weights: list[float] | Floats, size: int) -> Ints:
    """Indexes drawn with the given weights."""
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right")
    chosen: Ints = np.minimum(drawn, len(cumulative) - 1)
    return chosen


class GroupedPick:
    """Draw a member of each row's group by weight, for all rows at once."""

    def __init__(self, groups: Ints, weights: Floats, count: int) -> None:
        self._members: Ints = np.argsort(groups, kind="stable")
        running = np.concatenate([[0.0], np.cumsum(weights[self._members])])
        bounds = np.searchsorted(groups[self._members], np.arange(count + 1))
        self._running = running
        self._low = running[bounds[:-1]]
        self._high = running[bounds[1:]]
        self._first = bounds[:-1]
        self._last = np.maximum(bounds[1:] - 1, bounds[:-1])

    def __call__(self, rng: Rng, rows: Ints) -> Ints:
        """One member for each row, whose group is given."""
        low, high = self._low[rows], self._high[rows]
        target = low + rng.random(len(rows)) * (high - low)
        place = np.searchsorted(self._running, target, side="right") - 1
        bounded = np.clip(place, self._first[rows], self._last[rows])
        chosen: Ints = self._members[np.minimum(bounded, len(self._members) - 1)]
        return chosen
