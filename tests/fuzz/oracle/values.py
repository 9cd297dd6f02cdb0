"""Raw values to contract values by the source file, independent of the mapping."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from contracts import CONTRACTS
from ingestion.sources.spec import ColumnMap, SourceSpec
from tests.fuzz.oracle.reading import (
    BLANK,
    BROKEN,
    UNKNOWN,
    Beyond,
    Broken,
    Clock,
    Number,
    Raw,
    Stamp,
    Unknown,
)

_TRUE = {"true", "1", "ja", "j", "yes", "y"}
_FALSE = {"false", "0", "nei", "n", "no"}
_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
_OLD, _LAST = 1900, 9999


@dataclass(frozen=True)
class Expected:
    """What an accepted row may have in a column.

    Attributes:
        values: any of these.
        slack: how far a stamp may be from them.
        never: the row may not be accepted.
        unknown: the oracle cannot tell.
    """

    values: tuple[Any, ...] = ()
    slack: dt.timedelta = dt.timedelta(0)
    never: str = ""
    unknown: bool = False

    def allows(self, got: Any) -> bool:
        if self.unknown:
            return True
        if self.never:
            return False
        if isinstance(got, dt.datetime):
            return any(
                isinstance(value, dt.datetime) and abs(value - got) <= self.slack
                for value in self.values
            )
        return any(_same(value, got) for value in self.values)


def _same(value: Any, got: Any) -> bool:
    if isinstance(value, Number):
        try:
            return isinstance(got, str) and Decimal(got) == value.value
        except InvalidOperation:
            return False
    if isinstance(value, str) and isinstance(got, str):
        # A record that spans lines may keep the line ends of the file.
        # Filled up to a size, a line end of two characters has left room for one zero less.
        one = got.replace("\r\n", "\n")
        return value in (got, one, one.zfill(len(got)))
    return type(value) is type(got) and bool(value == got)


NOTHING = Expected((None,))
CANNOT_TELL = Expected(unknown=True)


def never(why: str) -> Expected:
    return Expected(never=why)


# --- texts ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """A raw value as text: the spellings that are right. Empty: no value."""

    spellings: tuple[str, ...] = ()
    number: Decimal | None = None
    broken: bool = False
    unknown: bool = False

    @property
    def absent(self) -> bool:
        return not (self.spellings or self.broken or self.unknown)


def as_text(value: Raw, nulls: set[str], *, trim: bool) -> Text:
    if value is None:
        return Text()
    if isinstance(value, Broken) and not isinstance(value, Beyond):
        return Text(broken=True)
    if isinstance(value, Beyond | Unknown | Stamp | Clock):
        return Text(unknown=True)
    if isinstance(value, bool):
        return Text(("true" if value else "false",))
    if isinstance(value, Number):
        text = spelled(value.value)
        return Text() if text in nulls else Text((text,), value.value)
    if "\ufffd" in value:
        # What stands here was another character before the file was sent.
        return Text(broken=True)
    text = value.strip(BLANK) if trim else value
    return Text() if text in nulls or not text else Text((text,))


def spelled(value: Decimal) -> str:
    """A number as an id is written: whole numbers without a point."""
    if value == value.to_integral_value() and abs(value.adjusted()) < 40:
        return str(int(value))
    return str(value)


def joined(column: ColumnMap, values: Mapping[str, Raw], spec: SourceSpec) -> Text:
    nulls = {*spec.nulls, *column.nulls, ""}
    trim = spec.trim if column.trim is None else column.trim
    parts = [as_text(values.get(name), nulls, trim=trim) for name in column.from_]
    if any(part.broken for part in parts):
        return Text(broken=True)
    if any(part.unknown for part in parts):
        return Text(unknown=True)
    if len(parts) == 1:
        whole = parts[0]
    elif column.join_nulls == "skip":
        filled = [part for part in parts if not part.absent]
        whole = _concat(filled, column.join)
    elif any(part.absent for part in parts):
        return Text()
    else:
        whole = _concat(parts, column.join)
    if column.extract is None or whole.absent:
        return whole
    cut = []
    for text in whole.spellings:
        found = re.search(column.extract, text)
        if found is None or found[1] is None:
            return Text(unknown=True)
        cut += [found[1], found[1].strip()]
    return Text(tuple(text for text in dict.fromkeys(cut) if text))


def _concat(parts: list[Text], join: str) -> Text:
    texts = [""]
    for number, part in enumerate(parts):
        texts = [
            f"{text}{join if number else ''}{spelling}"
            for text in texts
            for spelling in part.spellings
        ]
    return Text(tuple(text for text in texts if text))


# --- columns ----------------------------------------------------------------------------------


def expected_row(values: Mapping[str, Raw], spec: SourceSpec, day: dt.date) -> dict[str, Expected]:
    """What every contract column of an accepted row may hold."""
    contract = CONTRACTS[spec.contract]
    row: dict[str, Expected] = {}
    local: dict[str, dt.datetime | None] = {}
    maps = {"extract_at": ColumnMap(hours_after_delivery=28), **spec.columns}
    waiting = dict(maps)
    while waiting:
        for name in list(waiting):
            column = waiting[name]
            needs = {need for need in (column.after, column.next_day_if_before) if need}
            if needs & set(waiting):
                continue
            del waiting[name]
            definition = contract.columns[name]
            if definition.kind == "timestamp":
                row[name] = _stamp(column, values, spec, day, row, local, name)
            else:
                row[name] = _plain(column, values, spec, day, definition.dtype)
            default = definition.default
            if default is not None and None in row[name].values:
                kept = tuple(v for v in row[name].values if v is not None)
                row[name] = Expected((*kept, default), row[name].slack)
    for name, definition in contract.columns.items():
        if name not in row:
            row[name] = Expected((definition.default,))
    if "urgency_changed" in row and "urgency_changed" not in spec.columns:
        row["urgency_changed"] = CANNOT_TELL
        first, last = row["urgency_first"], row["urgency_last"]
        if len(first.values) == 1 and len(last.values) == 1:
            row["urgency_changed"] = Expected((first.values[0] != last.values[0],))
    return row


def _plain(
    column: ColumnMap, values: Mapping[str, Raw], spec: SourceSpec, day: dt.date, dtype: Any
) -> Expected:
    kind = str(dtype)
    if column.constant is not None:
        constant = column.constant
        return Expected((str(constant) if kind == "String" else constant,))
    if column.hash_of:
        return CANNOT_TELL
    if column.any_of:
        return _any_flag([values.get(name) for name in column.any_of], spec)
    if column.coalesce:
        for part in column.coalesce:
            found = _plain(part, values, spec, day, dtype)
            if found != NOTHING:
                return found
        return NOTHING
    text = joined(column, values, spec)
    if column.pseudonym:
        # The form of the number decides; that it is no plain number is judged apart.
        return NOTHING if text.absent else CANNOT_TELL
    if text.broken:
        return never("broken value")
    if text.unknown:
        return CANNOT_TELL
    if column.codes is not None:
        return _coded(text, column, day, kind)
    if text.absent:
        return NOTHING
    if kind == "Boolean":
        return _flag(text)
    if kind.startswith(("Int", "UInt")):
        return _integer(text, column, spec)
    if text.number is not None and not text.spellings[0].lstrip("-").isdigit():
        return Expected((Number(text.number),))
    if column.pad is not None:
        return Expected(tuple(item.zfill(column.pad) for item in text.spellings))
    return Expected(text.spellings)


def _any_flag(raws: list[Raw], spec: SourceSpec) -> Expected:
    flags = []
    for raw in raws:
        text = as_text(raw, {*spec.nulls, ""}, trim=spec.trim)
        flags.append(NOTHING if text.absent else _flag(text))
    if any(flag.unknown for flag in flags):
        return CANNOT_TELL
    if any(flag.values == (True,) for flag in flags):
        return Expected((True,))
    if any(flag.never for flag in flags):
        return never("not a flag")
    # Absent beside one that is false: absent, or what those that are there say.
    values = (None,) if NOTHING in flags else ()
    return NOTHING if all(flag == NOTHING for flag in flags) else Expected((False, *values))


def _flag(text: Text) -> Expected:
    if text.broken:
        return never("broken value")
    if text.unknown:
        return CANNOT_TELL
    words = {item.lower() for item in text.spellings}
    if words <= _TRUE:
        return Expected((True,))
    if words <= _FALSE:
        return Expected((False,))
    if any(re.fullmatch(r"[01]\.0*", word) for word in words):
        return CANNOT_TELL
    return never("not a flag")


def _coded(text: Text, column: ColumnMap, day: dt.date, kind: str) -> Expected:
    codes: dict[str, Any] = {}
    if isinstance(column.codes, dict):
        codes = column.codes
    else:
        for dated in column.codes or []:
            begun = dated.valid_from is None or dated.valid_from <= day
            if begun and (dated.valid_to is None or day < dated.valid_to):
                codes = dated.map
    if text.absent:
        return Expected((codes.get("", None),))
    found = [codes[item] for item in text.spellings if item in codes]
    if not found and "*" in codes:
        found = [codes["*"]]
    if not found:
        return never("unknown code")
    return Expected(tuple(str(code) if kind == "String" else code for code in found))


def _decimal(text: str, column: ColumnMap, spec: SourceSpec) -> Decimal | None:
    """A number as it may be written with the marks of the source; None when it is not one."""
    point = column.decimal or spec.format.decimal
    thousands = column.thousands or spec.format.thousands
    if thousands and re.fullmatch(
        rf"[+-]?\d{{1,3}}({re.escape(thousands)}\d{{3}})+({re.escape(point)}\d*)?", text, re.ASCII
    ):
        text = text.replace(thousands, "")
    if point != ".":
        if "." in text:
            return None
        text = text.replace(point, ".")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", text, re.ASCII):
        return None
    return Decimal(text)


def _numbers(text: Text, column: ColumnMap, spec: SourceSpec) -> list[Decimal]:
    """What the text may be as a number; a typed number is what it is."""
    if text.number is not None:
        return [text.number]
    found = [_decimal(item, column, spec) for item in text.spellings]
    return [value for value in found if value is not None]


def _integer(text: Text, column: ColumnMap, spec: SourceSpec) -> Expected:
    numbers = [n for n in _numbers(text, column, spec) if n == n.to_integral_value()]
    fitting = [int(n) for n in numbers if abs(n) < 2**31]
    return Expected(tuple(fitting)) if fitting else never("not a whole number")


# --- stamps -----------------------------------------------------------------------------------

_FIELDS = {
    "%Y": r"(?P<Y>\d{4})", "%y": r"(?P<y>\d{2})", "%m": r"(?P<m>\d{1,2})", "%d": r"(?P<d>\d{1,2})",
    "%H": r"(?P<H>\d{1,2})", "%M": r"(?P<M>\d{2})", "%S": r"(?P<S>\d{2})",
    "%z": r"(?P<z>Z|[+-]\d{2}:?\d{2})", "%:z": r"(?P<z>Z|[+-]\d{2}:?\d{2})",
    "%.3f": r"(?:\.(?P<f>\d{1,9}))?", "%.f": r"(?:\.(?P<f>\d{1,9}))?", "%f": r"(?P<f>\d{1,9})",
    "%T": r"(?P<H>\d{1,2}):(?P<M>\d{2}):(?P<S>\d{2})",
}  # fmt: skip


@functools.lru_cache(maxsize=256)
def _regex(pattern: str) -> re.Pattern[str] | None:
    parts, at = "", 0
    while at < len(pattern):
        if pattern[at] == "%":
            found = next(
                (f for f in sorted(_FIELDS, key=len, reverse=True) if pattern.startswith(f, at)),
                None,
            )
            if found is None:
                return None
            parts += _FIELDS[found]
            at += len(found)
        elif pattern[at].isspace():
            parts += r"\s*"
            at += 1
        else:
            parts += re.escape(pattern[at])
            at += 1
    # A fraction that is nothing changes no value where the format has none.
    return re.compile(parts if "f" in pattern else rf"{parts}(?:\.0+)?", re.ASCII)


def parsed(text: str, pattern: str) -> tuple[dt.datetime, bool] | None:
    """A text as a moment, and whether it is in UTC; None when it does not fit the format."""
    regex = _regex(pattern)
    # White space between the parts may be any; chrono reads it so, and no value is changed by it.
    found = regex.fullmatch(re.sub(r"\s", " ", text)) if regex else None
    if found is None:
        return None
    part = found.groupdict()
    year = int(part.get("Y") or 2000 + int(part.get("y") or 0))
    fraction = int((part.get("f") or "0")[:6].ljust(6, "0"))
    second = int(part.get("S") or 0)
    try:
        value = dt.datetime(
            year, int(part.get("m") or 1), int(part.get("d") or 1), int(part.get("H") or 0),
            int(part.get("M") or 0), second, fraction,
        )  # fmt: skip
    except ValueError:
        return None
    zone = part.get("z")
    if zone is None:
        return value, False
    if zone != "Z":
        digits = zone[1:].replace(":", "")
        offset = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        try:
            value = value - offset if zone[0] == "+" else value + offset
        except OverflowError:
            return None
    return value, True


def to_utc(local: dt.datetime, spec: SourceSpec) -> dt.datetime | None:
    """A local clock time in UTC; None when it does not exist."""
    zone = ZoneInfo(spec.clock.zone)
    fold = 1 if spec.clock.ambiguous == "latest" else 0
    try:
        aware = local.replace(tzinfo=zone, fold=fold)
        utc = aware.astimezone(dt.UTC)
        back = utc.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        return None
    return utc.replace(tzinfo=None) if back == local else None


def _is_utc(column: ColumnMap) -> bool:
    return column.utc or any("%z" in item or "%:z" in item for item in column.format)


def _patterns(column: ColumnMap, spec: SourceSpec) -> list[str]:
    """How a stamp may be written: as declared; in typed cells, also as they are told as texts."""
    if not column.format:
        return ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
    typed = spec.format.type in ("xlsx", "xls", "ods", "parquet")
    return [*column.format, *(["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d"] if typed else [])]


def _stamp(
    column: ColumnMap,
    values: Mapping[str, Raw],
    spec: SourceSpec,
    day: dt.date,
    row: dict[str, Expected],
    local: dict[str, dt.datetime | None],
    name: str,
) -> Expected:
    if column.hours_after_delivery is not None:
        start = dt.datetime.combine(day, dt.time())
        moment = to_utc(start + dt.timedelta(hours=column.hours_after_delivery), spec)
        return CANNOT_TELL if moment is None else Expected((moment,))
    if column.coalesce:
        for part in column.coalesce:
            found = _stamp(part, values, spec, day, row, local, name)
            if found != NOTHING:
                return found
        return NOTHING
    if column.after is not None:
        return _after(column, values, spec, row)
    raws = [values.get(raw) for raw in column.from_]
    if any(isinstance(raw, Unknown) for raw in raws):
        return CANNOT_TELL
    if any(isinstance(raw, Broken) for raw in raws):
        return never("broken value")
    moment, in_utc, slack = None, _is_utc(column), dt.timedelta(0)
    if any(isinstance(raw, Stamp | Clock) for raw in raws):
        typed = _typed(raws)
        if typed is None:
            return never("no moment")
        if isinstance(typed, Unknown):
            return CANNOT_TELL
        moment, slack = typed.moment, typed.slack
        in_utc = in_utc or typed.zoned
    else:
        text = joined(column, values, spec)
        if text.absent:
            return NOTHING
        if text.unknown:
            return CANNOT_TELL
        if column.epoch is not None:
            return _epoch(text, column, spec)
        if text.number is not None:
            # A bare number in a column of stamps: what it counts is not said.
            return never("a number as a stamp") if spec.format.type == "jsonl" else CANNOT_TELL
        found = [
            hit
            for item in text.spellings
            for pattern in _patterns(column, spec)
            if (hit := parsed(item, pattern)) is not None
        ]
        if not found:
            return never("not a stamp") if column.format else CANNOT_TELL
        if len({hit[0] for hit in found}) > 1:
            return Expected(tuple(hit[0] for hit in found), unknown=True)
        moment, zoned = found[0]
        in_utc = in_utc or zoned
    if column.next_day_if_before is not None:
        reference = local.get(column.next_day_if_before)
        if reference is not None and moment < reference - dt.timedelta(hours=12):
            moment += dt.timedelta(days=1)
    local[name] = moment
    utc = moment if in_utc else to_utc(moment, spec)
    if utc is None:
        return never("a time that does not exist")
    # A year that stands for "no date" may become no value, with a code.
    sentinel = (None,) if moment.year <= _OLD or moment.year == _LAST else ()
    return Expected((utc, *sentinel), slack)


def _typed(raws: list[Raw]) -> Stamp | Unknown | None:
    """Typed cells as a moment: one, or a date and a clock time."""
    if len(raws) == 1:
        return raws[0] if isinstance(raws[0], Stamp) else None
    date, clock = raws[0], raws[1]
    if isinstance(date, Stamp) and isinstance(clock, Clock) and len(raws) == 2:
        if date.moment.time() != dt.time():
            return UNKNOWN
        return Stamp(date.moment + clock.time, slack=dt.timedelta(milliseconds=501))
    if date is None or clock is None:
        return UNKNOWN
    return UNKNOWN


def _epoch(text: Text, column: ColumnMap, spec: SourceSpec) -> Expected:
    micros = {"s": 1_000_000, "ms": 1_000, "us": 1}[column.epoch or "s"]
    found = []
    for number in _numbers(text, column, spec):
        try:
            length = dt.timedelta(microseconds=int(number * micros))
            found.append(dt.datetime(1970, 1, 1) + length)
        except (OverflowError, ValueError):
            continue
    return Expected(tuple(found)) if found else never("not an epoch number")


def _after(
    column: ColumnMap, values: Mapping[str, Raw], spec: SourceSpec, row: dict[str, Expected]
) -> Expected:
    text = joined(column, values, spec)
    reference = row[column.after or ""]
    if text.absent:
        return NOTHING
    if text.broken:
        return never("broken value")
    if text.unknown or reference.unknown:
        return CANNOT_TELL
    if reference.never:
        return reference
    lengths: list[dt.timedelta] = []
    if column.unit == "clock":
        for item in text.spellings:
            found = re.fullmatch(
                r"(?:(\d+):(?=\d{1,2}:))?(\d+):(\d{2})(?:[.,](\d{1,3}))?", item, re.ASCII
            )
            if found:
                hours, minutes, seconds, fraction = found.groups()
                lengths.append(dt.timedelta(
                    hours=int(hours or 0), minutes=int(minutes), seconds=int(seconds),
                    milliseconds=int((fraction or "0").ljust(3, "0"))))  # fmt: skip
    else:
        for number in _numbers(text, column, spec):
            if abs(number) < Decimal("1e12"):
                milliseconds = float(number * _MS[column.unit])
                lengths.append(dt.timedelta(milliseconds=round(milliseconds)))
    found_stamps: list[Any] = [None] if None in reference.values else []
    for moment in reference.values:
        for length in lengths:
            try:
                if moment is not None:
                    found_stamps.append(moment + length)
            except OverflowError:
                continue
    if not lengths:
        return never("not a duration")
    if not found_stamps:
        return never("out of the calendar")
    return Expected(tuple(found_stamps), dt.timedelta(milliseconds=1))


__all__ = ["BROKEN", "UNKNOWN", "Expected", "expected_row"]
