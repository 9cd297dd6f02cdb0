"""Drafts of the real extracts: a newcomer is left with little, and nothing personal is written."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.drafts import draft, read_sample

ROOT = Path(__file__).parents[2]
EXTRACTS = Path(os.environ.get("AKUTT_REAL_EXTRACTS", ROOT.parent / "shared" / "data"))
FIRE = EXTRACTS / "sf_fire" / "sf_fire_calls_2016-12-31_2017-01-07.csv"
BANK = EXTRACTS / "callcenter_1999" / "calls_february_1999.txt"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not (FIRE.exists() and BANK.exists()),
        reason="real extracts are not here (set AKUTT_REAL_EXTRACTS to their folder)",
    ),
]


def columns(text: str) -> dict[str, Any]:
    found = yaml.safe_load(text)["columns"]
    assert isinstance(found, dict)
    return found


def raw(entry: Any) -> Any:
    return entry.get("from") if isinstance(entry, dict) else entry


def test_fire_department_calls() -> None:
    result = draft("sf", "alarm", read_sample(FIRE))
    found = columns(result.text)
    assert {name: raw(entry) for name, entry in found.items() if name != "source_system"} == {
        "source_id": "RowID",
        "incident_id": "Incident Number",
        "mission_id": "Call Number",
        "unit_id": "Unit ID",
        "unit_type": "Unit Type",
        "station_id": "Station Area",
        "urgency_first": "Original Priority",
        "urgency_last": "Final Priority",
        "mission_type": "Call Type",
        "received_at": "Received DtTm",
        "alerted_at": "Dispatch DtTm",
        "en_route_at": "Response DtTm",
        "at_scene_at": "On Scene DtTm",
        "departed_at": "Transport DtTm",
        "at_destination_at": "Hospital DtTm",
        "available_at": "Available DtTm",
        "result": "Call Final Disposition",
    }
    stamps = {entry["format"] for name, entry in found.items() if name.endswith("_at")}
    assert stamps == {"%m/%d/%Y %I:%M:%S %p"}
    assert found["result"]["codes"]["Code 3 Transport"] == "CONVEYED"
    assert result.personal["Location"] == {"coordinate": 7704}
    # title and owner, source system, central, and four code lists.
    assert len(result.left) == 9


def test_call_centre_log() -> None:
    result = draft("bank", "call", read_sample(BANK))
    found = columns(result.text)
    clock = {"format": "%y%m%d %H:%M:%S", "next_day_if_before": "ring_start_at"}
    assert found["ring_start_at"] == {"from": ["date", "vru_entry"], "format": clock["format"]}
    assert found["menu_end_at"] == {"from": ["date", "vru_exit"], **clock}
    for name, column in {
        "queue_enter_at": "q_start",
        "answered_at": "ser_start",
        "ended_at": "ser_exit",
    }.items():
        assert found[name] == {"from": ["date", column], "nulls": ["0:00:00"], **clock}
    assert found["outcome"]["codes"] == {
        "AGENT": "ANSWERED",
        "HANG": "ABANDONED",
        "PHANTOM": "TECHNICAL",
    }
    assert "call_id" in raw(found["source_id"]) and len(raw(found["source_id"])) > 1
    document = yaml.safe_load(result.text)
    assert (document["date_format"], document["format"]["delimiter"]) == ("%B_%Y", "tab")
    assert not {"customer_id", "server"} & set(map(str, map(raw, found.values())))


@pytest.mark.parametrize(
    ("file", "contract", "private"),
    [
        (FIRE, "alarm", ("Address", "Location", "Neighborhood  District", "RowID", "Call Number")),
        (BANK, "call", ("customer_id", "server")),
    ],
)
def test_no_value_of_a_private_column_is_in_the_draft(
    file: Path, contract: str, private: tuple[str, ...]
) -> None:
    text = draft("x", contract, read_sample(file)).text
    with file.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t" if file == BANK else ","))
    values = {row[name] for row in rows for name in private if len(row[name]) > 3}
    assert len(values) > 20
    assert not [value for value in values if value in text]
