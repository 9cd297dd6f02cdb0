"""How values are written: the small expressions the formats share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from ingestion.synthetic.clock import OSLO

# Writes a value of a record column, or what a fault puts in its place.
Cell = Callable[[str, pl.Expr], pl.Expr]
Columns = dict[str, pl.Expr]
Codes = Mapping[str, str | None]


def local(column: str) -> pl.Expr:
    stamp = pl.col(column).dt.replace_time_zone("UTC").dt.convert_time_zone(OSLO)
    return stamp.dt.replace_time_zone(None)


def iso(column: str) -> pl.Expr:
    return pl.concat_str(pl.col(column).dt.to_string("iso:strict"), pl.lit("Z"))


def coded(column: str, codes: Mapping[str, str | None]) -> pl.Expr:
    return pl.col(column).replace(codes)


def flag(column: str, yes: str, no: str) -> pl.Expr:
    told = pl.when(pl.col(column)).then(pl.lit(yes)).otherwise(pl.lit(no))
    return pl.when(pl.col(column).is_not_null()).then(told)


def as_text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String)


def with_offset(column: str) -> pl.Expr:
    local = pl.col(column).dt.replace_time_zone("UTC").dt.convert_time_zone(OSLO)
    return local.dt.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")


def named(codes: tuple[str, ...], names: str) -> dict[str, str]:
    return dict(zip(codes, names.split("|"), strict=True))


def numbered(codes: tuple[str, ...]) -> dict[str, str]:
    return {code: str(number) for number, code in enumerate(codes, start=1)}
