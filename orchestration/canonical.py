"""Tables in one canonical order and form, so that equal content gives an equal hash.

KPI tables have millions of rows and mostly text keys. Sorting text takes seconds; coded and packed
into one whole number the same keys sort in a fraction of one, in the same order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl
import polars.selectors as cs

_DECIMALS = 6
_LARGEST = 2**63


def ordered(frame: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The rows in the order of `key`, nulls last. Codes must be those of `with_codes`."""
    coded = [_coded(frame[name]) for name in key]
    if any(item is None for item in coded):
        return frame.sort(key, nulls_last=True)
    packed = pl.lit(0, dtype=pl.Int64)
    columns, size = [], 1
    for name, item in zip(key, coded, strict=True):
        assert item is not None
        codes, count = item
        size *= count
        columns.append(codes.cast(pl.Int64).alias(f"_key_{name}"))
        packed = packed * count + pl.col(f"_key_{name}")
    if size >= _LARGEST:
        return frame.sort(key, nulls_last=True)
    order = pl.DataFrame(columns).select(packed.alias("key"))["key"].arg_sort()
    return frame[order]


def with_codes(frame: pl.DataFrame) -> pl.DataFrame:
    """Text columns as codes into their sorted values: ordered, hashed and moved around cheaply."""
    return frame.with_columns(
        _as_codes(frame[name]) for name, dtype in frame.schema.items() if dtype == pl.String
    )


def with_text(frame: pl.DataFrame) -> pl.DataFrame:
    """The inverse of `with_codes`."""
    return frame.with_columns(cs.enum().cast(pl.String))


def _as_codes(column: pl.Series) -> pl.Series:
    return column.cast(pl.Enum(column.drop_nulls().unique().sort().to_list()))


def _coded(column: pl.Series) -> tuple[pl.Series, int] | None:
    """The column as whole numbers from 0 that sort as its values do, and how many there may be."""
    if column.null_count() or not len(column):
        return None
    if column.dtype == pl.String:
        column = _as_codes(column)
    if isinstance(column.dtype, pl.Enum):
        return column.to_physical(), len(column.dtype.categories)
    if column.dtype == pl.Date:
        first, last = column.min(), column.max()
        assert isinstance(first, date)
        assert isinstance(last, date)
        offset = (first - date(1970, 1, 1)).days
        return column.to_physical() - offset, (last - first).days + 1
    if column.dtype.is_integer():
        low, high = column.min(), column.max()
        assert isinstance(low, int)
        assert isinstance(high, int)
        return column.cast(pl.Int64) - low, high - low + 1
    return None


def hash_ordered(tables: Mapping[str, pl.DataFrame]) -> str:
    """A hash of what ordered tables say.

    Numbers count to the sixth decimal, so that the order in which a sum was added up does not make
    different content.
    """
    digest = hashlib.sha256()
    for name in sorted(tables):
        frame = tables[name]
        digest.update(json.dumps([name, sorted(frame.columns), frame.height]).encode())
        for column in sorted(frame.columns):
            _update(digest, frame[column])
    return digest.hexdigest()


def _update(digest: hashlib._Hash, column: pl.Series) -> None:
    digest.update(column.is_null().to_numpy().tobytes())
    if column.dtype.is_float():
        values = (column.fill_null(0.0) * 10**_DECIMALS).round(0).cast(pl.Int64, strict=False)
        digest.update(b"float")
    elif column.dtype.is_integer() or column.dtype == pl.Boolean:
        values = column.cast(pl.Int64)
        digest.update(b"int")
    else:
        codes = column if isinstance(column.dtype, pl.Enum) else _as_codes(column.cast(pl.String))
        assert isinstance(codes.dtype, pl.Enum)
        digest.update(json.dumps(["text", codes.dtype.categories.to_list()]).encode())
        values = codes.to_physical().cast(pl.Int64)
    digest.update(values.fill_null(0).to_numpy().tobytes())
