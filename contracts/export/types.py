"""How a lake type is named in the other systems the exports speak to."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class TypeNames:
    """One type in SQL (DuckDB), ODCS and JSON Schema."""

    sql: str
    odcs: str
    json: str
    json_format: str | None = None


_NAMES: dict[pl.DataType, TypeNames] = {
    pl.String(): TypeNames("varchar", "string", "string"),
    pl.Int32(): TypeNames("integer", "integer", "integer"),
    pl.Int64(): TypeNames("bigint", "integer", "integer"),
    pl.Boolean(): TypeNames("boolean", "boolean", "boolean"),
    pl.Date(): TypeNames("date", "date", "string", "date"),
    pl.Datetime("us"): TypeNames("timestamp", "date", "string", "date-time"),
}


def type_names(dtype: pl.DataType) -> TypeNames:
    """The names of a lake type; a type without names is a programming error."""
    return _NAMES[dtype]
