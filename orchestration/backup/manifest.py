"""What a snapshot holds, file by file, and the snapshots of a destination."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from orchestration import atomic

MANIFEST = "manifest.json"
# The folder of a snapshot that mirrors AKUTT_HOME.
MIRROR = "home"
FORMAT = 1
_NAME = re.compile(r"\d{8}T\d{6}Z(?:-\d+)?")

# Size and times of a file, by which it is known to be unchanged without being read.
Stamp = tuple[int, int, int]


class BackupError(RuntimeError):
    """A backup could not be made, read or restored; the message says why."""


@dataclass(frozen=True)
class Entry:
    """One file of a snapshot; `source` is the stamp of what it was made from."""

    size: int
    sha256: str
    mode: int
    source: Stamp

    @property
    def mtime_ns(self) -> int:
        return self.source[1]


@dataclass(frozen=True)
class Snapshot:
    """One complete snapshot.

    Attributes:
        release: the release that was current, null where there was none.
        folders: every folder and its rights; `.` is AKUTT_HOME itself.
        left_out: what was in AKUTT_HOME and is not here.
    """

    folder: Path
    created_at: str
    version: str
    release: str | None
    folders: Mapping[str, int]
    files: Mapping[str, Entry]
    left_out: list[str]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def mirror(self) -> Path:
        return self.folder / MIRROR

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.files.values())


def write_manifest(snapshot: Snapshot) -> None:
    """Write the manifest of a snapshot, with a digest of itself."""
    value = {
        "format": FORMAT,
        "created_at": snapshot.created_at,
        "version": snapshot.version,
        "release": snapshot.release,
        "folders": dict(snapshot.folders),
        "files": {name: asdict(entry) for name, entry in snapshot.files.items()},
        "left_out": snapshot.left_out,
    }
    # Names that are not UTF-8 have to come back as they were, so everything is escaped.
    text = json.dumps({**value, "digest": _digest(value)}, indent=1, sort_keys=True)
    atomic.write_text(snapshot.folder / MANIFEST, text + "\n")


def read_manifest(folder: Path) -> Snapshot:
    """The snapshot of a folder.

    Raises:
        BackupError: the folder has no manifest, or one that is damaged or of a later version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BackupError(f"ikke en sikkerhetskopi / not a backup: {folder}")
    value = atomic.read_json(path)
    if isinstance(value, dict) and value.get("format", FORMAT) != FORMAT:
        raise BackupError(
            f"{path}: laget av en annen versjon / made by another version: {value.get('version')}"
        )
    damaged = BackupError(f"{path}: skadet / damaged")
    if not isinstance(value, dict) or value.pop("digest", None) != _digest(value):
        raise damaged
    try:
        files = {
            name: Entry(item["size"], item["sha256"], item["mode"], as_stamp(item["source"]))
            for name, item in value["files"].items()
        }
        found = Snapshot(
            folder=folder,
            created_at=value["created_at"],
            version=value["version"],
            release=value["release"],
            folders=value["folders"],
            files=files,
            left_out=value["left_out"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged from error
    if not all(map(_stays_inside, (*found.files, *found.folders))):
        raise damaged
    return found


def as_stamp(value: Any) -> Stamp:
    """A stamp as JSON has it.

    Raises:
        TypeError, ValueError: it is not of this form.
    """
    size, mtime, ctime = value
    return int(size), int(mtime), int(ctime)


def is_snapshot(folder: Path) -> bool:
    """Whether a folder is a complete snapshot, by its name and its manifest."""
    return _NAME.fullmatch(folder.name) is not None and (folder / MANIFEST).is_file()


def snapshot_folders(destination: Path) -> list[Path]:
    """The complete snapshots of a destination, newest first."""
    found = destination.iterdir() if destination.is_dir() else ()
    return sorted(filter(is_snapshot, found), key=_order, reverse=True)


def list_snapshots(destination: Path) -> tuple[list[Snapshot], list[str]]:
    """The snapshots of a destination, newest first, and what is wrong with those left out."""
    found, problems = [], []
    for folder in snapshot_folders(destination):
        try:
            found.append(read_manifest(folder))
        except BackupError as error:
            problems.append(str(error))
    return found, problems


def open_snapshot(path: Path) -> Snapshot:
    """The snapshot of this path, or the newest one of a destination.

    Raises:
        BackupError: there is none, or its manifest is damaged.
    """
    if (path / MANIFEST).is_file():
        return read_manifest(path)
    for folder in snapshot_folders(path):
        return read_manifest(folder)
    raise BackupError(f"ingen sikkerhetskopi her / no backup here: {path}")


def _order(folder: Path) -> tuple[str, int]:
    stamp, _, number = folder.name.partition("-")
    return stamp, int(number or 0)


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts
