"""Alarms as the four regions write them."""

from __future__ import annotations

import polars as pl

from ingestion.synthetic import xlsx
from ingestion.synthetic.alarms import (
    CANCEL_REASONS,
    MISSION_TYPES,
    QUALITIES,
    RESULTS,
    STAMPS,
    UNIT_TYPES,
)
from ingestion.synthetic.cells import (
    Cell,
    Codes,
    Columns,
    as_text,
    coded,
    flag,
    local,
    named,
    numbered,
    with_offset,
)

_STAMPS = tuple(f"{name}_at" for name in STAMPS)


def nord(cell: Cell) -> Columns:
    def seconds(column: str) -> pl.Expr:
        apart = (pl.col(column) - pl.col("received_at")).dt.total_milliseconds()
        whole = apart.abs() // 1000
        rest = (apart.abs() % 1000).cast(pl.String).str.zfill(3)
        sign = pl.when(apart < 0).then(pl.lit("-")).otherwise(pl.lit(""))
        return cell(column, pl.concat_str(sign, whole, pl.lit(","), rest))

    urgency = {"RED": "A", "YELLOW": "H", "GREEN": "V", "UNKNOWN": None}
    types = named(UNIT_TYPES, "BIL|BÅT|HELI|FLY|SAR|UTRYKNING|LEGE|FØRSTE")
    missions = named(MISSION_TYPES, "AKUTT|BESTILT|OVERF|BEREDSKAP|ØVELSE")
    names = (
        "varslet kvittert rykker_ut framme hos_pasient avreise levering overlevert ledig avbrutt"
    )
    return {
        "hendelse": pl.col("incident_id"),
        "oppdrag": pl.col("mission_id"),
        "enhet": pl.col("unit_id"),
        "enhetstype": coded("unit_type", types),
        "stasjon": pl.col("station_id"),
        "amk": pl.col("central_id"),
        "hastegrad_forst": coded("urgency_first", urgency),
        "hastegrad_sist": cell("urgency_last", coded("urgency_last", urgency)),
        "oppdragstype": coded("mission_type", missions),
        "kommune": cell("scene_municipality_code", pl.col("scene_municipality_code")),
        "mottatt": cell("received_at", with_offset("received_at")),
        **{
            f"sek_{name}": seconds(column)
            for name, column in zip(names.split(), _STAMPS[1:], strict=True)
        },
        "avbruddsgrunn": coded("cancel_reason", numbered(CANCEL_REASONS)),
        "resultat": coded("result", named(RESULTS, "T|L|A|I")),
        "radnr": pl.col("source_id"),
        "rev": as_text("revision"),
        "slettet": flag("deleted", "1", "0"),
        "uttrekk": with_offset("_extract_at"),
        "kvalitet": coded("ts_quality", named(QUALITIES, "S|M|I")),
    }


def midt(cell: Cell) -> Columns:
    def number(column: str, codes: Codes | None = None) -> pl.Expr:
        text = pl.col(column) if codes is None else coded(column, codes)
        return cell(column, text).cast(pl.Int32)

    urgency = {"RED": "1", "YELLOW": "2", "GREEN": "3", "UNKNOWN": "9"}
    return {
        "incident_no": number("incident_id"),
        "mission_no": number("mission_id"),
        "row_no": number("source_id"),
        "rev": pl.col("revision"),
        "deleted": pl.col("deleted"),
        "unit_no": number("unit_id"),
        "unit_type": number("unit_type", numbered(UNIT_TYPES)),
        "station_no": number("station_id"),
        "amk": pl.col("central_id"),
        "urgency_first": number("urgency_first", urgency),
        "urgency_last": number("urgency_last", urgency),
        "mission_type": number("mission_type", numbered(MISSION_TYPES)),
        "municipality": number("scene_municipality_code"),
        **{
            column.removesuffix("_at"): pl.col(column).dt.replace_time_zone("UTC")
            for column in _STAMPS
        },
        "cancel_reason": number("cancel_reason", numbered(CANCEL_REASONS)),
        "result": number("result", numbered(RESULTS)),
        "quality": number("ts_quality", numbered(QUALITIES)),
        "extracted": pl.col("_extract_at").dt.replace_time_zone("UTC"),
    }


