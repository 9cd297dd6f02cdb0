"""What each fault does to a record, and what its documented treatment leaves."""

from __future__ import annotations

import numpy as np
import polars as pl

from ingestion.synthetic.chance import Rng
from ingestion.synthetic.clock import (
    EPOCH,
    MINUTE,
    SECOND,
    date_of,
    earliest_reading,
    extract_ms,
    midnight,
)
from ingestion.synthetic.faults import Fault
from ingestion.synthetic.frames import ICCS, LIFEX, STAMPS
from ingestion.synthetic.reference import Reference
from ingestion.synthetic.shapes import as_rows, flagged, numbers, out_of_order, prior

UNREADABLE = "ukjent"
UNKNOWN_CENTRAL = "sentral_ukjent"
UNKNOWN_BASE = "base_ukjent"
UNKNOWN_MUNICIPALITIES = ("9999", "2111", "2211", "0999")
_YEAR_WRONG = 364

Applied = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]


def apply(ref: Reference, rng: Rng, fault: Fault, rows: pl.DataFrame) -> Applied:
    """The rows to send, the effective records, and the rows that double another."""
    none = flagged(rows.clear())
    kept = flagged(rows)
    column = fault.column or ""
    match fault.kind:
        case "ambiguous_hour":
            return as_rows(rows, found=True), _read_first(fault.contract, rows), none
        case "exact_duplicate":
            return pl.concat([as_rows(rows), as_rows(rows, seq=1, found=True)]), kept, none
        case "key_repeated":
            other = _other_content(fault.contract, rows)
            return pl.concat([as_rows(rows), as_rows(other, seq=1, found=True)]), kept, none
        case "value_missing":
            return as_rows(_without(rows, column), found=True), none, none
        case "unparsable_time":
            text = _texts(rows, UNREADABLE)
            return as_rows(rows, override=(column, text), found=True), none, none
        case "unknown_code":
            text = rows["_source"].replace_strict(_STRANGE_CODE, default="ZZ")
            return as_rows(rows, override=(column, text), found=True), none, none
        case "nonexistent_time":
            return as_rows(rows, override=(column, _lost_hour(rng, rows)), found=True), none, none
        case "time_in_future":
            moved = _shifted(fault.contract, rows, pl.duration(days=_YEAR_WRONG))
            return as_rows(moved, found=True), none, none
        case "time_before_first_date":
            moved = _shifted(fault.contract, rows, -pl.duration(days=pl.col("_day")))
            return as_rows(moved, found=True), none, none
        case "clock_skew" | "default_midnight":
            wrong = _too_early(rng, fault, rows)
            effective = flagged(wrong, "has_order_warning", "has_timing_warning")
            return as_rows(wrong, found=True), effective, none
        case "value_absent":
            wrong = _without(rows, column)
            return as_rows(wrong, found=True), flagged(wrong, "has_missing_warning"), none
        case "value_unexpected":
            wrong = _with_unexpected(fault, rows)
            return as_rows(wrong, found=True), flagged(wrong, "has_missing_warning"), none
        case "batch_press":
            wrong = rows.with_columns(
                pl.col("available_at").alias("at_scene_at"),
                pl.lit(None, dtype=pl.Datetime("ms")).alias("at_patient_at"),
            )
            return as_rows(wrong, found=True), flagged(wrong, "has_timing_warning"), none
        case "late":
            delivered = _later(rng, rows)
            taken = extract_ms(delivered.to_numpy().astype(np.int64))
            late = kept.with_columns(pl.Series(taken).cast(pl.Datetime("ms")).alias("extract_at"))
            return as_rows(rows, delivered=delivered, found=True), late, none
        case "corrected":
            first = _first_version(fault.contract, rows)
            second = rows.with_columns(pl.lit(2, dtype=pl.Int32).alias("revision"))
            sent = [
                as_rows(first, found=True),
                as_rows(second, seq=1, delivered=_later(rng, rows)),
            ]
            return pl.concat(sent), flagged(second), none
        case "tombstone":
            stone = rows.with_columns(
                pl.lit(2, dtype=pl.Int32).alias("revision"), pl.lit(True).alias("deleted")
            )
            sent = [as_rows(rows), as_rows(stone, seq=1, delivered=_later(rng, rows), found=True)]
            return pl.concat(sent), none, none
        case "cross_system_duplicate":
            double = _in_other_system(rng, rows)
            sent = [as_rows(rows), as_rows(double, seq=1, found=True)]
            return pl.concat(sent), kept, flagged(double)
        case "older_municipality_code" | "lost_leading_zero":
            text = (
                rows[column].str.strip_chars_start("0")
                if fault.kind == "lost_leading_zero"
                else _older(ref, rng, rows[column])
            )
            return as_rows(rows, override=(column, text), found=True), kept, none
        case "landed_next_day":
            wrong = rows.with_columns(pl.col(column) + pl.duration(hours=12)).with_columns(
                pl.col(column).dt.cast_time_unit("ms")
            )
            return as_rows(wrong, found=True), flagged(wrong, "has_timing_warning"), none
        case "number_misread":
            read = pl.Series(column, rng.choice([-1, 21, 99], rows.height), dtype=pl.Int32)
            wrong = rows.with_columns(read)
            return as_rows(wrong, found=True), flagged(wrong), none
        case "value_left_out":
            wrong = _without(rows, column)
            return as_rows(wrong, found=True), flagged(wrong), none
        case "overlapping_shift":
            minutes = pl.Series("m", rng.integers(5, 31, rows.height), dtype=pl.Int64)
            longer = rows.with_columns(
                pl.col("end_at") + (minutes * MINUTE).cast(pl.Duration("ms"))
            )
            return as_rows(longer, found=True), flagged(longer), none
        case _:
            wrong = _renamed(ref, rng, fault, rows)
            return as_rows(wrong, found=True), flagged(wrong), none


