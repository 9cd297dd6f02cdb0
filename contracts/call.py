"""call: one telephone or text contact with an emergency or out-of-hours central."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from contracts.columns import Instant, column, stamp
from contracts.contract import Contract
from contracts.record import Record
from contracts.rules import Declaration, expected, in_order, ordered, unexpected

SERVICE_LINE = {
    "113": ("Medisinsk nødnummer 113", "Medical emergency number 113"),
    "116117": ("Legevaktnummeret 116117", "Out-of-hours number 116117"),
    "LOCAL8": ("Lokalt åttesifret legevaktnummer", "Local eight-digit out-of-hours number"),
    "ADMIN": ("Administrativ linje", "Administrative line"),
    "OTHER": ("Annen linje", "Other line"),
}
DIRECTION = {
    "INBOUND": ("Innkommende", "Inbound"),
    "OUTBOUND": ("Utgående", "Outbound"),
    "INTERNAL": ("Internt", "Internal"),
}
CHANNEL = {"VOICE": ("Tale", "Voice"), "SMS": ("Tekstmelding", "Text message")}
OUTCOME = {
    "ANSWERED": ("Besvart", "Answered"),
    "ABANDONED": ("Innringer la på", "Caller hung up"),
    "TRANSFERRED_UNANSWERED": ("Overført uten svar", "Transferred without an answer"),
    "TECHNICAL": ("Teknisk avslutning", "Ended for a technical reason"),
}
MUNICIPALITY_BASIS = {
    "CALLER_LOC": ("Innringers posisjon", "Location of the caller"),
    "CATCHMENT": ("Sentralens område", "Catchment of the central"),
    "UNKNOWN": ("Ukjent", "Unknown"),
}


def _answered() -> pl.Expr:
    return pl.col("outcome") == "ANSWERED"


class Call(Record):
    """One row per call leg at one central."""

    _prefix: ClassVar[str] = "CALL"
    _declarations: ClassVar[tuple[Declaration, ...]] = (
        in_order("ring_start_at", "menu_end_at", "queue_enter_at", "answered_at", "ended_at"),
        ordered("transfer_at", not_before=("answered_at",), not_after=("ended_at",)),
        expected(
            "answered_at",
            when=_answered,
            given=("outcome",),
            nb="selv om anropet er besvart",
            en="although the call was answered",
        ),
        unexpected(
            "answered_at",
            unless=_answered,
            given=("outcome",),
            nb="selv om anropet ikke er besvart",
            en="although the call was not answered",
        ),
        expected("ended_at", nb="på et anrop", en="on a call"),
    )

    service_line: pl.String = column(
        "code",
        "Linjen det ble ringt til.",
        "Line that was called.",
        required=True,
        codes=SERVICE_LINE,
    )
    direction: pl.String = column(
        "code", "Retningen på anropet.", "Direction of the call.", required=True, codes=DIRECTION
    )
    channel: pl.String = column(
        "code", "Tale eller tekst.", "Voice or text.", required=True, codes=CHANNEL
    )
    central_id: pl.String = column(
        "unit",
        "Sentralen som tok imot anropet.",
        "Central that received the call.",
        required=True,
    )
    home_central_id: pl.String = column(
        "unit",
        "Sentralen som har ansvar for innringeren.",
        "Central responsible for the caller.",
    )
    ring_start_at: Instant = stamp(
        "Når det begynte å ringe på sentralen.",
        "When it started to ring at the central.",
        required=True,
    )
    menu_end_at: Instant = stamp(
        "Når talemelding og tastevalg var ferdig.",
        "When announcement and keypad menu were over.",
    )
    queue_enter_at: Instant = stamp("Når anropet kom i kø.", "When the call entered the queue.")
    answered_at: Instant = stamp("Når operatøren svarte.", "When the operator answered.")
    ended_at: Instant = stamp("Når anropet ble avsluttet.", "When the call ended.")
    outcome: pl.String = column(
        "code", "Hvordan anropet endte.", "How the call ended.", required=True, codes=OUTCOME
    )
    transferred_to: pl.String = column(
        "unit", "Sentralen anropet ble overført til.", "Central the call was transferred to."
    )
    transfer_at: Instant = stamp("Når anropet ble overført.", "When the call was transferred.")
    parent_call_id: pl.String = column(
        "key",
        "Kildens identifikator for forrige anrop i kjeden, ikke nødvendigvis i samme system.",
        "Source identifier of the earlier call in the chain, not necessarily in the same system.",
        privacy="identifier",
    )
    chain_id: pl.String = column(
        "key",
        "Identifikator for kjeden (hendelsen) anropet hører til.",
        "Identifier of the chain (incident) the call belongs to.",
        privacy="identifier",
    )
    caller_pseudonym: pl.String = column(
        "key",
        "Nøkkelbasert pseudonym for innringeren; nummeret lagres ikke.",
        "Keyed pseudonym of the caller; the number is not stored.",
        privacy="pseudonym",
    )
    municipality_code: pl.String = column(
        "text",
        "Kommunenummer slik kilden oppgir det, fire siffer.",
        "Municipality code as the source states it, four digits.",
        privacy="indirect",
    )
    municipality_basis: pl.String = column(
        "code",
        "Hva kommunen bygger på.",
        "What the municipality is based on.",
        codes=MUNICIPALITY_BASIS,
    )
    is_test: pl.Boolean = column(
        "flag",
        "Sann for prøveanrop og øvelser.",
        "True for test calls and exercises.",
        required=True,
    )


CALL = Contract(
    name="call",
    title_nb="Anrop",
    title_en="Call",
    description_nb="Ett anrop til én sentral. Et anrop som overføres, er to rader i samme kjede.",
    description_en="One call to one central. A call that is transferred is two rows in one chain.",
    anchor=lambda: pl.col("ring_start_at"),
    model=Call,
)
