"""Phone numbers in a text, by how sure the spelling makes us."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# `plus`: written with +, which no id is. `named`: called a phone number. `country`: 47 or 0047 and
# eight digits. `zeros`: 00 and another country. `spelled`: eight digits grouped as phone numbers
# are. `bare`: eight digits.
PhoneSpelling = Literal["plus", "named", "country", "zeros", "spelled", "bare"]

_G = r"[ ().\-/]{0,3}"
# Country calling codes: two or three digits except for 1 and 7 (ITU-T E.164).
COUNTRY = (
    r"(?:1|7|2[07]|2[1-689][0-9]|3[0-4]|3[578][0-9]|36|39|4[013-9]|42[0-9]|5[1-8]|5[09][0-9]"
    r"|6[0-6]|6[7-9][0-9]|8[1246]|8[0578][0-9]|9[0-58]|9[679][0-9])"
)
_PLUS = re.compile(rf"(?<![0-9+])\(?\+ ?\(?(?={COUNTRY})[1-9](?:{_G}[0-9]){{7,14}}(?![0-9])")
_NORWAY = re.compile(
    rf"(?<![0-9A-Za-z.,:])\(?(?:00{_G})?47{_G}(?P<number>[2-9](?:{_G}[0-9]){{7}})(?![0-9])"
    r"(?![A-Za-z])(?![-.:/][0-9])"
)
_ZEROS = re.compile(
    rf"(?<![0-9A-Za-z.,:-])\(?00{_G}(?={COUNTRY})[1-9](?:{_G}[0-9]){{7,14}}(?![0-9A-Za-z])"
)
_LEFT, _RIGHT = r"(?<![0-9A-Za-z_.,:+/-])(?<![0-9] )", r"(?![0-9A-Za-z_])(?! ?[-.,:/+]?[0-9])"
_SPELLED = re.compile(
    rf"{_LEFT}(?P<number>[2-9][0-9]{{2}}[ ./-][0-9]{{2}}[ ./-][0-9]{{3}}"
    rf"|[2-9][0-9](?:(?: [0-9]{{2}}){{3}}|(?:\.[0-9]{{2}}){{3}})"
    rf"|(?!20)[2-9][0-9]{{3}} [0-9]{{4}}){_RIGHT}"
)
_BARE = re.compile(rf"{_LEFT}(?P<number>[2-9][0-9]{{7}}){_RIGHT}")
_NAMED = re.compile(
    r"(?i)\b(?:tlf|tel|telefon|mob|mobil|phone|sms|ring)[.:]{0,2} ?"
    rf"(?P<number>[2-9](?:{_G}[0-9]){{7}})(?![0-9])"
)
# 20260115 is a day, and numbers that begin with 20 are not in use.
_DAY = re.compile(r"20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")


@dataclass(frozen=True)
class Phone:
    """One number as it stands in a text; `number` is the part that a subscriber has."""

    spelling: PhoneSpelling
    number: str
    start: int
    end: int


def phones(text: str) -> Iterator[Phone]:
    """Where phone numbers stand in a plain text. A number may be given more than once."""
    for found in _PLUS.finditer(text):
        yield Phone("plus", _digits(found[0]), *found.span())
    for found in _NORWAY.finditer(text):
        yield Phone("country", _digits(found["number"]), *found.span())
    for found in _ZEROS.finditer(text):
        digits = _digits(found[0])
        # What comes after 0047 is judged as a Norwegian number.
        if 10 <= len(digits) <= 17 and not digits.startswith("0047"):
            yield Phone("zeros", digits, *found.span())
    for found in _NAMED.finditer(text):
        yield Phone("named", _digits(found["number"]), *found.span())
    for pattern, spelling in _NATIONAL:
        for found in pattern.finditer(text):
            digits = _digits(found["number"])
            if not _DAY.fullmatch(digits):
                yield Phone(spelling, digits, *found.span())


_NATIONAL: tuple[tuple[re.Pattern[str], PhoneSpelling], ...] = (
    (_SPELLED, "spelled"),
    (_BARE, "bare"),
)


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)
