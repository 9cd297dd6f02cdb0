"""Write the files of each day, in the order the rows come, and know where each fault ended up."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from ingestion.synthetic import xlsx
from ingestion.synthetic.clock import date_of
from ingestion.synthetic.wire import FORMATS, KEYS, Format, encode, header


@dataclass(frozen=True)
class FileEntry:
    """One file of the extract."""

    source: str
    day: str
    name: str
    rows: int
    size: int
    is_broken: bool = False


def file_name(source: str, day: int, suffix: str = "") -> str:
    """The name of a delivery."""
    tail = f"_{suffix}" if suffix else ""
    return f"{source}_{date_of(day).isoformat()}{tail}.{FORMATS[source].extension}"


def content(source: str, day: int, rows: pl.DataFrame, names: list[str] | None = None) -> bytes:
    """The bytes of one file."""
    form = FORMATS[source]
    names = header(source, day) if names is None else names
    match form.kind:
        case "xlsx":
            heads = [xlsx.header_row(list(form.group_row))] if form.group_row else []
            body = rows["_row"].to_list()
            return xlsx.workbook(form.sheet, [*heads, xlsx.header_row(names), *body])
        case "parquet":
            buffer = io.BytesIO()
            rows.write_parquet(buffer, compression="snappy", statistics=False)
            return buffer.getvalue()
        case "jsonl":
            buffer = io.BytesIO()
            rows.write_ndjson(buffer)
            return buffer.getvalue()
        case _:
            return _delimited(form, names, rows)


def _delimited(form: Format, names: list[str], rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    # Everything but the heading is ASCII in the CP1252 source, so the body needs no recoding.
    buffer.write((form.separator.join(names) + "\n").encode(form.encoding))
    rows.write_csv(buffer, include_header=False, separator=form.separator)
    data = buffer.getvalue()
    if form.extension.endswith(".gz"):
        return gzip.compress(data, compresslevel=3, mtime=0)
    return data


@dataclass
class Writer:
    """Keeps rows that belong in a file of a later month until that month is written."""

    inbox: Path
    waiting: dict[str, pl.DataFrame] = field(default_factory=dict)
    files: list[FileEntry] = field(default_factory=list)
    places: list[pl.DataFrame] = field(default_factory=list)

    def write(self, source: str, rows: pl.DataFrame, until_day: int) -> None:
        """Add rows and write all files up to and with a day."""
        encoded = encode(source, rows)
        if source in self.waiting:
            encoded = pl.concat([self.waiting.pop(source), encoded])
        encoded = encoded.sort("_delivered", "_rid", "_seq")
        days = encoded["_delivered"].to_numpy()
        due = int(np.searchsorted(days, until_day, side="right"))
        if due < encoded.height:
            self.waiting[source] = encoded.slice(due)
        encoded, days = encoded.slice(0, due), days[:due]
        (self.inbox / source).mkdir(parents=True, exist_ok=True)
        self._remember(source, encoded)
        body = encoded.drop(KEYS)
        starts = np.flatnonzero(np.r_[True, days[1:] != days[:-1]]) if due else np.empty(0, int)
        for start, end in zip(starts, [*starts[1:], due], strict=False):
            part = body.slice(int(start), int(end - start))
            self._put(source, int(days[start]), part)

    def _put(self, source: str, day: int, rows: pl.DataFrame) -> None:
        data = content(source, day, rows)
        name = file_name(source, day)
        (self.inbox / source / name).write_bytes(data)
        self.files.append(FileEntry(source, date_of(day).isoformat(), name, rows.height, len(data)))

    def _remember(self, source: str, encoded: pl.DataFrame) -> None:
        """Where rows with a finding stand: the file, and the number of the row in it."""
        numbered = encoded.select(
            *KEYS, (pl.int_range(pl.len()).over("_delivered") + 1).alias("row_number")
        )
        found = numbered.filter(pl.col("_fault").is_not_null())
        if found.height:
            names = {day: file_name(source, day) for day in found["_delivered"].unique()}
            self.places.append(
                found.with_columns(
                    pl.lit(source).alias("source"),
                    pl.col("_delivered")
                    .replace_strict(names, return_dtype=pl.String)
                    .alias("file_name"),
                )
            )
