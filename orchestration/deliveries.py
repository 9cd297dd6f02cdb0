"""Receipts as net counts: a replay moves rows out of quarantine, it delivers nothing new."""

from __future__ import annotations

import polars as pl


def net(receipts: pl.DataFrame) -> pl.DataFrame:
    """Receipts whose counts can be summed, replays included.

    A replay judges rows that an earlier receipt rejected. Its accepted rows are new accepted rows;
    every row it judged leaves the earlier count of rejects; it reads no new row. Rows that are
    outside the source by now leave what was read of it as well. Summed up this way,
    `rows_read = accepted + rejected + exact_duplicates` still holds.

    A file that was refused whole counts from the judgement that accepted it on; until then as the
    last one says.
    """
    if "replay_of" not in receipts.columns:
        return receipts.with_columns(pl.lit(False).alias("is_replay"))
    at = pl.col("ingested_at")
    first = at.filter(pl.col("status") == "accepted").min().over("source", "file_id")
    last = at.max().over("source", "file_id")
    counted = receipts.filter(at >= pl.coalesce(first, last)).with_columns(
        (pl.col("replay_of").is_not_null() & (at > first).fill_null(False)).alias("is_replay")
    )
    left_out = pl.col("left_out").fill_null(0)
    return counted.with_columns(
        pl.when("is_replay").then(-left_out).otherwise("rows_read").alias("rows_read"),
        pl.when("is_replay")
        .then(pl.col("rejected") - pl.col("rows_read") - left_out)
        .otherwise("rejected")
        .alias("rejected"),
    )
