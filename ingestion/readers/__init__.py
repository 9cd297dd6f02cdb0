"""Readers: bytes of one delivery in, raw columns out. No meaning is given to a value here."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from ingestion.readers.container import unpack_members
from ingestion.readers.members import read_members
from ingestion.readers.raw import RawFile, marked_lost
from ingestion.readers.text import has_lost, to_utf8
from ingestion.sources.spec import SourceSpec

__all__ = ["RawFile", "read_bytes"]

# Formats whose `record_hash` can be compared between the members of an archive. In the others equal
# records of two members are rows alike, which is a warning, and not exact duplicates.
_HASHED_ACROSS = frozenset({"csv", "fixed"})


def read_bytes(data: bytes, spec: SourceSpec, day: dt.date) -> RawFile:
    """Read one delivery as its source says it is written.

    Args:
        data: the file as it was delivered.
        day: the delivery date, which decides between header variants.

    Raises:
        FileRefusedError: a file-level rule failed.
    """
    payloads = unpack_members(data, spec.format.compression, spec.format.members)
    if len(payloads) == 1:
        return _read(payloads[0], spec, day)
    return read_members(payloads, lambda payload: _member(payload, spec, day), spec)


def _member(payload: bytes, spec: SourceSpec, day: dt.date) -> RawFile:
    """One of several files of an archive. Hashes that hold within it alone are left out."""
    raw = _read(payload, spec, day, hashed=True)
    return raw if spec.format.type in _HASHED_ACROSS else replace(raw, record_hash=None)


def _read(payload: bytes, spec: SourceSpec, day: dt.date, *, hashed: bool = False) -> RawFile:
    """Read one file; `hashed`: with a `record_hash` even if no two of its records can be equal."""
    renames = spec.header_names(day)
    # A process that reads formats of one kind imports what those need.
    match spec.format.type:
        case "csv":
            from ingestion.readers.csv_file import read_csv

            text = to_utf8(payload, spec.format.encoding)
            raw = read_csv(text, spec, renames, hashed=hashed)
            return marked_lost(raw) if has_lost(text) else raw
        case "fixed":
            from ingestion.readers.fixed_file import read_fixed

            text = to_utf8(payload, spec.format.encoding)
            raw = read_fixed(text, spec, renames, hashed=hashed)
            return marked_lost(raw) if has_lost(text) else raw
        case "jsonl":
            from ingestion.readers.json_file import read_jsonl

            text = to_utf8(payload, spec.format.encoding)
            raw = read_jsonl(text, spec, renames)
            # Written as an escape the character is not in the text.
            return marked_lost(raw) if has_lost(text) or b"\\" in text else raw
        case "json":
            from ingestion.readers.json_file import read_json

            text = to_utf8(payload, spec.format.encoding, lines=False)
            return marked_lost(read_json(text, spec, renames))
        case "xml":
            from ingestion.readers.xml_file import read_xml

            # The document says itself how it is encoded.
            return marked_lost(read_xml(payload, spec, renames))
        case "xlsx" | "xls" | "ods":
            from ingestion.readers.workbook_file import read_workbook

            return marked_lost(read_workbook(payload, spec, renames))
        case "parquet":
            from ingestion.readers.parquet_file import read_parquet

            return marked_lost(read_parquet(payload, spec, renames))
