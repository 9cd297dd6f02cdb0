"""Figures of calls and video."""

from __future__ import annotations

import polars as pl

from ingestion.synthetic.truth.places import Places
from ingestion.synthetic.truth.rollup import cells, counts, shares, statistics

LEVELS = {"national": None, "region": "region", "central": "central"}
S113, S116117 = "113", "116117"
_KEYS = ("segment", "date", "central", "region")

_SHARES_113 = {
    "c113_within_10s": ("within_10", "answered_valid", "answered"),
    "c113_within_10s_offered": ("within_10", "answered_valid_or_not", "offered"),
}
_SHARES_116117 = {
    "c116117_within_2min": ("within_120", "answered_valid_or_not", "offered"),
    "c116117_within_10min": ("within_600", "answered_valid_or_not", "offered"),
    "abandoned_gt30s": ("over_30", "answered_or_not_valid", "offered"),
    "transfer_116117_to_113": ("transferred", "answered", "answered"),
}
_SHARES_BOTH = {
    "unanswered_share": ("unanswered", "offered", "offered"),
    "short_abandon_share": ("under_5", "answered_or_not_valid", "offered"),
}


def in_scope() -> pl.Expr:
    """Public voice calls to the medical lines that are not tests or technical."""
    return (
        (pl.col("direction") == "INBOUND")
        & (pl.col("channel") == "VOICE")
        & pl.col("service_line").is_in(["113", "116117", "LOCAL8"])
        & ~pl.col("is_test")
        & (pl.col("outcome") != "TECHNICAL")
    )


def thin(rows: pl.DataFrame) -> pl.DataFrame:
    """What the figures need of calls in scope; intervals in milliseconds, null where not valid."""
    answered = pl.col("outcome") == "ANSWERED"
    clock = (
        pl.when(pl.col("service_line") == "113")
        .then("ring_start_at")
        .otherwise(pl.coalesce("menu_end_at", "ring_start_at"))
    )
    timed = ~pl.col("has_timing_warning")

    def interval(start: pl.Expr, end: str, when: pl.Expr) -> pl.Expr:
        return pl.when(when & timed).then((pl.col(end) - start).dt.total_milliseconds())

    return rows.filter(in_scope()).select(
        pl.col("_day").cast(pl.Date).alias("date"),
        pl.col("central_id").cast(pl.Categorical),
        (pl.col("service_line") == "113").alias("is_113"),
        answered.alias("answered"),
        interval(clock, "answered_at", answered).cast(pl.Int32).alias("answer_ms"),
        interval(clock, "ended_at", ~answered).cast(pl.Int32).alias("wait_ms"),
        pl.when(pl.col("answered_at").is_not_null())
        .then(interval(pl.col("answered_at"), "ended_at", answered))
        .cast(pl.Int32)
        .alias("handling_ms"),
        pl.when(pl.col("transfer_at").is_not_null())
        .then("transferred_to")
        .cast(pl.Categorical)
        .alias("transferred_to"),
    )


def call_figures(calls: pl.DataFrame, places: Places, dates: pl.DataFrame) -> pl.DataFrame:
    """All figures of calls, from thin rows."""
    segment = pl.when("is_113").then(pl.lit(S113)).otherwise(pl.lit(S116117))
    rows = _placed(calls, places).with_columns(segment.cast(pl.Categorical).alias("segment"))
    amks = places.centrals.filter(pl.col("unit_kind") == "AMK")["central_id"].to_list()
    by_day = rows.group_by(_KEYS).agg(
        pl.len().alias("offered"),
        pl.col("answered").sum(),
        (~pl.col("answered")).sum().alias("unanswered"),
        (pl.col("answered") & pl.col("answer_ms").is_not_null()).sum().alias("answered_valid"),
        (~pl.col("answered") & pl.col("wait_ms").is_not_null()).sum().alias("unanswered_valid"),
        (pl.col("answer_ms") <= 10_000).sum().alias("within_10"),
        (pl.col("answer_ms") <= 120_000).sum().alias("within_120"),
        (pl.col("answer_ms") <= 600_000).sum().alias("within_600"),
        (pl.col("wait_ms") > 30_000).sum().alias("over_30"),
        (pl.col("wait_ms") < 5_000).sum().alias("under_5"),
        (pl.col("answered") & pl.col("transferred_to").cast(pl.String).is_in(amks))
        .sum()
        .alias("transferred"),
    )
    by_day = by_day.with_columns(
        pl.col("segment", "central", "region").cast(pl.String),
        (pl.col("answered_valid") + pl.col("unanswered")).alias("answered_valid_or_not"),
        (pl.col("answered") + pl.col("unanswered_valid")).alias("answered_or_not_valid"),
    )
    emergency = by_day.filter(pl.col("segment") == S113)
    out_of_hours = by_day.filter(pl.col("segment") == S116117)
    share_cells = pl.concat(
        [
            cells(emergency, _KEYS, _SHARES_113),
            cells(out_of_hours, _KEYS, _SHARES_116117),
            cells(by_day, _KEYS, _SHARES_BOTH),
        ]
    )
    offered = by_day.select(
        pl.lit("calls_offered").alias("kpi_id"),
        *_KEYS,
        pl.col("offered").cast(pl.Float64).alias("numerator"),
    )
    answered = rows.filter("answered").select(*_KEYS, "answer_ms", "handling_ms")
    return pl.concat(
        [
            counts(offered, LEVELS, _grid(places), dates),
            shares(share_cells, LEVELS, complete=("unanswered_share", "transfer_116117_to_113")),
            statistics(
                answered,
                LEVELS,
                {
                    "answer_time_median": ("answer_ms", "median"),
                    "answer_time_p90": ("answer_ms", "p90"),
                    "answer_time_mean": ("answer_ms", "mean"),
                    "handling_time_median": ("handling_ms", "median"),
                },
                scale=1e-3,
            ),
        ]
    )


