"""The queue of a call centre in which callers lose patience: Erlang A (M/M/n+M).

Calls come at random, talks and patience are exponential, and whoever waited longest is answered
first. After Palm (1957), as in Garnett, Mandelbaum & Reiman (2002) and Zeltyn & Mandelbaum (2005).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# A queue this much longer than any that is met adds nothing that a double can hold.
_NEGLIGIBLE = 1e-14
_LARGE = 1e250
_DAY_S = 86_400


@dataclass(frozen=True)
class Service:
    """How a queue serves its callers.

    Attributes:
        in_time: share of all callers who are answered within the time asked for.
        abandoned: share who hang up first.
        occupancy: share of the time that those who answer are busy.
    """

    in_time: float
    abandoned: float
    occupancy: float


def service(
    calls_per_hour: float, handling_s: float, patience_s: float, answering: int, within_s: float
) -> Service:
    """What `answering` people give.

    Args:
        calls_per_hour: calls that come, above 0.
        handling_s: mean seconds that a call takes whoever answers it, with the work after it.
        patience_s: mean seconds that a caller would wait, at most a day.
        answering: people who answer, at least 1.
        within_s: seconds that are in time.

    Raises:
        ValueError: a number is not above 0 (`within_s`: below 0).
    """
    if min(calls_per_hour, handling_s, patience_s, answering) <= 0 or within_s < 0:
        raise ValueError("calls, times and people are above 0")
    if patience_s > _DAY_S:
        raise ValueError("nobody waits for more than a day")
    from scipy.special import betainc

    arrivals, served, lost = calls_per_hour / 3600, 1 / handling_s, 1 / patience_s
    # How probable each number of callers is, in proportion: from none to a queue beyond belief.
    weights, largest = [1.0], 1.0
    while len(weights) <= answering or weights[-1] > _NEGLIGIBLE * largest:
        present = len(weights)
        leaving = min(present, answering) * served + max(present - answering, 0) * lost
        weights.append(weights[-1] * arrivals / leaving)
        largest = max(largest, weights[-1])
        if largest > _LARGE:
            weights = [weight / _LARGE for weight in weights]
            largest = 1.0
    total = math.fsum(weights)
    # A caller who meets w waiting is answered when w + 1 others have left: those answered at the
    # rate of all talks, and those who wait at the rate of their patience. exp(-wait / patience) is
    # then Beta distributed, which gives the share who still wait when it is their turn.
    free = answering * served / lost
    late = math.exp(-within_s * lost)
    in_time = math.fsum(weights[:answering])
    for waiting, weight in enumerate(weights[answering:]):
        still_there = free / (free + waiting + 1)
        in_time += weight * still_there * (1 - float(betainc(free + 1, waiting + 1, late)))
    queue = math.fsum(number * weight for number, weight in enumerate(weights[answering:]))
    busy_people = math.fsum(
        min(number, answering) * weight for number, weight in enumerate(weights)
    )
    return Service(
        in_time=in_time / total,
        abandoned=queue / total * lost / arrivals,
        occupancy=busy_people / total / answering,
    )


def needed(
    calls_per_hour: float, handling_s: float, patience_s: float, within_s: float, target: float
) -> int:
    """The fewest people who answer at least the share `target` of the calls within the time.

    0 where no calls come.

    Raises:
        ValueError: a target of 100 % or more, which no number of people gives.
    """
    if not 0 < target < 1:
        raise ValueError("a target is above 0 and below 1")
    if calls_per_hour <= 0:
        return 0

    def is_enough(answering: int) -> bool:
        given = service(calls_per_hour, handling_s, patience_s, answering, within_s)
        return given.in_time >= target

    most = 1
    while not is_enough(most):
        most *= 2
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if is_enough(middle) else (middle, most)
    return most
