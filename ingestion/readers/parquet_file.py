"""Parquet: the one typed format. Types are kept; the mapping turns them into the contract's."""

from __future__ import annotations

import io

import polars as pl

from ingestion.errors import FileRefusedError
from ingestion.readers.raw import RawFile, check_header, numbered
from ingestion.sources.spec import SourceSpec


def read_parquet(payload: bytes, spec: SourceSpec, renames: dict[str, str]) -> RawFile:
    """Read the mapped columns of a Parquet file.

    Raises:
        FileRefusedError: not Parquet, or a mapped column missing.
    """
    try:
        names = list(pl.read_parquet_schema(io.BytesIO(payload)))
        check_header([renames.get(name, name) for name in names], spec)
        wanted = set(spec.raw_columns())
        columns = [name for name in names if renames.get(name, name) in wanted]
        frame = pl.read_parquet(io.BytesIO(payload), columns=columns)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FileRefusedError(
            "FILE_UNREADABLE", "ikke gyldig Parquet", "not valid Parquet"
        ) from error
    return RawFile(
        numbered(frame.rename({name: renames.get(name, name) for name in columns}), spec)
    )
