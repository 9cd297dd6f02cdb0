"""Raw columns to contract columns, driven by the source file.

One pure function: `map_records`. Expressions are built once per source and evaluated in as few
passes as their references allow. What could not be read is flagged, never guessed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any

import polars as pl

from contracts import CONTRACTS, Column, Contract
from contracts.helpers import (
    FIRST_DATE,
    ORDER_TOLERANCE,
    TAKEN_AT,
    TIME_AMBIGUOUS,
    TIME_PLACEHOLDER,
    date_only,
    nonexistent,
    unparsable,
)
from ingestion.beside import each
from ingestion.localtime import in_shift, local_date, past_the_gap, to_utc
from ingestion.numbers import Marks, plain_number, whole_number
from ingestion.raw_columns import RawColumns, as_it_stood, trimmed, trims
from ingestion.sources.spec import TYPED_FORMATS, ColumnMap, SourceSpec
from ingestion.stamps import (
    EPOCH_RANGE,
    FIRST_PLACEHOLDER_YEAR,
    LAST_PLACEHOLDER_YEAR,
    clock_milliseconds,
    clock_time,
    has_clock,
    has_offset,
    iso_moment,
    moment,
    widths,
)

DELIVERED_ON = "_delivered_on"
UNKNOWN_CODE = "?"
_TRUE = ("true", "1", "ja", "j", "yes", "y")
_FALSE = ("false", "0", "nei", "n", "no")
_FLAGS = frozenset(text for flag in (*_TRUE, *_FALSE) for text in (flag, flag.upper()))
_HALF_DAY = dt.timedelta(hours=12)
_UNIT_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
# An interval longer than this is no interval within a call or a mission.
_LONGEST_MS = 3_653 * 86_400_000
# When an extract is taken where the source does not say it, after its delivery day begins.
EXTRACT_HOURS = 28
_DEFAULT_EXTRACT = ColumnMap(hours_after_delivery=EXTRACT_HOURS)
_TEXT_FORMATS_OF_NUMBERS = frozenset({"csv", "fixed", "xml"})

Pseudonymise = Callable[[pl.Series], pl.Series]


@dataclass(frozen=True)
class _Step:
    """One contract column on its way: its rule in the map and the contract's definition."""

    column: Column
    map: ColumnMap

    @property
    def is_stamp(self) -> bool:
        return self.column.kind == "timestamp"

    @property
    def name(self) -> str:
        return self.column.name


def map_records(
    raw: pl.DataFrame,
    spec: SourceSpec,
    pseudonymise: Pseudonymise,
    taken_at: dt.datetime | None = None,
) -> pl.DataFrame:
    """Contract records of raw rows, in the same order.

    Args:
        raw: the mapped raw columns, and `_delivered_on` (Date) per row.
        spec: the source.
        pseudonymise: turns caller numbers into keyed pseudonyms.
        taken_at: the moment of the intake (UTC); stamps far after it are not believed.

    Returns:
        Every contract column, the helper columns of `contracts.helpers` and `event_date`.
    """
    contract = CONTRACTS[spec.contract]
    steps = _steps(contract, spec)
    columns = _prepared(raw, spec, steps)

    def value(step: _Step) -> pl.Expr:
        return _value(step, columns, pseudonymise).alias(_out(step.name))

    # Lazy, so that what several columns are made from (the date, say) is worked out once.
    frame = columns.frame.lazy()
    for level in _by_reference(steps):
        frame = frame.with_columns(each(value, level, raw.height))
    records = frame.select(
        *(pl.col(_out(step.name)).alias(step.name) for step in steps),
        *(
            _is_unparsable(step, columns).alias(unparsable(step.name))
            for step in steps
            if not step.column.is_text and _reads_raw(step.map)
        ),
        *(
            _is_date_only(step, columns).alias(date_only(step.name))
            for step in steps
            if step.is_stamp and _may_be_date_only(step.map, spec)
        ),
    ).collect(engine="in-memory")
    records = _placeholders(records, [step.name for step in steps if step.is_stamp])
    records = _clock(records, steps, columns)
    records = _intervals(records, steps)
    records = _complete(records, contract, spec)
    tolerance = dt.timedelta(seconds=spec.thresholds.order_tolerance_seconds)
    return records.with_columns(
        local_date(contract.anchor(), spec.clock.calendar).alias("event_date"),
        pl.lit(dt.datetime.combine(spec.first_date, dt.time()), dtype=pl.Datetime("us")).alias(
            FIRST_DATE
        ),
        pl.lit(_naive_utc(taken_at), dtype=pl.Datetime("us")).alias(TAKEN_AT),
        *([pl.lit(tolerance, dtype=pl.Duration("us")).alias(ORDER_TOLERANCE)] if tolerance else []),
    )


