"""Text as a detector reads it: every digit as 0-9, every dash as one, every blank as one.

A number is no less a number in full-width or Arabic digits, with a no-break space or a soft hyphen
in it, nor is it less when such a character was lost on the way and a question mark stands there.
Other ASCII text is its own plain text, and costs nothing.
"""

from __future__ import annotations

import re
import unicodedata

_LOST_BLANK = re.compile(r"(?<=[0-9])\?(?=[0-9])")
_LOST_AT = re.compile(r"(?<=\w)\?(?=[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,24}\b)")


def _plain_character(character: str) -> str:
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Me"):
        return ""  # soft hyphens, zero-width blanks, direction marks, accents on what has none
    if category == "Pd" or character in "\u2212\u2043\u02d7":
        return "-"
    if category.startswith("Z") or character in "\t\n\r\v\f\x1c\x1d\x1e\x1f\x85":
        return " "
    if character == "\ufffd":
        return "?"
    if character in "\u2024\u2027\u00b7\u2022\u30fb\u3002":
        return "."
    if character in "\u2044\u2215":
        return "/"
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 else character


class _Table(dict[int, str]):
    """Filled as characters are met."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _plain_character(chr(code))
        return found


_TABLE = _Table()


def plain(text: str) -> str:
    """The text as detectors read it."""
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFC", text).translate(_TABLE)
    return _with_lost(text)


def _with_lost(text: str) -> str:
    """What a question mark between digits, or before a domain, was before it was lost."""
    if "?" not in text:
        return text
    return _LOST_AT.sub("@", _LOST_BLANK.sub(" ", text))


def plain_with_places(text: str) -> tuple[str, list[int]]:
    """The plain text, and for each of its characters its place in the text."""
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for found in _TABLE[ord(character)]:
            characters.append(found)
            places.append(place)
    return _with_lost("".join(characters)), places
