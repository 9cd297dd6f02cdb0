"""Small numbers: what is hidden and what is not, at the boundaries."""

from __future__ import annotations

import polars as pl
import pytest

from orchestration import release_content
from orchestration.suppression import HIDDEN_COLUMNS, SuppressionPolicy, load_policy, suppress
from tests.orchestration.fabricated import count, registry, share, value, values

KINDS = release_content.kpi_kinds(registry())


def status_of(row: dict[str, object], policy: SuppressionPolicy | None = None) -> str:
    released = suppress(values(row), KINDS, policy or load_policy())
    assert released.columns == values(row).columns
    if released["status"][0] == "suppressed":
        assert all(released[column][0] is None for column in HIDDEN_COLUMNS)
    else:
        assert released.equals(values(row))
    return str(released["status"][0])


@pytest.mark.parametrize(
    ("n", "expected"), [(0, "ok"), (1, "suppressed"), (4, "suppressed"), (5, "ok"), (6, "ok")]
)
def test_counts_of_one_to_four_are_hidden_and_zero_is_not(n: int, expected: str) -> None:
    assert status_of(count(n)) == expected


def test_a_count_is_hidden_wherever_the_number_stands() -> None:
    only_value = value("calls_offered", n=None, numerator=None, value=4.0)
    only_numerator = value("calls_offered", n=None, numerator=4.0, value=4.0)
    assert status_of(only_value) == status_of(only_numerator) == "suppressed"


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (5, 9, "suppressed"),  # no rate under a denominator of 10
        (5, 10, "ok"),
        (0, 9, "suppressed"),
        (0, 10, "ok"),
        (4, 100, "suppressed"),
        (5, 100, "ok"),
        (96, 100, "suppressed"),  # the other four
        (95, 100, "ok"),
        (100, 100, "ok"),
    ],
)
def test_shares(numerator: int, denominator: int, expected: str) -> None:
    assert status_of(share(numerator, denominator)) == expected


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (4, 5000.0, "suppressed"),
        (5, 5000.0, "ok"),
        (6, 9.9, "suppressed"),
        (8, 10.0, "ok"),  # a rate's numerator is no part of its denominator: no complement
    ],
)
def test_rates(numerator: int, denominator: float, expected: str) -> None:
    row = value("incidents_per_1000", numerator=numerator, denominator=denominator)
    assert status_of(row) == expected


@pytest.mark.parametrize("kpi_id", ["answer_time_p90", "answer_time_mean"])
@pytest.mark.parametrize(("n", "expected"), [(1, "suppressed"), (9, "suppressed"), (10, "ok")])
def test_percentiles_and_means_need_ten_cases(kpi_id: str, n: int, expected: str) -> None:
    assert status_of(value(kpi_id, n=n)) == expected


def test_no_data_stays_no_data() -> None:
    assert status_of(value(n=0, denominator=0, numerator=0, value=None, status="no_data")) == (
        "no_data"
    )
    assert status_of(value("answer_time_p90", n=None, value=None, status="no_data")) == "no_data"


def test_hours_are_no_count_but_still_need_a_denominator() -> None:
    hours = {"n": 1, "segment": "HELI", "level": "base", "unit_id": "base_bergen"}
    assert status_of(value("lat_readiness", numerator=22.0, denominator=24.0, **hours)) == "ok"
    assert status_of(value("lat_readiness", numerator=8.0, denominator=9.0, **hours)) == (
        "suppressed"
    )


def test_thresholds_are_configurable_in_one_place() -> None:
    loose = SuppressionPolicy(min_count=1, min_denominator=1)
    assert status_of(share(1, 2), loose) == "ok"
    strict = SuppressionPolicy(min_count=20, min_denominator=50)
    assert status_of(share(19, 100), strict) == "suppressed"
    assert SuppressionPolicy.from_description(strict.describe()) == strict


def test_a_kpi_of_unknown_kind_is_never_shown() -> None:
    kinds = pl.DataFrame(
        {"kpi_id": ["c113_within_10s"], "kind": [None]}, schema_overrides={"kind": pl.String}
    )
    assert suppress(values(share(500, 1000)), kinds, load_policy())["status"][0] == "suppressed"
