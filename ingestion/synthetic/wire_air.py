"""Air ambulance requests and readiness as the operator writes them."""

from __future__ import annotations

import polars as pl

from ingestion.synthetic import xlsx
from ingestion.synthetic.air import STATES
from ingestion.synthetic.cells import Cell, Codes, Columns, as_text, coded, flag, iso, local, named


def requests(cell: Cell) -> Columns:
    return {
        "request_id": pl.col("source_id"),
        "revision": as_text("revision"),
        "deleted": flag("deleted", "true", "false"),
        "requested_at": cell("requested_at", iso("requested_at")),
        "base": pl.col("base_id"),
        "resource": pl.col("resource_id"),
        "vehicle": pl.col("vehicle"),
        "urgency": pl.col("urgency"),
        "outcome": cell("outcome", pl.col("outcome")),
        "reason": pl.col("reason"),
        "airborne_at": cell("airborne_at", iso("airborne_at")),
        "at_scene_at": cell("at_scene_at", iso("at_scene_at")),
        **{
            name: cell(name, iso(name))
            for name in ("left_scene_at", "at_destination_at", "left_destination_at", "landed_at")
        },
        "mission_type": cell("mission_type", pl.col("mission_type")),
        "patients": as_text("patients"),
        "alarm_id": pl.col("alarm_source_id"),
        "extracted_at": iso("_extract_at"),
    }


def readiness(cell: Cell) -> Columns:
    def text(column: str, codes: Codes | None = None) -> pl.Expr:
        value = pl.col(column) if codes is None else coded(column, codes)
        return cell(column, xlsx.text_cell(value))

    vehicles = {"HELI": "Helikopter", "PLANE": "Fly", "CAR": "Bil"}
    states = named(STATES, "Planlagt|Klar|Oppdrag|Redusert|Ute")
    return {
        "Intervall-ID": text("source_id"),
        "Revisjon": xlsx.text_cell(as_text("revision")),
        "Slettet": xlsx.text_cell(flag("deleted", "Ja", "Nei")),
        "Base": text("base_id"),
        "Ressurs": text("resource_id"),
        "Fartøy": text("vehicle", vehicles),
        "Tilstand": text("state", states),
        "Årsak": text("reason"),
        "Ansvar": text("attribution"),
        "Fra": cell("start_at", xlsx.time_cell(local("start_at"))),
        "Til": cell("end_at", xlsx.time_cell(local("end_at"))),
        "Uttrekk": xlsx.time_cell(local("_extract_at")),
    }
