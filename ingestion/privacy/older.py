"""The questions a batch of text columns asks, column by column, in terms of `personal_rows`."""

from __future__ import annotations

import polars as pl

from ingestion.privacy.columns import IDENTITY, PHONE, ColumnUse, may_be_personal, personal_rows


def may_hold_numbers(values: pl.Series) -> bool:
    """Whether any text has digits enough for a detector to look closer. Cheap."""
    return may_be_personal(values, ColumnUse("key"))


def identity_number_rows(values: pl.Series) -> pl.Series:
    """Which texts hold an identity number, each judged by itself."""
    return _rows(values, IDENTITY, "text")


def phone_number_rows(values: pl.Series, *, is_id: bool) -> pl.Series:
    """Which texts hold a phone number. Ids are often eight digits: there a prefix is needed."""
    return _rows(values, PHONE, "key" if is_id else "text")


def _rows(values: pl.Series, code: str, kind: str) -> pl.Series:
    found = personal_rows(values, ColumnUse(kind)).get(code)
    return pl.repeat(False, len(values), dtype=pl.Boolean, eager=True) if found is None else found
