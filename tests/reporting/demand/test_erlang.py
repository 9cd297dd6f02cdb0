"""Erlang A against a simulation of the queue, and against its two limits, Erlang B and C."""

from __future__ import annotations

import heapq
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.demand.erlang import needed, service


def simulated(
    per_hour: float, handling: float, patience: float, people: int, within: float, calls: int
) -> tuple[float, float]:
    """Shares answered in time and hung up, of calls that are played one by one."""
    rng = random.Random(7)
    free_at = [0.0] * people
    clock, in_time, gone = 0.0, 0, 0
    for _ in range(calls):
        clock += rng.expovariate(per_hour / 3600)
        # First come, first answered: the next free person, unless the caller is gone before.
        turn = max(clock, free_at[0])
        if turn - clock > rng.expovariate(1 / patience):
            gone += 1
            continue
        heapq.heapreplace(free_at, turn + rng.expovariate(1 / handling))
        in_time += turn - clock <= within
    return in_time / calls, gone / calls


@pytest.mark.parametrize(
    ("per_hour", "handling", "patience", "people", "within"),
    [
        (60, 180, 90, 3, 10),
        (60, 180, 90, 4, 10),
        (25, 300, 600, 3, 120),
        (200, 240, 60, 12, 20),
        (6, 120, 30, 1, 0),
    ],
)
def test_a_queue_that_is_played_gives_the_same(
    per_hour: float, handling: float, patience: float, people: int, within: float
) -> None:
    given = service(per_hour, handling, patience, people, within)
    in_time, gone = simulated(per_hour, handling, patience, people, within, 200_000)
    assert given.in_time == pytest.approx(in_time, abs=0.006)
    assert given.abandoned == pytest.approx(gone, abs=0.006)
    served = per_hour / 3600 * (1 - given.abandoned) * handling
    assert given.occupancy == pytest.approx(served / people, abs=1e-9)


def test_callers_without_patience_are_lost_as_erlang_b_says() -> None:
    load, people = 10 * 180 / 3600 * 10, 7
    terms = [load**n / math.factorial(n) for n in range(people + 1)]
    blocked = terms[-1] / sum(terms)
    given = service(100, 180, 1e-6, people, 0)
    assert given.abandoned == pytest.approx(blocked, abs=1e-6)
    assert given.in_time == pytest.approx(1 - blocked, abs=1e-6)


def test_callers_with_endless_patience_wait_as_erlang_c_says() -> None:
    load, people, within, handling = 5.0, 7, 30.0, 180.0
    terms = [load**n / math.factorial(n) for n in range(people)]
    last = load**people / math.factorial(people) * people / (people - load)
    waits = last / (sum(terms) + last)
    in_time = 1 - waits * math.exp(-(people - load) * within / handling)
    given = service(100, handling, 86_400, people, within)
    assert given.in_time == pytest.approx(in_time, abs=2e-3)


@given(
    st.floats(0.1, 200),
    st.floats(20, 900),
    st.floats(5, 3_600),
    st.floats(0, 180),
    st.floats(0.5, 0.98),
)
def test_the_fewest_who_are_enough(
    per_hour: float, handling: float, patience: float, within: float, target: float
) -> None:
    people = needed(per_hour, handling, patience, within, target)
    assert service(per_hour, handling, patience, people, within).in_time >= target
    if people > 1:
        assert service(per_hour, handling, patience, people - 1, within).in_time < target


def test_nobody_is_needed_where_nobody_calls() -> None:
    assert needed(0, 180, 60, 10, 0.9) == 0


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_no_number_of_people_answers_everybody(target: float) -> None:
    with pytest.raises(ValueError, match="target"):
        needed(10, 180, 60, 10, target)


@pytest.mark.parametrize("wrong", [(0, 1, 1, 1, 1), (1, 0, 1, 1, 1), (1, 1, 1, 0, 1)])
def test_numbers_that_mean_nothing(wrong: tuple[float, float, float, int, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        service(*wrong)
