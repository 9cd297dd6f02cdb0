"""What is quiet and should not be."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from ingestion.attention import misplaced, missing_days
from ingestion.intake import ingest
from ingestion.lake import read_receipts
from tests.ingestion.conftest import KEY, call_source, deliver, row, text


def test_files_that_no_source_will_take_are_named(home: Path) -> None:
    (home / "inbox" / "prove_2026-01-15.csv").write_text("x", "utf-8")
    (home / "inbox" / "ukjent").mkdir()
    assert misplaced(home / "inbox", {"prove"}) == ["prove_2026-01-15.csv", "ukjent/"]
    assert misplaced(home / "nowhere", {"prove"}) == []


def test_days_without_a_delivery_are_named(home: Path) -> None:
    days = [dt.date(2026, 1, 16) + dt.timedelta(days=n) for n in range(12)]
    for n, day in enumerate(days):
        if n not in (3, 4):
            deliver(home, f"prove_{day}.csv", text(row(n)))
    deliver(home, f"prove_{days[4]}.csv", "")  # refused, so nothing came of it
    ingest(home, key=KEY, specs={"prove": call_source()})
    assert missing_days(read_receipts(home / "lake")) == {"prove": days[3:5]}
