"""What of a sample may be written in a draft: names, shapes, and codes that can harm nobody."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

import polars as pl

from ingestion.privacy import ColumnUse, personal_rows, personal_text

MAX_CODES = 12
MAX_CODE_SIZE = 30
_NAME_SIZE = 60
_LONG_NUMBER = re.compile(r"\d(?:[ .\-]?\d){7}")
_COORDINATE = re.compile(r"\d{1,3}\.\d{3,}")
_ONLY_NUMBER = re.compile(r"\+?\d(?: ?\d){7,}")
_PLACE = r"-?[0-9]{1,3}\.[0-9]{3,}\s*[,; ]\s*-?[0-9]{1,3}\.[0-9]{3,}"
_PLAIN_NAME = re.compile(r"[\w.,/()+%#&@:\- ]+")
# What the detectors find, by the word that a draft uses.
_KINDS = {
    "FILE_IDENTITY_NUMBER": "identity",
    "FILE_PHONE_NUMBER": "phone",
    "FILE_EMAIL": "email",
    "FILE_COORDINATE": "coordinate",
    "FILE_ADDRESS": "address",
    "FILE_PERSON_NAME": "name",
}


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
    """Whether the name of a column or file is itself personal.

    Names hold dates and sequence numbers: eight digits are a phone number only where they are the
    whole name.
    """
    return _ONLY_NUMBER.fullmatch(name) is not None or personal_text(name) is not None


def personal_counts(values: pl.Series, *, is_id: bool) -> dict[str, int]:
    """How many values of a text column hold something personal, by kind; only what is there.

    Args:
        values: the column, as text.
        is_id: the column holds identifiers of the sender, where eight digits are no phone number.
    """
    places = int(values.str.contains(_PLACE).sum())
    if places * 2 > len(values.drop_nulls()):
        # Anywhere in the world; the digits of a position are no numbers of anybody.
        return {"coordinate": places}
    found = personal_rows(values, ColumnUse("key" if is_id else "text"))
    return {_KINDS[code]: int(hits.sum()) for code, hits in found.items()}


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
