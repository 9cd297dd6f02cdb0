"""What may be seen of calls by hour of the week and of times by class.

Both tables are parts of figures in kpi_values, and the rules are those of the KPI they are parts
of: its thresholds, its released periods, and its hidden cells. Beyond them:

* A unit's parts are hidden whole where the KPI itself, or another figure made of them, is.
* Small parts are protected by other worlds (`worlds.py`), each period by itself. Of the lowest
  levels only a year and twelve months running are released. No two of these end on the same day
  unless they are the same days, so none is a sum of others. Levels with quarters and tertials too
  hide a part in all of their periods or in none.
* Days of the week add up to published days. Where one of those is hidden, two hours are hidden on
  every day of the week, the same ones everywhere: the events of the other world may lie there.
* What the release before hid stays hidden, and what it showed protects nothing; but where there is
  no other way, hidden again, it does not show that it is unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from orchestration import release_content
from orchestration.disclosure.history import History
from orchestration.disclosure.periods import span
from orchestration.disclosure.places import Unit
from orchestration.disclosure.scope import last_closed
from orchestration.disclosure.worlds import Further, Level, Table
from orchestration.registry.spec import Registry
from orchestration.suppression import SuppressionPolicy, few

KEY = ("subject", "segment", "period_grain", "period_start", "level", "unit_id", "item")
HIDDEN_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(KEY, pl.String),
        "period_start": pl.Date,
        "item": pl.Int32,
    }
)
SCOPE_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("subject", "level", "period_grain"), pl.String),
        "last_period_start": pl.Date,
    }
)
# Stands for all parts of a unit and period.
WHOLE = 0
NATIONAL = "NO"
_UNIT = KEY[1:6]
_LONG = ("year", "rolling12")


@dataclass(frozen=True)
class Subject:
    """A table of parts: which KPI they are parts of, and where to find them."""

    name: str
    table: str
    # The KPI whose cases are divided, and the others that are sums of the parts.
    kpi: str
    told_by: tuple[str, ...]
    # What a release calls it.
    released_as: str
    levels: tuple[str, ...]
    item: str
    block: str
    n: str = "n"
    # Other numbers of a part that nothing is said of when they are few: those of this KPI.
    bases: Mapping[str, str] = field(default_factory=dict)
    # Classes are told as shares of a whole: few, and few in all the others.
    is_share: bool = False
    # Whether days of the week add up to published days.
    of_days: bool = False

    def query(self, relations: Mapping[str, str | None]) -> str:
        """The parts in the warehouse, with what decides about them."""
        others = "".join(
            f", {name}" for name in (*self.bases, *(["total"] if self.is_share else []))
        )
        source = f"{relations[self.table]} as t"
        if self.is_share:
            source += (
                f" inner join {relations['class_limits']} as l using (segment, class_no)"
                f" where l.measure = '{self.name}'"
            )
        return (
            f"select segment, period_grain, period_start, level, unit_id,"
            f" cast({self.item} as integer) as item, cast({self.block} as integer) as block,"
            f" {self.n} as n{others} from {source}"
        )


SUBJECTS = (
    Subject(
        name="hour_profile",
        table="agg_hour_profiles",
        kpi="calls_offered",
        told_by=(
            "unanswered_share",
            "c113_within_10s",
            "c116117_within_2min",
            "answer_time_median",
        ),
        released_as="hour_profiles",
        levels=("national", "region", "central"),
        item="weekday * 100 + hour",
        block="weekday",
        n="calls",
        bases=dict.fromkeys(("answered_valid", "in_time_of", "handled"), "answer_time_median"),
        of_days=True,
    ),
    Subject(
        name="answer_time",
        table="agg_answer_classes",
        kpi="answer_time_median",
        told_by=("c113_within_10s", "c113_over_20s", "c116117_within_2min", "c116117_within_10min"),
        released_as="time_classes",
        levels=("national", "region", "central"),
        item="class_no",
        block="side",
        is_share=True,
    ),
    Subject(
        name="response_time",
        table="agg_response_classes",
        kpi="resp_median",
        told_by=("resp_urban_12", "resp_rural_25"),
        released_as="time_classes",
        levels=("national", "region", "health_trust", "municipality"),
        item="class_no",
        block="side",
        is_share=True,
    ),
)


@dataclass(frozen=True)
class Decision:
    """Which parts are hidden, which periods are released, and what came of it."""

    hidden: pl.DataFrame
    scope: pl.DataFrame
    report: dict[str, Any]

    def tables(self) -> dict[str, pl.DataFrame]:
        """As the models that show the parts read it."""
        return {"part_hidden": self.hidden, "part_scope": self.scope}


def read(warehouse: Path) -> dict[str, pl.DataFrame]:
    """The parts per subject; a warehouse may be without."""
    import duckdb

    found = {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for subject in SUBJECTS:
            names = (subject.table, *(["class_limits"] if subject.is_share else []))
            relations = {
                name: release_content.relation(connection, name, required=False) for name in names
            }
            if all(relations.values()):
                found[subject.name] = connection.sql(subject.query(relations)).pl()
    return found


def released(releases_dir: Path, history: History) -> dict[str, pl.DataFrame]:
    """The parts of the release before, n null where hidden. What another policy hid is left out."""
    found = {}
    for subject in SUBJECTS:
        path = releases_dir / str(history.release_id) / f"{subject.released_as}.parquet"
        if not path.is_file():
            continue
        rows = pl.scan_parquet(path)
        if subject.is_share:
            rows = rows.filter(pl.col("measure") == subject.name)
        rows = rows.filter(pl.col("status").is_in(["ok", "suppressed"])).select(
            *(pl.col(name).cast(pl.String) for name in _UNIT if name != "period_start"),
            "period_start",
            pl.sql_expr(subject.item).cast(pl.Int32).alias("item"),
            pl.col(subject.n).cast(pl.Int64).alias("n"),
        )
        if not history.is_same_policy:
            rows = rows.filter(pl.col("n").is_not_null())
        found[subject.name] = rows.collect()
    return found


def decide(
    parts: Mapping[str, pl.DataFrame],
    hidden_kpis: pl.DataFrame,
    earlier: Mapping[str, pl.DataFrame],
    parents: Mapping[Unit, frozenset[Unit]],
    registry: Registry,
    delivered: Mapping[str, date],
    policy: SuppressionPolicy,
    seen: pl.DataFrame | None = None,
) -> Decision:
    """The decision, from data alone; `seen` are KPIs, levels and units that are shown in full.

    `parts` and `earlier` are per subject: the parts with n and what else decides; those of the
    release before with n, null where hidden. `hidden_kpis` are the keys of hidden figures, with n.
    """
    hidden, scope, report = [], [], {}
    for subject in SUBJECTS:
        cells = parts.get(subject.name)
        if cells is None or cells.is_empty():
            continue
        released = _scope(subject, registry, delivered)
        cells = cells.join(released, on=["level", "period_grain"]).filter(
            pl.col("period_start") <= pl.col("last_period_start")
        )
        cells = _judged(cells, subject, hidden_kpis, earlier.get(subject.name), registry, policy)
        if seen is not None:
            cells = _in_sight(cells, seen.filter(pl.col("kpi_id") == subject.kpi))
        found, further = _protected(cells, subject, parents)
        shown_as_whole = cells.filter("whole").select(_UNIT).unique()
        found = found.join(shown_as_whole, on=list(_UNIT), how="anti")
        whole = shown_as_whole.with_columns(pl.lit(WHOLE, dtype=pl.Int32).alias("item"))
        both = pl.concat([found, whole.select(found.columns)])
        hidden.append(both.with_columns(pl.lit(subject.name).alias("subject")).select(KEY))
        scope.append(released.with_columns(pl.lit(subject.name).alias("subject")))
        report[subject.name] = {
            "cells": cells.height,
            "hidden": found.height + int(cells["whole"].sum()),
            "hidden_further": further,
        }
    return Decision(
        pl.concat([HIDDEN_SCHEMA.to_frame(), *hidden]).sort(KEY),
        pl.concat([SCOPE_SCHEMA.to_frame(), *(s.select(SCOPE_SCHEMA.names()) for s in scope)]),
        report,
    )


def _scope(subject: Subject, registry: Registry, delivered: Mapping[str, date]) -> pl.DataFrame:
    (contract,) = {kpi.contract for kpi in registry.kpis if kpi.id == subject.kpi}
    rows = [
        (subject.name, level, grain, last_closed(grain, delivered[contract]))
        for level in subject.levels
        for grain in ("quarter", "tertial", *_LONG)
        if contract in delivered
    ]
    return pl.DataFrame(rows, schema=SCOPE_SCHEMA, orient="row").drop("subject")


def _judged(
    cells: pl.DataFrame,
    subject: Subject,
    hidden_kpis: pl.DataFrame,
    earlier: pl.DataFrame | None,
    registry: Registry,
    policy: SuppressionPolicy,
) -> pl.DataFrame:
    """Per part whether it is small, hidden for other reasons, hidden with its whole, or known."""
    sensitivity = {kpi.id: kpi.sensitivity for kpi in registry.kpis}
    small, coarse = pl.lit(False), pl.lit(False)
    for level in subject.levels:
        here = pl.col("level") == level
        own = policy.of(sensitivity[subject.kpi], level)
        found = few(pl.col("n"), own.min_part if subject.is_share else own.min_count)
        if subject.is_share:
            found |= (pl.col("n") > 0) & few(pl.col("total") - pl.col("n"), own.min_part)
        for base, kpi in subject.bases.items():
            found |= few(pl.col(base), policy.of(sensitivity[kpi], level).min_denominator)
        small |= here & found
        finer = {"quarter", "tertial"} - set(policy.grains(subject.name, level))
        coarse |= here & pl.col("period_grain").is_in(sorted(finer))
        if subject.is_share:
            coarse |= here & few(pl.col("total"), own.min_denominator)
    in_force = {
        kpi.id: max(k.version for k in registry.kpis if k.id == kpi.id) for kpi in registry.kpis
    }
    told = hidden_kpis.filter(
        pl.any_horizontal(
            (pl.col("kpi_id") == kpi) & (pl.col("kpi_version") == in_force[kpi])
            for kpi in (subject.kpi, *subject.told_by)
        )
    )
    same = told.group_by(_UNIT).agg(pl.col("n").max().alias("_told"))
    cells = cells.join(same, on=list(_UNIT), how="left")
    # A share of some of the cases, those in rural places say, does not follow from classes of all.
    all_cases = (
        pl.col("_told") >= pl.col("total") if subject.is_share else pl.col("_told").is_not_null()
    )
    cells = cells.with_columns(
        small.fill_null(False).alias("small"), (coarse | all_cases.fill_null(False)).alias("whole")
    )
    opened = pl.lit(False)
    if subject.of_days:
        quiet = _quiet_hours(cells)
        in_days = _with_hidden_days(cells, told)
        cells = cells.join(in_days, on=list(_UNIT), how="left")
        opened = pl.col("_in_days").fill_null(False) & (pl.col("item") % 100).is_in(quiet)
    key = [*_UNIT, "item"]
    if earlier is not None:
        then = earlier.select(*key, pl.col("n").alias("_then"), pl.lit(True).alias("_released"))
        cells = cells.join(then, on=key, how="left")
    else:
        cells = cells.with_columns(_then=pl.lit(None, pl.Int64), _released=pl.lit(None, pl.Boolean))
    was_hidden = pl.col("_released").fill_null(False) & pl.col("_then").is_null()
    return cells.with_columns(
        (
            pl.col("small") | pl.col("whole") | opened | (was_hidden & pl.col("n").is_not_null())
        ).alias("hidden"),
        (pl.col("_then") == pl.col("n")).fill_null(False).alias("known"),
    )


def _in_sight(cells: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """The parts with those that are seen in full: known, never hidden, and no protection."""
    there = seen.select("level", "unit_id").unique().with_columns(pl.lit(True).alias("_seen"))
    cells = cells.join(there, on=["level", "unit_id"], how="left")
    is_seen = pl.col("_seen").fill_null(False)
    return cells.with_columns(
        *((pl.col(name) & ~is_seen).alias(name) for name in ("small", "whole", "hidden")),
        (pl.col("known") | is_seen).alias("known"),
    )


def _quiet_hours(cells: pl.DataFrame) -> list[int]:
    """The two hours of the clock with the fewest calls in the country."""
    country = cells.filter(pl.col("unit_id") == NATIONAL)
    hours = country.group_by((pl.col("item") % 100).alias("hour")).agg(pl.col("n").sum())
    return hours.sort("n", "hour")["hour"].to_list()[:2]


def _with_hidden_days(cells: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Units and periods in which a figure of a shorter period is hidden."""
    names = ["segment", "level", "unit_id"]
    shorter = told.filter(pl.col("period_grain").is_in(["day", "week", "month"])).select(
        *names, pl.col("period_start").alias("day")
    )
    periods = cells.select("period_grain", "period_start").unique()
    ends = [span(grain, start) for grain, start in periods.iter_rows()]
    periods = periods.with_columns(
        pl.Series("_first", [first for first, _ in ends], pl.Date),
        pl.Series("_last", [last for _, last in ends], pl.Date),
    )
    return (
        shorter.unique()
        .join(periods, how="cross")
        .filter(pl.col("day").is_between("_first", "_last"))
        .select(_UNIT)
        .unique()
        .with_columns(pl.lit(True).alias("_in_days"))
    )