def _naive_utc(moment_at: dt.datetime | None) -> dt.datetime | None:
    if moment_at is None or moment_at.tzinfo is None:
        return moment_at
    return moment_at.astimezone(dt.UTC).replace(tzinfo=None)


def _steps(contract: Contract, spec: SourceSpec) -> list[_Step]:
    maps = {"extract_at": _DEFAULT_EXTRACT, **spec.columns}
    return [_Step(contract.columns[name], column_map) for name, column_map in maps.items()]


def _out(name: str) -> str:
    """Raw and contract columns may share a name; the values made here get one of their own."""
    return f"\x1fout {name}"


def _references(column_map: ColumnMap) -> Iterator[str]:
    """Stamps this one is read relative to, on the source's own clock."""
    if column_map.next_day_if_before is not None:
        yield column_map.next_day_if_before
    for part in column_map.coalesce:
        yield from _references(part)


def _by_reference(
    steps: list[_Step], references: Callable[[ColumnMap], Iterator[str]] = _references
) -> Iterator[list[_Step]]:
    """Groups in which every column refers only to columns of earlier groups, or of none."""
    done: set[str] = set()
    rest = steps
    names = {step.name for step in steps}
    while rest:
        ready = [step for step in rest if set(references(step.map)) & names <= done]
        if not ready:
            circle = ", ".join(step.name for step in rest)
            raise ValueError(f"columns refer to each other in a circle: {circle}")
        yield ready
        done.update(step.name for step in ready)
        rest = [step for step in rest if step.name not in done]


# --- raw text ---------------------------------------------------------------------------------


def _prepared(frame: pl.DataFrame, spec: SourceSpec, steps: list[_Step]) -> RawColumns:
    """Texts trimmed.

    Only what is needed is touched: stamps are parsed as they are, and trimmed when that fails.
    """
    texts: dict[str, frozenset[str]] = {}
    stamps, kept = set(), set()
    parts = ((step, part) for step in steps for part in _parts(step.map))
    for step, part in parts:
        for name in part.raw_columns():
            if frame.schema.get(name) != pl.String:
                continue
            if not trims(part, spec):
                kept.add(name)
            elif step.is_stamp:
                stamps.add(name)
            else:
                texts[name] = texts.get(name, frozenset()) | _words(part, step.column)
    known = {**{name: frozenset[str]() for name in sorted(stamps)}, **texts}
    frame = frame.with_columns(
        *(frame[name].alias(as_it_stood(name)) for name in sorted(kept & known.keys())),
        *each(lambda name: trimmed(frame[name], known[name]), known, frame.height),
    )
    return RawColumns(frame, spec)


def _parts(column_map: ColumnMap) -> Iterator[ColumnMap]:
    """The maps that read raw columns: the map itself, or those that it takes the first value of."""
    if not column_map.coalesce:
        yield column_map
    for part in column_map.coalesce:
        yield from _parts(part)


