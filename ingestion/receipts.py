"""Receipts: per delivery, how many rows ended where, and why."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from contracts import Contract, Evaluation
from ingestion.delivery import FILE_INDEX, Delivery
from ingestion.errors import FileRefusedError
from ingestion.lake import Receipt
from ingestion.personal import Findings
from ingestion.readers.raw import ROW_NUMBER
from ingestion.sources.spec import SourceSpec


class Counts:
    """Per file: how many rows ended where, and why."""

    def __init__(
        self,
        raw: pl.DataFrame,
        outcome: Evaluation,
        accepted_mask: pl.Series,
        accepted: pl.DataFrame,
        duplicates: dict[int, int],
        contract: Contract,
    ) -> None:
        files = raw[FILE_INDEX]
        out = ~accepted_mask
        self.rejected = _tally(files.filter(out))
        self.accepted = _tally(accepted[FILE_INDEX])
        self.duplicates = duplicates
        self.rejections = {
            code: _tally(files.filter(mask)) for code, mask in outcome.row_failures.items()
        }
        self.warnings = {
            code: _tally(files.filter(mask & accepted_mask))
            for code, mask in outcome.warnings.items()
        }
        profile = accepted.group_by(FILE_INDEX).agg(
            pl.col(*contract.columns).null_count(),
            pl.col("event_date").min().alias("_first"),
            pl.col("event_date").max().alias("_last"),
        )
        self.first_rows = _first_rows(
            raw.select(FILE_INDEX, ROW_NUMBER),
            {
                **outcome.row_failures,
                **{code: mask & accepted_mask for code, mask in outcome.warnings.items()},
            },
        )
        self.profile = {row[FILE_INDEX]: row for row in profile.iter_rows(named=True)}
        self.covered = _covered_dates(accepted)


# A day with fewer rows than this share of the file's busiest has late rows, and is not covered.
_COVERED_SHARE = 0.1
# Calls that end after midnight and the like make a day's file touch its neighbours.
_DAYS_OF_A_DAILY_FILE = 2


def _covered_dates(accepted: pl.DataFrame) -> dict[int, list[str]]:
    """Per file that covers several days, those days; a file of one day covers its delivery date."""
    days = accepted.group_by(FILE_INDEX, "event_date").len()
    days = days.filter(pl.col("len") >= _COVERED_SHARE * pl.col("len").max().over(FILE_INDEX)).sort(
        FILE_INDEX, "event_date"
    )
    found: dict[int, list[str]] = {}
    for (index,), own in days.partition_by(FILE_INDEX, as_dict=True).items():
        if own.height > _DAYS_OF_A_DAILY_FILE:
            found[int(str(index))] = [day.isoformat() for day in own["event_date"]]
    return found


def _tally(files: pl.Series) -> dict[int, int]:
    return dict(files.value_counts().iter_rows())


def _first_rows(rows: pl.DataFrame, masks: dict[str, pl.Series]) -> dict[str, dict[int, int]]:
    """Per code and file, the first row that the code stands on."""
    return {
        code: dict(rows.filter(mask).group_by(FILE_INDEX).agg(pl.col(ROW_NUMBER).min()).iter_rows())
        for code, mask in masks.items()
    }


class ReceiptMaker:
    """Receipts of one source and run."""

    def __init__(self, spec: SourceSpec, ingested_at: dt.datetime) -> None:
        self._spec = spec
        self._ingested_at = ingested_at.replace(tzinfo=None).isoformat(timespec="microseconds")

    def refused(self, delivery: Delivery, error: FileRefusedError) -> Receipt:
        """The receipt of a delivery that could not be read or trusted at all."""
        return Receipt(**self._identity(delivery), **_refusal(error))

    def judged(
        self,
        delivery: Delivery,
        index: int,
        counts: Counts,
        distrust: FileRefusedError | None,
        warnings: Findings,
        rows_read: int,
    ) -> Receipt:
        """The receipt of a delivery whose rows were judged one by one.

        Args:
            index: the delivery's place among those judged together.
            distrust: why none of its rows is accepted all the same.
            warnings: what stands in raw columns that is personal.
            rows_read: the records that must be accounted for.
        """
        accepted = counts.accepted.get(index, 0)
        rejected = counts.rejected.get(index, 0) + len(delivery.broken)
        duplicates = counts.duplicates.get(index, 0)
        profile = counts.profile.get(index, {})
        rejections = _of_file(counts.rejections, index)
        first_rows = _of_file(counts.first_rows, index)
        for number, code in delivery.broken:
            rejections[code] = rejections.get(code, 0) + 1
            first_rows[code] = min(number, first_rows.get(code, number))
        for code, columns in warnings.items():
            first_rows[code] = min(found.first[0] for found in columns.values())
        columns_of = {
            code: {name: found.rows for name, found in columns.items()}
            for code, columns in warnings.items()
        }
        return Receipt(
            **self._identity(delivery),
            **(_refusal(distrust) if distrust else {"status": "accepted"}),
            rows_read=rows_read,
            accepted=accepted,
            rejected=rejected,
            exact_duplicates=duplicates,
            left_out=delivery.raw.left_out,
            warnings={
                **delivery.raw.findings,
                **_of_file(counts.warnings, index),
                **{code: sum(rows.values()) for code, rows in columns_of.items()},
            },
            warning_columns=columns_of,
            rejections=rejections,
            first_rows=first_rows,
            null_counts={
                name: count for name, count in profile.items() if not name.startswith("_") and count
            },
            first_event_date=_iso(profile.get("_first")),
            last_event_date=_iso(profile.get("_last")),
            covered_dates=counts.covered.get(index, []),
        )

    def _identity(self, delivery: Delivery) -> dict[str, Any]:
        return {
            "source": self._spec.name,
            "contract": self._spec.contract,
            "file_name": delivery.file_name,
            "file_id": delivery.file_id,
            "size_bytes": delivery.size_bytes,
            "mtime_ns": delivery.mtime_ns,
            "ctime_ns": delivery.ctime_ns,
            "delivered_on": _iso(delivery.delivered_on),
            "map_version": self._spec.map_version,
            "ingested_at": self._ingested_at,
            "replay_of": delivery.replay_of,
            "manifest": delivery.manifest,
        }


def _refusal(error: FileRefusedError) -> dict[str, Any]:
    return {
        "status": "refused",
        "refusal_code": error.code,
        "refusal_nb": error.detail_nb or None,
        "refusal_en": error.detail_en or None,
    }


def _of_file(tallies: dict[str, dict[int, int]], index: int) -> dict[str, int]:
    return {code: tally[index] for code, tally in tallies.items() if index in tally}


def _iso(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()
