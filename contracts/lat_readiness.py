"""lat_readiness: one interval in which an air ambulance resource was planned, or in a state."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from contracts.columns import Instant, column, stamp
from contracts.contract import Contract
from contracts.lat_codes import REASON, VEHICLE
from contracts.record import Record
from contracts.rules import Declaration, declared

STATE = {
    "PLANNED": ("Planlagt beredskap", "Planned readiness"),
    "READY": ("Klar", "Ready"),
    "ON_MISSION": ("På oppdrag", "On a mission"),
    "REDUCED": ("Redusert", "Reduced"),
    "OFF": ("Ute av beredskap", "Off"),
}
ATTRIBUTION = {
    "OPERATOR": ("Operatøren", "The operator"),
    "HEALTH_TRUST": ("Helseforetaket", "The health trust"),
    "WEATHER": ("Vær", "Weather"),
    "AUTHORITY": ("Myndighet", "An authority"),
    "PLANNED": ("Planlagt", "Planned"),
}


class LatReadiness(Record):
    """One row per resource and interval; half-open, the end is not part of it."""

    _prefix: ClassVar[str] = "LATRDY"
    _declarations: ClassVar[tuple[Declaration, ...]] = (
        declared(
            "END_NOT_AFTER_START",
            level="row",
            kind="order",
            columns=("start_at", "end_at"),
            assertion=lambda: pl.col("end_at") > pl.col("start_at"),
            nb="end_at er ikke senere enn start_at.",
            en="end_at is not later than start_at.",
        ),
    )

    base_id: pl.String = column("unit", "Basen.", "The base.", required=True)
    resource_id: pl.String = column(
        "unit", "Ressursen på basen.", "The resource at the base.", required=True
    )
    vehicle: pl.String = column(
        "code",
        "Hva slags fartøy det gjelder.",
        "Kind of vehicle.",
        required=True,
        codes=VEHICLE,
    )
    state: pl.String = column(
        "code",
        "Tilstanden i intervallet.",
        "State in the interval.",
        required=True,
        codes=STATE,
    )
    reason: pl.String = column(
        "code", "Hvorfor beredskapen er redusert.", "Why readiness is reduced.", codes=REASON
    )
    attribution: pl.String = column(
        "code",
        "Hvem eller hva avviket tilskrives.",
        "Who or what it is attributed to.",
        codes=ATTRIBUTION,
    )
    start_at: Instant = stamp("Intervallets start.", "Start of the interval.", required=True)
    # A shift that lasts past the extract has its planned end in the future.
    end_at: Instant = stamp(
        "Intervallets slutt, ikke medregnet.",
        "End of the interval, exclusive.",
        required=True,
        future_ok=True,
    )


LAT_READINESS = Contract(
    name="lat_readiness",
    title_nb="Luftambulanseberedskap",
    title_en="Air ambulance readiness",
    description_nb="Ett intervall [start, slutt) med planlagt beredskap eller faktisk tilstand.",
    description_en="One interval [start, end) of planned readiness or actual state.",
    anchor=lambda: pl.col("start_at"),
    model=LatReadiness,
)