def _words(column_map: ColumnMap, column: Column) -> frozenset[str]:
    """The texts that a map knows, which most of a column are."""
    if isinstance(column_map.codes, dict):
        return frozenset(column_map.codes)
    if column_map.codes:
        return frozenset(text for dated in column_map.codes for text in dated.map)
    return _FLAGS if column.dtype == pl.Boolean else frozenset()


def _content_key(columns: pl.DataFrame, pseudonymise: Pseudonymise) -> pl.Series:
    """A key made of the content of columns: the same content is the same record.

    Keyed as callers are: whoever knows the words of a short content could else find it again.
    """
    rows = columns.select(pl.all().cast(pl.String)).rows()
    contents = [json.dumps(row, ensure_ascii=False) for row in rows]
    return pseudonymise(pl.Series("content", contents, dtype=pl.String))


# --- values -----------------------------------------------------------------------------------


def _value(step: _Step, raw: RawColumns, pseudonymise: Pseudonymise) -> pl.Expr:
    if step.is_stamp:
        return _stamp(step.map, raw)
    column_map, dtype = step.map, step.column.dtype
    if column_map.constant is not None:
        return pl.lit(column_map.constant, dtype=dtype)
    if column_map.any_of:
        return _any_of(column_map, raw)
    if column_map.coalesce:
        parts = (replace(step, map=part) for part in column_map.coalesce)
        return pl.coalesce(_value(part, raw, pseudonymise) for part in parts)
    if column_map.hash_of:
        names = raw.sources(column_map.hash_of, column_map)
        return pl.lit(_content_key(raw.frame.select(names), pseudonymise))
    if column_map.pseudonym:
        return pl.lit(pseudonymise(raw.values(raw.joined(column_map))))
    text = raw.joined(column_map)
    if column_map.codes is not None:
        return _decoded(text, column_map, dtype)
    if dtype == pl.Boolean:
        return _boolean(text)
    if dtype == pl.String:
        return text if column_map.pad is None else text.str.zfill(column_map.pad)
    return whole_number(text, _marks(column_map, raw.spec)).cast(dtype, strict=False)


def _marks(column_map: ColumnMap, spec: SourceSpec) -> Marks:
    """How numbers are written; a format with numbers of its own writes those with a point."""
    return Marks(
        decimal=column_map.decimal or spec.format.decimal,
        thousands=column_map.thousands or spec.format.thousands,
        machine=spec.format.type not in _TEXT_FORMATS_OF_NUMBERS,
    )


def _any_of(column_map: ColumnMap, raw: RawColumns) -> pl.Expr:
    """True when any flag is, false when none is and all that are there can be read."""
    texts = raw.texts(column_map.any_of, column_map)
    flags = [_boolean(text) for text in texts]
    unread = [text.is_not_null() & flag.is_null() for text, flag in zip(texts, flags, strict=True)]
    present = pl.any_horizontal(text.is_not_null() for text in texts)
    return (
        pl.when(pl.any_horizontal(unread))
        .then(None)
        .when(pl.any_horizontal(flag.fill_null(False) for flag in flags))
        .then(True)
        .when(present)
        .then(False)
    )


def _boolean(text: pl.Expr) -> pl.Expr:
    lower = text.str.to_lowercase()
    return pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)


def _decoded(text: pl.Expr, column_map: ColumnMap, dtype: pl.DataType) -> pl.Expr:
    if isinstance(column_map.codes, dict):
        return _replaced(text, column_map.codes, dtype)
    chain = pl.lit(None, dtype=dtype)
    for dated in column_map.codes or []:
        start, end = dated.valid_from or dt.date.min, dated.valid_to or dt.date.max
        in_force = pl.col(DELIVERED_ON).is_between(start, end, closed="left")
        chain = pl.when(in_force).then(_replaced(text, dated.map, dtype)).otherwise(chain)
    return chain


