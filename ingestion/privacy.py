"""What protects people on the way in: pseudonyms, detectors, masks.

The detectors work on text that a source maps, before anything is written. They look for numbers
that identify a person; they must find every real one, and may not cry wolf on ordinary ids.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re

import polars as pl

from ingestion.errors import KeyMissingError

KEY_VARIABLE = "AKUTT_PSEUDONYM_KEY"
MIN_KEY_CHARACTERS = 32
MASK = "•••"

# Eleven digits standing alone, with the usual spellings (ddmmyy nnnnn).
_ELEVEN = r"(?:^|[^0-9A-Za-z])\d{6}[ .-]?\d{5}(?:$|[^0-9A-Za-z])"
_ELEVEN_PARTS = re.compile(r"(?<![0-9A-Za-z])(\d{6})[ .-]?(\d{5})(?![0-9A-Za-z])")
# Norwegian numbers: with a country code anywhere, or eight digits in a field that is not an id.
_PHONE_PREFIXED = r"(?:^|[^0-9A-Za-z+])(?:\+|00)47[ -]?[2-9](?:[ -]?\d){7}(?:$|[^0-9A-Za-z])"
_PHONE_BARE = r"(?:^|[^0-9A-Za-z-])[2-9]\d(?: ?\d\d){3}(?:$|[^0-9A-Za-z-])"
# What both detectors need to find anything: eight digits with at most a blank between them.
_EIGHT_DIGITS = r"\d(?:[ .-]?\d){7}"
_K1 = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_K2 = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)


def key_from_environment() -> bytes:
    """The secret behind the pseudonyms.

    Raises:
        KeyMissingError: the variable is unset or shorter than 32 characters.
    """
    key = os.environ.get(KEY_VARIABLE, "")
    if len(key) < MIN_KEY_CHARACTERS:
        raise KeyMissingError
    return key.encode()


class Pseudonymiser:
    """HMAC-SHA-256 of caller numbers, as 32 hexadecimal characters.

    DuckDB hashes a column on all cores; the standard library takes three times as long, row by row.
    """

    def __init__(self, key: bytes) -> None:
        block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
        inner = bytes(byte ^ 0x36 for byte in block).hex()
        outer = bytes(byte ^ 0x5C for byte in block).hex()
        # HMAC as RFC 2104 defines it: H(outer || H(inner || message)).
        self._sql = (
            f"select sha256(from_hex('{outer}') || "
            f"from_hex(sha256(from_hex('{inner}') || encode(number))))[:32] as pseudonym from codes"
        )

    def series(self, numbers: pl.Series) -> pl.Series:
        """Pseudonyms of a text column; null stays null. Spaces do not make another caller."""
        import duckdb

        plain = numbers.cast(pl.String).alias("number")
        if plain.str.contains("[ -]").any():
            plain = plain.str.replace_all("[ -]", "")
        with duckdb.connect() as connection:
            connection.register("codes", plain.to_frame().to_arrow())
            table = pl.from_arrow(connection.sql(self._sql).to_arrow_table())
        assert isinstance(table, pl.DataFrame)
        return table["pseudonym"].alias(numbers.name)


def is_identity_number(digits: str) -> bool:
    """Whether eleven digits can be a Norwegian identity number.

    Fødselsnummer, D-number (day + 40), H-number (month + 40) and synthetic numbers (month + 80);
    control digits by the rule in force and by the one from 2032, in which the first remainder may
    be 0 to 3. Source: Skatteetaten.
    """
    if len(digits) != 11 or not digits.isdigit():
        return False
    day, month = int(digits[:2]), int(digits[2:4])
    day -= 40 if day > 40 else 0
    month -= 80 if month > 80 else 40 if month > 40 else 0
    try:
        dt.date(2000, month, day)
    except ValueError:
        return False
    numbers = [int(digit) for digit in digits]
    first = sum(weight * number for weight, number in zip(_K1, numbers, strict=False)) % 11
    second = sum(weight * number for weight, number in zip(_K2, numbers, strict=True)) % 11
    return first <= 3 and second == 0


def may_hold_numbers(values: pl.Series) -> bool:
    """Whether any text has digits enough for a detector to look closer. Cheap."""
    longest = values.str.len_bytes().max()
    if not isinstance(longest, int) or longest < 8:
        return False
    return bool(values.str.contains(_EIGHT_DIGITS).any())


def identity_number_rows(values: pl.Series) -> pl.Series:
    """Which texts hold an identity number."""
    suspects = values.str.contains(_ELEVEN).fill_null(False)
    if not suspects.any():
        return suspects
    texts = values.filter(suspects).unique()
    guilty = [
        text
        for text in texts
        if any(is_identity_number("".join(parts)) for parts in _ELEVEN_PARTS.findall(text))
    ]
    return values.is_in(guilty).fill_null(False) & suspects


def phone_number_rows(values: pl.Series, *, is_id: bool) -> pl.Series:
    """Which texts hold a phone number. Ids are often eight digits: there a prefix is needed."""
    pattern = _PHONE_PREFIXED if is_id else f"{_PHONE_PREFIXED}|{_PHONE_BARE}"
    return values.str.contains(pattern).fill_null(False)


def masked(text: str | None) -> str | None:
    """A value as it may be shown: its length and nothing else."""
    return None if text is None else f"{MASK}({len(text)})"
