"""What else tells who or where somebody is: e-mail, coordinates, addresses, names of people.

These are clues, not numbers with a check digit: a place may be called what a person is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ingestion.privacy.words import AMBIGUOUS, GIVEN_NAMES, NOT_SURNAMES, SURNAMES

_EMAIL = re.compile(
    r"[\w.!#$%&'*+=?^`{|}~-]+ ?(?:@|[\[(] ?(?:at|AT|alfa|krøllalfa) ?[\])]) ?"
    r"[\w-]+(?: ?\. ?[\w-]+)*? ?\. ?[^\W\d_]{2,24}\b"
)
# As people write it where no @ is let through.
_SPOKEN_EMAIL = re.compile(
    r"(?i)(?<![\w.-])[\w.-]+ ?(?: (?:at|alfa|krøllalfa) |[\[(] ?(?:at|alfa|krøllalfa) ?[\])]) ?"
    r"[\w-]+ ?(?: (?:dot|punktum) |[\[(] ?(?:dot|punktum|\.) ?[\])]) ?[^\W\d_]{2,24}\b"
)
_SPOKEN = re.compile(r"(?i)\b(?:dot|punktum)\b")
# Norway with Svalbard and Jan Mayen. Fewer than three decimals say no more than a municipality.
_LATITUDE = r"(?:5[789]|6[0-9]|7[0-9]|80)[.,][0-9]{3,}"
_LONGITUDE = r"-?(?:[0-9]|[12][0-9]|3[0-4])[.,][0-9]{3,}"
_BETWEEN = r"[°º]? ?[NnØEe]?(?: ?[,;/|] ?| +| ?(?:lon|lng|long|lengde)\w*[ :=]+)"
_DECIMAL = re.compile(
    rf"(?<![0-9.,]){_LATITUDE}{_BETWEEN}{_LONGITUDE}(?![0-9])"
    rf"|(?<![0-9.,]){_LONGITUDE}{_BETWEEN}{_LATITUDE}(?![0-9])"
)
_SEXAGESIMAL = re.compile(
    r"(?<![0-9])(?:5[789]|[67][0-9]|80) ?[°º] ?[0-9]{1,2}(?:[.,][0-9]+)? ?['’′]"
    r"(?:[NØEnøe0-9 .,°º'’′\"”″]*[0-9NØE\"”″])?"
)
# UTM in zones 31 to 36: easting of six digits, northing of seven.
_NORTHING = r"(?:6[3-9]|7[0-9]|8[0-9])[0-9]{5}(?:[.,][0-9]+)?"
_UTM_GAP = r"(?: ?[,;/|] ?| +| ?[EeØNn][ :=,;]+(?:[NnEeØ][ :=]+)?)"
_UTM = re.compile(
    rf"(?<![0-9.,])(?:[1-9][0-9]{{5}}(?:[.,][0-9]+)?{_UTM_GAP}{_NORTHING}"
    rf"|{_NORTHING}{_UTM_GAP}[1-9][0-9]{{5}}(?:[.,][0-9]+)?)(?![0-9])"
)
_STREET = (
    "gata|gaten|gate|gt|veien|vegen|veg|vei|allé|alle|alléen|alleen|plass|plassen|torg|torget|"
    "bakken|bakke|svingen|sving|stien|sti|kroken|krok|tunet|tun|lia|åsen|haugen|brygge|brygga|"
    "kaia|kaien|vn|stredet|smuget|smauet|ringen|faret|grenda|jordet|løkka|geilan|geila|geaidnu"
)
_ADDRESS = re.compile(
    r"(?i)(?<!\w)(?:"
    rf"(?:[^\W\d_][\w'.-]*[ _]|[^\W\d_][\w'-]*?)(?:{_STREET})\b\.?,?[ _](?:nr\.? ?)?"
    r"[1-9][0-9]{0,2} ?[A-Za-z]?(?![\w:]|[.,][0-9])"
    r"|(?:postboks|pb)\.?[ _][0-9]{1,5}(?!\w))"
)
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*\.?")


@dataclass(frozen=True)
class Clue:
    """One finding: the code of its file rule, and where in the text it stands."""

    code: str
    start: int
    end: int


def clues(text: str) -> Iterator[Clue]:
    """E-mail addresses, coordinates, street addresses and names of people in a plain text."""
    yield from emails(text)
    for pattern in (_DECIMAL, _SEXAGESIMAL, _UTM):
        for found in pattern.finditer(text):
            yield Clue("FILE_COORDINATE", *found.span())
    for found in _ADDRESS.finditer(text):
        yield Clue("FILE_ADDRESS", *found.span())
    yield from _names(text)


def emails(text: str) -> Iterator[Clue]:
    """E-mail addresses alone."""
    if "@" in text or "(" in text or "[" in text:
        for found in _EMAIL.finditer(text):
            yield Clue("FILE_EMAIL", *found.span())
    if _SPOKEN.search(text):
        for found in _SPOKEN_EMAIL.finditer(text):
            yield Clue("FILE_EMAIL", *found.span())


def _names(text: str) -> Iterator[Clue]:
    """A given name with a surname, in either order."""
    words = [(found[0], *found.span()) for found in _WORD.finditer(text.replace("_", " "))]
    for (word, start, _), (following, then, end) in pairwise(words):
        gap = text[start + len(word) : then]
        if gap.strip(" ,_") or len(gap) > 3:
            continue
        comma = "," in gap
        given, family = (following, word) if comma else (word, following)
        if _is_person(given, family) or (not comma and _is_known(following, word)):
            yield Clue("FILE_PERSON_NAME", start, end)


def _is_person(given: str, family: str) -> bool:
    first, last = given.split("-")[0].casefold(), family.casefold().rstrip(".")
    if first not in GIVEN_NAMES or last in NOT_SURNAMES or len(last) < 2:
        return False
    if last in SURNAMES:
        return True
    # An unknown surname counts with a name that is nothing but a name, and written as names are.
    return first not in AMBIGUOUS and given[0].isupper() and family[0].isupper() and len(last) > 2


def _is_known(given: str, family: str) -> bool:
    first, last = given.split("-")[0].casefold(), family.casefold()
    return first in GIVEN_NAMES and first not in AMBIGUOUS and last in SURNAMES
