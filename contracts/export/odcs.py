"""Open Data Contract Standard v3: one document per record type."""

from __future__ import annotations

from typing import Any

from contracts.columns import Column
from contracts.contract import Contract
from contracts.export.types import type_names
from contracts.export.yaml_text import yaml_text
from contracts.rules import Rule, RuleKind

API_VERSION = "v3.0.1"
_KEY = ("source_system", "source_id", "revision")

_DIMENSION: dict[RuleKind, str] = {
    "missing": "completeness",
    "order": "consistency",
    "time": "accuracy",
    "batch": "accuracy",
    "code": "conformity",
    "parse": "conformity",
    "key": "uniqueness",
    "plausibility": "accuracy",
}


def odcs(contract: Contract) -> str:
    """The contract as an ODCS document."""
    return yaml_text(
        {
            "apiVersion": API_VERSION,
            "kind": "DataContract",
            "id": f"akuttkjede.{contract.name}",
            "name": contract.name,
            "version": contract.version,
            "status": "active",
            "domain": "akuttkjede",
            "description": {
                "purpose": contract.description_en,
                "limitations": "Timestamps are UTC. Rows that break a warning rule are kept and "
                "marked; no names, numbers or free text.",
                "customProperties": _custom(purposeNb=contract.description_nb),
            },
            "schema": [
                {
                    "name": contract.name,
                    "logicalType": "object",
                    "physicalType": "parquet",
                    "physicalName": f"lake/{contract.name}",
                    "businessName": contract.title_nb,
                    "description": contract.description_en,
                    "dataGranularityDescription": str(contract.model.__doc__),
                    "properties": [_property(column) for column in contract.columns.values()],
                    "quality": [_quality(rule) for rule in contract.rules],
                }
            ],
        }
    )


def _property(column: Column) -> dict[str, Any]:
    names = type_names(column.dtype)
    extra = {
        "descriptionNb": column.description_nb,
        "kind": column.kind,
        "unit": column.unit,
        "default": column.default,
        "codes": None if column.codes is None else list(column.codes),
    }
    key = (
        {"primaryKey": True, "primaryKeyPosition": _KEY.index(column.name) + 1}
        if column.name in _KEY
        else {}
    )
    return {
        "name": column.name,
        "logicalType": names.odcs,
        "physicalType": names.sql,
        **key,
        "required": column.required,
        "classification": column.privacy,
        "description": column.description_en,
        "customProperties": _custom(**{k: v for k, v in extra.items() if v is not None}),
    }


def _quality(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.code,
        "type": "custom",
        "engine": "pandera" if rule.level == "row" else "polars",
        "implementation": rule.code,
        "dimension": _DIMENSION[rule.kind],
        "severity": "error" if rule.level == "row" else "warning",
        "unit": "rows",
        "description": rule.message_en,
        "customProperties": _custom(
            level=rule.level,
            kind=rule.kind,
            columns=list(rule.columns),
            descriptionNb=rule.message_nb,
        ),
    }


def _custom(**properties: Any) -> list[dict[str, Any]]:
    return [{"property": name, "value": value} for name, value in properties.items()]
