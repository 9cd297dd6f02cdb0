"""JSON lines: one object a line, nested fields named by dotted paths."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.readers.raw import ROW_NUMBER, ROW_UNREADABLE, RawFile, numbered, refuse_missing
from ingestion.sources.spec import SourceSpec

Tree = dict[str, Any]


def read_jsonl(payload: bytes, spec: SourceSpec, renames: dict[str, str]) -> RawFile:
    """Read JSON lines into text columns named by dotted path; absent fields are null.

    Raises:
        FileRefusedError: a mapped field occurs nowhere in the file.
    """
    raw_name = {new: old for old, new in renames.items()}
    paths = {name: raw_name.get(name, name).split(".") for name in spec.raw_columns()}
    check_fields(payload, spec, paths)
    schema = _schema(paths)
    try:
        nested = pl.read_ndjson(io.BytesIO(payload), schema=schema)
    except pl.exceptions.PolarsError:
        return _read_tolerant(payload, paths, spec)
    return RawFile(
        numbered(nested.select(_field(path, name) for name, path in paths.items()), spec)
    )


def read_jsonl_files(files: Sequence[Path], spec: SourceSpec) -> list[RawFile] | None:
    """Read several plain JSON lines files at once, on all cores; twice as fast as one by one.

    The contents must have passed `to_utf8` and `check_fields`. Returns None when any file cannot be
    read this way (a broken line, say), so that the caller reads them one by one.
    """
    import duckdb

    if any(set("*?[]") & set(str(path)) for path in files):
        return None
    paths = plain_paths(spec)
    columns = ", ".join(
        f"{_quoted(name)}: '{_sql_type(child)}'" for name, child in _tree(paths).items()
    )
    fields = ", ".join(
        f"{'.'.join(map(_quoted, path))} as {_quoted(name)}" for name, path in paths.items()
    )
    with duckdb.connect() as connection:
        try:
            table = connection.sql(
                f"select {fields}, filename as _path from read_json(?, "
                f"format='newline_delimited', columns={{{columns}}}, filename=true)",
                params=[[str(path) for path in files]],
            ).to_arrow_table()
        except duckdb.Error:
            return None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    parts = {
        str(key[0]): part
        for key, part in frame.partition_by("_path", as_dict=True, include_key=False).items()
    }
    empty = frame.drop("_path").clear()
    return [RawFile(numbered(parts.get(str(path), empty), spec)) for path in files]


def check_fields(payload: bytes, spec: SourceSpec, paths: dict[str, list[str]]) -> None:
    """Refuse a file in which a mapped field occurs nowhere (an empty one says nothing)."""
    if not payload.strip():
        return
    refuse_missing(
        name
        for name in spec.required_raw_columns()
        if any(f'"{part}"'.encode() not in payload for part in paths[name])
    )


def plain_paths(spec: SourceSpec) -> dict[str, list[str]]:
    """The dotted path of every mapped field, split."""
    return {name: name.split(".") for name in spec.raw_columns()}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sql_type(tree: Tree | None) -> str:
    if tree is None:
        return "VARCHAR"
    fields = ", ".join(f"{_quoted(name)} {_sql_type(child)}" for name, child in tree.items())
    return f"STRUCT({fields})".replace("'", "''")


def _tree(paths: dict[str, list[str]]) -> Tree:
    tree: Tree = {}
    for path in paths.values():
        node = tree
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = None
    return tree


def _schema(paths: dict[str, list[str]]) -> dict[str, pl.DataType]:
    return {name: _dtype(child) for name, child in _tree(paths).items()}


def _dtype(tree: Tree | None) -> pl.DataType:
    if tree is None:
        return pl.String()
    return pl.Struct({name: _dtype(child) for name, child in tree.items()})


def _field(path: list[str], name: str) -> pl.Expr:
    expr = pl.col(path[0])
    for part in path[1:]:
        expr = expr.struct.field(part)
    return expr.alias(name)


def _text(record: Any, path: list[str]) -> str | None:
    for part in path:
        if not isinstance(record, dict):
            return None
        record = record.get(part)
    if record is None or isinstance(record, dict | list):
        return None
    if isinstance(record, bool):
        return "true" if record else "false"
    return str(record)


def _read_tolerant(payload: bytes, paths: dict[str, list[str]], spec: SourceSpec) -> RawFile:
    """Line by line, so that one broken line is rejected alone. Slow, and only for broken files."""
    rows: list[list[str | None]] = []
    numbers: list[int] = []
    unreadable: list[int] = []
    lines = (line for line in payload.decode("utf-8").split("\n") if line.strip())
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            unreadable.append(number)
            continue
        rows.append([_text(record, path) for path in paths.values()])
        numbers.append(number)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(paths, pl.String), orient="row")
    return RawFile(
        numbered(frame, spec).with_columns(pl.Series(ROW_NUMBER, numbers, dtype=pl.Int64)),
        tuple((n, ROW_UNREADABLE) for n in unreadable),
    )
