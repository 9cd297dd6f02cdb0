"""Identities that the figures obey, whether or not the registry states them.

Whoever has the figures finds that the observations of one are always the sum of those of two
others, and computes a hidden number from it. So it is looked for here too: among all numbers that
the rows of some families show, the sums that are zero in every cell. Exact, in whole numbers:
elimination modulo a prime on a sample of cells, and a check of what was found on all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd, lcm

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
# Products of two remainders fit into 64 bits.
_PRIME = 2**31 - 1
# So many more cells than numbers are needed before a sum that is always zero is no coincidence.
_MORE_CELLS = 20
# Factors of identities are small fractions.
_LARGEST, _DENOMINATORS = 64, range(1, 13)


def found(
    shown: Sequence[tuple[Mapping[str, int], Floats]], known: Sequence[Mapping[str, int]]
) -> list[tuple[dict[str, int], Ints]]:
    """Identities of measures: sums of forms that are zero in all cells, and not by definition.

    `shown` are forms with their numbers in the same cells, NaN where there is none. `known` are
    identities that are stated already; what follows from them is not repeated. Each comes with the
    factors of the forms.
    """
    # What is nearly always zero obeys anything.
    told = [
        at
        for at, (_, numbers) in enumerate(shown)
        if np.count_nonzero(np.nan_to_num(numbers)) >= _MORE_CELLS
    ]
    if len(told) < 2:
        return []
    table = np.stack([shown[at][1] for at in told], axis=1)
    whole = table[~np.isnan(table).any(axis=1) & (np.nan_to_num(table) != 0).any(axis=1)]
    if whole.shape[0] < whole.shape[1] + _MORE_CELLS:
        return []
    cells = np.rint(whole).astype(np.int64)
    if np.abs(cells - whole).max() > 0:
        return []
    basis = _Span(known)
    result = []
    for factors in zero_sums(cells):
        identity: dict[str, int] = {}
        for at, factor in zip(told, factors, strict=True):
            for name, times in shown[at][0].items():
                identity[name] = identity.get(name, 0) + int(factor) * times
        identity = {name: factor for name, factor in identity.items() if factor}
        if len(identity) > 1 and basis.add(identity):
            every = np.zeros(len(shown), dtype=np.int64)
            every[told] = factors
            result.append((identity, every))
    return result


def zero_sums(cells: Ints) -> list[Ints]:
    """Whole factors of columns whose sum is zero in every row; those that are simple."""
    remainders = cells % _PRIME
    count = cells.shape[1]
    size = min(cells.shape[0], 3 * count + 50)
    chosen = set(np.linspace(0, cells.shape[0] - 1, size).astype(np.int64).tolist())
    while True:
        reduced, pivots = _eliminated(remainders[sorted(chosen)])
        free = [column for column in range(count) if column not in pivots]
        sums = [_factors(count, column, pivots, reduced[: len(pivots), column]) for column in free]
        # Rows that some sum does not fit tell more than those in the sample.
        wrong = {row for factors in sums if (row := _misfit(remainders, factors)) is not None}
        if not wrong:
            break
        chosen |= wrong
    found = [_whole(factors) for factors in sums]
    return [factors for factors in found if factors is not None and not (cells @ factors).any()]


def _factors(count: int, column: int, pivots: Sequence[int], entries: Ints) -> Ints:
    """The factors, modulo the prime, of the sum that expresses a column by the leading ones."""
    factors = np.zeros(count, dtype=np.int64)
    factors[column] = 1
    factors[list(pivots)] = (_PRIME - entries) % _PRIME
    return factors


def _misfit(remainders: Ints, factors: Ints) -> int | None:
    """The first row in which a sum is not zero."""
    total = np.zeros(remainders.shape[0], dtype=np.int64)
    for column in np.flatnonzero(factors):
        total = (total + remainders[:, column] * factors[column]) % _PRIME
    rows = np.flatnonzero(total)
    return int(rows[0]) if rows.size else None


def _eliminated(matrix: Ints) -> tuple[Ints, list[int]]:
    """The reduced rows of a matrix modulo the prime, and the columns of their leading ones."""
    matrix = matrix.copy()
    pivots: list[int] = []
    for column in range(matrix.shape[1]):
        row = len(pivots)
        candidates = np.flatnonzero(matrix[row:, column])
        if row == matrix.shape[0] or not candidates.size:
            continue
        chosen = row + int(candidates[0])
        matrix[[row, chosen]] = matrix[[chosen, row]]
        inverse = pow(int(matrix[row, column]), _PRIME - 2, _PRIME)
        matrix[row] = matrix[row] * inverse % _PRIME
        others = np.flatnonzero(matrix[:, column])
        others = others[others != row]
        matrix[others] = (
            matrix[others] - matrix[others, column][:, None] * matrix[row] % _PRIME
        ) % _PRIME
        pivots.append(column)
    return matrix, pivots


def _whole(remainders: Ints) -> Ints | None:
    """Factors as whole numbers, where they are small fractions."""
    fractions = [_fraction(remainder) for remainder in remainders.tolist()]
    if any(fraction is None for fraction in fractions):
        return None
    told = [fraction for fraction in fractions if fraction is not None]
    scale = lcm(*(below for _, below in told))
    return np.array([above * scale // below for above, below in told], dtype=np.int64)


def _fraction(remainder: int) -> tuple[int, int] | None:
    """The small fraction that has a remainder modulo the prime."""
    for below in _DENOMINATORS:
        above = remainder * below % _PRIME
        above -= _PRIME if above > _PRIME // 2 else 0
        if abs(above) <= _LARGEST:
            return above, below
    return None


class _Span:
    """Sums that follow from some identities."""

    def __init__(self, known: Sequence[Mapping[str, int]]) -> None:
        self._rows: list[dict[str, int]] = []
        for identity in known:
            self.add(identity)

    def add(self, identity: Mapping[str, int]) -> bool:
        """Take an identity in; False when it follows from those that are in."""
        rest = dict(identity)
        for row in self._rows:
            lead = next(iter(row))
            if rest.get(lead):
                one, other = row[lead], rest[lead]
                names = {**rest, **row}
                rest = {name: one * rest.get(name, 0) - other * row.get(name, 0) for name in names}
                rest = {name: factor for name, factor in rest.items() if factor}
        if not rest:
            return False
        divisor = gcd(*rest.values())
        self._rows.append({name: factor // divisor for name, factor in rest.items()})
        return True
