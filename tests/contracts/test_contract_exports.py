"""The committed exports are what the models say, and valid in their own formats."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from contracts import CONTRACTS, FILE_RULES, LINEAGE
from contracts.export import EXPORTS, RULES_SEED, drift, render_all, write_all
from tests.contracts.contract_cases import CASES, COMMON, SAMPLES

ROOT = Path(__file__).parents[2]

# The parts of the ODCS v3.0 document structure that our documents use.
ODCS_STRUCTURE: dict[str, Any] = {
    "type": "object",
    "required": ["version", "apiVersion", "kind", "id", "status", "schema"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"enum": ["v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0"]},
        "kind": {"const": "DataContract"},
        "id": {"type": "string"},
        "name": {"type": "string"},
        "version": {"type": "string"},
        "status": {"enum": ["proposed", "draft", "active", "deprecated", "retired"]},
        "domain": {"type": "string"},
        "description": {
            "type": "object",
            "properties": {
                "purpose": {"type": "string"},
                "limitations": {"type": "string"},
                "usage": {"type": "string"},
                "customProperties": {"$ref": "#/$defs/custom"},
            },
            "additionalProperties": False,
        },
        "schema": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/object"}},
    },
    "$defs": {
        "custom": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["property", "value"],
                "properties": {"property": {"type": "string", "pattern": "^[a-z][A-Za-z]*$"}},
            },
        },
        "object": {
            "type": "object",
            "required": ["name", "properties"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string"},
                "logicalType": {"const": "object"},
                "physicalType": {"type": "string"},
                "physicalName": {"type": "string"},
                "businessName": {"type": "string"},
                "description": {"type": "string"},
                "dataGranularityDescription": {"type": "string"},
                "properties": {"type": "array", "items": {"$ref": "#/$defs/property"}},
                "quality": {"type": "array", "items": {"$ref": "#/$defs/quality"}},
            },
        },
        "property": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string"},
                "logicalType": {
                    "enum": ["string", "date", "number", "integer", "object", "array", "boolean"]
                },
                "physicalType": {"type": "string"},
                "primaryKey": {"type": "boolean"},
                "primaryKeyPosition": {"type": "integer"},
                "required": {"type": "boolean"},
                "classification": {"type": "string"},
                "description": {"type": "string"},
                "customProperties": {"$ref": "#/$defs/custom"},
            },
        },
        "quality": {
            "type": "object",
            "required": ["type", "engine", "implementation"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string"},
                "type": {"const": "custom"},
                "engine": {"type": "string"},
                "implementation": {"type": ["string", "object"]},
                "dimension": {
                    "enum": [
                        "accuracy",
                        "completeness",
                        "conformity",
                        "consistency",
                        "coverage",
                        "timeliness",
                        "uniqueness",
                    ]
                },
                "severity": {"enum": ["error", "warning"]},
                "unit": {"type": "string"},
                "description": {"type": "string"},
                "customProperties": {"$ref": "#/$defs/custom"},
            },
        },
    },
}


def committed(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def as_json(contract: str) -> dict[str, Any]:
    row = COMMON | SAMPLES[contract].row
    return {k: f"{v.isoformat()}Z" if isinstance(v, datetime) else v for k, v in row.items()}


def test_committed_exports_are_current() -> None:
    assert drift(ROOT) == []


def test_drift_sees_changed_absent_and_left_over_files(tmp_path: Path) -> None:
    assert len(drift(tmp_path)) == len(render_all())
    write_all(tmp_path)
    assert drift(tmp_path) == []

    (tmp_path / RULES_SEED).unlink()
    (tmp_path / EXPORTS / "dictionary.nb.md").write_text("x", encoding="utf-8")
    (tmp_path / EXPORTS / "odcs" / "old.odcs.yaml").write_text("x", encoding="utf-8")
    assert [line.split(":")[0] for line in drift(tmp_path)] == [
        f"{EXPORTS}/dictionary.nb.md",
        RULES_SEED,
        f"{EXPORTS}/odcs/old.odcs.yaml",
    ]
    write_all(tmp_path)
    assert drift(tmp_path) == []


@pytest.mark.parametrize("contract", CONTRACTS)
def test_odcs_document_has_the_standard_structure(contract: str) -> None:
    document = yaml.safe_load(committed(f"{EXPORTS}/odcs/{contract}.odcs.yaml"))
    Draft202012Validator(ODCS_STRUCTURE).validate(document)
    (table,) = document["schema"]
    assert [p["name"] for p in table["properties"]] == [*COMMON, *SAMPLES[contract].row]
    required = {p["name"] for p in table["properties"] if p["required"]}
    assert required == {*COMMON, *SAMPLES[contract].required}
    assert {q["name"] for q in table["quality"]} == {code for c, code in CASES if c == contract}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_json_schema_accepts_the_valid_row_and_refuses_bad_ones(contract: str) -> None:
    schema = json.loads(committed(f"{EXPORTS}/json_schema/{contract}.schema.json"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    row = as_json(contract)
    validator.validate(row)
    for name in (*COMMON, *SAMPLES[contract].required):
        with pytest.raises(ValidationError):
            validator.validate(row | {name: None})
        with pytest.raises(ValidationError):
            validator.validate({k: v for k, v in row.items() if k != name})
    for name in ("ts_quality", *SAMPLES[contract].codes):
        with pytest.raises(ValidationError):
            validator.validate(row | {name: "NO_SUCH_CODE"})
    with pytest.raises(ValidationError):
        validator.validate(row | {"note": "x"})


@pytest.mark.parametrize("contract", CONTRACTS)
def test_dbt_source_lists_record_and_lineage_columns(contract: str) -> None:
    document = yaml.safe_load(committed(f"{EXPORTS}/dbt/{contract}.yml"))
    (table,) = document["sources"][0]["tables"]
    assert table["name"] == contract
    names = [column["name"] for column in table["columns"]]
    assert names == [*COMMON, *SAMPLES[contract].row, *LINEAGE]
    assert all(column["description"] and column["data_type"] for column in table["columns"])


def test_rule_seed_has_every_code_once() -> None:
    rows = list(csv.DictReader(io.StringIO(committed(RULES_SEED))))
    header = ["code", "contract", "level", "kind", "field", "message_nb", "message_en"]
    assert [*rows[0]] == header
    codes = [row["code"] for row in rows]
    assert len(codes) == len(set(codes))
    assert set(codes) == {code for _, code in CASES} | {rule.code for rule in FILE_RULES}
    assert all(value for row in rows for value in row.values())


@pytest.mark.parametrize("language", ["nb", "en"])
def test_dictionary_names_every_column_code_and_rule(language: str) -> None:
    page = committed(f"{EXPORTS}/dictionary.{language}.md")
    for contract in CONTRACTS.values():
        for column in contract.columns.values():
            assert f"| `{column.name}` |" in page
            assert (column.description_nb if language == "nb" else column.description_en) in page
            for code in column.codes or ():
                assert f"| `{column.name}` | `{code}` |" in page
        for rule in contract.rules:
            assert f"| `{rule.code}` |" in page


def test_no_column_may_hold_what_must_never_be_stored() -> None:
    names = {name for contract in CONTRACTS.values() for name in contract.columns}
    words = ("name", "phone", "address", "latitude", "longitude", "text", "audio", "link_url")
    assert not [n for n in names for word in words if word in n.split("_")]
    assert CONTRACTS["call"].columns["caller_pseudonym"].privacy == "pseudonym"
