"""What the last completed step was done on, so that finished work is not done again.

Each step writes its state after it has finished, and takes it back before it starts. A process
killed in between leaves no state, so the step is done again. Deleting the folder only costs time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from orchestration import atomic
from orchestration.paths import Home

_IGNORED = {"target", "logs", "dbt_packages", "__pycache__"}


@dataclass(frozen=True)
class WarehouseState:
    """The last dbt build: the project and the batches it was made from, and what failed."""

    project: str | None = None
    lake: str | None = None
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DisclosureState:
    """The last disclosure step and the second dbt build: what they were made from, what failed."""

    project: str | None = None
    lake: str | None = None
    policy: str | None = None
    events: str | None = None
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ReleaseState:
    """The last release step: what it was made from, and the content it came to."""

    project: str | None = None
    lake: str | None = None
    policy: str | None = None
    events: str | None = None
    release_id: str | None = None


def lake_fingerprint(lake: Path) -> str:
    """The batches in the lake. Folders never change, so their names say everything."""
    from ingestion.lake import batch_folders

    return _digest(f"{folder.parent.name}/{folder.name}" for folder in batch_folders(lake))


def tree_fingerprint(folder: Path) -> str:
    """The content of a folder of source files."""
    lines = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not _IGNORED & set(relative.parts) and not path.name.startswith("."):
            lines.append(f"{relative.as_posix()}:{hashlib.sha256(path.read_bytes()).hexdigest()}")
    return _digest(lines)


def file_fingerprint(*paths: Path) -> str:
    """The content of some files."""
    return _digest(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)


def text_fingerprint(text: str) -> str:
    """The content of a text."""
    return _digest([text])


def read_warehouse(home: Home) -> WarehouseState:
    """The state of the warehouse; empty when there is none."""
    return WarehouseState(**_read(home, "warehouse", set(WarehouseState.__dataclass_fields__)))


def write_warehouse(home: Home, state: WarehouseState) -> None:
    """Remember the state of the warehouse."""
    atomic.write_json(home.state / "warehouse.json", asdict(state))


def read_disclosure(home: Home) -> DisclosureState:
    """The state of the disclosure step and the second build; empty when there is none."""
    return DisclosureState(**_read(home, "disclosure", set(DisclosureState.__dataclass_fields__)))


def write_disclosure(home: Home, state: DisclosureState) -> None:
    """Remember the state of the disclosure step and the second build."""
    atomic.write_json(home.state / "disclosure.json", asdict(state))


def read_release(home: Home) -> ReleaseState:
    """The state of the release step; empty when there is none."""
    return ReleaseState(**_read(home, "release", set(ReleaseState.__dataclass_fields__)))


def write_release(home: Home, state: ReleaseState) -> None:
    """Remember the state of the release step."""
    atomic.write_json(home.state / "release.json", asdict(state))


def _read(home: Home, name: str, fields: set[str]) -> dict[str, Any]:
    value = atomic.read_json(home.state / f"{name}.json")
    if not isinstance(value, dict) or set(value) != fields:
        return {}
    return value


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
