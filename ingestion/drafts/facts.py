"""What can be said of each raw column without showing a value of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from ingestion.drafts.filenames import file_names
from ingestion.drafts.looked_at import Sample
from ingestion.drafts.shown import MAX_CODES, is_harmless, personal_counts
from ingestion.drafts.stamps import Stamps, stamps_of, told_apart
from ingestion.drafts.words import meaning, plain_words
from ingestion.privacy import shape
from ingestion.stamps import WHITE

# What senders write where there is nothing.
NULL_WORDS = frozenset(
    {"null", "none", "nan", "n/a", "na", "nil", "-", "--", "\\n", "ukjent", "(null)", "#n/a", "?"}
)
_WHOLE = r"^-?\d+$"
_WHOLE_FLOAT = r"^-?\d+(?:\.0+)?$"
_NUMBER = r"^-?\d+(?:[.,]\d+)?$|^-?\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+(?:[.,]\d+)?$"
_THOUSANDS = re.compile(r"^-?\d{1,3}(?:([.,' \u00a0\u202f])\d{3})(?:\1\d{3})*(?:([.,])\d+)?$")
_FRACTION = re.compile(r"^-?\d+([.,])(\d+)$")
_FLAGS = frozenset({"true", "false", "0", "1", "ja", "nei", "j", "n", "yes", "no", "y"})
_DATE_WORDS = frozenset(
    {"date", "dato", "day", "dag", "dt", "dttm", "time", "tid", "tidspunkt", "stamp", "uttrekk"}
)
_MIDNIGHTS = ("0:00:00", "00:00:00", "0:00", "00:00")
_MAX_SHAPES = 3
_FEW = 40
_SAYS_PHONE = 0.84
# Shapes repeat long before so many values.
_SHAPES_OF = 5_000
Marks = tuple[str | None, str | None]


@dataclass(frozen=True)
class Facts:
    """One raw column.

    Attributes:
        type: what its values are: `stamp`, `date`, `clock`, `number`, `whole number`, `flag`,
            `text`, `empty`.
        rows, filled, different: records, values that are there, different values.
        shapes: the commonest shapes, each with its number of values.
        other_shapes: how many more shapes there are.
        stamps: how its stamps are read, if it has any.
        few: its values with their counts, where they are so few that they may be codes and none
            can harm anybody. They are written only where `is_coded`, or where they are words that
            the contract knows.
        personal: rows with an identity or phone number.
        nulls: words in it that mean no value.
        marks: decimal and thousands mark, as far as they show; `?` where both could be.
        midnights: how often the clock stands at midnight, per spelling.
    """

    name: str
    type: str
    rows: int
    filled: int
    different: int
    shapes: tuple[tuple[str, int], ...] = ()
    other_shapes: int = 0
    stamps: Stamps | None = None
    few: Mapping[str, int] | None = None
    personal: Mapping[str, int] | None = None
    nulls: tuple[str, ...] = ()
    marks: Marks = (None, None)
    midnights: Mapping[str, int] = field(default_factory=dict)

    @property
    def share_filled(self) -> float:
        return self.filled / self.rows if self.rows else 0.0

    @property
    def is_coded(self) -> bool:
        """Few different values that come again and again, and nobody's number."""
        return bool(self.few) and self.different <= MAX_CODES and self.different * 2 <= self.filled

    @property
    def is_personal(self) -> bool:
        return bool(self.personal)


def facts_of(sample: Sample, *, day_first: bool | None = None) -> dict[str, Facts]:
    """The facts of every raw column that can be mapped, in the order of the file."""
    facts = {name: _column(sample.frame[name]) for name in sample.frame.columns}
    stamps = {name: fact.stamps for name, fact in facts.items() if fact.stamps is not None}
    delivered = file_names(sample.name).date
    apart = told_apart(stamps, day_first=day_first, delivered=delivered)
    return {name: _with_stamps(fact, apart.get(name)) for name, fact in facts.items()}


def _with_stamps(fact: Facts, stamps: Stamps | None) -> Facts:
    if stamps is None:
        return fact
    return replace(fact, stamps=stamps)


