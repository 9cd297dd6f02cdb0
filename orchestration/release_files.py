"""The files of a release: two formats side by side, what they say about themselves, checksums."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from orchestration import atomic, release_content
from orchestration.canonical import with_text
from reporting.audience import OPEN
from reporting.datapackage import write_package

DATABASE = "akutt.duckdb"
METADATA = "metadata.json"
CHECKSUMS = "checksums.json"
# Readable by DuckDB 1.2 and later, so an analyst's client need not be the newest.
STORAGE_VERSION = "v1.2.0"
_ZSTD_LEVEL = 1
_OWNER_READS, _OWNER_ENTERS = 0o600, 0o700
_INFO = ("release_id", "audience", "created_at", "content_hash", "is_synthetic")
_ON_EVERY_TABLE = ("release_id", "audience")


def write_files(
    folder: Path, tables: Mapping[str, pl.DataFrame], metadata: Mapping[str, Any]
) -> None:
    """Write a release into an empty folder; what is not for everyone is its owner's to read."""
    tables = {name: with_text(frame) for name, frame in tables.items()}
    # Both writers leave the interpreter free, so the two formats are written side by side.
    with ThreadPoolExecutor(1, thread_name_prefix="parquet") as pool:
        parquet = pool.submit(_write_parquet, folder, tables, metadata)
        _write_database(folder / DATABASE, tables, metadata)
        parquet.result()
    described = {folder / f"{name}.parquet": frame.schema for name, frame in tables.items()}
    write_package(folder, metadata, {**described, folder / DATABASE: None})
    atomic.write_json(folder / METADATA, metadata)
    files = sorted(path for path in folder.iterdir())
    atomic.write_json(folder / CHECKSUMS, {path.name: sha256(path) for path in files})
    for path in (*files, folder / CHECKSUMS):
        if metadata["audience"] != OPEN:
            path.chmod(_OWNER_READS)
        atomic.fsync_file(path)
    atomic.fsync_dir(folder)


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(_OWNER_ENTERS)


def _write_parquet(
    folder: Path, tables: Mapping[str, pl.DataFrame], metadata: Mapping[str, Any]
) -> None:
    for name, frame in tables.items():
        frame.write_parquet(
            folder / f"{name}.parquet",
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            metadata={name: str(metadata[name]) for name in _ON_EVERY_TABLE},
        )


def _write_database(
    path: Path, tables: Mapping[str, pl.DataFrame], metadata: Mapping[str, Any]
) -> None:
    import duckdb

    about = ", ".join(f"{name}: {metadata[name]}" for name in _ON_EVERY_TABLE)
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(
            f"attach '{_quoted(path)}' as release (storage_version '{STORAGE_VERSION}')"
        )
        for name, frame in tables.items():
            connection.register("incoming", frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
            connection.execute(f'create table release."{name}" as from incoming')
            connection.execute(f"""comment on table release."{name}" is '{about}'""")
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


def describe(tables: Mapping[str, pl.DataFrame], disclosed: Mapping[str, Any]) -> dict[str, Any]:
    """What a release says about its content."""
    values = tables["kpi_values"]
    return {
        "row_order": list(release_content.KPI_KEY),
        "tables": _shapes(tables),
        "cells": dict(
            values.group_by(pl.col("status").cast(pl.String)).len().sort("status").iter_rows()
        ),
        "period_start": _text(_days(values).min()),
        "period_end": _text(_days(values).max()),
        "source_coverage": release_content.coverage_summary(tables["data_coverage"]),
        "suppression": disclosed["policy"],
        "disclosure": disclosed["report"],
        "versions": _versions(("akuttkjede", "duckdb", "polars", "dbt-core", "dbt-duckdb")),
    }


def described_with(about: Mapping[str, Any], name: str, frame: pl.DataFrame) -> dict[str, Any]:
    """What a release says about its content, with one more table."""
    tables = {**about["tables"], **_shapes({name: frame})}
    return {**about, "tables": dict(sorted(tables.items()))}


def _shapes(tables: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, Any]]:
    return {
        name: {"rows": frame.height, "columns": frame.columns}
        for name, frame in sorted(tables.items())
    }


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _days(values: pl.DataFrame) -> pl.Series:
    """The days that have figures: longer periods begin before the data do."""
    return values.filter(pl.col("period_grain") == "day")["period_start"]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
