"""Manifests: a file that is not what its sender says is refused, also when cut between records."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from ingestion.intake import ingest
from tests.ingestion.conftest import KEY, call_source, deliver, row, text

NAME = "prove_2026-01-15.csv"
CONTENT = text(row(1), row(2), row(3))


def refusals(home: Path) -> dict[str, int]:
    return ingest(home, key=KEY, specs={"prove": call_source()}).sources["prove"].refusals


def digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


@pytest.mark.parametrize(
    "manifest",
    [
        {"rows": 3},
        {"rows": "3", "sha256": digest(CONTENT)},
        {"sha256": digest(CONTENT).upper()},
        {},
    ],
)
def test_a_file_that_is_what_its_manifest_says_is_taken(
    home: Path, manifest: dict[str, object]
) -> None:
    deliver(home, NAME, CONTENT)
    deliver(home, f"{NAME}.manifest.json", json.dumps(manifest))
    assert refusals(home) == {}


def test_a_file_cut_between_records_is_seen(home: Path) -> None:
    deliver(home, NAME, text(row(1), row(2)))
    deliver(home, f"{NAME}.manifest.json", json.dumps({"rows": 3}))
    assert refusals(home) == {"FILE_MANIFEST_DIFFERS": 1}


@pytest.mark.parametrize("broken", ["[", "[]", '{"rows": "tre"}', '{"sha256": "abc"}', "\xff"])
def test_a_manifest_that_cannot_be_read_is_not_passed_over(home: Path, broken: str) -> None:
    deliver(home, NAME, CONTENT)
    deliver(home, f"{NAME}.manifest.json", broken.encode("latin-1"))
    assert refusals(home) == {"FILE_MANIFEST_DIFFERS": 1}


def test_one_list_may_describe_several_files(home: Path) -> None:
    deliver(home, NAME, CONTENT)
    other = text(row(4))
    deliver(home, "prove_2026-01-16.csv", other)
    lines = ["file;rows;sha256", f"{NAME};3;{digest(CONTENT)}", "prove_2026-01-16.csv;2;"]
    deliver(home, "uke3.manifest.csv", "\n".join(lines))
    assert refusals(home) == {"FILE_MANIFEST_DIFFERS": 1}


def test_manifests_are_no_deliveries(home: Path) -> None:
    deliver(home, NAME, CONTENT)
    deliver(home, "manifest.csv", f"file,rows\n{NAME},3\n")
    report = ingest(home, key=KEY, specs={"prove": call_source()}).sources["prove"]
    assert (report.files_read, report.accepted, report.refusals) == (1, 3, {})
