"""Figures of missions and incidents, and of the chain from the ringing call to the scene."""

from __future__ import annotations

import datetime as dt

import polars as pl

from ingestion.synthetic.clock import OSLO
from ingestion.synthetic.truth.calls import in_scope
from ingestion.synthetic.truth.places import GEOGRAPHY, Places, person_years
from ingestion.synthetic.truth.rollup import (
    GRAINS,
    OUTPUT,
    cells,
    levelled,
    period_start,
    shares,
    statistics,
)

COUNTED = ("ACUTE", "ORDERED", "TRANSFER")
CHAIN_LEVELS = {name: column for name, column in GEOGRAPHY.items() if name != "municipality"}
_URGENCY = {"RED": 0, "YELLOW": 1, "GREEN": 2, "UNKNOWN": 3}
_KEYS = ("segment", "date", "region", "health_trust", "county", "municipality", "central")
_MISSION_COLUMNS = (
    "source_system",
    "source_id",
    "incident_id",
    "central_id",
    "scene_municipality_code",
    "mission_type",
    "unit_type",
    "urgency_first",
    "urgency_last",
    "received_at",
    "alerted_at",
    "en_route_at",
    "at_scene_at",
    "cancelled_at",
    "has_timing_warning",
)


def thin_missions(rows: pl.DataFrame) -> pl.DataFrame:
    """What the figures need of missions."""
    return rows.filter(pl.col("mission_type").is_in(COUNTED)).select(
        *_MISSION_COLUMNS, pl.col("_day").cast(pl.Date).alias("date")
    )


def thin_links(rows: pl.DataFrame) -> pl.DataFrame:
    """Calls that may be part of a chain: linked themselves, or passed on to a call that is."""
    return rows.filter(
        in_scope() & (pl.col("chain_id").is_not_null() | pl.col("transferred_to").is_not_null())
    ).select("source_id", "chain_id", "parent_call_id", "ring_start_at", "has_timing_warning")


def incidents_of(missions: pl.DataFrame, places: Places) -> pl.DataFrame:
    """One row per incident."""
    timed = ~pl.col("has_timing_warning")
    acute = pl.col("mission_type") == "ACUTE"
    going = acute & pl.col("cancelled_at").is_null()
    car = going & (pl.col("unit_type") == "CAR")
    fine = timed & pl.col("at_scene_at").is_not_null()
    rank = pl.col("urgency_last").replace_strict(_URGENCY, return_dtype=pl.Int8)
    rows = (
        missions.with_columns(acute=acute, going=going, car=car, timed=timed, fine=fine, rank=rank)
        .sort("source_system", "incident_id", "alerted_at", "source_id")
        .group_by("source_system", "incident_id", maintain_order=True)
        .agg(
            pl.col("central_id", "scene_municipality_code").first(),
            pl.col("received_at").min().alias("received"),
            pl.col("alerted_at").min().alias("alerted"),
            pl.col("rank").min(),
            (pl.col("urgency_first") != pl.col("urgency_last")).any().alias("changed"),
            pl.col("acute").any().alias("has_acute"),
            pl.col("timed").filter("acute").all().alias("acute_timed"),
            pl.col("car").any().alias("has_car"),
            pl.col("fine").filter("car").all().alias("cars_fine"),
            pl.col("at_scene_at").filter("car").min().alias("first_car"),
            pl.col("going").any().alias("has_going"),
            pl.col("fine").filter("going").all().alias("going_fine"),
            pl.col("at_scene_at").filter("going").min().alias("first_unit"),
        )
    )
    anchor = pl.coalesce("received", "alerted")
    date = anchor.dt.replace_time_zone("UTC").dt.convert_time_zone(OSLO).dt.date()
    red = pl.col("rank") == 0
    response = red & ~pl.col("changed") & pl.col("has_car")
    eligible = response & pl.col("received").is_not_null() & pl.col("cars_fine")
    return places.at_scene(rows).with_columns(
        date.alias("date"),
        pl.lit("all").alias("segment"),
        red.alias("red"),
        response.alias("response"),
        eligible.alias("eligible"),
        pl.when(eligible)
        .then((pl.col("first_car") - pl.col("received")).dt.total_milliseconds())
        .alias("response_ms"),
        pl.when(pl.col("has_acute") & pl.col("acute_timed"))
        .then((pl.col("alerted") - pl.col("received")).dt.total_milliseconds())
        .alias("dispatch_ms"),
    )


def alarm_figures(
    missions: pl.DataFrame, places: Places, first: dt.date, last: dt.date
) -> pl.DataFrame:
    """All figures of missions and incidents, for the span of deliveries first to last."""
    incidents = incidents_of(missions, places)
    return pl.concat(
        [
            _per_thousand(incidents, places, first, last),
            _incident_shares(incidents),
            _mission_shares(missions, places),
            statistics(
                incidents.filter("response"),
                GEOGRAPHY,
                {"resp_median": ("response_ms", "median"), "resp_p90": ("response_ms", "p90")},
                scale=1 / 60_000,
            ),
            statistics(
                incidents.filter("has_acute"),
                GEOGRAPHY,
                {"dispatch_interval": ("dispatch_ms", "median")},
                scale=1e-3,
            ),
            _turnout(missions, places),
        ]
    )


