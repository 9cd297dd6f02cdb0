"""Calls and video as the platforms write them."""

from __future__ import annotations

import polars as pl

from ingestion.synthetic.cells import Cell, Columns, as_text, coded, flag, iso, local, numbered
from ingestion.synthetic.video import STATUSES


def iccs(cell: Cell) -> Columns:
    def clock(column: str) -> pl.Expr:
        return cell(column, local(column).dt.to_string("iso").str.slice(11))

    lines = {"LOCAL8": "LOKAL", "ADMIN": "ADM", "OTHER": "ANNET"}
    ways = {"INBOUND": "INN", "OUTBOUND": "UT", "INTERNAL": "INTERN"}
    ends = {"ANSWERED": "B", "ABANDONED": "F", "TRANSFERRED_UNANSWERED": "O", "TECHNICAL": "T"}
    bases = {"CALLER_LOC": "P", "CATCHMENT": "D", "UNKNOWN": "U"}
    # A call whose ring time is missing still has its date.
    date = pl.coalesce(local("ring_start_at"), local("answered_at"), local("ended_at"))
    return {
        "Anrops-ID": pl.col("source_id"),
        "Revisjon": as_text("revision"),
        "Slettet": flag("deleted", "J", "N"),
        "Tjeneste": cell("service_line", coded("service_line", lines)),
        "Kanal": pl.when(pl.col("channel") == "VOICE").then(pl.lit("TALE")).otherwise("channel"),
        "Retning": coded("direction", ways),
        "Sentral": pl.col("central_id"),
        "Hjemmesentral": pl.col("home_central_id"),
        "Dato": date.dt.strftime("%d.%m.%Y"),
        "Ringestart": clock("ring_start_at"),
        "Meny slutt": clock("menu_end_at"),
        "Kø inn": clock("queue_enter_at"),
        "Besvart": clock("answered_at"),
        "Avsluttet": clock("ended_at"),
        "Utfall": cell("outcome", coded("outcome", ends)),
        "Overført til": pl.col("transferred_to"),
        "Overført kl": clock("transfer_at"),
        "Foregående anrop": pl.col("parent_call_id"),
        "Kjede-ID": pl.col("chain_id"),
        "Innringer": pl.col("_caller"),
        "Kommunenr": pl.col("municipality_code"),
        "Grunnlag": coded("municipality_basis", bases),
        "Prøveanrop": flag("is_test", "J", "N"),
        "Uttrekk": local("_extract_at").dt.strftime("%d.%m.%Y %H:%M:%S"),
    }


def lifex(cell: Cell) -> Columns:
    def stamp(column: str, name: str) -> pl.Expr:
        return cell(column, iso(column)).alias(name)

    return {
        "callId": pl.col("source_id"),
        "revision": pl.col("revision"),
        "deleted": pl.col("deleted"),
        "extractedAt": iso("_extract_at"),
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


def h113(cell: Cell) -> Columns:
    return {
        "sessionId": pl.col("source_id"),
        "revision": pl.col("revision"),
        "deleted": pl.col("deleted"),
        "callId": pl.col("call_source_id"),
        "central": pl.col("central_id"),
        "linkSent": cell("link_sent_at", iso("link_sent_at")),
        "opened": cell("opened_at", iso("opened_at")),
        "consented": cell("consented_at", iso("consented_at")),
        "connected": cell("connected_at", iso("connected_at")),
        "ended": cell("ended_at", iso("ended_at")),
        "status": cell("status", pl.col("status")),
        "extractedAt": iso("_extract_at"),
    }


def bliksund(cell: Cell) -> Columns:
    def epoch(column: str) -> pl.Expr:
        return cell(column, pl.col(column).dt.epoch("ms").cast(pl.String))

    return {
        "session_id": pl.col("source_id"),
        "revision": as_text("revision"),
        "deleted": flag("deleted", "1", "0"),
        "call_ref": pl.col("call_source_id"),
        "central": pl.col("central_id"),
        "link_sent_ms": epoch("link_sent_at"),
        "opened_ms": epoch("opened_at"),
        "consented_ms": epoch("consented_at"),
        "connected_ms": epoch("connected_at"),
        "ended_ms": epoch("ended_at"),
        "status": cell("status", coded("status", numbered(STATUSES))),
        "extract_ms": epoch("_extract_at"),
    }
