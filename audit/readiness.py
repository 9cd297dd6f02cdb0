"""What the released tables on the readiness of data say about the rows of a unit.

They tell shares of rows in steps, numbers of rows in bands, and a grade by the exact share. The
KPIs on the quality of records count the same rows, so each of these is a bound on their measures.
"""

from __future__ import annotations

import functools
from pathlib import Path

import polars as pl

_MEASURES = Path(__file__).resolve().parents[1] / "dbt_project" / "seeds" / "readiness_measures.csv"
FAMILY = "record_quality"
ROWS = f"{FAMILY}.row_count"
# Measures of readiness that count rows which are good, by the measure of those that are not.
_BAD = {
    "within_48h": f"{FAMILY}.late_count",
    "in_order": f"{FAMILY}.order_breach_count",
    "place_known": f"{FAMILY}.geo_unknown_count",
}
# Bands of numbers of rows, from the least to the most of them.
_BANDS = {
    "0": (0, 0),
    "100+": (100, 999),
    "1 000+": (1_000, 9_999),
    "10 000+": (10_000, 99_999),
    "100 000+": (100_000, None),
}
_FEWEST_BAND_TO = 99
# Without a grade there are fewer rows than this.
_GRADED_FROM = 10
# Shares are told in the finest of these steps, in per cent, that is so many rows.
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_KEY = ("contract", "level", "unit_id", "period_grain", "period_start")
SCHEMA = pl.Schema(
    {
        "segment": pl.String,
        "level": pl.String,
        "unit_id": pl.String,
        "period_grain": pl.String,
        "period_start": pl.Date,
        "measure": pl.String,
        # Rows there are.
        "least": pl.Float64,
        "most": pl.Float64,
        # Share of them that is bad, and the fewest that are bad and that are good.
        "share_least": pl.Float64,
        "share_most": pl.Float64,
        "some": pl.Float64,
    }
)


@functools.cache
def _thresholds() -> pl.DataFrame:
    names = ["measure", *(f"at_least_{grade}" for grade in "abc")]
    return pl.read_csv(_MEASURES, columns=names).cast(dict.fromkeys(names[1:], pl.Float64))


def bounds(readiness: pl.DataFrame, known: pl.DataFrame, rows_per_step: int) -> pl.DataFrame:
    """Between which bounds rows and bad ones lie, per unit, period and measure of the bad (SCHEMA).

    `known` has the numbers of rows that are shown (segment, level, unit_id, period_grain,
    period_start, rows). A unit with rows of several sources is left out: each is told by itself.
    """
    texts = ("contract", "level", "unit_id", "period_grain", "measure", "grade", "row_band")
    mine = (
        readiness.with_columns(pl.col(texts).cast(pl.String))
        .filter(
            pl.col("measure").is_in(list(_BAD))
            & pl.col("level").is_in(["central", "base", "source_system"])
            & pl.col("row_band").is_not_null()
        )
        .filter(pl.len().over(*_KEY, "measure") == 1)
        .rename({"contract": "segment"})
        .join(_thresholds(), on="measure", how="left")
    )
    where = ["segment", *_KEY[1:]]
    told = mine.join(known, on=where, how="left", maintain_order="left")
    fewest = told["row_band"].str.extract(r"^(\d+)\+$").cast(pl.Float64)
    least, most = (
        pl.col("row_band")
        .replace_strict({band: ends[at] for band, ends in _BANDS.items()}, default=None)
        .cast(pl.Float64)
        for at in (0, 1)
    )
    # What is in none of these is the band of a few, or fewer than that.
    told = told.with_columns(
        pl.coalesce(least, fewest, 1.0).alias("least"),
        pl.when(pl.col("row_band").is_in(list(_BANDS)))
        .then(most)
        .when(pl.col("grade").is_null())
        .then(_GRADED_FROM - 1.0)
        .otherwise(float(_FEWEST_BAND_TO))
        .alias("most"),
    ).with_columns(
        pl.when((pl.col("row_band") != "0") & pl.col("grade").is_not_null())
        .then(pl.max_horizontal("least", pl.lit(float(_GRADED_FROM))))
        .otherwise("least")
        .alias("least")
    )
    exact = pl.coalesce("rows", "least")
    step = pl.coalesce(pl.when(exact * step / 100 >= rows_per_step).then(step) for step in _STEPS)
    # Everything and nothing are told only where they are exact.
    is_exact = pl.col("value").is_in([0.0, 100.0])
    half = pl.when(is_exact).then(0.0).otherwise(step / 2)
    grade = pl.col("grade")
    by_grade = {
        "A": (pl.col("at_least_a"), pl.lit(100.0)),
        "B": (pl.col("at_least_b"), pl.col("at_least_a")),
        "C": (pl.col("at_least_c"), pl.col("at_least_b")),
        "D": (pl.lit(0.0), pl.col("at_least_c")),
    }
    lowest = pl.coalesce(*(pl.when(grade == name).then(ends[0]) for name, ends in by_grade.items()))
    highest = pl.coalesce(
        *(pl.when(grade == name).then(ends[1]) for name, ends in by_grade.items())
    )
    good_least = pl.max_horizontal(lowest.fill_null(0.0), pl.col("value") - half)
    good_most = pl.min_horizontal(highest.fill_null(100.0), pl.col("value") + half)
    return told.with_columns(
        pl.col("measure").replace_strict(_BAD),
        (1 - good_most / 100).clip(0.0, 1.0).alias("share_least"),
        (1 - good_least / 100).clip(0.0, 1.0).alias("share_most"),
        # Left out although there are enough rows for a step: it is nearly all or nearly nothing.
        pl.when(pl.col("value").is_null() & step.is_not_null())
        .then(1.0)
        .otherwise(0.0)
        .alias("some"),
    ).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