def _per_thousand(
    incidents: pl.DataFrame, places: Places, first: dt.date, last: dt.date
) -> pl.DataFrame:
    parts = []
    for level, frame in levelled(incidents, GEOGRAPHY):
        for grain in GRAINS:
            parts.append(
                frame.group_by("unit_id", period_start(grain))
                .agg(pl.len().cast(pl.Float64).alias("numerator"))
                .with_columns(pl.lit(grain).alias("period_grain"), pl.lit(level).alias("level"))
            )
    keys = ["unit_id", "period_start", "period_grain", "level"]
    people = person_years(places, first, last)
    joined = pl.concat(parts).join(people, on=keys, how="full", coalesce=True)
    # Single days of small areas are listed where something happened.
    small = pl.col("level").is_in(["municipality", "county", "health_trust"])
    listed = ~(small & (pl.col("period_grain") == "day")) | pl.col("numerator").is_not_null()
    return (
        joined.filter(listed)
        .with_columns(
            pl.lit("incidents_per_1000").alias("kpi_id"),
            pl.lit("all").alias("segment"),
            pl.col("numerator").fill_null(0.0),
        )
        .with_columns(
            pl.col("numerator").alias("n"),
            pl.lit(1.0).alias("coverage"),
            (pl.col("numerator") / pl.col("denominator") * 1000).alias("value"),
        )
        .select(OUTPUT)
    )


def _incident_shares(incidents: pl.DataFrame) -> pl.DataFrame:
    urban = pl.col("is_urban").fill_null(False)
    rural = ~pl.col("is_urban").fill_null(True)
    rows = incidents.with_columns(
        pl.lit(True).alias("any"),
        (pl.col("rank") < 3).alias("graded"),
        (pl.col("eligible") & urban & (pl.col("response_ms") <= 720_000)).alias("urban_in"),
        (pl.col("eligible") & urban).alias("urban_eligible"),
        (pl.col("response") & urban).alias("urban_base"),
        (pl.col("eligible") & rural & (pl.col("response_ms") <= 1_500_000)).alias("rural_in"),
        (pl.col("eligible") & rural).alias("rural_eligible"),
        (pl.col("response") & rural).alias("rural_base"),
    )
    wanted = {
        "red_share": ("red", "graded", "any"),
        "resp_urban_12": ("urban_in", "urban_eligible", "urban_base"),
        "resp_rural_25": ("rural_in", "rural_eligible", "rural_base"),
        "resp_coverage": ("eligible", "red", "red"),
    }
    return shares(cells(rows, _KEYS, wanted), GEOGRAPHY, complete=("resp_coverage",))


def _mission_shares(missions: pl.DataFrame, places: Places) -> pl.DataFrame:
    rows = places.at_scene(missions).with_columns(
        pl.lit("all").alias("segment"),
        pl.lit(True).alias("any"),
        (pl.col("cancelled_at").is_not_null() & pl.col("at_scene_at").is_null()).alias("stopped"),
    )
    wanted = {"cancelled_share": ("stopped", "any", "any")}
    return shares(cells(rows, _KEYS, wanted), GEOGRAPHY, complete=("cancelled_share",))


def _turnout(missions: pl.DataFrame, places: Places) -> pl.DataFrame:
    base = (
        (pl.col("mission_type") == "ACUTE")
        & (pl.col("unit_type") == "CAR")
        & ~(pl.col("cancelled_at").is_not_null() & pl.col("en_route_at").is_null())
    )
    turnout = (pl.col("en_route_at") - pl.col("alerted_at")).dt.total_milliseconds()
    rows = places.at_scene(missions.filter(base)).with_columns(
        pl.lit("all").alias("segment"),
        pl.when(~pl.col("has_timing_warning")).then(turnout).alias("turnout_ms"),
    )
    return statistics(rows, GEOGRAPHY, {"turnout_p90": ("turnout_ms", "p90")}, scale=1e-3)


def chain_figures(missions: pl.DataFrame, links: pl.DataFrame, places: Places) -> pl.DataFrame:
    """From the first ring to the first unit at the scene, over all calls of an incident."""
    incidents = incidents_of(missions, places).filter("red")
    own = links.filter(pl.col("chain_id").is_not_null())
    parents = own.select("chain_id", "parent_call_id").join(
        links.select("source_id", "ring_start_at", "has_timing_warning"),
        left_on="parent_call_id",
        right_on="source_id",
        how="inner",
    )
    columns = ["chain_id", "ring_start_at", "has_timing_warning"]
    linked = (
        pl.concat([own.select(columns), parents.select(columns)])
        .group_by("chain_id")
        .agg(
            pl.col("ring_start_at").min().alias("first_ring"),
            (~pl.col("has_timing_warning")).all().alias("calls_timed"),
        )
    )
    rows = incidents.join(linked, left_on="incident_id", right_on="chain_id", how="left")
    timed = pl.col("has_going") & pl.col("going_fine") & pl.col("calls_timed")
    rows = rows.with_columns(
        pl.lit(True).alias("any"),
        pl.col("first_ring").is_not_null().alias("is_linked"),
        pl.when(timed)
        .then((pl.col("first_unit") - pl.col("first_ring")).dt.total_milliseconds())
        .alias("chain_ms"),
    )
    return pl.concat(
        [
            shares(
                cells(rows, _KEYS, {"chain_link_rate": ("is_linked", "any", "any")}),
                CHAIN_LEVELS,
                complete=("chain_link_rate",),
            ),
            statistics(
                rows.filter("has_acute"),
                CHAIN_LEVELS,
                {"chain_ring_to_scene_p90": ("chain_ms", "p90")},
                scale=1 / 60_000,
            ),
        ]
    )
