"""Sums and percentiles over levels and periods.

At level municipality a row counts for its municipality and, where that is part of a union of
municipalities whose codes cannot be told apart, for the union too (column `union`).

Whatever has a sum is summed by day first. Percentiles are taken from the records of each period.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

_EVERY = {"day": "1d", "week": "1w", "month": "1mo", "quarter": "1q", "year": "1y"}
NATIONAL = "NO"
UNKNOWN = "UNKNOWN"
OUTPUT = (
    "kpi_id",
    "segment",
    "period_grain",
    "period_start",
    "level",
    "unit_id",
    "numerator",
    "denominator",
    "n",
    "coverage",
    "value",
)
_FRACTIONS = {"median": 0.5, "p90": 0.9, "p99": 0.99}
_SUMS = ("numerator", "denominator", "expected")


def in_periods(frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The rows once per grain, with the first date of the period they are in, `period_start`.

    A row is in many periods that run up to a month, so there is one part for each of them: the
    year up to every month there are rows of (`ytd`), and the twelve months up to it (`rolling12`)
    from the twelfth on. They are named by the first date of that month.
    """
    date = pl.col("date")
    month = date.dt.truncate("1mo")
    for grain, length in _EVERY.items():
        yield grain, frame.with_columns(date.dt.truncate(length).alias("period_start"))
    begun = (date.dt.month() - 1) // 4 * 4 + 1
    yield "tertial", frame.with_columns(pl.date(date.dt.year(), begun, 1).alias("period_start"))
    ends: list[dt.date] = frame.select(month.min(), month.max().alias("last")).row(0)  # type: ignore[assignment]
    months = _months(*ends) if frame.height else []
    for at, last in enumerate(months):
        firsts = {"ytd": last.replace(month=1)} | (
            {"rolling12": months[at - 11]} if at > 10 else {}
        )
        for grain, first in firsts.items():
            rows = frame.filter(month.is_between(first, last))
            yield grain, rows.with_columns(pl.lit(last).alias("period_start"))


