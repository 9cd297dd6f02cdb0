"""lat_request: one request for an air ambulance resource at one base."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from contracts.alarm import URGENCY
from contracts.columns import Instant, column, stamp
from contracts.contract import Contract
from contracts.lat_codes import REASON, VEHICLE
from contracts.record import Record
from contracts.rules import Declaration, expected, in_order, unexpected

OUTCOME = {
    "COMPLETED": ("Gjennomført", "Completed"),
    "DECLINED": ("Avvist før avgang", "Declined before take-off"),
    "ABORTED": ("Avbrutt etter avgang", "Aborted after take-off"),
}


def _not_completed() -> pl.Expr:
    return pl.col("outcome") != "COMPLETED"


def _started() -> pl.Expr:
    return pl.col("outcome") != "DECLINED"


class LatRequest(Record):
    """One row per request and base."""

    _prefix: ClassVar[str] = "LATREQ"
    _declarations: ClassVar[tuple[Declaration, ...]] = (
        in_order("requested_at", "airborne_at", "at_scene_at"),
        expected(
            "reason",
            when=_not_completed,
            given=("outcome",),
            nb="selv om oppdraget ikke er gjennomført",
            en="although the mission was not completed",
        ),
        expected(
            "airborne_at",
            when=_started,
            given=("outcome",),
            nb="selv om oppdraget er startet",
            en="although the mission started",
        ),
        unexpected(
            "airborne_at",
            unless=_started,
            given=("outcome",),
            nb="selv om oppdraget er avvist",
            en="although the mission was declined",
        ),
    )

    requested_at: Instant = stamp(
        "Når oppdraget ble forespurt.", "When the mission was requested.", required=True
    )
    base_id: pl.String = column("unit", "Basen.", "The base.", required=True)
    resource_id: pl.String = column("unit", "Ressursen på basen.", "The resource at the base.")
    vehicle: pl.String = column(
        "code",
        "Hva slags fartøy det gjelder.",
        "Kind of vehicle.",
        required=True,
        codes=VEHICLE,
    )
    urgency: pl.String = column(
        "code", "Hastegraden.", "The urgency.", required=True, codes=URGENCY
    )
    outcome: pl.String = column(
        "code",
        "Hva forespørselen endte med.",
        "What the request ended with.",
        required=True,
        codes=OUTCOME,
    )
    reason: pl.String = column(
        "code",
        "Hvorfor oppdraget ikke ble gjennomført.",
        "Why the mission was not completed.",
        codes=REASON,
    )
    airborne_at: Instant = stamp(
        "Når fartøyet tok av eller kjørte.", "When the vehicle took off or set out."
    )
    at_scene_at: Instant = stamp("Når fartøyet var fremme.", "When the vehicle was at the scene.")
    alarm_source_id: pl.String = column(
        "key",
        "Kildens identifikator for ambulanseoppdraget.",
        "Source identifier of the alarm.",
        privacy="identifier",
    )


LAT_REQUEST = Contract(
    name="lat_request",
    title_nb="Luftambulanseforespørsel",
    title_en="Air ambulance request",
    description_nb="Én forespørsel til én luftambulansebase.",
    description_en="One request to one air ambulance base.",
    anchor=lambda: pl.col("requested_at"),
    model=LatRequest,
)
