"""Readers: bytes of one delivery in, raw columns out. No meaning is given to a value here."""

from __future__ import annotations

import datetime as dt

from ingestion.readers.container import unpack
from ingestion.readers.csv_file import read_csv
from ingestion.readers.json_file import read_json, read_jsonl
from ingestion.readers.parquet_file import read_parquet
from ingestion.readers.raw import RawFile
from ingestion.readers.text import to_utf8
from ingestion.readers.xlsx_file import read_xlsx
from ingestion.readers.xml_file import read_xml
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
        case "json":
            text = to_utf8(payload, spec.format.encoding, lines=False)
            return read_json(text, spec, renames)
        case "xml":
            # The document says itself how it is encoded.
            return read_xml(payload, spec, renames)
        case "xlsx":
            return read_xlsx(payload, spec, renames)
        case "parquet":
            return read_parquet(payload, spec, renames)
