"""Norwegian identity numbers: which there are, and where in a text one stands.

All have eleven digits. Fødselsnummer, D-number (day + 40), H-number (month + 40), numbers of other
registers and made-up ones (month + 20, + 65, + 80), with check digits by the rule in force or by
that from 2032, in which the first remainder may be 0 to 3 (Skatteetaten); FH-numbers (first digit
8 or 9, no date, the check digits in force; Norsk helsenett).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_K1 = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_K2 = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_MONTH_SERIES = (0, 20, 40, 65, 80)
# Two-digit years do not say whether February had 29 days.
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DATES = frozenset(
    (day + shift, month + series)
    for month, days in enumerate(_DAYS, start=1)
    for day in range(1, days + 1)
    for shift in (0, 40)
    for series in _MONTH_SERIES
)
_IS_DAY_MONTH = np.zeros(10_000, dtype=bool)
_IS_DAY_MONTH[[day * 100 + month for day, month in _DATES]] = True

# What may stand between the parts of one number.
_S = r"(?: ?[-./,] ?| {1,2})"
_ELEVEN = re.compile(r"(?<![0-9])(?<![0-9]\.)[0-9]{11}(?![0-9])")
# A number with letters on it is one; a hash that happens to have eleven digits in a row is not.
_LETTERS = re.compile(r"[^\W\d_]*")
_PARTS = re.compile(
    rf"(?<![0-9])([0-9]{{2}}){_S}?([0-9]{{2}}){_S}?(?:(?:19|20)(?=[0-9]{{2}}{_S}))?([0-9]{{2}}){_S}?"
    rf"([0-9]{{3}}){_S}?([0-9]{{2}})(?![0-9])"
)
_YEAR_FIRST = re.compile(
    rf"(?<![0-9])(?:19|20)([0-9]{{2}})[-./ ]?([0-9]{{2}})[-./ ]?([0-9]{{2}}){_S}"
    r"([0-9]{3}) ?([0-9]{2})(?![0-9])"
)
_THOUSANDS = re.compile(r"(?<![0-9.,'])[0-9]{1,2}(?:[.,'][0-9]{3}){3}(?![0-9])(?![.,'][0-9]{3})")
_ANY_GROUPS = re.compile(
    r"(?<![0-9])(?<![0-9][ /_-])[0-9](?:[ /-]{0,2}[0-9]){10}(?![0-9])(?![ /_-][0-9])"
)
# Four groups or more with any marks between: `010.190.123.45`, `0_1_0_1_9_0_1_2_3_4_5`. Fewer are
# amounts and decimals, and what has a colon in it is a time of day.
_MANY_GROUPS = re.compile(
    r"(?<![0-9])(?<![0-9][./_,'-])[0-9]{1,6}(?:[ ./_,'|*-]{1,3}[0-9]{1,6}){3,10}"
    r"(?![0-9:])(?![./_,'-][0-9])"
)
# Six digits and five, kept apart by what is in no number: `010190_12345`, `010190 pnr 12345`.
_APART = re.compile(
    r"(?<![0-9])(?<![0-9][.,])([0-9]{6})"
    r"(?:[^0-9A-Za-z]{1,20}|[^0-9A-Za-z]{0,3}(?i:p|pnr|personnr|personnummer|nr|fnr)[^0-9A-Za-z]{0,3}"
    r"|[^0-9A-Za-z]{1,3}[^\W\d_]{1,12}[^0-9A-Za-z]{1,3})"
    r"([0-9]{5})(?![0-9])(?![.,][0-9])"
)
# Dates and stamps, which are no part of a number grouped in an unusual way.
_STAMPS = re.compile(
    r"(?<![0-9])(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
    r"|(?<![0-9])(?:0[1-9]|[12][0-9]|3[01])[./-](?:0[1-9]|1[0-2])[./-](?:19|20)[0-9]{2}(?![0-9])"
)
_UUID = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
)


def judgement(digits: str) -> dict[str, bool]:
    """What speaks for eleven digits being an identity number.

    Returns:
        `plausible`: has a date of some series, or is an FH-number; `second`: the last check digit
        is right; `passes_now`, `passes`: both are by the rule in force, or by that or the one from
        2032; `valid`: can be an identity number.
    """
    numbers = [ord(digit) - 48 for digit in digits]
    first = sum(weight * number for weight, number in zip(_K1, numbers, strict=False)) % 11
    second = sum(weight * number for weight, number in zip(_K2, numbers, strict=True)) % 11
    passes, passes_now = second == 0 and first <= 3, second == 0 and first == 0
    dated, helper = (int(digits[:2]), int(digits[2:4])) in _DATES, digits[0] in "89"
    return {
        "plausible": dated or helper,
        "second": second == 0,
        "passes_now": passes_now,
        "passes": passes,
        "valid": (passes and dated) or (passes_now and helper),
    }


def is_identity_number(digits: str) -> bool:
    """Whether eleven digits can be a Norwegian identity number of any kind and rule."""
    if len(digits) != 11 or not (digits.isascii() and digits.isdigit()):
        return False
    return judgement(digits)["valid"]


@dataclass(frozen=True)
class Eleven:
    """Eleven digits that stand in a text as one number, valid or not.

    Those that are `apart` may as well be two numbers: a date and a sequence number.
    """

    digits: str
    start: int
    end: int
    apart: bool = False


def elevens(text: str) -> Iterator[Eleven]:
    """Where eleven digits stand in a plain text as one number, in any spelling."""
    if "-" in text:
        text = _UUID.sub(_blanked, text)
    seen: set[tuple[int, int]] = set()
    for found in _ELEVEN.finditer(text):
        if _alone(text, *found.span()):
            seen.add(found.span())
            yield Eleven(found[0], *found.span())
    for found in _PARTS.finditer(text):
        if found.span() not in seen and len(found[0]) > 11:
            seen.add(found.span())
            yield Eleven("".join(found.groups()), *found.span())
    for found in _YEAR_FIRST.finditer(text):
        year, month, day, *rest = found.groups()
        yield Eleven(day + month + year + "".join(rest), *found.span())
    for found in _THOUSANDS.finditer(text):
        digits = re.sub(r"[^0-9]", "", found[0])
        yield Eleven(digits.zfill(11), *found.span())
    undated = _STAMPS.sub(_blanked, text)
    for found in (*_ANY_GROUPS.finditer(undated), *_MANY_GROUPS.finditer(undated)):
        digits = re.sub(r"[^0-9]", "", found[0])
        if found.span() not in seen and len(digits) == 11 < len(found[0]):
            seen.add(found.span())
            yield Eleven(digits, *found.span())
    for found in _APART.finditer(text):
        if found.span() not in seen:
            yield Eleven("".join(found.groups()), *found.span(), apart=True)


def _blanked(found: re.Match[str]) -> str:
    return "~" * len(found[0])


def _alone(text: str, start: int, end: int) -> bool:
    """Whether nothing but letters is joined to the digits."""
    before = start
    while before and text[before - 1].isalpha():
        before -= 1
    after = _LETTERS.match(text, end)
    assert after is not None
    return not (
        (before and text[before - 1].isdigit())
        or (after.end() < len(text) and text[after.end()].isdigit())
    )


def judged_digits(numbers: np.ndarray) -> dict[str, np.ndarray]:
    """The judgement of whole numbers below 10**11, as columns; ten digits lack a zero."""
    digits = [(numbers // 10 ** (10 - place)) % 10 for place in range(11)]
    first = _weighted(digits, _K1) % 11
    second = _weighted(digits, _K2) % 11
    passes, passes_now = (second == 0) & (first <= 3), (second == 0) & (first == 0)
    dated = _IS_DAY_MONTH[numbers // 10**7]
    helper = digits[0] >= 8
    return {
        "plausible": dated | helper,
        "second": second == 0,
        "passes_now": passes_now,
        "passes": passes,
        "valid": (passes & dated) | (passes_now & helper),
    }


def _weighted(digits: list[np.ndarray], weights: tuple[int, ...]) -> np.ndarray:
    total = np.zeros(len(digits[0]), dtype=np.int64)
    for digit, weight in zip(digits, weights, strict=False):
        total += digit * weight
    return total
