"""lat_request: one request for an air ambulance resource at one base."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from contracts.alarm import URGENCY
from contracts.columns import Instant, column, stamp
from contracts.contract import Contract
from contracts.lat_codes import REASON, VEHICLE
from contracts.record import Record
from contracts.rules import Declaration, declared, expected, in_order, unexpected

OUTCOME = {
    "COMPLETED": ("Gjennomført", "Completed"),
    "DECLINED": ("Avvist før avgang", "Declined before take-off"),
    "ABORTED": ("Avbrutt etter avgang", "Aborted after take-off"),
}
MISSION_TYPE = {
    "PRIMARY": ("Primæroppdrag", "Primary mission"),
    "SECONDARY": ("Sekundæroppdrag, mellom sykehus", "Secondary mission, between hospitals"),
    "SEARCH_RESCUE": ("Søk og redning", "Search and rescue"),
    "OTHER": ("Annet oppdrag", "Other mission"),
}
# No crew flies longer on one mission; the largest aircraft take no more patients at once.
LONGEST_FLIGHT = pl.duration(hours=12)
MOST_PATIENTS = 20
FLIGHT = (
    "airborne_at", "at_scene_at", "left_scene_at", "at_destination_at", "left_destination_at",
    "landed_at",
)  # fmt: skip


def _not_completed() -> pl.Expr:
    return pl.col("outcome") != "COMPLETED"


def _started() -> pl.Expr:
    return pl.col("outcome") != "DECLINED"


def _flight_is_plausible() -> pl.Expr:
    """From stamps that are missing or out of order no length follows, so it is null."""

    def between(begin: str, end: str) -> pl.Expr:
        return pl.when(pl.col(end) >= pl.col(begin)).then(pl.col(end) - pl.col(begin))

    in_the_air: pl.Expr = pl.when(pl.col("airborne_at") >= pl.col("requested_at")).then(
        between("airborne_at", "landed_at")
    )
    for landed, left in (FLIGHT[1:3], FLIGHT[3:5]):
        was_there = pl.col(landed).is_not_null() | pl.col(left).is_not_null()
        on_the_ground = pl.when(was_there).then(between(landed, left))
        in_the_air -= on_the_ground.otherwise(pl.duration(seconds=0))
    return in_the_air <= LONGEST_FLIGHT


class LatRequest(Record):
    """One row per request and base."""

    _prefix: ClassVar[str] = "LATREQ"
    _declarations: ClassVar[tuple[Declaration, ...]] = (
        in_order("requested_at", *FLIGHT),
        declared(
            "FLIGHT_TIME_IMPLAUSIBLE",
            level="warning",
            kind="time",
            columns=(*FLIGHT, "requested_at"),
            assertion=_flight_is_plausible,
            nb="Flytiden, uten tiden på bakken, er lengre enn tolv timer.",
            en="The flight time, time on the ground left out, is longer than twelve hours.",
        ),
        declared(
            "PATIENTS_IMPLAUSIBLE",
            level="warning",
            kind="plausibility",
            columns=("patients",),
            assertion=lambda: pl.col("patients").is_between(0, MOST_PATIENTS),
            nb=f"Antall pasienter er negativt eller over {MOST_PATIENTS}; tallet brukes ikke.",
            en=f"The number of patients is negative or above {MOST_PATIENTS}; it is not used.",
        ),
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
    left_scene_at: Instant = stamp(
        "Når fartøyet tok av fra hentestedet.", "When the vehicle took off from the scene."
    )
    at_destination_at: Instant = stamp(
        "Når fartøyet landet der pasienten ble levert.",
        "When the vehicle landed where the patient was delivered.",
    )
    left_destination_at: Instant = stamp(
        "Når fartøyet tok av fra leveringsstedet.",
        "When the vehicle took off from where the patient was delivered.",
    )
    landed_at: Instant = stamp(
        "Når fartøyet landet for siste gang på oppdraget.",
        "When the vehicle landed for the last time on the mission.",
    )
    mission_type: pl.String = column(
        "code", "Hva slags oppdrag det var.", "Kind of mission.", codes=MISSION_TYPE
    )
    patients: pl.Int32 = column(
        "number",
        "Antall pasienter som ble hentet eller behandlet.",
        "Number of patients fetched or treated.",
        privacy="indirect",
    )
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
    version="1.1.0",
)
