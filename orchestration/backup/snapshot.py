"""Making a snapshot: aside, file by file, and renamed when everything is in place.

Whatever is in AKUTT_HOME is copied, except what a run makes again: a file that this list does not
know is rather copied for nothing than lost.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from ingestion.lock import exclusive
from orchestration import atomic
from orchestration.backup import memory
from orchestration.backup.files import HoldsKeyError, copy, owner_only, sha256, stamp, unreadable
from orchestration.backup.manifest import (
    MIRROR,
    BackupError,
    Entry,
    Snapshot,
    Stamp,
    as_stamp,
    open_snapshot,
    snapshot_folders,
    write_manifest,
)
from orchestration.paths import Home

# Made again by a run, or the history of runs; of the warehouse see `memory`.
DISPOSABLE = frozenset({"warehouse", "dbt", "state", "gx", "logs", "dagster", "run.lock"})
_UNFINISHED, _TRASH = ".unfinished-", ".trash-"
_JOURNAL = "journal.jsonl"
_WAREHOUSE = "warehouse"


@dataclass(frozen=True)
class Made:
    """What a backup came to; `removed` are the snapshots that had to go."""

    snapshot: Snapshot
    copied_files: int
    copied_bytes: int
    removed: list[str]


@dataclass
class _Found:
    """What is in a home, by path below it."""

    folders: dict[str, int] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Base:
    """Files that are in the destination already; those of an unfinished backup are read first."""

    mirror: Path
    files: Mapping[str, Entry]
    is_complete: bool


def make(
    home: Home,
    destination: Path,
    *,
    keep: int | None = None,
    key: bytes = b"",
    now: datetime | None = None,
) -> Made:
    """Copy a home into a new snapshot of the destination.

    Nothing else writes in the home meanwhile: a run that begins is refused.

    Args:
        keep: snapshots to leave, this one among them; all when not given.
        key: the key of the pseudonyms; a file that has it in it is left out.

    Raises:
        BackupError: the home or the destination cannot be used, or a file cannot be copied.
        LockBusyError: a run or another backup is going on.
    """
    destination = destination.resolve()
    root = home.root.resolve()
    if not root.is_dir():
        raise BackupError(f"ingenting å kopiere / nothing to back up: {root}")
    if destination.is_relative_to(root):
        raise BackupError(
            f"{destination} er i / is in AKUTT_HOME ({root}); velg en mappe utenfor, helst på en "
            "annen maskin / choose a folder outside, better still on another machine"
        )
    created = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    with owner_only(), ExitStack() as held:
        try:
            destination.mkdir(parents=True, exist_ok=True)
            held.enter_context(exclusive(destination / ".lock", what=str(destination)))
            held.enter_context(_at_rest(home))
            return _make(home, destination, keep, key, created)
        except OSError as error:
            raise BackupError(
                f"kan ikke skrives / cannot be written: {error.filename or destination} "
                f"({error.strerror or error}); neste sikkerhetskopi fortsetter der denne slapp / "
                "the next backup goes on from here"
            ) from error


@contextmanager
def _at_rest(home: Home) -> Iterator[None]:
    """Hold every lock of a home under which something is written."""
    with ExitStack() as held:
        held.enter_context(exclusive(home.run_lock, what=str(home.root)))
        for folder in (home.lake, home.releases, home.registers):
            if folder.is_dir():
                held.enter_context(exclusive(folder / ".lock", what=str(folder)))
        yield


def _make(home: Home, destination: Path, keep: int | None, key: bytes, created: datetime) -> Made:
    found = _look(home.root, destination)
    unfinished = sorted(destination.glob(f"{_UNFINISHED}*"))
    bases = [_base_of(folder) for folder in snapshot_folders(destination)[:1]]
    bases += [_Base(path / MIRROR, _read_journal(path), False) for path in unfinished]
    aside = destination / f"{_UNFINISHED}{uuid.uuid4().hex}"
    for name in found.folders:
        (aside / MIRROR / name).mkdir(parents=True, exist_ok=True)
    entries: dict[str, Entry] = {}
    copied: list[str] = []
    with (aside / _JOURNAL).open("w", encoding="utf-8") as journal:
        for name, path in found.files.items():
            known = stamp(path)
            entry = _linked(bases, name, known, aside / MIRROR / name)
            if entry is None:
                entry = _taken(home, name, path, known, aside / MIRROR / name, key)
                if entry is None:
                    found.left_out.append(name)
                    continue
                copied.append(name)
            entries[name] = replace(entry, mode=stat.S_IMODE(path.stat().st_mode))
            _note(journal, name, entries[name])
    if not entries:
        shutil.rmtree(aside)
        raise BackupError(f"ingenting å kopiere / nothing to back up: {home.root}")
    snapshot = Snapshot(
        folder=aside,
        created_at=created.isoformat(),
        version=_version(),
        release=_current(home),
        folders=found.folders,
        files=entries,
        left_out=sorted(found.left_out),
    )
    (aside / _JOURNAL).unlink()
    write_manifest(snapshot)
    for name in found.folders:
        atomic.fsync_dir(aside / MIRROR / name)
    final = _free_name(destination, created)
    aside.rename(final)
    atomic.fsync_dir(destination)
    for path in (*unfinished, *destination.glob(f"{_TRASH}*")):
        shutil.rmtree(path, ignore_errors=True)
    removed = [] if keep is None else _prune(destination, keep)
    size = sum(entries[name].size for name in copied)
    return Made(replace(snapshot, folder=final), len(copied), size, removed)


def _look(root: Path, destination: Path) -> _Found:
    """Everything in a home that is to be copied. Links are followed: a lake may be on a disk of
    its own.

    Raises:
        BackupError: a folder cannot be read, or holds the destination.
    """
    found = _Found({".": stat.S_IMODE(root.stat().st_mode)})

    def walk(folder: Path, above: str, within: frozenset[Path]) -> None:
        try:
            inside = sorted(folder.iterdir())
        except OSError as error:
            raise unreadable(folder, error) from error
        for path in inside:
            name = f"{above}{path.name}"
            if path.name.startswith("."):
                continue  # locks, and what is being written
            if name in DISPOSABLE:
                found.left_out.append(name)
                continue
            try:
                mode = path.stat().st_mode
            except OSError as error:
                raise unreadable(path, error) from error
            if stat.S_ISDIR(mode):
                real = path.resolve()
                if destination.is_relative_to(real):
                    raise BackupError(
                        f"{destination} er i en mappe som kopieres / is in a folder that is "
                        f"copied: {path}"
                    )
                if real in within:
                    continue  # a link to a folder that it is in
                found.folders[name] = stat.S_IMODE(mode)
                walk(path, f"{name}/", within | {real})
            elif stat.S_ISREG(mode):
                found.files[name] = path
            else:
                found.left_out.append(name)

    walk(root, "", frozenset({root}))
    warehouse = Home(root).warehouse
    if warehouse.is_file():
        found.folders[_WAREHOUSE] = stat.S_IMODE(warehouse.parent.stat().st_mode)
        found.files[warehouse.relative_to(root).as_posix()] = warehouse
    return found


def _taken(
    home: Home, name: str, path: Path, known: Stamp, target: Path, key: bytes
) -> Entry | None:
    """Copy one file; None when it is to be left out."""
    if name == home.warehouse.relative_to(home.root).as_posix():
        if not memory.extract(path, target):
            return None
        atomic.fsync_file(target)
        return Entry(target.stat().st_size, sha256(target), 0, known)
    try:
        digest = copy(path, target, key=key)
    except HoldsKeyError:
        target.unlink()
        return None
    except BackupError:
        target.unlink(missing_ok=True)
        raise
    os.utime(target, ns=(known[1], known[1]))
    return Entry(target.stat().st_size, digest, 0, known)


def _linked(bases: list[_Base], name: str, known: Stamp, target: Path) -> Entry | None:
    """Link to the file where the destination has it already; None where it has to be copied."""
    for base in bases:
        entry = base.files.get(name)
        there = base.mirror / name
        if entry is None or entry.source != known or not there.is_file():
            continue
        if there.stat().st_size != entry.size:
            continue
        if not base.is_complete and sha256(there) != entry.sha256:
            continue
        with suppress(OSError):  # not every disk has hard links
            os.link(there, target)
            return entry
    return None


def _base_of(folder: Path) -> _Base:
    with suppress(BackupError):
        snapshot = open_snapshot(folder)
        return _Base(snapshot.mirror, snapshot.files, True)
    return _Base(folder, {}, True)


def _note(journal: IO[str], name: str, entry: Entry) -> None:
    """Say that a file is in place, for the backup after this one if it is interrupted."""
    journal.write(json.dumps({"name": name, **asdict(entry)}) + "\n")
    journal.flush()


def _read_journal(folder: Path) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    # The last line may be half of one.
    with suppress(OSError, ValueError, KeyError, TypeError):
        for line in (folder / _JOURNAL).read_text(encoding="utf-8").splitlines():
            item = json.loads(line)
            source = as_stamp(item["source"])
            found[item["name"]] = Entry(item["size"], item["sha256"], item["mode"], source)
    return found


def _free_name(destination: Path, created: datetime) -> Path:
    base = f"{created:%Y%m%dT%H%M%SZ}"
    names = (f"{base}-{number}" if number else base for number in range(1000))
    return next(destination / name for name in names if not (destination / name).exists())


def _prune(destination: Path, keep: int) -> list[str]:
    removed = []
    for folder in snapshot_folders(destination)[max(keep, 1) :]:
        trash = destination / f"{_TRASH}{uuid.uuid4().hex}"
        folder.rename(trash)
        shutil.rmtree(trash, ignore_errors=True)
        removed.append(folder.name)
    return removed


def _current(home: Home) -> str | None:
    from orchestration.release import POINTER

    with suppress(OSError):
        return (home.releases / POINTER).read_text(encoding="utf-8").strip() or None
    return None


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("akuttkjede")
    except PackageNotFoundError:
        return "unknown"
