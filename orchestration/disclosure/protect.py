"""Which cells have to be hidden so that no small number can be worked out from the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from orchestration.disclosure.assistant import Assistant
from orchestration.disclosure.events import Events
from orchestration.disclosure.forms import Form, Forms, Move, groups
from orchestration.disclosure.history import FLAGS
from orchestration.disclosure.ladder import Open, Rung, climb
from orchestration.disclosure.layout import Layout
from orchestration.disclosure.periods import DEPTHS, Bools, calendar, depth_of, end_of
from orchestration.disclosure.places import Unit, places
from orchestration.disclosure.table import HIDDEN_SCHEMA, Table, columns_of, form_of, tells
from orchestration.disclosure.witness import Search
from orchestration.registry.spec import Registry
from orchestration.suppression import GRAINS, SuppressionPolicy

Decided = tuple[pl.DataFrame, list[Rung], int]
# So many kinds of moves are tried for each number of a row of which one must stay unknown.
_MOVES_FOR_CUT = 2
# The numbers of a row, in the order in which they are tried for the one that stays unknown.
_OF_ROW = ("denominator", "n", "numerator")
# How often bounds are found again after more is hidden.
_ROUNDS = 5
# What may be hidden to protect one cell, in rows of the finest kind.
_LIMITS = (60.0, float("inf"))


@dataclass(frozen=True)
class Protection:
    """Hidden rows with their reasons, and what was hidden where no other world was found.

    `unprotected` is the number of those for which that was not enough.
    """

    hidden: pl.DataFrame
    ladder: Sequence[Rung]
    unprotected: int


def protect(
    values: pl.DataFrame,
    scope: pl.DataFrame,
    registry: Registry,
    parents: Mapping[Unit, frozenset[Unit]],
    policy: SuppressionPolicy,
    helper: Assistant[Decided] | None = None,
    events: Mapping[str, Events] | None = None,
) -> Protection:
    """Decide for every group of families that share measures.

    `values` are the rows of kpi_values in scope, their keys coded, with the flags of FLAGS where
    there is an earlier release. `helper` runs `decide_group` in a process of its own. `events` tell
    which numbers are parts of which.
    """
    exists = (
        tells()
        # A numerator without a denominator, as of what could not be placed.
        | (pl.col("numerator").fill_null(0) > 0)
        | (pl.col("n").fill_null(0) > 0)
    )
    flags = (*FLAGS, "_beyond", "_follows")
    values = columns_of(values, flags).with_columns(pl.col(flags).fill_null(False))
    values = values.with_columns((exists & ~pl.col("_beyond")).alias("_exists"))
    kpis = set(values.select("kpi_id", "kpi_version").unique().iter_rows())
    jobs = []
    for families in groups(registry):
        # Versions of one KPI may be of different families.
        keys = sorted({kpi.key for kpi in registry.kpis if kpi.family in families})
        mine = values.join(_versions(keys, values), on=["kpi_id", "kpi_version"], how="semi")
        if mine["_beyond"].all():
            continue
        here = scope.filter(pl.col("kpi_id").is_in(sorted({kpi for kpi, _ in keys})))
        jobs.append((families, mine, here, registry, kpis, parents, policy, events or {}))
    # The largest group is about half of the work.
    jobs.sort(key=lambda job: -job[1].height)
    if helper is None or not jobs:
        found = [decide_group(*job) for job in jobs]
    else:
        helper.ask(*jobs[0])
        rest = [decide_group(*job) for job in jobs[1:]]
        found = [helper.answer(), *rest]
    return Protection(
        pl.concat([pl.DataFrame(schema=HIDDEN_SCHEMA), *(frame for frame, _, _ in found)]),
        [rung for _, rungs, _ in found for rung in rungs],
        sum(left for _, _, left in found),
    )


def _versions(keys: Iterable[tuple[str, int]], values: pl.DataFrame) -> pl.DataFrame:
    """Versions of KPIs as rows, in the types of the values."""
    frame = pl.DataFrame(list(keys), schema=["kpi_id", "kpi_version"], orient="row")
    types = {name: values.schema[name] for name in frame.columns}
    return frame.select(pl.col(name).cast(dtype, strict=False) for name, dtype in types.items())


def decide_group(
    families: Sequence[str],
    values: pl.DataFrame,
    scope: pl.DataFrame,
    registry: Registry,
    kpis: set[tuple[str, int]],
    parents: Mapping[Unit, frozenset[Unit]],
    policy: SuppressionPolicy,
    events: Mapping[str, Events],
) -> Decided:
    """The hidden rows of some families, what was hidden step by step, and what is left unsafe."""
    forms = Forms(registry, families, kpis)
    layout = _layout(values.filter(~pl.col("_beyond")), parents, scope)
    table = Table(forms, layout, values, scope, policy)
    table.learn()
    table.learn_parts(events)
    rungs, left = climb(table, _protect(table))
    more = rungs
    for _ in range(_ROUNDS):
        if not any(rung.rows for rung in more):
            break
        # What is hidden now must not be all that its parts leave either.
        more, again = climb(table, _protect_parts(table))
        rungs, left = [*rungs, *more], left + again
    return table.hidden(), rungs, left


def _layout(
    values: pl.DataFrame, parents: Mapping[Unit, frozenset[Unit]], scope: pl.DataFrame
) -> Layout:
    units = sorted(values.select("level", "unit_id").unique().iter_rows())
    periods = list(values.select("period_grain", "period_start").unique().iter_rows())
    # The shortest periods say from when there are figures: a year may have begun before them.
    shortest = min((grain for grain, _ in periods), key=GRAINS.index)
    starts = [start for grain, start in periods if grain == shortest]
    first, last = min(starts), end_of(shortest, max(starts))
    finest: dict[str, int] = {}
    for level, grain in scope.select("level", "period_grain").unique().iter_rows():
        finest[level] = min(finest.get(level, DEPTHS), depth_of(grain))
    return Layout(tuple(units), calendar(periods, first, last), places(units, parents), finest)


def _protect(table: Table) -> list[Open]:
    """Hide what protects the unsafe numbers of a table; those that are left unsafe."""
    wanted: dict[tuple[object, ...], tuple[Form, list[Move], Bools, bool]] = {}
    for series, rows in zip(table.forms.series, table.rows, strict=True):
        for name, mask in rows.unsafe.items():
            form: Form = form_of(series, name)
            for late in (False, True):
                part = mask & (rows.late == late)
                if not form or not part.any():
                    continue
                key = (tuple(sorted(form.items())), late)
                moves = wanted[key][1] if key in wanted else table.moves(form)
                before = wanted[key][2] if key in wanted else part
                wanted[key] = (form, moves, before | part, late)
    # Moves that hide the most come first; what they hide the others need not.
    order = sorted(wanted.values(), key=lambda item: -_reach(table, item[1]))
    left = [
        Open((form,), _protect_targets(table, moves, targets, late=late), late)
        for form, moves, targets, late in order
    ]
    return [*left, *_protect_cut(table), *_protect_parts(table)]


def _protect_cut(table: Table) -> list[Open]:
    """Weeks hidden to protect others, of which part of the days are in a period released only now.

    Others may still rest on them, so they stay hidden, and one number of each row stays unknown.
    Returns the rows of which all numbers follow.
    """
    left = [rows.cut & ~rows.primary & ~rows.shown_before for rows in table.rows]
    for name in _OF_ROW:
        alike: dict[tuple[object, ...], list[int]] = {}
        for index, (series, mask) in enumerate(zip(table.forms.series, left, strict=True)):
            form = form_of(series, name)
            if form and mask.any():
                key = tuple(sorted(form.items()))
                alike.setdefault(key, []).append(index)
        for members in alike.values():
            series = table.forms.series[members[0]]
            targets = np.logical_or.reduce([left[index] for index in members])
            moves = table.moves(form_of(series, name))[:_MOVES_FOR_CUT]
            still = _protect_targets(table, moves, targets, late=False)
            for index in members:
                left[index] &= still
    return [
        Open(tuple(form for name in _OF_ROW if (form := form_of(series, name))), mask)
        for series, mask in zip(table.forms.series, left, strict=True)
    ]


def _protect_parts(table: Table) -> list[Open]:
    """Numbers that follow because no part is more than its whole, and none is less than nothing.

    The search before did not ask whether its other worlds obey that, as most numbers need no more.
    With them what an audit has found to follow. Returns those that still follow.
    """
    followed: list[Open] = []
    found: list[tuple[Form, Bools]] = []
    before = 0
    for at in range(_ROUNDS if table.knows_parts else 0):
        found = table.pinned(audited=at == 0)
        count = sum(int(targets.sum()) for _, targets in found)
        if not count or count == before:
            break
        before = count
        for form, targets in found:
            moves = [*table.moves(form), *table.moves_of_events(form, targets)]
            still = _protect_targets(table, moves, targets, late=False, strict=True)
            if at == 0:
                # What follows by its bounds is found again; what an audit has found is not.
                followed.append(Open((form,), still & table.follows, strict=True))
    else:
        found = table.pinned(audited=False) if before else []
    pinned = [Open((form,), targets, strict=True) for form, targets in found]
    return [item for item in (*followed, *pinned) if item.targets.any()]


def _protect_targets(
    table: Table, moves: list[Move], targets: Bools, *, late: bool, strict: bool = False
) -> Bools:
    """Try every move within a limit before any move beyond it; the cells left unsafe.

    What has come in late changes totals that were released without it. Cells that were hidden
    before do not protect it: they are as they were, so the totals' change is all its own.
    `strict` asks for worlds in which no part is more than its whole.
    """
    search = partial(_search, table, fresh=late, strict=strict)
    for limit in _LIMITS:
        for move in moves:
            if not targets.any():
                return targets
            if limit == _LIMITS[0]:
                # Rather a world in which hidden numbers stay above zero: most are known to be.
                targets = targets & ~search(move, lowest=1).protected(targets)
            targets = search(move, lowest=0).protect(targets, limit)
    for move in moves:
        if targets.any():
            targets = search(move, lowest=0).protect_by_any(targets)
    for move in moves:
        # Not even then: at least nothing follows by adding and subtracting alone.
        targets = search(move, lowest=None).protect(targets, _LIMITS[-1])
    return targets


def _reach(table: Table, moves: list[Move]) -> int:
    return len(table.forms.touched(moves[0])) if moves else 0


def _search(table: Table, move: Move, *, lowest: int | None, fresh: bool, strict: bool) -> Search:
    """The search for a move; `lowest` is what a hidden number may become, None for anything."""
    cost = table.costs(
        move,
        plausible=lowest is not None,
        down_to_zero=not lowest,
        fresh=fresh,
        strict=strict,
    )
    return Search(table.layout, cost, lambda rows, at: table.hide(move, rows, at))
