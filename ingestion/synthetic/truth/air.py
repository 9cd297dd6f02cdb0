"""Figures of the air ambulance."""

from __future__ import annotations

import polars as pl

from ingestion.synthetic.clock import OSLO
from ingestion.synthetic.truth.places import Places
from ingestion.synthetic.truth.rollup import (
    OUTPUT,
    cells,
    counts,
    in_periods,
    levelled,
    shares,
    statistics,
)

LEVELS = {"national": None, "region": "region", "base": "base"}
_KEYS = ("segment", "date", "base", "region")
_READY = ("READY", "ON_MISSION")
_HOUR_MS = 3_600_000


def thin_requests(rows: pl.DataFrame) -> pl.DataFrame:
    """What the figures need of requests."""
    return rows.select(
        pl.col("_day").cast(pl.Date).alias("date"),
        "base_id",
        pl.col("vehicle").alias("segment"),
        "urgency",
        "outcome",
        "reason",
        "requested_at",
        "airborne_at",
        "at_scene_at",
        "has_timing_warning",
    )


def request_figures(requests: pl.DataFrame, places: Places, dates: pl.DataFrame) -> pl.DataFrame:
    """Requests, their outcomes, and how fast the helicopters are in the air."""
    outcome = pl.col("outcome")
    started = outcome != "DECLINED"
    reaction = (pl.col("airborne_at") - pl.col("requested_at")).dt.total_milliseconds()
    response = (pl.col("at_scene_at") - pl.col("requested_at")).dt.total_milliseconds()

    def declined_for(*reasons: str) -> pl.Expr:
        return (outcome == "DECLINED") & pl.col("reason").is_in(reasons).fill_null(False)

    rows = places.at_base(requests).with_columns(
        pl.lit(True).alias("any"),
        started.alias("started"),
        (outcome == "COMPLETED").alias("completed"),
        (outcome == "DECLINED").alias("declined"),
        (outcome == "ABORTED").alias("aborted"),
        declined_for("WEATHER").alias("weather"),
        declined_for("CONCURRENCY").alias("concurrency"),
        declined_for("TECHNICAL", "CREW", "DUTY_TIME").alias("unready"),
        pl.when(~pl.col("has_timing_warning")).then(reaction).alias("reaction_ms"),
        pl.when(~pl.col("has_timing_warning")).then(response).alias("response_ms"),
    )
    wanted = {
        "lat_completed": ("completed", "any", "any"),
        "lat_declined": ("declined", "any", "any"),
        "lat_aborted": ("aborted", "started", "started"),
        "lat_declined_weather": ("weather", "any", "any"),
        "lat_declined_concurrency": ("concurrency", "any", "any"),
        "lat_declined_unready": ("unready", "any", "any"),
    }
    number = rows.select(
        pl.lit("lat_requests").alias("kpi_id"), *_KEYS, pl.lit(1.0).alias("numerator")
    )
    urgent = (pl.col("segment") == "HELI") & (pl.col("urgency") == "RED") & pl.col("started")
    return pl.concat(
        [
            counts(number, LEVELS, _grid(places), dates),
            shares(cells(rows, _KEYS, wanted), LEVELS, complete=tuple(wanted)),
            statistics(
                rows.filter(urgent),
                LEVELS,
                {"lat_reaction_p90": ("reaction_ms", "p90")},
                scale=1 / 60_000,
            ),
            statistics(
                rows.filter("completed"),
                LEVELS,
                {"lat_response_median": ("response_ms", "median")},
                scale=1 / 60_000,
            ),
        ]
    )


def _grid(places: Places) -> dict[str, pl.DataFrame]:
    """Where no request is a fact: each vehicle at the bases that have one."""
    vehicles = {"HELI": ["HELI", "CAR"], "PLANE": ["PLANE"]}
    bases = (
        places.bases.filter(pl.col("base_kind").is_in(list(vehicles)))
        .select(
            pl.lit("lat_requests").alias("kpi_id"),
            pl.col("base_kind")
            .replace_strict(vehicles, return_dtype=pl.List(pl.String))
            .alias("segment"),
            pl.col("base_id").alias("unit_id"),
            "region",
        )
        .explode("segment")
    )
    return {
        "base": bases.drop("region"),
        "region": bases.select("kpi_id", "segment", pl.col("region").alias("unit_id")).unique(),
        "national": bases.select("kpi_id", "segment", pl.lit("NO").alias("unit_id")).unique(),
    }


