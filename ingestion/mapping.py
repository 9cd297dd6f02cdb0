"""Raw columns to contract columns, driven by the source file.

One pure function: `map_records`. Expressions are built once per source and evaluated in as few
passes as their references allow. What could not be read is flagged, never guessed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import polars as pl

from contracts import CONTRACTS, Column, Contract
from contracts.helpers import FIRST_DATE, TIME_AMBIGUOUS, nonexistent, unparsable
from ingestion.localtime import in_shift, local_date, to_utc
from ingestion.sources.spec import ColumnMap, SourceSpec

DELIVERED_ON = "_delivered_on"
UNKNOWN_CODE = "?"
_TRUE = ("true", "1", "ja", "j", "yes", "y")
_FALSE = ("false", "0", "nei", "n", "no")
# Beyond these the standard library has no offsets; such stamps become null.
_FIRST_YEAR, _LAST_YEAR = 2, 9998
_HALF_DAY = dt.timedelta(hours=12)
_UNIT_MS = {"ms": 1, "s": 1_000, "min": 60_000}
_DEFAULT_EXTRACT = ColumnMap(hours_after_delivery=28)

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


def map_records(raw: pl.DataFrame, spec: SourceSpec, pseudonymise: Pseudonymise) -> pl.DataFrame:
    """Contract records of raw rows, in the same order.

    Args:
        raw: the mapped raw columns, and `_delivered_on` (Date) per row.
        spec: the source.
        pseudonymise: turns caller numbers into keyed pseudonyms.

    Returns:
        Every contract column, the helper columns of `contracts.helpers` and `event_date`.
    """
    contract = CONTRACTS[spec.contract]
    steps = _steps(contract, spec)
    raw = _pseudonyms(raw, spec, pseudonymise)
    # Lazy, so that what several columns are made from (the date, say) is worked out once.
    frame = raw.lazy()
    for level in _by_reference(steps):
        frame = frame.with_columns(_value(step, spec, raw).alias(_out(step.name)) for step in level)
    records = frame.select(
        *(pl.col(_out(step.name)).alias(step.name) for step in steps),
        *(
            _is_unparsable(step, spec, raw).alias(unparsable(step.name))
            for step in steps
            if not step.column.is_text and _reads_raw(step.map)
        ),
    ).collect()
    records = _clock(records, steps, spec)
    records = _intervals(records, steps)
    records = _complete(records, contract, spec)
    return records.with_columns(
        local_date(contract.anchor(), spec.clock.calendar).alias("event_date"),
        pl.lit(dt.datetime.combine(spec.first_date, dt.time()))
        .dt.cast_time_unit("us")
        .alias(FIRST_DATE),
    )


def _steps(contract: Contract, spec: SourceSpec) -> list[_Step]:
    maps = {"extract_at": _DEFAULT_EXTRACT, **spec.columns}
    return [_Step(contract.columns[name], column_map) for name, column_map in maps.items()]


def _out(name: str) -> str:
    """Raw and contract columns may share a name; the values made here get one of their own."""
    return f"__{name}"


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


def _pseudonyms(raw: pl.DataFrame, spec: SourceSpec, pseudonymise: Pseudonymise) -> pl.DataFrame:
    names = {name for column in spec.columns.values() if column.pseudonym for name in column.from_}
    return raw.with_columns(pseudonymise(raw[name]) for name in sorted(names))


# --- values -----------------------------------------------------------------------------------


def _value(step: _Step, spec: SourceSpec, raw: pl.DataFrame) -> pl.Expr:
    if step.is_stamp:
        return _stamp(step.map, spec, raw)
    column_map, dtype = step.map, step.column.dtype
    if column_map.constant is not None:
        return pl.lit(column_map.constant, dtype=dtype)
    if column_map.any_of:
        return pl.any_horizontal(_boolean(_text(name, spec, raw)) for name in column_map.any_of)
    if column_map.coalesce:
        return pl.coalesce(
            _value(_Step(step.column, part), spec, raw) for part in column_map.coalesce
        )
    text = _joined(column_map, spec, raw)
    if column_map.codes is not None:
        return _decoded(text, column_map, dtype)
    if dtype == pl.Boolean:
        return _boolean(text)
    if dtype == pl.String:
        return text if column_map.pad is None else text.str.zfill(column_map.pad)
    return text.cast(dtype, strict=False)


def _text(
    name: str, spec: SourceSpec, raw: pl.DataFrame, nulls: list[str] | None = None
) -> pl.Expr:
    """A raw column as text, with the source's words for 'no value' made null."""
    column = pl.col(name)
    if raw.schema[name] != pl.String:
        return column.cast(pl.String)
    tokens = [*spec.nulls, *(nulls or [])]
    # Most columns hold none of the tokens, and looking is cheaper than replacing.
    if not tokens or not raw.get_column(name).is_in(tokens).any():
        return column
    return pl.when(~column.is_in(tokens)).then(column)


def _joined(column_map: ColumnMap, spec: SourceSpec, raw: pl.DataFrame) -> pl.Expr:
    parts = [_text(name, spec, raw, column_map.nulls) for name in column_map.from_]
    return parts[0] if len(parts) == 1 else pl.concat_str(parts, separator=column_map.join)


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


