"""Small sources and files for the intake tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestion.sources.spec import SourceSpec

KEY = b"only-for-tests-0123456789abcdefgh"
HEADER = "id;rev;slettet;tjeneste;sentral;start;svar;slutt;utfall;innringer;kommune"


def call_source(**changes: Any) -> SourceSpec:
    """A call source in local time with every kind of mapping that matters."""
    stamp = {"format": "%Y-%m-%d %H:%M:%S%.3f"}
    data: dict[str, Any] = {
        "name": "prove",
        "title": "Prøvekilde",
        "contract": "call",
        "owner": "Test",
        "files": r"prove_(?P<date>\d{4}-\d{2}-\d{2})(_\w+)?\.csv",
        "format": {"type": "csv", "delimiter": ";"},
        "columns": {
            "source_system": {"constant": "PROVE"},
            "source_id": "id",
            "revision": "rev",
            "deleted": {"from": "slettet", "codes": {"J": True, "N": False}},
            "service_line": "tjeneste",
            "direction": {"constant": "INBOUND"},
            "channel": {"constant": "VOICE"},
            "central_id": "sentral",
            "ring_start_at": {"from": "start", **stamp},
            "answered_at": {"from": "svar", **stamp},
            "ended_at": {"from": "slutt", **stamp},
            "outcome": {"from": "utfall", "codes": {"B": "ANSWERED", "F": "ABANDONED"}},
            "caller_pseudonym": {"from": "innringer", "pseudonym": True},
            "municipality_code": {"from": "kommune", "pad": 4},
            "is_test": {"constant": False},
        },
    }
    data.update(changes)
    return SourceSpec.model_validate(data)


def row(number: int, **changes: str) -> str:
    """One valid data row; named fields are replaced."""
    values = {
        "id": f"a{number}",
        "rev": "1",
        "slettet": "N",
        "tjeneste": "113",
        "sentral": "amk_oslo",
        "start": f"2026-01-15 12:00:{number % 60:02d}.000",
        "svar": f"2026-01-15 12:01:{number % 60:02d}.250",
        "slutt": f"2026-01-15 12:05:{number % 60:02d}.000",
        "utfall": "B",
        "innringer": "",
        "kommune": "301",
    }
    values.update(changes)
    return ";".join(values[name] for name in HEADER.split(";"))


def text(*rows: str) -> str:
    """A file with the header and these rows."""
    return "\n".join([HEADER, *rows]) + "\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty installation with the inbox of the test source."""
    (tmp_path / "inbox" / "prove").mkdir(parents=True)
    return tmp_path


def deliver(home: Path, name: str, content: str | bytes) -> Path:
    """Put a file in the test source's inbox."""
    path = home / "inbox" / "prove" / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
