"""video_session: one invitation to video during a call. No media and no link is stored."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from contracts.columns import Instant, column, stamp
from contracts.contract import Contract
from contracts.record import Record
from contracts.rules import Declaration, expected, in_order, unexpected

STATUS = {
    "CONNECTED": ("Oppkoblet", "Connected"),
    "NOT_OPENED": ("Lenken ble ikke åpnet", "Link not opened"),
    "DECLINED": ("Innringer takket nei", "Declined by the caller"),
    "FAILED": ("Teknisk feil", "Technical failure"),
}


def _connected() -> pl.Expr:
    return pl.col("status") == "CONNECTED"


class VideoSession(Record):
    """One row per link sent."""

    _prefix: ClassVar[str] = "VIDEO"
    _declarations: ClassVar[tuple[Declaration, ...]] = (
        in_order("link_sent_at", "opened_at", "consented_at", "connected_at", "ended_at"),
        *(
            expected(
                name,
                when=_connected,
                given=("status",),
                nb="selv om økten er oppkoblet",
                en="although the session connected",
            )
            for name in ("connected_at", "ended_at")
        ),
        unexpected(
            "connected_at",
            unless=_connected,
            given=("status",),
            nb="selv om økten ikke er oppkoblet",
            en="although the session did not connect",
        ),
    )

    call_source_id: pl.String = column(
        "key",
        "Kildens identifikator for anropet økten hører til.",
        "Source identifier of the call the session belongs to.",
        privacy="identifier",
    )
    central_id: pl.String = column(
        "unit", "Sentralen som sendte lenken.", "Central that sent the link.", required=True
    )
    link_sent_at: Instant = stamp("Når lenken ble sendt.", "When the link was sent.", required=True)
    opened_at: Instant = stamp("Når lenken ble åpnet.", "When the link was opened.")
    consented_at: Instant = stamp("Når innringer samtykket.", "When the caller consented.")
    connected_at: Instant = stamp("Når bildet var oppe.", "When the video was connected.")
    ended_at: Instant = stamp("Når økten ble avsluttet.", "When the session ended.")
    status: pl.String = column(
        "code", "Hvordan økten gikk.", "How the session went.", required=True, codes=STATUS
    )


VIDEO_SESSION = Contract(
    name="video_session",
    title_nb="Videoøkt",
    title_en="Video session",
    description_nb="Én videolenke sendt under et anrop, og hva som skjedde med den.",
    description_en="One video link sent during a call, and what became of it.",
    anchor=lambda: pl.col("link_sent_at"),
    model=VideoSession,
)
