"""What may be shown of a text: on a terminal, in a receipt, a log, an error, a workbook."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata

import polars as pl

from ingestion.privacy.clues import clues, emails
from ingestion.privacy.columns import IDENTITY, PHONE
from ingestion.privacy.identity import elevens, is_identity_number
from ingestion.privacy.phones import phones
from ingestion.privacy.plain import plain, plain_with_places

MASK = "•••"
_SHAPE_SIZE = 40
_TEN = re.compile(r"(?<![0-9A-Za-z])[1-9][0-9]{9}(?![0-9A-Za-z])")
# A whole number as a float: 9.8765432e7, 98765432.0.
_FLOAT = re.compile(
    r"(?<![0-9])(?:[0-9][.,][0-9]{6,13}[eE]\+?(?:0?[7-9]|1[0-4])|[0-9]{8,12}[.,]0+)(?![0-9])"
)
# An e-mail address that was cut short, as fields of a fixed width do.
_CUT_EMAIL = re.compile(
    r"[\w.+-]+ ?(?:@|[\[(] ?(?:at|alfa|krøllalfa) ?[\])]) ?[\w-]+(?:\.[\w-]*)*\.?$", re.IGNORECASE
)
_LOOKED_THROUGH = 10_000


def masked(text: str | None) -> str | None:
    """A value as it may be shown: its length and nothing else."""
    return None if text is None else f"{MASK}({len(text)})"


def masked_where(values: pl.Series, hits: pl.Series) -> pl.Series:
    """The values, with those that are hit masked."""
    if not hits.any():
        return values
    frame = pl.DataFrame({"value": values, "hit": hits})
    size = pl.col("value").str.len_chars()
    hidden = pl.when(pl.col("value").is_not_null()).then(
        pl.concat_str(pl.lit(f"{MASK}("), size, pl.lit(")"))
    )
    shown = pl.when("hit").then(hidden).otherwise("value")
    return frame.select(shown.alias(values.name)).to_series()


def personal_text(text: str) -> str | None:
    """The code of what is personal in a name: of a file, a sheet, a member, a column, a key.

    Names hold dates and sequence numbers, so eight digits alone are no phone number there.
    """
    read = plain(text).replace("_", " ")
    for found in elevens(plain(text)):
        if is_identity_number(found.digits) and not (found.apart and _is_dated(found.digits)):
            return IDENTITY
    if any(phone.spelling != "bare" for phone in phones(plain(text))):
        return PHONE
    mail = next(emails(read), None)
    return mail.code if mail else next((clue.code for clue in clues(_parted(read))), None)


def _is_dated(digits: str) -> bool:
    """Whether digits that stand apart are the day of a delivery and a sequence number."""
    day, this_year = digits[:6], dt.date.today().year % 100
    return any(
        _DELIVERY_DAY.fullmatch(order) and 10 <= int(order[4:]) <= this_year + 1
        for order in (day, day[4:] + day[2:4] + day[:2])
    )


# ddmmyy
_DELIVERY_DAY = re.compile(r"(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])[0-9]{2}")


def _parted(name: str) -> str:
    """A name without its ending, so that `Kari Nordmann.xlsx` ends in a word."""
    return re.sub(r"(?:\.[A-Za-z][A-Za-z0-9]{0,6}){1,2}$", "", name)


def safe(text: str, limit: int = 200) -> str:
    """A text as it may be written anywhere: masked, in one line of visible characters, cut.

    Eleven digits are masked whether or not they are valid: a slip of the pen hides nobody. What may
    be a date and a sequence number is masked when it is valid.
    """
    text = unicodedata.normalize("NFC", text[:_LOOKED_THROUGH])
    read, places = plain_with_places(text)
    spans = [
        (found.start, found.end)
        for found in elevens(read)
        if not found.apart or is_identity_number(found.digits)
    ]
    spans += [(phone.start, phone.end) for phone in phones(read)]
    spans += [(clue.start, clue.end) for clue in clues(read)]
    spans += [found.span() for found in _CUT_EMAIL.finditer(read)]
    spans += [found.span() for found in _FLOAT.finditer(read)]
    spans += [found.span() for found in _TEN.finditer(read) if is_identity_number("0" + found[0])]
    parts: list[str] = []
    at = 0
    for start, end in sorted(spans):
        first, after = places[start], places[end - 1] + 1
        if after <= at:
            continue
        parts += [_visible(text[at:first]), MASK] if first >= at else []
        at = after
    shown = "".join([*parts, _visible(text[at:])])
    return shown if len(shown) <= limit else shown[: max(limit - 1, 0)] + "…"


def _visible(text: str) -> str:
    """Control, direction and other unseen characters written out."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def shape(text: str) -> str:
    """The shape of a value: digits as 9, capitals as A, other letters as a, at most 40 long."""
    return "".join(map(_shape_of, text[:_SHAPE_SIZE]))


def _shape_of(character: str) -> str:
    if character.isdigit() or character.isnumeric():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character if character.isprintable() else "?"
