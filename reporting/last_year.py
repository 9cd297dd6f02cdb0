"""Figures beside the same period of the year before: the change, its interval, and what it says.

The interval of a difference of two independent figures is put together from their own 95 %
intervals, by how far each limit lies from its figure (Zou and Donner 2008, *Construction of
confidence limits about effect measures*; for shares it is Newcombe's interval). It is as exact as
those intervals are: of percentiles they are order statistics, of shares Wilson's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

# What a query reads of the figure a year earlier, by the names that it has in the result.
READ = {
    "last_year_start": "period_start",
    "last_year_value": "value",
    "last_year_lower": "lower",
    "last_year_upper": "upper",
    "last_year_n": "n",
    "last_year_coverage": "coverage",
    "last_year_status": "status",
    "last_year_is_partial": "is_partial",
}

_TEXTS = {
    "hidden": ("Skjult: ingen vurdering.", "Hidden: no verdict."),
    "no_data": ("Ingen tall for samme periode i fjor.", "No figure for the same period last year."),
    "partial": (
        "En av periodene er ikke fullt levert: ingen vurdering.",
        "One of the periods is not wholly delivered: no verdict.",
    ),
    "broken": (
        "Brudd i serien siden samme periode i fjor: ingen vurdering.",
        "The series breaks after the same period last year: no verdict.",
    ),
    "no_interval": ("Endringen har ingen usikkerhet oppgitt.", "The change has no interval."),
    "uncertain": ("Ingen sikker endring fra i fjor.", "No certain change from last year."),
    "better": ("Bedre enn i fjor.", "Better than last year."),
    "worse": ("Dårligere enn i fjor.", "Worse than last year."),
    "higher": ("Høyere enn i fjor.", "Higher than last year."),
    "lower": ("Lavere enn i fjor.", "Lower than last year."),
}


def year_before(day: str) -> str:
    """SQL of the day a year before one of row `v`; 52 weeks before, where it is a week or a day."""
    return f"""case when v.period_grain in ('day', 'week') then v.{day} - 364
        else cast(v.{day} - interval 1 year as date) end"""


def with_change(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with the change (value minus last year's), its 95 % limits and a verdict.

    `frame` has the columns of a query with those of READ. Where a figure is hidden, lacking, of
    part of a period, or on the other side of a break, there is no change: a part is not compared
    with a whole. Otherwise `change_verdict` is better, worse, higher or lower when the interval
    does not hold zero, and uncertain when it does.
    """
    import polars as pl

    value, lower, upper = pl.col("value"), pl.col("lower"), pl.col("upper")
    was, was_lower, was_upper = (pl.col(f"last_year_{n}") for n in ("value", "lower", "upper"))
    statuses = pl.col("status"), pl.col("last_year_status")
    is_break_between = (pl.col("break_date") > pl.col("last_year_first")).fill_null(False)
    fault = (
        pl.when(pl.any_horizontal(status.eq_missing(pl.lit("suppressed")) for status in statuses))
        .then(pl.lit("hidden"))
        .when(value.is_null() | was.is_null())
        .then(pl.lit("no_data"))
        .when(
            pl.col("is_partial").fill_null(False) | pl.col("last_year_is_partial").fill_null(False)
        )
        .then(pl.lit("partial"))
        .when(is_break_between)
        .then(pl.lit("broken"))
    )
    change = pl.when(pl.col("_fault").is_null()).then(value - was)
    down = ((value - lower) ** 2 + (was_upper - was) ** 2).sqrt()
    up = ((upper - value) ** 2 + (was - was_lower) ** 2).sqrt()
    is_good = pl.col("direction").replace_strict({"up": 1, "down": -1}, default=0)
    grown = pl.col("change_lower") > 0
    certain = grown | (pl.col("change_upper") < 0)
    verdict = (
        pl.when(pl.col("_fault").is_not_null())
        .then("_fault")
        .when(pl.col("change_lower").is_null() | pl.col("change_upper").is_null())
        .then(pl.lit("no_interval"))
        .when(~certain)
        .then(pl.lit("uncertain"))
        .when(is_good == 0)
        .then(pl.when(grown).then(pl.lit("higher")).otherwise(pl.lit("lower")))
        .when(grown == (is_good > 0))
        .then(pl.lit("better"))
        .otherwise(pl.lit("worse"))
    )
    texts = {
        f"change_{language}": pl.col("change_verdict").replace_strict(
            {code: said[at] for code, said in _TEXTS.items()}, return_dtype=pl.String
        )
        for at, language in enumerate(("nb", "en"))
    }
    return (
        frame.with_columns(fault.alias("_fault"))
        .with_columns(change.alias("change"))
        .with_columns(
            (pl.col("change") - down).alias("change_lower"),
            (pl.col("change") + up).alias("change_upper"),
        )
        .with_columns(verdict.alias("change_verdict"))
        .with_columns(**texts)
        .drop("_fault", "last_year_first")
    )
