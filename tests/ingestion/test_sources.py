"""Source files: errors that name the place, the published schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from ingestion.errors import SourceFileError
from ingestion.source_schema import SCHEMA_PATH, schema_text
from ingestion.sources import SOURCES_DIR, load_source, load_sources
from tests.ingestion.conftest import call_source


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
