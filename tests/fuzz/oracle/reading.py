"""What the oracle read: records of raw values, and how sure it is of them."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ingestion.sources.spec import SourceSpec

# What is blank at the ends of a text: Unicode's White_Space, and what Python adds to it.
BLANK = "".join(chr(c) for c in range(0x110000) if chr(c).isspace()) + (
    "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00ad"
)


class Broken:
    """There is something that is no value: the record may not be accepted."""


class Beyond(Broken):
    """A date cell outside the calendar: no moment, but a text column may have its number."""


class Unknown:
    """The oracle cannot tell what this value is."""


@dataclass(frozen=True)
class Stamp:
    """A typed moment. `zoned`: in UTC; else on the clock of the source."""

    moment: dt.datetime
    zoned: bool = False
    slack: dt.timedelta = dt.timedelta(0)


@dataclass(frozen=True)
class Clock:
    """A typed time of day, without a date."""

    time: dt.timedelta


@dataclass(frozen=True)
class Number:
    """A number that was not written as a text."""

    value: Decimal


BROKEN, BEYOND, UNKNOWN = Broken(), Beyond(), Unknown()
Raw = None | str | bool | Number | Stamp | Clock | Broken | Unknown


@dataclass
class Row:
    """One record.

    Attributes:
        values: raw value per raw column; None when the record is malformed.
        key: equal for records that are equal in whole.
        optional: a blank line, which a reader may count or pass over.
        doubtful: a reader may also call it broken: a quotation mark or a carriage return where
            none belongs.
    """

    values: dict[str, Raw] | None
    key: Hashable
    optional: bool = False
    doubtful: bool = False


@dataclass
class Reading:
    """One legitimate reading of a file. `refused_for`: it must be refused, and why."""

    rows: list[Row] = field(default_factory=list)
    refused_for: str | None = None


class MustRefuseError(Exception):
    """The file is not what its source says; only a refusal is right."""


class UndecidedError(Exception):
    """The oracle cannot tell; a refusal or any account that adds up is accepted."""


def clean_name(name: str) -> str:
    return name.strip(BLANK)


def header_fault(
    names: Sequence[str], spec: SourceSpec, day: dt.date
) -> tuple[list[str], str | None]:
    """The names as the map knows them, and why a file with them must be refused."""
    renames: dict[str, str] = {}
    for variant in spec.headers:
        begun = variant.valid_from is None or variant.valid_from <= day
        if begun and (variant.valid_to is None or day < variant.valid_to):
            renames.update(variant.rename)
    known = [renames.get(clean_name(name), clean_name(name)) for name in names]
    counts = Counter(known)
    missing = [name for name in required_columns(spec) if not counts[name]]
    if missing:
        return known, "column missing"
    if any(counts[name] > 1 for name in file_columns(spec)):
        return known, "column doubled"
    return known, None


def file_columns(spec: SourceSpec) -> list[str]:
    """Raw columns of the file that the map reads."""
    mapped = [name for item in spec.columns.values() for name in item.raw_columns()]
    if spec.explode:
        made = set(spec.explode[0])
        mapped = [name for name in mapped if name not in made]
        mapped += [raw for unit in spec.explode for raw in unit.values()]
    return list(dict.fromkeys([*mapped, *spec.where, *spec.where_not]))


def required_columns(spec: SourceSpec) -> list[str]:
    """Those that every file must have."""
    optional = {
        name
        for item in spec.columns.values()
        for name in set(item.raw_columns()) - set(item.required_raw_columns())
    }
    return [name for name in file_columns(spec) if name not in optional]


def selected(rows: list[Row], spec: SourceSpec) -> list[Row]:
    """The records of this source, and the units of wide rows each as one."""
    kept: list[Row] = []
    for row in rows:
        if row.values is None:
            kept.append(row)
            continue
        verdict = _belongs(row.values, spec)
        if verdict is False and not row.doubtful:
            continue
        if verdict is not True:
            row.optional = True
        kept.extend(_units(row, spec) if spec.explode else [row])
    return kept


def _belongs(values: dict[str, Raw], spec: SourceSpec) -> bool | None:
    verdict: bool | None = True
    for wanted, rule in ((True, spec.where), (False, spec.where_not)):
        for name, texts in rule.items():
            value = values.get(name)
            if isinstance(value, Broken | Unknown | Number | bool):
                verdict = None
            elif ((value or "").strip(BLANK) in texts) != wanted:
                return False
    return verdict


def _units(row: Row, spec: SourceSpec) -> list[Row]:
    values = row.values or {}
    made = []
    for number, unit in enumerate(spec.explode):
        inner = {name: values.get(raw) for name, raw in unit.items()}
        if all(_is_empty(value) for value in inner.values()):
            continue
        blank = all(value is None or _is_empty(str(value)) for value in inner.values())
        # A row that a reader may call broken is then one record, however many units it has.
        optional = (row.optional and blank) or (row.doubtful and bool(made))
        made.append(Row({**values, **inner}, (number, row.key), optional))
    # A wide row without any unit is no record of the source, or a broken one: both add up.
    return made or [Row(values, row.key, optional=True)]


def _is_empty(value: Raw) -> bool:
    return value is None or (isinstance(value, str) and not re.sub(r"\s", "", value))
