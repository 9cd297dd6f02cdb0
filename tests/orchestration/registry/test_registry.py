"""The registry is valid, complete and says what it computes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from orchestration.paths import DBT_PROJECT
from orchestration.registry import load_registry, parse_linear
from orchestration.registry.load import RegistryError
from orchestration.registry.spec import format_linear, parse_identity

MINIMAL = """
family: doors
subject: calls
sensitivity: service
contract: call
fact: fct_doors
aggregate: agg_doors
description_nb: Dører.
description_en: Doors.
units: {national: null}
measures:
  open: {nb: åpne, en: open, sql: is_open}
  all: {nb: alle, en: all, sql: "true"}
kpis:
  - {id: open_share, number: 1, kind: share, numerator: open, denominator: all, name_nb: a,
     name_en: a, definition_nb: a, definition_en: a, formula: a, unit: "%", direction: up,
     levels: [national], segments: [all], peer_group: [amk_volume], why_nb: a, why_en: a,
     owner: a, valid_from: 2024-01-01}
"""


def test_what_a_kpi_tells_about_is_its_own_or_that_of_its_family(tmp_path: Path) -> None:
    entry = MINIMAL[MINIMAL.index("  - {id") :]
    own = entry.replace("open_share, number: 1", "of_persons, number: 2, sensitivity: person")
    registry = load_registry(write(tmp_path / "both", MINIMAL + own))
    told = {kpi.id: kpi.sensitivity for kpi in registry.kpis}
    assert told == {"open_share": "service", "of_persons": "person"}
    with pytest.raises(RegistryError, match="sensitivity"):
        load_registry(write(tmp_path / "none", MINIMAL.replace("sensitivity: service\n", "")))


def test_linear_expressions() -> None:
    assert parse_linear("a + 2 * b - other.c") == {"a": 1, "b": 2, "other.c": -1}
    assert parse_linear("a - a + b") == {"b": 1}
    assert format_linear({"a": 1, "b": 2, "other.c": -1}) == "a + 2 * b - other.c"
    assert parse_identity("a = b + c") == {"a": 1, "b": -1, "c": -1}
    for wrong in ("", "a b", "a / b", "a +", "3"):
        with pytest.raises(ValueError):
            parse_linear(wrong)


def test_the_whole_catalogue_is_registered() -> None:
    registry = load_registry()
    assert {kpi.number for kpi in registry.kpis} == set(range(1, 105))
    without_source = {kpi.number for kpi in registry.kpis if kpi.status == "no_source"}
    assert without_source == {39, 40, 41}
    assert all(k.status_reason_nb for k in registry.kpis if k.number in without_source)
    assert registry.kpi("c113_within_10s").numerator == {"within_10s": 1}
    assert registry.kpi("c113_within_10s").known_form == {"answered_valid": 1}
    assert registry.kpi("calls_offered").n == {"offered": 1}
    assert registry.kpi("lat_readiness_operator").numerator == {
        "planned_ms": 1,
        "operator_down_ms": -1,
    }


def test_a_new_version_says_what_it_changed() -> None:
    registry = load_registry()
    for kpi in registry.kpis:
        assert (kpi.version > 1) == bool(kpi.change_nb and kpi.change_en), kpi.key


def test_a_correction_counts_for_all_periods() -> None:
    registry = load_registry()
    for kpi_id in ("resp_median", "calls_offered"):
        assert [kpi.version for kpi in registry.versions(kpi_id)] == [1, 2]
        for day in (date(2020, 1, 1), date(2024, 1, 1), date(2030, 1, 1)):
            assert registry.official(kpi_id, day).version == 2


def test_complete_records_name_every_field_that_is_asked_for() -> None:
    """The definition lists what the contracts expect; a new rule has to be told there too."""
    told = {
        "CALL": ("answered", "ended"),
        "ALARM": (
            *("received", "en_route", "at_scene", "available"),
            *("departed", "at_destination"),
        ),
        "VIDEO": ("connected", "ended"),
        "LATREQ": ("reason", "airborne"),
    }
    rules = (DBT_PROJECT / "seeds" / "contract_rules.csv").read_text("utf-8").splitlines()
    asked = {line.split(",")[0] for line in rules if ",warning,missing," in line}
    named = {f"{kind}_{field.upper()}" for kind, fields in told.items() for field in fields}
    assert {code.rpartition("_")[0] for code in asked} == named
    words = load_registry().kpi("dq_complete").definition_en
    for word in (
        *("end", "answer", "available", "received", "en route", "at scene", "departure"),
        *("destination", "connected", "reason", "take-off"),
    ):
        assert word in words, word


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "doors.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("numerator: open", "numerator: ajar"),
        ("numerator: open, ", ""),
        ("levels: [national]", "levels: [county]"),
        ("unit: ", "unti: "),
        ("direction: up", "direction: up, target: 90"),
        ("direction: up", "direction: up, status: no_source"),
        ("family: doors", "family: windows"),
        ("kind: share", "kind: interval"),
        ("owner: a", "owner: a, exclusions: [cellars]"),
    ],
)
def test_a_wrong_entry_is_refused_and_named(tmp_path: Path, old: str, new: str) -> None:
    assert load_registry(write(tmp_path, MINIMAL)).kpi("open_share").n == {"all": 1}
    load_registry.cache_clear()
    with pytest.raises(RegistryError, match=r"doors\.yaml|open_share|ajar"):
        load_registry(write(tmp_path, MINIMAL.replace(old, new, 1)))


def test_the_official_version_follows_the_calendar(tmp_path: Path) -> None:
    entry = MINIMAL[MINIMAL.index("  - {id") :]
    second = entry.replace("kind: share", "kind: share, version: 2").replace("2024", "2026")
    registry = load_registry(write(tmp_path, MINIMAL + second))
    assert [kpi.version for kpi in registry.versions("open_share")] == [1, 2]
    assert registry.kpi("open_share").version == 2
    assert registry.official("open_share", date(2023, 5, 1)).version == 1
    assert registry.official("open_share", date(2025, 12, 31)).version == 1
    assert registry.official("open_share", date(2026, 1, 1)).version == 2