def _protected(
    cells: pl.DataFrame, subject: Subject, parents: Mapping[Unit, frozenset[Unit]]
) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """The hidden parts, those that protect others too; and what was hidden step by step."""
    found: list[pl.DataFrame] = []
    further: list[Further] = []
    for (segment,), rows in cells.group_by("segment", maintain_order=True):
        tables = _tables(rows, subject, parents)
        further += [rung for named in tables.values() for rung in named.table.protect()]
        _alike(tables)
        found += [t.rows(str(segment), *period) for period, t in tables.items()]
    names = [*_UNIT, "item"]
    empty = HIDDEN_SCHEMA.to_frame().select(names)
    return pl.concat([empty, *found]).join(cells.select(names), on=names, how="semi"), [
        {
            "step": step,
            "numbers": sum(rung.numbers for rung in mine),
            "rows": sum(rung.rows for rung in mine),
        }
        for step in dict.fromkeys(rung.step for rung in further)
        for mine in [[rung for rung in further if rung.step == step]]
    ]


@dataclass
class _Named:
    """A table with the names of its units and parts."""

    table: Table
    levels: tuple[str, ...]
    units: Mapping[str, list[str]]
    items: list[int]

    def rows(self, segment: str, grain: str, start: date) -> pl.DataFrame:
        rows = [
            (segment, grain, start, name, self.units[name][unit], self.items[item])
            for name, level in zip(self.levels, self.table.levels, strict=True)
            for unit, item in np.argwhere(level.hidden)
        ]
        return pl.DataFrame(rows, schema=HIDDEN_SCHEMA.to_frame()[:, 1:].schema, orient="row")


