"""Reading a snapshot: every file against its hash, and into an empty home."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from orchestration import atomic
from orchestration.backup.files import copy, owner_only, sha256
from orchestration.backup.manifest import BackupError, Entry, Snapshot

_ASIDE = ".restoring"
# What is read from comes last: until it is there, a run finds nothing to build on.
_LAST = ("lake", "inbox")


def check(snapshot: Snapshot) -> dict[str, str]:
    """What is wrong with the files of a snapshot, by path; reads every one of them."""
    return {
        name: problem
        for name, entry in snapshot.files.items()
        if (problem := _problem(snapshot.mirror / name, entry)) is not None
    }


def restore(snapshot: Snapshot, target: Path) -> None:
    """Copy a snapshot into a new or empty home; nothing is left there unless every file is right.

    Raises:
        BackupError: the target is not empty or cannot be written, or files of the snapshot are
            damaged, which the message names.
    """
    target = target.resolve()
    if target.is_relative_to(snapshot.folder.resolve()):
        raise BackupError(f"{target} er i sikkerhetskopien / is in the backup")
    try:
        with owner_only():
            _restore(snapshot, target)
    except OSError as error:
        raise BackupError(
            f"kan ikke skrives / cannot be written: {error.filename or target} "
            f"({error.strerror or error})"
        ) from error


def _restore(snapshot: Snapshot, target: Path) -> None:
    if target.exists() and (
        not target.is_dir() or any(path.name != _ASIDE for path in target.iterdir())
    ):
        raise BackupError(
            f"{target} er ikke tom: flytt det som er der, eller velg en ny mappe med --to / is not "
            "empty: move what is there, or choose a new folder with --to"
        )
    aside = target / _ASIDE
    if aside.exists():
        shutil.rmtree(aside)  # of a restore that was interrupted
    for name in snapshot.folders:
        (aside / name).mkdir(parents=True, exist_ok=True)
    problems = {}
    for name, entry in snapshot.files.items():
        problem = _copied(snapshot.mirror / name, aside / name, entry)
        if problem is not None:
            problems[name] = problem
    if problems:
        shutil.rmtree(aside)
        raise BackupError(told(snapshot, problems))
    for name in sorted(snapshot.folders, key=len, reverse=True):
        atomic.fsync_dir(aside / name)
        if name != ".":
            (aside / name).chmod(snapshot.folders[name])
    for path in sorted(aside.iterdir(), key=lambda path: (path.name in _LAST, path.name != "lake")):
        path.rename(target / path.name)
    aside.rmdir()
    target.chmod(snapshot.folders.get(".", 0o700))
    atomic.fsync_dir(target)


def _copied(source: Path, target: Path, entry: Entry) -> str | None:
    """Copy one file with its time and rights; what is wrong with it, if anything."""
    try:
        digest = copy(source, target)
    except BackupError as error:
        return str(error) if source.is_file() else _MISSING
    if digest != entry.sha256:
        return _CHANGED
    os.utime(target, ns=(entry.mtime_ns, entry.mtime_ns))
    target.chmod(entry.mode)
    return None


_MISSING = "mangler / is missing"
_CHANGED = "er endret etter at den ble kopiert / has changed since it was copied"


def _problem(path: Path, entry: Entry) -> str | None:
    if not path.is_file():
        return _MISSING
    try:
        return None if sha256(path) == entry.sha256 else _CHANGED
    except BackupError as error:
        return str(error)


def told(snapshot: Snapshot, problems: dict[str, str]) -> str:
    """What to say of a damaged snapshot."""
    lines = "\n- ".join(f"{name}: {problem}" for name, problem in problems.items())
    return (
        f"{snapshot.name} er skadet; bruk en annen / is damaged; use another: "
        f"akutt backup --list {snapshot.folder.parent}\n- {lines}"
    )
