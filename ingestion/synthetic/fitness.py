"""Which records are fit for a fault: those that it leaves with its one finding and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingestion.synthetic.clock import HOUR, MINUTE, OSLO, Bools, clock_changes, local_day
from ingestion.synthetic.faults import Fault
from ingestion.synthetic.frames import ANCHOR
from ingestion.synthetic.reference import Reference
from ingestion.synthetic.shapes import prior, since_midnight


@dataclass(frozen=True)
class Span:
    """What fitness depends on beyond the record: the country, and when the run ends."""

    ref: Reference
    last_day: int


def fit(span: Span, fault: Fault, clean: pl.DataFrame) -> Bools:
    column = fault.column
    fit = pl.lit(True)
    if fault.sources:
        fit = fit & pl.col("_source").is_in(sorted(fault.sources))
    if column is not None and fault.kind not in ("value_unexpected", "nonexistent_time"):
        fit = fit & pl.col(column).is_not_null()
    fit = fit & _FIT.get(fault.kind, _any)(span, fault)
    return clean.select(pl.col("_rid"), fit.fill_null(False).alias("fit"))["fit"].to_numpy()


def _any(_span: Span, _fault: Fault) -> pl.Expr:
    return pl.lit(True)


def _delay_fits(span: Span, _fault: Fault) -> pl.Expr:
    return pl.col("_day") + 10 <= span.last_day


def _fit_skew(_span: Span, fault: Fault) -> pl.Expr:
    anchor = ANCHOR[fault.contract]
    # Early enough in the day that a step back stays on the date: not all extracts repeat the date.
    fit = since_midnight(anchor) >= 5 * MINUTE
    before = prior(fault.contract, fault.column or "")
    fit = fit & pl.any_horizontal(pl.col(name).is_not_null() for name in before)
    if fault.contract == "call" and fault.column == "ended_at":
        fit = fit & pl.col("transfer_at").is_null()
    return fit


def _fit_midnight(_span: Span, fault: Fault) -> pl.Expr:
    return since_midnight(ANCHOR[fault.contract]) >= 5 * MINUTE


def _fit_absent(_span: Span, fault: Fault) -> pl.Expr:
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
            same = since_midnight("alerted_at") >= since_midnight("received_at")
            return fit & same & (since_midnight("received_at") < 23 * HOUR)
        return fit
    return pl.lit(True)


def _fit_unexpected(_span: Span, fault: Fault) -> pl.Expr:
    if fault.contract == "call":
        return pl.col("outcome") == "ABANDONED"
    if fault.contract == "video_session":
        return pl.col("status") == "NOT_OPENED"
    return pl.col("outcome") == "DECLINED"


def _fit_batch(_span: Span, _fault: Fault) -> pl.Expr:
    return (
        pl.col("cancelled_at").is_null()
        & (pl.col("mission_type") == "ACUTE")
        & (pl.col("result") != "CONVEYED")
    )


def _fit_nonexistent(_span: Span, fault: Fault) -> pl.Expr:
    years = range(2010, 2040)
    changes = local_day(np.array([clock_changes(year)[0] for year in years])).tolist()
    # Before 13:00, since an extract without dates would place an earlier hour on the next day.
    return (
        pl.col("_day").is_in(changes)
        & pl.col(fault.column or "").is_not_null()
        & (since_midnight(ANCHOR[fault.contract]) < 13 * HOUR)
    )


def _fit_cross(_span: Span, _fault: Fault) -> pl.Expr:
    at = since_midnight("ring_start_at")
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


def _fit_overlap(span: Span, _fault: Fault) -> pl.Expr:
    # The last actual interval of a shift, when the resource goes on in the next one.
    nights = ~pl.col("resource_id").is_in(["plane_alta_2", "plane_gardermoen_2", "plane_tromso_2"])
    local = pl.col("end_at").dt.replace_time_zone("UTC").dt.convert_time_zone(OSLO)
    at_change = local.dt.hour().is_in([8, 20]) & (local.dt.minute() == 0)
    return (pl.col("state") != "PLANNED") & at_change & nights & (pl.col("_day") < span.last_day)


def _fit_next_day(_span: Span, _fault: Fault) -> pl.Expr:
    # Half a day later must still be before the extract.
    landed = since_midnight("landed_at")
    return (landed < 11 * HOUR) & (landed > since_midnight("requested_at"))


def _fit_older(span: Span, _fault: Fault) -> pl.Expr:
    return pl.col("scene_municipality_code").is_in(sorted(span.ref.older_codes))


_FIT: dict[str, Callable[[Span, Fault], pl.Expr]] = {
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
    "landed_next_day": _fit_next_day,
    "older_municipality_code": _fit_older,
    "lost_leading_zero": lambda _i, _f: pl.col("scene_municipality_code").str.starts_with("0"),
}
