"""Figures of missions and incidents, and of the chain from the ringing call to the scene."""

from __future__ import annotations

import datetime as dt

import polars as pl

from ingestion.synthetic.clock import OSLO
from ingestion.synthetic.truth.calls import in_scope
from ingestion.synthetic.truth.places import GEOGRAPHY, Places
from ingestion.synthetic.truth.rates import per_thousand
from ingestion.synthetic.truth.rollup import (
    OUTPUT,
    cells,
    in_periods,
    levelled,
    shares,
    statistics,
)

COUNTED = ("ACUTE", "ORDERED", "TRANSFER")
CHAIN_LEVELS = {name: column for name, column in GEOGRAPHY.items() if name != "municipality"}
_URGENCY = {"RED": 0, "YELLOW": 1, "GREEN": 2, "UNKNOWN": 3}
_KEYS = (
    "segment",
    "date",
    "region",
    "health_trust",
    "county",
    "municipality",
    "union",
    "central",
)
# The people of a central are those of the municipalities it answers for.
_PEOPLE = {**GEOGRAPHY, "central": "amk"}
_URBAN_MS, _RURAL_MS = 720_000, 1_500_000
_MISSION_COLUMNS = (
    "source_system",
    "source_id",
    "incident_id",
    "central_id",
    "scene_municipality_code",
    "scene_urban",
    "mission_type",
    "unit_type",
    "urgency_first",
    "urgency_last",
    "received_at",
    "alerted_at",
    "en_route_at",
    "at_scene_at",
    "departed_at",
    "at_destination_at",
    "available_at",
    "cancelled_at",
    "result",
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
    ).select(
        "source_id",
        "chain_id",
        "parent_call_id",
        "ring_start_at",
        "answered_at",
        "has_timing_warning",
        (pl.col("service_line") == "113").alias("is_113"),
        (pl.col("outcome") == "ANSWERED").alias("answered"),
    )


def incidents_of(missions: pl.DataFrame, places: Places) -> pl.DataFrame:
    """One row per incident.

    What a row with a warning about its times says of time is not believed. The first ambulance to
    arrive is the first of those whose arrival can be believed; other units' rows do not matter.
    """
    believed = ~pl.col("has_timing_warning")
    acute = pl.col("mission_type") == "ACUTE"
    going = acute & pl.col("cancelled_at").is_null()
    on_ground = pl.col("unit_type").is_in(["CAR", "BOAT"])
    rank = pl.col("urgency_last").replace_strict(_URGENCY, return_dtype=pl.Int8)
    came = on_ground & pl.col("cancelled_at").is_null() & pl.col("at_scene_at").is_not_null()

    def first_there(units: str) -> pl.Expr:
        return pl.col("at_scene_at").filter(pl.col(units) & pl.col("believed")).min()

    def ended(result: str) -> pl.Expr:
        return (pl.col("result") == result).fill_null(False).any()

    rows = (
        missions.with_columns(
            acute=acute,
            going=going,
            ambulance=going & on_ground,
            car=going & (pl.col("unit_type") == "CAR"),
            believed=believed,
            rank=rank,
            came=came,
        )
        .sort("source_system", "incident_id", "alerted_at", "source_id")
        .group_by("source_system", "incident_id", maintain_order=True)
        .agg(
            pl.col("central_id", "scene_municipality_code", "scene_urban").first(),
            pl.col("received_at").min().alias("received"),
            pl.col("alerted_at").min().alias("alerted"),
            pl.col("received_at").filter("believed").min().alias("received_believed"),
            pl.col("alerted_at").filter("believed").min().alias("alerted_believed"),
            pl.col("rank").min(),
            (pl.col("urgency_first") != pl.col("urgency_last")).any().alias("changed"),
            pl.col("acute").any().alias("has_acute"),
            pl.col("ambulance").any().alias("has_ambulance"),
            pl.col("car").any().alias("has_car"),
            first_there("ambulance").alias("first_ambulance"),
            first_there("car").alias("first_car"),
            first_there("going").alias("first_unit"),
            pl.col("came").any().alias("reached"),
            (pl.col("came") & pl.col("result").is_null()).any().alias("one_is_silent"),
            ended("CONVEYED").alias("conveyed"),
            ended("LEFT").alias("left"),
            ended("NO_PATIENT").alias("nobody_there"),
            pl.len().alias("units"),
        )
    )
    anchor = pl.coalesce("received", "alerted")
    date = anchor.dt.replace_time_zone("UTC").dt.convert_time_zone(OSLO).dt.date()
    red = pl.col("rank") == 0
    steady = red & ~pl.col("changed")
    placed = places.at_scene(rows.with_columns(date.alias("date")))

    def until(moment: str, when: pl.Expr) -> pl.Expr:
        span = (pl.col(moment) - pl.col("received_believed")).dt.total_milliseconds()
        return pl.when(when).then(span)

    return placed.with_columns(
        pl.lit("all").alias("segment"),
        red.alias("red"),
        (steady & pl.col("has_ambulance")).alias("response"),
        (steady & pl.col("has_car")).alias("car_response"),
        until("first_ambulance", steady).alias("response_ms"),
        until("first_car", steady).alias("car_response_ms"),
        until("alerted_believed", pl.col("has_acute")).alias("dispatch_ms"),
        # The source may tell of the scene itself; else the municipality has to do.
        pl.coalesce("scene_urban", "is_urban").alias("urban"),
    )


