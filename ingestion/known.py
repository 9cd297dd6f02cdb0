"""What the lake has judged of a source before, and what a delivery is compared with.

Only deliveries that were accepted are compared with: a refused one changes nothing for another.
"""

from __future__ import annotations

import datetime as dt
import functools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.delivery import Delivery
from ingestion.lake import WITHDRAWN, Batch, Receipt, batch_folders, iter_receipts, repeats
from ingestion.privacy import safe
from ingestion.sources.spec import SourceSpec

# A weekday's usual volume is told from so many of its latest deliveries.
_VOLUME_DAYS, _VOLUME_DAYS_LEAST = 8, 4
# Below this a day's number of rows is chance.
_VOLUME_LEAST = 50

# Name, size, time of the content and time of the entry: what a file is known by before it is read.
# The last is unknown (None) of files taken in before it was kept.
Stamp = tuple[str, int, int, int | None]


@dataclass
class Known:
    """What the lake has already judged of one source.

    Attributes:
        refused: name, content and manifest of refused and withdrawn files: the same content under
            another name, or with another manifest, is tried again, as that may have been what was
            wrong.
        manifests: the manifest of files that were refused for it, by what they are known by.
        volumes: rows per delivery date, of deliveries that were accepted.
        columns: every column name that an accepted delivery had.
    """

    stamps: set[Stamp] = field(default_factory=set)
    file_ids: set[str] = field(default_factory=set)
    refused: set[tuple[str, str, str | None]] = field(default_factory=set)
    manifests: dict[Stamp, str | None] = field(default_factory=dict)
    volumes: dict[dt.date, int] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)

    def has_file(self, stamp: Stamp, manifest: str | None) -> bool:
        """Whether a file of this name, size and times was judged, under the manifest it has now."""
        if stamp in self.manifests and self.manifests[stamp] != manifest:
            return False
        return stamp in self.stamps or (*stamp[:3], None) in self.stamps

    def has_content(self, delivery: Delivery) -> bool:
        """Whether this content was judged, under this name if it was refused."""
        return (
            delivery.file_id in self.file_ids
            or (delivery.file_name, delivery.file_id, delivery.manifest) in self.refused
        )

    def add(self, batch: Batch) -> None:
        """Remember what was judged."""
        for receipt in batch.receipts:
            if receipt.status == "refused":
                self.refused.add((receipt.file_name, receipt.file_id, receipt.manifest))
            else:
                self.file_ids.add(receipt.file_id)


def known_files(lake: Path) -> dict[str, Known]:
    """What the lake has judged, per source."""
    known: dict[str, Known] = {}
    # A file that was judged again counts once in its day's volume.
    rows: dict[tuple[str, str, str], int] = {}
    taken_back = _taken_back(lake)
    for batch, receipt in iter_receipts(lake):
        entry = known.setdefault(receipt["source"], Known())
        entry.stamps.add(_stamp(receipt))
        is_gone = (receipt["source"], batch, receipt["file_id"]) in taken_back
        if receipt["status"] == "refused" or is_gone:
            entry.refused.add((receipt["file_name"], receipt["file_id"], receipt.get("manifest")))
            if receipt["refusal_code"] == "FILE_MANIFEST_DIFFERS":
                entry.manifests[_stamp(receipt)] = receipt.get("manifest")
            continue
        entry.file_ids.add(receipt["file_id"])
        entry.columns.update(receipt.get("new_columns", ()))
        if receipt["delivered_on"] and receipt["replay_of"] is None:
            rows[receipt["source"], receipt["delivered_on"], receipt["file_id"]] = receipt[
                "rows_read"
            ]
    for (source, delivered_on, _), count in rows.items():
        volumes, day = known[source].volumes, dt.date.fromisoformat(delivered_on)
        volumes[day] = volumes.get(day, 0) + count
    for source, name, size, mtime, ctime in repeats(lake):
        known.setdefault(source, Known()).stamps.add((name, size, mtime, ctime))
    return known


def _taken_back(lake: Path) -> set[tuple[str, str, str]]:
    """Source, batch and file of what was withdrawn: under another name it is another delivery."""
    files = [folder / WITHDRAWN for folder in batch_folders(lake)]
    return {
        row
        for path in files
        if path.is_file()
        for row in pl.read_parquet(path, columns=["source", "batch_id", "file_id"])
        .select("source", "batch_id", "file_id")
        .iter_rows()
    }


def _stamp(receipt: dict[str, Any]) -> Stamp:
    return (
        receipt["file_name"],
        receipt["size_bytes"],
        receipt["mtime_ns"],
        receipt.get("ctime_ns"),
    )


def compared(batch: Batch, deliveries: Sequence[Delivery], spec: SourceSpec, known: Known) -> Batch:
    """The batch with what earlier deliveries say of its own; then these are known too.

    Args:
        deliveries: those of the batch, oldest first.
    """
    receipts = {receipt.file_id: receipt for receipt in batch.receipts}
    for delivery in deliveries:
        receipt = receipts[delivery.file_id]
        if receipt.status == "accepted":
            receipt = _with_volume(receipt, delivery.delivered_on, spec, known)
            receipts[delivery.file_id] = _with_new_columns(receipt, delivery.raw.columns, known)
    return replace(batch, receipts=[receipts[receipt.file_id] for receipt in batch.receipts])


def _with_volume(receipt: Receipt, day: dt.date | None, spec: SourceSpec, known: Known) -> Receipt:
    """Marked when the delivery has far fewer rows than is usual for its weekday.

    Senders without a manifest have no other way to see that half a day is missing. A second
    delivery of a day is a correction, and may be small.
    """
    if day is None:
        return receipt
    is_first = day not in known.volumes
    usual = _usual_rows(known.volumes, day) if is_first else None
    known.volumes[day] = known.volumes.get(day, 0) + receipt.rows_read
    if (
        usual is None
        or usual < _VOLUME_LEAST
        or receipt.rows_read >= spec.thresholds.min_volume_share * usual
    ):
        return receipt
    return _warned(receipt, "FILE_VOLUME_LOW", 1)


def _usual_rows(volumes: dict[dt.date, int], day: dt.date) -> float | None:
    """Median rows of the latest deliveries of the same weekday; None when they are too few."""
    weeks = (day - dt.timedelta(weeks=back) for back in range(1, 2 * _VOLUME_DAYS))
    rows = [volumes[week] for week in weeks if week in volumes][:_VOLUME_DAYS]
    return statistics.median(rows) if len(rows) >= _VOLUME_DAYS_LEAST else None


def _with_new_columns(receipt: Receipt, columns: Sequence[str], known: Known) -> Receipt:
    """With the column names that no earlier delivery had, and a mark if there are any.

    A sender that adds a column may have moved what was in another.
    """
    names = dict.fromkeys(map(_shown, columns))
    new = [name for name in names if name not in known.columns]
    is_first = not known.columns
    known.columns.update(new)
    receipt = replace(receipt, new_columns=new)
    return _warned(receipt, "FILE_COLUMN_ADDED", len(new)) if new and not is_first else receipt


@functools.lru_cache(maxsize=4096)
def _shown(column: str) -> str:
    return safe(column, 80)


def _warned(receipt: Receipt, code: str, count: int) -> Receipt:
    return replace(receipt, warnings={**receipt.warnings, code: count})