def _replaced(text: pl.Expr, codes: dict[str, Any], dtype: pl.DataType) -> pl.Expr:
    """Codes by the map. A text outside it becomes a code that no code list has."""
    known = {raw: code for raw, code in codes.items() if raw != "*"}
    other = codes.get("*", UNKNOWN_CODE if dtype == pl.String else None)
    value = text.replace_strict(
        list(known), list(known.values()), default=other, return_dtype=dtype
    )
    if "" in known:
        empty = pl.lit(known[""], dtype=dtype)
        return pl.when(text.is_null()).then(empty).otherwise(value)
    return pl.when(text.is_not_null()).then(value)


def _stamp(column_map: ColumnMap, raw: RawColumns) -> pl.Expr:
    """A timestamp: naive local when the map is local, else naive UTC (see `_is_local`).

    An interval after another stamp stays an interval until that stamp is in UTC: added to a local
    clock it would be an hour wrong across a clock change.
    """
    if column_map.hours_after_delivery is not None:
        value = pl.col(DELIVERED_ON).cast(pl.Datetime("us")) + dt.timedelta(
            hours=column_map.hours_after_delivery
        )
        years = raw.values(value.dt.year()).unique().drop_nulls()
        return past_the_gap(value, raw.spec.clock.zone, sorted(years))
    if column_map.coalesce:
        return pl.coalesce(_stamp(part, raw) for part in column_map.coalesce)
    if column_map.after is not None:
        return _duration(column_map, raw)
    value = _instant(column_map, raw)
    if column_map.next_day_if_before is None:
        return value
    reference = pl.col(_out(column_map.next_day_if_before))
    # Without a reference there is nothing to be before: the clock time stands as it is.
    wrapped = (value < reference - _HALF_DAY).fill_null(False)
    return value + pl.duration(days=wrapped.cast(pl.Int64))


def _instant(column_map: ColumnMap, raw: RawColumns) -> pl.Expr:
    if len(column_map.from_) == 1 and raw.is_typed(column_map.from_[0]):
        name = column_map.from_[0]
        column = pl.col(name)
        if raw.has_zone(name):
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        # A placeholder that the source names as 'no value' is none in typed columns either.
        (text,) = raw.texts([name], column_map)
        return pl.when(text.is_not_null()).then(column.cast(pl.Datetime("us")))
    text = raw.joined(column_map)
    if column_map.epoch is not None:
        number = whole_number(text, _marks(column_map, raw.spec))
        first, last = EPOCH_RANGE[column_map.epoch]
        number = pl.when(number.is_between(first, last)).then(number)
        return pl.from_epoch(number, time_unit=column_map.epoch).cast(pl.Datetime("us"))
    if _is_date_and_clock(column_map, raw):
        return _date_and_clock(column_map, raw)
    values = raw.values(text)
    found = moment(values, column_map.format)
    if raw.spec.format.type in TYPED_FORMATS and found.null_count() > values.null_count():
        # Where no declared format fits, what a typed cell is written as.
        found = found.zip_with(found.is_not_null(), iso_moment(values))
    return pl.lit(found)


def _is_date_and_clock(column_map: ColumnMap, raw: RawColumns) -> bool:
    """A date column and a clock column: read apart, as the few dates of a file are read once."""
    if len(column_map.format) != 1 or column_map.extract is not None:
        return False
    parts = column_map.format[0].split(" ")
    return (
        len(column_map.from_) == 2
        and column_map.join == " "
        and column_map.join_nulls == "null"
        and len(parts) == 2
        and all(raw.frame.schema[name] == pl.String for name in column_map.from_)
        and "%H" in parts[1]
        and not any(mark in parts[1] for mark in ("%d", "%m", "%y", "%Y", "%z"))
    )


def _date_and_clock(column_map: ColumnMap, raw: RawColumns) -> pl.Expr:
    date_format, clock_format = column_map.format[0].split(" ")
    _, clock = raw.texts(column_map.from_, column_map)
    times = clock_time(raw.values(clock), clock_format)
    return pl.lit(raw.dates(column_map.from_[0], column_map, date_format) + times)