def alarm_figures(
    missions: pl.DataFrame, places: Places, first: dt.date, last: dt.date
) -> pl.DataFrame:
    """All figures of missions and incidents, for the span of deliveries first to last."""
    incidents = incidents_of(missions, places)
    placed = places.at_scene(missions).with_columns(pl.lit("all").alias("segment"))
    span = first, last
    one = pl.lit(1)
    return pl.concat(
        [
            per_thousand(
                incidents.with_columns(one.alias("incidents_per_1000")),
                places,
                span,
                GEOGRAPHY,
                _PEOPLE,
                [("incidents_per_1000", "all")],
            ),
            per_thousand(
                placed.with_columns(one.alias("missions_per_1000")),
                places,
                span,
                GEOGRAPHY,
                _PEOPLE,
                [("missions_per_1000", "all")],
            ),
            _incident_shares(incidents),
            _mission_shares(placed),
            _standardized(incidents),
            statistics(
                incidents.filter("car_response"),
                GEOGRAPHY,
                {
                    "resp_median": ("car_response_ms", "median"),
                    "resp_p90": ("car_response_ms", "p90"),
                },
                scale=1 / 60_000,
            ),
            statistics(
                incidents.filter("has_acute"),
                GEOGRAPHY,
                {"dispatch_interval": ("dispatch_ms", "median")},
                scale=1e-3,
            ),
            _mission_times(placed),
        ]
    )


def _incident_shares(incidents: pl.DataFrame) -> pl.DataFrame:
    urban = pl.col("urban").fill_null(False)
    rural = ~pl.col("urban").fill_null(True)
    measured = pl.col("response_ms").is_not_null()
    red_acute = pl.col("red") & pl.col("has_acute")
    certain = pl.col("reached") & (pl.col("conveyed") | ~pl.col("one_is_silent"))
    some_end = pl.col("conveyed") | pl.col("left") | pl.col("nobody_there")
    stayed = certain & ~pl.col("conveyed")
    rows = incidents.with_columns(
        pl.lit(True).alias("any"),
        (pl.col("rank") < 3).alias("graded"),
        measured.alias("measured"),
        (urban & (pl.col("response_ms") <= _URBAN_MS)).fill_null(False).alias("urban_in"),
        (measured & urban).alias("urban_measured"),
        (pl.col("response") & urban).alias("urban_response"),
        (rural & (pl.col("response_ms") <= _RURAL_MS)).fill_null(False).alias("rural_in"),
        (measured & rural).alias("rural_measured"),
        (pl.col("response") & rural).alias("rural_response"),
        (pl.col("response") & pl.col("urban").is_null()).alias("nowhere"),
        (measured & pl.col("scene_urban").is_not_null()).alias("by_scene"),
        red_acute.alias("red_acute"),
        (red_acute & pl.col("changed")).alias("red_changed"),
        (red_acute & ~pl.col("changed") & ~pl.col("has_ambulance")).alias("red_alone"),
        (certain & some_end).alias("certain"),
        (stayed & pl.col("left")).alias("stayed"),
        (stayed & ~pl.col("left") & pl.col("nobody_there")).alias("empty"),
    )
    # Of all that should be measured, or of all there are: nothing is left out.
    whole = {
        "resp_coverage": ("measured", "response", "response"),
        "resp_urgency_changed": ("red_changed", "red_acute", "red_acute"),
        "resp_no_ambulance": ("red_alone", "red_acute", "red_acute"),
        "resp_by_scene": ("by_scene", "measured", "measured"),
    }
    nowhere = {"resp_unclassed": ("nowhere", "response", "response")}
    wanted = {
        "red_share": ("red", "graded", "any"),
        "resp_urban_12": ("urban_in", "urban_measured", "urban_response"),
        "resp_rural_25": ("rural_in", "rural_measured", "rural_response"),
        "not_conveyed": ("stayed", "certain", "reached"),
        "no_patient": ("empty", "certain", "reached"),
        **whole,
    }
    ratio = {"units_per_incident": ("units", "any", "any")}
    by_area = {level: unit for level, unit in GEOGRAPHY.items() if level != "municipality"}
    return pl.concat(
        [
            shares(cells(rows, _KEYS, wanted), GEOGRAPHY, complete=tuple(whole)),
            shares(cells(rows, _KEYS, nowhere), by_area, complete=tuple(nowhere)),
            shares(cells(rows, _KEYS, ratio), GEOGRAPHY, complete=tuple(ratio), factor=1.0),
        ]
    )