def _tables(
    rows: pl.DataFrame, subject: Subject, parents: Mapping[Unit, frozenset[Unit]]
) -> dict[tuple[str, date], _Named]:
    """The parts of one segment as a table per period, with the levels that are released of it."""
    items = rows["item"].unique().sort().to_list()
    block_of = dict(rows.select("item", "block").unique().iter_rows())
    blocks = np.array([block_of[item] for item in items])
    units = {
        level: rows.filter(pl.col("level") == level)["unit_id"].unique().sort().to_list()
        for level in subject.levels
    }
    tables = {}
    for (grain, start), here in rows.group_by("period_grain", "period_start", maintain_order=True):
        shown = set(here.filter(~pl.col("whole"))["level"])
        deepest = max((i for i, name in enumerate(subject.levels) if name in shown), default=0)
        levels = subject.levels[: deepest + 1]
        table = Table(
            [_level(here.filter(pl.col("level") == name), units[name], items) for name in levels],
            _above(levels, units, parents),
            blocks,
        )
        tables[(str(grain), start)] = _Named(table, levels, units, items)
    return tables


def _level(rows: pl.DataFrame, units: list[str], items: list[int]) -> Level:
    """The arrays of a level; a unit without rows has nothing, and everyone knows."""
    shape = (len(units), len(items))
    unit_at, item_at = ({name: i for i, name in enumerate(names)} for names in (units, items))
    at = (
        np.array([unit_at[unit] for unit in rows["unit_id"]], dtype=np.int64),
        np.array([item_at[item] for item in rows["item"]], dtype=np.int64),
    )
    n = np.zeros(shape, dtype=np.int64)
    hidden, small, known = np.zeros(shape, bool), np.zeros(shape, bool), np.ones(shape, bool)
    n[at] = rows["n"].fill_null(0).to_numpy()
    hidden[at], known[at] = rows["hidden"].to_numpy(), rows["known"].to_numpy()
    # What was shown before cannot be taken back.
    small[at] = (rows["small"] & ~rows["known"]).to_numpy()
    return Level(n, hidden, small, known)


