"""The ten extract formats: canonical records to the rows of each source.

A source is a list of columns, each with the name in the file, the record column it comes from and
the expression that writes it. What a file looks like beyond its rows is said in `Format`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingestion.synthetic import wire_air, wire_alarms, wire_calls, xlsx
from ingestion.synthetic.cells import Cell, Columns
from ingestion.synthetic.clock import date_of, extract_ms
from ingestion.synthetic.frames import ICCS, LIFEX

KEYS = ("_rid", "_seq", "_delivered", "_fault")
SECOND_HEADER_FROM = "2026-04-01"


@dataclass(frozen=True)
class Format:
    """A file type: its ending, and where it applies its separator, encoding and headings."""

    extension: str
    kind: str
    encode: Callable[[Cell], Columns]
    separator: str = ";"
    encoding: str = "utf-8"
    sheet: str = ""
    group_row: tuple[str, ...] = ()
    later_header: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    ICCS: Format("csv", "csv", wire_calls.iccs, encoding="cp1252"),
    LIFEX: Format("jsonl", "jsonl", wire_calls.lifex),
    "helse_nord_alarms": Format("csv", "csv", wire_alarms.nord),
    "helse_midt_alarms": Format("parquet", "parquet", wire_alarms.midt),
    "helse_vest_alarms": Format(
        "xlsx",
        "xlsx",
        wire_alarms.vest,
        sheet="Oppdrag",
        group_row=tuple(wire_alarms.VEST_GROUPS.get(place, "") for place in range(29)),
    ),
    "helse_sorost_alarms": Format(
        "csv.gz",
        "csv",
        wire_alarms.sorost,
        separator=",",
        later_header=tuple(wire_alarms.SOROST_SECOND_HEADER.split(",")),
    ),
    "hdo_video_h113": Format("jsonl", "jsonl", wire_calls.h113),
    "bliksund_video": Format("csv", "csv", wire_calls.bliksund, separator=","),
    "lat_requests": Format("csv", "csv", wire_air.requests, encoding="utf-8-sig"),
    "lat_readiness": Format("xlsx", "xlsx", wire_air.readiness, sheet="Beredskap"),
}


def encode(source: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of one source as they stand in the files, with the keys that order them."""
    days = rows["_delivered"].to_numpy().astype(np.int64)
    taken = pl.Series(extract_ms(days), dtype=pl.Int64).cast(pl.Datetime("ms"))
    rows = rows.with_columns(taken.alias("_extract_at"))
    plain = rows.filter(pl.col("_override_column").is_null())
    special = rows.filter(pl.col("_override_column").is_not_null())
    form = FORMATS[source]
    parts = [_encoded(form, plain, lambda _column, value: value)]
    if special.height:
        parts.append(_encoded(form, special, _override(form)))
    return pl.concat(parts)


def _override(form: Format) -> Cell:
    given = pl.col("_override_value")
    value = xlsx.raw_cell(given) if form.kind == "xlsx" else given

    def cell(column: str, written: pl.Expr) -> pl.Expr:
        return pl.when(pl.col("_override_column") == column).then(value).otherwise(written)

    return cell


def _encoded(form: Format, rows: pl.DataFrame, cell: Cell) -> pl.DataFrame:
    columns = form.encode(cell)
    if form.kind == "xlsx":
        columns = {"_row": xlsx.row(list(columns.values()))}
    return rows.select(*KEYS, **columns)


def header(source: str, day: int) -> list[str]:
    """The column names in the file of a day."""
    form = FORMATS[source]
    if form.later_header and date_of(day).isoformat() >= SECOND_HEADER_FROM:
        return list(form.later_header)
    return list(form.encode(lambda _column, value: value))
