"""Solving for what follows: peeling, a random null space, bounds by linear programming."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linprog
from scipy.sparse.linalg import lsmr

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_TOLERANCE = 1e-6
_NOTHING = 1e-6
# How often bounds are passed on.
_PASSES = 12


@dataclass
class Known:
    """What is known so far, and the equations that turned out not to hold."""

    values: Floats
    known: Bools
    broken: Ints
    # The equation that gave a number; -1 where none did.
    by: Ints


def peel(
    matrix: sparse.csr_matrix, right: Floats, values: Floats, known: Bools, *, zeros: bool = True
) -> Known:
    """Solve equations with one unknown until there are none left.

    With `zeros` also those that say that numbers, none of them negative, add up to nothing.
    """
    values, known = values.copy(), known.copy()
    numbers = np.arange(matrix.shape[1], dtype=float) + 1
    active = np.arange(matrix.shape[0])
    part = matrix
    broken: list[Ints] = []
    by = np.full(known.size, -1, dtype=np.int64)
    while active.size:
        pattern = part.copy()
        pattern.data = np.ones_like(pattern.data)
        absolute = part.copy()
        absolute.data = np.abs(part.data)
        unknown = (~known).astype(float)
        count = np.rint(pattern @ unknown)
        rest = right[active] - part @ np.where(known, values, 0.0)
        scale = 1.0 + absolute @ np.where(known, np.abs(values), 0.0)
        done = count == 0
        broken.append(active[done & (np.abs(rest) > _TOLERANCE * scale)])
        single = count == 1
        column = np.rint((pattern @ (unknown * numbers))[single]).astype(np.int64) - 1
        factor = (part @ unknown)[single]
        fine = np.abs(factor) > _NOTHING
        column, found = column[fine], rest[single][fine] / factor[fine]
        whole = np.rint(found)
        found = np.where(np.abs(found - whole) < _TOLERANCE * scale[single][fine], whole, found)
        values[column] = found
        known[column] = True
        by[column] = active[single][fine]
        nothing = np.zeros_like(done)
        if zeros:
            same = np.abs(part @ unknown)
            nothing = (
                (count > 1)
                & (np.abs(rest) < _TOLERANCE * scale)
                & (np.abs(same - absolute @ unknown) < _NOTHING)
            )
            some = pattern[np.flatnonzero(nothing)].tocoo()
            fresh = ~known[some.col]
            columns = some.col[fresh]
            by[columns] = active[nothing][some.row[fresh]]
            values[columns] = 0.0
            known[columns] = True
        if not single.any() and not nothing.any():
            break
        keep = ~done
        active, part = active[keep], part[np.flatnonzero(keep)]
    return Known(values, known, np.concatenate([*broken, np.zeros(0, dtype=np.int64)]), by)


def narrow(matrix: sparse.csr_matrix, right: Floats, known: Known) -> tuple[Floats, Floats]:
    """The least and the most that each unknown can be when none is negative.

    Bounds are passed from one equation to the next; those that all together give may be narrower.
    """
    lower = np.where(known.known, known.values, 0.0)
    upper = np.where(known.known, known.values, np.inf)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    columns, factors = matrix.indices, matrix.data
    is_open = ~known.known
    # Equations of which nothing is left tell nothing more.
    some = np.bincount(rows, weights=is_open[columns], minlength=matrix.shape[0]) > 0
    kept = some[rows]
    rows, columns, factors = rows[kept], columns[kept], factors[kept]
    size = right.size
    for _ in range(_PASSES):
        least = np.where(factors > 0, factors * lower[columns], factors * upper[columns])
        most = np.where(factors > 0, factors * upper[columns], factors * lower[columns])
        before = lower.copy(), upper.copy()
        for sums, sign in ((least, 1), (most, -1)):
            endless = np.isinf(sums)
            count = np.bincount(rows, weights=endless, minlength=size)
            total = np.bincount(rows, weights=np.where(endless, 0.0, sums), minlength=size)
            # What the others leave, where they leave something that is not endless.
            clear = count[rows] - endless == 0
            others = total[rows] - np.where(endless, 0.0, sums)
            bound = (right[rows] - others) / factors
            is_upper = (factors > 0) == (sign > 0)
            slack = _TOLERANCE * (1 + np.abs(bound))
            mine = clear & is_upper & is_open[columns]
            np.minimum.at(upper, columns[mine], bound[mine] + slack[mine])
            mine = clear & ~is_upper & is_open[columns]
            np.maximum.at(lower, columns[mine], bound[mine] - slack[mine])
        moved = (lower > before[0] + 0.5) | (np.isfinite(upper) & (upper < before[1] - 0.5))
        if not moved.any():
            break
    return lower, upper


@dataclass
class Kernel:
    """A solution of what is left, and random directions in which it could be another one."""

    solution: Floats
    directions: list[Floats]
    core: tuple[int, int]


def kernel(
    matrix: sparse.csr_matrix, right: Floats, known: Known, random: np.random.Generator
) -> Kernel:
    """Directions in which the unknowns can move without any equation noticing.

    Equations with an unknown of their own tell nothing about the others; they are set aside, the
    rest is projected, and the unknowns set aside follow in reverse order.
    """
    rest = right - matrix @ np.where(known.known, known.values, 0.0)
    columns = np.flatnonzero(~known.known)
    part = matrix[:, columns]
    rows = np.flatnonzero(np.diff(part.indptr) > 1)
    part, rest = part[rows].tocsr(), rest[rows]
    size = columns.size
    alive = np.ones(part.shape[0], dtype=np.bool_)
    rounds: list[tuple[Ints, Ints]] = []
    pattern = part.copy()
    pattern.data = np.ones_like(pattern.data)
    by_column = pattern.T.tocsr()
    row_numbers = np.arange(part.shape[0], dtype=float)
    taken = np.zeros(size, dtype=np.bool_)
    while True:
        degree = np.rint(by_column @ alive.astype(float))
        single = np.flatnonzero((degree == 1) & ~taken)
        if not single.size:
            break
        at = np.rint(by_column[single] @ (row_numbers * alive)).astype(np.int64)
        chosen, first = np.unique(at, return_index=True)
        rounds.append((chosen, single[first]))
        taken[single[first]] = True
        alive[chosen] = False
    left = np.flatnonzero(alive)
    core = part[left]
    inside = np.unique(core.indices)
    core = core[:, inside]
    directions = [random.standard_normal(size) for _ in range(2)]
    solution = np.zeros(size)
    if left.size:
        # Columns of equal length converge faster, and have the same kernel after scaling.
        length = np.sqrt(np.asarray(core.power(2).sum(axis=0)).ravel())
        scaled = (core @ sparse.diags(1 / length)).tocsr()
        for vector in directions:
            start = vector[inside]
            for _ in range(2):
                found = lsmr(scaled.T, start, atol=1e-13, btol=1e-13, maxiter=6000)[0]
                start = start - scaled.T @ found
            vector[inside] = start / length
        found = lsmr(scaled, rest[left], atol=1e-13, btol=1e-13, maxiter=6000)[0]
        solution[inside] = found / length
    for vector, target in ((directions[0], 0.0), (directions[1], 0.0), (solution, 1.0)):
        for chosen, own in reversed(rounds):
            vector[own] = 0.0
            some = part[chosen]
            factor = np.asarray(some[np.arange(chosen.size), own]).ravel()
            vector[own] = (target * rest[chosen] - some @ vector) / factor
    full = [np.zeros(matrix.shape[1]) for _ in range(3)]
    for whole, vector in zip(full, (*directions, solution), strict=True):
        whole[columns] = vector
    full[2] += np.where(known.known, known.values, 0.0)
    return Kernel(full[2], full[:2], (left.size, inside.size))


def follows(matrix: sparse.csr_matrix, known: Bools, columns: Ints, factors: Floats) -> float:
    """How far a sum of unknowns is from being a combination of the equations; 0 if it follows."""
    wanted = np.zeros(matrix.shape[1])
    wanted[columns] = factors
    wanted[known] = 0.0
    free = np.flatnonzero(~known)
    part = matrix[:, free]
    found = lsmr(part.T, wanted[free], atol=1e-12, btol=1e-12, maxiter=4000)[0]
    return float(np.linalg.norm(part.T @ found - wanted[free]))


def bounds(
    matrix: sparse.csr_matrix,
    by_column: sparse.csr_matrix,
    right: Floats,
    known: Known,
    columns: Ints,
    factors: Floats,
    limit: int,
) -> tuple[float, float] | None:
    """The least and the most that a sum of unknowns can be, by the equations around it.

    Equations that reach further are left out, so the true interval may be narrower. None where no
    bound was found.
    """
    inside = {int(column) for column in columns if not known.known[column]}
    todo, used = list(inside), set[int]()
    while todo and len(inside) < limit:
        ahead: list[int] = []
        for column in todo:
            for row in by_column.indices[by_column.indptr[column] : by_column.indptr[column + 1]]:
                if int(row) in used:
                    continue
                terms = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
                new = [int(t) for t in terms if not known.known[t] and int(t) not in inside]
                if len(new) + len(inside) > limit:
                    continue
                used.add(int(row))
                inside.update(new)
                ahead += new
        todo = ahead
    names = np.array(sorted(inside), dtype=np.int64)
    rows = np.array(sorted(used), dtype=np.int64)
    if not names.size or not rows.size:
        return None
    part = matrix[rows]
    rest = right[rows] - part @ np.where(known.known, known.values, 0.0)
    goal = np.zeros(matrix.shape[1])
    goal[columns] = factors
    constant = float(goal[known.known] @ known.values[known.known])
    ends = []
    for sign in (1.0, -1.0):
        result = linprog(
            sign * goal[names],
            A_eq=part[:, names],
            b_eq=rest,
            bounds=(0, None),
            method="highs",
            options={"time_limit": 5.0},
        )
        if result.status == 3:
            ends.append(-sign * np.inf)
        elif result.status != 0:
            return None
        else:
            ends.append(sign * float(result.fun))
    return ends[0] + constant, ends[1] + constant
