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
_MOST_PATIENTS = 20
_TYPES = {
    "lat_primary_missions": "PRIMARY",
    "lat_secondary_missions": "SECONDARY",
    "lat_search_rescue_missions": "SEARCH_RESCUE",
    "lat_other_missions": "OTHER",
}
_NOT_NAMED = ("LANDING_SITE", "OTHER", "UNKNOWN")


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
        "left_scene_at",
        "at_destination_at",
        "left_destination_at",
        "landed_at",
        "mission_type",
        "patients",
        "has_timing_warning",
    )


def request_figures(requests: pl.DataFrame, places: Places, dates: pl.DataFrame) -> pl.DataFrame:
    """Requests, their outcomes, and how fast the helicopters are in the air."""
    outcome = pl.col("outcome")
    started = outcome != "DECLINED"
    reaction = (pl.col("airborne_at") - pl.col("requested_at")).dt.total_milliseconds()
    response = (pl.col("at_scene_at") - pl.col("requested_at")).dt.total_milliseconds()

    def ended_for(end: str, *reasons: str, none: bool = False) -> pl.Expr:
        return (outcome == end) & pl.col("reason").is_in(reasons).fill_null(none)

    rows = places.at_base(requests).with_columns(
        pl.lit(True).alias("any"),
        started.alias("started"),
        (outcome == "COMPLETED").alias("completed"),
        (outcome == "DECLINED").alias("declined"),
        (outcome == "ABORTED").alias("aborted"),
        ended_for("DECLINED", "WEATHER").alias("weather"),
        ended_for("DECLINED", "CONCURRENCY").alias("concurrency"),
        ended_for("DECLINED", "TECHNICAL", "CREW", "DUTY_TIME").alias("unready"),
        ended_for("DECLINED", "NOT_INDICATED").alias("not_indicated"),
        ended_for("DECLINED", "OTHER_RESOURCE").alias("other_resource"),
        ended_for("DECLINED", *_NOT_NAMED, none=True).alias("other"),
        ended_for("ABORTED", "WEATHER").alias("left_weather"),
        ended_for("ABORTED", "TECHNICAL", "CREW", "DUTY_TIME").alias("left_unready"),
        ended_for("ABORTED", "NOT_INDICATED", "OTHER_RESOURCE").alias("left_not_indicated"),
        ended_for("ABORTED", "CONCURRENCY", *_NOT_NAMED, none=True).alias("left_other"),
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
        "lat_declined_not_indicated": ("not_indicated", "any", "any"),
        "lat_declined_other_resource": ("other_resource", "any", "any"),
        "lat_declined_other": ("other", "any", "any"),
        "lat_aborted_weather": ("left_weather", "started", "started"),
        "lat_aborted_unready": ("left_unready", "started", "started"),
        "lat_aborted_not_indicated": ("left_not_indicated", "started", "started"),
        "lat_aborted_other": ("left_other", "started", "started"),
    }
    of_type = {
        kpi: (pl.col("started") & (pl.col("mission_type") == code)).alias(kpi)
        for kpi, code in _TYPES.items()
    }
    is_typed = pl.col("started") & pl.col("mission_type").is_not_null()
    rows = rows.with_columns(*of_type.values(), is_typed.alias("typed"))
    by_type = {kpi: (kpi, "typed", "started") for kpi in _TYPES}
    number = pl.concat(
        rows.filter(counted).select(
            pl.lit(kpi).alias("kpi_id"), *_KEYS, pl.lit(1.0).alias("numerator")
        )
        for kpi, counted in (("lat_requests", pl.lit(True)), ("lat_missions", pl.col("started")))
    )
    urgent = (pl.col("segment") == "HELI") & (pl.col("urgency") == "RED") & pl.col("started")
    return pl.concat(
        [
            counts(number, LEVELS, _grid(places, "lat_requests", "lat_missions"), dates),
            _mission_figures(_flown(rows), places),
            shares(cells(rows, _KEYS, wanted), LEVELS, complete=tuple(wanted)),
            shares(cells(rows, _KEYS, by_type), LEVELS),
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


def _flown(rows: pl.DataFrame) -> pl.DataFrame:
    """Take-offs and time in the air of each mission by aircraft of which all times are there.

    Each take-off is paired with the landing that follows it.
    """
    at_base, scene, delivery = "airborne_at", "left_scene_at", "left_destination_at"
    there, delivered, home = "at_scene_at", "at_destination_at", "landed_at"
    legs = {at_base: (there, delivered, home), scene: (delivered, home), delivery: (home,)}
    is_whole = (
        pl.col("started")
        & (pl.col("segment") != "CAR")
        & ~pl.col("has_timing_warning")
        & pl.col(at_base).is_not_null()
        & pl.col(home).is_not_null()
        & (pl.col("aborted") | pl.col(there).is_not_null())
        & (pl.col(there).is_null() == pl.col(scene).is_null())
        & (pl.col(delivered).is_null() == pl.col(delivery).is_null())
    )
    in_the_air = pl.sum_horizontal(
        (pl.coalesce(landings) - pl.col(start)).dt.total_milliseconds()
        for start, landings in legs.items()
    )
    return rows.with_columns(
        pl.when(is_whole)
        .then(pl.sum_horizontal(pl.col(start).is_not_null() for start in legs))
        .alias("legs"),
        pl.when(is_whole).then(in_the_air).alias("air_ms"),
    )


def _mission_figures(rows: pl.DataFrame, places: Places) -> pl.DataFrame:
    """Patients, flights and flight hours, as far as they are told.

    A request that was declined is no mission, whatever is told of it. A unit without requests had
    no missions on days of which somebody tells, or on which there were none.
    """
    started, done = pl.col("started"), pl.col("completed")
    usable = pl.col("patients").is_between(0, _MOST_PATIENTS).fill_null(False)
    is_timed = pl.col("air_ms").is_not_null()
    has_flights = ~pl.col("kpi_id").str.contains("flight") | (pl.col("segment") != "CAR")
    # The number, of which missions it is known, and of which it should be.
    told = {
        "lat_patients": (pl.when(done & usable).then("patients"), done & usable, done),
        "lat_flights": (pl.col("legs"), is_timed, started),
        "lat_flight_hours": (pl.col("air_ms"), is_timed, started),
    }
    marked = pl.concat(
        rows.select(
            pl.lit(kpi).alias("kpi_id"),
            *_KEYS,
            number.cast(pl.Float64).fill_null(0.0).alias("numerator"),
            known.cast(pl.Int64).alias("known"),
            of.cast(pl.Int64).alias("missions"),
        )
        for kpi, (number, known, of) in told.items()
    ).filter(has_flights)
    is_told = (pl.col("known") > 0) | (pl.col("missions") == 0)
    days = (
        marked.group_by("kpi_id", "date", "segment")
        .agg(pl.col("known", "missions").sum())
        .filter(is_told)
        .select("kpi_id", "date")
        .unique()
    )
    grid = _grid(places, *(kpi for kpi in told if kpi != "lat_flight_hours"))
    nothing = {"numerator": 0.0, "known": 0, "missions": 0}
    is_hours = pl.col("kpi_id") == "lat_flight_hours"
    parts = []
    for level, frame in levelled(marked, LEVELS):
        zeros = (
            grid[level]
            .join(days, on="kpi_id")
            .filter(has_flights)
            .with_columns(pl.lit(value).alias(name) for name, value in nothing.items())
        )
        columns = ["kpi_id", "segment", "date", "unit_id", *nothing]
        whole = pl.concat([frame.select(columns), zeros.select(columns)], how="vertical_relaxed")
        parts += [
            part.group_by("kpi_id", "segment", "period_start", "unit_id")
            .agg(pl.col(list(nothing)).sum())
            .with_columns(pl.lit(grain).alias("period_grain"), pl.lit(level).alias("level"))
            for grain, part in in_periods(whole)
        ]
    return (
        pl.concat(parts)
        .filter(is_told)
        .with_columns(
            pl.when(is_hours)
            .then(pl.col("numerator") / _HOUR_MS)
            .otherwise("numerator")
            .alias("numerator"),
            pl.when(pl.col("missions") > 0)
            .then(pl.col("known") / pl.col("missions"))
            .otherwise(1.0)
            .alias("coverage"),
            pl.lit(None, pl.Float64).alias("denominator"),
        )
        .with_columns(
            pl.when(is_hours).then("known").otherwise("numerator").cast(pl.Float64).alias("n"),
            pl.col("numerator").alias("value"),
        )
        .select(OUTPUT)
    )


def _grid(places: Places, *kpis: str) -> dict[str, pl.DataFrame]:
    """Where no request is a fact: each vehicle at the bases that have one."""
    vehicles = {"HELI": ["HELI", "CAR"], "PLANE": ["PLANE"]}
    bases = (
        places.bases.filter(pl.col("base_kind").is_in(list(vehicles)))
        .join(pl.DataFrame({"kpi_id": kpis}), how="cross")
        .select(
            "kpi_id",
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
    reason, owner = pl.col("reason"), pl.col("attribution")
    named = {
        f"lat_{name.lower()}_down_h": down & (reason == name).fill_null(False)
        for name in ("WEATHER", "TECHNICAL", "CREW", "DUTY_TIME")
    }
    owned = {
        f"lat_{name.lower()}_attributed_h": down & (owner == name).fill_null(False)
        for name in ("OPERATOR", "HEALTH_TRUST", "WEATHER", "AUTHORITY", "PLANNED")
    }
    lost = {
        "lat_down_h": down,
        **named,
        "lat_other_down_h": down & reason.is_not_null() & ~pl.any_horizontal(*named.values()),
        "lat_unexplained_down_h": down & reason.is_null(),
        **owned,
        "lat_unattributed_h": down & owner.is_null(),
    }
    parts_of = {
        "covered": pl.lit(True),
        "ready": pl.col("state").is_in(_READY),
        **lost,
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
        "lat_readiness_operator": (
            pl.col("planned") - pl.col("lat_operator_attributed_h"),
            "covered",
        ),
        **{kpi: (pl.col(kpi), "covered") for kpi in lost},
        **{kpi: (pl.col(kpi), "explained") for kpi in (*named, "lat_other_down_h")},
        **{kpi: (pl.col(kpi), "attributed") for kpi in owned},
    }
    parts = []
    for level, frame in levelled(places.at_base(by_day), LEVELS):
        for grain, part in in_periods(frame):
            hours = part.group_by("segment", "period_start", "unit_id").agg(
                pl.col("planned", *parts_of).sum() / _HOUR_MS,
                pl.col("resource_id").n_unique().cast(pl.Float64).alias("n"),
            )
            for kpi, (numerator, known) in wanted.items():
                # Hours lost are told as hours, the others as a share of the planned.
                of_planned = kpi.startswith("lat_readiness")
                share = pl.col("numerator") / pl.col("planned") * 100
                # Of hours of which nothing is known none are lost, and none are not.
                told = pl.lit(True) if of_planned else pl.col(known) > 0
                parts.append(
                    hours.filter(told)
                    .with_columns(
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
