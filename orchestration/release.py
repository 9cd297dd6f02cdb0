"""The release: what readers see. Written aside, synced, renamed into place, then pointed at.

A release is one folder, `releases/<release_id>/`, that never changes after its rename. The file
`releases/current` holds the id of the one that readers use; it is replaced in one step. A process
killed at any moment leaves either the old release current or the new one, and at worst a folder
whose name starts with a dot, which the next build removes.

Content is compared by hash: building again from the same warehouse makes nothing new. What may not
be seen was hidden before (`orchestration.disclosure`); a release that shows a small number all the
same is not made.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.lock import exclusive
from orchestration import atomic, release_content
from orchestration.canonical import hash_ordered, ordered, with_codes, with_text
from orchestration.disclosure.limits import shown_from
from orchestration.disclosure.step import read_info
from orchestration.suppression import HIDDEN_COLUMNS, SUPPRESSED, SuppressionPolicy, too_small
from reporting.datapackage import write_package
from reporting.reader import no_release

POINTER = "current"
HELD = "held"
DATABASE = "akutt.duckdb"
METADATA = "metadata.json"
CHECKSUMS = "checksums.json"
# Readable by DuckDB 1.2 and later, so an analyst's client need not be the newest.
STORAGE_VERSION = "v1.2.0"
DEFAULT_KEEP = 5
_ZSTD_LEVEL = 1
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


def build_release(
    warehouse: Path,
    releases_dir: Path,
    receipts: pl.DataFrame,
    *,
    keep: int = DEFAULT_KEEP,
    gate: Mapping[str, Any] | None = None,
    is_synthetic: bool = False,
    now: datetime | None = None,
) -> BuildResult:
    """Release the warehouse's KPIs; nothing new when the content is that of the current release.

    `is_synthetic`: the extracts were generated, and everything that is read from it says so.
    """
    with exclusive(releases_dir / ".lock", wait_seconds=_LOCK_WAIT_SECONDS, what="releases"):
        _remove_leftovers(releases_dir)
        disclosed = _disclosed(warehouse)
        policy = SuppressionPolicy.from_description(disclosed["policy"])
        tables = _releasable_tables(warehouse, receipts, policy)
        content_hash = hash_ordered(tables)
        settled = _already_released(releases_dir, content_hash)
        if settled is not None:
            return settled
        created_at = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
        release_id = _free_id(releases_dir, created_at, content_hash)
        aside = releases_dir / f".building-{uuid.uuid4().hex}"
        aside.mkdir(parents=True)
        identity = {
            "release_id": release_id,
            "created_at": created_at.isoformat(),
            "content_hash": content_hash,
            "is_synthetic": is_synthetic,
        }
        metadata = {**identity, **_metadata(tables, disclosed, gate)}
        _write_files(aside, tables, metadata)
        target = releases_dir / release_id
        aside.rename(target)
        atomic.fsync_dir(releases_dir)
        _point_at(releases_dir, release_id)
        (releases_dir / HELD).unlink(missing_ok=True)
        prune(releases_dir, keep)
        return BuildResult(release_id, target, content_hash, True, True, "new content")


def _already_released(releases_dir: Path, content_hash: str) -> BuildResult | None:
    """The existing release to stay with, or to point at, instead of making a new one."""
    current = _pointer(releases_dir)
    known = {info.release_id: info for info in list_releases(releases_dir)}
    if current in known and known[current].content_hash == content_hash:
        info = known[current]
        return BuildResult(current, info.path, content_hash, False, False, "content is unchanged")
    since = known[current].created_at if current in known else ""
    newer = [i for i in known.values() if i.content_hash == content_hash and i.created_at >= since]
    if not newer:
        return None
    info = newer[0]
    if content_hash in _held(releases_dir):
        reason = "this content was rolled back; it stays back until the content changes"
        return BuildResult(info.release_id, info.path, content_hash, False, False, reason)
    # Complete, but the process that made it was killed before it moved the pointer.
    problems = verify_release(releases_dir, info.release_id)
    if problems:
        _discard(info.path)
        return None
    _point_at(releases_dir, info.release_id)
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
        _point_at(releases_dir, target.release_id)
        return get_release(releases_dir)


def prune(releases_dir: Path, keep: int) -> list[str]:
    """Remove the oldest releases beyond `keep`; the current one always stays."""
    removed = []
    for info in list_releases(releases_dir)[max(keep, 1) :]:
        if not info.is_current:
            _discard(info.path)
            removed.append(info.release_id)
    return removed


def verify_release(releases_dir: Path, release_id: str | None = None) -> list[str]:
    """Everything wrong with a release: files, row counts, content hash, small numbers."""
    import duckdb

    info = get_release(releases_dir, release_id)
    checksums = atomic.read_json(info.path / CHECKSUMS)
    if not isinstance(checksums, dict):
        return [f"{CHECKSUMS} is missing or unreadable"]
    problems = []
    present = {path.name for path in info.path.iterdir()} - {CHECKSUMS}
    problems += [f"{name} is missing" for name in sorted(set(checksums) - present)]
    problems += [f"{name} is not part of the release" for name in sorted(present - set(checksums))]
    problems += [
        f"{name} has changed"
        for name in sorted(present & set(checksums))
        if _sha256(info.path / name) != checksums[name]
    ]
    if problems:
        return problems
    tables: dict[str, pl.DataFrame] = {}
    connection = duckdb.connect(str(info.path / DATABASE), read_only=True)
    try:
        for name, stated in info.metadata["tables"].items():
            tables[name] = pl.read_parquet(info.path / f"{name}.parquet")
            in_database = connection.execute(f'select count(*) from "{name}"').fetchall()
            counts = {"parquet": tables[name].height, "duckdb": in_database[0][0]}
            problems += [
                f"{name}: {count} rows in {where}, {stated['rows']} stated"
                for where, count in counts.items()
                if count != stated["rows"]
            ]
        values = connection.sql("select * from kpi_values").pl()
    finally:
        connection.close()
    policy = SuppressionPolicy.from_description(dict(info.metadata["suppression"]))
    problems += suppression_problems(values, tables["kpi_registry"], policy)
    order = info.metadata.get("row_order", release_content.FIRST_KPI_KEY)
    if hash_content(tables, order) != info.content_hash:
        problems.append("the content hash does not match the tables")
    if hash_content({"kpi_values": values}) != hash_content({"kpi_values": tables["kpi_values"]}):
        problems.append("kpi_values differs between Parquet and DuckDB")
    return problems


def suppression_problems(
    values: pl.DataFrame, registry: pl.DataFrame, policy: SuppressionPolicy
) -> list[str]:
    """Small numbers that are visible, and hidden cells that still carry a number."""
    keys = {name: values.schema[name] for name in ("kpi_id", "kpi_version")}
    kinds = release_content.kpi_kinds(registry).cast(keys, strict=False)
    joined = values.join(kinds, on=list(keys), how="left").with_columns(
        pl.col("status").cast(pl.String)
    )
    visible = joined.filter((pl.col("status") != SUPPRESSED) & too_small(policy)).height
    extreme = joined.filter(_shows_extreme(kinds, policy)).height
    hidden = joined.filter(pl.col("status") == SUPPRESSED)
    leaking = hidden.filter(pl.any_horizontal(pl.col(*HIDDEN_COLUMNS).is_not_null())).height
    return [
        *([f"{visible} cells show a small number"] if visible else []),
        *([f"{extreme} limits are too near single observations"] if extreme else []),
        *([f"{leaking} suppressed cells still carry a number"] if leaking else []),
    ]


def _shows_extreme(kinds: pl.DataFrame, policy: SuppressionPolicy) -> pl.Expr:
    """Limits of percentiles with too few observations beyond them."""
    percentiles = kinds.select("percentile", "sensitivity").drop_nulls("percentile").unique()
    found = pl.lit(False)
    for percentile, sensitivity in percentiles.sort(pl.all()).iter_rows():
        at_levels = policy.too_small[sensitivity].at
        elsewhere = ~pl.col("level").is_in(list(at_levels))
        places = [(pl.col("level") == level, level) for level in at_levels]
        for there, level in [(elsewhere, ""), *places]:
            beyond = policy.of(sensitivity, level).min_beyond_percentile
            here = there & (pl.col("percentile") == percentile)
            here &= pl.col("sensitivity") == sensitivity
            for side, least in zip(("lower", "upper"), shown_from(percentile, beyond), strict=True):
                found |= here & pl.col(side).is_not_null() & (pl.col("n") < least)
    return found


def hash_content(
    tables: Mapping[str, pl.DataFrame], kpi_key: Sequence[str] = release_content.KPI_KEY
) -> str:
    """A hash of what the tables say, whatever the order of their rows."""
    return hash_ordered(_in_order(tables, kpi_key))


def _in_order(
    tables: Mapping[str, pl.DataFrame], kpi_key: Sequence[str] = release_content.KPI_KEY
) -> dict[str, pl.DataFrame]:
    return {
        name: ordered(frame, release_content.key_of(name, frame, kpi_key))
        for name, frame in tables.items()
    }


def _disclosed(warehouse: Path) -> dict[str, Any]:
    if not warehouse.is_file():
        raise ReleaseError(f"Datavarehuset finnes ikke / there is no warehouse: {warehouse}")
    disclosed = read_info(warehouse)
    if not disclosed:
        raise ReleaseError(
            "Avsløringskontrollen er ikke kjørt / disclosure control has not been run."
        )
    return disclosed


def _releasable_tables(
    warehouse: Path, receipts: pl.DataFrame, policy: SuppressionPolicy
) -> dict[str, pl.DataFrame]:
    tables = release_content.with_safe_readiness(release_content.read_warehouse(warehouse), policy)
    values = tables["kpi_values"] = with_codes(tables["kpi_values"])
    unregistered = set(values["kpi_id"].unique()) - set(tables["kpi_registry"]["kpi_id"])
    if unregistered:
        raise ReleaseError(f"KPIs without an entry in the registry: {sorted(unregistered)}")
    problems = suppression_problems(values, tables["kpi_registry"], policy)
    if problems:
        raise ReleaseError("Små tall / small numbers: " + "; ".join(problems))
    tables["units"] = release_content.with_source_systems(
        tables["units"], values.with_columns(pl.col("level", "unit_id").cast(pl.String))
    )
    tables["kpi_sql"] = pl.DataFrame(_shipped_kpi_sql())
    tables |= release_content.coverage_tables(receipts, policy)
    return _in_order({name: with_codes(frame) for name, frame in tables.items()})


def _shipped_kpi_sql() -> tuple[dict[str, Any], ...]:
    """Rendered only where releases are made; listing them needs no registry."""
    from orchestration.registry.sql import shipped_kpi_sql

    return shipped_kpi_sql()


def _write_files(
    folder: Path, tables: Mapping[str, pl.DataFrame], metadata: Mapping[str, Any]
) -> None:
    tables = {name: with_text(frame) for name, frame in tables.items()}
    # Both writers leave the interpreter free, so the two formats are written side by side.
    with ThreadPoolExecutor(1, thread_name_prefix="parquet") as pool:
        parquet = pool.submit(_write_parquet, folder, tables)
        _write_database(folder / DATABASE, tables, metadata)
        parquet.result()
    described = {folder / f"{name}.parquet": frame.schema for name, frame in tables.items()}
    write_package(folder, metadata, {**described, folder / DATABASE: None})
    atomic.write_json(folder / METADATA, metadata)
    files = sorted(path for path in folder.iterdir())
    atomic.write_json(folder / CHECKSUMS, {path.name: _sha256(path) for path in files})
    for path in files:
        atomic.fsync_file(path)
    atomic.fsync_dir(folder)


def _write_parquet(folder: Path, tables: Mapping[str, pl.DataFrame]) -> None:
    for name, frame in tables.items():
        frame.write_parquet(
            folder / f"{name}.parquet", compression="zstd", compression_level=_ZSTD_LEVEL
        )


_INFO = ("release_id", "created_at", "content_hash", "is_synthetic")


def _write_database(
    path: Path, tables: Mapping[str, pl.DataFrame], metadata: Mapping[str, Any]
) -> None:
    import duckdb

    connection = duckdb.connect(":memory:")
    try:
        connection.execute(
            f"attach '{_quoted(path)}' as release (storage_version '{STORAGE_VERSION}')"
        )
        for name, frame in tables.items():
            connection.register("incoming", frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
            connection.execute(f'create table release."{name}" as from incoming')
            connection.unregister("incoming")
        connection.execute("create table release.release_info (name varchar, value varchar)")
        connection.executemany(
            "insert into release.release_info values (?, ?)",
            [[key, str(metadata[key])] for key in _INFO],
        )
        connection.execute("checkpoint release")
        connection.execute("detach release")
    finally:
        connection.close()


def _metadata(
    tables: Mapping[str, pl.DataFrame],
    disclosed: Mapping[str, Any],
    gate: Mapping[str, Any] | None,
) -> dict[str, Any]:
    values = tables["kpi_values"]
    return {
        "row_order": list(release_content.KPI_KEY),
        "tables": {
            name: {"rows": frame.height, "columns": frame.columns}
            for name, frame in sorted(tables.items())
        },
        "cells": dict(
            values.group_by(pl.col("status").cast(pl.String)).len().sort("status").iter_rows()
        ),
        "period_start": _text(_days(values).min()),
        "period_end": _text(_days(values).max()),
        "source_coverage": release_content.coverage_summary(tables["data_coverage"]),
        "suppression": disclosed["policy"],
        "disclosure": disclosed["report"],
        "gate": dict(gate or {}),
        "versions": _versions(("akuttkjede", "duckdb", "polars", "dbt-core", "dbt-duckdb")),
    }


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _free_id(releases_dir: Path, created_at: datetime, content_hash: str) -> str:
    base = f"{created_at:%Y%m%dT%H%M%SZ}-{content_hash[:8]}"
    candidates: Iterator[str] = (f"{base}-{i}" if i else base for i in range(1000))
    return next(name for name in candidates if not (releases_dir / name).exists())


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
    for leftover in (*releases_dir.glob(".building-*"), *releases_dir.glob(".trash-*")):
        shutil.rmtree(leftover, ignore_errors=True)
    for leftover in (*releases_dir.glob(f".{POINTER}.*"), *releases_dir.glob(f".{HELD}.*")):
        leftover.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _days(values: pl.DataFrame) -> pl.Series:
    """The days that have figures: longer periods begin before the data do."""
    return values.filter(pl.col("period_grain") == "day")["period_start"]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
