"""The truth folder: what was really the case, and what the pipeline should make of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from ingestion.synthetic.clock import date_of
from ingestion.synthetic.injection import ALL_FAULTS, Result
from ingestion.synthetic.reference import Reference

FAULT_COLUMNS = {
    "fault_kind": pl.String,
    "source": pl.String,
    "contract": pl.String,
    "file_name": pl.String,
    "row_number": pl.Int64,
    "source_id": pl.String,
    "record_id": pl.String,
    "revision": pl.Int32,
    "column": pl.String,
    "event_date": pl.Date,
    "expected_finding": pl.String,
    "treatment": pl.String,
}


@dataclass
class Truth:
    """Collects the records and findings of every month, and writes the truth at the end."""

    folder: Path
    ref: Reference
    seeds: Path
    start_day: int
    days: int
    found: list[pl.DataFrame] = field(default_factory=list)
    _writers: dict[str, pq.ParquetWriter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def add(self, contract: str, clean: pl.DataFrame, result: Result) -> None:
        """Take in a month of one contract."""
        self._write_records(contract, clean)
        records = clean.select("_rid", pl.col("source_id").alias("record_id"))
        found = (
            result.emitted.filter(pl.col("_fault").is_not_null())
            .select("_rid", "_seq", pl.col("_source").alias("source"), "source_id", "revision",
                    pl.col("_day").alias("event_date"))
            .join(records, on="_rid", how="left")
            .join(result.also, on="_rid", how="left")
            .with_columns(pl.lit(contract).alias("contract"))
        )
        self.found.append(found)

    def finish(self, places: list[pl.DataFrame], file_faults: pl.DataFrame) -> None:
        """Write what is known at the end."""
        for writer in self._writers.values():
            writer.close()
        self._write_faults(places, file_faults)

    def _write_records(self, contract: str, clean: pl.DataFrame) -> None:
        records = clean.select(
            pl.col(name).dt.cast_time_unit("us") if dtype == pl.Datetime else pl.col(name)
            for name, dtype in clean.schema.items()
            if not name.startswith("_")
        ).to_arrow()
        if contract not in self._writers:
            path = self.folder / f"records_{contract}.parquet"
            self._writers[contract] = pq.ParquetWriter(path, records.schema, compression="zstd")
        self._writers[contract].write_table(records)

    def _write_faults(self, places: list[pl.DataFrame], file_faults: pl.DataFrame) -> None:
        listed = [file_faults] if file_faults.height else []
        if places:
            listed.append(self._row_faults(pl.concat(places)))
        frame = pl.concat(listed, how="diagonal") if listed else pl.DataFrame()
        missing = [
            pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in FAULT_COLUMNS.items()
            if name not in frame.columns
        ]
        frame.with_columns(missing).select(
            pl.col(name).cast(dtype) for name, dtype in FAULT_COLUMNS.items()
        ).sort("source", "file_name", "row_number", "expected_finding").write_parquet(
            self.folder / "faults.parquet"
        )

    def _row_faults(self, places: pl.DataFrame) -> pl.DataFrame:
        table = pl.DataFrame(
            {
                "_fault": pl.Series(range(len(ALL_FAULTS)), dtype=pl.Int32),
                "fault_kind": [fault.kind for fault in ALL_FAULTS],
                "column": pl.Series([fault.column for fault in ALL_FAULTS], dtype=pl.String),
                "expected_finding": [fault.finding for fault in ALL_FAULTS],
                "treatment": [fault.treatment for fault in ALL_FAULTS],
            }
        )
        found = pl.concat(self.found)
        joined = places.join(found, on=["source", "_rid", "_seq"], how="left").join(
            table, on="_fault", how="left"
        )
        dates = {day: date_of(day) for day in joined["event_date"].unique()}
        joined = joined.with_columns(
            pl.col("event_date").replace_strict(dates, return_dtype=pl.Date)
        )
        # A row in the doubled hour may have a second finding: one line more.
        plain = joined.unique(["source", "_rid", "_seq"], maintain_order=True)
        second = joined.filter(pl.col("also").is_not_null()).with_columns(
            pl.col("also").alias("expected_finding")
        )
        return pl.concat([plain, second]).drop("also", "_rid", "_seq", "_delivered", "_fault")