def vest(cell: Cell) -> Columns:
    def time(column: str) -> pl.Expr:
        return cell(column, xlsx.time_cell(local(column)))

    def text(column: str, codes: Codes | None = None) -> pl.Expr:
        value = pl.col(column) if codes is None else coded(column, codes)
        return cell(column, xlsx.text_cell(value))

    urgency = named(("RED", "YELLOW", "GREEN", "UNKNOWN"), "Akutt|Haster|Vanlig|Ukjent")
    types = named(UNIT_TYPES, "Bil|Båt|Helikopter|Fly|SAR|Utrykningsenhet|Lege|Førsterespons")
    missions = named(MISSION_TYPES, "Akutt|Bestilt|Overføring|Beredskapsflytting|Øvelse")
    reasons = named(CANCEL_REASONS, "Ikke behov|Annen enhet|Ugyldig ordre|Vær|Annet")
    results = named(RESULTS, "Transportert|Levert på sted|Avbrutt|Ingen pasient")
    times = (
        "Mottatt|Varslet|Kvittert|Rykker ut|Fremme|Hos pasient|Avreise|Leveringssted|"
        "Overlevert|Ledig|Avbrutt"
    )
    return {
        "Hendelse-ID": text("incident_id"),
        "Oppdrag-ID": text("mission_id"),
        "Rad-ID": text("source_id"),
        "Revisjon": xlsx.text_cell(as_text("revision")),
        "Slettet": xlsx.text_cell(flag("deleted", "Ja", "Nei")),
        "AMK": text("central_id"),
        "Kommune": text("scene_municipality_code"),
        "Hastegrad først": text("urgency_first", urgency),
        "Hastegrad sist": text("urgency_last", urgency),
        "Oppdragstype": text("mission_type", missions),
        "Enhet-ID": text("unit_id"),
        "Enhetstype": text("unit_type", types),
        "Stasjon": text("station_id"),
        **{name: time(column) for name, column in zip(times.split("|"), _STAMPS, strict=True)},
        "Avbruddsgrunn": text("cancel_reason", reasons),
        "Resultat": text("result", results),
        "Kvalitet": text("ts_quality", named(QUALITIES, "System|Manuell|Beregnet")),
        "Uttrekk": xlsx.time_cell(local("_extract_at")),
        "Tettbygd": xlsx.text_cell(flag("scene_urban", "Ja", "Nei")),
    }


VEST_GROUPS = {0: "Hendelse", 10: "Enhet", 13: "Tider", 24: "Utfall"}
_SOROST_HEADER = (
    "hendelse_id,oppdrag_id,rad_id,revisjon,slettet,amk,kommunenr,hastegrad_start,"
    "hastegrad_slutt,oppdragstype,ressurs,ressurstype,stasjon,mottatt,varslet,kvittert,"
    "rykket_ut,fremme,hos_pasient,avreist,levert,overlevert,ledig,avbrutt,avbruddskode,"
    "resultat,kvalitet,uttrekk"
)
SOROST_SECOND_HEADER = (
    "incident_id,mission_id,row_id,revision,deleted,amk,scene_municipality,urgency_initial,"
    "urgency_final,mission_type,unit_id,unit_type,station,t_received,t_alerted,"
    "t_acknowledged,t_en_route,t_at_scene,t_at_patient,t_departed,t_destination,t_handover,"
    "t_available,t_cancelled,cancel_reason,result,quality,t_extract"
)


def sorost(cell: Cell) -> Columns:
    columns = [
        *("incident_id", "mission_id", "source_id", "revision", "deleted", "central_id"),
        *("scene_municipality_code", "urgency_first", "urgency_last", "mission_type"),
        *("unit_id", "unit_type", "station_id"),
    ]
    columns += [*_STAMPS, "cancel_reason", "result", "ts_quality", "_extract_at"]

    def write(column: str) -> pl.Expr:
        if column.endswith("_at"):
            return cell(column, local(column).dt.to_string("iso"))
        if column == "deleted":
            return flag("deleted", "true", "false")
        return cell(column, as_text(column))

    return {
        name: write(column) for name, column in zip(_SOROST_HEADER.split(","), columns, strict=True)
    }