def _above(
    levels: tuple[str, ...], units: Mapping[str, list[str]], parents: Mapping[Unit, frozenset[Unit]]
) -> list[np.ndarray[Any, Any]]:
    """Per level the unit that each unit of the last one lies in."""
    lines = np.arange(len(units[levels[-1]]))
    found = [lines]
    for level, over in zip(reversed(levels), list(reversed(levels))[1:], strict=False):
        at = {name: i for i, name in enumerate(units[over])}
        own = np.array([at[_parent((level, unit), over, parents)] for unit in units[level]])
        found.append(own[found[-1]])
    return found[::-1]


def _parent(unit: Unit, level: str, parents: Mapping[Unit, frozenset[Unit]]) -> str:
    if level == "national":
        return NATIONAL
    return min(name for above, name in parents[unit] if above == level)


def _alike(tables: Mapping[tuple[str, date], _Named]) -> None:
    """Hide the same parts in periods that could be subtracted from each other."""
    groups: dict[tuple[str, date | None], list[Level]] = {}
    grains: dict[str, set[str]] = {}
    for (grain, _), named in tables.items():
        for name in named.levels:
            grains.setdefault(name, set()).add(grain)
    for (grain, start), named in tables.items():
        for name, level in zip(named.levels, named.table.levels, strict=True):
            is_nested = not grains[name] <= set(_LONG)
            key = (name, None if is_nested else span(grain, start)[1])
            groups.setdefault(key, []).append(level)
    for levels in groups.values():
        together = reduce(or_, (level.hidden for level in levels))
        for level in levels:
            level.hidden[:] = together
