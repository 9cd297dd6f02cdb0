"""The figures of families that share measures, as arrays: rows are units, columns are periods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.disclosure.bounds import Numbers, Sum, Whole, bounds, wholes
from orchestration.disclosure.events import Events, Ints
from orchestration.disclosure.forms import (
    HOURS,
    OF_WHOLE,
    Form,
    Forms,
    Move,
    Series,
    family_of,
    segment_of,
)
from orchestration.disclosure.identities import found
from orchestration.disclosure.keys import at_lines, lines_of
from orchestration.disclosure.layout import Layout
from orchestration.disclosure.periods import NESTED, Bools
from orchestration.disclosure.scope import SCOPE_SCHEMA
from orchestration.suppression import GRAINS, PARTS, SuppressionPolicy
from reporting.columns import UNPLACED

Key = tuple[tuple[str, int], ...]
SERIES, PERIOD = ("kpi_id", "kpi_version", "segment"), ("period_grain", "period_start")
UNIT = ("level", "unit_id")
NUMBERS = ("numerator", "denominator", "n")
HIDDEN_SCHEMA = pl.Schema(
    {
        "kpi_id": pl.String,
        "kpi_version": pl.Int32,
        "segment": pl.String,
        "period_grain": pl.String,
        "period_start": pl.Date,
        "level": pl.String,
        "unit_id": pl.String,
        "reason": pl.String,
    }
)
# What earlier releases have made of a cell, as flags.
_BEFORE = ("known", "earlier", "small_before", "cut", "settled", "shown_before", "late", "follows")
# Statuses of rows that show numbers.
SHOWN = ("ok", "no_denominator")
# A sum of hours can change by as little as one likes.
_SLIGHTLY = 1e-9
# Share of cells with complete coverage from which on that is the ordinary case.
_MOSTLY = 0.2
# So many moves by whole events are tried to find so many that are possible.
_TRIED, _FOUND = 300, 12
# How much more is lost with a total than with one of its many parts.
_GRAIN_WEIGHT = {
    "day": 1.0,
    "week": 2.0,
    "month": 4.0,
    "quarter": 6.0,
    "tertial": 6.0,
    "year": 10.0,
    "ytd": 6.0,
    "rolling12": 6.0,
}
_LEVEL_WEIGHT = {"national": 10.0, "region": 2.5, "health_trust": 1.5, "county": 1.5}
_NO_CELLS = np.zeros((0, 0), dtype=np.bool_)


@dataclass
class Rows:
    """The rows of one series. Numbers are NaN where there are none."""

    exists: Bools
    # A row without numbers: nothing happened there.
    empty: Bools
    numerator: Numbers
    denominator: Numbers
    n: Numbers
    coverage: Numbers
    # Shown in an earlier release with these very numbers: it is known, and protects nothing.
    known: Bools
    # Hidden in an earlier release.
    earlier: Bools
    # Too small in an earlier release, and hidden there.
    small_before: Bools
    # Hidden in an earlier release to protect others, in a period that a new one cuts across.
    cut: Bools
    # Hidden in an earlier release, and nothing new is known about it.
    settled: Bools
    # Shown in an earlier release with other numbers.
    shown_before: Bools
    # Reported after the period had been released without it.
    late: Bools
    # Hidden, and found to follow from what is shown all the same.
    follows: Bools
    # What could not be placed, in periods that are too short to be released for it.
    beyond: Bools
    # Of a period that is released, and without a row.
    released: Bools
    absent: Bools
    # Which of its numbers are too small, by the rules of `orchestration.suppression`.
    small: dict[str, Bools]
    # Too small, and what is hidden at all: set by the rules and by what protects others.
    primary: Bools = field(default_factory=lambda: _NO_CELLS)
    hidden: Bools = field(default_factory=lambda: _NO_CELLS)
    # Numbers that must not be worked out, by what is too small.
    unsafe: dict[str, Bools] = field(default_factory=dict)


class Table:
    """All rows of the series of `forms`, and what of them is hidden."""

    def __init__(
        self,
        forms: Forms,
        layout: Layout,
        values: pl.DataFrame,
        scope: pl.DataFrame,
        policy: SuppressionPolicy,
    ) -> None:
        self.forms, self.layout = forms, layout
        self._shape = (len(layout.units), len(layout.calendar.periods))
        by_unit = np.array([_LEVEL_WEIGHT.get(level, 1.0) for level, _ in layout.units])
        by_period = np.array([_GRAIN_WEIGHT[grain] for grain, _ in layout.calendar.periods])
        self._weight = np.outer(by_unit, by_period).astype(np.float32)
        self.rows = self._read(values, scope)
        for series, rows in zip(forms.series, self.rows, strict=True):
            _find_unsafe(series, rows)
        self._foreign = self._foreign_rows(scope)
        self._open = self._open_columns(policy.finest_grain_unplaced)
        self._possible: dict[tuple[Move, bool, bool, bool, bool, bool], npt.NDArray[np.uint8]] = {}
        self._untied: dict[Move, Bools] = {}
        self._events: Mapping[str, Events] = {}
        # Sums that rows show, and which of them hold which others, per family and segment.
        self._sums: list[list[Sum]] = []
        self._wholes: list[list[Whole]] = []
        # Sums, where they can be no more, and where they can be no less.
        self._bound: list[tuple[Form, Bools, Bools]] = []
        # Identities that hold at one level only.
        self.bound_at: dict[str, list[Form]] = {level: [] for level, _ in layout.units}

    def _read(self, values: pl.DataFrame, scope: pl.DataFrame) -> list[Rows]:
        """The rows of all series, from rows of kpi_values."""
        units, periods = self.layout.units, self.layout.calendar.periods
        keys = [(series.kpi_id, series.version, series.segment) for series in self.forms.series]
        lines = np.stack(
            [
                lines_of(values, SERIES, keys),
                lines_of(values, UNIT, units),
                lines_of(values, PERIOD, periods),
            ]
        )
        known = (lines >= 0).all(axis=0)
        at = tuple(lines[:, known])
        shape = (len(keys), *self._shape)

        def flags(column: str) -> Bools:
            array = np.zeros(shape, dtype=np.bool_)
            array[at] = values[column].to_numpy()[known]
            return array

        def numbers(column: str) -> Numbers:
            array = np.full(shape, np.nan)
            array[at] = values[column].cast(pl.Float64).to_numpy()[known]
            return array

        present = np.zeros(shape, dtype=np.bool_)
        present[at] = True
        exists, in_scope = flags("_exists"), self._in_scope(scope)
        unplaced = np.array([unit == UNPLACED for _, unit in units], dtype=np.bool_)
        levels = [[level in series.levels for level, _ in units] for series in self.forms.series]
        shows = np.array(levels, dtype=np.bool_).reshape(len(keys), len(units))
        # Versions of a KPI may be of different levels.
        in_scope &= shows[:, :, None]
        beyond = (unplaced & shows)[:, :, None] & ~in_scope

        def amounts(column: str) -> Numbers:
            """Numbers; where nothing is released and nothing has happened they are zero."""
            array = numbers(column)
            array[beyond & np.isnan(array)] = 0.0
            return array

        arrays = {
            "exists": exists,
            # The rows of one family are missing together, where it has nothing to tell. Another
            # family's row may be missing although the measure that it borrows is not zero.
            "empty": present & ~exists & ~beyond,
            "released": in_scope,
            "absent": in_scope & ~present,
            "beyond": beyond,
            "coverage": numbers("coverage"),
            **{name: amounts(name) for name in NUMBERS},
            **{name: flags(f"_{name}") for name in _BEFORE},
        }
        small = {name: flags(f"_small_{name}") & exists for name in PARTS}
        return [
            Rows(
                **{name: array[index] for name, array in arrays.items()},
                small={name: array[index] for name, array in small.items()},
            )
            for index in range(len(keys))
        ]

    def _in_scope(self, scope: pl.DataFrame) -> Bools:
        """Which cells of which series are released."""
        units = [(level, unit == UNPLACED) for level, unit in self.layout.units]
        kinds = {kind: index for index, kind in enumerate(sorted(set(units)))}
        lines: dict[tuple[str, str], list[int]] = {}
        for index, series in enumerate(self.forms.series):
            lines.setdefault((series.kpi_id, series.segment), []).append(index)
        last = np.full((len(self.forms.series), len(kinds), len(GRAINS)), -1, dtype=np.int64)
        for kpi_id, segment, *kind, grain, start in scope.select(*SCOPE_SCHEMA).iter_rows():
            if tuple(kind) in kinds:
                at = kinds[tuple(kind)], GRAINS.index(grain)
                last[lines.get((kpi_id, segment), []), *at] = start.toordinal()
        kind_of = [kinds[kind] for kind in units]
        starts = np.array([start.toordinal() for _, start in self.layout.calendar.periods])
        found: Bools = starts <= last[:, kind_of][:, :, self.layout.calendar.grain_of]
        return found

    def _foreign_rows(self, scope: pl.DataFrame) -> dict[tuple[str, str], Bools]:
        """Per family and segment: places in which its events do not lie, as bases are for calls."""
        levels: dict[tuple[str, str], set[str]] = {}
        family = {series.kpi_id: series.family for series in self.forms.series}
        for kpi_id, segment, level in (
            scope.select("kpi_id", "segment", "level").unique().iter_rows()
        ):
            if kpi_id in family:
                levels.setdefault((family[kpi_id], segment), set()).add(level)
        units = np.array([level for level, _ in self.layout.units])
        kinds = [{p.unit[0] for p in division} for division in self.layout.places.divisions]
        found = {}
        for key in {(series.family, series.segment) for series in self.forms.series}:
            mine = levels.get(key, set())
            foreign = set().union(*(places - mine for places in kinds if places & mine))
            found[key] = np.isin(units, sorted(foreign))
        return found

    def _open_columns(self, grain: str) -> Bools:
        """Columns with days of which no period of a grain is released yet."""
        calendar = self.layout.calendar
        missing = calendar.path[NESTED.index(grain)] < 0
        return np.array([bool(missing[days].any()) for days in calendar.days_of], dtype=np.bool_)

    def costs(
        self,
        move: Move,
        *,
        plausible: bool,
        down_to_zero: bool,
        fresh: bool,
        strict: bool = False,
        again: bool = False,
    ) -> npt.NDArray[np.float32]:
        """What it takes to hide everything a move changes, with one event more and one less.

        `plausible` asks for worlds whose numbers make sense; `down_to_zero` allows those in which a
        hidden number is zero; `fresh` allows no cells that were hidden in an earlier release;
        `strict` asks for room in every whole for its parts; `again` allows cells that an earlier
        release has shown as they are, whose being so is not seen when they are hidden.
        """
        lost = np.zeros(self._shape, dtype=np.uint16)
        for index in self.forms.touched(move):
            rows = self.rows[index]
            lost += np.uint16(self.forms.series[index].weight) * (rows.exists & ~rows.hidden)
        # What is possible does not depend on what is hidden. It is kept, as bits.
        key = (move, plausible, down_to_zero, fresh, again, strict)
        if key not in self._possible:
            lowest = 0.0 if down_to_zero else 1.0
            allowed = self._allowed(move, plausible, lowest, fresh, strict, again=again)
            self._possible[key] = np.packbits(allowed)
        allowed = np.unpackbits(self._possible[key], count=2 * lost.size).view(np.bool_)
        return np.where(allowed.reshape(2, *self._shape), lost * self._weight, np.float32(np.inf))

    def _allowed(
        self,
        move: Move,
        plausible: bool,
        lowest: float,
        fresh: bool,
        strict: bool,
        *,
        again: bool = False,
    ) -> Bools:
        """Where a move is possible, with one event more and with one less."""
        allowed = np.ones((2, *self._shape), dtype=np.bool_)
        names = [name for name, _ in move.changes]
        for key in {(family_of(name), segment_of(name)) for name in names}:
            if key in self._foreign:
                allowed[:, self._foreign[key]] = False
        for level, identities in self.bound_at.items():
            if not move.is_of_all and any(move.of(identity) for identity in identities):
                allowed[:, np.array([unit[0] == level for unit in self.layout.units])] = False
        own = {family_of(name) for name in names}
        for index in self.forms.touched(move):
            series, rows = self.forms.series[index], self.rows[index]
            # Of a month still open nothing may turn out to be unplaced.
            blocked = rows.beyond & self._open
            if not again:
                blocked = blocked | rows.known
            # An event of another kind is none of those of which there are said to be none.
            if not move.is_of_all or any(move.of(form) for form in series.forms):
                blocked = blocked | rows.empty
                if series.family in own:
                    blocked = blocked | rows.absent
            if fresh:
                blocked = blocked | rows.earlier
            allowed &= ~blocked
            for mine, sign in zip(allowed, (1, -1), strict=True):
                if plausible:
                    mine &= _possible(series, rows, move, sign, lowest)
                else:
                    # What is not released is still no less than nothing, and often follows.
                    mine &= _possible(series, rows, move, sign, 0.0) | ~rows.beyond
        if strict:
            return allowed & self._within_bounds(move)
        # What could not be placed on a day is the rest of the country, where all others are shown.
        rest = np.logical_or.reduce([rows.beyond for rows in self.rows])
        allowed &= ~rest | self._within_wholes(move)
        return allowed

    def _within_bounds(self, move: Move) -> Bools:
        """Where a move leaves a cell that could be, for one who knows what is a part of what.

        Every whole still holds its parts, or no sum lies beyond what can be seen of it.
        """
        likely = np.ones((2, *self._shape), dtype=np.bool_)
        for form, full, empty in self._bound:
            by = move.of(form)
            if by:
                likely[int(by < 0)] &= ~full
                likely[int(by > 0)] &= ~empty
        found: Bools = self._within_wholes(move) | likely
        return found

    def _within_wholes(self, move: Move) -> Bools:
        """Where a move leaves every whole with its parts."""
        real = np.ones((2, *self._shape), dtype=np.bool_)
        for item in (item for held in self._wholes for item in held):
            by = move.of(item.rest)
            if by:
                real[int(by > 0)] &= ~(item.left < abs(by))
        return real

    def moves(self, form: Form) -> list[Move]:
        """The moves that change a form, ordinary events first."""
        found: list[Move] = []
        for move in self.forms.moves(form):
            carried = self.forms.carried(move, self._tight)
            found += [m for m in (carried, move) if m.of(form)]
        return list(dict.fromkeys(found))

    def learn(self) -> None:
        """Find the identities that the figures obey, and that the registry does not state.

        Those that hold at one level only, as that all events were expected in the country, bind
        moves there; the others bind them everywhere.
        """
        unplaced = np.array([unit == UNPLACED for _, unit in self.layout.units])
        levels = np.where(unplaced, "", [level for level, _ in self.layout.units])
        shown = self._numbers_shown()
        parts = sorted({(series.family, series.segment) for series in self.forms.series})
        at_levels = {
            level: {
                key: (form, numbers[levels == level].ravel(), part)
                for key, (form, numbers, series) in shown.items()
                for part in [(series.family, series.segment)]
                if level in series.levels
            }
            for level in sorted(set(levels) - {""})
        }
        for level, here in at_levels.items():
            # Not every unit has all of them: those of a family by themselves, then all together.
            for part in (*parts, None):
                mine = {key: item for key, item in here.items() if part in (None, item[2])}
                told = [(form, numbers) for form, numbers, _ in mine.values()]
                # Where a row is lacking nothing happened: in a place without rural roads, say.
                for cells in (told, [(form, np.nan_to_num(n)) for form, n in told]):
                    stated = [*self.forms.identities, *self.bound_at[level]]
                    for identity, factors in found(cells, stated):
                        sums = dict(zip(mine, factors, strict=True))
                        if all(_holds(sums, there) for there in at_levels.values()):
                            self.forms.know([identity])
                        else:
                            self.bound_at[level].append(identity)

    def learn_parts(self, events: Mapping[str, Events]) -> None:
        """Find which of the sums that rows show are parts of which others, by the events."""
        self._events = events
        found: dict[tuple[str, str], dict[Key, Sum]] = {}
        for index, (series, rows) in enumerate(zip(self.forms.series, self.rows, strict=True)):
            kinds = events.get(series.family)
            if kinds is None or series.kind in HOURS:
                continue
            sums = found.setdefault((series.family, series.segment), {})
            for form, numbers in _sums(series, rows):
                # Of other families and segments the events are others.
                mine = all(name.endswith(f"[{series.segment}]") for name in form)
                counts = kinds.of({_bare(name, series.family): by for name, by in form.items()})
                if not mine or counts is None:
                    continue
                key = tuple(sorted(form.items()))
                known = sums.get(key, Sum(form, counts, numbers, ()))
                filled = np.where(np.isnan(known.numbers), numbers, known.numbers)
                sums[key] = Sum(form, counts, filled, (*known.sources, index))
        self._sums = [list(sums.values()) for sums in found.values()]
        self._wholes = [wholes(sums) for sums in self._sums]

    @property
    def knows_parts(self) -> bool:
        """Whether it is known what is a part of what."""
        return any(self._wholes)

    def moves_of_events(self, form: Form, targets: Bools) -> list[Move]:
        """Moves that change a form by whole events, and are possible in some of the cells."""
        name = next(iter(form))
        events = self._events.get(family_of(name))
        found: list[Move] = []
        if events is None:
            return found
        for move in islice(self.forms.by_events(form, events, segment_of(name)), _TRIED):
            if len(found) == _FOUND:
                break
            if move.of(form) and self._allowed(move, True, 0.0, False, True)[:, targets].any():
                found.append(move)
        return found

    def pinned(self, *, audited: bool) -> list[tuple[Form, Bools]]:
        """Cells of hidden rows that follow from what wholes leave for their parts, by the form.

        `audited`: those with them that an audit has found to follow. Sums that can be no more, or
        no less, by what is shown in their cell protect nothing from now on.
        """
        fixed = self._find_bounds()
        nowhere = np.zeros(self._shape, dtype=np.bool_)
        found: dict[Key, tuple[Form, Bools]] = {}
        for series, rows in zip(self.forms.series, self.rows, strict=True):
            top, bottom = (
                fixed.get(tuple(sorted(form.items())), nowhere)
                for form in (series.numerator, series.denominator)
            )
            follows = top & bottom if series.denominator else top
            follows = follows | (top & rows.unsafe.get("numerator", nowhere))
            if audited:
                follows = follows | rows.follows
            follows = follows & rows.hidden & ~rows.shown_before & ~rows.known & ~rows.settled
            form = series.numerator or series.n
            if form and follows.any():
                key = tuple(sorted(form.items()))
                _, before = found.get(key, (form, nowhere))
                found[key] = form, before | follows
        return list(found.values())

    @property
    def follows(self) -> Bools:
        """Cells of which an audit has found a number to follow."""
        found: Bools = np.logical_or.reduce([rows.follows for rows in self.rows])
        return found

    def _find_bounds(self) -> dict[Key, Bools]:
        """Find the bounds of hidden sums; per sum where they meet, and something is counted."""
        self._bound.clear()
        fixed: dict[Key, Bools] = {}
        for sums, held in zip(self._sums, self._wholes, strict=True):
            visible = [self._is_visible(own) for own in sums]
            lower, upper = bounds(sums, held, visible)
            for own, seen, least, most in zip(sums, visible, lower, upper, strict=True):
                full, empty = ~seen & (own.numbers >= most), ~seen & (own.numbers <= least)
                if full.any() or empty.any():
                    self._bound.append((own.form, full, empty))
                fixed[tuple(sorted(own.form.items()))] = (most - least < 0.5) & (own.numbers > 0)
        self._possible = {key: found for key, found in self._possible.items() if not key[-1]}
        return fixed

    def _is_visible(self, own: Sum) -> Bools:
        """Where a sum is shown, or is the rest of the country that could not be placed."""
        seen = np.zeros(self._shape, dtype=np.bool_)
        for rows in (self.rows[index] for index in own.sources):
            seen |= rows.exists & ~rows.hidden
            for unplaced, level in self._unplaced:
                whole = ~rows.hidden[level].any(axis=0) & ~rows.hidden[self.layout.national].any(
                    axis=0
                )
                seen[unplaced] |= rows.beyond[unplaced] & whole
        return seen & ~np.isnan(own.numbers)

    @cached_property
    def _unplaced(self) -> list[tuple[int, Ints]]:
        """The row of what could not be placed at a level, and the rows of the level."""
        levels = np.array([level for level, _ in self.layout.units])
        return [
            (row, np.flatnonzero(levels == level))
            for row, (level, unit) in enumerate(self.layout.units)
            if unit == UNPLACED
        ]

    def _numbers_shown(self) -> dict[Key, tuple[Form, Numbers, Series]]:
        """Each sum of measures that rows show, with the numbers of one series that shows it."""
        shown: dict[Key, tuple[Form, Numbers, Series]] = {}
        for series, rows in zip(self.forms.series, self.rows, strict=True):
            # Sums of time tell of events by their number only.
            timed = {"numerator", "denominator"} if series.kind in HOURS else set()
            timed |= {"numerator"} if series.kind == "mean" else set()
            for name in NUMBERS:
                form = getattr(series, name)
                if form and name not in timed:
                    key = tuple(sorted(form.items()))
                    shown.setdefault(key, (form, getattr(rows, name), series))
        return shown

    @cached_property
    def _tight(self) -> list[int]:
        """Series whose coverage is mostly complete."""
        found = []
        for index, (series, rows) in enumerate(zip(self.forms.series, self.rows, strict=True)):
            coverage = rows.coverage[rows.exists]
            if series.base and coverage.size and float(np.mean(coverage >= 1.0)) > _MOSTLY:
                found.append(index)
        return found

    def hide(self, move: Move, at_rows: npt.NDArray[np.int64], at: npt.NDArray[np.int64]) -> None:
        """Hide everything a move changes in some cells."""
        for index in self.forms.touched(move):
            rows = self.rows[index]
            rows.hidden[at_rows, at] |= rows.exists[at_rows, at]

    def untied(self, move: Move) -> Bools:
        """Totals that no level below adds up to, in any number that a move changes.

        They tell nothing of their parts. A row that is lacking counts as nothing. Where the units
        below are not released, or a total's places have changed, it is not known and taken as tied.
        """
        if move not in self._untied:
            self._untied[move] = self._find_untied(move)
        return self._untied[move]

    def _find_untied(self, move: Move) -> Bools:
        tied, told = np.zeros((2, *self._shape), dtype=np.bool_)
        for index in self.forms.touched(move):
            rows = self.rows[index]
            for name in NUMBERS:
                if not move.of(getattr(self.forms.series[index], name)):
                    continue
                numbers = np.nan_to_num(getattr(rows, name))
                for below in self._below:
                    has_parts = below @ rows.released.astype(np.float32) > 0
                    adds_up = has_parts & (np.abs(below @ numbers - numbers) < 0.5)
                    told |= has_parts
                    # And what adds up to something is not free either.
                    tied |= adds_up | (below.T @ adds_up.astype(np.float32) > 0)
        return np.asarray(told & ~tied & self._is_plain[:, None], dtype=np.bool_)

    def doubt(self) -> None:
        """Forget that nothing happened where a row is lacking, but parts of it are there."""
        days = [set(inside.tolist()) for inside in self.layout.calendar.days_of]
        inside = np.array([[part <= whole for part in days] for whole in days], dtype=np.float32)
        for rows in self.rows:
            if not rows.absent.any():
                continue
            exists = rows.exists.astype(np.float32)
            below = exists + self._holds @ exists
            rows.absent &= np.asarray(below @ inside.T < 0.5)
        self._possible.clear()

    @cached_property
    def _holds(self) -> npt.NDArray[np.float32]:
        """Which places each unit holds, over all divisions; a place holds itself."""
        row, size = self.layout.row, len(self.layout.units)
        found = np.zeros((size, size), dtype=np.float32)
        for division in self.layout.places.divisions:
            for place in division:
                own = row[place.unit]
                found[[row[unit] for unit in place.units], own] = 1
                found[self.layout.national, own] = 1
        return found

    @cached_property
    def _below(self) -> list[npt.NDArray[np.float32]]:
        """Per level, which of its units lie in each other unit."""
        holds = self._holds
        inside = (holds @ holds.T == holds.sum(axis=1)) & (holds.sum(axis=1) > 0)
        np.fill_diagonal(inside, val=False)
        levels = np.array([level for level, _ in self.layout.units])
        return [(inside & (levels == level)).astype(np.float32) for level in sorted(set(levels))]

    @cached_property
    def _is_plain(self) -> Bools:
        """Totals whose places have always been in them, and are not held by another place."""
        is_place = np.diag(self._holds) > 0
        mixed = np.zeros(len(self.layout.units), dtype=np.bool_)
        for division in self.layout.places.divisions:
            for place in division:
                own = self.layout.row[place.unit]
                held = self._holds[:, own] > 0
                several = any(len(units - {place.unit}) > 1 for units in place.held_by.values())
                if several or (held & is_place).sum() > 1:
                    mixed |= held
        return ~is_place & ~mixed

    def hide_all(self, at: Bools) -> None:
        """Hide all figures of some cells."""
        for rows in self.rows:
            rows.hidden |= rows.exists & at

    @property
    def hidden_count(self) -> int:
        """How many rows are hidden."""
        return sum(int(rows.hidden.sum()) for rows in self.rows)

    def hidden(self) -> pl.DataFrame:
        """Keys of the hidden rows of kpi_values, and the reasons."""
        found = [np.nonzero(rows.hidden) for rows in self.rows]
        sizes = [at_rows.size for at_rows, _ in found]
        at_rows, at = (np.concatenate(part) for part in zip(*found, strict=True))
        primary, earlier = (
            np.concatenate(
                [getattr(rows, name)[at] for rows, at in zip(self.rows, found, strict=True)]
            )
            for name in ("primary", "earlier")
        )
        keys = [(series.kpi_id, series.version, series.segment) for series in self.forms.series]
        series = np.repeat(np.arange(len(keys)), sizes)
        reason = np.where(primary, "primary", np.where(earlier, "earlier", "complementary"))
        return pl.concat(
            [
                at_lines(keys, SERIES, series),
                at_lines(self.layout.calendar.periods, PERIOD, at),
                at_lines(self.layout.units, UNIT, at_rows),
                pl.DataFrame({"reason": reason}),
            ],
            how="horizontal",
        ).cast(HIDDEN_SCHEMA)


def _sums(series: Series, rows: Rows) -> Iterator[tuple[Form, Numbers]]:
    """The sums of events that the rows of a series show, with their numbers."""
    if series.numerator and series.kind != "mean":
        yield series.numerator, rows.numerator
    if series.denominator:
        yield series.denominator, rows.denominator
    if series.n:
        yield series.n, rows.n
    if series.base and series.known == series.n:
        with np.errstate(invalid="ignore", divide="ignore"):
            base = np.round(rows.n / rows.coverage)
        yield series.base, np.where(np.isfinite(base), base, np.nan)


def _bare(name: str, family: str) -> str:
    """The name of a measure within its family; of another family it stays as it is."""
    return name.partition("[")[0].removeprefix(f"{family}.")


def _find_unsafe(series: Series, rows: Rows) -> None:
    """Which numbers of which rows must not be worked out."""
    rows.primary = np.logical_or.reduce(list(rows.small.values()))
    # A percentile must not be seen. What it rests on may be: no sum gives the percentile.
    unsafe = {n: mask for n, mask in rows.small.items() if n not in ("percentile", "value")}
    # A share of few of what is no secret: its numerator must stay unknown, unless it is nothing.
    with np.errstate(invalid="ignore"):
        some = rows.numerator > 0
    unsafe["numerator"] = unsafe["numerator"] | (rows.small["value"] & some)
    if not series.denominator:
        # Person-years are nobody's secret; what is hidden for having few of them is the numerator.
        unsafe["numerator"] = unsafe["numerator"] | (unsafe.pop("denominator") & some)
    rows.hidden = rows.primary | rows.earlier
    # What was shown before and has become small cannot be taken back, only no longer repeated.
    open_to_attack = ~rows.shown_before & ~rows.known & ~rows.settled
    rows.unsafe = {name: mask & open_to_attack for name, mask in unsafe.items()}
    # What has grown is no longer small, but what it was would follow from what it is.
    grown = rows.small_before & ~rows.primary & open_to_attack
    if series.kind in ("interval", "mean"):
        return
    rows.unsafe["numerator"] = rows.unsafe["numerator"] | grown


def _holds(sums: Mapping[Key, int], there: Mapping[Key, tuple[Form, Numbers, Any]]) -> bool:
    """Whether a sum is zero in all cells of a level; also where its terms are not shown there."""
    terms = {key: factor for key, factor in sums.items() if factor}
    if not set(terms) <= set(there):
        return True
    total = sum(factor * there[key][1] for key, factor in terms.items())
    return not np.any(np.nan_to_num(np.asarray(total)))


def form_of(series: Series, name: str) -> Form:
    """The form of one of the numbers that can be too small."""
    match name:
        case "numerator":
            return series.numerator
        case "denominator":
            return series.denominator
        case "n":
            return series.n
        case _:
            rest = dict(series.denominator)
            for measure, factor in series.numerator.items():
                rest[measure] = rest.get(measure, 0) - factor
            return {measure: factor for measure, factor in rest.items() if factor}


def _possible(series: Series, rows: Rows, move: Move, sign: int, lowest: float) -> Bools:
    """Where the numbers of a series would still make sense after a move."""
    size = _SLIGHTLY if series.kind in HOURS else 1.0
    possible = np.ones(rows.exists.shape, dtype=np.bool_)
    numerator, denominator = move.of(series.numerator), move.of(series.denominator)
    n, known, base = move.of(series.n), move.of(series.known), move.of(series.base)
    with np.errstate(invalid="ignore"):
        for change, numbers in ((numerator, rows.numerator), (denominator, rows.denominator)):
            if sign * change < 0:
                possible &= ~(numbers < (abs(change) + lowest) * size)
        if n and sign * n < 0:
            possible &= ~(rows.n < abs(n) + lowest)
        if series.kind in OF_WHOLE and sign * (denominator - numerator) < 0:
            room = rows.denominator - rows.numerator
            possible &= ~(room < abs(denominator - numerator) * size)
        if series.base and sign * (base - known) < 0 and series.kind not in HOURS:
            usable = rows.n if not series.known or series.known == series.n else rows.numerator
            room = np.round(usable / rows.coverage) - usable
            possible &= ~(room < abs(base - known))
    return possible | ~(rows.exists | rows.beyond)


def tells() -> pl.Expr:
    """Rows of kpi_values that tell of an event: numbers, or that nothing of it could be used."""
    return pl.col("status").is_in(SHOWN) | pl.col("coverage").is_not_null()


def columns_of(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The frame with flags that it lacks, all false."""
    return frame.with_columns(
        pl.lit(False).alias(name) for name in names if name not in frame.columns
    )
