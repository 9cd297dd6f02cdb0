"""What a release may show of data quality: grades, and shares and numbers of rows told roughly.

The figures of data quality (`dq_*`) are hidden cell by cell, and these tables count the same rows.
So nothing here is told more exactly than to the nearest `min_denominator` rows: a share in steps of
at least so many, and none of so few rows that a step would be a large part of them. The grade is a
band by itself and stays. Days and files are not events, so their numbers are shown.
"""

from __future__ import annotations

import polars as pl

from orchestration.suppression import SERVICE, SuppressionPolicy, few

HIDDEN = ":"
_BANDS = ((100_000, "100 000+"), (10_000, "10 000+"), (1_000, "1 000+"), (100, "100+"))
_EXAMPLES = (1, 2, 3)
# Per cent; the finest of these that is enough rows is used.
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_DECIMALS = 2


def releasable_readiness(
    frame: pl.DataFrame, policy: SuppressionPolicy, *, in_full: bool = False
) -> pl.DataFrame:
    """`data_readiness` without numbers of rows; `is_suppressed` says where a share is left out.

    `in_full` has the numbers, and `is_small` says which rows are not to be passed on.
    """
    part, whole, of_rows = pl.col("part"), pl.col("whole"), pl.col("is_of_rows")
    if in_full:
        return frame.with_columns(
            pl.when(of_rows).then(band(whole, policy)).alias("row_band"),
            pl.lit(False).alias("is_suppressed"),
            of_rows.alias("is_small"),
        )
    return frame.with_columns(
        pl.when(of_rows)
        .then(rough_share(pl.col("value"), part, whole, policy))
        .otherwise(pl.col("value").round(_DECIMALS))
        .alias("value")
    ).select(
        *frame.columns[: frame.columns.index("part")],
        pl.when(~of_rows).then(part).alias("part"),
        pl.when(~of_rows).then(whole).alias("whole"),
        pl.when(of_rows).then(band(whole, policy)).alias("row_band"),
        "value",
        (of_rows & pl.col("value").is_null()).alias("is_suppressed"),
        "grade",
        "reason_nb",
        "reason_en",
    )


def releasable_findings(
    frame: pl.DataFrame, policy: SuppressionPolicy, *, in_full: bool = False
) -> pl.DataFrame:
    """`readiness_findings` with bands; of few rows only one example is named."""
    affected, total, of_rows = pl.col("affected"), pl.col("of_total"), pl.col("is_of_rows")
    if in_full:
        return frame.with_columns(
            affected.cast(pl.String),
            pl.lit(False).alias("is_suppressed"),
            of_rows.alias("is_small"),
        ).drop("of_total")
    of_few = few(affected, policy.of(SERVICE).min_count) & of_rows
    examples = {
        f"example_{position}_{part}": pl.when(~of_few | (pl.lit(position) == 1)).then(
            pl.col(f"example_{position}_{part}")
        )
        for position in _EXAMPLES
        for part in ("file", "row")
    }
    return (
        frame.with_columns(
            pl.when(of_rows & of_few)
            .then(None)
            .when(of_rows)
            .then(rough_share(pl.col("value"), total - affected, total, policy))
            .otherwise(pl.col("value").round(_DECIMALS))
            .alias("value"),
            pl.when(of_rows)
            .then(band(affected, policy))
            .otherwise(affected.cast(pl.String))
            .alias("affected"),
            pl.when(~of_few).then(pl.col("file_count")).alias("file_count"),
            **examples,
        )
        .with_columns((of_rows & pl.col("value").is_null()).alias("is_suppressed"))
        .drop("of_total")
    )


def releasable_volume(
    frame: pl.DataFrame, policy: SuppressionPolicy, *, in_full: bool = False
) -> pl.DataFrame:
    """`data_volume` to the nearest so many rows: figures of data quality count the same ones."""
    if in_full:
        return frame.with_columns(is_suppressed=pl.lit(False), is_small=pl.lit(True))
    counts = [name for name, kind in frame.schema.items() if kind == pl.Int64]
    told = frame.with_columns(rough_count(pl.col(name), policy).alias(name) for name in counts)
    return told.with_columns(pl.any_horizontal(pl.col(counts).is_null()).alias("is_suppressed"))


def rough_share(
    share: pl.Expr, part: pl.Expr, whole: pl.Expr, policy: SuppressionPolicy
) -> pl.Expr:
    """A share of rows in per cent, in steps of so many rows that none can be told apart.

    Left out where it would be taken for nothing or everything, and is neither.
    """
    rows = policy.of(SERVICE).min_denominator
    steps = [pl.when(whole * step / 100 >= rows).then(step) for step in _STEPS]
    step = pl.coalesce(*steps, pl.lit(None, dtype=pl.Float64))
    nearest = ((share / step).round() * step).round(_DECIMALS)
    is_nearly = nearest.is_in([0.0, 100.0]) & (part > 0) & (part < whole)
    return pl.when(~is_nearly).then(nearest)


def rough_count(count: pl.Expr, policy: SuppressionPolicy) -> pl.Expr:
    """A number of rows to the nearest so many; none where there are few."""
    rows = policy.of(SERVICE).min_count
    nearest = (count / rows).round().cast(pl.Int64) * rows
    return pl.when(~few(count, rows)).then(nearest)


def band(count: pl.Expr, policy: SuppressionPolicy) -> pl.Expr:
    """A number of rows as text that gives no small number away."""
    least = policy.of(SERVICE).min_count
    bands = [
        pl.when(count >= n).then(pl.lit(words)) for n, words in (*_BANDS, (least, f"{least}+"))
    ]
    return pl.coalesce(*bands, pl.when(count == 0).then(pl.lit("0")), pl.lit(HIDDEN))
