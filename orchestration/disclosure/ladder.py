"""What is hidden for numbers without another world: step by step, as little as will do.

Each step allows more to be hidden, and hides of it what the least costly world takes (`shapes`):

1. `shape`: nothing more. Worlds that move several events need none of it, often.
2. `unit`: more periods of the same figures of the unit.
3. `period`: figures of other units too, in periods that overlap.
4. `elsewhere`: figures of any unit in any period.
5. `again`: what an earlier release has shown as it is, too. That it is unchanged is then not seen.
6. `table`: all that the families show in periods of that kind.
7. `all`: all that the families show. Of nothing, nothing follows.

After each step what is still unprotected is tried again; after the last one there is none left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from orchestration.disclosure.forms import Form, Move
from orchestration.disclosure.periods import Bools
from orchestration.disclosure.table import Table

STEPS = ("shape", "unit", "period", "elsewhere", "again", "table", "all")
# So many moves of one number are tried, besides the one for which all of a cell is hidden.
_MOVES = 3


@dataclass(frozen=True)
class Open:
    """Cells with a number that has no other world: one of the forms must not be worked out.

    `late` and `strict` as in the search that found none.
    """

    forms: tuple[Form, ...]
    targets: Bools
    late: bool = False
    strict: bool = False


@dataclass(frozen=True)
class Rung:
    """What a step came to: how many numbers it protects, and how many rows it hides for them."""

    families: tuple[str, ...]
    step: str
    numbers: int
    rows: int


def climb(table: Table, unprotected: Sequence[Open]) -> tuple[list[Rung], int]:
    """Hide what it takes; what each step came to, and how many numbers are left at the end."""
    left = [item for item in unprotected if item.targets.any()]
    rungs = []
    if left:
        table.doubt()
    for step in STEPS:
        if not left:
            break
        numbers, hidden = _count(left), table.hidden_count
        left = _taken(table, left, step)
        done, rows = numbers - _count(left), table.hidden_count - hidden
        if done or rows:
            rungs.append(Rung(tuple(table.forms.families), step, done, rows))
    return rungs, _count(left)


def _count(left: Sequence[Open]) -> int:
    return sum(int(item.targets.sum()) for item in left)


def _taken(table: Table, left: Sequence[Open], step: str) -> list[Open]:
    """What is still open after a step."""
    if step == "all":
        table.hide_all(np.ones_like(left[0].targets))
        return []
    if step == "table":
        grains = table.layout.calendar.grain_of
        columns = np.logical_or.reduce([item.targets.any(axis=0) for item in left])
        table.hide_all(np.broadcast_to(np.isin(grains, grains[columns]), left[0].targets.shape))
    still = []
    for item in left:
        targets = item.targets.copy()
        for row, column in np.argwhere(targets):
            targets[row, column] = not _protected(table, item, int(row), int(column), step)
        if targets.any():
            still.append(Open(item.forms, targets, item.late, item.strict))
    return still


def _protected(table: Table, item: Open, row: int, column: int, step: str) -> bool:
    """Whether a world is found, with what the step may hide; it is hidden then."""
    from orchestration.disclosure.shapes import world  # scipy takes its time, and few need it

    may = _ALLOWED[step](table, row, column)
    for form in item.forms:
        for move in _moves(table, item, form):
            cost = table.costs(
                move,
                plausible=True,
                down_to_zero=True,
                fresh=item.late,
                strict=item.strict and not move.is_of_all,
                again=step in ("again", "table"),
            )
            untied = table.untied(move)
            cost = np.where(untied, 0.0, np.where((cost == 0) | may, cost, np.inf))
            found = world(table.layout, cost.astype(np.float32), row, column)
            if found is not None:
                rows, columns = found
                told = ~untied[rows, columns]
                table.hide(move, rows[told], columns[told])
                return True
    return False


def _moves(table: Table, item: Open, form: Form) -> list[Move]:
    moves = table.moves(form)
    if item.strict:
        moves = [*moves, *table.moves_of_events(form, item.targets)]
    return [*moves[:_MOVES], table.forms.of_all(form)]


def _nothing(table: Table, row: int, column: int) -> Bools:
    return np.zeros((len(table.layout.units), len(table.layout.calendar.periods)), dtype=np.bool_)


def _of_unit(table: Table, row: int, column: int) -> Bools:
    may = _nothing(table, row, column)
    may[row] = True
    return may


def _of_period(table: Table, row: int, column: int) -> Bools:
    """The unit in all periods, and all units in the periods that overlap with one."""
    days = table.layout.calendar.days_of
    own = set(days[column].tolist())
    may = _of_unit(table, row, column)
    may[:, [not own.isdisjoint(inside.tolist()) for inside in days]] = True
    return may


def _anything(table: Table, row: int, column: int) -> Bools:
    return ~_nothing(table, row, column)


# What may be hidden for a cell at each step.
_ALLOWED: dict[str, Callable[[Table, int, int], Bools]] = {
    "shape": _nothing,
    "unit": _of_unit,
    "period": _of_period,
    "elsewhere": _anything,
    "again": _anything,
    "table": _nothing,
}
