"""What choosing and applying faults share: rows of files, flags, and the order of stamps."""

from __future__ import annotations

import polars as pl

from ingestion.synthetic.clock import HOUR, MINUTE, OSLO, Ints
from ingestion.synthetic.frames import STAMPS

FLAGS = ("has_missing_warning", "has_order_warning", "has_timing_warning")


def as_rows(
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


def flagged(rows: pl.DataFrame, *raised: str) -> pl.DataFrame:
    """Records with their warning flags."""
    return rows.with_columns(pl.lit(flag in raised).alias(flag) for flag in FLAGS)


def numbers(column: pl.Series) -> Ints:
    """A timestamp column as milliseconds; nulls become 0."""
    return column.cast(pl.Int64).fill_null(0).to_numpy()


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


def since_midnight(column: str) -> pl.Expr:
    """Milliseconds of the local day gone by at a stamp (clock changes ignored, as they may be)."""
    local = pl.col(column).dt.replace_time_zone("UTC").dt.convert_time_zone(OSLO)
    return local.dt.hour().cast(pl.Int64) * HOUR + local.dt.minute().cast(pl.Int64) * MINUTE
