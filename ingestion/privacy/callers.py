"""Callers: one spelling of a phone number, its keyed pseudonym, and the key behind it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from pathlib import Path

import polars as pl

from ingestion.errors import KeyChangedError, KeyMissingError
from ingestion.privacy.plain import plain

KEY_VARIABLE = "AKUTT_PSEUDONYM_KEY"
MIN_KEY_CHARACTERS = 32
FINGERPRINT = "key_fingerprint.json"
_FINGERPRINT_OF = b"akuttkjede pseudonym key"

# As most calls come: nothing to do but to hash. Everything else is looked at.
_E164 = r"^\+[1-9][0-9]{7,14}$"
_NORWEGIAN = r"^(?:(?:\+|00)?47)?([2-9][0-9]{7})$"
_BETWEEN_DIGITS = r"[\s\-./()]"
_NUMBER = r"^[(+ ]{0,3}[0-9][0-9\s\-./()]*$"
# What exchanges and people write for a number that is hidden or not known.
_NOBODY = (
    r"(?i)^(?:(?:anonym|anonymt|anonymous|anon|hemmelig|hemmeleg|skjult|skjulte|ukjent|unknown|"
    r"privat|private|withheld|restricted|unavailable|utilgjengelig|hidden|blocked|blokkert|sperret|"
    r"secret|confidential|ingen|none|null|nil|nan|n/?a|no|mangler|missing|undefined|not available|"
    r"ikke tilgjengelig|ikke oppgitt|ikke vist|ikke kjent|not known)"
    r"(?:[ _.-]?(?:nummer|nr|number|num|no|caller|call|caller ?id|id|innringer|abonnent|anrop|"
    r"subscriber))*|nummer (?:hemmelig|skjult|ukjent)|number (?:withheld|unavailable)|"
    r"caller ?id ?(?:withheld|unavailable|blocked)|[+\-–—_.?*#x0\s()]*)$"
)


def key_from_environment() -> bytes:
    """The secret behind the pseudonyms.

    Raises:
        KeyMissingError: the variable is unset or shorter than 32 characters.
    """
    key = os.environ.get(KEY_VARIABLE, "")
    if len(key) < MIN_KEY_CHARACTERS:
        raise KeyMissingError(len(key))
    return key.encode()


def key_fingerprint(key: bytes) -> str:
    """What tells one key from another, and says nothing of either."""
    return hmac.new(key, _FINGERPRINT_OF, hashlib.sha256).hexdigest()[:16]


def check_key(lake: Path, key: bytes) -> None:
    """See to it that one lake is filled with one key; the first one used is remembered.

    Raises:
        KeyChangedError: the lake was filled with another key.
    """
    path = lake / FINGERPRINT
    fingerprint = key_fingerprint(key)
    try:
        known = json.loads(path.read_text("utf-8"))["fingerprint"]
    except FileNotFoundError:
        lake.mkdir(parents=True, exist_ok=True)
        aside = lake / f".aside-{FINGERPRINT}-{os.getpid()}"
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"fingerprint": fingerprint}, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        return
    except (ValueError, KeyError, TypeError):
        known = None  # a damaged file vouches for no key
    if not isinstance(known, str) or not hmac.compare_digest(known, fingerprint):
        raise KeyChangedError(path, damaged=not isinstance(known, str))


class Pseudonymiser:
    """HMAC-SHA-256 of caller numbers, as 32 hexadecimal characters."""

    def __init__(self, key: bytes) -> None:
        # HMAC as RFC 2104 defines it: H(outer || H(inner || message)). What comes before the
        # message is hashed once, which makes it half the work.
        block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def series(self, numbers: pl.Series) -> pl.Series:
        """Pseudonyms of a text column; null, hidden and unknown numbers are null."""
        callers = one_spelling(numbers.cast(pl.String))
        found = [None if number is None else self._one(number) for number in callers.to_list()]
        return pl.Series(numbers.name, found, dtype=pl.String)

    def _one(self, number: str) -> str:
        inner = self._inner.copy()
        inner.update(number.encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()[:32]


def one_spelling(numbers: pl.Series) -> pl.Series:
    """Phone numbers in E.164, so that one caller is one; hidden and unknown numbers as null.

    Short numbers and what is no number stay as they are, trimmed. Eight digits are Norwegian.
    """
    done = numbers.str.contains(_E164)
    if done.all() and not numbers.has_nulls():
        # A stray 0 after the country code is the only thing left to see.
        return numbers
    different = numbers.filter(~done.fill_null(True)).unique()
    if not different.len():
        return numbers
    spelled = _spelled(different)
    changed = different.to_frame("raw").with_columns(spelled.alias("one"))
    return (
        numbers.alias("raw")
        .to_frame()
        .join(changed, on="raw", how="left", maintain_order="left")
        .select(pl.when(done.fill_null(False)).then("raw").otherwise("one"))
        .to_series()
        .alias(numbers.name)
    )


def _spelled(numbers: pl.Series) -> pl.Series:
    if (numbers.str.len_bytes() != numbers.str.len_chars()).any():
        numbers = pl.Series([plain(number) for number in numbers], dtype=pl.String)
    text = pl.col("number")
    trimmed = text.str.strip_chars(" \t\r\n'\"").str.replace(r"^(?:tel|sip|sips):", "")
    # A number that was read as a float; and (0), which is dialled at home only.
    whole = trimmed.str.replace(r"^(\+?\d{5,15})[.,]0+$", "$1").str.replace(r"\(0\)", "")
    digits = (
        pl.when(whole.str.contains(_NUMBER))
        .then(whole.str.replace_all(_BETWEEN_DIGITS, ""))
        .otherwise(whole)
    )
    national = digits.str.extract(_NORWEGIAN)
    abroad = digits.str.extract(r"^00([1-9][0-9]{7,14})$")
    one = (
        pl.when(digits.str.contains(_NOBODY))
        .then(None)
        .when(national.is_not_null())
        .then(pl.lit("+47") + national)
        .when(abroad.is_not_null())
        .then(pl.lit("+") + abroad)
        .otherwise(digits)
    )
    return numbers.alias("number").to_frame().select(one.alias("number")).to_series()
