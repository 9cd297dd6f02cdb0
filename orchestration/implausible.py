"""Deliveries in the lake that are dated far from the day they were taken in.

The intake refuses such dates, but a lake may hold some from before it did. One file dated 2205
makes figures of every day until then expected, so these files are set aside by a withdrawal before
anything is built. The day a file was taken in never changes, so neither does the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from ingestion.withdrawal import withdraw

DAYS_AHEAD = 31
# Nothing is expected of days before this, whatever a source file says.
FIRST_DATE = date(2000, 1, 1)
WHO = "akutt"
REASON = "datert langt fra dagen filen ble tatt inn / dated far from the day the file was taken in"


def implausible(receipts: pl.DataFrame, first_dates: Mapping[str, date]) -> pl.DataFrame:
    """The receipts whose delivery or event dates lie far from the day of the intake.

    Args:
        receipts: as `ingestion.lake.read_receipts` gives them.
        first_dates: per source, the date before which nothing can have been delivered.
    """
    last = pl.col("ingested_at").dt.date() + timedelta(days=DAYS_AHEAD)
    first = pl.col("source").replace_strict(
        dict(first_dates), default=FIRST_DATE, return_dtype=pl.Date
    )
    dated_ahead = pl.max_horizontal("delivered_on", "last_event_date") > last
    dated_before = pl.col("delivered_on") < first
    return receipts.filter((dated_ahead | dated_before).fill_null(False))


def set_aside(home: Path, receipts: pl.DataFrame, first_dates: Mapping[str, date]) -> list[str]:
    """Withdraw what is implausible; returns a sentence per file, in both languages."""
    found = implausible(receipts, first_dates)
    if found.is_empty():
        return []
    withdraw(home, found, reason=REASON, who=WHO)
    return [
        f"{source}/{name}: datert {day} (siste hendelse {event}), langt fra dagen filen ble tatt "
        f"inn; satt til side. Rett filen, eller: akutt lake remap {source} --withdrawn"
        f" / dated {day} (last event {event}), far from the day the file was taken in; set aside. "
        f"Correct the file, or: akutt lake remap {source} --withdrawn"
        for source, name, day, event in found.select(
            "source", "file_name", "delivered_on", "last_event_date"
        )
        .unique(maintain_order=True)
        .iter_rows()
    ]
