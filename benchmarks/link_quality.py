"""How right the links of the chain are, against the truth of synthetic extracts.

    python -m benchmarks.link_quality HOME

HOME is a folder made by `akutt generate` and `akutt run`. Links by identifier should all be right
and none missing; links by time window are reported with precision (how many of them are right),
recall (how many of the links whose identifier was lost are found) and mean confidence, which
should be close to the precision.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from ingestion.home import Home

# Step of the warehouse -> relation of the truth, and what a link of it leads to.
RELATIONS = {"CALL": "call_incident", "VIDEO": "video_call", "LAT": "request_alarm"}
_TARGETS = {
    "CALL": "select distinct incident_id as target_id from fct_incidents",
    "VIDEO": "select distinct source_id as target_id from fct_calls",
    "LAT": "select distinct source_id as target_id from fct_missions",
}
_LINKS = """
select step, from_source_id as source_id, to_source_id as target_id, method, confidence
from fct_links
where method <> 'NONE' and step <> 'TRANSFER'
"""
# The two rows of a call that both platforms reported are one call.
_TWINS = """
select from_source_id as twin_id, to_source_id as source_id from int_calls__duplicates
union
select to_source_id, from_source_id from int_calls__duplicates
"""
_KEY = ["source_id", "target_id"]


def _read(home: Home, query: str) -> pl.DataFrame:
    import duckdb

    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        frame = pl.from_arrow(connection.sql(query).to_arrow_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


def truth(home: Home) -> pl.DataFrame:
    """True links by step: source_id, target_id, role, is_in_force, identifier_lost."""
    steps = {relation: step for step, relation in RELATIONS.items()}
    return (
        pl.read_parquet(home.truth / "links.parquet")
        .filter(pl.col("relation").is_in(list(steps)))
        .with_columns(pl.col("relation").replace_strict(steps).alias("step"))
        .select("step", *_KEY, "role", "is_in_force", "identifier_lost")
    )


def links(home: Home) -> pl.DataFrame:
    """Links of the warehouse by step: source_id, target_id, method, confidence, is_right.

    A call is named as the truth names it, whichever of its two rows was kept.
    """
    true = truth(home)
    called = pl.read_parquet(home.truth / "records_call.parquet", columns=["source_id"])
    twins = _read(home, _TWINS).join(called, on="source_id", how="semi")
    twins = twins.join(called, left_on="twin_id", right_on="source_id", how="anti")
    names = dict(twins.select("twin_id", "source_id").unique("twin_id").iter_rows())
    found = _read(home, _LINKS).with_columns(pl.col(_KEY).replace(names))
    right = true.select("step", *_KEY, pl.lit(True).alias("is_right"))
    return found.join(right, on=["step", *_KEY], how="left").with_columns(
        pl.col("is_right").fill_null(False),
        pl.col("method").replace("PARENT", "IDENTIFIER"),
    )


def sought(home: Home) -> pl.DataFrame:
    """True links between records in force, with the method each was found by, or null."""
    targets = pl.concat(
        _read(home, query).with_columns(pl.lit(step).alias("step"))
        for step, query in _TARGETS.items()
    )
    found = links(home).select("step", *_KEY, "method").unique(["step", *_KEY])
    tests = pl.read_parquet(home.truth / "records_call.parquet", columns=["source_id", "is_test"])
    return (
        truth(home)
        .filter("is_in_force")
        # A test call leads to an exercise at most: it is no link of a chain.
        .join(tests.filter("is_test"), on="source_id", how="anti")
        .join(targets, on=["step", "target_id"], how="semi")
        .join(found, on=["step", *_KEY], how="left")
    )


def quality(home: Home) -> pl.DataFrame:
    """Per step and method: links made and right, true links and those found."""
    made = (
        links(home)
        .group_by("step", "method")
        .agg(
            pl.len().alias("made"),
            pl.col("is_right").sum().alias("right"),
            pl.col("confidence").mean(),
        )
    )
    lost = pl.when("identifier_lost").then(pl.lit("TIME_WINDOW")).otherwise(pl.lit("IDENTIFIER"))
    true = (
        sought(home)
        .group_by("step", lost.alias("method"))
        .agg(pl.len().alias("true"), (pl.col("method") == lost).sum().alias("found"))
    )
    return (
        made.join(true, on=["step", "method"], how="full", coalesce=True)
        .with_columns(pl.col("made", "right", "true", "found").fill_null(0))
        .with_columns(
            (pl.col("right") / pl.col("made")).round(3).alias("precision"),
            (pl.col("found") / pl.col("true")).round(3).alias("recall"),
            pl.col("confidence").round(3),
        )
        .select(
            *("step", "method", "made", "right", "precision"),
            *("confidence", "true", "found", "recall"),
        )
        .sort("step", "method")
    )


def by_confidence(home: Home) -> pl.DataFrame:
    """Precision of the links by time window, by tenths of confidence."""
    return (
        links(home)
        .filter(pl.col("method") == "TIME_WINDOW")
        .group_by("step", (pl.col("confidence") * 10).floor().truediv(10).alias("confidence_from"))
        .agg(pl.len().alias("made"), pl.col("is_right").mean().round(2).alias("precision"))
        .sort("step", "confidence_from")
    )


def main() -> None:
    home = Home(Path(sys.argv[1]))
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_hide_dataframe_shape=True):
        print(quality(home))
        print(by_confidence(home))


if __name__ == "__main__":
    main()
