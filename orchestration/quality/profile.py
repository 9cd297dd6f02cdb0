"""The daily profile: receipts as a few numbers per source and delivery day. Pure functions."""

from __future__ import annotations

import json
from datetime import date, timedelta

import polars as pl

from orchestration.deliveries import net
from orchestration.quality.suites import RECONCILIATION, Suites

_COUNTS = ("rows_read", "accepted", "rejected", "exact_duplicates")
# Fewer earlier same weekdays than this say nothing about what is usual.
_MIN_HISTORY = 3


def profiles(receipts: pl.DataFrame, suites: Suites) -> dict[str, pl.DataFrame]:
    """One frame per source, and one that holds the sources against each other."""
    dated = net(receipts).filter(pl.col("delivered_on").is_not_null())
    newest = dated["delivered_on"].max()
    if not isinstance(newest, date):
        return {}
    frames = {
        str(source): _source_profile(rows, newest, suites)
        for (source,), rows in dated.group_by("source", maintain_order=True)
    }
    frames = dict(sorted(frames.items()))
    frames[RECONCILIATION] = _reconciliation(dated, newest, suites)
    return frames


def _source_profile(receipts: pl.DataFrame, newest: date, suites: Suites) -> pl.DataFrame:
    last = receipts["delivered_on"].max()
    assert isinstance(last, date)
    per_day = (
        volumes(receipts, newest, suites)
        .join(_null_drift(receipts, suites), on="delivered_on", how="left")
        .with_columns(
            (
                pl.col("rows_read")
                - pl.col("accepted")
                - pl.col("rejected")
                - pl.col("exact_duplicates")
            ).alias("unaccounted_rows"),
            _share("rejected", suites).alias("rejected_share"),
            _share("exact_duplicates", suites).alias("duplicate_share"),
            pl.lit((newest - last).days).alias("days_behind"),
        )
    )
    return _window(per_day, newest, suites)


def volumes(receipts: pl.DataFrame, newest: date, suites: Suites) -> pl.DataFrame:
    """Files and rows of every day until `newest`, and how the rows are against what is usual.

    Args:
        receipts: of one source, dated, with net counts (`orchestration.deliveries.net`).
    """
    accepted = pl.col("status") == "accepted"
    counted = receipts.group_by("delivered_on").agg(
        (accepted & ~pl.col("is_replay")).sum().cast(pl.Int64).alias("files"),
        (~accepted).sum().cast(pl.Int64).alias("files_refused"),
        pl.col(*_COUNTS).sum(),
    )
    first = receipts["delivered_on"].min()
    assert isinstance(first, date)
    return (
        _calendar(first, newest)
        .join(counted, on="delivered_on", how="left")
        .with_columns(pl.col("files", "files_refused").fill_null(0))
        .with_columns(_usual("rows_read", suites).alias("usual_rows"))
        .with_columns(
            pl.when(pl.col("usual_rows") >= suites.min_rows)
            .then(pl.col("rows_read") / pl.col("usual_rows"))
            .alias("volume_ratio")
        )
    )


def _share(column: str, suites: Suites) -> pl.Expr:
    """The share of a day's rows, on days with enough rows to speak of a share."""
    return pl.when(pl.col("rows_read") >= suites.min_rows).then(
        pl.col(column) / pl.col("rows_read")
    )


def _calendar(first: date, last: date) -> pl.DataFrame:
    return pl.DataFrame({"delivered_on": pl.date_range(first, last, eager=True)})


def _usual(column: str, suites: Suites) -> pl.Expr:
    """The median of the same weekday in the weeks before; the day itself does not count."""
    return (
        pl.col(column)
        .cast(pl.Float64)
        .shift(1)
        .rolling_median(window_size=suites.history_weeks, min_samples=_MIN_HISTORY)
        .over(pl.col("delivered_on").dt.weekday(), order_by="delivered_on")
    )


def _null_drift(receipts: pl.DataFrame, suites: Suites) -> pl.DataFrame:
    """Per day: how far the column that moved most is from its usual share of empty values."""
    long = pl.DataFrame(
        [
            {
                "delivered_on": row["delivered_on"],
                "column": column,
                "empty": empty,
                "of": row["accepted"],
            }
            for row in receipts.iter_rows(named=True)
            for column, empty in json.loads(row.get("null_counts") or "{}").items()
        ],
        schema={
            "delivered_on": pl.Date,
            "column": pl.String,
            "empty": pl.Int64,
            "of": pl.Int64,
        },
    )
    share = pl.col("empty") / pl.col("of")
    return (
        long.group_by("delivered_on", "column")
        .agg(pl.col("empty", "of").sum())
        .filter(pl.col("of") >= suites.min_rows)
        .with_columns(share.alias("share"))
        .with_columns((pl.col("share") - pl.col("share").median().over("column")).abs().alias("by"))
        .group_by("delivered_on")
        .agg(
            pl.col("by").max().alias("null_drift"),
            pl.col("column").sort_by("by", "column").last().alias("null_drift_column"),
        )
    )


def _reconciliation(receipts: pl.DataFrame, newest: date, suites: Suites) -> pl.DataFrame:
    first = receipts["delivered_on"].min()
    assert isinstance(first, date)
    per_day = _calendar(first, newest)
    for contract, name in (("call", "calls"), ("alarm", "alarms"), ("video_session", "videos")):
        rows = (
            receipts.filter(pl.col("contract") == contract)
            .group_by("delivered_on")
            .agg(pl.col("accepted").sum().alias(name))
        )
        per_day = per_day.join(rows, on="delivered_on", how="left")
    followed = pl.col("alarms").is_not_null() | pl.col("videos").is_not_null()
    per_day = per_day.with_columns(
        pl.when(followed).then(pl.col("calls").fill_null(0)).alias("calls")
    )
    for name, ratio in (("alarms", "alarm_ratio"), ("videos", "video_ratio")):
        per_call = f"{name}_per_call"
        per_day = (
            per_day.with_columns((pl.col(name) / pl.col("calls").replace(0, None)).alias(per_call))
            .with_columns(_usual(per_call, suites).alias("usual"))
            .with_columns(
                pl.when((pl.col("usual") * pl.col("calls")) >= suites.min_rows)
                .then(pl.col(per_call) / pl.col("usual"))
                .alias(ratio)
            )
            .drop("usual")
        )
    return _window(per_day, newest, suites)


def _window(per_day: pl.DataFrame, newest: date, suites: Suites) -> pl.DataFrame:
    since = newest - timedelta(days=suites.window_days - 1)
    return per_day.filter(pl.col("delivered_on") >= since).sort("delivered_on")
