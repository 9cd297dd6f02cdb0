"""The ten extract formats: canonical records to the rows of each source.

A source is a list of columns, each with the name in the file, the record column it comes from and
the expression that writes it. What a file looks like beyond its rows is said in `Format`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingestion.synthetic import xlsx
from ingestion.synthetic.clock import OSLO, date_of, extract_ms
from ingestion.synthetic.frames import ICCS, LIFEX

KEYS = ("_rid", "_seq", "_delivered", "_fault")
Cell = Callable[[str, pl.Expr], pl.Expr]
Columns = dict[str, pl.Expr]
SECOND_HEADER_FROM = "2026-04-01"


@dataclass(frozen=True)
class Format:
    """A file type: its ending, and where it applies its separator, encoding and headings."""

    extension: str
    kind: str
    encode: Callable[[Cell], Columns]
    separator: str = ";"
    encoding: str = "utf-8"
    sheet: str = ""
    group_row: tuple[str, ...] = ()
    later_header: tuple[str, ...] = ()


def _local(column: str) -> pl.Expr:
    stamp = pl.col(column).dt.replace_time_zone("UTC").dt.convert_time_zone(OSLO)
    return stamp.dt.replace_time_zone(None)


def _iso(column: str) -> pl.Expr:
    return pl.concat_str(pl.col(column).dt.to_string("iso:strict"), pl.lit("Z"))


def _codes(column: str, codes: Mapping[str, str | None]) -> pl.Expr:
    return pl.col(column).replace(codes)


def _flag(column: str, yes: str, no: str) -> pl.Expr:
    return pl.when(pl.col(column)).then(pl.lit(yes)).otherwise(pl.lit(no))


def _text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String)


def _offset(column: str) -> pl.Expr:
    local = pl.col(column).dt.replace_time_zone("UTC").dt.convert_time_zone(OSLO)
    return local.dt.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")


def _iccs(cell: Cell) -> Columns:
    def clock(column: str) -> pl.Expr:
        return cell(column, _local(column).dt.to_string("iso").str.slice(11))

    lines = {"LOCAL8": "LOKAL", "ADMIN": "ADM", "OTHER": "ANNET"}
    ways = {"INBOUND": "INN", "OUTBOUND": "UT", "INTERNAL": "INTERN"}
    ends = {"ANSWERED": "B", "ABANDONED": "F", "TRANSFERRED_UNANSWERED": "O", "TECHNICAL": "T"}
    bases = {"CALLER_LOC": "P", "CATCHMENT": "D", "UNKNOWN": "U"}
    # A call whose ring time is missing still has its date.
    date = pl.coalesce(_local("ring_start_at"), _local("answered_at"), _local("ended_at"))
    return {
        "Anrops-ID": pl.col("source_id"),
        "Revisjon": _text("revision"),
        "Slettet": _flag("deleted", "J", "N"),
        "Tjeneste": cell("service_line", _codes("service_line", lines)),
        "Kanal": pl.when(pl.col("channel") == "VOICE").then(pl.lit("TALE")).otherwise("channel"),
        "Retning": _codes("direction", ways),
        "Sentral": pl.col("central_id"),
        "Hjemmesentral": pl.col("home_central_id"),
        "Dato": date.dt.strftime("%d.%m.%Y"),
        "Ringestart": clock("ring_start_at"),
        "Meny slutt": clock("menu_end_at"),
        "Kø inn": clock("queue_enter_at"),
        "Besvart": clock("answered_at"),
        "Avsluttet": clock("ended_at"),
        "Utfall": cell("outcome", _codes("outcome", ends)),
        "Overført til": pl.col("transferred_to"),
        "Overført kl": clock("transfer_at"),
        "Foregående anrop": pl.col("parent_call_id"),
        "Kjede-ID": pl.col("chain_id"),
        "Innringer": pl.col("_caller"),
        "Kommunenr": pl.col("municipality_code"),
        "Grunnlag": _codes("municipality_basis", bases),
        "Prøveanrop": _flag("is_test", "J", "N"),
        "Uttrekk": _local("_extract_at").dt.strftime("%d.%m.%Y %H:%M:%S"),
    }


def _lifex(cell: Cell) -> Columns:
    def stamp(column: str, name: str) -> pl.Expr:
        return cell(column, _iso(column)).alias(name)

    return {
        "callId": pl.col("source_id"),
        "revision": pl.col("revision"),
        "deleted": pl.col("deleted"),
        "extractedAt": _iso("_extract_at"),
        "service": pl.struct(
            pl.col("service_line").str.to_lowercase().alias("line"),
            pl.col("channel").str.to_lowercase().alias("channel"),
        ),
        "direction": pl.col("direction").str.to_lowercase(),
        "central": pl.struct(
            pl.col("central_id").alias("id"), pl.col("home_central_id").alias("home")
        ),
        "time": pl.struct(
            stamp("ring_start_at", "ringStart"),
            stamp("menu_end_at", "menuEnd"),
            stamp("queue_enter_at", "queueEnter"),
            stamp("answered_at", "answered"),
            stamp("ended_at", "ended"),
            stamp("transfer_at", "transfer"),
        ),
        "outcome": cell("outcome", pl.col("outcome").str.to_lowercase()),
        "transferTo": pl.col("transferred_to"),
        "parentCallId": pl.col("parent_call_id"),
        "chainId": pl.col("chain_id"),
        "caller": pl.col("_caller"),
        "location": pl.struct(
            pl.col("municipality_code").alias("municipality"),
            pl.col("municipality_basis").str.to_lowercase().alias("basis"),
        ),
        # Some of the test calls are part of an exercise; either mark makes it a test.
        "flags": pl.struct(
            (pl.col("is_test") & (pl.col("_rid") % 3 != 0)).alias("test"),
            (pl.col("is_test") & (pl.col("_rid") % 3 == 0)).alias("exercise"),
        ),
    }


_ORDER_OF_TYPES = ("CAR", "BOAT", "HELI", "PLANE", "SAR", "RRV", "DOCTOR", "FIRST_RESPONDER")
_ORDER_OF_MISSIONS = ("ACUTE", "ORDERED", "TRANSFER", "STANDBY_MOVE", "EXERCISE")
_ORDER_OF_REASONS = ("NOT_NEEDED", "OTHER_UNIT", "INVALID_ORDER", "WEATHER", "OTHER")
_ORDER_OF_RESULTS = ("CONVEYED", "LEFT", "CANCELLED", "NO_PATIENT")
_ORDER_OF_QUALITIES = ("SYSTEM", "MANUAL", "IMPUTED")
_ORDER_OF_STATUSES = ("CONNECTED", "NOT_OPENED", "DECLINED", "FAILED")
_ALARM_STAMPS = (
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
    "cancelled_at",
)


def _named(codes: tuple[str, ...], names: str) -> dict[str, str]:
    return dict(zip(codes, names.split("|"), strict=True))


def _numbered(codes: tuple[str, ...]) -> dict[str, str]:
    return {code: str(number) for number, code in enumerate(codes, start=1)}


def _nord(cell: Cell) -> Columns:
    def seconds(column: str) -> pl.Expr:
        apart = (pl.col(column) - pl.col("received_at")).dt.total_milliseconds()
        whole = apart.abs() // 1000
        rest = (apart.abs() % 1000).cast(pl.String).str.zfill(3)
        sign = pl.when(apart < 0).then(pl.lit("-")).otherwise(pl.lit(""))
        return cell(column, pl.concat_str(sign, whole, pl.lit(","), rest))

    urgency = {"RED": "A", "YELLOW": "H", "GREEN": "V", "UNKNOWN": None}
    types = _named(_ORDER_OF_TYPES, "BIL|BÅT|HELI|FLY|SAR|UTRYKNING|LEGE|FØRSTE")
    missions = _named(_ORDER_OF_MISSIONS, "AKUTT|BESTILT|OVERF|BEREDSKAP|ØVELSE")
    names = (
        "varslet kvittert rykker_ut framme hos_pasient avreise levering overlevert ledig avbrutt"
    )
    return {
        "hendelse": pl.col("incident_id"),
        "oppdrag": pl.col("mission_id"),
        "enhet": pl.col("unit_id"),
        "enhetstype": _codes("unit_type", types),
        "stasjon": pl.col("station_id"),
        "amk": pl.col("central_id"),
        "hastegrad_forst": _codes("urgency_first", urgency),
        "hastegrad_sist": cell("urgency_last", _codes("urgency_last", urgency)),
        "oppdragstype": _codes("mission_type", missions),
        "kommune": cell("scene_municipality_code", pl.col("scene_municipality_code")),
        "mottatt": cell("received_at", _offset("received_at")),
        **{
            f"sek_{name}": seconds(column)
            for name, column in zip(names.split(), _ALARM_STAMPS[1:], strict=True)
        },
        "avbruddsgrunn": _codes("cancel_reason", _numbered(_ORDER_OF_REASONS)),
        "resultat": _codes("result", _named(_ORDER_OF_RESULTS, "T|L|A|I")),
        "radnr": pl.col("source_id"),
        "rev": _text("revision"),
        "slettet": _flag("deleted", "1", "0"),
        "uttrekk": _offset("_extract_at"),
        "kvalitet": _codes("ts_quality", _named(_ORDER_OF_QUALITIES, "S|M|I")),
    }


def _midt(cell: Cell) -> Columns:
    def number(column: str, codes: Mapping[str, str | None] | None = None) -> pl.Expr:
        text = pl.col(column) if codes is None else _codes(column, codes)
        return cell(column, text).cast(pl.Int32)

    urgency = {"RED": "1", "YELLOW": "2", "GREEN": "3", "UNKNOWN": "9"}
    return {
        "incident_no": number("incident_id"),
        "mission_no": number("mission_id"),
        "row_no": number("source_id"),
        "rev": pl.col("revision"),
        "deleted": pl.col("deleted"),
        "unit_no": number("unit_id"),
        "unit_type": number("unit_type", _numbered(_ORDER_OF_TYPES)),
        "station_no": number("station_id"),
        "amk": pl.col("central_id"),
        "urgency_first": number("urgency_first", urgency),
        "urgency_last": number("urgency_last", urgency),
        "mission_type": number("mission_type", _numbered(_ORDER_OF_MISSIONS)),
        "municipality": number("scene_municipality_code"),
        **{
            column.removesuffix("_at"): pl.col(column).dt.replace_time_zone("UTC")
            for column in _ALARM_STAMPS
        },
        "cancel_reason": number("cancel_reason", _numbered(_ORDER_OF_REASONS)),
        "result": number("result", _numbered(_ORDER_OF_RESULTS)),
        "quality": number("ts_quality", _numbered(_ORDER_OF_QUALITIES)),
        "extracted": pl.col("_extract_at").dt.replace_time_zone("UTC"),
    }


def _vest(cell: Cell) -> Columns:
    def time(column: str) -> pl.Expr:
        return cell(column, xlsx.time_cell(_local(column)))

    def text(column: str, codes: Mapping[str, str | None] | None = None) -> pl.Expr:
        value = pl.col(column) if codes is None else _codes(column, codes)
        return cell(column, xlsx.text_cell(value))

    urgency = _named(("RED", "YELLOW", "GREEN", "UNKNOWN"), "Akutt|Haster|Vanlig|Ukjent")
    types = _named(_ORDER_OF_TYPES, "Bil|Båt|Helikopter|Fly|SAR|Utrykningsenhet|Lege|Førsterespons")
    missions = _named(_ORDER_OF_MISSIONS, "Akutt|Bestilt|Overføring|Beredskapsflytting|Øvelse")
    reasons = _named(_ORDER_OF_REASONS, "Ikke behov|Annen enhet|Ugyldig ordre|Vær|Annet")
    results = _named(_ORDER_OF_RESULTS, "Transportert|Levert på sted|Avbrutt|Ingen pasient")
    times = (
        "Mottatt|Varslet|Kvittert|Rykker ut|Fremme|Hos pasient|Avreise|Leveringssted|"
        "Overlevert|Ledig|Avbrutt"
    )
    return {
        "Hendelse-ID": text("incident_id"),
        "Oppdrag-ID": text("mission_id"),
        "Rad-ID": text("source_id"),
        "Revisjon": xlsx.text_cell(_text("revision")),
        "Slettet": xlsx.text_cell(_flag("deleted", "Ja", "Nei")),
        "AMK": text("central_id"),
        "Kommune": text("scene_municipality_code"),
        "Hastegrad først": text("urgency_first", urgency),
        "Hastegrad sist": text("urgency_last", urgency),
        "Oppdragstype": text("mission_type", missions),
        "Enhet-ID": text("unit_id"),
        "Enhetstype": text("unit_type", types),
        "Stasjon": text("station_id"),
        **{
            name: time(column) for name, column in zip(times.split("|"), _ALARM_STAMPS, strict=True)
        },
        "Avbruddsgrunn": text("cancel_reason", reasons),
        "Resultat": text("result", results),
        "Kvalitet": text("ts_quality", _named(_ORDER_OF_QUALITIES, "System|Manuell|Beregnet")),
        "Uttrekk": xlsx.time_cell(_local("_extract_at")),
    }


_VEST_GROUPS = {0: "Hendelse", 10: "Enhet", 13: "Tider", 24: "Utfall"}
_SOROST_FIRST = (
    "hendelse_id,oppdrag_id,rad_id,revisjon,slettet,amk,kommunenr,hastegrad_start,"
    "hastegrad_slutt,oppdragstype,ressurs,ressurstype,stasjon,mottatt,varslet,kvittert,"
    "rykket_ut,fremme,hos_pasient,avreist,levert,overlevert,ledig,avbrutt,avbruddskode,"
    "resultat,kvalitet,uttrekk"
)
_SOROST_SECOND = (
    "incident_id,mission_id,row_id,revision,deleted,amk,scene_municipality,urgency_initial,"
    "urgency_final,mission_type,unit_id,unit_type,station,t_received,t_alerted,"
    "t_acknowledged,t_en_route,t_at_scene,t_at_patient,t_departed,t_destination,t_handover,"
    "t_available,t_cancelled,cancel_reason,result,quality,t_extract"
)


def _sorost(cell: Cell) -> Columns:
    columns = [
        *("incident_id", "mission_id", "source_id", "revision", "deleted", "central_id"),
        *("scene_municipality_code", "urgency_first", "urgency_last", "mission_type"),
        *("unit_id", "unit_type", "station_id"),
    ]
    columns += [*_ALARM_STAMPS, "cancel_reason", "result", "ts_quality", "_extract_at"]

    def write(column: str) -> pl.Expr:
        if column.endswith("_at"):
            return cell(column, _local(column).dt.to_string("iso"))
        if column == "deleted":
            return _flag("deleted", "true", "false")
        return cell(column, _text(column))

    return {
        name: write(column) for name, column in zip(_SOROST_FIRST.split(","), columns, strict=True)
    }


def _h113(cell: Cell) -> Columns:
    return {
        "sessionId": pl.col("source_id"),
        "revision": pl.col("revision"),
        "deleted": pl.col("deleted"),
        "callId": pl.col("call_source_id"),
        "central": pl.col("central_id"),
        "linkSent": cell("link_sent_at", _iso("link_sent_at")),
        "opened": cell("opened_at", _iso("opened_at")),
        "consented": cell("consented_at", _iso("consented_at")),
        "connected": cell("connected_at", _iso("connected_at")),
        "ended": cell("ended_at", _iso("ended_at")),
        "status": cell("status", pl.col("status")),
        "extractedAt": _iso("_extract_at"),
    }


def _bliksund(cell: Cell) -> Columns:
    def epoch(column: str) -> pl.Expr:
        return cell(column, pl.col(column).dt.epoch("ms").cast(pl.String))

    return {
        "session_id": pl.col("source_id"),
        "revision": _text("revision"),
        "deleted": _flag("deleted", "1", "0"),
        "call_ref": pl.col("call_source_id"),
        "central": pl.col("central_id"),
        "link_sent_ms": epoch("link_sent_at"),
        "opened_ms": epoch("opened_at"),
        "consented_ms": epoch("consented_at"),
        "connected_ms": epoch("connected_at"),
        "ended_ms": epoch("ended_at"),
        "status": cell("status", _codes("status", _numbered(_ORDER_OF_STATUSES))),
        "extract_ms": epoch("_extract_at"),
    }


def _requests(cell: Cell) -> Columns:
    return {
        "request_id": pl.col("source_id"),
        "revision": _text("revision"),
        "deleted": _flag("deleted", "true", "false"),
        "requested_at": cell("requested_at", _iso("requested_at")),
        "base": pl.col("base_id"),
        "resource": pl.col("resource_id"),
        "vehicle": pl.col("vehicle"),
        "urgency": pl.col("urgency"),
        "outcome": cell("outcome", pl.col("outcome")),
        "reason": pl.col("reason"),
        "airborne_at": cell("airborne_at", _iso("airborne_at")),
        "at_scene_at": cell("at_scene_at", _iso("at_scene_at")),
        "alarm_id": pl.col("alarm_source_id"),
        "extracted_at": _iso("_extract_at"),
    }


def _readiness(cell: Cell) -> Columns:
    def text(column: str, codes: Mapping[str, str | None] | None = None) -> pl.Expr:
        value = pl.col(column) if codes is None else _codes(column, codes)
        return cell(column, xlsx.text_cell(value))

    vehicles = {"HELI": "Helikopter", "PLANE": "Fly", "CAR": "Bil"}
    states = _named(
        ("PLANNED", "READY", "ON_MISSION", "REDUCED", "OFF"), "Planlagt|Klar|Oppdrag|Redusert|Ute"
    )
    return {
        "Intervall-ID": text("source_id"),
        "Revisjon": xlsx.text_cell(_text("revision")),
        "Slettet": xlsx.text_cell(_flag("deleted", "Ja", "Nei")),
        "Base": text("base_id"),
        "Ressurs": text("resource_id"),
        "Fartøy": text("vehicle", vehicles),
        "Tilstand": text("state", states),
        "Årsak": text("reason"),
        "Ansvar": text("attribution"),
        "Fra": cell("start_at", xlsx.time_cell(_local("start_at"))),
        "Til": cell("end_at", xlsx.time_cell(_local("end_at"))),
        "Uttrekk": xlsx.time_cell(_local("_extract_at")),
    }


FORMATS: dict[str, Format] = {
    ICCS: Format("csv", "csv", _iccs, encoding="cp1252"),
    LIFEX: Format("jsonl", "jsonl", _lifex),
    "helse_nord_alarms": Format("csv", "csv", _nord),
    "helse_midt_alarms": Format("parquet", "parquet", _midt),
    "helse_vest_alarms": Format(
        "xlsx",
        "xlsx",
        _vest,
        sheet="Oppdrag",
        group_row=tuple(_VEST_GROUPS.get(place, "") for place in range(28)),
    ),
    "helse_sorost_alarms": Format(
        "csv.gz", "csv", _sorost, separator=",", later_header=tuple(_SOROST_SECOND.split(","))
    ),
    "hdo_video_h113": Format("jsonl", "jsonl", _h113),
    "bliksund_video": Format("csv", "csv", _bliksund, separator=","),
    "lat_requests": Format("csv", "csv", _requests, encoding="utf-8-sig"),
    "lat_readiness": Format("xlsx", "xlsx", _readiness, sheet="Beredskap"),
}


def encode(source: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of one source as they stand in the files, with the keys that order them."""
    days = rows["_delivered"].to_numpy().astype(np.int64)
    taken = pl.Series(extract_ms(days), dtype=pl.Int64).cast(pl.Datetime("ms"))
    rows = rows.with_columns(taken.alias("_extract_at"))
    plain = rows.filter(pl.col("_override_column").is_null())
    special = rows.filter(pl.col("_override_column").is_not_null())
    form = FORMATS[source]
    parts = [_encoded(form, plain, lambda _column, value: value)]
    if special.height:
        parts.append(_encoded(form, special, _override(form)))
    return pl.concat(parts)


def _override(form: Format) -> Cell:
    given = pl.col("_override_value")
    value = xlsx.raw_cell(given) if form.kind == "xlsx" else given

    def cell(column: str, written: pl.Expr) -> pl.Expr:
        return pl.when(pl.col("_override_column") == column).then(value).otherwise(written)

    return cell


def _encoded(form: Format, rows: pl.DataFrame, cell: Cell) -> pl.DataFrame:
    columns = form.encode(cell)
    if form.kind == "xlsx":
        columns = {"_row": xlsx.row(list(columns.values()))}
    return rows.select(*KEYS, **columns)


def header(source: str, day: int) -> list[str]:
    """The column names in the file of a day."""
    form = FORMATS[source]
    if form.later_header and date_of(day).isoformat() >= SECOND_HEADER_FROM:
        return list(form.later_header)
    return list(form.encode(lambda _column, value: value))
