"""JSON Schema (draft 2020-12): one record as a JSON object."""

from __future__ import annotations

import json
from typing import Any

from contracts.columns import Column
from contracts.contract import Contract
from contracts.export.types import type_names

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(contract: Contract) -> str:
    """The schema of one record as JSON text.

    It covers names, types, required values and code lists; rules across columns are listed in the
    dictionary and judged by `evaluate`.
    """
    columns = contract.columns.values()
    document = {
        "$schema": DRAFT,
        "$id": f"urn:akuttkjede:{contract.name}",
        "title": contract.title_en,
        "description": contract.description_en,
        "x-title-nb": contract.title_nb,
        "x-description-nb": contract.description_nb,
        "type": "object",
        "properties": {column.name: _property(column) for column in columns},
        "required": [column.name for column in columns if column.required],
        "additionalProperties": False,
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _property(column: Column) -> dict[str, Any]:
    names = type_names(column.dtype)
    found: dict[str, Any] = {"type": names.json if column.required else [names.json, "null"]}
    if names.json_format is not None:
        found["format"] = names.json_format
    if column.codes is not None:
        found["enum"] = [*column.codes, *([] if column.required else [None])]
    if column.default is not None:
        found["default"] = column.default
    found["description"] = column.description_en
    found["x-description-nb"] = column.description_nb
    found["x-kind"] = column.kind
    found["x-privacy"] = column.privacy
    if column.unit is not None:
        found["x-unit"] = column.unit
    return found
