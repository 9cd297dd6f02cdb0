"""Parquet: typed columns, as text in one spelling; stamps alone stay stamps."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeVar

import polars as pl

from ingestion.errors import FileRefusedError, failure
from ingestion.readers.raw import (
    ROW_CELL_ERROR,
    ROW_VALUE_NESTED,
    RawFile,
    check_count,
    check_header,
    check_size,
    ids_recur,
    numbered,
    written_as,
)
from ingestion.readers.typed_text import as_text
from ingestion.sources.spec import SourceSpec

# Decoded, a column of few values repeated is much larger than this says; rows are capped for that.
MAX_UNPACKED_BYTES = 8 * 1024**3

T = TypeVar("T")


def read_parquet(payload: bytes, spec: SourceSpec, renames: dict[str, str]) -> RawFile:
    """Read the mapped columns of a Parquet file; a dotted name is a field of a struct.

    The records are counted by another library than the one that reads them, from the footer.

    Raises:
        FileRefusedError: not Parquet, a mapped column missing or doubled, more rows than a delivery
            can have, or other rows than the footer says.
    """
    counted = _footer(payload)
    schema = _whole(lambda: pl.read_parquet_schema(io.BytesIO(payload)))
    names = [renames.get(name, name) for name in schema]
    paths = {
        name: [path for text in written_as(name, renames) if (path := _path(text, schema))]
        for name in spec.raw_columns()
    }
    found = {name: some[0] for name, some in paths.items() if some}
    nested = [name for name, some in paths.items() for path in some if len(path) > 1]
    check_header([*names, *nested], spec)
    roots = list(dict.fromkeys(path[0] for path in found.values()))
    table = _whole(lambda: pl.read_parquet(io.BytesIO(payload), columns=roots))
    check_count(table.height, counted)
    values = [_field(table, path).alias(name) for name, path in found.items()]
    frame = numbered(pl.DataFrame(map(as_text, values)), spec)
    hashes = _hashes(payload) if ids_recur(frame, spec) else None
    return RawFile(frame, marks=_marks(values), record_hash=hashes, columns=tuple(names))


def _marks(values: list[pl.Series]) -> dict[str, list[int]]:
    """Per code, the rows that hold a list or a struct where a value should be, or no number."""
    rows: dict[str, set[int]] = {ROW_VALUE_NESTED: set(), ROW_CELL_ERROR: set()}
    for column in values:
        if column.dtype.is_nested() or column.dtype == pl.Object:
            rows[ROW_VALUE_NESTED].update(column.is_not_null().arg_true())
        elif column.dtype.is_float():
            rows[ROW_CELL_ERROR].update((~column.is_finite()).arg_true())
    return {code: [row + 1 for row in sorted(found)] for code, found in rows.items() if found}


def _whole(read: Callable[[], T]) -> T:
    """What the library reads. A damaged file makes it panic, and a panic is no `Exception`."""
    try:
        return read()
    except BaseException as error:
        # Its text may quote a value, so only the kind of the error is told.
        kind = failure(error)
    raise FileRefusedError(
        "FILE_UNREADABLE", f"ikke gyldig Parquet ({kind})", f"not valid Parquet ({kind})"
    )


def _footer(payload: bytes) -> int:
    """Rows by the footer, when they and the columns are no more than a delivery can have.

    Raises:
        FileRefusedError: FILE_UNREADABLE, FILE_COLUMN_DOUBLED or FILE_TOO_LARGE.
    """
    import pyarrow.parquet as pq

    metadata = _whole(lambda: pq.read_metadata(io.BytesIO(payload)))
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    rows = sum(int(group.num_rows) for group in groups)
    check_size(rows, metadata.num_columns)
    check_count(metadata.num_rows, rows)
    size = sum(group.total_byte_size for group in groups)
    if size > MAX_UNPACKED_BYTES:
        raise FileRefusedError(
            "FILE_TOO_LARGE", f"{size} byte utpakket", f"{size} bytes when unpacked"
        )
    return rows


def _path(name: str, schema: dict[str, pl.DataType]) -> list[str]:
    """The column, or the column and the fields within it, that a name means; empty if none."""
    if name in schema:
        return [name]
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        dtype: object = schema.get(".".join(parts[:cut]))
        for part in parts[cut:]:
            fields = dtype.fields if isinstance(dtype, pl.Struct) else []
            dtype = next((field.dtype for field in fields if field.name == part), None)
        if dtype is not None:
            return [".".join(parts[:cut]), *parts[cut:]]
    return []


def _field(table: pl.DataFrame, path: list[str]) -> pl.Series:
    values = table[path[0]]
    for part in path[1:]:
        values = values.struct.field(part)
    return values


def _hashes(payload: bytes) -> pl.Series:
    """What is equal for two rows that are equal in every column. The values stay in here."""
    table = _whole(lambda: pl.read_parquet(io.BytesIO(payload)))
    plain = (
        as_text(column) if column.dtype.is_nested() or column.dtype == pl.Object else column
        for column in table
    )
    return pl.DataFrame(list(plain)).hash_rows()