def readiness_figures(readiness: pl.DataFrame, places: Places) -> pl.DataFrame:
    """Hours of the planned hours in each state, each hour on the local day it passes."""
    planned = _by_day(_merged(readiness.filter(pl.col("state") == "PLANNED")))
    actual = _by_day(_cut(readiness.filter(pl.col("state") != "PLANNED")))
    down = pl.col("state").is_in(["OFF", "REDUCED"])
    parts_of = {
        "covered": pl.lit(True),
        "ready": pl.col("state").is_in(_READY),
        "operator": down & (pl.col("attribution") == "OPERATOR").fill_null(False),
        "weather": down & (pl.col("reason") == "WEATHER").fill_null(False),
        "to_weather": down & (pl.col("attribution") == "WEATHER").fill_null(False),
        "explained": ~down | pl.col("reason").is_not_null(),
        "attributed": ~down | pl.col("attribution").is_not_null(),
    }
    overlap = (
        planned.select("resource_id", "date", "start", "end")
        .join(
            actual.select("resource_id", "date", "state", "reason", "attribution", "start", "end"),
            on=["resource_id", "date"],
            suffix="_actual",
        )
        .with_columns(
            (
                pl.min_horizontal("end", "end_actual") - pl.max_horizontal("start", "start_actual")
            ).alias("ms")
        )
        .filter(pl.col("ms") > 0)
        .group_by("resource_id", "date")
        .agg(pl.col("ms").filter(wanted).sum().alias(name) for name, wanted in parts_of.items())
    )
    by_day = (
        planned.group_by("resource_id", "date")
        .agg(
            pl.col("base_id").first(),
            pl.col("vehicle").first().alias("segment"),
            (pl.col("end") - pl.col("start")).sum().alias("planned"),
        )
        .join(overlap, on=["resource_id", "date"], how="left")
        .with_columns(pl.col(list(parts_of)).fill_null(0))
    )
    # What is told, and the hours that are known well enough to tell it.
    wanted = {
        "lat_readiness": (pl.col("ready"), "covered"),
        "lat_readiness_operator": (pl.col("planned") - pl.col("operator"), "covered"),
        "lat_weather_down_h": (pl.col("weather"), "explained"),
        "lat_weather_attributed_h": (pl.col("to_weather"), "attributed"),
    }
    parts = []
    for level, frame in levelled(places.at_base(by_day), LEVELS):
        for grain, part in in_periods(frame):
            hours = part.group_by("segment", "period_start", "unit_id").agg(
                pl.col("planned", *parts_of).sum() / _HOUR_MS,
                pl.col("resource_id").n_unique().cast(pl.Float64).alias("n"),
            )
            for kpi, (numerator, known) in wanted.items():
                # Hours down for weather are told as hours, the others as a share of the planned.
                of_planned = kpi.startswith("lat_readiness")
                share = pl.col("numerator") / pl.col("planned") * 100
                parts.append(
                    hours.with_columns(
                        pl.lit(kpi).alias("kpi_id"),
                        pl.lit(grain).alias("period_grain"),
                        pl.lit(level).alias("level"),
                        numerator.alias("numerator"),
                        (pl.col(known) / pl.col("planned")).alias("coverage"),
                        (pl.col("planned") if of_planned else pl.lit(None, pl.Float64)).alias(
                            "denominator"
                        ),
                    )
                    .with_columns((share if of_planned else pl.col("numerator")).alias("value"))
                    .select(OUTPUT)
                )
    return pl.concat(parts)


def thin_readiness(rows: pl.DataFrame) -> pl.DataFrame:
    """What the figure needs of readiness intervals, in milliseconds."""
    return rows.select(
        "source_id",
        "base_id",
        "resource_id",
        "vehicle",
        "state",
        "reason",
        "attribution",
        pl.col("start_at").dt.epoch("ms").alias("start"),
        pl.col("end_at").dt.epoch("ms").alias("end"),
    )


def _merged(rows: pl.DataFrame) -> pl.DataFrame:
    """Planned intervals of a resource without what an earlier one already covers."""
    ordered = rows.sort("resource_id", "start", "end")
    reached = pl.col("end").cum_max().shift(1).over("resource_id")
    return ordered.with_columns(
        pl.max_horizontal("start", reached.fill_null(0)).alias("start")
    ).filter(pl.col("end") > pl.col("start"))


def _cut(rows: pl.DataFrame) -> pl.DataFrame:
    """Actual states of a resource, each ended by the start of the next."""
    ordered = rows.sort("resource_id", "start", "source_id")
    following = pl.col("start").shift(-1).over("resource_id")
    return ordered.with_columns(
        pl.min_horizontal("end", following.fill_null(2**60)).alias("end")
    ).filter(pl.col("end") > pl.col("start"))


def _by_day(rows: pl.DataFrame) -> pl.DataFrame:
    """Intervals split at local midnight."""

    def local_date(column: str, before: int = 0) -> pl.Expr:
        moment = (pl.col(column) - before).cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
        return moment.dt.convert_time_zone(OSLO).dt.date()

    def midnight(date: pl.Expr) -> pl.Expr:
        return date.cast(pl.Datetime("ms")).dt.replace_time_zone(OSLO).dt.epoch("ms")

    return (
        rows.with_columns(pl.date_ranges(local_date("start"), local_date("end", 1)).alias("date"))
        .explode("date")
        .with_columns(
            pl.max_horizontal("start", midnight(pl.col("date"))).alias("start"),
            pl.min_horizontal("end", midnight(pl.col("date").dt.offset_by("1d"))).alias("end"),
        )
    )
