"""Planted values in files of any kind: text, Parquet, DuckDB, SQLite, workbooks, archives.

Shares no code with the detectors: digits of every script are folded here again.
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from tests.personal.plant import HOST, Planted

_RUN = re.compile(r"[0-9](?:[^0-9A-Za-z\n\"'<>{}]{0,5}[0-9]){7,12}(?![0-9])")
_SOLID = re.compile(r"(?<![0-9])[0-9]{8,13}(?![0-9])")


def found_in(text: str, planted: Planted) -> Counter[str]:
    """How many planted values, and values put nowhere, a text holds."""
    folded = _folded(text)
    counts: Counter[str] = Counter()
    if HOST in folded.casefold():
        counts["email"] += folded.casefold().count(HOST)
    numbers = {match[0] for match in _SOLID.finditer(folded)}
    numbers |= {re.sub("[^0-9]", "", match[0]) for match in _RUN.finditer(folded)}
    for number in numbers:
        candidates = {number[at : at + 11] for at in range(len(number) - 10)}
        candidates |= {number.zfill(11)} if len(number) == 10 else set()
        phones = {number[-8:]} if len(number) in (8, 10, 12) else set()
        counts["identity"] += len(candidates & planted.identity)
        counts["identity, put nowhere"] += len(candidates & planted.other_identity)
        counts["phone"] += len(phones & planted.phones)
        counts["phone, put nowhere"] += len(phones & planted.other_phones)
    return +counts


def _folded(text: str) -> str:
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.digit(c)) if unicodedata.digit(c, None) is not None else c
        for c in unicodedata.normalize("NFKC", text)
        if unicodedata.category(c) != "Cf"
    )


def texts_of(path: Path) -> Iterator[str]:
    """All texts of a file, opened as what it is."""
    yield path.name
    match path.suffix:
        case ".parquet":
            yield from _parquet(path)
        case ".duckdb":
            yield from _duckdb(path)
        case ".zip" | ".xlsx":
            yield from _archive(path.read_bytes())
        case _:
            yield path.read_bytes().decode("utf-8", errors="replace")


def _parquet(path: Path) -> Iterator[str]:
    file = pq.ParquetFile(path)
    yield str(file.schema_arrow)
    yield str(file.metadata.metadata)
    for batch in file.iter_batches():
        for column in batch.columns:
            values = column.unique() if column.type.num_fields == 0 else column
            yield "\n".join(str(value) for value in values.to_pylist() if value is not None)


def _duckdb(path: Path) -> Iterator[str]:
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "select database_name, schema_name, table_name from duckdb_tables()"
        ).fetchall()
        for table in tables:
            name = ".".join(f'"{part}"' for part in table)
            for column in connection.execute(f"describe {name}").fetchall():
                rows = connection.execute(
                    f'select distinct cast("{column[0]}" as varchar) from {name}'
                ).fetchall()
                yield "\n".join(value for (value,) in rows if value is not None)


def _archive(data: bytes) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.namelist():
            yield member
            yield archive.read(member).decode("utf-8", errors="replace")