def _duration(column_map: ColumnMap, raw: RawColumns) -> pl.Expr:
    text = raw.joined(column_map)
    if column_map.unit == "clock":
        milliseconds = clock_milliseconds(text)
    else:
        number = plain_number(text, _marks(column_map, raw.spec))
        milliseconds = number * _UNIT_MS[column_map.unit]
    believable = pl.when(milliseconds.abs() <= _LONGEST_MS).then(milliseconds)
    return pl.duration(milliseconds=believable.round().cast(pl.Int64))


# --- flags ------------------------------------------------------------------------------------


def _reads_raw(column_map: ColumnMap) -> bool:
    return any(True for _ in column_map.raw_columns())


def _is_unparsable(step: _Step, raw: RawColumns) -> pl.Expr:
    """Raw text is there, and no value came out of it."""
    present = [raw.present(part) for part in _parts(step.map)]
    return pl.any_horizontal(present) & pl.col(_out(step.name)).is_null()


def _may_be_date_only(column_map: ColumnMap, spec: SourceSpec) -> bool:
    return any(
        part.from_
        and part.epoch is None
        and part.after is None
        and (spec.format.type in TYPED_FORMATS or not all(map(has_clock, part.format)))
        for part in _parts(column_map)
    )


def _is_date_only(step: _Step, raw: RawColumns) -> pl.Expr:
    """The stamp is a date without a time of day, so no interval can be taken from it."""
    parts = list(_parts(step.map))
    is_clockless = pl.lit(False)
    for part in reversed(parts):
        own = _is_clockless(part, raw)
        # Of several maps the first that has a value gave it.
        gave = _stamp(part, raw).is_not_null() if len(parts) > 1 else pl.lit(True)
        is_clockless = pl.when(gave).then(own).otherwise(is_clockless)
    return is_clockless & pl.col(_out(step.name)).is_not_null()


# How typed cells are written, and days with a clock in digits alone.
_CLOCK_TEXT = r"\d:\d\d|\d{10}"


def _is_clockless(part: ColumnMap, raw: RawColumns) -> pl.Expr:
    """The text of a stamp has no time of day."""
    if not part.from_ or all(raw.is_typed(name) for name in part.from_):
        return pl.lit(False)
    if part.format and not part.epoch and not any(map(has_clock, part.format)):
        return pl.lit(True)
    text = raw.joined(part)
    shapes = [widths(form)[0] for form in part.format if has_clock(form)]
    has = pl.any_horizontal(text.str.contains(shape) for shape in (_CLOCK_TEXT, *shapes))
    return (~has).fill_null(False)


def _is_local(column_map: ColumnMap, raw: RawColumns) -> bool:
    """Whether the value is on the source's local clock."""
    if column_map.coalesce:
        return _is_local(column_map.coalesce[0], raw)
    if column_map.hours_after_delivery is not None:
        return True
    if len(column_map.from_) == 1 and raw.has_zone(column_map.from_[0]):
        return False
    return not (
        column_map.utc
        or column_map.epoch is not None
        or column_map.after is not None
        or any(map(has_offset, column_map.format))
    )


