"""Small numbers: what is too small to be shown and what is not, at the boundaries."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from orchestration import release_content
from orchestration.disclosure.limits import ranks, shown_from
from orchestration.release import suppression_problems
from orchestration.suppression import (
    SENSITIVITIES,
    SuppressionPolicy,
    Thresholds,
    load_policy,
    too_small,
)
from tests.orchestration.fabricated import count, registry, share, value, values

KINDS = release_content.kpi_kinds(registry())


def told_of(sensitivity: str) -> pl.DataFrame:
    """The KPIs as if all of them told about the same."""
    return KINDS.with_columns(pl.lit(sensitivity).alias("sensitivity"))


PERSON, SERVICE, ACTIVITY = (told_of(name) for name in ("person", "service", "activity"))


def alike(**thresholds: int) -> SuppressionPolicy:
    return SuppressionPolicy(dict.fromkeys(SENSITIVITIES, Thresholds(**thresholds)))


def is_small(
    row: dict[str, object], policy: SuppressionPolicy | None = None, kinds: pl.DataFrame = PERSON
) -> bool:
    with_kind = values(row).join(kinds, on=["kpi_id", "kpi_version"], how="left")
    decided = with_kind.select(too_small(policy or load_policy())).item()
    assert isinstance(decided, bool)  # never null: a null would be shown
    return decided


@pytest.mark.parametrize(
    ("n", "expected"), [(0, False), (1, True), (4, True), (5, False), (6, False)]
)
def test_counts_of_one_to_four_are_hidden_and_zero_is_not(n: int, expected: bool) -> None:
    assert is_small(count(n)) is expected


def test_a_count_is_hidden_wherever_the_number_stands() -> None:
    assert is_small(value("calls_offered", n=None, numerator=None, value=4.0))
    assert is_small(value("calls_offered", n=None, numerator=4.0, value=4.0))


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (5, 9, True),  # no rate under a denominator of 10
        (5, 10, False),
        (0, 9, True),
        (0, 10, False),
        (4, 100, True),
        (5, 100, False),
        (96, 100, True),  # the other four
        (95, 100, False),
        (100, 100, False),
    ],
)
def test_shares(numerator: int, denominator: int, expected: bool) -> None:
    assert is_small(share(numerator, denominator)) is expected


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (4, 5000.0, True),
        (5, 5000.0, False),
        (6, 9.9, True),
        (8, 10.0, False),  # a rate's numerator is no part of its denominator: no complement
    ],
)
def test_rates(numerator: int, denominator: float, expected: bool) -> None:
    row = value("incidents_per_1000", numerator=numerator, denominator=denominator)
    assert is_small(row) is expected


@pytest.mark.parametrize("kpi_id", ["answer_time_median", "answer_time_mean"])
@pytest.mark.parametrize(("n", "expected"), [(1, True), (9, True), (10, False)])
def test_medians_and_means_need_ten_cases(kpi_id: str, n: int, expected: bool) -> None:
    assert is_small(value(kpi_id, n=n)) is expected


@pytest.mark.parametrize(
    ("kpi_id", "n", "expected"),
    [
        ("answer_time_p90", 10, True),  # between the two longest
        ("answer_time_p90", 19, True),
        ("answer_time_p90", 20, False),
        ("answer_time_p90", 21, False),
        ("answer_time_p99", 100, True),
        ("answer_time_p99", 199, True),
        ("answer_time_p99", 200, False),
        ("answer_time_p99", 201, False),
    ],
)
def test_percentiles_need_two_observations_beyond(kpi_id: str, n: int, expected: bool) -> None:
    assert is_small(value(kpi_id, n=n)) is expected
    without = alike(min_denominator=10)
    assert not is_small(value(kpi_id, n=n), without)


def test_more_may_be_asked_for_beyond_a_percentile() -> None:
    strict = alike(min_beyond_percentile=6)
    assert is_small(value("answer_time_median", n=11), strict)
    assert not is_small(value("answer_time_median", n=12), strict)
    assert is_small(value("answer_time_p90", n=59), strict)
    assert not is_small(value("answer_time_p90", n=60), strict)


@pytest.mark.parametrize("percentile", [0.5, 0.9, 0.99])
def test_limits_that_are_shown_have_observations_beyond(percentile: float) -> None:
    least_beyond = load_policy().of("person").min_beyond_percentile
    assert least_beyond == 2
    lower_from, upper_from = shown_from(percentile, least_beyond)
    n = np.arange(10, 5_000, dtype=np.float64)
    lower, upper = ranks(n, percentile)
    for rank, least in ((lower, lower_from), (upper, upper_from)):
        beyond = np.minimum(rank - 1, n - rank)
        shown = beyond[(n >= least) & ~np.isnan(beyond)]
        assert shown.min() >= least_beyond
        # No more is left out than has to be: with one observation fewer the limit is too far out.
        assert (beyond[n == least - 1] < least_beyond).all()


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        (value("resp_p90", n=19), ["1 cells show a small number"]),
        (value("resp_p90", n=70, lower=8.0), []),
        (value("resp_p90", n=71, upper=9.0), []),
        (value("resp_p90", n=70, upper=9.0), ["1 limits are too near single observations"]),
        (value("resp_median", n=11, lower=8.0), ["1 limits are too near single observations"]),
        # The intervals of units are near persons in a municipality only.
        (value("turnout_p90", n=70, upper=9.0), []),
        (
            value("turnout_p90", n=70, upper=9.0, level="municipality"),
            ["1 limits are too near single observations"],
        ),
        (value("answer_time_mean", n=10, lower=8.0, upper=9.0), []),
        (value("answer_time_p99", n=10, lower=8.0, upper=9.0), []),
        (value("answer_time_p99", n=9), ["1 cells show a small number"]),
    ],
)
def test_a_release_is_checked_for_percentiles(row: dict[str, object], problems: list[str]) -> None:
    assert suppression_problems(values(row), registry(), load_policy()) == problems


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (share(3, 100), False),  # three who waited long say nothing of who they were
        (share(97, 100), False),
        (share(3, 9), True),  # said of too few
        (share(3, 10), False),
        (value("unanswered_share", numerator=3, denominator=500, n=500), False),
        (value("answer_time_p99", n=10), False),
        (value("answer_time_p99", n=9), True),
        (value("answer_time_mean", n=9, numerator=80), True),
        (count(9), True),
        (count(10), False),
    ],
)
def test_of_a_service_only_what_rests_on_few_is_hidden(
    row: dict[str, object], expected: bool
) -> None:
    assert is_small(row, kinds=SERVICE) is expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"level": "central"}, False),
        ({"level": "municipality"}, True),  # there it tells about persons
    ],
)
def test_activity_is_hidden_below_ten_and_as_persons_in_a_municipality(
    columns: dict[str, object], expected: bool
) -> None:
    assert is_small(share(3, 100, **columns), kinds=ACTIVITY) is expected
    assert is_small(share(3, 9, **columns), kinds=ACTIVITY)
    assert is_small(count(9, level="central"), kinds=ACTIVITY)
    assert not is_small(count(9, level="municipality"), kinds=ACTIVITY)
    assert is_small(count(4, **columns), kinds=ACTIVITY)
    assert not is_small(count(0, **columns), kinds=ACTIVITY)


def test_what_points_at_no_place_is_not_small() -> None:
    assert not is_small(share(3, 9, unit_id="UNKNOWN"))
    earlier = SuppressionPolicy.from_description({"min_count": 5, "min_denominator": 10})
    assert is_small(share(3, 9, unit_id="UNKNOWN"), earlier)


def test_a_kpi_that_does_not_say_what_it_tells_about_is_held_for_one_of_persons() -> None:
    unsaid = KINDS.with_columns(pl.lit(None, dtype=pl.String).alias("sensitivity"))
    assert is_small(share(3, 100), kinds=unsaid)
    old = registry().drop("sensitivity")
    assert suppression_problems(values(share(3, 100)), old, load_policy())


def test_releases_from_before_a_rule_are_held_to_theirs() -> None:
    stated = {"min_count": 5, "min_denominator": 10}
    earlier = SuppressionPolicy.from_description(stated)
    for sensitivity in SENSITIVITIES:
        assert earlier.of(sensitivity) == Thresholds(5, 10, 5, 0)
    later = SuppressionPolicy.from_description({**stated, "min_beyond_percentile": 2})
    assert later.of("service") == Thresholds(5, 10, 5, 2)


def test_no_data_is_not_a_small_number() -> None:
    assert not is_small(value(n=0, denominator=0, numerator=0, value=None, status="no_data"))
    assert not is_small(value("answer_time_p90", n=None, value=None, status="no_data"))


def test_hours_are_no_count_but_still_need_a_denominator() -> None:
    hours = {"n": 1, "segment": "HELI", "level": "base", "unit_id": "base_bergen"}
    assert not is_small(value("lat_readiness", numerator=22.0, denominator=24.0, **hours))
    assert is_small(value("lat_readiness", numerator=8.0, denominator=9.0, **hours))
    # Hours of missions rest on the missions, however long these were; lost hours on no event.
    where = {"segment": "HELI", "level": "base", "unit_id": "base_bergen"}
    for n, is_few in ((1, True), (9, True), (10, False), (0, False)):
        row = value("lat_flight_hours", numerator=40.0, n=n, **where)
        assert is_small(row, kinds=ACTIVITY) is is_few, n
    assert not is_small(value("lat_down_h", numerator=0.5, **hours), kinds=SERVICE)


def test_thresholds_are_configurable_in_one_place() -> None:
    assert not is_small(share(1, 2), alike(min_part=1, min_denominator=1))
    assert is_small(share(19, 100), alike(min_part=20, min_denominator=50))
    policy = load_policy()
    assert SuppressionPolicy.from_description(policy.describe()) == policy


def test_a_policy_names_thresholds_for_each_sensitivity() -> None:
    with pytest.raises(ValueError, match="service, activity, person"):
        SuppressionPolicy({"service": Thresholds()})


def test_a_kpi_of_unknown_kind_is_never_shown() -> None:
    unknown = PERSON.with_columns(pl.lit("made_up").alias("kind"))
    assert is_small(share(500, 1000), kinds=unknown)
    assert is_small(share(500, 1000), kinds=unknown.with_columns(kind=pl.lit(None, pl.String)))
    assert is_small(share(500, 1000), kinds=unknown.clear())  # not registered at all
