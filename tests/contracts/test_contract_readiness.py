"""The fields readiness is measured on: read from the contracts, and known to the warehouse."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from contracts import CONTRACTS
from contracts.export.readiness import (
    NOT_MEASURED,
    field_of_rule,
    fields_of,
    presence_condition,
    sql_of,
)
from contracts.lineage import LINEAGE

STAGING = Path(__file__).parents[2] / "dbt_project" / "models" / "staging"
MODELS = {
    "call": "calls",
    "alarm": "alarms",
    "video_session": "video_sessions",
    "lat_request": "lat_requests",
    "lat_readiness": "lat_readiness",
}


def columns_read(contract: str) -> set[str]:
    """Columns of a contract that the warehouse reads."""
    text = (STAGING / f"stg_lake__{MODELS[contract]}.sql").read_text("utf-8")
    return set(re.findall(r"'(\w+)': '(?:string|timestamp|boolean|integer)'", text))


@pytest.mark.parametrize("contract", CONTRACTS)
def test_measured_fields_are_those_the_warehouse_reads(contract: str) -> None:
    measured, read = (
        {field.name for field in fields_of(CONTRACTS[contract])},
        columns_read(contract),
    )
    assert measured <= read
    assert read - measured - set(LINEAGE) <= NOT_MEASURED[contract]


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_presence_rule_of_a_measured_field_has_its_condition(contract: str) -> None:
    fields = {field.rule: field for field in fields_of(CONTRACTS[contract]) if field.rule}
    absent = {
        rule.code
        for rule in CONTRACTS[contract].rules
        if rule.code.endswith("_ABSENT") and rule.kind == "missing"
    }
    assert set(fields) == absent
    assert all(field.expected and not field.is_wanted for field in fields.values())


def test_conditions_as_sql() -> None:
    rule = CONTRACTS["alarm"].rule("ALARM_AT_SCENE_ABSENT")
    condition = presence_condition(rule.holds())
    assert condition == "(mission_type = 'ACUTE' and cancelled_at is null)"
    assert presence_condition(CONTRACTS["call"].rule("CALL_ENDED_ABSENT").holds()) == "true"
    either = (pl.col("a") != "x") | ~pl.col("b").is_not_null()
    assert sql_of(either) == "(a <> 'x' or not (b is not null))"


def test_other_rules_are_not_taken_for_presence_rules() -> None:
    rule = CONTRACTS["call"].rule("CALL_ANSWERED_UNEXPECTED")
    with pytest.raises(ValueError, match="not a presence rule"):
        presence_condition(rule.holds())


@pytest.mark.parametrize(
    ("contract", "code", "field"),
    [
        ("call", "CALL_OUTCOME_UNKNOWN_CODE", "outcome"),
        ("call", "CALL_ANSWERED_OUT_OF_ORDER", "answered_at"),
        ("call", "CALL_KEY_REPEATED", "*"),
        ("alarm", "ALARM_TIME_IN_FUTURE", "*"),
        ("alarm", "ALARM_STATUS_BATCH_PRESSED", "*"),
    ],
)
def test_rules_name_their_field(contract: str, code: str, field: str) -> None:
    assert field_of_rule(CONTRACTS[contract], code) == field
