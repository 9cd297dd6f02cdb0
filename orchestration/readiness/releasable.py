"""What a release may show of data quality: shares and grades, bands instead of numbers of rows.

The numbers behind a share of rows are dropped. A share is left out when it rests on fewer than
`min_denominator` rows, or when the good or the bad rows are 1 to `min_count` - 1: the grade, which
is a band by itself, stays. Days and files are not events, so their numbers are shown.
"""

from __future__ import annotations

import polars as pl

from orchestration.suppression import SuppressionPolicy, small

HIDDEN = ":"
_BANDS = ((100_000, "100 000+"), (10_000, "10 000+"), (1_000, "1 000+"), (100, "100+"), (10, "10+"))
_EXAMPLES = (1, 2, 3)
_DECIMALS = 2


def releasable_readiness(frame: pl.DataFrame, policy: SuppressionPolicy) -> pl.DataFrame:
    """`data_readiness` without numbers of rows; `is_suppressed` says where a share is left out."""
    part, whole, of_rows = pl.col("part"), pl.col("whole"), pl.col("is_of_rows")
    return frame.with_columns(_hidden(part, whole, of_rows, policy).alias("is_suppressed")).select(
        *frame.columns[: frame.columns.index("part")],
        pl.when(~of_rows).then(part).alias("part"),
        pl.when(~of_rows).then(whole).alias("whole"),
        pl.when(of_rows).then(band(whole, policy)).alias("row_band"),
        pl.when(~pl.col("is_suppressed")).then(pl.col("value").round(_DECIMALS)).alias("value"),
        "is_suppressed",
        "grade",
        "reason_nb",
        "reason_en",
    )


def releasable_findings(frame: pl.DataFrame, policy: SuppressionPolicy) -> pl.DataFrame:
    """`readiness_findings` with bands; of one to four rows only one example is named."""
    affected, of_rows = pl.col("affected"), pl.col("is_of_rows")
    few = small(affected, policy) & of_rows
    hidden = _hidden(pl.col("of_total") - affected, pl.col("of_total"), of_rows, policy)
    examples = {
        f"example_{position}_{part}": pl.when(~few | (pl.lit(position) == 1)).then(
            pl.col(f"example_{position}_{part}")
        )
        for position in _EXAMPLES
        for part in ("file", "row")
    }
    return frame.with_columns(
        pl.when(of_rows)
        .then(band(affected, policy))
        .otherwise(affected.cast(pl.String))
        .alias("affected"),
        pl.when(~hidden).then(pl.col("value").round(_DECIMALS)).alias("value"),
        hidden.alias("is_suppressed"),
        pl.when(~few).then(pl.col("file_count")).alias("file_count"),
        **examples,
    ).drop("of_total")


def band(count: pl.Expr, policy: SuppressionPolicy) -> pl.Expr:
    """A number of rows as text that gives no small number away."""
    bands = [pl.when(count >= least).then(pl.lit(words)) for least, words in _BANDS]
    return pl.coalesce(
        *bands,
        pl.when(count >= policy.min_count).then(pl.lit(f"{policy.min_count}+")),
        pl.when(count == 0).then(pl.lit("0")),
        pl.lit(HIDDEN),
    )


def _hidden(part: pl.Expr, whole: pl.Expr, of_rows: pl.Expr, policy: SuppressionPolicy) -> pl.Expr:
    few = small(part, policy) | small(whole - part, policy)
    return of_rows & ((whole < policy.min_denominator) | few)
