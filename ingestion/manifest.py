"""Delivery manifests: what a sender says a file holds, so that a file cut short is seen.

A manifest stands beside its file, as `<file>.manifest.json` with `rows` and `sha256`, or as a list
of files named `manifest.csv` or `<anything>.manifest.csv` with the columns `file`, `rows` and
`sha256`. Either figure may be left out. A list may be written by a spreadsheet: in UTF-8, UTF-16 or
CP1252, with a line `sep=;` first. Of a list that cannot be read nobody knows what it is about:
every file beside it that has no other manifest is marked.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.errors import FileRefusedError
from ingestion.readers.raw import MAX_ROWS

SUFFIX = ".manifest.json"
LIST_SUFFIX = ".manifest.csv"
LIST_NAME = "manifest.csv"
UNREAD = "FILE_MANIFEST_UNREADABLE"

_FIGURES = frozenset({"rows", "sha256"})
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Manifest:
    """What the sender says of one file; a broken manifest says nothing that can be kept.

    Attributes:
        unread: there is a list beside the file that cannot be read, and may be about it.
    """

    rows: int | None = None
    sha256: str | None = None
    broken: bool = False
    unread: bool = False

    @property
    def mark(self) -> str | None:
        """What tells one manifest from another."""
        return None if self.unread else f"{self.rows}:{self.sha256}:{self.broken}"


@dataclass(frozen=True)
class Manifests:
    """The manifests of a folder, by the name of the file they describe."""

    by_name: Mapping[str, Manifest]
    has_unread: bool = False

    def get(self, name: str) -> Manifest | None:
        """What is said of a file; None when there is nothing."""
        unread = Manifest(unread=True) if self.has_unread else None
        return self.by_name.get(unicodedata.normalize("NFC", name), unread)


def is_manifest(name: str) -> bool:
    """Whether a file of the inbox is a manifest and no delivery."""
    name = name.lower()
    return name == LIST_NAME or name.endswith((SUFFIX, LIST_SUFFIX))


def read_manifests(paths: Iterable[Path]) -> Manifests:
    """The manifests among the files of a folder."""
    found: dict[str, Manifest] = {}
    has_unread = False
    for path in paths:
        if not is_manifest(path.name):
            continue
        text = _text(path)
        if path.name.lower().endswith(SUFFIX):
            said = [(path.name[: -len(SUFFIX)], _one(text))]
        else:
            said = _list(text)
            has_unread = has_unread or not said
        for file, manifest in said:
            name = unicodedata.normalize("NFC", file)
            # Of two that say different things neither can be held to.
            same = found.setdefault(name, manifest) == manifest
            found[name] = manifest if same else Manifest(broken=True)
    return Manifests(found, has_unread)


def _text(path: Path) -> str:
    """The text of a manifest in whatever a spreadsheet writes; empty when it cannot be opened."""
    try:
        if path.exists() and not path.is_file():
            raise IsADirectoryError(path.name)
        data = path.read_bytes()
    except OSError:
        return ""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" in data[:200]:
        return data.decode("utf-16-be" if data.startswith(b"\0") else "utf-16-le", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _one(text: str) -> Manifest:
    try:
        return _manifest(json.loads(text))
    except (ValueError, RecursionError):
        return Manifest(broken=True)


def _list(text: str) -> list[tuple[str, Manifest]]:
    """What a list says, file by file; nothing when it has no line of names that are known."""
    text = text.lstrip("\ufeff\r\n")
    first, _, rest = text.partition("\n")
    declared = re.fullmatch(r"\"?sep=(.)\"?", first.strip(), re.IGNORECASE)
    if declared is not None:
        text, first = rest, rest.partition("\n")[0]
    delimiter = declared[1] if declared is not None else max(";,\t", key=first.count)
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        return []
    entries = [
        {str(k).strip().lower(): (v or "").strip() for k, v in row.items() if isinstance(v, str)}
        for row in rows
    ]
    return [
        # The file lies beside the list, whatever folder the sender had it in.
        (re.split(r"[\\/]", entry["file"])[-1], _safely(entry))
        for entry in entries
        if entry.get("file") and _FIGURES & entry.keys()
    ]


def _safely(entry: Mapping[str, Any]) -> Manifest:
    try:
        return _manifest(entry)
    except ValueError:
        return Manifest(broken=True)


def _manifest(entry: Any) -> Manifest:
    """One entry; raises ValueError when a figure is there and cannot be read."""
    if not isinstance(entry, Mapping):
        raise ValueError("not an object")
    entry = {str(name).strip().lower(): value for name, value in entry.items()}
    if entry and not _FIGURES & entry.keys():
        raise ValueError("neither rows nor sha256")
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
