"""Delimited text."""

from __future__ import annotations

import csv
import io

import polars as pl

from ingestion.errors import FileRefusedError
from ingestion.readers.raw import ROW_NUMBER, ROW_UNREADABLE, RawFile, check_header, numbered
from ingestion.sources.spec import SourceSpec


def read_csv(payload: bytes, spec: SourceSpec, renames: dict[str, str]) -> RawFile:
    """Read delimited UTF-8 text into text columns; empty fields are null.

    Raises:
        FileRefusedError: no header, or a mapped column missing or doubled.
    """
    header, body = _split_header(payload, spec)
    names = [renames.get(name, name) for name in header]
    check_header(names, spec)
    wanted = [index for index, name in enumerate(names) if name in set(spec.raw_columns())]
    try:
        frame = pl.read_csv(
            io.BytesIO(body),
            has_header=False,
            new_columns=None,
            separator=spec.format.delimiter,
            infer_schema=False,
            schema={f"column_{index}": pl.String for index in range(len(names))},
            columns=wanted,
            raise_if_empty=False,
        )
    except pl.exceptions.PolarsError:
        return _read_tolerant(body, names, spec)
    frame = frame.rename({f"column_{index}": names[index] for index in wanted})
    return RawFile(numbered(frame, spec))


def _split_header(payload: bytes, spec: SourceSpec) -> tuple[list[str], bytes]:
    start = 0
    line = b""
    for _ in range(spec.format.header_row):
        end = payload.find(b"\n", start)
        end = len(payload) if end < 0 else end
        line = payload[start:end]
        start = end + 1
    text = line.decode("utf-8").rstrip("\r")
    header = next(csv.reader([text], delimiter=spec.format.delimiter), [])
    if not any(name.strip() for name in header):
        raise FileRefusedError("FILE_EMPTY", "filen har ingen overskrift", "there is no header")
    return [name.strip() for name in header], payload[start:]


def _read_tolerant(body: bytes, names: list[str], spec: SourceSpec) -> RawFile:
    """Row by row, so that one broken row is rejected alone. Slow, and only for broken files."""
    wanted = [(index, name) for index, name in enumerate(names) if name in set(spec.raw_columns())]
    rows: list[list[str | None]] = []
    numbers: list[int] = []
    unreadable: list[int] = []
    reader = csv.reader(
        io.StringIO(body.decode("utf-8"), newline=""), delimiter=spec.format.delimiter
    )
    number = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            number += 1
            unreadable.append(number)
            continue
        if not row:
            continue
        number += 1
        if len(row) != len(names):
            unreadable.append(number)
            continue
        rows.append([row[index] or None for index, _ in wanted])
        numbers.append(number)
    schema = {name: pl.String for _, name in wanted}
    frame = numbered(pl.DataFrame(rows, schema=schema, orient="row"), spec)
    return RawFile(
        frame.with_columns(pl.Series(ROW_NUMBER, numbers, dtype=pl.Int64)),
        tuple((n, ROW_UNREADABLE) for n in unreadable),
    )
