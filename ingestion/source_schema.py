"""The JSON Schema of source files, for editors; committed as `ingestion/source.schema.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ingestion.sources.spec import SourceSpec

SCHEMA_PATH = Path(__file__).parent / "source.schema.json"


def source_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a source file, with plain renames allowed per column."""
    schema = SourceSpec.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    mapped = schema["properties"]["columns"]["additionalProperties"]
    # `column: Raw name` and `column: [a, b]` are short for `column: {from: ...}`.
    schema["properties"]["columns"]["additionalProperties"] = {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}},
            mapped,
        ]
    }
    for name in ("from", "format", "hash_of"):
        _allow_single(schema["$defs"]["ColumnMap"]["properties"][name])
    for name in ("where", "where_not"):
        _allow_single(schema["properties"][name]["additionalProperties"])
    return schema


def _allow_single(texts: dict[str, Any]) -> None:
    """One text may stand for a list of one."""
    items = {key: texts.pop(key) for key in ("type", "items")}
    texts["anyOf"] = [{"type": "string"}, items]


def schema_text() -> str:
    """The schema as it is committed."""
    return json.dumps(source_schema(), indent=2, ensure_ascii=False) + "\n"
