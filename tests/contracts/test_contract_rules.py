"""Every rule catches its bad row, and would not do so without its assertion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
import pytest

from contracts import CONTRACTS, FILE_RULES, ContractBreach, Rule, enforce, evaluate
from tests.contracts.contract_cases import (
    CASES,
    EXTRACT,
    FIRST_DATE,
    HOUR,
    SAMPLES,
    Row,
    at,
    bad_rows,
    frame,
)

ROW_CASES = [(c, code) for c, code in CASES if CONTRACTS[c].rule(code).level == "row"]


def failing(contract: str, rows: pl.DataFrame, level: str) -> set[str]:
    """The codes of one level that some row breaks."""
    outcome = evaluate(CONTRACTS[contract], rows)
    return set(outcome.row_failures if level == "row" else outcome.warnings)


def model_check_passes(contract: str, code: str, rows: pl.DataFrame) -> bool:
    """The verdict of the pandera check that carries the code, alone."""
    schema = CONTRACTS[contract].model.to_schema()
    check = next(check for check in schema.checks if check.name == code)
    return bool(check(rows.lazy()).check_passed.collect().item())


@contextmanager
def always_true(rule: Rule) -> Iterator[None]:
    """The rule with its assertion taken out."""
    original = rule.assertion
    object.__setattr__(rule, "assertion", lambda: pl.lit(True))
    try:
        yield
    finally:
        object.__setattr__(rule, "assertion", original)


@pytest.mark.parametrize("contract", SAMPLES)
def test_valid_row_breaks_nothing(contract: str) -> None:
    outcome = evaluate(CONTRACTS[contract], frame(contract))
    assert (outcome.row_failures, outcome.warnings) == ({}, {})
    assert outcome.accepted_mask.to_list() == [True]
    enforce(CONTRACTS[contract], frame(contract))


@pytest.mark.parametrize(("contract", "code"), CASES)
def test_bad_rows_break_exactly_their_rule(contract: str, code: str) -> None:
    changes = bad_rows(contract)[code]
    outcome = evaluate(CONTRACTS[contract], frame(contract, {}, *changes, {}))
    bad = [False, *(True for _ in changes), False]
    if CONTRACTS[contract].rule(code).level == "row":
        assert set(outcome.row_failures) == {code}
        assert outcome.row_failures[code].to_list() == bad
        assert outcome.accepted_mask.to_list() == [not is_bad for is_bad in bad]
    else:
        assert outcome.row_failures == {}
        assert set(outcome.warnings) == {code}
        assert outcome.warnings[code].to_list() == bad
        assert outcome.accepted_mask.all()


@pytest.mark.parametrize(("contract", "code"), ROW_CASES)
def test_gate_stops_row_faults(contract: str, code: str) -> None:
    changes = bad_rows(contract)[code]
    for change in changes:
        assert not model_check_passes(contract, code, frame(contract, {}, change))
    with pytest.raises(ContractBreach) as breach:
        enforce(CONTRACTS[contract], frame(contract, {}, changes[0]))
    # A null in a required column is stopped by the column itself, before the rules.
    column = CONTRACTS[contract].rule(code).columns[0]
    assert breach.value.finding in (code, f"{column}: not_nullable")


@pytest.mark.parametrize("contract", SAMPLES)
def test_gate_lets_warnings_through(contract: str) -> None:
    warned = [
        change
        for rule in CONTRACTS[contract].warning_rules
        for change in bad_rows(contract)[rule.code]
    ]
    enforce(CONTRACTS[contract], frame(contract, *warned))


@pytest.mark.parametrize(("contract", "code"), CASES)
def test_bad_rows_pass_without_the_assertion(contract: str, code: str) -> None:
    rule = CONTRACTS[contract].rule(code)
    rows = frame(contract, *bad_rows(contract)[code])
    assert code in failing(contract, rows, rule.level)
    with always_true(rule):
        assert code not in failing(contract, rows, rule.level)
        if rule.level == "row":
            assert model_check_passes(contract, code, rows)


def test_every_rule_has_a_bad_row_and_every_bad_row_a_rule() -> None:
    registered = {(name, rule.code) for name, c in CONTRACTS.items() for rule in c.rules}
    assert registered == set(CASES)
    assert all(bad_rows(contract)[code] for contract, code in CASES)


def test_codes_are_unique_and_well_formed() -> None:
    rules = [*FILE_RULES, *(rule for c in CONTRACTS.values() for rule in c.rules)]
    codes = [rule.code for rule in rules]
    assert len(codes) == len(set(codes))
    for rule in rules:
        assert rule.code == rule.code.upper()
        assert rule.message_nb.endswith(".") and rule.message_en.endswith(".")
        assert rule.message_nb != rule.message_en


@pytest.mark.parametrize("contract", CONTRACTS)
def test_rules_name_their_columns(contract: str) -> None:
    found = CONTRACTS[contract]
    for rule in found.rules:
        assert rule.code.startswith(f"{found.prefix}_")
        assert set(rule.columns) <= set(found.columns)
        read = set(rule.holds().meta.root_names()) - set(found.helpers)
        assert read <= set(rule.columns), rule.code
        if rule.code.endswith(("_MISSING", "_OUT_OF_ORDER", "_ABSENT", "_UNEXPECTED")):
            assert rule.columns[0] in rule.message_nb
            assert rule.columns[0] in rule.message_en


@pytest.mark.parametrize("contract", CONTRACTS)
def test_model_carries_the_same_rule_objects(contract: str) -> None:
    found = CONTRACTS[contract]
    schema = found.model.to_schema()
    assert [check.name for check in schema.checks] == [rule.code for rule in found.row_rules]
    assert found.rules is schema.metadata["rules"]


def test_file_rules_are_not_judged_on_rows() -> None:
    for rule in FILE_RULES:
        with pytest.raises(ValueError, match=rule.code):
            rule.holds()


@pytest.mark.parametrize("contract", SAMPLES)
def test_equal_stamps_are_in_order(contract: str) -> None:
    stamps = [name for name in SAMPLES[contract].stamps if name not in ("end_at", "cancelled_at")]
    change: Row = dict.fromkeys(stamps, at(0))
    if contract == "alarm":
        change["available_at"] = at(1)  # equal to at_scene_at is the batch press
    outcome = evaluate(CONTRACTS[contract], frame(contract, change))
    assert (outcome.row_failures, outcome.warnings) == ({}, {})


@pytest.mark.parametrize("contract", SAMPLES)
def test_optional_columns_may_be_null(contract: str) -> None:
    optional = {name: None for name, c in CONTRACTS[contract].columns.items() if not c.required}
    rows = frame(contract, optional)
    assert evaluate(CONTRACTS[contract], rows).row_failures == {}
    enforce(CONTRACTS[contract], rows)


@pytest.mark.parametrize("contract", SAMPLES)
def test_limits_of_plausible_time_are_inclusive(contract: str) -> None:
    for name in SAMPLES[contract].stamps:
        edge = SAMPLES[contract].row | {"extract_at": T_LATE - HOUR, "_first_date": FIRST_DATE}
        for value in (T_LATE, FIRST_DATE):
            change = edge | {name: value}
            assert not {
                code
                for code in failing(contract, frame(contract, change), "row")
                if code.endswith(("_IN_FUTURE", "_BEFORE_FIRST_DATE"))
            }


T_LATE = EXTRACT + HOUR


def test_planned_interval_may_end_after_the_extract() -> None:
    change = {"state": "PLANNED", "end_at": EXTRACT + 4 * HOUR}
    assert failing("lat_readiness", frame("lat_readiness", change), "row") == set()


def test_null_first_date_means_no_limit() -> None:
    change = {"ring_start_at": FIRST_DATE - HOUR, "_first_date": None}
    assert failing("call", frame("call", change), "row") == set()


@pytest.mark.parametrize(
    "change",
    [
        # A cancelled unit owes no stamps except that it is available again.
        {
            "cancelled_at": at(90),
            "result": "CANCELLED",
            "received_at": None,
            "en_route_at": None,
            "at_scene_at": None,
            "at_patient_at": None,
            "departed_at": None,
            "at_destination_at": None,
            "handover_at": None,
        },
        # Transport that is not an emergency response owes no response stamps.
        {
            "mission_type": "ORDERED",
            "result": "LEFT",
            "received_at": None,
            "en_route_at": None,
            "at_scene_at": None,
            "available_at": None,
        },
        # A cancelled unit may be at the scene and available in the same moment.
        {
            "cancelled_at": at(600),
            "at_scene_at": at(600),
            "available_at": at(600),
            "at_patient_at": None,
            "departed_at": None,
            "at_destination_at": None,
            "handover_at": None,
        },
    ],
)
def test_alarms_that_owe_nothing(change: Row) -> None:
    assert failing("alarm", frame("alarm", change), "warning") == set()


def test_several_faults_on_one_row_are_all_named() -> None:
    change = {"service_line": "X", "central_id": None, "menu_end_at": at(-1), "ended_at": None}
    outcome = evaluate(CONTRACTS["call"], frame("call", change))
    assert set(outcome.row_failures) == {
        "CALL_SERVICE_LINE_UNKNOWN_CODE",
        "CALL_CENTRAL_ID_MISSING",
    }
    assert set(outcome.warnings) == {"CALL_MENU_END_OUT_OF_ORDER", "CALL_ENDED_ABSENT"}


@pytest.mark.parametrize("contract", SAMPLES)
def test_empty_frame_is_fine(contract: str) -> None:
    rows = frame(contract).clear()
    outcome = evaluate(CONTRACTS[contract], rows)
    assert (outcome.accepted_mask.len(), outcome.row_failures, outcome.warnings) == (0, {}, {})
    enforce(CONTRACTS[contract], rows)