def _column(values: pl.Series) -> Facts:
    name, rows = values.name, len(values)
    # A name like `^x$` is a pattern to polars, also as the name of one column.
    values = values.alias("values")
    is_text = values.dtype == pl.String
    texts = values if is_text else values.cast(pl.String)
    texts = texts.str.strip_chars(WHITE)
    texts = texts.set(texts == "", None)
    if texts.drop_nulls().str.contains(_WHOLE_FLOAT).all():
        # A whole number that a program wrote as a float.
        texts = texts.str.replace(r"\.0+$", "")
    table = texts.drop_nulls().alias("text").value_counts(sort=True)
    counts: dict[str, int] = dict(table.iter_rows())
    nulls = tuple(sorted(text for text in counts if text.lower() in NULL_WORDS))
    if len(nulls) == len(counts):
        nulls = ()
    there = {text: count for text, count in counts.items() if text not in nulls}
    present = texts.set(texts.is_in(list(nulls)), None) if nulls else texts
    stamps = stamps_of(present if is_text else values, may_be_packed=_may_be_packed(name, there))
    kind = _type(stamps, there)
    is_id = kind in ("whole number", "number") or _is_identifier(present)
    is_id = is_id and meaning("caller_pseudonym", name) < _SAYS_PHONE
    personal = personal_counts(present, is_id=is_id) if is_text and stamps is None else {}
    shapes = _shapes(there)
    fact = Facts(
        name=name,
        type=kind,
        rows=rows,
        filled=sum(there.values()),
        different=len(there),
        shapes=tuple(shapes[:_MAX_SHAPES]),
        other_shapes=max(len(shapes) - _MAX_SHAPES, 0),
        stamps=stamps,
        personal=personal or None,
        nulls=nulls,
        marks=_marks(there) if kind == "number" else (None, None),
        midnights={text: there[text] for text in _MIDNIGHTS if text in there},
    )
    if stamps is None and not personal and 0 < len(there) <= _FEW and all(map(is_harmless, there)):
        return replace(fact, few=dict(sorted(there.items())))
    return fact


def _may_be_packed(name: str, there: Mapping[str, int]) -> bool:
    """Bare digits are a date where the name says so, or where the same few come again and again."""
    if set(plain_words(name).split()) & _DATE_WORDS:
        return True
    total = sum(there.values())
    return all(len(text) in (8, 12, 14) for text in list(there)[:200]) and (
        any(len(text) > 8 for text in list(there)[:1]) or (total >= 20 and len(there) * 5 <= total)
    )


def _is_identifier(texts: pl.Series) -> bool:
    """Whether values are mostly different and without blanks, as keys are."""
    there = texts.drop_nulls()
    if there.is_empty():
        return False
    return there.n_unique() > 0.5 * len(there) and not there.str.contains(r"\s").any()


def _type(stamps: Stamps | None, there: Mapping[str, int]) -> str:
    if not there:
        return "empty"
    if stamps is not None:
        return "stamp" if stamps.kind == "datetime" else stamps.kind
    texts = pl.Series(list(there))
    if set(texts.str.to_lowercase()) <= _FLAGS and len(there) <= 3:
        return "flag"
    if texts.str.contains(_WHOLE).all():
        return "whole number"
    if texts.str.contains(_NUMBER).mean() >= 0.95:  # type: ignore[operator]
        return "number"
    return "text"


def _shapes(there: Mapping[str, int]) -> list[tuple[str, int]]:
    shapes: dict[str, int] = {}
    for text, count in list(there.items())[:_SHAPES_OF]:
        pattern = shape(text)
        shapes[pattern] = shapes.get(pattern, 0) + count
    return sorted(shapes.items(), key=lambda item: (-item[1], item[0]))


def _marks(there: Mapping[str, int]) -> Marks:
    """Decimal and thousands mark of numbers, as far as the values tell.

    A mark before exactly three digits may be either; twice in one number it is between thousands,
    and after more than three digits, after a leading zero or before another number of digits it is
    the decimal mark.
    """
    decimal: set[str] = set()
    thousands: set[str] = set()
    either: set[str] = set()
    for text in there:
        grouped = _THOUSANDS.fullmatch(text)
        fraction = _FRACTION.fullmatch(text)
        if grouped and (grouped[2] or text.count(grouped[1]) > 1 or grouped[1] not in ".,"):
            thousands.add(grouped[1])
            decimal.update(grouped[2] or "")
        elif fraction:
            before = text.lstrip("-").split(fraction[1])[0]
            is_plain = len(fraction[2]) != 3 or len(before) > 3
            starts = before.startswith("0")
            (decimal if is_plain or starts else either).add(fraction[1])
    either -= decimal | thousands
    if decimal & thousands or len(decimal) > 1 or len(thousands) > 1:
        return "?", "?"
    known = next(iter(decimal), None), next(iter(thousands), None)
    if either and known == (None, None):
        return "?", "?"
    if either:
        # What is not the one mark is the other.
        mark = next(iter(either))
        return (known[0] or mark, known[1]) if known[1] else (known[0], mark)
    return known


def file_marks(facts: Mapping[str, Facts]) -> Marks:
    """The marks of the file: those of its columns that are certain; `?` when only doubt is left."""
    certain = [fact.marks for fact in facts.values() if "?" not in fact.marks]
    decimal = {mark for mark, _ in certain if mark}
    thousands = {mark for _, mark in certain if mark}
    in_doubt = any("?" in fact.marks for fact in facts.values())
    if len(decimal) > 1 or len(thousands) > 1 or decimal & thousands:
        return "?", "?"
    if not decimal and not thousands:
        return ("?", "?") if in_doubt else (None, None)
    return next(iter(decimal), None), next(iter(thousands), None)
