"""What earlier releases have shown and hidden: it binds what this one may show and hide.

* What was hidden stays hidden; its number would otherwise be known for the earlier release too.
  What was hidden to protect others is decided anew with them, once a longer period that holds them
  all is released for the first time.
* What was hidden, is as it was, and lies in no period released for the first time is settled: the
  world that protected it still could have been.
* What was too small stays protected when it has grown: what it was would follow from what it is.
* What was shown is known. It protects nothing, unless its numbers have changed since.
* What was shown and has become small is no longer repeated, but it cannot be taken back. It counts
  neither as protected nor as protection, and is listed in the release as withdrawn.

When the policy has changed, what was shown is as known as before. What was hidden is judged by the
new policy: it may be shown, and what is small by it now was small then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from orchestration import atomic
from orchestration.disclosure.keys import coded, numbered, plain
from orchestration.disclosure.periods import span
from orchestration.disclosure.table import SHOWN, tells
from orchestration.suppression import SUPPRESSED, SuppressionPolicy
from reporting.columns import KEY

WITHDRAWN = "withdrawn"
NUMBERS = ("numerator", "denominator", "n")
# What earlier releases mean for a cell.
FLAGS = ("_known", "_earlier", "_small_before", "_cut", "_settled", "_shown_before", "_late")
_PERIOD_OF = ("kpi_id", "segment", "level", "period_grain", "period_start")
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class History:
    """The last release and the decision it was made by; `values` is None where there is none."""

    release_id: str | None
    note: str
    values: pl.DataFrame | None = None
    withdrawn: pl.DataFrame | None = None
    # The numbers that the release hides, which only the warehouse has; `was_small` says which of
    # them are hidden for being too small, now or once.
    hidden: pl.DataFrame | None = None
    # False where it was made under another policy: what it hides need not stay hidden.
    is_same_policy: bool = True
    decision: str | None = None


def last_release(releases_dir: Path, policy: SuppressionPolicy) -> History:
    """The newest release on disk: readers may have seen it even if it was rolled back."""
    found: list[tuple[str, str, Mapping[str, Any]]] = []
    for folder in releases_dir.iterdir() if releases_dir.is_dir() else ():
        metadata = atomic.read_json(folder / "metadata.json") if folder.is_dir() else None
        if not folder.name.startswith(".") and isinstance(metadata, dict):
            found.append((str(metadata.get("created_at", "")), folder.name, metadata))
    if not found:
        return History(None, "the first release")
    for _, name, metadata in sorted(found, key=lambda item: item[:2], reverse=True):
        is_same = metadata.get("suppression") == policy.describe()
        folder = releases_dir / name
        with suppress(OSError, pl.exceptions.PolarsError):
            values = pl.read_parquet(
                folder / "kpi_values.parquet", columns=[*KEY, *NUMBERS, "status"]
            ).filter(pl.col("status").is_in([*SHOWN, SUPPRESSED, "no_data"]))
            taken_back = pl.read_parquet(folder / f"{WITHDRAWN}.parquet")
            note = f"bound by {name}"
            note += "" if is_same else ", as far as it has shown: the policy has changed since"
            return History(
                name,
                note,
                values,
                taken_back,
                is_same_policy=is_same,
                decision=metadata.get("disclosure", {}).get("decision"),
            )
    return History(None, "no earlier release can be read")


def with_history(values: pl.DataFrame, history: History) -> pl.DataFrame:
    """The rows of kpi_values with what earlier releases mean for them."""
    if history.values is None:
        return values
    before = coded(history.values).select(
        *KEY,
        *(pl.col(name).cast(pl.Float64).alias(f"_{name}") for name in NUMBERS),
        pl.col("status").alias("_status"),
    )
    nothing = before.select(KEY).clear()
    taken = nothing if history.withdrawn is None else coded(history.withdrawn).select(KEY)
    hidden = nothing if history.hidden is None else coded(history.hidden)
    columns = values.columns
    values, before, taken, hidden = numbered(
        [values, before, taken, hidden], _cell=KEY, _period_of=_PERIOD_OF
    )
    withdrawn = pl.col("_cell").is_in(taken["_cell"].implode())
    same = pl.all_horizontal(
        (pl.col(name).cast(pl.Float64) - pl.col(f"_{name}")).abs().fill_null(0.0) <= _TOLERANCE
        for name in NUMBERS
    )
    exists = pl.col("status").is_in(SHOWN)
    shown = pl.col("_status").is_in(SHOWN).fill_null(False)
    # Released before, but without this row: its period is one that other rows were shown for.
    released = before.filter(shown)["_period_of"].unique()
    known_then = before.select("_cell", "_status", *(f"_{name}" for name in NUMBERS))
    joined = values.join(known_then, on="_cell", how="left")
    joined = _with_settled(joined, before, None if history.hidden is None else hidden)
    if not history.is_same_policy:
        joined = joined.with_columns(_settled=False, _cut=False)
        if history.hidden is None:
            joined = joined.with_columns(_small_before=False)
    # That nothing could be used was said then as it is now.
    unusable = (pl.col("status") == "no_data") & (pl.col("_status") == "no_data").fill_null(False)
    return joined.with_columns(
        # A withdrawn number is known as it was; it is no use as protection.
        ((shown & same) | unusable | withdrawn).alias("_known"),
        ((shown & ~same) | withdrawn).alias("_shown_before"),
        (
            (pl.col("_status") == SUPPRESSED).fill_null(False)
            & tells()
            & ~pl.col("_reopened")
            & history.is_same_policy
        ).alias("_earlier"),
        (
            exists
            & (pl.col("_status").fill_null("no_data") == "no_data")
            & pl.col("_period_of").is_in(released.implode())
        ).alias("_late"),
    ).select(*columns, *FLAGS)


def _with_settled(
    joined: pl.DataFrame, before: pl.DataFrame, hidden: pl.DataFrame | None
) -> pl.DataFrame:
    if hidden is None:
        # Which of the hidden numbers were small is not known, so they all count as such.
        hidden_before = (pl.col("_status") == SUPPRESSED).fill_null(False)
        return joined.with_columns(
            pl.lit(False).alias("_settled"),
            pl.lit(False).alias("_reopened"),
            pl.lit(False).alias("_cut"),
            hidden_before.alias("_small_before"),
        )
    kept = hidden.select(
        "_cell",
        *(pl.col(name).cast(pl.Float64).alias(f"_was_{name}") for name in NUMBERS),
        pl.lit(True).alias("_was_hidden"),
        pl.col("was_small").alias("_small_before"),
    )
    joined = joined.join(kept, on="_cell", how="left")
    same = pl.all_horizontal(
        pl.col(name).cast(pl.Float64).eq_missing(pl.col(f"_was_{name}"))
        | ((pl.col(name).cast(pl.Float64) - pl.col(f"_was_{name}")).abs() <= _TOLERANCE).fill_null(
            False
        )
        for name in NUMBERS
    )
    as_it_was = pl.col("_was_hidden").fill_null(False) & same & (pl.col("_status") == SUPPRESSED)
    small_before = (pl.col("_small_before") & (pl.col("_status") == SUPPRESSED)).fill_null(False)
    touched, held = _in_new_periods(joined, before)
    for_others = pl.col("_was_hidden").fill_null(False) & ~small_before
    return joined.with_columns(
        (as_it_was.fill_null(False) & ~touched).alias("_settled"),
        (for_others & held).alias("_reopened"),
        (for_others & touched & ~held).alias("_cut"),
        small_before,
    )


def _in_new_periods(rows: pl.DataFrame, before: pl.DataFrame) -> tuple[pl.Expr, pl.Expr]:
    """Whether a row's period overlaps one that no earlier release had, whose total is news, and
    whether it lies within one."""
    names = ("period_grain", "period_start")
    new = rows.select(names).unique().join(before.select(names).unique(), on=names, how="anti")
    spans = [span(grain, start) for grain, start in new.iter_rows()]
    touched: dict[str, list[date]] = {}
    held: dict[str, list[date]] = {}
    for grain, start in rows.select(names).unique().iter_rows():
        begins, ends = span(grain, start)
        if any(begins <= last and first <= ends for first, last in spans):
            touched.setdefault(grain, []).append(start)
        if any(first <= begins and ends <= last for first, last in spans):
            held.setdefault(grain, []).append(start)
    return _is_in(touched), _is_in(held)


def _is_in(periods: Mapping[str, Sequence[date]]) -> pl.Expr:
    found = pl.lit(False)
    for grain, starts in periods.items():
        found |= (pl.col("period_grain") == grain) & pl.col("period_start").is_in(starts)
    return found


def withdrawn(hidden: pl.DataFrame, history: History) -> pl.DataFrame:
    """Keys of those hidden cells that an earlier release has shown."""
    if history.values is None:
        return plain(hidden.select(KEY).clear())
    return plain(hidden.filter(pl.col("_shown_before") | pl.col("_known")).select(KEY)).sort(KEY)
