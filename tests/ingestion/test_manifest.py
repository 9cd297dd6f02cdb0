"""Manifests: a file that is not what its sender says is refused, also when cut between records."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from ingestion.check import check_file
from ingestion.intake import ingest
from ingestion.lake import iter_receipts
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


@pytest.mark.parametrize(
    "broken", ["[", "[]", '{"rows": "tre"}', '{"antall": 3}', '{"sha256": "abc"}', "\xff"]
)
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("head", ["", "sep=;\r\n", '"sep=;"\n', "\r\n"])
def test_a_list_may_come_from_a_spreadsheet(home: Path, encoding: str, head: str) -> None:
    deliver(home, NAME, CONTENT)
    lines = f'{head}"File";Rows;merknad\r\ndag\\{NAME};2;på lørdag\r\n'
    deliver(home, "Manifest.CSV", lines.encode(encoding))
    assert refusals(home) == {"FILE_MANIFEST_DIFFERS": 1}


def test_two_lists_that_differ_are_not_chosen_between(home: Path) -> None:
    deliver(home, NAME, CONTENT)
    deliver(home, "manifest.csv", f"file,rows\n{NAME},3\n")
    deliver(home, "uke3.manifest.csv", f"file,rows\n{NAME},2\n")
    assert refusals(home) == {"FILE_MANIFEST_DIFFERS": 1}


@pytest.mark.parametrize(
    "content", [b"", b"fil;antall\nx;3\n", b"PK\x03\x04\0\0\xff", b"file\nx\n"]
)
def test_a_list_that_cannot_be_read_is_told_of(home: Path, content: bytes) -> None:
    deliver(home, NAME, CONTENT)
    deliver(home, "prove_2026-01-16.csv", CONTENT.replace("a1", "b1"))
    deliver(home, "prove_2026-01-16.csv.manifest.json", '{"Rows": 3}')
    deliver(home, "manifest.csv", content)
    assert refusals(home) == {}
    receipts = {receipt["file_name"]: receipt for _, receipt in iter_receipts(home / "lake")}
    assert receipts[NAME]["warnings"] == {"FILE_MANIFEST_UNREADABLE": 1}
    assert "FILE_MANIFEST_UNREADABLE" not in receipts["prove_2026-01-16.csv"]["warnings"]
    checked = check_file(home / "inbox" / "prove" / NAME, call_source()).receipt
    assert "FILE_MANIFEST_UNREADABLE" in checked.warnings


def test_manifests_are_no_deliveries(home: Path) -> None:
    deliver(home, NAME, CONTENT)
    deliver(home, "manifest.csv", f"file,rows\n{NAME},3\n")
    report = ingest(home, key=KEY, specs={"prove": call_source()}).sources["prove"]
    assert (report.files_read, report.accepted, report.refusals) == (1, 3, {})
