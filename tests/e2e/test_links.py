"""Links of the chain against the truth: by identifier exact, by time window with stated floors."""

from __future__ import annotations

import polars as pl
import pytest

from benchmarks.link_quality import links, quality, sought
from tests.e2e.conftest import World

# Least precision and recall by time window, over both worlds. Few calls an hour make chance
# neighbours rare; docs/decisions/links-by-time-window.md has the figures at national volume.
FLOORS = {"CALL": (0.85, 0.6), "VIDEO": (0.9, 0.75), "LAT": (0.75, 0.5)}


@pytest.fixture(scope="module")
def figures(autumn: World, spring: World) -> pl.DataFrame:
    """links made and right, true links and found, of both worlds together."""
    return (
        pl.concat([quality(world.home) for world in (autumn, spring)])
        .group_by("step", "method")
        .agg(pl.col("made", "right", "true", "found").sum())
        .sort("step", "method")
    )


@pytest.mark.slow
@pytest.mark.parametrize("step", ["CALL", "VIDEO", "LAT"])
def test_identifiers_link_exactly_what_belongs_together(
    step: str, autumn: World, spring: World
) -> None:
    for world in (autumn, spring):
        made = links(world.home).filter(
            (pl.col("step") == step) & (pl.col("method") == "IDENTIFIER")
        )
        assert made.height > 5
        assert made.filter(~pl.col("is_right")).is_empty()
        missed = sought(world.home).filter(
            (pl.col("step") == step)
            & ~pl.col("identifier_lost")
            & (pl.col("method") != "IDENTIFIER").fill_null(True)
        )
        assert missed.is_empty(), missed


@pytest.mark.slow
def test_time_windows_find_lost_links(figures: pl.DataFrame) -> None:
    windowed = figures.filter(pl.col("method") == "TIME_WINDOW")
    print(windowed)
    for step, (least_precision, least_recall) in FLOORS.items():
        (row,) = windowed.filter(pl.col("step") == step).iter_rows(named=True)
        assert row["true"] >= 2, step
        assert row["right"] / row["made"] >= least_precision, row
        assert row["found"] / row["true"] >= least_recall, row


@pytest.mark.slow
def test_no_identifier_lost_no_window_needed(faultless: World) -> None:
    """Where no identifier is lost every link by time window is wrong: there are next to none."""
    made = links(faultless.home)
    identified = made.filter(pl.col("method") == "IDENTIFIER")
    windowed = made.filter(pl.col("method") == "TIME_WINDOW")
    assert identified["is_right"].all()
    assert windowed.height <= 0.02 * identified.height
    assert sought(faultless.home)["identifier_lost"].sum() == 0


@pytest.mark.slow
def test_incident_chains_have_their_steps_in_order(autumn: World) -> None:
    """Of incidents linked by identifier, the first ring comes before the enquiry is received."""
    chains = autumn.sql("select * from incident_chains")
    assert chains.height == autumn.sql("select count(*) as n from fct_incidents")["n"][0]
    linked = chains.filter(pl.col("call_method") == "IDENTIFIER")
    assert linked.height > 300
    assert (linked["call_confidence"] == 1).all()
    early = linked.filter(pl.col("first_ring_at") < pl.col("received_at"))
    # The rest are the injected wrong clocks.
    assert early.height > 0.95 * linked.height
    for step in ("video", "lat"):
        assert chains.filter(pl.col(f"{step}_method") == "IDENTIFIER").height > 5, step


@pytest.mark.slow
def test_released_link_rates_tell_no_number_of_records(autumn: World) -> None:
    counts = autumn.sql(
        "select segment as step, period_grain, period_start, unit_id, subjects, by_time_window, "
        "case when level = 'unit' then case segment when 'LAT' then 'base' else 'central' end "
        "else level end as level from agg_links"
    )
    key = ["step", "period_grain", "period_start", "level", "unit_id"]
    released = autumn.release("chain_link_methods").join(counts, on=key, how="left")
    assert released.filter(pl.col("status") == "ok").height > 10
    for row in released.iter_rows(named=True):
        if row["status"] != "ok":
            assert row["subjects"] < 50 and row["identifier_percent"] is None
            continue
        # One step of the rounded share is at least five records.
        assert row["rounding_percent"] / 100 * row["subjects"] >= 5
        assert row["time_window_percent"] % row["rounding_percent"] == 0