_STRANGE_CODE = {"helse_midt_alarms": "77", "bliksund_video": "9"}


def _texts(rows: pl.DataFrame, text: str) -> pl.Series:
    return pl.repeat(text, rows.height, dtype=pl.String, eager=True)


def _without(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    return rows.with_columns(pl.lit(None, dtype=rows.schema[column]).alias(column))


def _shifted(contract: str, rows: pl.DataFrame, by: pl.Expr) -> pl.DataFrame:
    return rows.with_columns(
        (pl.col(name) + by).dt.cast_time_unit("ms") for name in STAMPS[contract]
    )


def _later(rng: Rng, rows: pl.DataFrame) -> pl.Series:
    return rows["_day"] + pl.Series(rng.integers(2, 11, rows.height), dtype=pl.Int32)


def _read_first(contract: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Ambiguous stamps read as the first of the two moments."""
    read = rows.with_columns(
        pl.Series(name, earliest_reading(numbers(rows[name])), dtype=pl.Int64)
        .set(rows[name].is_null(), None)
        .cast(pl.Datetime("ms"))
        for name in STAMPS[contract]
    )
    wrong = out_of_order(contract, read)
    order = pl.any_horizontal(list(wrong.values())) if wrong else pl.lit(False)
    return read.with_columns(
        pl.lit(False).alias("has_missing_warning"),
        order.alias("has_order_warning"),
        pl.lit(True).alias("has_timing_warning"),
    )


def _other_content(contract: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The same key with something else in it."""
    if contract == "call":
        return rows.with_columns(pl.col("ended_at") + pl.duration(seconds=30))
    return _first_version(contract, rows)


def _first_version(contract: str, rows: pl.DataFrame) -> pl.DataFrame:
    """What was sent before it was corrected: valid, but wrong."""

    def turned(column: str, order: tuple[str, ...]) -> pl.Expr:
        following = {code: order[(i + 1) % len(order)] for i, code in enumerate(order)}
        return pl.col(column).replace_strict(following, default=order[0]).alias(column)

    match contract:
        case "call":
            return rows.with_columns(pl.col("ended_at") + pl.duration(seconds=75))
        case "alarm":
            return rows.with_columns(turned("urgency_last", ("RED", "YELLOW", "GREEN")))
        case "video_session":
            other = {"NOT_OPENED": "FAILED", "FAILED": "DECLINED", "DECLINED": "FAILED"}
            return rows.with_columns(
                pl.col("status").replace(other),
                pl.col("ended_at") + pl.duration(seconds=40),
            )
        case "lat_request":
            return rows.with_columns(turned("urgency", ("RED", "YELLOW", "GREEN")))
        case _:
            actual = ("READY", "ON_MISSION", "REDUCED", "OFF")
            return rows.with_columns(
                pl.when(pl.col("state") == "PLANNED")
                .then(pl.lit("READY"))
                .otherwise(turned("state", actual))
                .alias("state")
            )


def _too_early(rng: Rng, fault: Fault, rows: pl.DataFrame) -> pl.DataFrame:
    column = fault.column or ""
    if fault.kind == "default_midnight":
        days = rows["_day"].to_numpy().astype(np.int64)
        value = pl.Series(midnight(days)).cast(pl.Datetime("ms"))
        return rows.with_columns(value.alias(column))
    seconds = rng.integers(1, 90, rows.height)
    back = pl.Series("back", seconds * SECOND, dtype=pl.Int64).cast(pl.Duration("ms"))
    before = prior(fault.contract, column)
    return rows.with_columns((pl.max_horizontal(before) - back).alias(column))


def _with_unexpected(fault: Fault, rows: pl.DataFrame) -> pl.DataFrame:
    column = fault.column or ""
    value = {
        "call": pl.col("ended_at"),
        "video_session": pl.col("link_sent_at") + pl.duration(seconds=25),
        "lat_request": pl.col("requested_at") + pl.duration(minutes=6),
    }[fault.contract]
    return rows.with_columns(value.dt.cast_time_unit("ms").alias(column))


def _in_other_system(rng: Rng, rows: pl.DataFrame) -> pl.DataFrame:
    """The same calls as the other platform saw them: other keys, clocks a little apart."""
    apart = pl.Series("apart", rng.integers(-1500, 1501, rows.height), dtype=pl.Int64)
    old = pl.col("_source") == ICCS
    return rows.with_columns(
        pl.when(old).then(pl.lit(LIFEX)).otherwise(pl.lit(ICCS)).alias("_source"),
        pl.when(old).then(pl.lit("LIFEX")).otherwise(pl.lit("ICCS")).alias("source_system"),
        pl.concat_str(
            pl.when(old).then(pl.lit("LX")).otherwise(pl.lit("IC")),
            pl.col("source_id").str.slice(2).str.replace("x", "y", literal=True),
        ).alias("source_id"),
        pl.lit(None, dtype=pl.String).alias("parent_call_id"),
        *[pl.col(name) + apart.cast(pl.Duration("ms")) for name in STAMPS["call"]],
    )


def _older(ref: Reference, rng: Rng, codes: pl.Series) -> pl.Series:
    draws = rng.random(len(codes))
    older = [
        ref.older_codes[code][int(draw * len(ref.older_codes[code]))]
        for code, draw in zip(codes.to_list(), draws.tolist(), strict=True)
    ]
    return pl.Series(older, dtype=pl.String)


def _renamed(ref: Reference, rng: Rng, fault: Fault, rows: pl.DataFrame) -> pl.DataFrame:
    """A code or link that leads nowhere."""
    if fault.kind == "link_lost":
        return _without(rows, fault.column or "")
    names = {
        "unknown_central": (UNKNOWN_CENTRAL,),
        "unknown_base": (UNKNOWN_BASE,),
        "split_municipality_code": ref.split_codes,
        "unknown_municipality_code": UNKNOWN_MUNICIPALITIES,
    }[fault.kind]
    drawn = pl.Series(names, dtype=pl.String).gather(
        pl.Series(rng.integers(0, len(names), rows.height).astype(np.uint32))
    )
    return rows.with_columns(drawn.alias(fault.column or ""))


def _lost_hour(rng: Rng, rows: pl.DataFrame) -> pl.Series:
    """A wall-clock time in the hour that was skipped, the way each source writes times."""
    texts = []
    seconds = rng.integers(0, 3600, rows.height).tolist()
    for source, day, second in zip(rows["_source"], rows["_day"], seconds, strict=True):
        clock = f"02:{second // 60:02d}:{second % 60:02d}.000"
        date = date_of(day)
        if source == ICCS:
            texts.append(clock)
        elif source == "helse_sorost_alarms":
            texts.append(f"{date.isoformat()} {clock}")
        else:
            whole = second - second % 60 if source == "lat_readiness" else second
            serial = (date - EPOCH).days + 25569 + (7200 + whole) / 86400
            texts.append(f"#{serial!r}")
    return pl.Series(texts, dtype=pl.String)
