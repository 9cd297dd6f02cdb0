"""Source files: errors that name the place, the published schema, drafts from samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from ingestion.check import check_file
from ingestion.errors import SourceFileError
from ingestion.profile import draft_source, profile_sample
from ingestion.source_schema import SCHEMA_PATH, schema_text
from ingestion.sources import SOURCES_DIR, load_source, load_sources
from tests.ingestion.conftest import call_source, row, text


def test_ten_sources_are_registered() -> None:
    specs = load_sources()
    assert len(specs) == 10
    assert {spec.contract for spec in specs.values()} == {
        "call",
        "alarm",
        "video_session",
        "lat_request",
        "lat_readiness",
    }


def test_the_published_schema_is_up_to_date() -> None:
    assert SCHEMA_PATH.read_text("utf-8") == schema_text()


@pytest.mark.parametrize("path", sorted(SOURCES_DIR.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_source_fits_the_published_schema(path: Path) -> None:
    document = json.loads(json.dumps(yaml.safe_load(path.read_text("utf-8")), default=str))
    jsonschema.validate(document, json.loads(SCHEMA_PATH.read_text("utf-8")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"contract": "calls"}, "not one of"),
        ({"columns": {"source_id": "id"}}, "requires columns that are not mapped"),
        ({"files": r"x\.csv"}, "group"),
        ({"clock": {"zone": "Europe/Olso"}}, "Olso"),
        ({"format": {"type": "csv", "delimeter": ";"}}, "delimeter"),
        ({"format": {"type": "csv", "delimiter": ";;"}}, "one character"),
    ],
)
def test_errors_say_what_is_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        call_source(**changes)


def test_an_error_names_the_file_and_the_place(tmp_path: Path) -> None:
    path = tmp_path / "feil.yaml"
    path.write_text("name: feil\ntitle: x\ncontract: call\n", "utf-8")
    with pytest.raises(SourceFileError) as caught:
        load_source(path)
    assert "feil.yaml" in str(caught.value)
    assert "columns: Field required" in str(caught.value)


def test_a_draft_from_a_sample_names_what_is_left(tmp_path: Path) -> None:
    sample = tmp_path / "nytt_2026-01-15.csv"
    sample.write_text(text(*(row(n) for n in range(20))), "utf-8")
    profile = profile_sample(sample)
    assert profile.format["delimiter"] == ";"
    assert profile.time_formats["svar"] == "%Y-%m-%d %H:%M:%S%.f"
    draft = tmp_path / "nytt.yaml"
    draft.write_text(draft_source("nytt", "call", sample, profile), "utf-8")
    with pytest.raises(SourceFileError) as caught:
        load_source(draft)
    message = str(caught.value)
    assert "direction" in message and "is_test" in message
    assert "outcome" not in message


def test_a_complete_draft_is_accepted_by_check(tmp_path: Path) -> None:
    sample = tmp_path / "oensket_2026-01-15.csv"
    sample.write_text(
        "request_id;requested_at;base;vehicle;urgency;outcome;airborne_at\n"
        "r1;2026-01-15T12:00:00.000Z;heli_al;HELI;RED;COMPLETED;2026-01-15T12:10:00.000Z\n",
        "utf-8",
    )
    draft = tmp_path / "oensket.yaml"
    draft.write_text(
        draft_source("oensket", "lat_request", sample, profile_sample(sample)), "utf-8"
    )
    receipt = check_file(sample, load_source(draft)).receipt
    assert (receipt.rows_read, receipt.accepted) == (1, 1)