def _placeholders(records: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Dates that stand for 'none' (0001, 1753, 1899, 1900, 9999) become null and are flagged."""
    stamps = [name for name in names if isinstance(records.schema[name], pl.Datetime)]
    spans = (
        records.select(
            pl.struct(
                pl.col(name).min().dt.year().alias("first"),
                pl.col(name).max().dt.year().alias("last"),
            ).alias(name)
            for name in stamps
        ).row(0, named=True)
        if stamps
        else {}
    )
    hit = [
        name
        for name, span in spans.items()
        if span["first"] is not None
        and (span["first"] <= FIRST_PLACEHOLDER_YEAR or span["last"] >= LAST_PLACEHOLDER_YEAR)
    ]
    if not hit:
        return records
    masks = {
        name: ~pl.col(name)
        .dt.year()
        .is_between(FIRST_PLACEHOLDER_YEAR, LAST_PLACEHOLDER_YEAR, closed="none")
        for name in hit
    }
    flag = reduce(or_, (mask.fill_null(False) for mask in masks.values()))
    return records.with_columns(
        flag.alias(TIME_PLACEHOLDER),
        *(pl.when(~mask).then(pl.col(name)).alias(name) for name, mask in masks.items()),
    )


def _clock(records: pl.DataFrame, steps: list[_Step], raw: RawColumns) -> pl.DataFrame:
    """Local stamps to UTC, flagging the doubled hour and the hour that does not exist."""
    local = [step.name for step in steps if step.is_stamp and _is_local(step.map, raw)]
    if not local:
        return records
    zone = raw.spec.clock.zone
    years = _years(records, local, min(raw.spec.first_date.year, _FIRST_ZONED_YEAR))
    gap = {name: in_shift(pl.col(name), zone, years, doubled=False) for name in local}
    # The extract time is ours to know, and has no interval: only event stamps are flagged.
    doubled = [
        in_shift(pl.col(name), zone, years, doubled=True).fill_null(False)
        for name in local
        if name != "extract_at"
    ]
    return records.with_columns(
        *(
            to_utc(pl.col(name), zone, raw.spec.clock.ambiguous, years).alias(name)
            for name in local
        ),
        *(expr.fill_null(False).alias(nonexistent(name)) for name, expr in gap.items()),
        reduce(lambda left, right: left | right, doubled, pl.lit(False)).alias(TIME_AMBIGUOUS),
    )


def _intervals(records: pl.DataFrame, steps: list[_Step]) -> pl.DataFrame:
    """Stamps given as intervals after another one, added in UTC."""

    def reference(column_map: ColumnMap) -> Iterator[str]:
        if column_map.after is not None:
            yield column_map.after

    relative = [step for step in steps if step.map.after is not None]
    for level in _by_reference(relative, reference):
        records = records.with_columns(
            (pl.col(step.map.after or "") + pl.col(step.name)).alias(step.name) for step in level
        )
    return records


def _years(records: pl.DataFrame, names: list[str], first: int) -> list[int]:
    """The calendar years in which there are stamps, from the first that may be accepted on."""
    years: set[int] = set()
    for name in names:
        stamps = records[name]
        earliest, latest = stamps.min(), stamps.max()
        if not isinstance(earliest, dt.datetime) or not isinstance(latest, dt.datetime):
            continue
        # Most files are of one year or two; only where they lie far apart is each looked up.
        near = latest.year - earliest.year <= 1
        found = (earliest.year, latest.year) if near else stamps.dt.year().unique().drop_nulls()
        years.update(found)
    return sorted(year for year in years if first <= year <= _LAST_ZONED_YEAR)


# Stamps outside these years are rejected; a thousand different years are not looked up for them.
_FIRST_ZONED_YEAR, _LAST_ZONED_YEAR = 1970, 2060


def _complete(records: pl.DataFrame, contract: Contract, spec: SourceSpec) -> pl.DataFrame:
    """Unmapped columns as null or default; defaults also where a mapped value is absent."""
    absent = [
        pl.lit(column.default, dtype=column.dtype).alias(column.name)
        for column in contract.columns.values()
        if column.name not in records.columns
    ]
    records = records.with_columns(absent)
    filled = []
    for name in spec.columns:
        column = contract.columns[name]
        if column.default is not None:
            missing = pl.col(name).is_null()
            flag = unparsable(name)
            if flag in records.columns:
                missing = missing & ~pl.col(flag)
            value = pl.lit(column.default, dtype=column.dtype)
            filled.append(pl.when(missing).then(value).otherwise(pl.col(name)).alias(name))
    records = records.with_columns(filled)
    if contract.name == "alarm" and "urgency_changed" not in spec.columns:
        changed = pl.col("urgency_first") != pl.col("urgency_last")
        records = records.with_columns(changed.alias("urgency_changed"))
    return records
