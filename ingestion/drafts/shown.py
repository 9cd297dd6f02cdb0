"""What of a sample may be written in a draft: names, shapes, and codes that can harm nobody."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

import polars as pl

from ingestion.privacy import identity_number_rows, is_identity_number, phone_number_rows

MAX_CODES = 12
MAX_CODE_SIZE = 30
_SHAPE_SIZE = 40
_NAME_SIZE = 60
_LONG_NUMBER = re.compile(r"\d(?:[ .\-]?\d){7}")
_ELEVEN = re.compile(r"^\d{6}[ .-]?\d{5}$")
_COORDINATE = re.compile(r"\d{1,3}\.\d{3,}")
_ONLY_NUMBER = re.compile(r"\+?\d(?: ?\d){7,}")
_EMAIL = re.compile(r"[^\s@]@[^\s@]+\.[^\s@]")
_PLACE = r"-?\d{1,3}\.\d{3,}\s*[,; ]\s*-?\d{1,3}\.\d{3,}"
_PLAIN_NAME = re.compile(r"[\w.,/()+%#&@:\- ]+")
# Of ids with eleven digits one in seventy passes for an identity number; of people all do.
_PEOPLE_SHARE = 0.05


def shape(text: str) -> str:
    """The shape of a value: digits as 9, capitals as A, other letters as a, at most 40 long."""
    cut = text[:_SHAPE_SIZE]
    return cut.translate(_ASCII_SHAPES) if cut.isascii() else "".join(map(_shape_of, cut))


def _shape_of(character: str) -> str:
    if character.isdigit() or character.isnumeric():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character if character.isprintable() else "?"


_ASCII_SHAPES = {place: _shape_of(chr(place)) for place in range(128)}


def is_harmless(text: str) -> bool:
    """Whether a code may be written as it is: short, visible, and no number of a person."""
    return (
        0 < len(text) <= MAX_CODE_SIZE
        and text.isprintable()
        and "@" not in text
        and not _LONG_NUMBER.search(text)
        and not _COORDINATE.search(text)
    )


@functools.cache
def name_is_personal(name: str) -> bool:
    """Whether the name of a column or file is itself a number that identifies a person.

    Names hold dates and sequence numbers: eight digits are a phone number only where they are the
    whole name.
    """
    values = pl.Series([name])
    prefixed = phone_number_rows(values, is_id=True)
    if _ONLY_NUMBER.fullmatch(name) or _EMAIL.search(name):
        return True
    return bool(identity_number_rows(values).any() or prefixed.any())


def personal_counts(values: pl.Series, *, is_id: bool) -> dict[str, int]:
    """How many values of a text column hold an identity or phone number; only what is there.

    Args:
        values: the column, as text.
        is_id: the column holds identifiers of the sender, where eight digits are no phone number.

    Returns:
        Rows under `identity`, `phone` and `coordinate`.
    """
    places = int(values.str.contains(_PLACE).sum())
    if places * 2 > len(values.drop_nulls()):
        # The digits of a position are no numbers of anybody.
        return {"coordinate": places}
    counts = {
        "identity": _identity_count(values),
        "phone": int(phone_number_rows(values, is_id=is_id).sum()),
    }
    return {kind: count for kind, count in counts.items() if count}


def _identity_count(values: pl.Series) -> int:
    """A column of the sender's own eleven digits is judged as a whole."""
    # A number that was kept as one has lost its leading zero.
    lost = values.str.contains(r"^[1-9]\d{9}$").fill_null(False)
    values = values.zip_with(~lost, "0" + values) if lost.any() else values
    different = values.drop_nulls().unique()
    eleven = [text for text in different if _ELEVEN.fullmatch(text)]
    if len(eleven) > 20 and len(eleven) > 0.6 * len(different):
        valid = sum(is_identity_number(re.sub(r"\D", "", text)) for text in eleven)
        if valid < _PEOPLE_SHARE * len(eleven):
            return 0
    return int(identity_number_rows(values).sum())


def can_be_written(name: str) -> bool:
    """Whether a raw column can be named in a source file at all."""
    return bool(name.strip()) and not any("\ud800" <= mark <= "\udfff" for mark in name)


def visible(name: str) -> str:
    """A name for comments and terminals: one line of visible characters, cut, never a number of
    a person."""
    if name_is_personal(name):
        return f"•••({len(name)})"
    cut = name if len(name) <= _NAME_SIZE else name[: _NAME_SIZE - 1] + "…"
    if _PLAIN_NAME.fullmatch(cut) and cut.isprintable():
        return cut
    shown = "".join(
        mark if mark.isprintable() else mark.encode("unicode_escape", "backslashreplace").decode()
        for mark in cut
    )
    return f'"{shown}"'


def visible_names(names: Iterable[str]) -> str:
    """Names in a row, or `-`."""
    return ", ".join(map(visible, names)) or "-"
