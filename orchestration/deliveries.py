"""Receipts as net counts: a replay moves rows out of quarantine, it delivers nothing new."""

from __future__ import annotations

import polars as pl


def net(receipts: pl.DataFrame) -> pl.DataFrame:
    """Receipts whose counts can be summed, replays included.

    A replay judges rows that an earlier receipt rejected. Its accepted rows are new accepted rows;
    every row it judged leaves the earlier count of rejects; it reads no new row. Summed up this
    way, `rows_read = accepted + rejected + exact_duplicates` still holds.

    A file that was refused whole counts as its last judgement says, and once.
    """
    if "replay_of" not in receipts.columns:
        return receipts.with_columns(pl.lit(False).alias("is_replay"))
    refused = (
        receipts.filter((pl.col("status") == "refused") & pl.col("replay_of").is_null())
        .select("source", "file_id")
        .unique()
        .with_columns(pl.lit(True).alias("was_refused"))
    )
    last = pl.col("ingested_at") == pl.col("ingested_at").max().over("source", "file_id")
    judged_before = (
        receipts.join(refused, on=["source", "file_id"], how="left")
        .with_columns(
            (pl.col("replay_of").is_not_null() & pl.col("was_refused").is_null()).alias("is_replay")
        )
        .filter(pl.col("was_refused").is_null() | last)
        .drop("was_refused")
    )
    return judged_before.with_columns(
        pl.when("is_replay").then(0).otherwise("rows_read").alias("rows_read"),
        pl.when("is_replay")
        .then(pl.col("rejected") - pl.col("rows_read"))
        .otherwise("rejected")
        .alias("rejected"),
    )
