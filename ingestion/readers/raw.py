"""What a reader returns, and the column checks that all readers share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from ingestion.errors import FileRefusedError
from ingestion.sources.spec import SourceSpec

ROW_NUMBER = "_row_number"


@dataclass(frozen=True)
class RawFile:
    """The mapped raw columns of one file and its 1-based row numbers.

    Attributes:
        frame: one row per readable row; text columns unless the format is typed.
        unreadable: numbers of the rows that could not be split into columns.
    """

    frame: pl.DataFrame
    unreadable: tuple[int, ...] = ()

    @property
    def rows_read(self) -> int:
        return self.frame.height + len(self.unreadable)


def check_header(header: Sequence[str], spec: SourceSpec) -> None:
    """Refuse a header that lacks a mapped column or holds one twice.

    Raises:
        FileRefusedError: FILE_COLUMN_MISSING or FILE_COLUMN_DOUBLED, naming the columns.
    """
    counts = Counter(header)
    wanted = spec.raw_columns()
    refuse_missing(name for name in spec.required_raw_columns() if name not in counts)
    doubled = [name for name in wanted if counts[name] > 1]
    if doubled:
        raise FileRefusedError("FILE_COLUMN_DOUBLED", *both(", ".join(doubled)))


def refuse_missing(names: Iterable[str]) -> None:
    """Refuse the file when any required raw column is absent."""
    missing = list(names)
    if missing:
        raise FileRefusedError("FILE_COLUMN_MISSING", *both(", ".join(missing)))


def both(names: str) -> tuple[str, str]:
    """The same column names as the detail in both languages."""
    return f"kolonne: {names}", f"column: {names}"


def numbered(frame: pl.DataFrame, spec: SourceSpec) -> pl.DataFrame:
    """The frame with row numbers, and nulls for optional columns the file does not have."""
    absent = [name for name in spec.raw_columns() if name not in frame.columns]
    return frame.with_columns(
        pl.lit(None, dtype=pl.String).alias(name) for name in absent
    ).with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW_NUMBER))
