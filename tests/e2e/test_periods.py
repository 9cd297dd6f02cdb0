"""Whether a period is whole, and settled, recomputed from receipts and the generator's deliveries.

Which source delivers for whom is stated here by hand; nothing is taken from the warehouse.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

import polars as pl
import pytest

from tests.e2e.conftest import World

pytestmark = pytest.mark.slow
WORLDS = pytest.mark.parametrize("name", ["autumn", "spring"])
ALARMS = {
    ("region", region): {f"helse_{region}_alarms"} for region in ("nord", "midt", "vest", "sorost")
}
ALARMS["national", "NO"] = set().union(*ALARMS.values())
LENGTH = {"day": 1, "week": 7}
DAY = dt.timedelta(days=1)


def days_of(grain: str, start: dt.date) -> list[dt.date]:
    """Every date of a day, week or month, or of the year up to the end of a month."""
    if grain in ("month", "ytd"):
        end = (start + 32 * DAY).replace(day=1)
        first = start.replace(month=1) if grain == "ytd" else start
        return [first + n * DAY for n in range((end - first).days)]
    return [start + n * DAY for n in range(LENGTH[grain])]


def delivered(world: World, sources: Iterable[str]) -> dict[str, set[dt.date]]:
    """Dates with an accepted file, per source."""
    receipts = world.receipts().filter(pl.col("accepted") > 0)
    return {name: set(receipts.filter(source=name)["delivered_on"]) for name in sources}


def covered(day: dt.date, files: dict[str, set[dt.date]]) -> bool:
    """Every source that has begun delivered for the day, and one has."""
    begun = [dates for dates in files.values() if min(dates) <= day]
    return bool(begun) and all(day in dates for dates in begun)


@WORLDS
def test_days_covered_are_those_that_every_source_delivered(
    name: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(name)
    values = world.release("kpi_values").filter(
        pl.col("kpi_id") == "incidents_per_1000",
        pl.col("level").is_in(["region", "national"]),
        pl.col("unit_id") != "UNKNOWN",
        pl.col("period_grain").is_in(["day", "week", "month", "ytd"]),
    )
    assert set(values["period_grain"]) == {"day", "week", "month", "ytd"}
    for row in values.iter_rows(named=True):
        files = delivered(world, ALARMS[row["level"], row["unit_id"]])
        days = days_of(row["period_grain"], row["period_start"])
        whole = [day for day in days if covered(day, files)]
        cell = (row["period_grain"], row["period_start"], row["unit_id"])
        assert (row["days_covered"], row["days_in_period"]) == (len(whole), len(days)), cell
        assert row["is_partial"] == (len(whole) < len(days)), cell
        if row["is_partial"]:
            assert row["grade"] != "A", cell
    months = values.filter(period_grain="month")
    assert months.filter("is_partial").height > 0


@WORLDS
def test_a_year_to_date_of_one_month_is_that_month_and_says_that_it_is_a_part(
    name: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(name)
    values = world.release("kpi_values").filter(pl.col("status") == "ok")
    cell = ["kpi_id", "kpi_version", "segment", "level", "unit_id"]
    figures = ["numerator", "denominator", "n", "value", "lower", "upper", "coverage"]
    months = values.filter(period_grain="month")
    first = months["period_start"].min()
    year = values.filter(period_grain="ytd", period_start=first)
    both = year.join(months.filter(period_start=first), on=cell, suffix="_of_month")
    assert both.height > 500
    for figure in figures:
        apart = (pl.col(figure) - pl.col(f"{figure}_of_month")).abs() > 1e-9 * pl.col(figure).abs()
        gone = pl.col(figure).is_null() != pl.col(f"{figure}_of_month").is_null()
        assert both.filter(apart | gone).is_empty(), figure
    assert year["is_partial"].all()
    verdicts = world.release("kpi_comparisons").filter(period_grain="ytd", period_start=first)
    assert set(verdicts["verdict"].drop_nulls()) <= {"not_comparable", "hidden", "too_few"}


@WORLDS
def test_no_signal_and_no_verdict_on_a_part_of_a_period(
    name: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(name)
    key = ["kpi_id", "kpi_version", "segment", "period_grain", "period_start", "level", "unit_id"]
    partial = world.release("kpi_values").filter("is_partial").select(key)
    assert partial.height > 500
    trends = world.release("kpi_trends").join(partial, on=key, how="semi")
    assert trends.height > 50
    assert trends["signal"].null_count() == trends.height
    verdicts = world.release("kpi_comparisons").join(partial, on=key, how="semi")["verdict"]
    assert set(verdicts.drop_nulls()) <= {"not_comparable", "hidden", "too_few"}


def high_rank(ordered: list[int]) -> int:
    """The 95th percentile, rounded up."""
    at = 0.95 * (len(ordered) - 1)
    low, high = ordered[int(at)], ordered[min(int(at) + 1, len(ordered) - 1)]
    return math.ceil(low + (at - int(at)) * (high - low) - 1e-9)


@WORLDS
def test_final_figures_have_had_the_time_that_late_rows_take(
    name: str, request: pytest.FixtureRequest
) -> None:
    """From the accepted rows themselves: for 95 % of days the last one came so many days after."""
    world: World = request.getfixturevalue(name)
    values = world.release("kpi_values").filter(kpi_id="calls_offered", level="national")
    files = delivered(world, ["hdo_iccs_calls"])["hdo_iccs_calls"]
    last = max(files)
    rows = (
        pl.scan_parquet(str(world.home.lake / "call" / "*" / "accepted.parquet"))
        .filter(pl.col("_source") == "hdo_iccs_calls", pl.col("event_date").is_in(sorted(files)))
        .group_by("event_date")
        .agg((pl.col("_delivered_on") - pl.col("event_date")).dt.total_days().max().alias("late"))
        .collect()
    )
    old = sorted(rows.filter(pl.col("event_date") <= last - 30 * DAY)["late"])
    wait = max(2, high_rank(old)) if len(old) >= 28 else max(14, high_rank(sorted(rows["late"])))
    # The other platform's rows are fewer, and its history shorter: it never settles sooner here.
    finals = values.filter(maturity="final")
    for grain, start in finals.select("period_grain", "period_start").iter_rows():
        assert last - days_of(grain, start)[-1] >= wait * DAY, (grain, start)
    assert (
        values.filter(period_grain="day", period_start=last)["maturity"].to_list()
        == ["provisional"] * values.filter(period_grain="day", period_start=last).height
    )
    if name == "autumn":
        assert finals.height > 0