def _standardized(incidents: pl.DataFrame) -> pl.DataFrame:
    """Late arrivals against those expected with the national share of each kind of place.

    The kinds are the two limits, each by centrality class: where 12 minutes are allowed far more
    are late than where 25 are. Counted are the incidents of the two response shares.
    """
    limit = pl.when("urban").then(_URBAN_MS).otherwise(_RURAL_MS)
    rows = incidents.filter(
        pl.col("response_ms").is_not_null()
        & pl.col("urban").is_not_null()
        & pl.col("centrality").is_not_null()
    ).with_columns((pl.col("response_ms") > limit).alias("late"))
    kind = ["urban", "centrality"]
    by_day = rows.group_by(*_KEYS, *kind).agg(pl.len().alias("n"), pl.col("late").sum())
    parts = []
    nation = pl.concat(
        part.group_by(pl.lit(grain).alias("period_grain"), "period_start", *kind).agg(
            (pl.col("late").sum() / pl.col("n").sum()).alias("share")
        )
        for grain, part in in_periods(by_day)
    )
    for level, frame in levelled(by_day, GEOGRAPHY):
        parts += [
            part.group_by("segment", "period_start", "unit_id", *kind)
            .agg(pl.col("n", "late").sum())
            .join(
                nation.filter(period_grain=grain).drop("period_grain"), on=["period_start", *kind]
            )
            # In a fixed order, so that the sum is the same to the last digit.
            .sort("unit_id", "period_start", *kind)
            .group_by("segment", "period_start", "unit_id", maintain_order=True)
            .agg(
                pl.col("late").sum().cast(pl.Float64).alias("numerator"),
                (pl.col("n") * pl.col("share")).sum().alias("denominator"),
                pl.col("n").sum().cast(pl.Float64),
            )
            .with_columns(
                pl.lit("resp_standardized").alias("kpi_id"),
                pl.lit(grain).alias("period_grain"),
                pl.lit(level).alias("level"),
                pl.lit(1.0).alias("coverage"),
                pl.when(pl.col("denominator") > 0)
                .then(pl.col("numerator") / pl.col("denominator"))
                .alias("value"),
            )
            .select(OUTPUT)
            for grain, part in in_periods(frame)
        ]
    return pl.concat(parts)


def _mission_shares(placed: pl.DataFrame) -> pl.DataFrame:
    stopped = pl.col("cancelled_at").is_not_null() & pl.col("at_scene_at").is_null()
    rows = placed.with_columns(pl.lit(True).alias("any"), stopped.alias("stopped"))
    wanted = {"cancelled_share": ("stopped", "any", "any")}
    return shares(cells(rows, _KEYS, wanted), GEOGRAPHY, complete=tuple(wanted))


def _mission_times(placed: pl.DataFrame) -> pl.DataFrame:
    """Times of cars: turnout in seconds, the others in minutes."""
    acute = pl.col("mission_type") == "ACUTE"
    car = pl.col("unit_type") == "CAR"
    going = pl.col("cancelled_at").is_null()
    conveyed = (pl.col("result") == "CONVEYED").fill_null(False)
    valid = ~pl.col("has_timing_warning")

    def interval(base: str, start: str, end: str) -> pl.Expr:
        span = (pl.col(end) - pl.col(start)).dt.total_milliseconds()
        return pl.when(pl.col(base) & valid).then(span)

    rows = (
        placed.filter(car)
        .with_columns(
            (acute & ~(~going & pl.col("en_route_at").is_null())).alias("leaving"),
            (acute & going).alias("driving"),
            (acute & going & conveyed).alias("loading"),
            (going & conveyed).alias("delivering"),
            going.alias("working"),
        )
        .with_columns(
            interval("leaving", "alerted_at", "en_route_at").alias("turnout_ms"),
            interval("driving", "en_route_at", "at_scene_at").alias("travel_ms"),
            interval("loading", "at_scene_at", "departed_at").alias("scene_ms"),
            interval("delivering", "at_destination_at", "available_at").alias("hospital_ms"),
            interval("working", "alerted_at", "available_at").alias("mission_ms"),
        )
    )
    return pl.concat(
        [
            statistics(
                rows,
                GEOGRAPHY,
                {"turnout_p90": ("turnout_ms", "p90", "leaving")},
                scale=1e-3,
            ),
            statistics(
                rows,
                GEOGRAPHY,
                {
                    "travel_median": ("travel_ms", "median", "driving"),
                    "scene_time_median": ("scene_ms", "median", "loading"),
                    "hospital_turnaround_p90": ("hospital_ms", "p90", "delivering"),
                    "mission_time_median": ("mission_ms", "median", "working"),
                },
                scale=1 / 60_000,
            ),
        ]
    )