def _stamp(column_map: ColumnMap, spec: SourceSpec, raw: pl.DataFrame) -> pl.Expr:
    """A timestamp: naive local when the map is local, else naive UTC (see `_is_local`).

    An interval after another stamp stays an interval until that stamp is in UTC: added to a local
    clock it would be an hour wrong across a clock change.
    """
    if column_map.hours_after_delivery is not None:
        offset = dt.timedelta(hours=column_map.hours_after_delivery)
        return pl.col(DELIVERED_ON).cast(pl.Datetime("us")) + offset
    if column_map.coalesce:
        return pl.coalesce(_stamp(part, spec, raw) for part in column_map.coalesce)
    if column_map.after is not None:
        return _duration(column_map, spec, raw)
    value = _instant(column_map, spec, raw)
    if column_map.next_day_if_before is None:
        return value
    reference = pl.col(_out(column_map.next_day_if_before))
    return value + pl.duration(days=(value < reference - _HALF_DAY).cast(pl.Int64))


def _instant(column_map: ColumnMap, spec: SourceSpec, raw: pl.DataFrame) -> pl.Expr:
    dtype = raw.schema[column_map.from_[0]]
    if isinstance(dtype, pl.Datetime):
        column = pl.col(column_map.from_[0])
        zoned = dtype.time_zone is not None
        return (
            column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zoned else column
        ).cast(pl.Datetime("us"))
    if _is_date_and_clock(column_map):
        return _date_and_clock(column_map, spec, raw)
    text = _joined(column_map, spec, raw)
    if column_map.epoch is not None:
        number = text.cast(pl.Int64, strict=False)
        return pl.from_epoch(number, time_unit=column_map.epoch).cast(pl.Datetime("us"))
    parsed = text.str.to_datetime((column_map.format or [None])[0], time_unit="us", strict=False)
    return (
        parsed.dt.replace_time_zone(None)
        if any("%z" in text for text in column_map.format)
        else parsed
    )


def _is_date_and_clock(column_map: ColumnMap) -> bool:
    """A date column and a clock column: read apart, as the few dates of a file are read once."""
    parts = (column_map.format or [""])[0].split(" ")
    return (
        len(column_map.from_) == 2
        and column_map.join == " "
        and len(parts) == 2
        and "%H" in parts[1]
        and not any(mark in parts[1] for mark in ("%d", "%m", "%y", "%Y", "%z"))
    )


def _date_and_clock(column_map: ColumnMap, spec: SourceSpec, raw: pl.DataFrame) -> pl.Expr:
    date_format, clock_format = (column_map.format or [""])[0].split(" ")
    day, clock = (_text(name, spec, raw, column_map.nulls) for name in column_map.from_)
    date = day.str.to_date(date_format, strict=False).cast(pl.Datetime("us"))
    return date + clock.str.to_time(clock_format, strict=False, cache=False).cast(pl.Duration("us"))


def _duration(column_map: ColumnMap, spec: SourceSpec, raw: pl.DataFrame) -> pl.Expr:
    text = _joined(column_map, spec, raw)
    if spec.format.decimal == ",":
        text = text.str.replace(",", ".", literal=True)
    milliseconds = text.cast(pl.Float64, strict=False) * _UNIT_MS[column_map.unit]
    return pl.duration(milliseconds=milliseconds.round().cast(pl.Int64))


# --- flags ------------------------------------------------------------------------------------


def _reads_raw(column_map: ColumnMap) -> bool:
    return any(True for _ in column_map.raw_columns())


def _is_unparsable(step: _Step, spec: SourceSpec, raw: pl.DataFrame) -> pl.Expr:
    """Raw text is there, and no value came out of it."""
    if step.map.coalesce:
        present = [
            _joined(part, spec, raw).is_not_null() for part in step.map.coalesce if part.from_
        ]
        raw_present = pl.any_horizontal(present)
    elif step.map.any_of:
        raw_present = pl.any_horizontal(
            _text(name, spec, raw).is_not_null() for name in step.map.any_of
        )
    else:
        raw_present = _joined(step.map, spec, raw).is_not_null()
    return raw_present & pl.col(_out(step.name)).is_null()


def _is_local(column_map: ColumnMap) -> bool:
    """Whether the value is on the source's local clock."""
    if column_map.coalesce:
        return _is_local(column_map.coalesce[0])
    if column_map.hours_after_delivery is not None:
        return True
    return not (
        column_map.utc
        or column_map.epoch is not None
        or column_map.after is not None
        or any("%z" in text for text in column_map.format)
    )


def _clock(records: pl.DataFrame, steps: list[_Step], spec: SourceSpec) -> pl.DataFrame:
    """Local stamps to UTC, flagging the doubled hour and the hour that does not exist."""
    local = [step.name for step in steps if step.is_stamp and _is_local(step.map)]
    if not local:
        return records
    zone = spec.clock.zone
    years = _years(records, local)
    gap = {name: in_shift(pl.col(name), zone, years, doubled=False) for name in local}
    # The extract time is ours to know, and has no interval: only event stamps are flagged.
    doubled = [
        in_shift(pl.col(name), zone, years, doubled=True).fill_null(False)
        for name in local
        if name != "extract_at"
    ]
    return records.with_columns(
        *(to_utc(pl.col(name), zone, spec.clock.ambiguous, years).alias(name) for name in local),
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


def _years(records: pl.DataFrame, names: list[str]) -> list[int]:
    """The calendar years in which there are stamps."""
    years: set[int] = set()
    for name in names:
        years.update(records[name].dt.year().unique().drop_nulls())
    return sorted(year for year in years if _FIRST_YEAR <= year <= _LAST_YEAR)


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
