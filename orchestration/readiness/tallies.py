"""Receipts as two small Parquet files beside the batches, for the warehouse to read.

`deliveries.parquet` has one row per delivered file and judgement, counts net of replays (see
`orchestration.deliveries`); `rule_hits.parquet` one row per file and rule code. Both are made anew
from the receipts before every build: some thousand rows a year.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from orchestration import atomic
from orchestration.deliveries import net

DELIVERIES = "deliveries.parquet"
RULE_HITS = "rule_hits.parquet"
COVERED_DAYS = "covered_days.parquet"

_DELIVERY = ("source", "contract", "delivered_on", "file_name")
_DELIVERY_COLUMNS = (
    *_DELIVERY,
    "status",
    "refusal_code",
    "map_version",
    "rows_read",
    "accepted",
    "rejected",
    "exact_duplicates",
    "is_replay",
)
_HIT_SCHEMA: dict[str, pl.DataType] = {
    "source": pl.String(),
    "contract": pl.String(),
    "delivered_on": pl.Date(),
    # Names are the sender's to choose; the id stands in the receipts, beside the name.
    "file_id": pl.String(),
    "code": pl.String(),
    "row_count": pl.Int64(),
    "first_row": pl.Int64(),
}


def deliveries(receipts: pl.DataFrame) -> pl.DataFrame:
    """Every delivery whose date is known, with counts that can be summed."""
    return (
        net(receipts)
        .filter(pl.col("delivered_on").is_not_null())
        .select(_DELIVERY_COLUMNS)
        .sort(_DELIVERY_COLUMNS)
    )


def rule_hits(receipts: pl.DataFrame) -> pl.DataFrame:
    """Rows per file and rule: rejected ones as last judged, warnings over all accepted rows.

    A file that was refused whole is one hit of its refusal code, with no row.
    """
    counted = net(receipts).filter(pl.col("delivered_on").is_not_null())
    latest = counted.sort("ingested_at", maintain_order=True).unique(
        ["source", "file_id"], keep="last", maintain_order=True
    )
    rows = [
        hit
        for frame, column in ((latest, "rejections"), (counted, "warnings"))
        for row in frame.filter(pl.col(column) != "{}").iter_rows(named=True)
        for hit in _hits(row, column)
    ]
    rows += [
        {**_of(row), "code": row["refusal_code"], "row_count": 0, "first_row": None}
        for row in latest.filter(pl.col("status") == "refused").iter_rows(named=True)
        if row["refusal_code"] not in json.loads(row["rejections"])
    ]
    return (
        pl.DataFrame(rows, schema=_HIT_SCHEMA)
        .group_by("source", "contract", "delivered_on", "file_id", "code")
        .agg(pl.col("row_count").sum(), pl.col("first_row").min())
        .select(list(_HIT_SCHEMA))
        .sort(list(_HIT_SCHEMA))
    )


def covered_days(receipts: pl.DataFrame) -> pl.DataFrame:
    """The days that files of several days cover: source, contract, covered_on."""
    several = receipts.filter((pl.col("accepted") > 0) & (pl.col("covered_dates") != "[]"))
    return (
        several.select(
            "source",
            "contract",
            pl.col("covered_dates").str.json_decode(pl.List(pl.String)).alias("covered_on"),
        )
        .explode("covered_on")
        .with_columns(pl.col("covered_on").str.to_date("%Y-%m-%d"))
        .unique()
        .sort("source", "contract", "covered_on")
    )


def write_tallies(lake: Path, receipts: pl.DataFrame) -> None:
    """Write the files, each in one step."""
    lake.mkdir(parents=True, exist_ok=True)
    tallies = {
        DELIVERIES: deliveries(receipts),
        RULE_HITS: rule_hits(receipts),
        COVERED_DAYS: covered_days(receipts),
    }
    for leftover in (path for name in tallies for path in lake.glob(f".{name}.*")):
        leftover.unlink(missing_ok=True)
    for name, frame in tallies.items():
        aside = lake / f".{name}.{uuid.uuid4().hex}"
        try:
            frame.write_parquet(aside, compression="zstd")
            atomic.replace(aside, lake / name)
        finally:
            aside.unlink(missing_ok=True)


def _hits(row: dict[str, object], column: str) -> Iterator[dict[str, object]]:
    first_rows = json.loads(str(row["first_rows"]))
    for code, count in json.loads(str(row[column])).items():
        yield {
            **_of(row),
            "code": code,
            "row_count": count,
            "first_row": first_rows.get(code),
        }


def _of(row: dict[str, object]) -> dict[str, object]:
    return {name: row[name] for name in ("source", "contract", "delivered_on", "file_id")}
