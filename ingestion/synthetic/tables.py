"""Tables under construction: arrays of equal length, before they become frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from ingestion.synthetic.clock import Bools, Ints

Array: TypeAlias = npt.NDArray[Any]
Table: TypeAlias = dict[str, Array]

# A stamp, code or reference that is not there.
NONE = np.int64(-(2**62))
NOBODY = -1


def height(table: Table) -> int:
    """The number of rows."""
    return len(next(iter(table.values()))) if table else 0


def take(table: Table, rows: Ints | Bools) -> Table:
    """The chosen rows, in that order."""
    return {name: values[rows] for name, values in table.items()}


def stack(tables: Sequence[Table]) -> Table:
    """Tables with the same columns below each other."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def empty_stamps(size: int) -> Ints:
    """A stamp column without values."""
    return np.full(size, NONE, dtype=np.int64)


def stamp(values: Ints) -> pl.Series:
    """Milliseconds to a timestamp column; absent values become null."""
    series = pl.Series(values, dtype=pl.Int64)
    return series.set(pl.Series(values == NONE), None).cast(pl.Datetime("ms"))


def labels(indexes: Array, names: Sequence[str | None]) -> pl.Series:
    """Indexes to texts; negative indexes become null."""
    lookup = pl.Series([*names, None], dtype=pl.String)
    safe = np.where(indexes < 0, len(names), indexes).astype(np.uint32)
    return lookup.gather(pl.Series(safe))


def optional_text(values: Mapping[int, str], size: int) -> pl.Series:
    """A text column with values at a few rows."""
    column = pl.repeat(None, size, dtype=pl.String, eager=True)
    if not values:
        return column
    rows = sorted(values)
    return column.scatter(rows, [values[row] for row in rows])
