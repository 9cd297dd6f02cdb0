"""Units and geography as the truth needs them: code to code, straight from the seeds."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ingestion.synthetic.truth.rollup import GRAINS, NATIONAL, UNKNOWN, period_start

GEOGRAPHY = {
    "national": None,
    "region": "region",
    "health_trust": "health_trust",
    "county": "county",
    "municipality": "municipality",
    "central": "central",
}


@dataclass(frozen=True)
class Places:
    """Lookup frames."""

    municipalities: pl.DataFrame
    centrals: pl.DataFrame
    bases: pl.DataFrame
    population: pl.DataFrame

    def at_scene(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the units of the scene and of the AMK; what cannot be placed is UNKNOWN."""
        placed = rows.join(
            self.municipalities,
            left_on="scene_municipality_code",
            right_on="municipality_code",
            how="left",
        ).with_columns(
            pl.when(pl.col("county").is_not_null())
            .then("scene_municipality_code")
            .otherwise(pl.lit(UNKNOWN))
            .alias("municipality"),
            pl.col("county", "health_trust", "region").fill_null(UNKNOWN),
        )
        known = pl.col("central_id").is_in(self.centrals["central_id"].to_list())
        return placed.with_columns(
            pl.when(known).then("central_id").otherwise(pl.lit(UNKNOWN)).alias("central")
        )

    def at_central(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the central and its region."""
        return rows.join(
            self.centrals.select("central_id", "region"), on="central_id", how="left"
        ).with_columns(
            pl.when(pl.col("region").is_not_null())
            .then("central_id")
            .otherwise(pl.lit(UNKNOWN))
            .alias("central"),
            pl.col("region").fill_null(UNKNOWN),
        )

    def at_base(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the base and its region."""
        return rows.join(
            self.bases.select("base_id", "region"), on="base_id", how="left"
        ).with_columns(
            pl.when(pl.col("region").is_not_null())
            .then("base_id")
            .otherwise(pl.lit(UNKNOWN))
            .alias("base"),
            pl.col("region").fill_null(UNKNOWN),
        )


def load_places(seeds: Path) -> Places:
    """Read the seeds."""

    def read(name: str) -> pl.DataFrame:
        return pl.read_csv(seeds / f"{name}.csv", infer_schema=False)

    urban = read("urban_municipalities").select(
        "municipality_code", (pl.col("is_urban") == "1").alias("is_urban")
    )
    municipalities = (
        read("municipalities")
        .select(
            "municipality_code",
            pl.col("county_code").alias("county"),
            pl.col("health_trust_code").alias("health_trust"),
            pl.col("rhf_code").alias("region"),
            pl.col("amk_code").alias("amk"),
        )
        .join(urban, on="municipality_code", how="left")
    )
    units = read("units").select(
        "unit_id", "unit_kind", pl.col("rhf_code").alias("region"), "base_kind"
    )
    population = read("municipality_population").select(
        "municipality_code",
        pl.col("year").cast(pl.Int32),
        pl.col("population").cast(pl.Float64).fill_null(0.0),
    )
    return Places(
        municipalities=municipalities,
        centrals=units.filter(pl.col("unit_kind") != "LAT_BASE").rename({"unit_id": "central_id"}),
        bases=units.filter(pl.col("unit_kind") == "LAT_BASE").rename({"unit_id": "base_id"}),
        population=population,
    )


def person_years(places: Places, first: dt.date, last: dt.date) -> pl.DataFrame:
    """Person-years per level, unit and period: each day counts the people of 1 January."""
    people = places.population.join(places.municipalities, on="municipality_code", how="inner")
    latest = int(people["year"].max() or 0)  # type: ignore[arg-type]  # an integer column
    days = pl.date_range(first, last, eager=True).alias("date").to_frame()
    days = days.with_columns(pl.col("date").dt.year().alias("calendar_year")).with_columns(
        pl.min_horizontal("calendar_year", pl.lit(latest)).cast(pl.Int32).alias("year"),
        pl.col("calendar_year")
        .map_elements(lambda year: 366.0 if calendar.isleap(year) else 365.0, pl.Float64)
        .alias("length"),
    )
    columns = {
        "national": pl.lit(NATIONAL),
        "region": pl.col("region"),
        "health_trust": pl.col("health_trust"),
        "county": pl.col("county"),
        "municipality": pl.col("municipality_code"),
        "central": pl.col("amk"),
    }
    parts = []
    for level, unit in columns.items():
        by_year = people.group_by(unit.alias("unit_id"), "year").agg(pl.col("population").sum())
        for grain in GRAINS:
            share = days.group_by(period_start(grain), "year").agg(
                (1.0 / pl.col("length")).sum().alias("years")
            )
            parts.append(
                share.join(by_year, on="year")
                .group_by("unit_id", "period_start")
                .agg((pl.col("years") * pl.col("population")).sum().alias("denominator"))
                .with_columns(pl.lit(grain).alias("period_grain"), pl.lit(level).alias("level"))
            )
    return pl.concat(parts)
