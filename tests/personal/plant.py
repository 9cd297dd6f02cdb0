"""Deliveries with made-up personal values in them: in cells of every kind of column, and in names.

Of each kind as many values are drawn again and put nowhere: what is found of those is chance.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.privacy_detectors import (
    EMAIL_SPELLINGS,
    IDENTITY_SPELLINGS,
    PHONE_SPELLINGS,
    SERIES,
    identity_numbers,
    phone_numbers,
)
from tests.fuzz import write
from tests.fuzz.cases import DAYS, Case, all_cases, header_on
from tests.fuzz.table import EXTRA, Cell, valid_table

ROWS = 400
# An e-mail address is known by its host, which nothing else has.
HOST = "planted"
PLACES = ("column", "column", "column", "unmapped", "one cell", "file name", "heading", "sheet")


@dataclass
class Planted:
    """What was put into deliveries, and what was drawn for comparison and put nowhere."""

    identity: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    other_identity: set[str] = field(default_factory=set)
    other_phones: set[str] = field(default_factory=set)
    spelled: set[str] = field(default_factory=set)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def values(self) -> int:
        return sum(self.counts.values())


class _Source:
    """Values of all kinds without end, each in one of its spellings."""

    def __init__(self, seed: int, planted: Planted) -> None:
        self._numbers = np.random.default_rng(seed)
        self._rng = random.Random(seed)
        self._planted = planted
        self._kinds = [(name, rule) for name in SERIES for rule in (2026, 2032)]
        self._kinds.append(("FH-number", 2026))

    def draw(self, count: int, named: bool = False) -> tuple[str, list[str]]:
        """So many values of one kind, spelled, and the name of the kind.

        In names eight digits are a day, so that no phone number is put there.
        """
        kinds = ("identity", "identity", "identity", "email", "phone")
        kind = self._rng.choice(kinds[: 4 if named else 5])
        if kind == "identity":
            series, rule = self._rng.choice(self._kinds)
            drawn = identity_numbers(self._numbers, 2 * count, series, rule)
            self._planted.identity.update(drawn[:count])
            self._planted.other_identity.update(drawn[count:])
            kind, spellings = series, IDENTITY_SPELLINGS
        else:
            # As callers' numbers are: most are of mobile phones.
            drawn = [
                number if self._rng.random() < 0.1 else self._rng.choice("49") + number[1:]
                for number in phone_numbers(self._numbers, 2 * count)
            ]
            if kind == "phone":
                self._planted.phones.update(drawn[:count])
                self._planted.other_phones.update(drawn[count:])
            spellings = PHONE_SPELLINGS if kind == "phone" else EMAIL_SPELLINGS
        ways = list(spellings.values())
        if self._rng.random() < 0.5:
            # One spelling for all, so that whole columns have a type.
            ways = [self._rng.choice(ways)]
        texts = [ways[at % len(ways)](number) for at, number in enumerate(drawn[:count])]
        if kind == "email":
            texts = [
                text.replace("example", HOST).replace("EXAMPLE", HOST.upper()) for text in texts
            ]
        self._planted.spelled.update(texts)
        return kind, texts


@dataclass(frozen=True)
class Delivery:
    """A file that must not be taken in with what was put into it."""

    source: str
    name: str
    data: bytes


def deliveries(values: int, seed: int, planted: Planted) -> Iterator[Delivery]:
    """Files with at least so many values in them, over all sources and formats."""
    rng = random.Random(seed)
    source = _Source(seed, planted)
    number = 0
    while planted.values < values:
        for case in all_cases():
            number += 1
            delivery = _delivery(case, number, rng, source, planted)
            if delivery is not None:
                yield delivery


def _delivery(
    case: Case, number: int, rng: random.Random, source: _Source, planted: Planted
) -> Delivery | None:
    day, place = rng.choice(DAYS), rng.choice(PLACES)
    table = valid_table(case.spec, day, ROWS, rng)
    suffix = f"{number:07d}"
    spec = case.spec
    mapped = [name for name in table.names if name not in EXTRA]
    named = place in ("file name", "heading", "sheet")
    kind, texts = source.draw(len(table.rows) if place in ("column", "unmapped") else 1, named)
    if place in ("column", "unmapped"):
        at = table.names.index(rng.choice(mapped if place == "column" else list(EXTRA)))
        for row, text in zip(table.rows, texts, strict=False):
            row[at] = _typed(text, rng)
    elif place == "one cell":
        at = table.names.index(rng.choice(mapped))
        rng.choice(table.rows)[at] = texts[0]
    elif place == "heading":
        table.names[table.names.index(EXTRA[0])] = texts[0].replace("\n", " ")
    elif place == "sheet" and spec.format.type in ("xlsx", "ods"):
        spec = spec.model_copy(
            update={"format": spec.format.model_copy(update={"sheet": texts[0][:31]})}
        )
    else:
        place = "file name"
        suffix += "_" + "".join(c if c.isalnum() or c in " _+@＠.()-" else "-" for c in texts[0])
    renamed = header_on(case.spec, day)
    table.names = [renamed.get(name, name) for name in table.names]
    try:
        data = write.packed(write.payload(table, spec), spec, f"data_{suffix}.csv")
    except (ValueError, OverflowError):
        return None  # a value that the format cannot write
    planted.counts[kind, place] += len(texts)
    return Delivery(case.name, f"{case.name}_{day.isoformat()}_{suffix}.{case.extension}", data)


def _typed(text: str, rng: random.Random) -> Cell:
    """Plain numbers are numbers in formats that have types."""
    if text.isascii() and text.isdigit() and len(text) < 16 and rng.random() < 0.9:
        return int(text)
    return text
