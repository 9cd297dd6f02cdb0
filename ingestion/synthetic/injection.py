"""Put faults into clean records, and say for each what the pipeline should make of it.

A record with a fault exists three times: as it should have been (clean), as it is sent (emitted,
one or more rows) and as the documented treatment leaves it (effective, or nothing).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ingestion.synthetic.chance import Rng, stream
from ingestion.synthetic.clock import Bools, Ints, clock_changes, is_ambiguous, local_day
from ingestion.synthetic.effects import apply
from ingestion.synthetic.faults import ALL_FAULTS, AMBIGUOUS, LOCAL_TIME_SOURCES, Fault, rule
from ingestion.synthetic.fitness import Span, fit
from ingestion.synthetic.frames import STAMPS
from ingestion.synthetic.reference import Reference
from ingestion.synthetic.shapes import as_rows, flagged, numbers, out_of_order

# A file keeps nearly all its rows: at most this share is spoilt, and none of a tiny file.
_MAX_SPOILT_SHARE = 0.04
_LEAST_ROWS = 5


@dataclass
class Result:
    """The records of one contract and month after injection.

    `common` records are the same clean and effective. `doubles` are rows of another system that the
    pipeline recognises; they count in data quality figures only. `also` has second findings of rows
    in the hour that occurs twice: read as the first of the two, stamps may come out of order.
    """

    emitted: pl.DataFrame
    common: pl.DataFrame
    clean: pl.DataFrame
    effective: pl.DataFrame
    doubles: pl.DataFrame
    also: pl.DataFrame


@dataclass
class Injector:
    """Chooses and applies faults, month after month.

    `rate` multiplies every rate; with a rate above zero each fault occurs at least once in a run
    that has a record fit for it.
    """

    ref: Reference
    seed: int
    rate: float
    last_day: int
    seen: set[int] = field(default_factory=set)

    def inject(self, contract: str, clean: pl.DataFrame, part: int) -> Result:
        """Apply faults to a month of clean records."""
        rng = stream(self.seed, f"faults {contract}", part)
        chosen = self._choose(rng, contract, clean)
        with_choice = clean.with_columns(pl.Series("_fault", chosen, dtype=pl.Int32))
        common = with_choice.filter(pl.col("_fault") < 0)
        normal = as_rows(common.drop("_fault"))
        parts = [normal.with_columns(pl.lit(None, dtype=pl.Int32).alias("_fault"))]
        clean_parts, effective_parts, doubles = [], [], []
        also = [pl.DataFrame(schema={"_rid": pl.Int64, "also": pl.String})]
        for index in sorted(set(chosen[chosen >= 0].tolist())):
            fault = ALL_FAULTS[index]
            rows = with_choice.filter(pl.col("_fault") == index).drop("_fault")
            sent, effective, doubled = apply(self.ref, rng, fault, rows)
            parts.append(
                sent.with_columns(
                    pl.when("_fault").then(pl.lit(index, dtype=pl.Int32)).alias("_fault")
                )
            )
            clean_parts.append(flagged(rows))
            effective_parts.append(effective)
            doubles.append(doubled)
            if fault in AMBIGUOUS:
                also.extend(_order_findings(contract, effective))
        columns = parts[0].columns
        emitted = pl.concat([part.select(columns) for part in parts])
        none = flagged(common.drop("_fault").clear())
        return Result(
            emitted=emitted,
            common=flagged(common.drop("_fault")),
            clean=_all(clean_parts, none),
            effective=_all(effective_parts, none),
            doubles=_all(doubles, none),
            also=pl.concat(also),
        )

    def _choose(self, rng: Rng, contract: str, clean: pl.DataFrame) -> Ints:
        """For each record the fault it gets, as an index into the fault list; -1 for none."""
        chosen = np.full(clean.height, -1, dtype=np.int64)
        natural = _ambiguous(contract, clean)
        for index, fault in enumerate(ALL_FAULTS):
            if fault.contract == contract and fault in AMBIGUOUS:
                chosen[natural] = index
        if self.rate <= 0 or not clean.height:
            return chosen
        files = _Files(clean)
        span = Span(self.ref, self.last_day)
        for index, fault in enumerate(ALL_FAULTS):
            if fault.contract != contract or fault in AMBIGUOUS:
                continue
            able = fit(span, fault, clean) & (chosen < 0) & files.open_to(fault)
            candidates = np.flatnonzero(able)
            count = int(rng.binomial(len(candidates), min(1.0, fault.rate * self.rate)))
            if not count and len(candidates) and index not in self.seen:
                count = 1
            for row in rng.choice(candidates, count, replace=False) if count else ():
                if files.take(fault, int(row)):
                    chosen[row] = index
                    self.seen.add(index)
        return chosen


class _Files:
    """How much each file can bear: a file keeps nearly all its rows, and never loses the last."""

    def __init__(self, clean: pl.DataFrame) -> None:
        source = clean["_source"].rank("dense").to_numpy().astype(np.int64)
        day = clean["_day"].to_numpy().astype(np.int64)
        _, self._file = np.unique(day * 16 + source, return_inverse=True)
        rows = np.bincount(self._file)
        room = np.maximum(1, (rows * _MAX_SPOILT_SHARE).astype(np.int64))
        self._room = np.where(rows < _LEAST_ROWS, 0, room)
        self._staying = rows - 1

    @staticmethod
    def _costs(fault: Fault) -> tuple[int, int]:
        """What a fault takes of the two budgets of its file."""
        spoils = fault.rejects or fault.kind == "key_repeated"
        leaves = fault.rejects or fault.kind == "late"
        return int(spoils), int(leaves)

    def open_to(self, fault: Fault) -> Bools:
        """Which records are in files that can bear the fault."""
        spoilt, gone = self._costs(fault)
        able: Bools = ((self._room >= spoilt) & (self._staying >= gone))[self._file]
        return able

    def take(self, fault: Fault, row: int) -> bool:
        """Charge the file of a record; false when it has been used up meanwhile."""
        spoilt, gone = self._costs(fault)
        file = self._file[row]
        if self._room[file] < spoilt or self._staying[file] < gone:
            return False
        self._room[file] -= spoilt
        self._staying[file] -= gone
        return True


def _all(parts: list[pl.DataFrame], none: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([part.select(none.columns) for part in [none, *parts]])


def _ambiguous(contract: str, clean: pl.DataFrame) -> Bools:
    local = (
        clean["_source"].is_in(list(LOCAL_TIME_SOURCES)) & _around(clean["_day"], 1)
    ).to_numpy()
    found = np.zeros(clean.height, dtype=bool)
    if not local.any():
        return found
    for name in STAMPS[contract]:
        present = clean[name].is_not_null().to_numpy() & local
        rows = np.flatnonzero(present)
        found[rows] |= is_ambiguous(numbers(clean[name].gather(pl.Series(rows))))
    return found


def _order_findings(contract: str, rows: pl.DataFrame) -> list[pl.DataFrame]:
    return [
        rows.filter(wrong).select(
            "_rid", pl.lit(rule(contract, name, "OUT_OF_ORDER")).alias("also")
        )
        for name, wrong in out_of_order(contract, rows).items()
        if wrong.any()
    ]


def _around(days: pl.Series, change: int) -> pl.Series:
    """Whether local days lie next to a change of clock (0: to summer time, 1: back)."""
    years = range(2010, 2040)
    at = local_day(np.array([clock_changes(year)[change] for year in years])).tolist()
    return days.is_in([day + step for day in at for step in (-1, 0, 1)])
