"""Tertials, years to date and twelve months running, over sixteen months, against the records."""

from __future__ import annotations

from datetime import date

import polars as pl
import polars.testing
import pytest

from tests.dbt_project.warehouse import Warehouse
from tests.dbt_project.world import make_world

LONG = ("tertial", "ytd", "rolling12")
CELL = ["kpi_id", "kpi_version", "segment", "level", "unit_id"]
FIGURES = ["numerator", "denominator", "n", "value", "lower", "upper", "coverage", "status"]
# KPI, version -> table, column of the records, share, milliseconds per unit, and what counts.
PERCENTILES = {
    ("answer_time_median", 2): (
        "fct_calls",
        "answer_ms",
        0.5,
        1000,
        "is_counted and is_answered_valid",
    ),
    ("answer_time_p90", 2): (
        "fct_calls",
        "answer_ms",
        0.9,
        1000,
        "is_counted and is_answered_valid",
    ),
    ("answer_time_p99", 2): (
        "fct_calls",
        "answer_ms",
        0.99,
        1000,
        "is_counted and is_answered_valid",
    ),
    ("resp_p90", 2): ("fct_incidents", "car_response_ms", 0.9, 60_000, "true"),
}
UNITS = {
    "fct_calls": {"central": "counted_central_id", "region": "counted_region_id", "national": None},
    "fct_incidents": {"municipality": "municipality_id", "region": "region_id", "national": None},
}


def after(day: date, months: int) -> date:
    at = day.year * 12 + day.month - 1 + months
    return date(at // 12, at % 12 + 1, 1)


def span(grain: str, start: date) -> tuple[date, date]:
    """The first day of a period and the day after it, from the words that define it."""
    first = {"ytd": date(start.year, 1, 1), "rolling12": after(start, -11)}.get(grain, start)
    return first, after(start, 4 if grain == "tertial" else 1)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """From the end of October 2026 into February 2028."""
    from tests.dbt_project.lake import write_batch

    found = Warehouse(tmp_path_factory.mktemp("running"))
    for contract, batches in make_world(3, batch_count=2, days=490).batches.items():
        for name, rows in batches.items():
            write_batch(found.lake, contract, name, rows)
    found.build_all()
    return found


@pytest.fixture(scope="module")
def values(warehouse: Warehouse) -> pl.DataFrame:
    return warehouse.frame("from kpi_values")


def of(values: pl.DataFrame, grain: str, start: date) -> pl.DataFrame:
    """The figures of a period by cell, without those of which there is nothing."""
    rows = values.filter(period_grain=grain, period_start=start)
    return rows.filter(pl.col("status") != "no_data").select(*CELL, *FIGURES).sort(CELL)


def assert_equal(one: pl.DataFrame, other: pl.DataFrame) -> None:
    """The same cells and figures; what people and shares are divided by may differ in rounding."""
    pl.testing.assert_frame_equal(one, other, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ytd", date(2027, 1, 1)), ("month", date(2027, 1, 1))),
        (("ytd", date(2028, 1, 1)), ("month", date(2028, 1, 1))),
        (("ytd", date(2027, 3, 1)), ("quarter", date(2027, 1, 1))),
        (("ytd", date(2027, 4, 1)), ("tertial", date(2027, 1, 1))),
        (("ytd", date(2027, 12, 1)), ("year", date(2027, 1, 1))),
        (("rolling12", date(2027, 12, 1)), ("year", date(2027, 1, 1))),
    ],
)
def test_periods_of_the_same_days_have_the_same_figures(
    values: pl.DataFrame, one: tuple[str, date], other: tuple[str, date]
) -> None:
    found = of(values, *one)
    assert found.height > 500 and found["value"].null_count() < found.height
    assert_equal(found, of(values, *other))


def test_there_are_periods_up_to_each_month_begun_and_twelve_months_from_the_first(
    values: pl.DataFrame,
) -> None:
    starts = {
        grain: sorted(
            values.filter(period_grain=grain, kpi_id="calls_offered")["period_start"].unique()
        )
        for grain in (*LONG, "month")
    }
    months = starts["month"]
    assert months[0] == date(2026, 10, 1) and len(months) >= 16
    assert starts["ytd"] == months
    assert starts["rolling12"] == months[11:]
    assert starts["tertial"] == [
        date(2026, 9, 1),
        *(date(2027, m, 1) for m in (1, 5, 9)),
        date(2028, 1, 1),
    ]


def test_counts_are_those_of_their_days(values: pl.DataFrame) -> None:
    counts = ["calls_offered", "incidents_red"]
    present = sorted(set(values["kpi_id"]) & set(counts))
    assert "calls_offered" in present
    rows = values.filter(pl.col("kpi_id").is_in(present), pl.col("level") == "central")
    days = rows.filter(period_grain="day")
    checked = 0
    for grain, start in rows.select("period_grain", "period_start").unique().iter_rows():
        if grain not in LONG:
            continue
        first, end = span(grain, start)
        inside = days.filter(pl.col("period_start").is_between(first, end, closed="left"))
        summed = {
            tuple(row[:-1]): row[-1]
            for row in inside.group_by(CELL).agg(pl.col("numerator").sum()).iter_rows()
        }
        for row in rows.filter(period_grain=grain, period_start=start).iter_rows(named=True):
            if row["status"] == "ok":
                assert row["numerator"] == summed[tuple(row[name] for name in CELL)], row
                checked += 1
    assert checked > 100


@pytest.mark.parametrize(("kpi", "version"), PERCENTILES)
def test_percentiles_come_from_the_records(
    warehouse: Warehouse, values: pl.DataFrame, kpi: str, version: int
) -> None:
    table, column, share, unit, counted = PERCENTILES[kpi, version]
    segment = "segment" if table == "fct_calls" else "'all'"
    levels = UNITS[table]
    names = ", ".join(f"{name or repr('NO')} as {level}" for level, name in levels.items())
    records = warehouse.frame(
        f"select event_date, {segment} as segment, {names}, {column} as duration"
        f" from {table} where {column} is not null and {counted}"
    )
    rows = values.filter(
        pl.col("kpi_id") == kpi, pl.col("kpi_version") == version,
        pl.col("level").is_in(list(levels)), pl.col("period_grain").is_in(LONG),
        pl.col("status") == "ok",
    )  # fmt: skip
    assert rows.height > 40
    apart = 0
    for row in rows.iter_rows(named=True):
        first, end = span(row["period_grain"], row["period_start"])
        own = records.filter(
            pl.col("event_date").is_between(first, end, closed="left"),
            pl.col("segment") == row["segment"], pl.col(row["level"]) == row["unit_id"],
        )  # fmt: skip
        assert row["n"] == own.height, row
        exact = own["duration"].cast(pl.Float64).quantile(share, "linear")
        assert exact is not None and row["value"] == pytest.approx(exact / unit, rel=1e-9), row
        for limit in (row["lower"], row["upper"]):
            assert limit is None or round(limit * unit) in set(own["duration"]), row
        by_month = own.group_by(pl.col("event_date").dt.truncate("1mo")).agg(
            pl.col("duration").quantile(share, "linear")
        )["duration"]
        mean = by_month.mean()
        assert isinstance(mean, float)
        apart += abs(mean / unit - row["value"]) > 1e-6 * abs(row["value"])
    # What comes from months would be another number, so the test tells one from the other.
    assert apart > 0.25 * rows.height
