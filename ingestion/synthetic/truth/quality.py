"""Figures of data quality: all rows in force, also those no other figure counts."""

from __future__ import annotations

import polars as pl

from ingestion.synthetic.truth.places import Places
from ingestion.synthetic.truth.rollup import cells, shares

_SUMS = ("rows", "complete", "disordered", "placeless")
_WANTED = {
    "dq_complete": ("complete", "rows", "rows"),
    "dq_order": ("disordered", "rows", "rows"),
}


def tally(contract: str, rows: pl.DataFrame, places: Places) -> pl.DataFrame:
    """Rows by day, unit and system, with how many have which kind of warning."""
    unit = "base_id" if contract.startswith("lat_") else "central_id"
    known = (places.bases if unit == "base_id" else places.centrals)[unit].to_list()
    placeless = pl.lit(False)
    if contract == "alarm":
        current = places.municipalities["municipality_code"].to_list()
        placeless = ~pl.col("scene_municipality_code").is_in(current).fill_null(False)
    return (
        rows.group_by(pl.col("_day").cast(pl.Date).alias("date"), unit, "source_system")
        .agg(
            pl.len().alias("rows"),
            (~pl.col("has_missing_warning")).sum().alias("complete"),
            pl.col("has_order_warning").sum().alias("disordered"),
            placeless.sum().alias("placeless"),
        )
        .select(
            pl.lit(contract).alias("segment"),
            "date",
            pl.when(pl.col(unit).is_in(known))
            .then(pl.col(unit))
            .otherwise(pl.lit("UNKNOWN"))
            .alias("unit"),
            "source_system",
            pl.col(_SUMS).cast(pl.Int64),
        )
    )


def quality_figures(tallies: pl.DataFrame) -> pl.DataFrame:
    """Shares of rows that are complete, out of order, or without a place."""
    keys = ("segment", "date", "unit", "source_system")
    tallies = tallies.group_by(keys).agg(pl.col(_SUMS).sum())
    parts = []
    for level, contracts in (
        ("central", ("call", "alarm", "video_session")),
        ("base", ("lat_request", "lat_readiness")),
    ):
        rows = tallies.filter(pl.col("segment").is_in(contracts))
        alarms = rows.filter(pl.col("segment") == "alarm")
        counted = [cells(rows, keys, _WANTED)]
        if alarms.height:
            wanted = {"dq_geo_unknown": ("placeless", "rows", "rows")}
            counted.append(cells(alarms, keys, wanted))
        parts.append(
            shares(
                pl.concat(counted),
                {"national": None, level: "unit", "source_system": "source_system"},
                complete=(*_WANTED, "dq_geo_unknown"),
            )
        )
    return pl.concat(parts)