def chain_figures(missions: pl.DataFrame, links: pl.DataFrame, places: Places) -> pl.DataFrame:
    """From the first ring to the first unit at the scene, over all calls of an incident."""
    incidents = incidents_of(missions, places).filter("red")
    own = links.filter(pl.col("chain_id").is_not_null())
    parents = own.select("chain_id", "parent_call_id").join(
        links.drop("chain_id", "parent_call_id"),
        left_on="parent_call_id",
        right_on="source_id",
        how="inner",
    )
    columns = ["chain_id", "source_id", "ring_start_at", "has_timing_warning"]
    linked = (
        pl.concat(
            [own.select(columns), parents.rename({"parent_call_id": "source_id"}).select(columns)]
        )
        # A call that was passed on may carry the identifier of the incident itself.
        .unique(["chain_id", "source_id"])
        .group_by("chain_id")
        .agg(
            pl.col("ring_start_at").min().alias("first_ring"),
            (~pl.col("has_timing_warning")).all().alias("calls_timed"),
            pl.len().alias("calls"),
        )
    )
    by_chain = linked.join(_handovers(own, links), on="chain_id", how="left")
    rows = incidents.join(by_chain, left_on="incident_id", right_on="chain_id", how="left")
    # The first unit whose arrival can be believed; the calls must all be in order.
    timed = pl.col("calls_timed")
    rows = rows.with_columns(
        pl.lit(True).alias("any"),
        pl.col("first_ring").is_not_null().alias("is_linked"),
        pl.col("calls").fill_null(0),
        pl.when(timed)
        .then((pl.col("first_unit") - pl.col("first_ring")).dt.total_milliseconds())
        .alias("chain_ms"),
    )
    contacts = {"chain_contacts_per_incident": ("calls", "is_linked", "any")}
    return pl.concat(
        [
            shares(
                cells(rows, _KEYS, {"chain_link_rate": ("is_linked", "any", "any")}),
                CHAIN_LEVELS,
                complete=("chain_link_rate",),
            ),
            shares(cells(rows, _KEYS, contacts), CHAIN_LEVELS, factor=1.0),
            statistics(
                rows.filter("has_acute"),
                CHAIN_LEVELS,
                {"chain_ring_to_scene_p90": ("chain_ms", "p90")},
                scale=1 / 60_000,
            ),
            statistics(
                rows.filter(pl.col("handed_over").fill_null(False)),
                CHAIN_LEVELS,
                {"chain_handover_delay": ("handover_ms", "median")},
                scale=1e-3,
            ),
        ]
    )


def _handovers(own: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """From the answer at the out-of-hours central to the answer at the emergency central.

    One row per incident with a call to 113 that came from a call to 116117, both answered; the time
    is left out where one of these calls has no valid times, or the later answer comes first.
    """
    passed_on = (
        own.filter(pl.col("is_113") & pl.col("answered"))
        .select("chain_id", "parent_call_id", "answered_at", "has_timing_warning")
        .join(
            links.filter(~pl.col("is_113") & pl.col("answered")).select(
                pl.col("source_id").alias("parent_call_id"),
                pl.col("answered_at").alias("before_at"),
                pl.col("has_timing_warning").alias("before_warned"),
            ),
            on="parent_call_id",
            how="inner",
        )
    )
    fine = (
        pl.col("answered_at").is_not_null()
        & pl.col("before_at").is_not_null()
        & ~pl.col("has_timing_warning")
        & ~pl.col("before_warned")
    )
    delay = (pl.col("answered_at").min() - pl.col("before_at").min()).dt.total_milliseconds()
    return (
        passed_on.group_by("chain_id")
        .agg(fine.all().alias("fine"), delay.alias("delay"))
        .select(
            "chain_id",
            pl.lit(True).alias("handed_over"),
            pl.when(pl.col("fine") & (pl.col("delay") >= 0)).then("delay").alias("handover_ms"),
        )
    )
