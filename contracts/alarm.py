"""alarm: one unit on one ambulance mission, with the times of its status messages."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from contracts.columns import Instant, column, stamp
from contracts.contract import Contract
from contracts.record import Record
from contracts.rules import Declaration, declared, expected, in_order, ordered

UNIT_TYPE = {
    "CAR": ("Ambulansebil", "Ambulance car"),
    "BOAT": ("Ambulansebåt", "Ambulance boat"),
    "HELI": ("Ambulansehelikopter", "Ambulance helicopter"),
    "PLANE": ("Ambulansefly", "Ambulance plane"),
    "SAR": ("Redningshelikopter", "Rescue helicopter"),
    "RRV": ("Utrykningsenhet", "Rapid-response vehicle"),
    "DOCTOR": ("Legevaktlege", "Doctor on call"),
    "FIRST_RESPONDER": ("Førsterespons", "First responder"),
}
URGENCY = {
    "RED": ("Akutt", "Acute"),
    "YELLOW": ("Haster", "Urgent"),
    "GREEN": ("Vanlig", "Ordinary"),
    "UNKNOWN": ("Ukjent", "Unknown"),
}
MISSION_TYPE = {
    "ACUTE": ("Utrykning", "Emergency response"),
    "ORDERED": ("Bestilt oppdrag", "Ordered mission"),
    "TRANSFER": ("Overføring mellom behandlingssteder", "Transfer between places of care"),
    "STANDBY_MOVE": ("Beredskapsflytting", "Standby move"),
    "EXERCISE": ("Øvelse", "Exercise"),
}
CANCEL_REASON = {
    "NOT_NEEDED": ("Ikke behov", "Not needed"),
    "OTHER_UNIT": ("Annen enhet overtok", "Other unit took over"),
    "INVALID_ORDER": ("Ugyldig ordre", "Invalid order"),
    "WEATHER": ("Vær", "Weather"),
    "OTHER": ("Annet", "Other"),
}
RESULT = {
    "CONVEYED": ("Pasienten ble transportert", "Patient conveyed"),
    "LEFT": ("Pasienten ble igjen på stedet", "Patient left at the scene"),
    "CANCELLED": ("Avbrutt", "Cancelled"),
    "NO_PATIENT": ("Ingen pasient", "No patient"),
}


def _not_cancelled() -> pl.Expr:
    return pl.col("cancelled_at").is_null()


def _acute() -> pl.Expr:
    return pl.col("mission_type") == "ACUTE"


def _acute_not_cancelled() -> pl.Expr:
    return _acute() & _not_cancelled()


def _conveyed() -> pl.Expr:
    return (pl.col("result") == "CONVEYED") & _not_cancelled()


def _expected_on_acute(name: str) -> Declaration:
    return expected(
        name,
        when=_acute_not_cancelled,
        given=("mission_type", "cancelled_at"),
        nb="på en utrykning som ikke er avbrutt",
        en="on an emergency response that was not cancelled",
    )


def _expected_when_conveyed(name: str) -> Declaration:
    return expected(
        name,
        when=_conveyed,
        given=("result", "cancelled_at"),
        nb="selv om pasienten ble transportert",
        en="although the patient was conveyed",
    )


class Alarm(Record):
    """One row per unit per mission."""

    _prefix: ClassVar[str] = "ALARM"
    _declarations: ClassVar[tuple[Declaration, ...]] = (
        in_order(
            "received_at",
            "alerted_at",
            "acknowledged_at",
            "en_route_at",
            "at_scene_at",
            "at_patient_at",
            "departed_at",
            "at_destination_at",
            "handover_at",
            "available_at",
        ),
        ordered("cancelled_at", not_before=("alerted_at",)),
        _expected_on_acute("received_at"),
        _expected_on_acute("en_route_at"),
        _expected_on_acute("at_scene_at"),
        # A cancelled unit owes no further status message except that it is free again.
        expected(
            "available_at",
            when=_acute,
            given=("mission_type",),
            nb="på en utrykning",
            en="on an emergency response",
        ),
        _expected_when_conveyed("departed_at"),
        _expected_when_conveyed("at_destination_at"),
        declared(
            "STATUS_BATCH_PRESSED",
            level="warning",
            kind="batch",
            columns=("at_scene_at", "available_at", "cancelled_at"),
            assertion=lambda: (
                (pl.col("at_scene_at") != pl.col("available_at"))
                | pl.col("cancelled_at").is_not_null()
            ),
            nb="at_scene_at og available_at er like: statusene er trykket samlet.",
            en="at_scene_at and available_at are equal: the statuses were pressed together.",
        ),
    )

    incident_id: pl.String = column(
        "key",
        "Hendelsen oppdraget hører til.",
        "Incident the mission belongs to.",
        required=True,
        privacy="identifier",
    )
    mission_id: pl.String = column(
        "key",
        "Oppdraget enheten er varslet til.",
        "Mission the unit is alerted to.",
        required=True,
        privacy="identifier",
    )
    unit_id: pl.String = column(
        "unit", "Enheten (ressursen).", "The unit (resource).", required=True
    )
    unit_type: pl.String = column(
        "code",
        "Hva slags enhet det er.",
        "What kind of unit it is.",
        required=True,
        codes=UNIT_TYPE,
    )
    station_id: pl.String = column("unit", "Enhetens stasjon.", "Station of the unit.")
    central_id: pl.String = column(
        "unit",
        "AMK-sentralen som leder oppdraget.",
        "AMK central that runs the mission.",
        required=True,
    )
    urgency_first: pl.String = column(
        "code", "Første hastegrad.", "First urgency.", required=True, codes=URGENCY
    )
    urgency_last: pl.String = column(
        "code", "Siste hastegrad.", "Last urgency.", required=True, codes=URGENCY
    )
    urgency_changed: pl.Boolean = column(
        "flag",
        "Sann når hastegraden er endret underveis; ellers om første og siste er ulike.",
        "True when the urgency was changed on the way; by default whether first and last differ.",
        required=True,
    )
    mission_type: pl.String = column(
        "code", "Oppdragstype.", "Type of mission.", required=True, codes=MISSION_TYPE
    )
    scene_municipality_code: pl.String = column(
        "text",
        "Kommunenummer for hendelsesstedet slik kilden oppgir det, fire siffer.",
        "Municipality code of the scene as the source states it, four digits.",
        privacy="indirect",
    )
    scene_urban: pl.Boolean = column(
        "flag",
        "Sann når hendelsesstedet er tettbygd, når kilden oppgir det.",
        "True when the scene is urban, where the source says so.",
        privacy="indirect",
    )
    received_at: Instant = stamp(
        "Når henvendelsen er registrert mottatt.", "When the enquiry is registered as received."
    )
    alerted_at: Instant = stamp(
        "Når enheten ble varslet.", "When the unit was alerted.", required=True
    )
    acknowledged_at: Instant = stamp("Når enheten kvitterte.", "When the unit acknowledged.")
    en_route_at: Instant = stamp("Når enheten rykket ut.", "When the unit set out.")
    at_scene_at: Instant = stamp(
        "Når enheten var fremme på hendelsesstedet.", "When the unit was at the scene."
    )
    at_patient_at: Instant = stamp(
        "Når enheten var hos pasienten.", "When the unit was at the patient."
    )
    departed_at: Instant = stamp(
        "Når enheten dro fra hendelsesstedet.", "When the unit left the scene."
    )
    at_destination_at: Instant = stamp(
        "Når enheten var fremme på leveringsstedet.", "When the unit was at the destination."
    )
    handover_at: Instant = stamp(
        "Når pasienten var overlevert.", "When the patient was handed over."
    )
    available_at: Instant = stamp(
        "Når enheten var ledig igjen.", "When the unit was available again."
    )
    cancelled_at: Instant = stamp(
        "Når oppdraget ble avbrutt for enheten.", "When the mission was cancelled for the unit."
    )
    cancel_reason: pl.String = column(
        "code",
        "Hvorfor oppdraget ble avbrutt.",
        "Why the mission was cancelled.",
        codes=CANCEL_REASON,
    )
    result: pl.String = column(
        "code", "Hva oppdraget endte med.", "What the mission ended with.", codes=RESULT
    )


ALARM = Contract(
    name="alarm",
    title_nb="Ambulanseoppdrag",
    title_en="Alarm",
    description_nb="Én enhet på ett oppdrag. En hendelse kan ha flere oppdrag og enheter.",
    description_en="One unit on one mission. An incident may have several missions and units.",
    anchor=lambda: pl.coalesce("received_at", "alerted_at"),
    model=Alarm,
)