def _months(first: dt.date, last: dt.date) -> list[dt.date]:
    """First dates of the months from one to another."""
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [dt.date(number // 12, number % 12 + 1, 1) for number in numbers]


def levelled(
    frame: pl.DataFrame, levels: Mapping[str, str | None]
) -> Iterator[tuple[str, pl.DataFrame]]:
    """The frame once per level, with the units of the level in `unit_id`."""
    for level, column in levels.items():
        unit = pl.lit(NATIONAL) if column is None else pl.col(column)
        units = frame.with_columns(unit.alias("unit_id"))
        if level == "municipality" and "union" in frame.columns:
            again = frame.filter(pl.col("union").is_not_null())
            units = pl.concat([units, again.with_columns(pl.col("union").alias("unit_id"))])
        yield level, units


def shares(
    cells: pl.DataFrame,
    levels: Mapping[str, str | None],
    *,
    complete: Sequence[str] = (),
    factor: float = 100.0,
) -> pl.DataFrame:
    """Shares from cells: kpi_id, segment, date, the units, numerator, denominator and expected.

    What is expected is what the denominator should have been. KPIs in `complete` leave nothing
    out: their coverage is 1.
    """
    parts = []
    for level, frame in levelled(cells, levels):
        by_day = frame.group_by("kpi_id", "segment", "date", "unit_id").agg(pl.col(_SUMS).sum())
        parts += [
            part.group_by("kpi_id", "segment", "period_start", "unit_id")
            .agg(pl.col(_SUMS).sum())
            .with_columns(pl.lit(grain).alias("period_grain"), pl.lit(level).alias("level"))
            for grain, part in in_periods(by_day)
        ]
    whole = pl.col("kpi_id").is_in(list(complete))
    some = pl.col("denominator") > 0
    return (
        pl.concat(parts)
        .with_columns(
            pl.col("denominator").alias("n"),
            pl.when(whole)
            .then(1.0)
            .when(pl.col("expected") > 0)
            .then(pl.col("denominator") / pl.col("expected"))
            .alias("coverage"),
            pl.when(some).then(pl.col("numerator") / pl.col("denominator") * factor).alias("value"),
        )
        .filter(pl.when(whole).then(some).otherwise(pl.col("expected") > 0))
        .select(OUTPUT)
    )


def statistics(
    rows: pl.DataFrame,
    levels: Mapping[str, str | None],
    wanted: Mapping[str, tuple[str, str] | tuple[str, str, str]],
    *,
    scale: float,
) -> pl.DataFrame:
    """Medians, other percentiles and means of value columns.

    Args:
        rows: segment, date, the units and the value columns; a null value counts in the base only.
        levels: level to unit column.
        wanted: kpi_id to (value column, `median`, `p90`, `p99` or `mean`), and the column that says
            which rows are the base, where that is not all of them.
        scale: what the values are multiplied by, exactly once, at the end.
    """
    measures: dict[str, pl.Expr] = {}
    for kpi, (column, statistic, *base) in wanted.items():
        value = pl.col(column)
        measures[f"{kpi}:n"] = value.count()
        measures[f"{kpi}:base"] = pl.col(base[0]).sum() if base else pl.len()
        if statistic == "mean":
            measures[kpi] = value.mean()
            total = value.cast(pl.Int64).sum().cast(pl.Float64)
            measures[f"{kpi}:sum"] = pl.when(value.count() > 0).then(total)
        else:
            measures[kpi] = value.quantile(_FRACTIONS[statistic], interpolation="linear")
    parts = []
    for level, frame in levelled(rows, levels):
        for grain, part in in_periods(frame):
            grouped = part.group_by("segment", "period_start", "unit_id").agg(**measures)
            for kpi in wanted:
                has_sum = f"{kpi}:sum" in measures
                total = pl.col(f"{kpi}:sum") * scale if has_sum else pl.lit(None)
                parts.append(
                    grouped.filter(pl.col(f"{kpi}:base") > 0).select(
                        pl.lit(kpi).alias("kpi_id"),
                        pl.col("segment").cast(pl.String),
                        pl.lit(grain).alias("period_grain"),
                        "period_start",
                        pl.lit(level).alias("level"),
                        pl.col("unit_id").cast(pl.String),
                        total.cast(pl.Float64).alias("numerator"),
                        pl.lit(None, dtype=pl.Float64).alias("denominator"),
                        pl.col(f"{kpi}:n").cast(pl.Float64).alias("n"),
                        (pl.col(f"{kpi}:n") / pl.col(f"{kpi}:base")).alias("coverage"),
                        (pl.col(kpi) * scale).alias("value"),
                    )
                )
    return pl.concat(parts).select(OUTPUT)


def counts(
    cells: pl.DataFrame,
    levels: Mapping[str, str | None],
    grid: Mapping[str, pl.DataFrame],
    dates: pl.DataFrame,
) -> pl.DataFrame:
    """Counts from cells with kpi_id, segment, date, the units and numerator.

    The units of the grid (per level: kpi_id, segment, unit_id) get a true zero on dates without
    anything: every source of a count delivers on every date.
    """
    parts = []
    for level, frame in levelled(cells, levels):
        frame = frame.select(
            "kpi_id", pl.col("segment").cast(pl.String), "date", "unit_id", "numerator"
        ).with_columns(pl.col("unit_id").cast(pl.String))
        zeros = grid[level].join(dates, how="cross").with_columns(pl.lit(0.0).alias("numerator"))
        frame = pl.concat([frame, zeros.select(frame.columns)])
        parts += [
            part.group_by("kpi_id", "segment", "period_start", "unit_id")
            .agg(pl.col("numerator").sum())
            .with_columns(pl.lit(grain).alias("period_grain"), pl.lit(level).alias("level"))
            for grain, part in in_periods(frame)
        ]
    return (
        pl.concat(parts)
        .with_columns(
            pl.lit(None, dtype=pl.Float64).alias("denominator"),
            pl.col("numerator").alias("n"),
            pl.lit(1.0).alias("coverage"),
            pl.col("numerator").alias("value"),
        )
        .select(OUTPUT)
    )


def cells(
    rows: pl.DataFrame, keys: Sequence[str], wanted: Mapping[str, tuple[str, str, str]]
) -> pl.DataFrame:
    """Cells of several shares: kpi_id to the columns of numerator, denominator and expected."""
    return pl.concat(
        rows.select(
            pl.lit(kpi).alias("kpi_id"),
            *keys,
            pl.col(numerator).cast(pl.Float64).alias("numerator"),
            pl.col(denominator).cast(pl.Float64).alias("denominator"),
            pl.col(expected).cast(pl.Float64).alias("expected"),
        )
        for kpi, (numerator, denominator, expected) in wanted.items()
    )