def _placed(rows: pl.DataFrame, places: Places) -> pl.DataFrame:
    """Central and region as categories: millions of rows are grouped by them many times."""
    ids = rows["central_id"].unique().drop_nulls().cast(pl.String)
    known = dict(places.centrals.select("central_id", "region").iter_rows())
    to_central = {unit: unit if unit in known else "UNKNOWN" for unit in ids}
    to_region = {unit: known.get(unit, "UNKNOWN") for unit in ids}
    return rows.with_columns(
        pl.col("central_id")
        .replace_strict(to_central, return_dtype=pl.Categorical)
        .alias("central"),
        pl.col("central_id").replace_strict(to_region, return_dtype=pl.Categorical).alias("region"),
    )


def _grid(places: Places) -> dict[str, pl.DataFrame]:
    """Where a count of zero is a fact: 113 at the AMK centrals, 116117 at the LVS centrals."""
    centrals = places.centrals.select(
        pl.lit("calls_offered").alias("kpi_id"),
        pl.when(pl.col("unit_kind") == "AMK")
        .then(pl.lit(S113))
        .otherwise(pl.lit(S116117))
        .alias("segment"),
        pl.col("central_id").alias("unit_id"),
        "region",
    )
    by_region = centrals.select("kpi_id", "segment", pl.col("region").alias("unit_id")).unique()
    national = centrals.select("kpi_id", "segment", pl.lit("NO").alias("unit_id")).unique()
    return {
        "central": centrals.drop("region"),
        "region": by_region,
        "national": national,
    }


def thin_video(rows: pl.DataFrame) -> pl.DataFrame:
    """What the figures need of video sessions."""
    connected = pl.col("status") == "CONNECTED"
    setup = (pl.col("connected_at") - pl.col("link_sent_at")).dt.total_milliseconds()
    return rows.select(
        pl.col("_day").cast(pl.Date).alias("date"),
        "central_id",
        connected.alias("connected"),
        pl.when(connected & ~pl.col("has_timing_warning")).then(setup).alias("setup_ms"),
    )


def video_figures(video: pl.DataFrame, calls: pl.DataFrame, places: Places) -> pl.DataFrame:
    """All figures of video; the first one is told against the answered calls of the same unit."""
    rows = places.at_central(video).with_columns(pl.lit("all").alias("segment"))
    one = pl.lit(1.0)
    rate = rows.select(
        pl.lit("video_connect_rate").alias("kpi_id"),
        *_KEYS,
        pl.col("connected").cast(pl.Float64).alias("numerator"),
        one.alias("denominator"),
        one.alias("expected"),
    )
    sessions = rows.select(
        pl.lit("video_per_100_calls").alias("kpi_id"),
        *_KEYS,
        pl.col("connected").cast(pl.Float64).alias("numerator"),
        pl.lit(0.0).alias("denominator"),
        pl.lit(0.0).alias("expected"),
    )
    answered = places.at_central(
        calls.filter("answered")
        .group_by("date", "central_id")
        .agg(pl.len().cast(pl.Float64).alias("denominator"))
        .with_columns(pl.col("central_id").cast(pl.String))
    ).select(
        pl.lit("video_per_100_calls").alias("kpi_id"),
        pl.lit("all").alias("segment"),
        "date",
        "central",
        "region",
        pl.lit(0.0).alias("numerator"),
        "denominator",
        pl.col("denominator").alias("expected"),
    )
    return pl.concat(
        [
            shares(
                pl.concat([rate, sessions, answered]),
                LEVELS,
                complete=("video_connect_rate", "video_per_100_calls"),
            ),
            statistics(
                rows.filter("connected"),
                LEVELS,
                {"video_setup_median": ("setup_ms", "median")},
                scale=1e-3,
            ),
        ]
    )
