"""The release: what readers see. Written aside, synced, renamed into place, then pointed at.

A release is one folder, `releases/<release_id>/`, that never changes after its rename. The file
`releases/current` holds the id of the one that readers use; it is replaced in one step. A process
killed at any moment leaves either the old release current or the new one, and at worst a folder
whose name starts with a dot, which the next build removes. Every other audience has folders of the
same names in `audiences/<audience>/`, which only the owner may enter.

Content is compared by hash: building again from the same warehouse makes nothing new. What may not
be seen was hidden before (`orchestration.disclosure`); a release that shows a small number all the
same is not made.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.lock import exclusive
from orchestration import atomic, release_content, release_files
from orchestration.audiences import Audience
from orchestration.canonical import hash_ordered, with_codes
from orchestration.disclosure.step import read_info
from orchestration.release_check import in_order, problems_of, suppression_problems, to_pass_on
from orchestration.release_files import METADATA, make_private, write_files
from orchestration.suppression import SuppressionPolicy
from reporting.audience import FOLDER, OPEN, releases_of
from reporting.reader import NoReleaseError, no_release, open_release

POINTER = "current"
HELD = "held"
DEFAULT_KEEP = 5
# Of the table of what changed.
_CHANGES = {
    **dict.fromkeys(
        ("earlier_release", "kpi_id", "level", "period_grain", "change_kind", "change_reason"),
        pl.String,
    ),
    "cells": pl.Int64,
}
_LOCK_WAIT_SECONDS = 60.0


class ReleaseError(RuntimeError):
    """A release could not be made, found or verified; the message says why."""


@dataclass(frozen=True)
class ReleaseInfo:
    """One complete release on disk."""

    release_id: str
    path: Path
    created_at: str
    content_hash: str
    is_current: bool
    metadata: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class BuildResult:
    """What a build did. `created` is false when the content already is a release."""

    release_id: str
    path: Path
    content_hash: str
    created: bool
    published: bool
    reason: str


@dataclass(frozen=True)
class _Edition:
    """What one audience is to read: its tables in order, their hash, and where they go."""

    audience: str
    folder: Path
    tables: Mapping[str, pl.DataFrame] = field(repr=False)
    content_hash: str
    about: Mapping[str, Any]

    def has(self, release_id: str) -> bool:
        """Whether the release of this id is there, with this content."""
        metadata = atomic.read_json(self.folder / release_id / METADATA)
        return isinstance(metadata, dict) and metadata.get("content_hash") == self.content_hash


def build_release(
    warehouse: Path,
    releases_dir: Path,
    receipts: pl.DataFrame,
    *,
    audiences: Sequence[Audience] = (),
    keep: int = DEFAULT_KEEP,
    gate: Mapping[str, Any] | None = None,
    is_synthetic: bool = False,
    now: datetime | None = None,
) -> BuildResult:
    """Release the warehouse's KPIs; nothing new when the content is that of the current release.

    `open` and every other audience get a release with the same id, the open one last: where that
    is, the others are. `is_synthetic`: the extracts were generated, and all that is read says so.
    """
    with exclusive(releases_dir / ".lock", wait_seconds=_LOCK_WAIT_SECONDS, what="releases"):
        _remove_leftovers(releases_dir)
        editions = _editions(warehouse, releases_dir, receipts, audiences)
        settled = _already_released(releases_dir, editions)
        if settled is not None:
            return settled
        created_at = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
        release_id = _free_id(editions, created_at)
        for edition in map(_with_changes, editions):
            identity = {
                "release_id": release_id,
                "audience": edition.audience,
                "created_at": created_at.isoformat(),
                "content_hash": edition.content_hash,
                "is_synthetic": is_synthetic,
            }
            told = release_content.gate_for(edition.audience, gate or {})
            _write(edition, {**identity, **edition.about, "gate": told})
        for edition in editions:
            _point_at(edition.folder, release_id)
        (releases_dir / HELD).unlink(missing_ok=True)
        prune(releases_dir, keep)
        mine = editions[-1]
        path = mine.folder / release_id
        return BuildResult(release_id, path, mine.content_hash, True, True, "new content")


def _editions(
    warehouse: Path, releases_dir: Path, receipts: pl.DataFrame, audiences: Sequence[Audience]
) -> list[_Edition]:
    """What each audience is to read, the open one last."""
    disclosed = _disclosed(warehouse)
    policy = SuppressionPolicy.from_description(disclosed["policy"])
    found = []
    for audience in (*audiences, None):
        tables = _tables(warehouse, receipts, policy, audience)
        about = release_files.describe(tables, disclosed)
        if audience is not None:
            about |= {"sees": audience.describe()}
        name = audience.name if audience else OPEN
        folder = releases_of(releases_dir, name)
        found.append(_Edition(name, folder, tables, hash_ordered(tables), about))
    return found


def _with_changes(edition: _Edition) -> _Edition:
    """The edition with the table of what changed since the one that its audience reads now.

    A release that is the first, or cannot be compared with, has an empty one, and says so.
    """
    import duckdb

    from reporting.changes import TABLE, changes_to, counted

    before: str | None = _pointer(edition.folder)
    counts = pl.DataFrame(schema=_CHANGES)
    try:
        with open_release(edition.folder, str(before), edition.audience) as old:
            frame = changes_to(old, edition.tables, edition.about["period_end"])
            counts = counted(frame).select(pl.lit(before).alias("earlier_release"), pl.all())
    except (NoReleaseError, duckdb.Error):
        before = None
    about = release_files.described_with(edition.about, TABLE, counts)
    return replace(
        edition,
        tables={**edition.tables, TABLE: counts},
        about={**about, "changes_since": before},
    )


def _write(edition: _Edition, metadata: Mapping[str, Any]) -> None:
    """Write a release aside, and rename it into place."""
    if edition.audience != OPEN:
        make_private(edition.folder.parent)
        make_private(edition.folder)
    aside = edition.folder / f".building-{uuid.uuid4().hex}"
    aside.mkdir(parents=True)
    if edition.audience != OPEN:
        make_private(aside)
    write_files(aside, edition.tables, metadata)
    aside.rename(edition.folder / str(metadata["release_id"]))
    atomic.fsync_dir(edition.folder)


def _already_released(releases_dir: Path, editions: Sequence[_Edition]) -> BuildResult | None:
    """The existing release to stay with, or to point at, instead of making a new one."""
    current = _pointer(releases_dir)
    content_hash = editions[-1].content_hash
    known = {info.release_id: info for info in list_releases(releases_dir)}
    since = known[current].created_at if current in known else ""
    same = [i for i in known.values() if all(edition.has(i.release_id) for edition in editions)]
    if current in {info.release_id for info in same}:
        info = known[current]
        for edition in editions:
            if _pointer(edition.folder) != current:
                _point_at(edition.folder, current)
        return BuildResult(current, info.path, content_hash, False, False, "content is unchanged")
    newer = [info for info in same if info.created_at >= since]
    if not newer:
        return None
    info = newer[0]
    if content_hash in _held(releases_dir):
        reason = "this content was rolled back; it stays back until the content changes"
        return BuildResult(info.release_id, info.path, content_hash, False, False, reason)
    # Complete, but the process that made it was killed before it moved the pointer.
    if any(verify_release(edition.folder, info.release_id) for edition in editions):
        for edition in editions:
            _discard(edition.folder / info.release_id)
        return None
    for edition in editions:
        _point_at(edition.folder, info.release_id)
    return BuildResult(
        info.release_id, info.path, content_hash, False, True, "finished an interrupted release"
    )


def list_releases(releases_dir: Path) -> list[ReleaseInfo]:
    """All complete releases, newest first."""
    current = _pointer(releases_dir)
    found = []
    for folder in releases_dir.iterdir() if releases_dir.is_dir() else ():
        metadata = atomic.read_json(folder / METADATA) if folder.is_dir() else None
        if folder.name.startswith(".") or not isinstance(metadata, dict):
            continue
        found.append(
            ReleaseInfo(
                release_id=folder.name,
                path=folder,
                created_at=str(metadata.get("created_at", "")),
                content_hash=str(metadata.get("content_hash", "")),
                is_current=folder.name == current,
                metadata=metadata,
            )
        )
    return sorted(found, key=lambda info: (info.created_at, info.release_id), reverse=True)


def get_release(releases_dir: Path, release_id: str | None = None) -> ReleaseInfo:
    """One release by id (an unambiguous beginning is enough); the current one without id."""
    wanted = release_id or _pointer(releases_dir)
    if not wanted:
        raise ReleaseError(no_release(releases_dir))
    matching = [i for i in list_releases(releases_dir) if i.release_id.startswith(wanted)]
    exact = [i for i in matching if i.release_id == wanted]
    if len(exact or matching) != 1:
        which = "finnes ikke / does not exist" if not matching else "er flertydig / is ambiguous"
        raise ReleaseError(f"Utgivelse / release {wanted!r} {which}.")
    return (exact or matching)[0]


def rollback(releases_dir: Path, release_id: str | None = None) -> ReleaseInfo:
    """Point readers at an earlier release: the one before the current one unless told which.

    The content rolled back from is remembered, so that a nightly run on the same data does not
    quietly publish it again. The next run with other content publishes as usual.
    """
    with exclusive(releases_dir / ".lock", wait_seconds=_LOCK_WAIT_SECONDS, what="releases"):
        current = get_release(releases_dir)
        if release_id is None:
            earlier = [i for i in list_releases(releases_dir) if _is_newer(current, i)]
            if not earlier:
                raise ReleaseError(
                    "Det finnes ingen tidligere utgivelse. / There is no earlier release."
                )
            target = earlier[0]
        else:
            target = get_release(releases_dir, release_id)
        problems = verify_release(releases_dir, target.release_id)
        if problems:
            raise ReleaseError(
                f"{target.release_id} er skadet og tas ikke i bruk / is damaged and is not used: "
                + "; ".join(problems)
            )
        left = {i.content_hash for i in list_releases(releases_dir) if _is_newer(i, target)}
        atomic.write_text(releases_dir / HELD, "".join(f"{item}\n" for item in sorted(left)))
        for folder in _other_folders(releases_dir):
            if (folder / target.release_id / METADATA).is_file():
                _point_at(folder, target.release_id)
            else:  # made before there was such an audience
                (folder / POINTER).unlink(missing_ok=True)
        _point_at(releases_dir, target.release_id)
        return get_release(releases_dir)


def prune(releases_dir: Path, keep: int) -> list[str]:
    """Remove the oldest releases beyond `keep`; the current one always stays.

    Those of other audiences go with the open ones.
    """
    removed = []
    for info in list_releases(releases_dir)[max(keep, 1) :]:
        if not info.is_current:
            _discard(info.path)
            removed.append(info.release_id)
    left = {info.release_id for info in list_releases(releases_dir)}
    for folder in _other_folders(releases_dir):
        for info in list_releases(folder):
            if info.release_id not in left:
                _discard(info.path)
    return removed


def verify_release(releases_dir: Path, release_id: str | None = None) -> list[str]:
    """Everything wrong with a release: files, row counts, content hash, small numbers."""
    info = get_release(releases_dir, release_id)
    return problems_of(info.path, info.metadata)


def _other_folders(releases_dir: Path) -> list[Path]:
    """Where the releases of audiences other than `open` lie, of those that are no more too."""
    parent = releases_dir.parent / FOLDER
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []


def _disclosed(warehouse: Path) -> dict[str, Any]:
    if not warehouse.is_file():
        raise ReleaseError(f"Datavarehuset finnes ikke / there is no warehouse: {warehouse}")
    disclosed = read_info(warehouse)
    if not disclosed:
        raise ReleaseError(
            "Avsløringskontrollen er ikke kjørt / disclosure control has not been run."
        )
    report = disclosed.get("report", {})
    follow = report.get("audit", {}).get("recovered", 0) + report.get("unprotected", 0)
    if follow:
        raise ReleaseError(
            f"{follow} skjulte tall følger av andre; ingenting utgis. / "
            f"{follow} hidden numbers follow from others; nothing is released."
        )
    return disclosed


def _tables(
    warehouse: Path, receipts: pl.DataFrame, policy: SuppressionPolicy, audience: Audience | None
) -> dict[str, pl.DataFrame]:
    """The tables that an audience reads, the open one where none is named."""
    tables = release_content.read_warehouse(warehouse, audience)
    in_full = audience is not None and audience.sees_everything
    tables |= release_content.coverage_tables(receipts)
    tables = release_content.with_rough_counts(tables, policy, in_full=in_full)
    values = tables["kpi_values"] = with_codes(tables["kpi_values"])
    unregistered = set(values["kpi_id"].unique()) - set(tables["kpi_registry"]["kpi_id"])
    if unregistered:
        raise ReleaseError(f"KPIs without an entry in the registry: {sorted(unregistered)}")
    problems = suppression_problems(to_pass_on(values), tables["kpi_registry"], policy)
    if problems:
        raise ReleaseError("Små tall / small numbers: " + "; ".join(problems))
    tables["units"] = release_content.with_source_systems(
        tables["units"], values.with_columns(pl.col("level", "unit_id").cast(pl.String))
    )
    tables["kpi_sql"] = pl.DataFrame(_shipped_kpi_sql())
    return in_order({name: with_codes(frame) for name, frame in tables.items()})


def _shipped_kpi_sql() -> tuple[dict[str, Any], ...]:
    """Rendered only where releases are made; listing them needs no registry."""
    from orchestration.registry.sql import shipped_kpi_sql

    return shipped_kpi_sql()


def _free_id(editions: Sequence[_Edition], created_at: datetime) -> str:
    base = f"{created_at:%Y%m%dT%H%M%SZ}-{editions[-1].content_hash[:8]}"
    candidates: Iterator[str] = (f"{base}-{i}" if i else base for i in range(1000))
    folders = [edition.folder for edition in editions]
    return next(n for n in candidates if not any((folder / n).exists() for folder in folders))


def _pointer(releases_dir: Path) -> str:
    try:
        return (releases_dir / POINTER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _held(releases_dir: Path) -> set[str]:
    try:
        return set((releases_dir / HELD).read_text(encoding="utf-8").split())
    except FileNotFoundError:
        return set()


def _is_newer(one: ReleaseInfo, other: ReleaseInfo) -> bool:
    return (one.created_at, one.release_id) > (other.created_at, other.release_id)


def _point_at(releases_dir: Path, release_id: str) -> None:
    atomic.write_text(releases_dir / POINTER, release_id + "\n")


def _discard(folder: Path) -> None:
    """Take a release out of sight in one step, then delete it."""
    trash = folder.with_name(f".trash-{uuid.uuid4().hex}")
    try:
        folder.rename(trash)
    except PermissionError:
        return  # Windows: a reader has it open; the next build tries again
    shutil.rmtree(trash, ignore_errors=True)


def _remove_leftovers(releases_dir: Path) -> None:
    releases_dir.mkdir(parents=True, exist_ok=True)
    for folder in (releases_dir, *_other_folders(releases_dir)):
        for leftover in (*folder.glob(".building-*"), *folder.glob(".trash-*")):
            shutil.rmtree(leftover, ignore_errors=True)
        for leftover in (*folder.glob(f".{POINTER}.*"), *folder.glob(f".{HELD}.*")):
            leftover.unlink(missing_ok=True)
