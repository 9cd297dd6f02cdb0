"""Columns: the vocabulary a record model is written in, and the `Column` read back from it.

A model states each column once with `column(...)`; everything else (rules, exports, dictionary) is
derived from the `Column` objects that `columns_of` reads out of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import pandera.polars as pa
import polars as pl

Kind = Literal["key", "code", "timestamp", "flag", "unit", "number", "text"]
Privacy = Literal["none", "pseudonym", "identifier", "indirect"]
CodeLabels = Mapping[str, tuple[str, str]]

# A moment in UTC without a zone, the one timestamp type of the lake.
Instant = Annotated[pl.Datetime, "us", None]

_META = "contract"


@dataclass(frozen=True)
class Column:
    """One column of a record, as its model defines it."""

    name: str
    dtype: pl.DataType
    required: bool
    kind: Kind
    privacy: Privacy
    description_nb: str
    description_en: str
    unit: str | None = None
    default: str | int | bool | None = None
    code_labels: CodeLabels | None = None
    future_ok: bool = False

    @property
    def codes(self) -> tuple[str, ...] | None:
        """The code list, in its declared order."""
        return None if self.code_labels is None else tuple(self.code_labels)

    @property
    def stem(self) -> str:
        """The name as it stands in rule codes: no `_at`, upper case."""
        return self.name.removesuffix("_at").upper()

    @property
    def is_text(self) -> bool:
        """Text needs no parsing, so it can never be unparsable."""
        return self.dtype == pl.String


def column(
    kind: Kind,
    nb: str,
    en: str,
    *,
    required: bool = False,
    privacy: Privacy = "none",
    unit: str | None = None,
    default: str | int | bool | None = None,
    codes: CodeLabels | None = None,
    future_ok: bool = False,
) -> Any:
    """A pandera field that carries the whole definition of a column.

    The default is metadata only: a pandera default would fill nulls during validation, and so hide
    exactly what the required check looks for. The intake applies it when it maps a file.
    """
    if kind not in get_args(Kind) or privacy not in get_args(Privacy):
        raise ValueError(f"unknown kind {kind!r} or privacy class {privacy!r}")
    if (kind == "code") != (codes is not None):
        raise ValueError("a code column has a code list, and no other column has one")
    return pa.Field(
        nullable=not required,
        description=en,
        metadata={
            _META: {
                "kind": kind,
                "privacy": privacy,
                "description_nb": nb,
                "description_en": en,
                "unit": unit,
                "default": default,
                "code_labels": codes,
                "future_ok": future_ok,
            }
        },
    )


def stamp(nb: str, en: str, *, required: bool = False, future_ok: bool = False) -> Any:
    """A timestamp column: UTC, microseconds; the moment of an event is indirectly identifying."""
    return column(
        "timestamp",
        nb,
        en,
        required=required,
        privacy="indirect",
        unit="UTC",
        future_ok=future_ok,
    )


def columns_of(schema: pa.DataFrameSchema) -> dict[str, Column]:
    """The contract columns of a pandera schema, in order; helper columns carry no definition."""
    return {
        name: Column(
            name=name,
            dtype=_instance(field.dtype.type),
            required=not field.nullable,
            **field.metadata[_META],
        )
        for name, field in schema.columns.items()
        if field.metadata and _META in field.metadata
    }


def _instance(dtype: pl.DataType | type[pl.DataType]) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype
