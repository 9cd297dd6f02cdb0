"""The record fields that readiness is measured on, as a dbt macro: what should be there, and when.

Presence rules are read from the contract's own expressions and written as SQL, so the warehouse
counts expected values by the very condition that the intake warns by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from contracts.contract import Contract
from contracts.record import Record

# Fields no KPI and no link depends on: how well they are filled says nothing about a figure.
NOT_MEASURED: dict[str, frozenset[str]] = {
    "call": frozenset({"queue_enter_at"}),
    "alarm": frozenset(
        {
            "mission_id",
            "station_id",
            "acknowledged_at",
            "at_patient_at",
            "handover_at",
            "cancel_reason",
            "scene_urban",
        }
    ),
    "video_session": frozenset({"opened_at", "consented_at"}),
    "lat_request": frozenset(),
    "lat_readiness": frozenset(),
}

# What figures are made from although no presence rule asks for it: filled in as far as possible.
WANTED: dict[str, dict[str, pl.Expr | None]] = {
    "call": {
        "caller_pseudonym": (pl.col("direction") == "INBOUND")
        & (pl.col("service_line") != "ADMIN")
        & (pl.col("service_line") != "OTHER")
    },
    "alarm": {
        "scene_municipality_code": None,
        "result": pl.col("cancelled_at").is_null(),
    },
    "video_session": {},
    "lat_request": {
        "resource_id": None,
        "at_scene_at": pl.col("outcome") == "COMPLETED",
        "landed_at": (pl.col("outcome") != "DECLINED") & (pl.col("vehicle") != "CAR"),
        "mission_type": pl.col("outcome") != "DECLINED",
        "patients": pl.col("outcome") == "COMPLETED",
    },
    "lat_readiness": {
        name: (pl.col("state") == "OFF") | (pl.col("state") == "REDUCED")
        for name in ("reason", "attribution")
    },
}

WHOLE_ROW = "*"
_OPERATORS = {"Eq": "=", "NotEq": "<>", "And": "and", "Or": "or", "Gt": ">", "GtEq": ">="}


@dataclass(frozen=True)
class Field:
    """One field of a record that readiness is measured on.

    Attributes:
        rule: code of the presence rule, where the contract has one.
        expected: SQL predicate: the rows in which the field should have a value; empty for none.
        is_wanted: expected by figures only, not by the contract.
    """

    name: str
    kind: str
    rule: str
    expected: str
    is_wanted: bool


def fields_of(contract: Contract) -> tuple[Field, ...]:
    """The measured fields of a contract, in its order."""
    common = {name for name in Record.__annotations__ if not name.startswith("_")}
    skipped = common | NOT_MEASURED[contract.name]
    wanted = WANTED[contract.name]
    rules = {
        rule.columns[0]: rule
        for rule in contract.warning_rules
        if rule.kind == "missing" and rule.code.endswith("_ABSENT")
    }
    fields = []
    for name, column in contract.columns.items():
        if name in skipped:
            continue
        rule, expected = rules.get(name), ""
        if rule is not None:
            expected = presence_condition(rule.holds())
        elif name in wanted:
            condition = wanted[name]
            expected = "true" if condition is None else sql_of(condition)
        fields.append(
            Field(
                name,
                column.kind,
                rule.code if rule else "",
                expected,
                rule is None and expected != "",
            )
        )
    return tuple(fields)


def presence_condition(assertion: pl.Expr) -> str:
    """The SQL of W in an assertion `value is there, or not W`; `true` without one."""
    tree = _tree(assertion)
    if "BinaryExpr" not in tree:
        return "true"
    body = tree["BinaryExpr"]
    if body["op"] == "Or" and "Function" in body["right"]:
        name, condition = _function(body["right"])
        if name == "Not":
            return _sql(condition)
    raise ValueError(f"not a presence rule: {assertion}")


def sql_of(expression: pl.Expr) -> str:
    """A plain comparison expression as SQL."""
    return _sql(_tree(expression))


def _tree(expression: pl.Expr) -> Any:
    return json.loads(expression.meta.serialize(format="json"))


def _function(node: Mapping[str, Any]) -> tuple[str, Any]:
    body = node["Function"]
    name = body["function"]["Boolean"]
    return str(name), body["input"][0]


def _sql(node: Mapping[str, Any]) -> str:
    (kind, body), *others = node.items()
    if others:
        raise ValueError(f"unexpected expression: {node}")
    match kind:
        case "Column":
            return str(body)
        case "Literal":
            ((_, value),) = body["Scalar"].items()
            return f"'{value}'" if isinstance(value, str) else str(value).lower()
        case "BinaryExpr":
            left, right = _sql(body["left"]), _sql(body["right"])
            operator = _OPERATORS[body["op"]]
            text = f"{left} {operator} {right}"
            return f"({text})" if operator in ("and", "or") else text
        case "Function":
            name, argument = _function(node)
            endings = {"IsNull": "is null", "IsNotNull": "is not null"}
            inner = _sql(argument)
            return f"not ({inner})" if name == "Not" else f"{inner} {endings[name]}"
        case _:
            raise ValueError(f"no SQL for {kind}")


def readiness_macro(contracts: Sequence[Contract]) -> str:
    """The macro file `readiness_fields.sql`."""
    lines = [
        "{#- Generated from the contract classes (`akutt contract export`): the fields that",
        "    readiness is measured on. expected = rows in which the field should have a value;",
        "    is_wanted = only figures ask for it, no rule of the contract does. -#}",
        "{% macro readiness_fields() %}",
        "{{ return({",
    ]
    for contract in contracts:
        lines.append(f"    '{contract.name}': [")
        for field in fields_of(contract):
            flag = "true" if field.is_wanted else "false"
            lines.append(
                f"        {{'name': '{field.name}', 'kind': '{field.kind}', 'rule': '{field.rule}',"
            )
            lines.append(f"         'expected': \"{field.expected}\", 'is_wanted': {flag}}},")
        lines.append("    ],")
    lines += ["}) }}", "{% endmacro %}", ""]
    return "\n".join(lines)


def field_of_rule(contract: Contract, code: str) -> str:
    """The one field a rule is about; `*` for rules about a whole row."""
    rule = contract.rule(code)
    name = rule.columns[0]
    stem = contract.columns[name].stem
    return name if code.startswith(f"{contract.prefix}_{stem}_") else WHOLE_ROW
