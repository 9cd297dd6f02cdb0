"""The figures of families that share measures, as arrays: rows are units, columns are periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.disclosure.forms import HOURS, PARTS, Form, Forms, Move, Series
from orchestration.disclosure.layout import Layout
from orchestration.disclosure.periods import Bools
from orchestration.disclosure.scope import UNPLACED
from orchestration.suppression import GRAINS, SuppressionPolicy

Numbers = npt.NDArray[np.float64]
# Statuses of rows that show numbers.
SHOWN = ("ok", "no_denominator")
# A sum of hours can change by as little as one likes.
_SLIGHTLY = 1e-9
# Share of cells with complete coverage from which on that is the ordinary case.
_MOSTLY = 0.2
# How much more is lost with a total than with one of its many parts.
_GRAIN_WEIGHT = {"day": 1.0, "week": 2.0, "month": 4.0, "quarter": 6.0, "year": 10.0}
_LEVEL_WEIGHT = {"national": 5.0, "region": 2.5, "health_trust": 1.5, "county": 1.5}


@dataclass
class Rows:
    """The rows of one series. Numbers are NaN where there are none."""

    exists: Bools
    # A row without numbers, or a place for one: nothing happened there.
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
    primary: Bools
    hidden: Bools
    # Reported after the period had been released without it.
    late: Bools
    # What could not be placed, in periods that are too short to be released for it.
    beyond: Bools
    absent: Bools = field(default_factory=lambda: np.zeros((0, 0), dtype=np.bool_))
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
        keys = ["kpi_id", "kpi_version", "segment"]
        parts = prepared(values, layout).partition_by(keys, as_dict=True)
        self._none = prepared(values.head(0), layout)
        self.rows = [self._read(s, parts, scope, policy) for s in forms.series]
        self._foreign = self._foreign_rows(scope)
        self._open = self._open_columns(policy.finest_grain_unplaced)

    def _read(
        self,
        series: Series,
        values: Mapping[tuple[object, ...], pl.DataFrame],
        scope: pl.DataFrame,
        policy: SuppressionPolicy,
    ) -> Rows:
        key = (series.kpi_id, series.version, series.segment)
        mine = values.get(key, self._none)
        at = (mine["_row"].to_numpy(), mine["_column"].to_numpy())

        def flags(column: str) -> Bools:
            array = np.zeros(self._shape, dtype=np.bool_)
            array[at] = mine[column].to_numpy()
            return array

        def numbers(column: str) -> Numbers:
            array = np.full(self._shape, np.nan)
            array[at] = mine[column].cast(pl.Float64).to_numpy()
            return array

        unplaced = np.array([unit == UNPLACED for _, unit in self.layout.units])
        scope_of = self._in_scope(series, scope)
        shows = np.array([level in series.levels for level, _ in self.layout.units])
        beyond = (unplaced & shows)[:, None] & ~scope_of

        def amounts(column: str) -> Numbers:
            """Numbers; where nothing is released and nothing has happened they are zero."""
            array = numbers(column)
            return np.where(beyond & np.isnan(array), 0.0, array)

        rows = Rows(
            exists=flags("_exists"),
            empty=scope_of,
            numerator=amounts("numerator"),
            denominator=amounts("denominator"),
            n=amounts("n"),
            coverage=numbers("coverage"),
            known=flags("_known"),
            earlier=flags("_earlier"),
            small_before=flags("_small_before"),
            cut=flags("_cut"),
            settled=flags("_settled"),
            shown_before=flags("_shown_before"),
            primary=np.zeros(self._shape, dtype=np.bool_),
            hidden=np.zeros(self._shape, dtype=np.bool_),
            late=flags("_late"),
            beyond=beyond,
        )
        present = np.zeros(self._shape, dtype=np.bool_)
        present[at] = True
        # The rows of one family are missing together, where it has nothing to tell. Another
        # family's row may be missing although the measure that it borrows is not zero.
        rows.absent = rows.empty & ~present
        rows.empty = present & ~rows.exists & ~beyond
        _find_unsafe(series, rows, policy)
        return rows

    def _in_scope(self, series: Series, scope: pl.DataFrame) -> Bools:
        found = np.zeros(self._shape, dtype=np.bool_)
        mine = scope.filter(
            (pl.col("kpi_id") == series.kpi_id) & (pl.col("segment") == series.segment)
        )
        levels = np.array([level for level, _ in self.layout.units])
        starts = [start for _, start in self.layout.calendar.periods]
        grains = np.array([GRAINS[i] for i in self.layout.grain_of])
        unplaced = np.array([unit == UNPLACED for _, unit in self.layout.units])
        for level, rest, grain, last in mine.select(
            "level", "is_unplaced", "period_grain", "last_period_start"
        ).iter_rows():
            columns = (grains == grain) & np.array([start <= last for start in starts])
            found |= ((levels == level) & (unplaced == rest))[:, None] & columns[None, :]
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
        missing = calendar.path[GRAINS.index(grain)] < 0
        return np.array([bool(missing[days].any()) for days in calendar.days_of], dtype=np.bool_)

    def costs(
        self, move: Move, *, plausible: bool, down_to_zero: bool, fresh: bool
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """What it takes to hide everything a move changes, with one event more and one less.

        `plausible` asks for worlds whose numbers make sense; `down_to_zero` allows those in which a
        hidden number is zero; `fresh` allows no cells that were hidden in an earlier release.
        """
        lowest = 0.0 if down_to_zero else 1.0
        cost = np.zeros(self._shape, dtype=np.float32)
        up = np.ones(self._shape, dtype=np.bool_)
        up[self._foreign[move.family, move.segment]] = False
        down = up.copy()
        for index in self.forms.touched(move):
            series, rows = self.forms.series[index], self.rows[index]
            cost += np.float32(series.weight) * (rows.exists & ~rows.hidden)
            # Of a month still open nothing may turn out to be unplaced.
            blocked = rows.known | rows.empty | (rows.beyond & self._open)
            if series.family == move.family:
                blocked = blocked | rows.absent
            if fresh:
                blocked = blocked | rows.earlier
            up &= ~blocked
            down &= ~blocked
            if plausible:
                up &= _possible(series, rows, move, 1, lowest)
                down &= _possible(series, rows, move, -1, lowest)
            else:
                # What is not released is still no less than nothing, and often follows.
                up &= _possible(series, rows, move, 1, 0.0) | ~rows.beyond
                down &= _possible(series, rows, move, -1, 0.0) | ~rows.beyond
        infinite = np.float32(np.inf)
        cost *= self._weight
        return np.where(up, cost, infinite), np.where(down, cost, infinite)

    def moves(self, series: Series, form: Form) -> list[Move]:
        """The moves that change a form, ordinary events first."""
        found: list[Move] = []
        for move in self.forms.moves(series, form):
            carried = self.forms.carried(move, self._tight)
            found += [m for m in (carried, move) if m.of(form)]
        return list(dict.fromkeys(found))

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

    def hidden(self) -> list[pl.DataFrame]:
        """Hidden rows of kpi_values: series, row, column and reason."""
        found = []
        for series, rows in zip(self.forms.series, self.rows, strict=True):
            at_rows, at = np.nonzero(rows.hidden)
            reason = np.where(
                rows.primary[at_rows, at],
                "primary",
                np.where(rows.earlier[at_rows, at], "earlier", "complementary"),
            )
            found.append(
                pl.DataFrame({"_row": at_rows, "_column": at, "reason": reason}).select(
                    pl.lit(series.kpi_id).alias("kpi_id"),
                    pl.lit(series.version, dtype=pl.Int32).alias("kpi_version"),
                    pl.lit(series.segment).alias("segment"),
                    pl.col("_row", "_column").cast(pl.Int64),
                    pl.col("reason").cast(pl.String),
                )
            )
        return found


def _find_unsafe(series: Series, rows: Rows, policy: SuppressionPolicy) -> None:
    """Which numbers of which rows are too small: the rules of `orchestration.suppression`."""

    def small(numbers: Numbers) -> Bools:
        return np.asarray((numbers > 0) & (numbers < policy.min_count))

    def thin(numbers: Numbers) -> Bools:
        return np.asarray((numbers > 0) & (numbers < policy.min_denominator))

    with np.errstate(invalid="ignore"):
        match series.kind:
            case "count":
                unsafe = {"numerator": small(rows.numerator)}
            case "share" | "excess":
                unsafe = {
                    "numerator": small(rows.numerator),
                    "rest": small(rows.denominator - rows.numerator),
                    "denominator": thin(rows.denominator),
                }
            case "rate" | "ratio" | "standardized":
                unsafe = {
                    "numerator": small(rows.numerator),
                    "denominator": thin(rows.denominator),
                }
                if series.kind == "standardized":
                    # Nothing may be expected of few.
                    unsafe["n"] = thin(rows.n) & (rows.denominator == 0)
            case "hours" | "hours_count":
                unsafe = {"denominator": thin(rows.denominator)}
            case _:
                unsafe = {"n": thin(rows.n)}
    if not series.denominator and "denominator" in unsafe:
        # Person-years are nobody's secret; what is hidden for having few of them is the numerator.
        few = unsafe.pop("denominator")
        unsafe["numerator"] = unsafe.get("numerator", np.zeros_like(few)) | few
    for mask in unsafe.values():
        mask &= rows.exists
    rows.primary = np.logical_or.reduce(list(unsafe.values()) or [rows.primary])
    rows.hidden = rows.primary | rows.earlier
    # What was shown before and has become small cannot be taken back, only no longer repeated.
    open_to_attack = ~rows.shown_before & ~rows.known & ~rows.settled
    rows.unsafe = {name: mask & open_to_attack for name, mask in unsafe.items()}
    # What has grown is no longer small, but what it was would follow from what it is.
    grown = rows.small_before & ~rows.primary & open_to_attack
    if series.kind in ("interval", "mean"):
        return
    rows.unsafe["numerator"] = rows.unsafe.get("numerator", np.zeros_like(grown)) | grown


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
        if series.kind not in HOURS and n and sign * n < 0:
            possible &= ~(rows.n < abs(n) + lowest)
        if series.kind in PARTS and sign * (denominator - numerator) < 0:
            room = rows.denominator - rows.numerator
            possible &= ~(room < abs(denominator - numerator) * size)
        if series.base and sign * (base - known) < 0 and series.kind not in HOURS:
            usable = rows.n if not series.known or series.known == series.n else rows.numerator
            room = np.round(usable / rows.coverage) - usable
            possible &= ~(room < abs(base - known))
    return possible | ~(rows.exists | rows.beyond)


def prepared(values: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Rows of kpi_values with their places in the arrays."""
    units = pl.DataFrame(
        [(level, unit, index) for index, (level, unit) in enumerate(layout.units)],
        schema={"level": pl.String, "unit_id": pl.String, "_row": pl.Int64},
        orient="row",
    )
    columns = pl.DataFrame(
        [(g, s, index) for index, (g, s) in enumerate(layout.calendar.periods)],
        schema={"period_grain": pl.String, "period_start": pl.Date, "_column": pl.Int64},
        orient="row",
    )
    return values.join(units, on=["level", "unit_id"]).join(
        columns, on=["period_grain", "period_start"]
    )


def columns_of(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The frame with flags that it lacks, all false."""
    return frame.with_columns(
        pl.lit(False).alias(name) for name in names if name not in frame.columns
    )
