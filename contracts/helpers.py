"""Helper columns: what the reader knows about a row that the typed values no longer show.

The intake adds them beside the record columns before evaluation. One that is absent means
"nothing to report", so rules may refer to all of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import polars as pl

from contracts.columns import Column

TIME_AMBIGUOUS = "_time_ambiguous"
FIRST_DATE = "_first_date"
KEY_REPEATED = "_key_repeated"
ROW_ALIKE = "_row_alike"
TIME_PLACEHOLDER = "_time_placeholder"
TAKEN_AT = "_taken_at"
# How much earlier than the stamp before it a stamp may be and still be in order; never null.
ORDER_TOLERANCE = "_order_tolerance"


def unparsable(name: str) -> str:
    """The helper column saying that raw text was present but could not be read as the type."""
    return f"{name}__unparsable"


def nonexistent(name: str) -> str:
    """The helper column saying that the local time does not exist (the hour lost in March)."""
    return f"{name}__nonexistent"


def date_only(name: str) -> str:
    """The helper column saying that the raw value was a date without a time of day."""
    return f"{name}__date_only"


def helper_columns(columns: Iterable[Column]) -> dict[str, pl.DataType]:
    """Every helper column that may accompany a record, with its type."""
    helpers: dict[str, pl.DataType] = {}
    for column in columns:
        if not column.is_text:
            helpers[unparsable(column.name)] = pl.Boolean()
        if column.kind == "timestamp":
            helpers[nonexistent(column.name)] = pl.Boolean()
            helpers[date_only(column.name)] = pl.Boolean()
    helpers[TIME_AMBIGUOUS] = pl.Boolean()
    helpers[FIRST_DATE] = pl.Datetime("us")
    helpers[TAKEN_AT] = pl.Datetime("us")
    helpers[TIME_PLACEHOLDER] = pl.Boolean()
    helpers[KEY_REPEATED] = pl.Boolean()
    helpers[ROW_ALIKE] = pl.Boolean()
    helpers[ORDER_TOLERANCE] = pl.Duration("us")
    return helpers


def absent_helpers(helpers: Mapping[str, pl.DataType], present: Iterable[str]) -> list[pl.Expr]:
    """Literals that stand in for the helper columns a frame does not have."""
    known = set(present)
    nothing = {pl.Boolean(): False, pl.Duration("us"): dt.timedelta(0)}
    return [
        pl.lit(nothing.get(dtype), dtype=dtype).alias(name)
        for name, dtype in helpers.items()
        if name not in known
    ]
