"""Figures of data quality: all rows in force, also those no other figure counts."""

from __future__ import annotations

import polars as pl

from ingestion.synthetic.frames import ANCHOR
from ingestion.synthetic.truth.places import Places
from ingestion.synthetic.truth.rollup import cells, shares

_SUMS = (
    "rows",
    "complete",
    "disordered",
    "late",
    "revised",
    "doubled",
    "placeless",
    "red",
    "red_unseen",
    "arrived",
    "whole_minute",
)
_ALL = {
    "dq_complete": ("complete", "rows", "rows"),
    "dq_order": ("disordered", "rows", "rows"),
    "dq_late": ("late", "rows", "rows"),
    "dq_revised": ("revised", "rows", "rows"),
}
_CALLS = {"dq_duplicate": ("doubled", "rows", "rows")}
_ALARMS = {
    "dq_geo_unknown": ("placeless", "rows", "rows"),
    "dq_missing_scene": ("red_unseen", "red", "red"),
}
_ROUND = {"dq_round_times": ("whole_minute", "arrived", "arrived")}
_LATE_MS = 48 * 3_600_000
_BY_CHANCE = 100 / 60  # per cent of stamps that are whole minutes when nobody rounds


def tally(
    contract: str, rows: pl.DataFrame, places: Places, *, doubled: bool = False
) -> pl.DataFrame:
    """Rows by day, unit and system, with how many are of which kind.

    `doubled` rows are copies of the other platform.
    """
    rows = rows.with_columns(pl.lit(doubled).alias("_doubled"))
    unit = "base_id" if contract.startswith("lat_") else "central_id"
    known = (places.bases if unit == "base_id" else places.centrals)[unit].to_list()
    anchor = pl.col(ANCHOR[contract])
    if contract == "alarm":
        anchor = pl.coalesce(anchor, "alerted_at")
    waited = (pl.col("extract_at") - anchor).dt.total_milliseconds()
    counted = {
        "complete": ~pl.col("has_missing_warning"),
        "disordered": pl.col("has_order_warning"),
        "late": (pl.col("revision") == 1) & (waited > _LATE_MS),
        "revised": pl.col("revision") > 1,
        "doubled": pl.col("_doubled"),
        **_of_alarms(contract, places),
    }
    return (
        rows.group_by(pl.col("_day").cast(pl.Date).alias("date"), unit, "source_system")
        .agg(pl.len().alias("rows"), *(kind.sum().alias(name) for name, kind in counted.items()))
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


def _of_alarms(contract: str, places: Places) -> dict[str, pl.Expr]:
    """What only alarms can be."""
    if contract != "alarm":
        nothing = ("placeless", "red", "red_unseen", "arrived", "whole_minute")
        return {name: pl.lit(False) for name in nothing}
    codes = places.scenes["code"].unique().to_list()
    red = (
        (pl.col("urgency_last") == "RED")
        & (pl.col("mission_type") == "ACUTE")
        & pl.col("cancelled_at").is_null()
    )
    scene = pl.col("at_scene_at")
    return {
        "placeless": ~pl.col("scene_municipality_code").is_in(codes).fill_null(False),
        "red": red,
        "red_unseen": red & scene.is_null(),
        "arrived": scene.is_not_null(),
        "whole_minute": (scene.dt.epoch("ms") % 60_000 == 0).fill_null(False),
    }


def quality_figures(tallies: pl.DataFrame) -> pl.DataFrame:
    """Shares of rows that are complete, out of order, late, or something else of the kind."""
    keys = ("segment", "date", "unit", "source_system")
    tallies = tallies.group_by(keys).agg(pl.col(_SUMS).sum())
    parts = []
    for level, contracts in (
        ("central", ("call", "alarm", "video_session")),
        ("base", ("lat_request", "lat_readiness")),
    ):
        rows = tallies.filter(pl.col("segment").is_in(contracts))
        counted = [cells(rows, keys, _ALL)]
        for contract, wanted in (("call", _CALLS), ("alarm", {**_ALARMS, **_ROUND})):
            counted.append(cells(rows.filter(pl.col("segment") == contract), keys, wanted))
        parts.append(
            shares(
                pl.concat(counted),
                {"national": None, level: "unit", "source_system": "source_system"},
                complete=(*_ALL, *_CALLS, *_ALARMS, *_ROUND),
            )
        )
    # Rounded stamps are told as what exceeds the share that chance gives.
    excess = pl.col("value") - pl.when(pl.col("kpi_id").is_in(list(_ROUND))).then(
        _BY_CHANCE
    ).otherwise(0.0)
    return pl.concat(parts).with_columns(excess.alias("value"))
