"""Whole records: which are the source's own, and wide rows with several units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from ingestion.intake import ingest
from ingestion.lake import iter_receipts
from ingestion.sources.spec import SourceSpec
from tests.ingestion.conftest import KEY, call_source, deliver, row, text

STAMP = "%Y-%m-%d %H:%M:%S"


def lake(home: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in home.glob("lake/*/*/accepted.parquet")])


def wide_source(**changes: Any) -> SourceSpec:
    """Up to two units in one row of an incident."""
    data: dict[str, Any] = {
        "name": "prove",
        "title": "Brede rader",
        "contract": "alarm",
        "owner": "Test",
        "files": r"prove_(?P<date>\d{4}-\d{2}-\d{2})\.csv",
        "format": {"type": "csv"},
        "explode": [
            {"enhet": "enhet 1", "varslet": "varslet 1"},
            {"enhet": "enhet 2", "varslet": "varslet 2"},
        ],
        "columns": {
            "source_system": {"constant": "PROVE"},
            "source_id": {"from": ["hendelse", "enhet"], "join": "/"},
            "incident_id": "hendelse",
            "mission_id": "hendelse",
            "unit_id": "enhet",
            "unit_type": {"constant": "CAR"},
            "central_id": {"constant": "amk_oslo"},
            "urgency_first": {"constant": "RED"},
            "urgency_last": {"constant": "RED"},
            "mission_type": {"constant": "ACUTE"},
            "alerted_at": {"from": "varslet", "format": STAMP},
        },
    }
    return SourceSpec.model_validate(data | changes)


WIDE = (
    "hendelse;enhet 1;varslet 1;enhet 2;varslet 2\n"
    "H1;A;2026-01-15 12:00:00;B;2026-01-15 12:01:00\n"
    "H2;A;2026-01-15 13:00:00;;\n"
    "H2;A;2026-01-15 13:00:00;;\n"
    "H3;;;;\n"
)


def test_a_wide_row_gives_one_row_per_unit(home: Path) -> None:
    deliver(home, "prove_2026-01-15.csv", WIDE)
    report = ingest(home, key=KEY, specs={"prove": wide_source()}).sources["prove"]
    # H3 has no unit: it is rejected, not lost; the second H2 is a duplicate of the first.
    counts = (report.rows_read, report.accepted, report.rejected, report.exact_duplicates)
    assert counts == (5, 3, 1, 1)
    assert sorted(lake(home)["source_id"]) == ["H1/A", "H1/B", "H2/A"]


def test_records_of_others_are_left_out_and_counted(home: Path) -> None:
    deliver(home, "prove_2026-01-15.csv", text(row(1), row(2, sentral="brann"), row(3)))
    report = ingest(home, key=KEY, specs={"prove": call_source(where_not={"sentral": "brann"})})
    assert report.sources["prove"].accepted == 2
    receipt = next(iter_receipts(home / "lake"))[1]
    assert (receipt["rows_read"], receipt["left_out"]) == (2, 1)


def test_only_records_with_one_of_the_texts_are_the_sources_own(home: Path) -> None:
    rows = [row(1), row(2, sentral=" amk_bodo "), row(3, sentral="")]
    deliver(home, "prove_2026-01-15.csv", text(*rows))
    spec = call_source(where={"sentral": ["amk_oslo", "amk_bodo"]})
    assert ingest(home, key=KEY, specs={"prove": spec}).sources["prove"].accepted == 2


def test_a_key_is_made_of_the_content_where_the_sender_has_none(home: Path) -> None:
    columns = call_source().model_dump(by_alias=True, exclude_defaults=True)["columns"]
    columns["source_id"] = {"hash_of": ["sentral", "start"]}
    deliver(home, "prove_2026-01-15.csv", text(row(1), row(2)))
    deliver(home, "prove_2026-01-16.csv", text(row(1, utfall="B", rev="2")))
    ingest(home, key=KEY, specs={"prove": call_source(columns=columns)})
    keys = lake(home)["source_id"]
    assert (keys.len(), keys.n_unique(), set(keys.str.len_chars())) == (3, 2, {32})
