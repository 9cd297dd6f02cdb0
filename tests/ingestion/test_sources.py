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
from ingestion.home import Home
from ingestion.intake import ingest
from ingestion.source_schema import SCHEMA_PATH, schema_text
from ingestion.sources import SOURCES_DIR, load_source, load_sources, read_sources
from ingestion.sources.spec import SourceSpec
from tests.ingestion.conftest import KEY, call_source


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
    assert "columns: mangler / is missing" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [a\n", "linje / line 2: ikke gyldig YAML / not valid YAML"),
        ("", "file: må være ord med verdier / must be words with values"),
        ("name: feil\nformat:\n  type: cvs\n", "linje / line 3, format.type: må være en av"),
        ("name: feil\nformat: {type: csv}\nformatt: 1\n", "linje / line 3, formatt: ukjent ord"),
        ("name: feil\nfiles: '(?P<date>x'\n", "unterminated subpattern"),
        ("name: Feil\n", "linje / line 1, name: må passe / must fit"),
    ],
)
def test_a_source_that_cannot_be_used_says_line_and_place(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "feil.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(SourceFileError) as caught:
        load_source(path)
    assert message in str(caught.value)


STAMP = {"from": "t", "format": "%H:%M"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"answered_at": {**STAMP, "next_day_if_before": "ended_at"},
             "ended_at": {**STAMP, "next_day_if_before": "answered_at"}},
            "columns.answered_at: tidene viser til hverandre i ring: answered_at -> ended_at -> "
            "answered_at / stamps refer to each other in a circle",
        ),
        (
            {"answered_at": {"from": "n", "after": "answered_at"}},
            "columns.answered_at: tidene viser til hverandre i ring: answered_at -> answered_at",
        ),
        (
            {"answered_at": {"from": "n", "after": "ring_start_at"},
             "ended_at": {**STAMP, "next_day_if_before": "answered_at"}},
            "ended_at.next_day_if_before: viser til 'answered_at', som selv er et intervall",
        ),
        ({"answered_at": {"from": "n", "after": "outcome"}}, "som ikke er en tid / refers to"),
        ({"answered_at": {"from": "n", "after": "alerted_at"}}, "som ikke er med / refers to"),
        (
            {"answered_at": {**STAMP, "utc": True},
             "ended_at": {**STAMP, "next_day_if_before": "answered_at"}},
            "ended_at.next_day_if_before: viser til 'answered_at', som går etter en annen klokke",
        ),
        (
            {"deleted": {"from": "slettet", "codes": {"J": "true", "N": False}}},
            "columns.deleted.codes.J: må være true eller false, uten anførselstegn / must be",
        ),
        ({"is_test": {"constant": "nei"}}, "columns.is_test.constant: må være true eller false"),
        ({"revision": {"constant": "en"}}, "columns.revision.constant: må være et helt tall"),
        (
            {"outcome": {"from": "u", "codes": [{"map": {"B": "SVART"}}]}},
            "columns.outcome.codes.0.map.B: må være en av kodene ANSWERED, ABANDONED",
        ),
        # As YAML reads `constant: 0301`.
        ({"municipality_code": {"constant": 193}}, "må være tekst; sett den i anførselstegn"),
        ({"outcome": {**STAMP}}, "columns.outcome.format: format er bare for tider / format is"),
        ({"answered_at": {**STAMP, "pad": 4}}, "columns.answered_at.pad: pad er ikke for tider"),
        ({"answered_at": {**STAMP, "epoch": "s"}}, "bare én av format og epoch kan si"),
        ({"answered_at": {"constant": "12:00"}}, "constant: constant er ikke for tider"),
        ({"revision": {"any_of": ["a"]}}, "columns.revision.any_of: any_of er for flagg"),
        (
            {"chain_id": {"coalesce": [{"from": "a"}], "trim": False}},
            "columns.chain_id.trim: trim virker ikke ved siden av coalesce",
        ),
        ({"revision": {"from": "r", "thousands": "."}}, "desimaltegn og tusenskille er samme"),
        ({"date_format": "%Q"}, "date_format: '%Q' er ikke et datoformat; skriv det som"),
        ({"date_format": "YYYY-MM-DD"}, "date_format: 'YYYY-MM-DD' er ikke et datoformat"),
        (
            {"headers": [{"valid_from": "2026-01-02", "valid_to": "2026-01-01", "rename": {}}]},
            "headers.0: gjelder aldri: valid_to er ikke etter valid_from / is never in force",
        ),
        ({"clock": {"zone": "Europe"}}, "clock.zone: 'Europe' er ikke en IANA-tidssone"),
        (
            {"format": {"type": "fixed", "fields": {"id": [1, 3]}}},
            "format.fields: mangler kolonner som kilden leser: ",
        ),
        ({"where": {"^a$": ["1"]}}, "'^a$' kan ikke være navn på en råkolonne her"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_found_when_the_file_is_loaded(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    """Not when a delivery is read, and then as a fault of the delivery."""
    path = tmp_path / "prove.yaml"
    document = call_source().model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for name, change in changes.items():
        (document if name in SourceSpec.model_fields else document["columns"])[name] = change
    path.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    with pytest.raises(SourceFileError) as caught:
        load_source(path)
    assert message in str(caught.value)
    assert "linje / line" in str(caught.value)


def test_a_word_that_stands_twice_is_found(tmp_path: Path) -> None:
    path = tmp_path / "feil.yaml"
    path.write_text("name: feil\ncolumns:\n  outcome: a\n  outcome: b\n", "utf-8")
    with pytest.raises(SourceFileError, match=r"line 4, columns.outcome: står to ganger"):
        load_source(path)


def own_source(home: Home, name: str) -> Path:
    """A usable source file of an installation."""
    home.sources.mkdir(parents=True, exist_ok=True)
    text = (SOURCES_DIR / "lat_requests.yaml").read_text("utf-8")
    path = home.sources / f"{name}.yaml"
    path.write_text(text.replace("name: lat_requests", f"name: {name}"), "utf-8")
    return path


def test_sources_of_the_home_are_read_beside_those_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    own_source(home, "own_requests")
    assert list(read_sources(home=home).specs) == sorted(
        [*read_sources(SOURCES_DIR).specs, "own_requests"]
    )
    monkeypatch.setenv("AKUTT_HOME", str(home.root))
    assert "own_requests" in load_sources()
    assert "own_requests" not in load_sources(SOURCES_DIR)


def test_a_source_that_cannot_be_used_is_skipped_and_told(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    own_source(home, "own_requests")
    (home.sources / "draft.yaml").write_text("name: draft\ncolumns: TODO\n", "utf-8")
    (home.sources / "folder.yaml").mkdir()
    (home.sources / "short.yml").write_text("name: short\n", "utf-8")
    found = read_sources(home=home)
    assert len(found.specs) == 11
    assert found.skipped_names == ["draft", "folder", "short"]
    said = {error.path.stem: str(error) for error in found.skipped}
    assert "linje / line 2, columns" in said["draft"]
    assert "must end in .yaml" in said["short"]


def test_a_name_in_two_places_is_used_from_neither(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    path = own_source(home, "lat_requests")
    found = read_sources(home=home)
    assert "lat_requests" not in found.specs
    assert len(found.specs) == 9
    (error,) = found.skipped
    assert str(path) in str(error)
    assert str(SOURCES_DIR / "lat_requests.yaml") in str(error)


def test_intake_goes_on_beside_a_source_that_cannot_be_used(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    own_source(home, "own_requests")
    (home.sources / "draft.yaml").write_text("name: draft\n", "utf-8")
    (home.inbox / "own_requests").mkdir(parents=True)
    (home.inbox / "own_requests" / "odd.csv").write_text("x\n", "utf-8")
    report = ingest(home.root, key=KEY)
    assert report.sources["own_requests"].files_refused == 1
