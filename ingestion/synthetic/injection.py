"""Put faults into clean records, and say for each what the pipeline should make of it.

A record with a fault exists three times: as it should have been (clean), as it is sent (emitted,
one or more rows) and as the documented treatment leaves it (effective, or nothing).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ingestion.synthetic.chance import Rng, stream
from ingestion.synthetic.clock import (
    EPOCH,
    HOUR,
    MINUTE,
    SECOND,
    Bools,
    Ints,
    clock_changes,
    date_of,
    earliest_reading,
    is_ambiguous,
    local_day,
    midnight,
)
from ingestion.synthetic.faults import AMBIGUOUS, FAULTS, LOCAL_TIME_SOURCES, Fault, rule
from ingestion.synthetic.frames import ANCHOR, ICCS, LIFEX, STAMPS
from ingestion.synthetic.reference import Reference

# How the rows of a record are told apart in a file, and what is written instead of a value.
WIRE_COLUMNS = {
    "_seq": pl.Int32,
    "_delivered": pl.Int32,
    "_override_column": pl.String,
    "_override_value": pl.String,
    "_fault": pl.Int32,
}
FLAGS = ("has_missing_warning", "has_order_warning", "has_timing_warning")
UNREADABLE = "ukjent"
UNKNOWN_CENTRAL = "sentral_ukjent"
UNKNOWN_BASE = "base_ukjent"
UNKNOWN_MUNICIPALITIES = ("9999", "2111", "2211", "0999")
ALL_FAULTS = (*AMBIGUOUS, *FAULTS)
# A file keeps nearly all its rows: at most this share is spoilt, and none of a tiny file.
_MAX_SPOILT_SHARE = 0.04
_LEAST_ROWS = 5
_YEAR_WRONG = 364


@dataclass
class Result:
    """The records of one contract and month after injection.

    `common` records are the same clean and effective. `doubles` are rows of another system that the
    pipeline recognises; they count in data quality figures only. `also` has second findings of rows
    in the hour that occurs twice: read as the first of the two, stamps may come out of order.
    """

    emitted: pl.DataFrame
    common: pl.DataFrame
    clean: pl.DataFrame
    effective: pl.DataFrame
    doubles: pl.DataFrame
    also: pl.DataFrame


@dataclass
class Injector:
    """Chooses and applies faults, month after month.

    `rate` multiplies every rate; with a rate above zero each fault occurs at least once in a run
    that has a record fit for it.
    """

    ref: Reference
    seed: int
    rate: float
    last_day: int
    seen: set[int] = field(default_factory=set)

    def inject(self, contract: str, clean: pl.DataFrame, part: int) -> Result:
        """Apply faults to a month of clean records."""
        rng = stream(self.seed, f"faults {contract}", part)
        chosen = self._choose(rng, contract, clean)
        with_choice = clean.with_columns(pl.Series("_fault", chosen, dtype=pl.Int32))
        common = with_choice.filter(pl.col("_fault") < 0)
        normal = _rows(common.drop("_fault"))
        parts = [normal.with_columns(pl.lit(None, dtype=pl.Int32).alias("_fault"))]
        clean_parts, effective_parts, doubles = [], [], []
        also = [pl.DataFrame(schema={"_rid": pl.Int64, "also": pl.String})]
        for index in sorted(set(chosen[chosen >= 0].tolist())):
            fault = ALL_FAULTS[index]
            rows = with_choice.filter(pl.col("_fault") == index).drop("_fault")
            sent, effective, doubled = _apply(self, rng, fault, rows)
            parts.append(
                sent.with_columns(
                    pl.when("_fault").then(pl.lit(index, dtype=pl.Int32)).alias("_fault")
                )
            )
            clean_parts.append(_flagged(rows))
            effective_parts.append(effective)
            doubles.append(doubled)
            if fault in AMBIGUOUS:
                also.extend(_order_findings(contract, effective))
        columns = parts[0].columns
        emitted = pl.concat([part.select(columns) for part in parts])
        none = _flagged(common.drop("_fault").clear())
        return Result(
            emitted=emitted,
            common=_flagged(common.drop("_fault")),
            clean=_all(clean_parts, none),
            effective=_all(effective_parts, none),
            doubles=_all(doubles, none),
            also=pl.concat(also),
        )

    def _choose(self, rng: Rng, contract: str, clean: pl.DataFrame) -> Ints:
        """For each record the fault it gets, as an index into the fault list; -1 for none."""
        chosen = np.full(clean.height, -1, dtype=np.int64)
        natural = _ambiguous(contract, clean)
        for index, fault in enumerate(ALL_FAULTS):
            if fault.contract == contract and fault in AMBIGUOUS:
                chosen[natural] = index
        if self.rate <= 0 or not clean.height:
            return chosen
        files, file_of = np.unique(
            clean["_day"].to_numpy().astype(np.int64) * 16
            + clean["_source"].rank("dense").to_numpy().astype(np.int64),
            return_inverse=True,
        )
        rows_in = np.bincount(file_of, minlength=len(files))
        room = np.where(
            rows_in < _LEAST_ROWS, 0, np.maximum(1, (rows_in * _MAX_SPOILT_SHARE).astype(int))
        )
        for index, fault in enumerate(ALL_FAULTS):
            if fault.contract != contract or fault in AMBIGUOUS:
                continue
            fit = _fit(self, fault, clean) & (chosen < 0)
            spoils = fault.rejects or fault.kind == "key_repeated"
            if spoils:
                fit &= room[file_of] > 0
            candidates = np.flatnonzero(fit)
            count = int(rng.binomial(len(candidates), min(1.0, fault.rate * self.rate)))
            if not count and len(candidates) and index not in self.seen:
                count = 1
            for row in rng.choice(candidates, count, replace=False) if count else ():
                if spoils:
                    if room[file_of[row]] <= 0:
                        continue
                    room[file_of[row]] -= 1
                chosen[row] = index
                self.seen.add(index)
        return chosen


def _rows(
    rows: pl.DataFrame,
    *,
    seq: int = 0,
    delivered: pl.Series | None = None,
    override: tuple[str, pl.Series] | None = None,
    found: bool = False,
) -> pl.DataFrame:
    """Records as rows of a file."""
    return rows.with_columns(
        pl.lit(seq, dtype=pl.Int32).alias("_seq"),
        (pl.col("_day") if delivered is None else delivered.cast(pl.Int32)).alias("_delivered"),
        pl.lit(override[0] if override else None, dtype=pl.String).alias("_override_column"),
        (override[1] if override else pl.lit(None, dtype=pl.String)).alias("_override_value"),
        # Replaced by the index of the fault where the row is the one with the finding.
        pl.lit(found).alias("_fault"),
    )


def _flagged(rows: pl.DataFrame, *raised: str) -> pl.DataFrame:
    """Records with their warning flags."""
    return rows.with_columns(pl.lit(flag in raised).alias(flag) for flag in FLAGS)


def _all(parts: list[pl.DataFrame], none: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([part.select(none.columns) for part in [none, *parts]])


def numbers(column: pl.Series) -> Ints:
    """A timestamp column as milliseconds; nulls become 0."""
    return column.cast(pl.Int64).fill_null(0).to_numpy()


def _ambiguous(contract: str, clean: pl.DataFrame) -> Bools:
    local = (
        clean["_source"].is_in(list(LOCAL_TIME_SOURCES)) & _around(clean["_day"], 1)
    ).to_numpy()
    found = np.zeros(clean.height, dtype=bool)
    if not local.any():
        return found
    for name in STAMPS[contract]:
        present = clean[name].is_not_null().to_numpy() & local
        rows = np.flatnonzero(present)
        found[rows] |= is_ambiguous(numbers(clean[name].gather(pl.Series(rows))))
    return found


def _order_findings(contract: str, rows: pl.DataFrame) -> list[pl.DataFrame]:
    return [
        rows.filter(wrong).select(
            "_rid", pl.lit(rule(contract, name, "OUT_OF_ORDER")).alias("also")
        )
        for name, wrong in out_of_order(contract, rows).items()
        if wrong.any()
    ]


def _around(days: pl.Series, change: int) -> pl.Series:
    """Whether local days lie next to a change of clock (0: to summer time, 1: back)."""
    years = range(2010, 2040)
    at = local_day(np.array([clock_changes(year)[change] for year in years])).tolist()
    return days.is_in([day + step for day in at for step in (-1, 0, 1)])


def prior(contract: str, column: str) -> list[str]:
    """The stamps that may not be later than this one."""
    if column == "transfer_at":
        return ["answered_at"]
    if column == "cancelled_at":
        return ["alerted_at"]
    order = [n for n in STAMPS[contract] if n not in ("transfer_at", "cancelled_at")]
    return order[: order.index(column)]


def out_of_order(contract: str, rows: pl.DataFrame) -> dict[str, pl.Series]:
    """Per stamp, which records have it before an earlier step of the sequence."""
    found: dict[str, pl.Series] = {}
    if contract == "lat_readiness":
        return found
    for name in STAMPS[contract]:
        before = prior(contract, name)
        if not before:
            continue
        wrong = pl.col(name) < pl.max_horizontal(before)
        if name == "transfer_at":
            wrong = wrong | (pl.col(name) > pl.col("ended_at"))
        found[name] = rows.select(wrong.fill_null(False)).to_series()
    return found


# --- which records are fit for a fault -----------------------------------------------------------


def _fit(injector: Injector, fault: Fault, clean: pl.DataFrame) -> Bools:
    column = fault.column
    fit = pl.lit(True)
    if fault.sources:
        fit = fit & pl.col("_source").is_in(sorted(fault.sources))
    if column is not None and fault.kind not in ("value_unexpected", "nonexistent_time"):
        fit = fit & pl.col(column).is_not_null()
    fit = fit & _FIT.get(fault.kind, lambda _injector, _fault: pl.lit(True))(injector, fault)
    return clean.select(pl.col("_rid"), fit.fill_null(False).alias("fit"))["fit"].to_numpy()


def _since_midnight(column: str) -> pl.Expr:
    """Milliseconds of the local day gone by at a stamp (clock changes ignored, as they may be)."""
    local = pl.col(column).dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Oslo")
    return local.dt.hour().cast(pl.Int64) * HOUR + local.dt.minute().cast(pl.Int64) * MINUTE


def _delay_fits(injector: Injector, _fault: Fault) -> pl.Expr:
    return pl.col("_day") + 10 <= injector.last_day


def _fit_skew(_injector: Injector, fault: Fault) -> pl.Expr:
    anchor = ANCHOR[fault.contract]
    # Early enough in the day that a step back stays on the date: not all extracts repeat the date.
    fit = _since_midnight(anchor) >= 5 * MINUTE
    before = prior(fault.contract, fault.column or "")
    fit = fit & pl.any_horizontal(pl.col(name).is_not_null() for name in before)
    if fault.contract == "call" and fault.column == "ended_at":
        fit = fit & pl.col("transfer_at").is_null()
    return fit


def _fit_midnight(_injector: Injector, fault: Fault) -> pl.Expr:
    return _since_midnight(ANCHOR[fault.contract]) >= 5 * MINUTE


def _fit_absent(_injector: Injector, fault: Fault) -> pl.Expr:
    if fault.contract == "call":
        fit = pl.col("outcome") == "ANSWERED" if fault.column == "answered_at" else pl.lit(True)
        return fit & pl.col("transfer_at").is_null()
    if fault.contract == "alarm":
        fit = pl.col("cancelled_at").is_null()
        if fault.column in ("departed_at", "at_destination_at"):
            return fit & (pl.col("result") == "CONVEYED")
        fit = fit & (pl.col("mission_type") == "ACUTE")
        if fault.column == "received_at":
            # The alert becomes the anchor; it must be on the same local date.
            same = _since_midnight("alerted_at") >= _since_midnight("received_at")
            return fit & same & (_since_midnight("received_at") < 23 * HOUR)
        return fit
    return pl.lit(True)


def _fit_unexpected(_injector: Injector, fault: Fault) -> pl.Expr:
    if fault.contract == "call":
        return pl.col("outcome") == "ABANDONED"
    if fault.contract == "video_session":
        return pl.col("status") == "NOT_OPENED"
    return pl.col("outcome") == "DECLINED"


def _fit_batch(_injector: Injector, _fault: Fault) -> pl.Expr:
    return (
        pl.col("cancelled_at").is_null()
        & (pl.col("mission_type") == "ACUTE")
        & (pl.col("result") != "CONVEYED")
    )


def _fit_nonexistent(_injector: Injector, fault: Fault) -> pl.Expr:
    years = range(2010, 2040)
    changes = local_day(np.array([clock_changes(year)[0] for year in years])).tolist()
    # Before 13:00, since an extract without dates would place an earlier hour on the next day.
    return (
        pl.col("_day").is_in(changes)
        & pl.col(fault.column or "").is_not_null()
        & (_since_midnight(ANCHOR[fault.contract]) < 13 * HOUR)
    )


def _fit_cross(_injector: Injector, _fault: Fault) -> pl.Expr:
    at = _since_midnight("ring_start_at")
    return (
        pl.col("_plain_caller")
        & ~pl.col("is_test")
        & (pl.col("channel") == "VOICE")
        & pl.col("chain_id").is_null()
        & pl.col("transfer_at").is_null()
        & ((pl.col("_day") - pl.col("_cutover")).abs() <= 2)
        # Clear of midnight, and of the hours around a change of clock.
        & (at >= 5 * HOUR)
        & (at < 23 * HOUR + 50 * MINUTE)
    )


def _fit_overlap(injector: Injector, _fault: Fault) -> pl.Expr:
    # The last actual interval of a shift, when the resource goes on in the next one.
    nights = ~pl.col("resource_id").is_in(["plane_alta_2", "plane_gardermoen_2", "plane_tromso_2"])
    local = pl.col("end_at").dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Oslo")
    at_change = local.dt.hour().is_in([8, 20]) & (local.dt.minute() == 0)
    return (
        (pl.col("state") != "PLANNED") & at_change & nights & (pl.col("_day") < injector.last_day)
    )


def _fit_older(injector: Injector, _fault: Fault) -> pl.Expr:
    return pl.col("scene_municipality_code").is_in(sorted(injector.ref.older_codes))


_FIT: dict[str, Callable[[Injector, Fault], pl.Expr]] = {
    "late": _delay_fits,
    "corrected": _delay_fits,
    "tombstone": _delay_fits,
    "clock_skew": _fit_skew,
    "default_midnight": _fit_midnight,
    "value_absent": _fit_absent,
    "value_unexpected": _fit_unexpected,
    "batch_press": _fit_batch,
    "nonexistent_time": _fit_nonexistent,
    "cross_system_duplicate": _fit_cross,
    "overlapping_shift": _fit_overlap,
    "older_municipality_code": _fit_older,
    "lost_leading_zero": lambda _i, _f: pl.col("scene_municipality_code").str.starts_with("0"),
}


# --- what a fault does ---------------------------------------------------------------------------

Applied = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]


def _apply(injector: Injector, rng: Rng, fault: Fault, rows: pl.DataFrame) -> Applied:
    """The rows to send, the effective records, and the rows that double another."""
    none = _flagged(rows.clear())
    kept = _flagged(rows)
    column = fault.column or ""
    match fault.kind:
        case "ambiguous_hour":
            return _rows(rows, found=True), _read_first(fault.contract, rows), none
        case "exact_duplicate":
            return pl.concat([_rows(rows), _rows(rows, seq=1, found=True)]), kept, none
        case "key_repeated":
            other = _other_content(fault.contract, rows)
            return pl.concat([_rows(rows), _rows(other, seq=1, found=True)]), kept, none
        case "value_missing":
            return _rows(_without(rows, column), found=True), none, none
        case "unparsable_time":
            text = _texts(rows, UNREADABLE)
            return _rows(rows, override=(column, text), found=True), none, none
        case "unknown_code":
            text = rows["_source"].replace_strict(_STRANGE_CODE, default="ZZ")
            return _rows(rows, override=(column, text), found=True), none, none
        case "nonexistent_time":
            return _rows(rows, override=(column, _lost_hour(rng, rows)), found=True), none, none
        case "time_in_future":
            moved = _shifted(fault.contract, rows, pl.duration(days=_YEAR_WRONG))
            return _rows(moved, found=True), none, none
        case "time_before_first_date":
            moved = _shifted(fault.contract, rows, -pl.duration(days=pl.col("_day")))
            return _rows(moved, found=True), none, none
        case "clock_skew" | "default_midnight":
            wrong = _too_early(rng, fault, rows)
            flagged = _flagged(wrong, "has_order_warning", "has_timing_warning")
            return _rows(wrong, found=True), flagged, none
        case "value_absent":
            wrong = _without(rows, column)
            return _rows(wrong, found=True), _flagged(wrong, "has_missing_warning"), none
        case "value_unexpected":
            wrong = _with_unexpected(fault, rows)
            return _rows(wrong, found=True), _flagged(wrong, "has_missing_warning"), none
        case "batch_press":
            wrong = rows.with_columns(
                pl.col("available_at").alias("at_scene_at"),
                pl.lit(None, dtype=pl.Datetime("ms")).alias("at_patient_at"),
            )
            return _rows(wrong, found=True), _flagged(wrong, "has_timing_warning"), none
        case "late":
            return _rows(rows, delivered=_later(rng, rows), found=True), kept, none
        case "corrected":
            first = _first_version(fault.contract, rows)
            second = rows.with_columns(pl.lit(2, dtype=pl.Int32).alias("revision"))
            sent = [
                _rows(first, found=True),
                _rows(second, seq=1, delivered=_later(rng, rows)),
            ]
            return pl.concat(sent), _flagged(second), none
        case "tombstone":
            stone = rows.with_columns(
                pl.lit(2, dtype=pl.Int32).alias("revision"), pl.lit(True).alias("deleted")
            )
            sent = [_rows(rows), _rows(stone, seq=1, delivered=_later(rng, rows), found=True)]
            return pl.concat(sent), none, none
        case "cross_system_duplicate":
            double = _in_other_system(rng, rows)
            sent = [_rows(rows), _rows(double, seq=1, found=True)]
            return pl.concat(sent), kept, _flagged(double)
        case "older_municipality_code" | "lost_leading_zero":
            text = (
                rows[column].str.strip_chars_start("0")
                if fault.kind == "lost_leading_zero"
                else _older(injector.ref, rng, rows[column])
            )
            return _rows(rows, override=(column, text), found=True), kept, none
        case "overlapping_shift":
            minutes = pl.Series("m", rng.integers(5, 31, rows.height), dtype=pl.Int64)
            longer = rows.with_columns(
                pl.col("end_at") + (minutes * MINUTE).cast(pl.Duration("ms"))
            )
            return _rows(longer, found=True), _flagged(longer), none
        case _:
            wrong = _renamed(injector.ref, rng, fault, rows)
            return _rows(wrong, found=True), _flagged(wrong), none


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
        return _without(rows, "chain_id")
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
