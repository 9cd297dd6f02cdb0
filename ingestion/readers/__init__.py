"""Readers: bytes of one delivery in, raw columns out. No meaning is given to a value here."""

from __future__ import annotations

import datetime as dt

from ingestion.readers.container import unpack
from ingestion.readers.csv_file import read_csv
from ingestion.readers.jsonl_file import read_jsonl
from ingestion.readers.parquet_file import read_parquet
from ingestion.readers.raw import RawFile
from ingestion.readers.text import to_utf8
from ingestion.readers.workbook_file import read_workbook
from ingestion.sources.spec import SourceSpec

__all__ = ["RawFile", "read_bytes"]


def read_bytes(data: bytes, spec: SourceSpec, day: dt.date) -> RawFile:
    """Read one delivery as its source says it is written.

    Args:
        data: the file as it was delivered.
        day: the delivery date, which decides between header variants.

    Raises:
        FileRefusedError: a file-level rule failed.
    """
    payload = unpack(data, spec.format.compression)
    renames = spec.header_names(day)
    match spec.format.type:
        case "csv":
            return read_csv(to_utf8(payload, spec.format.encoding), spec, renames)
        case "jsonl":
            return read_jsonl(to_utf8(payload, spec.format.encoding), spec, renames)
        case "xlsx" | "xls" | "ods":
            return read_workbook(payload, spec, renames)
        case "parquet":
            return read_parquet(payload, spec, renames)
