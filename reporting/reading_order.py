"""Rows of a query in the order that people read them, for tables that are printed.

Frames and files keep the order of codes, which does not depend on a language.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from reporting.columns import UNPLACED
from reporting.dimensions import LEVELS
from reporting.query import ORDER

if TYPE_CHECKING:
    import polars as pl

# The last letters of the alphabet, as signs that come after z.
_LAST_LETTERS = str.maketrans("æäøöå", "{{||}")


def alphabetical(name: str) -> str:
    """What Norwegian names sort by: æ, ø and å last, other accents as the letter below them."""
    parts = unicodedata.normalize("NFKD", name.casefold().translate(_LAST_LETTERS))
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def in_reading_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Within each period from the country downwards, units by name, what is not placed last."""
    import polars as pl

    names = frame["unit_name"].drop_nulls().unique().to_list()
    place = {name: rank for rank, name in enumerate(sorted(names, key=alphabetical))}
    by = {
        "level": [pl.col("level").replace_strict(list(LEVELS), range(len(LEVELS)), default=None)],
        "unit_id": [
            pl.col("unit_id") == UNPLACED,
            pl.col("unit_name").replace_strict(
                list(place), list(place.values()), default=None, return_dtype=pl.Int64
            ),
            pl.col("unit_id"),
        ],
    }
    keys = [key for name in ORDER for key in by.get(name, [pl.col(name)])]
    return frame.sort(keys, maintain_order=True, nulls_last=True)
