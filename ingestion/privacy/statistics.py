"""When numbers of a source's own are numbers of people: judged by the column, not by one value."""

from __future__ import annotations

import math
from collections.abc import Collection

# A good column is called guilty at most this often, per question that is asked of it. In a column
# of a few numbers three of three must be enough; where there are many, there is evidence to spare.
_ALPHA_FEW, _ALPHA = 5e-5, 1e-6
_FEW = 10
# The share of other numbers that pass by chance: the first check digit by the rule in force, and
# with the rule from 2032; the second.
CHANCE_NOW, CHANCE, CHANCE_SECOND = 1 / 11, 4 / 11, 1 / 11
_COUNTER_MIN, _COUNTER_STEP = 200, 10
# Two first digits of the eight that subscribers have.
_MOBILE_SHARE = 2 / 8


def tail(hits: int, of: int, chance: float) -> float:
    """An upper bound of the probability of so many hits or more by chance (Chernoff)."""
    if of == 0 or hits <= chance * of:
        return 1.0
    share = hits / of
    distance = share * math.log(share / chance)
    if share < 1:
        distance += (1 - share) * math.log((1 - share) / (1 - chance))
    return math.exp(-of * distance)


def beyond_chance(hits: int, of: int, chance: float) -> bool:
    """Whether there are more hits than a good column would have."""
    return tail(hits, of, chance) < (_ALPHA_FEW if of <= _FEW else _ALPHA)


def chance_in(passed: int, of: int, at_least: float) -> float:
    """How often numbers pass by chance in a column, judged by those that lack a date.

    A source may give its own ids check digits of the same kind.
    """
    if of < 20 or tail(passed, of, at_least) > 0.01:
        return at_least
    share = passed / of
    return min(share + 3 * math.sqrt(share * (1 - share) / of), 0.999)


def is_counter(numbers: Collection[int]) -> bool:
    """Many numbers close to each other: given by a counter, and not to people."""
    return len(numbers) >= _COUNTER_MIN and max(numbers) - min(numbers) <= _COUNTER_STEP * len(
        numbers
    )


def are_mobile(subscribers: Collection[str], *, of_both: bool = True) -> bool:
    """Whether eight-digit numbers begin as mobile numbers do, with 4 or 9, beyond chance.

    Of both kinds, unless told otherwise: ids may all begin with the same digit.
    """
    count = len(subscribers)
    fours = sum(number[0] == "4" for number in subscribers)
    nines = sum(number[0] == "9" for number in subscribers)
    strangers = sum(number[0] in "01" for number in subscribers)
    return (
        (min(fours, nines) >= 0.05 * count or not of_both)
        and strangers <= 0.05 * count
        and beyond_chance(fours + nines, count, _MOBILE_SHARE)
        and not is_counter([int(number) for number in subscribers])
    )
