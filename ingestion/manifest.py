"""Delivery manifests: what a sender says a file holds, so that a file cut short is seen.

A manifest stands beside its file, as `<file>.manifest.json` with `rows` and `sha256`, or as a list
of files named `manifest.csv` or `<anything>.manifest.csv` with the columns `file`, `rows` and
`sha256`. Either figure may be left out.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.errors import FileRefusedError
from ingestion.readers.raw import MAX_ROWS

SUFFIX = ".manifest.json"
LIST_SUFFIX = ".manifest.csv"
LIST_NAME = "manifest.csv"


@dataclass(frozen=True)
class Manifest:
    """What the sender says of one file; a broken manifest says nothing that can be kept."""

    rows: int | None = None
    sha256: str | None = None
    broken: bool = False

    @property
    def mark(self) -> str:
        """What tells one manifest from another."""
        return f"{self.rows}:{self.sha256}:{self.broken}"


def is_manifest(name: str) -> bool:
    """Whether a file of the inbox is a manifest and no delivery."""
    return name == LIST_NAME or name.endswith((SUFFIX, LIST_SUFFIX))


def read_manifests(paths: Iterable[Path]) -> dict[str, Manifest]:
    """The manifests among the files of a folder, by the name of the file they describe."""
    found: dict[str, Manifest] = {}
    for path in paths:
        if not is_manifest(path.name):
            continue
        try:
            if path.exists() and not path.is_file():
                raise IsADirectoryError(path.name)
            text = path.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            text = ""
        if path.name.endswith(SUFFIX):
            found[path.name.removesuffix(SUFFIX)] = _one(text)
        else:
            found.update(_list(text))
    return found


def _one(text: str) -> Manifest:
    try:
        entry = json.loads(text)
        return _manifest(entry)
    except (ValueError, RecursionError):
        return Manifest(broken=True)


def _list(text: str) -> dict[str, Manifest]:
    lines = text.splitlines()
    if not lines:
        return {}
    delimiter = max(";,\t", key=lines[0].count)
    try:
        rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    except csv.Error:
        return {}
    entries = [
        {str(k).strip().lower(): (v or "").strip() for k, v in row.items() if isinstance(v, str)}
        for row in rows
    ]
    return {entry["file"]: _safely(entry) for entry in entries if entry.get("file")}


def _safely(entry: Mapping[str, Any]) -> Manifest:
    try:
        return _manifest(entry)
    except ValueError:
        return Manifest(broken=True)


def _manifest(entry: Any) -> Manifest:
    """One entry; raises ValueError when a figure is there and cannot be read."""
    if not isinstance(entry, Mapping):
        raise ValueError("not an object")
    rows, digest = entry.get("rows"), entry.get("sha256")
    count = None if rows in (None, "") else int(str(rows))
    if count is not None and not 0 <= count <= MAX_ROWS:
        raise ValueError("no number of rows")
    text = None if digest in (None, "") else str(digest).lower()
    if text is not None and (len(text) != 64 or set(text) - set("0123456789abcdef")):
        raise ValueError("not a SHA-256")
    return Manifest(count, text)


def check_content(manifest: Manifest | None, data: bytes) -> None:
    """Refuse a file whose bytes are not those the manifest names.

    Raises:
        FileRefusedError: FILE_MANIFEST_DIFFERS.
    """
    if manifest is None:
        return
    if manifest.broken:
        raise FileRefusedError(
            "FILE_MANIFEST_DIFFERS",
            "følgebrevet kan ikke leses: ventet rows (heltall) og sha256 (64 tegn)",
            "the manifest cannot be read: expected rows (whole number) and sha256 (64 characters)",
        )
    if manifest.sha256 is not None and hashlib.sha256(data).hexdigest() != manifest.sha256:
        raise FileRefusedError(
            "FILE_MANIFEST_DIFFERS",
            "SHA-256 er en annen: filen er endret eller avkortet underveis; send den på nytt",
            "another SHA-256: the file was changed or cut short on its way; send it again",
        )


def check_rows(manifest: Manifest | None, records: int) -> None:
    """Refuse a file that has another number of records than the manifest names.

    Raises:
        FileRefusedError: FILE_MANIFEST_DIFFERS.
    """
    if manifest is not None and manifest.rows is not None and manifest.rows != records:
        raise FileRefusedError(
            "FILE_MANIFEST_DIFFERS",
            f"følgebrevet sier {manifest.rows} rader, filen har {records}; send den på nytt",
            f"the manifest says {manifest.rows} rows, the file has {records}; send it again",
        )
