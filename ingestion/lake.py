"""The lake: immutable batch folders that are there whole or not at all.

`lake/<contract>/<batch_id>/` holds `accepted.parquet` and `rejected.parquet` (each only when it has
rows) and `receipts.json`, which says for every delivery in the batch what became of its rows.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl

from contracts import CONTRACTS

ACCEPTED = "accepted.parquet"
REJECTED = "rejected.parquet"
RECEIPTS = "receipts.json"
WITHDRAWN = "withdrawn.parquet"
REPEATS = "repeated_files.json"
_ASIDE = ".aside-"
# Lineage column: the source within which the ids of a row are unique; null where that is the
# whole source system.
KEY_SCOPE = "_key_scope"


@dataclass(frozen=True)
class Receipt:
    """What became of one delivery. `rows_read = accepted + rejected + exact_duplicates`, always.

    Attributes:
        status: `accepted` (its rows were judged one by one) or `refused` (whole, see refusal).
        left_out: records that the source's own filter says are not of this source; where only
            what is in quarantine was judged again, how many of those rows these are.
        warnings, rejections: number of rows per rule code.
        warning_columns: of warnings about what stands in columns, rows per raw column.
        first_rows: per rule code, the number of the first row it stands on.
        null_counts: empty values per contract column among the accepted rows.
        covered_dates: the days of a file that covers several; empty for a file of one day.
        new_columns: column names of the file that no earlier delivery of the source had.
        replay_of: batch whose rejects this receipt judges again, under a corrected map.
    """

    source: str
    contract: str
    file_name: str
    file_id: str
    size_bytes: int
    mtime_ns: int
    delivered_on: str | None
    status: Literal["accepted", "refused"]
    map_version: str
    ingested_at: str
    refusal_code: str | None = None
    refusal_nb: str | None = None
    refusal_en: str | None = None
    rows_read: int = 0
    accepted: int = 0
    rejected: int = 0
    exact_duplicates: int = 0
    left_out: int = 0
    warnings: dict[str, int] = field(default_factory=dict)
    rejections: dict[str, int] = field(default_factory=dict)
    first_rows: dict[str, int] = field(default_factory=dict)
    null_counts: dict[str, int] = field(default_factory=dict)
    first_event_date: str | None = None
    last_event_date: str | None = None
    replay_of: str | None = None
    ctime_ns: int | None = None
    manifest: str | None = None
    new_columns: list[str] = field(default_factory=list)
    covered_dates: list[str] = field(default_factory=list)
    warning_columns: dict[str, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        accounted = self.accepted + self.rejected + self.exact_duplicates
        if self.rows_read != accounted:
            raise ValueError(
                f"{self.file_name}: {self.rows_read} rows read, {accounted} accounted for"
            )


@dataclass(frozen=True)
class Batch:
    """One batch ready to be written; `withdrawn` is what it takes back (`ingestion.withdrawal`)."""

    contract: str
    batch_id: str
    accepted: pl.DataFrame
    rejected: pl.DataFrame
    receipts: list[Receipt]
    withdrawn: pl.DataFrame | None = None


def write_batch(lake: Path, batch: Batch) -> Path:
    """Write a batch aside, sync it, and rename it into place. A batch already there is kept.

    Batch ids are made from content, so writing the same batch twice is a no-op.
    """
    target = lake / batch.contract / batch.batch_id
    if target.exists():
        return target
    aside = lake / batch.contract / f"{_ASIDE}{batch.batch_id}-{os.getpid()}"
    aside.mkdir(parents=True)
    if batch.accepted.height:
        batch.accepted.write_parquet(
            aside / ACCEPTED, compression="zstd", compression_level=1, row_group_size=250_000
        )
    if batch.rejected.height:
        batch.rejected.write_parquet(aside / REJECTED, compression="zstd", compression_level=1)
    if batch.withdrawn is not None:
        batch.withdrawn.write_parquet(aside / WITHDRAWN, compression="zstd")
    text = json.dumps([asdict(receipt) for receipt in batch.receipts], ensure_ascii=False, indent=1)
    (aside / RECEIPTS).write_text(text, "utf-8")
    for path in aside.iterdir():
        _sync(path)
    _sync(aside)
    try:
        aside.rename(target)
    except OSError:
        # Another run wrote the same batch in the meantime: same content, so theirs is as good.
        if not target.exists():
            raise
        shutil.rmtree(aside)
    _sync(target.parent)
    return target


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder, and needs no sync of it
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def note_repeats(lake: Path, stamps: set[tuple[str, str, int, int, int | None]]) -> None:
    """Remember files (source, name, size, times) whose content was taken in under another name.

    Only saves reading them again: without it they are found to be known once more.
    """
    if not stamps:
        return
    known = sorted(repeats(lake) | stamps, key=repr)
    aside = lake / f"{_ASIDE}{REPEATS}-{os.getpid()}"
    aside.write_text(json.dumps(known), "utf-8")
    aside.replace(lake / REPEATS)


def repeats(lake: Path) -> set[tuple[str, str, int, int, int | None]]:
    """The files `note_repeats` remembers."""
    try:
        entries = json.loads((lake / REPEATS).read_text("utf-8"))
    except (OSError, ValueError):
        return set()
    # Entries written before the last time was kept have four parts.
    padded = ([*entry, None][:5] for entry in entries)
    return {(source, name, size, mtime, ctime) for source, name, size, mtime, ctime in padded}


def sweep(lake: Path) -> int:
    """Remove what an interrupted run left aside; returns the number of folders removed."""
    leftovers = list(lake.glob(f"*/{_ASIDE}*"))
    for path in leftovers:
        shutil.rmtree(path, ignore_errors=True)
    return len(leftovers)


def batch_folders(lake: Path, contract: str | None = None) -> list[Path]:
    """Every batch folder, in contract and batch order."""
    names = [contract] if contract else list(CONTRACTS)
    return [path.parent for name in names for path in sorted((lake / name).glob(f"*/{RECEIPTS}"))]


def iter_receipts(lake: Path, contract: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """(batch id, receipt) of every delivery in the lake."""
    for folder in batch_folders(lake, contract):
        for receipt in json.loads((folder / RECEIPTS).read_text("utf-8")):
            yield folder.name, receipt


_RECEIPT_SCHEMA: dict[str, pl.DataType] = {
    "source": pl.String(),
    "contract": pl.String(),
    "file_name": pl.String(),
    "file_id": pl.String(),
    "batch_id": pl.String(),
    "delivered_on": pl.Date(),
    "status": pl.String(),
    "refusal_code": pl.String(),
    "refusal_nb": pl.String(),
    "refusal_en": pl.String(),
    "map_version": pl.String(),
    "rows_read": pl.Int64(),
    "accepted": pl.Int64(),
    "rejected": pl.Int64(),
    "exact_duplicates": pl.Int64(),
    "left_out": pl.Int64(),
    "warnings": pl.String(),
    "rejections": pl.String(),
    "first_rows": pl.String(),
    "null_counts": pl.String(),
    "covered_dates": pl.String(),
    "first_event_date": pl.Date(),
    "last_event_date": pl.Date(),
    "size_bytes": pl.Int64(),
    "ingested_at": pl.Datetime("us"),
    "replay_of": pl.String(),
}


def read_receipts(lake: Path, contract: str | None = None) -> pl.DataFrame:
    """Every receipt as a frame, one row per delivery and judgement.

    `warnings`, `rejections`, `first_rows` and `null_counts` are JSON objects of name to number,
    `covered_dates` is a JSON array.
    """
    rows = []
    for batch_id, receipt in iter_receipts(lake, contract):
        row: dict[str, Any] = {name: receipt.get(name) for name in _RECEIPT_SCHEMA}
        row["batch_id"] = batch_id
        for name in ("warnings", "rejections", "first_rows", "null_counts"):
            row[name] = json.dumps(receipt.get(name, {}), sort_keys=True)
        row["covered_dates"] = json.dumps(receipt.get("covered_dates", []))
        for name in ("delivered_on", "first_event_date", "last_event_date"):
            row[name] = dt.date.fromisoformat(row[name]) if row[name] else None
        row["ingested_at"] = dt.datetime.fromisoformat(row["ingested_at"])
        rows.append(row)
    return pl.DataFrame(rows, schema=_RECEIPT_SCHEMA)
