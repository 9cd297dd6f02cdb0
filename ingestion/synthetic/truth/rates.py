"""Counts against the people they are about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import polars as pl

from ingestion.synthetic.truth.places import Places, person_years
from ingestion.synthetic.truth.rollup import OUTPUT, in_periods, levelled

_KEYS = ["unit_id", "period_start", "period_grain", "level"]
# Levels with so many units that single days are listed only where something happened.
_SMALL = ("municipality", "county", "health_trust")


def per_thousand(
    rows: pl.DataFrame,
    places: Places,
    span: tuple[dt.date, dt.date],
    levels: Mapping[str, str | None],
    people: Mapping[str, str | None],
    kpis: Sequence[tuple[str, str]],
) -> pl.DataFrame:
    """Events per 1000 person-years.

    Args:
        rows: date, the units and one column per KPI with the number of events.
        places: who lives where.
        span: the first and last date of the deliveries, over which person-years are counted.
        levels: level to unit column of the rows.
        people: level to unit column of the people.
        kpis: kpi_id and segment; the column of events has the name of the KPI.
    """
    years = person_years(places, *span, people)
    parts = []
    for level, frame in levelled(rows, levels):
        parts += [
            part.group_by("unit_id", "period_start")
            .agg(pl.col(kpi).sum().cast(pl.Float64) for kpi, _ in kpis)
            .with_columns(pl.lit(grain).alias("period_grain"), pl.lit(level).alias("level"))
            for grain, part in in_periods(frame)
        ]
    joined = pl.concat(parts).join(years, on=_KEYS, how="full", coalesce=True)
    small = pl.col("level").is_in(_SMALL) & (pl.col("period_grain") == "day")
    out = []
    for kpi, segment in kpis:
        # Days on which only the other count has something are not listed for this one.
        happened = pl.col(kpi).fill_null(0.0) > 0
        out.append(
            joined.filter(
                pl.when(small | pl.col("denominator").is_null()).then(happened).otherwise(True)
            )
            .with_columns(
                pl.lit(kpi).alias("kpi_id"),
                pl.lit(segment).alias("segment"),
                pl.col(kpi).fill_null(0.0).alias("numerator"),
            )
            .with_columns(
                pl.col("numerator").alias("n"),
                pl.lit(1.0).alias("coverage"),
                (pl.col("numerator") / pl.col("denominator") * 1000).alias("value"),
            )
            .select(OUTPUT)
        )
    return pl.concat(out)
