"""Figures of calls and video."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from ingestion.synthetic.truth.places import Places
from ingestion.synthetic.truth.rates import per_thousand
from ingestion.synthetic.truth.rollup import cells, counts, shares, statistics

LEVELS = {"national": None, "region": "region", "central": "central"}
S113, S116117 = "113", "116117"
_KEYS = ("segment", "date", "central", "region")

_SHARES_113 = {
    "c113_within_10s": ("within_10", "answered_valid", "answered"),
    "c113_within_10s_offered": ("within_10", "answered_valid_or_not", "offered"),
    "c113_over_20s": ("over_20", "valid", "offered"),
    "transfer_113_to_116117": ("to_lvs", "answered", "answered"),
}
_SHARES_116117 = {
    "c116117_within_2min": ("within_120", "answered_valid_or_not", "offered"),
    "c116117_within_10min": ("within_600", "answered_valid_or_not", "offered"),
    "abandoned_gt30s": ("over_30", "answered_or_waited", "past_menu"),
    "menu_hangup_share": ("in_menu", "offered", "offered"),
    "transfer_116117_to_113": ("to_amk", "answered", "answered"),
}
_SHARES_BOTH = {
    "unanswered_share": ("unanswered", "offered", "offered"),
    "short_abandon_share": ("under_5", "answered_or_waited", "past_menu"),
    "recall_15min": ("repeated", "unanswered_with_caller", "unanswered"),
}
_COMPLETE = (
    "unanswered_share",
    "menu_hangup_share",
    "transfer_116117_to_113",
    "transfer_113_to_116117",
)
_RECALL_MS = 15 * 60_000
# Of ten calls, how many may be late.
_LATE_113, _LATE_116117 = 1, 2


def in_scope(channel: str = "VOICE") -> pl.Expr:
    """Public calls to the medical lines that are not tests or technical."""
    return (
        (pl.col("direction") == "INBOUND")
        & (pl.col("channel") == channel)
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
    # Neither out of the menu nor into the queue: the caller never came to wait.
    in_menu = (
        ~answered
        & (pl.col("service_line") != "113")
        & pl.col("menu_end_at").is_null()
        & pl.col("queue_enter_at").is_null()
    )

    def interval(start: pl.Expr, end: str, when: pl.Expr) -> pl.Expr:
        return pl.when(when & timed).then((pl.col(end) - start).dt.total_milliseconds())

    return rows.filter(in_scope()).select(
        pl.col("_day").cast(pl.Date).alias("date"),
        pl.col("central_id").cast(pl.Categorical),
        (pl.col("service_line") == "113").alias("is_113"),
        answered.alias("answered"),
        interval(clock, "answered_at", answered).cast(pl.Int32).alias("answer_ms"),
        interval(clock, "ended_at", ~answered & ~in_menu).cast(pl.Int32).alias("wait_ms"),
        in_menu.alias("in_menu"),
        pl.when(pl.col("answered_at").is_not_null())
        .then(interval(pl.col("answered_at"), "ended_at", answered))
        .cast(pl.Int32)
        .alias("handling_ms"),
        pl.when(pl.col("transfer_at").is_not_null())
        .then("transferred_to")
        .cast(pl.Categorical)
        .alias("transferred_to"),
        pl.col("home_central_id").cast(pl.Categorical).alias("home"),
        (pl.col("home_central_id") != pl.col("central_id")).alias("elsewhere"),
        pl.col("_caller").str.slice(3).cast(pl.Int32).alias("caller"),
        pl.col("ring_start_at").dt.epoch("ms").alias("ring_ms"),
        # The hour it began to ring in, counted from 1970 in UTC.
        (pl.col("ring_start_at").dt.epoch("s") // 3600).cast(pl.Int32).alias("hour"),
        # What is needed to put together a call that was passed on before anyone answered.
        pl.when(pl.col("outcome") == "TRANSFERRED_UNANSWERED").then("source_id").alias("passed"),
        pl.col("parent_call_id").alias("came_from"),
        clock.dt.epoch("ms").alias("clock_ms"),
        timed.alias("timed"),
    )


def thin_texts(rows: pl.DataFrame) -> pl.DataFrame:
    """What the figure needs of text messages."""
    return rows.filter(in_scope("SMS")).select(
        pl.col("_day").cast(pl.Date).alias("date"),
        "central_id",
        pl.when(pl.col("service_line") == "113")
        .then(pl.lit(S113))
        .otherwise(pl.lit(S116117))
        .alias("segment"),
    )


def call_figures(
    calls: pl.DataFrame,
    places: Places,
    dates: pl.DataFrame,
    delivered: tuple[dt.date, dt.date],
) -> pl.DataFrame:
    """All figures of voice calls, from thin rows; `delivered` are the dates of the deliveries."""
    segment = pl.when("is_113").then(pl.lit(S113)).otherwise(pl.lit(S116117))
    calls = put_together(calls.with_columns(_rung_again(calls).alias("again")))
    rows = _placed(calls, places).with_columns(segment.cast(pl.Categorical).alias("segment"))
    kinds = dict(places.centrals.select("central_id", "unit_kind").iter_rows())
    onward = pl.col("answered") & pl.col("transferred_to").is_not_null()
    goal = pl.col("transferred_to").cast(pl.String)
    has_caller = ~pl.col("answered") & pl.col("caller").is_not_null()
    by_day = rows.group_by(_KEYS).agg(
        *_timeliness(),
        pl.col("answered").sum(),
        (~pl.col("answered") & pl.col("wait_ms").is_not_null()).sum().alias("unanswered_valid"),
        pl.col("in_menu").sum(),
        (pl.col("answer_ms") <= 600_000).sum().alias("within_600"),
        ((pl.col("answer_ms") > 20_000).sum() + (pl.col("wait_ms") > 20_000).sum()).alias(
            "over_20"
        ),
        (pl.col("wait_ms") > 30_000).sum().alias("over_30"),
        (pl.col("wait_ms") < 5_000).sum().alias("under_5"),
        has_caller.sum().alias("unanswered_with_caller"),
        (has_caller & pl.col("again")).sum().alias("repeated"),
        *(
            (onward & goal.is_in([unit for unit, kind in kinds.items() if kind == wanted]))
            .sum()
            .alias(f"to_{wanted.lower()}")
            for wanted in ("AMK", "LVS")
        ),
    )
    by_day = by_day.with_columns(
        pl.col("segment", "central", "region").cast(pl.String),
        (pl.col("answered_valid") + pl.col("unanswered")).alias("answered_valid_or_not"),
        (pl.col("answered") + pl.col("unanswered_valid")).alias("answered_or_waited"),
        (pl.col("offered") - pl.col("in_menu")).alias("past_menu"),
        (pl.col("answered_valid") + pl.col("unanswered_valid")).alias("valid"),
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
            counts(offered, LEVELS, _grid(places, "calls_offered"), dates),
            shares(share_cells, LEVELS, complete=_COMPLETE),
            # Tenths of hours are added up as whole numbers, and divided once.
            shares(_hours(rows), LEVELS).with_columns(pl.col("numerator", "value") / 10),
            _elsewhere(calls, places),
            *(
                per_thousand(
                    by_day.filter(pl.col("segment") == line).rename({"offered": "calls_per_1000"}),
                    places,
                    delivered,
                    LEVELS,
                    {"national": None, "region": "region", "central": owner},
                    [("calls_per_1000", line)],
                )
                for line, owner in ((S113, "amk"), (S116117, "lvs"))
            ),
            statistics(
                answered,
                LEVELS,
                {
                    "answer_time_median": ("answer_ms", "median"),
                    "answer_time_p90": ("answer_ms", "p90"),
                    "answer_time_p99": ("answer_ms", "p99"),
                    "answer_time_mean": ("answer_ms", "mean"),
                    "handling_time_median": ("handling_ms", "median"),
                },
                scale=1e-3,
            ),
        ]
    )


def _timeliness() -> list[pl.Expr]:
    """The counts that the statutory shares are made of."""
    return [
        pl.len().alias("offered"),
        (~pl.col("answered")).sum().alias("unanswered"),
        (pl.col("answered") & pl.col("answer_ms").is_not_null()).sum().alias("answered_valid"),
        (pl.col("answer_ms") <= 10_000).sum().alias("within_10"),
        (pl.col("answer_ms") <= 120_000).sum().alias("within_120"),
    ]


def _rung_again(calls: pl.DataFrame) -> pl.Series:
    """Whether the same number rang the same service again, later but within 15 minutes."""
    if not calls.height:
        return pl.Series([], dtype=pl.Boolean)
    known = calls["caller"].is_not_null().to_numpy()
    who = calls.select(
        (pl.col("caller").rank("dense") * 2 + pl.col("is_113")).fill_null(0).cast(pl.Int64)
    ).to_series()
    # One ascending number per call: the caller and service first, then the time.
    ring = calls["ring_ms"].to_numpy()
    width = int(ring.max() - ring.min()) + 2 * _RECALL_MS
    place = who.to_numpy() * width + (ring - ring.min())
    ordered = np.sort(place[known])
    following = np.searchsorted(ordered, place, side="right")
    there = np.append(ordered, np.iinfo(np.int64).max)[following]
    return pl.Series(known & (there - place <= _RECALL_MS))


def put_together(calls: pl.DataFrame) -> pl.DataFrame:
    """A call passed on before anyone answered is one call with what became of it.

    It is the call of the central that it came to first, and has waited since then. Where nothing
    says what became of it, it stays what it is: not answered.
    """
    begun = calls.filter(pl.col("passed").is_not_null()).select(
        pl.col("passed").alias("came_from"),
        "is_113",
        pl.col("central_id").alias("first_central"),
        pl.col("home").alias("first_home"),
        pl.col("clock_ms").alias("first_clock_ms"),
        pl.col("timed").alias("first_timed"),
    )
    ends = calls.filter(pl.col("came_from").is_not_null()).join(
        begun, on=["came_from", "is_113"], how="inner"
    )
    longer = (pl.col("clock_ms") - pl.col("first_clock_ms")).cast(pl.Int32)

    def from_the_first(wait: str) -> pl.Expr:
        return pl.when("first_timed").then(pl.col(wait) + longer).alias(wait)

    whole = ends.with_columns(
        from_the_first("answer_ms"),
        from_the_first("wait_ms"),
        # Who answered is told by the row itself; it counts where it was first received.
        pl.coalesce("home", "first_home").alias("home"),
        pl.col("first_central").alias("central_id"),
    ).with_columns((pl.col("home") != ends["central_id"]).alias("elsewhere"))
    parts = pl.col("passed").is_in(whole["came_from"].to_list())
    rest = calls.filter(~parts.fill_null(False)).join(
        whole.select("came_from", "is_113"), on=["came_from", "is_113"], how="anti"
    )
    return pl.concat([rest, whole.select(rest.columns)])


def _hours(rows: pl.DataFrame) -> pl.DataFrame:
    """Cells of the hours with calls, and of how much of them the target was met.

    As many calls may be late as the target says, a whole number or not. With one late call more
    than the whole number an hour meets the target for the part of a call that is left.
    """
    hours = rows.group_by(*_KEYS, "hour").agg(*_timeliness())
    emergency = pl.col("segment").cast(pl.String) == S113
    both = pl.col("answered_valid") + pl.col("unanswered")
    hours = hours.with_columns(
        pl.col("segment", "central", "region").cast(pl.String),
        pl.when(emergency).then("answered_valid").otherwise(both).cast(pl.Int64).alias("counted"),
        pl.when(emergency).then("within_10").otherwise("within_120").cast(pl.Int64).alias("in"),
        pl.when(emergency).then(_LATE_113).otherwise(_LATE_116117).cast(pl.Int64).alias("in_ten"),
    )
    allowed, late = pl.col("counted") * pl.col("in_ten"), pl.col("counted") - pl.col("in")
    whole, left = allowed // 10, allowed % 10
    hours = hours.with_columns(
        pl.lit(True).alias("any"),
        (pl.col("counted") > 0).alias("measured"),
        pl.when(pl.col("counted") == 0)
        .then(0)
        .when(late <= whole)
        .then(10)
        .when(late == whole + 1)
        .then(left)
        .otherwise(0)
        .alias("tenths"),
    )
    return cells(hours, _KEYS, {"hours_meeting_target": ("tenths", "measured", "any")})


def _elsewhere(calls: pl.DataFrame, places: Places) -> pl.DataFrame:
    """Calls that another central than the caller's own answered, by the caller's own."""
    answered = (
        calls.filter(pl.col("answered") & pl.col("home").is_not_null())
        .group_by("date", "home", "is_113")
        .agg(pl.len().alias("calls"), pl.col("elsewhere").sum())
        .with_columns(
            pl.col("home").cast(pl.String).alias("central_id"),
            pl.when("is_113").then(pl.lit(S113)).otherwise(pl.lit(S116117)).alias("segment"),
        )
    )
    wanted = {"answered_elsewhere": ("elsewhere", "calls", "calls")}
    placed = cells(places.at_central(answered), _KEYS, wanted)
    return shares(placed, LEVELS, complete=tuple(wanted))


def text_figures(texts: pl.DataFrame, places: Places, dates: pl.DataFrame) -> pl.DataFrame:
    """The number of text messages."""
    rows = places.at_central(texts).select(
        pl.lit("text_contacts").alias("kpi_id"), *_KEYS, pl.lit(1.0).alias("numerator")
    )
    return counts(rows, LEVELS, _grid(places, "text_contacts"), dates)


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


def _grid(places: Places, kpi: str) -> dict[str, pl.DataFrame]:
    """Where a count of zero is a fact: 113 at the AMK centrals, 116117 at the LVS centrals."""
    centrals = places.centrals.select(
        pl.lit(kpi).alias("kpi_id"),
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
    valid = connected & ~pl.col("has_timing_warning")
    setup = (pl.col("connected_at") - pl.col("link_sent_at")).dt.total_milliseconds()
    duration = (pl.col("ended_at") - pl.col("connected_at")).dt.total_milliseconds()
    return rows.select(
        pl.col("_day").cast(pl.Date).alias("date"),
        "central_id",
        connected.alias("connected"),
        (pl.col("status") == "FAILED").alias("failed"),
        pl.when(valid).then(setup).alias("setup_ms"),
        pl.when(valid).then(duration).alias("duration_ms"),
    )


def video_figures(video: pl.DataFrame, calls: pl.DataFrame, places: Places) -> pl.DataFrame:
    """All figures of video; the first one is told against the answered calls of the same unit."""
    rows = places.at_central(video).with_columns(pl.lit("all").alias("segment"))
    rate = cells(
        rows.with_columns(pl.lit(True).alias("any")),
        _KEYS,
        {
            "video_connect_rate": ("connected", "any", "any"),
            "video_failed": ("failed", "any", "any"),
        },
    )
    sessions = rows.select(
        pl.lit("video_per_100_calls").alias("kpi_id"),
        *_KEYS,
        pl.col("connected").cast(pl.Float64).alias("numerator"),
        pl.lit(0.0).alias("denominator"),
        pl.lit(0.0).alias("expected"),
    )
    answered = places.at_central(
        put_together(calls)
        .filter("answered")
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
                complete=("video_connect_rate", "video_failed", "video_per_100_calls"),
            ),
            statistics(
                rows.filter("connected"),
                LEVELS,
                {
                    "video_setup_median": ("setup_ms", "median"),
                    "video_duration_median": ("duration_ms", "median"),
                },
                scale=1e-3,
            ),
        ]
    )
