"""Which periods are released: fine enough for their level, and over.

A period that is not over changes from release to release, and the difference of two releases would
be the days in between, also where those days are hidden. So a period is released when its last day
has been delivered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl

from orchestration.registry.spec import Registry
from orchestration.suppression import SuppressionPolicy
from reporting.columns import KEY, UNPLACED

SCOPE_SCHEMA = {
    "kpi_id": pl.String,
    "segment": pl.String,
    "level": pl.String,
    "is_unplaced": pl.Boolean,
    "period_grain": pl.String,
    "last_period_start": pl.Date,
}
_PER_SEGMENT = "segment"
# Families whose figures also depend on record types that the KPI's contract does not name.
_ALSO = {"video": ("call",), "chains": ("call",)}


def last_delivered(receipts: pl.DataFrame) -> dict[str, date]:
    """The last delivered day per contract."""
    rows = (
        receipts.filter(pl.col("status") == "accepted")
        .group_by("contract")
        .agg(pl.col("delivered_on").max())
        .drop_nulls()
    )
    return dict(rows.iter_rows())


def last_closed(grain: str, last_day: date) -> date:
    """First day of the last period of a grain that ends on `last_day` or before."""
    after = last_day + timedelta(days=1)
    match grain:
        case "day":
            return last_day
        case "week":
            return after - timedelta(days=after.weekday() + 7)
        case "month" | "ytd" | "rolling12":  # the running ones are named by their last month
            return (after.replace(day=1) - timedelta(days=1)).replace(day=1)
        case "tertial":
            begun = date(after.year, 4 * ((after.month - 1) // 4) + 1, 1)
            return (
                begun.replace(month=begun.month - 4)
                if begun.month > 1
                else date(begun.year - 1, 9, 1)
            )
        case "quarter":
            begun = date(after.year, 3 * ((after.month - 1) // 3) + 1, 1)
            return (
                begun.replace(month=begun.month - 3)
                if begun.month > 1
                else date(begun.year - 1, 10, 1)
            )
        case "year":
            return date(after.year - 1, 1, 1)
    raise ValueError(f"unknown grain {grain!r}")


def released_periods(
    keys: pl.DataFrame,
    registry: Registry,
    delivered: Mapping[str, date],
    policy: SuppressionPolicy,
) -> pl.DataFrame:
    """kpi_scope: per KPI, segment, level and grain the last period that is released.

    `keys` has the columns kpi_id, segment and level.
    """
    contracts = {kpi.id: (kpi.contract, *_ALSO.get(kpi.family, ())) for kpi in registry.kpis}
    families = {kpi.id: kpi.family for kpi in registry.kpis}
    rows = []
    for kpi_id, segment, level in keys.unique().sort(pl.all()).iter_rows():
        names = [segment if name == _PER_SEGMENT else name for name in contracts.get(kpi_id, ("",))]
        days = [delivered.get(name) for name in names]
        if any(day is None for day in days):
            continue
        last_day = min(day for day in days if day is not None)
        rows += [
            (kpi_id, segment, level, unplaced, grain, last_closed(grain, last_day))
            for unplaced in (False, True)
            for grain in policy.grains(families[kpi_id], level, unplaced=unplaced)
        ]
    return pl.DataFrame(rows, schema=SCOPE_SCHEMA, orient="row")


def in_scope(values: pl.DataFrame, scope: pl.DataFrame) -> pl.DataFrame:
    """The rows of kpi_values that are released, hidden or not."""
    keys = ["kpi_id", "segment", "level", "is_unplaced", "period_grain"]
    return (
        values.with_columns((pl.col("unit_id") == UNPLACED).alias("is_unplaced"))
        .join(scope, on=keys)
        .filter(pl.col("period_start") <= pl.col("last_period_start"))
        .drop("is_unplaced", "last_period_start")
    )


def unplaced(values: pl.DataFrame, released: pl.DataFrame) -> pl.DataFrame:
    """What could not be placed, in periods too short to be released for it.

    It is the rest of totals that are released, so it often follows from them.
    """
    keys = [name for name in values.columns if name in KEY]
    return (
        values.filter(pl.col("unit_id") == UNPLACED)
        .join(released.select(keys), on=keys, how="anti")
        .with_columns(pl.lit(True).alias("_beyond"))
    )
