"""The rules of Data Package 2.0 and Table Schema 2.0 that a folder of ours has to keep.

Written from the published standard (https://datapackage.org/standard/), because its own checker is
not among the dependencies: required properties, types and patterns of the profiles, and for
tables what the schema says about the rows.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

FIELD_TYPES = {
    "string", "number", "integer", "date", "time", "datetime", "year", "yearmonth", "boolean",
    "object", "geopoint", "geojson", "array", "duration", "list", "any",
}  # fmt: skip
CONSTRAINTS = {
    "required", "unique", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "jsonSchema", "pattern", "enum",
}  # fmt: skip
POLARS_TYPES = {
    "string": (pl.String,),
    "integer": (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt32, pl.UInt64, pl.Int128),
    "number": (pl.Float64, pl.Float32, pl.Decimal),
    "boolean": (pl.Boolean,),
    "date": (pl.Date,),
    "datetime": (pl.Datetime,),
}
READ = {
    "integer": int,
    "number": float,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "boolean": {"true": True, "false": False}.__getitem__,
}


def problems(folder: Path) -> list[str]:
    """Everything in which the folder breaks the standard or its own description."""
    package = json.loads((folder / "datapackage.json").read_text("utf-8"))
    found = _of_package(package)
    resources = {resource["name"]: resource for resource in package["resources"]}
    if len(resources) != len(package["resources"]):
        found.append("resource names are not unique")
    for resource in package["resources"]:
        found += [f"{resource['name']}: {text}" for text in _of_resource(folder, resource)]
    for name, resource in resources.items():
        for reference in resource.get("schema", {}).get("foreignKeys", []):
            other = resources.get(reference["reference"]["resource"])
            if other is None:
                found.append(f"{name}: refers to a resource that is not there")
                continue
            own = _keys(folder, resource, reference["fields"])
            there = _keys(folder, other, reference["reference"]["fields"])
            lost = {key for key in own if None not in key} - there
            if lost:
                found.append(f"{name}: {reference['fields']} not in {other['name']}: {lost}")
    return found


def _of_package(package: dict[str, Any]) -> list[str]:
    found = []
    if not package.get("$schema", "").startswith("https://datapackage.org/profiles/2"):
        found.append("$schema names no profile")
    if not isinstance(package.get("resources"), list) or not package["resources"]:
        found.append("no resources")
    if not re.fullmatch(r"[-a-z0-9._/]+", package.get("name", "")):
        found.append("name is no slug")
    try:
        datetime.fromisoformat(package["created"])
    except (KeyError, ValueError):
        found.append("created is no RFC 3339 time")
    for item in package.get("sources", []):
        if not item.get("title"):
            found.append("a source without title")
    return found


def _of_resource(folder: Path, resource: dict[str, Any]) -> list[str]:
    found = []
    path = resource.get("path", "")
    if not re.fullmatch(r"[-a-z0-9._/]+", resource["name"]):
        found.append("name is no slug")
    if not path or path.startswith(("/", "~")) or ".." in path:
        return [*found, "path is not relative"]
    data = (folder / path).read_bytes()
    if resource.get("bytes") != len(data):
        found.append("bytes differ")
    if resource.get("hash") != f"sha256:{hashlib.sha256(data).hexdigest()}":
        found.append("hash differs")
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", resource.get("mediatype", "")):
        found.append("no media type")
    if resource.get("type", "table") != "table":
        found.append("type is not table")
    if "schema" in resource:
        if resource.get("type") != "table":
            found.append("a schema, but no table")
        found += _of_schema(resource["schema"])
        found += _of_rows(folder, resource)
    return found


def _of_schema(schema: dict[str, Any]) -> list[str]:
    found = []
    names = [field.get("name") for field in schema.get("fields", [])]
    if not names or len(set(names)) != len(names):
        found.append("no fields, or twice the same")
    for field in schema["fields"]:
        if field.get("type") not in FIELD_TYPES:
            found.append(f"{field['name']}: type {field.get('type')}")
        if set(field.get("constraints", {})) - CONSTRAINTS:
            found.append(f"{field['name']}: unknown constraint")
    if set(schema.get("primaryKey", [])) - set(names):
        found.append("primary key of unknown fields")
    for key in schema.get("foreignKeys", []):
        if set(key["fields"]) - set(names) or len(key["fields"]) != len(key["reference"]["fields"]):
            found.append("a foreign key of unknown fields")
    if not all(isinstance(value, str) for value in schema.get("missingValues", [])):
        found.append("missing values that are not text")
    return found


def _of_rows(folder: Path, resource: dict[str, Any]) -> list[str]:
    found = []
    fields = resource["schema"]["fields"]
    path = folder / resource["path"]
    if resource["format"] == "parquet":
        stored = pl.read_parquet_schema(path)
        if list(stored) != [field["name"] for field in fields]:
            return ["fields are not the columns"]
        found += [
            f"{field['name']}: {stored[field['name']]} is no {field['type']}"
            for field in fields
            if field["type"] in POLARS_TYPES
            and not isinstance(stored[field["name"]], POLARS_TYPES[field["type"]])
        ]
    rows = _rows(folder, resource)
    for index, field in enumerate(fields):
        column = {row[index] for row in rows}
        constraints = field.get("constraints", {})
        if constraints.get("required") and None in column:
            found.append(f"{field['name']}: missing where required")
        values = column - {None}
        if "enum" in constraints and values - set(constraints["enum"]):
            found.append(f"{field['name']}: {values - set(constraints['enum'])} not allowed")
        if "maximum" in constraints and any(value > constraints["maximum"] for value in values):
            found.append(f"{field['name']}: above the maximum")
        if "minimum" in constraints and any(value < constraints["minimum"] for value in values):
            found.append(f"{field['name']}: below the minimum")
    key = resource["schema"].get("primaryKey")
    if key:
        keys = _key_rows(folder, resource, key)
        if len(keys) != len(set(keys)):
            found.append("the primary key is not unique")
    return found


def _rows(folder: Path, resource: dict[str, Any]) -> list[tuple[Any, ...]]:
    path = folder / resource["path"]
    if resource["format"] == "parquet":
        return pl.read_parquet(path).rows()
    fields = resource["schema"]["fields"]
    with path.open(encoding=resource["encoding"], newline="") as handle:
        reader = csv.reader(handle, delimiter=resource["dialect"]["delimiter"])
        header = next(reader)
        assert header == [field["name"] for field in fields], path
        missing = set(resource["schema"]["missingValues"])
        readers = [READ.get(field["type"], str) for field in fields]
        return [
            tuple(
                None if cell in missing else read(cell)
                for cell, read in zip(row, readers, strict=True)
            )
            for row in reader
        ]


def _key_rows(folder: Path, resource: dict[str, Any], key: list[str]) -> list[tuple[Any, ...]]:
    names = [field["name"] for field in resource["schema"]["fields"]]
    at = [names.index(name) for name in key]
    return [tuple(row[index] for index in at) for row in _rows(folder, resource)]


def _keys(folder: Path, resource: dict[str, Any], key: list[str]) -> set[tuple[Any, ...]]:
    return {
        tuple(str(part) if part is not None else None for part in row)
        for row in _key_rows(folder, resource, key)
    }
