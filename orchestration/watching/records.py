"""One record per run, as JSON below `logs/runs/`: written when it begins, replaced when it ends.

A record holds counts, codes, names of steps and times. It has no names of files, no values, and no
text of an error: that may quote a value, and is told to whoever started the run.

    {"schema", "run_id", "status", "started_at", "ended_at", "seconds", "release_id", "audiences",
     "steps": [{"step", "outcome", "seconds", "error", "counts": {name: number}}],
     "warnings": [{"kind", "code", "count"}], "held_back_by": {kind: count}, "error",
     "peak_memory_bytes": {"run", "child"}, "versions": {package: version}}

Fields are only added, never renamed or taken away.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from orchestration import atomic

SCHEMA = 1
KEEP = 400
RUNNING = "running"
INTERRUPTED = "interrupted"
# What a run may end with; a record that is still `running` without a run was left by one that died.
STATUSES = (RUNNING, "ok", "nothing_pending", "held_back", "failed", INTERRUPTED)
SUCCESSFUL = frozenset({"ok", "nothing_pending"})
_PACKAGES = ("akuttkjede", "dagster", "dbt-core", "dbt-duckdb", "duckdb", "polars")


class Record:
    """The record of the run that goes on in this process.

    Writing it never ends a run: a full disk is told of by what the run itself writes.
    """

    def __init__(self, folder: Path, started_at: datetime) -> None:
        run_id = started_at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self._path = folder / f"{run_id}.json"
        self._started_at = started_at
        self._value: dict[str, Any] = {
            "schema": SCHEMA,
            "run_id": run_id,
            "status": RUNNING,
            "started_at": _text(started_at),
            "ended_at": None,
            "seconds": None,
            "release_id": None,
            "audiences": [],
            "steps": [],
            "warnings": [],
            "held_back_by": {},
            "error": None,
            "peak_memory_bytes": {"run": None, "child": None},
            "versions": _versions(),
        }

    def begin(self) -> None:
        """Write that the run has begun; what still counts as running has no process, and ended."""
        for path in _paths(self._path.parent):
            left = _read(path)
            if left is not None and left["status"] == RUNNING:
                _write(path, {**left, "status": INTERRUPTED})
        _write(self._path, self._value)

    def end(self, status: str, ended_at: datetime, **fields: Any) -> None:
        """Write what the run came to, and leave the latest `KEEP` records.

        Raises:
            ValueError: there is no such status or field.
        """
        if status not in STATUSES or set(fields) - set(self._value):
            raise ValueError(f"{status}: {sorted(set(fields) - set(self._value))}")
        seconds = (ended_at - self._started_at).total_seconds()
        self._value |= {
            **fields,
            "status": status,
            "ended_at": _text(ended_at),
            "seconds": round(seconds, 3),
            "peak_memory_bytes": peak_memory(),
        }
        _write(self._path, self._value)
        for path in _paths(self._path.parent)[:-KEEP]:
            path.unlink(missing_ok=True)


def latest(folder: Path, before: str | None = None) -> dict[str, Any] | None:
    """The record of the run that began last; files that are no record are passed over.

    Args:
        before: of those that began before the one with this id.
    """
    paths = [path for path in _paths(folder) if before is None or path.stem < before]
    return next((found for path in reversed(paths) if (found := _read(path))), None)


def peak_memory() -> dict[str, int | None]:
    """Bytes that this process, and the largest of its ended children, had in memory at most.

    None where the system does not say (Windows).
    """
    if sys.platform == "win32":
        return {"run": None, "child": None}
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "run": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        "child": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit,
    }


def taken_in(receipts: pl.DataFrame) -> dict[str, int]:
    """Files and rows of a run's receipts."""
    refused = receipts.filter(pl.col("status") == "refused").height
    rows = ("rows_read", "accepted", "rejected", "exact_duplicates")
    return {
        "files": receipts.height,
        "files_refused": refused,
        **{name: int(receipts[name].sum()) for name in rows},
    }


def rule_outcomes(receipts: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows kept with a warning and rows rejected per rule code, and files refused."""
    counts: dict[tuple[str, str], int] = {}
    for kind, column in (("kept", "warnings"), ("rejected", "rejections")):
        for text in receipts[column].drop_nulls():
            for code, count in json.loads(text).items():
                counts[kind, code] = counts.get((kind, code), 0) + count
    for code in receipts.filter(pl.col("status") == "refused")["refusal_code"].drop_nulls():
        counts["refused", code] = counts.get(("refused", code), 0) + 1
    return [warning(kind, code, count) for (kind, code), count in sorted(counts.items())]


def warning(kind: str, code: str, count: int) -> dict[str, Any]:
    """One warning of a record."""
    return {"kind": kind, "code": code, "count": count}


def kinds(reasons: Iterable[str]) -> dict[str, int]:
    """How many reasons of each kind hold a release back; the kind is what stands before `:`."""
    counts: dict[str, int] = {}
    for reason in reasons:
        kind = reason.partition(":")[0]
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _paths(folder: Path) -> list[Path]:
    """The records, oldest first: their names are times."""
    try:
        found = [path for path in folder.iterdir() if path.suffix == ".json"]
    except OSError:
        return []
    # One that is being written has a name that begins with a dot.
    return sorted(path for path in found if path.name[:1] != ".")


def _read(path: Path) -> dict[str, Any] | None:
    value = atomic.read_json(path)
    return value if isinstance(value, dict) and value.get("status") in STATUSES else None


def _write(path: Path, value: Mapping[str, Any]) -> None:
    try:
        atomic.write_json(path, value)
    except OSError:
        return
