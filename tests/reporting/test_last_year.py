"""The change from the same period of the year before."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from reporting import metrics
from reporting.last_year import with_change
from reporting.web.app import make_app
from tests.reporting.releases import changed


def wilson(hits: int, of: int) -> dict[str, float]:
    """A share of 1 with Wilson's 95 % interval."""
    z, p = 1.959963984540054, hits / of
    middle, half = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    whole = 1 + z * z / of
    return {"value": p, "lower": (middle - half) / whole, "upper": (middle + half) / whole}


def compared(now: dict[str, Any], then: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The row of a query for two figures."""
    row = {
        "status": "ok",
        "is_partial": False,
        "direction": "up",
        "break_date": None,
        "last_year_first": date(2025, 9, 1),
        "last_year_status": "ok",
        "last_year_is_partial": False,
        **now,
        **{f"last_year_{name}": value for name, value in then.items()},
        **more,
    }
    types = {"break_date": pl.Date, "value": pl.Float64, "last_year_value": pl.Float64}
    types |= {"lower": pl.Float64, "upper": pl.Float64}
    return with_change(pl.DataFrame([row], schema_overrides=types)).row(0, named=True)


@pytest.mark.parametrize(
    ("now", "then", "lower", "upper"),
    [
        # Newcombe 1998, Statistics in Medicine 17:873-890, table II, method 10: (a), (b), (d).
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_the_interval_of_two_shares_is_newcombes(
    now: tuple[int, int], then: tuple[int, int], lower: float, upper: float
) -> None:
    row = compared(wilson(*now), wilson(*then))
    assert round(row["change_lower"], 4) == lower
    assert round(row["change_upper"], 4) == upper


BEFORE = {"value": 90.0, "lower": 89.0, "upper": 91.0}
MORE = {"value": 95.0, "lower": 94.0, "upper": 96.0}


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({}, "better"),
        ({"direction": "down"}, "worse"),
        ({"direction": "neutral"}, "higher"),
        ({"direction": "neutral", "last_year_value": 99.0, "last_year_lower": 98.5}, "lower"),
        ({"lower": 80.0, "upper": 99.0}, "uncertain"),
        ({"lower": None, "upper": None}, "no_interval"),
        ({"break_date": date(2025, 9, 1)}, "better"),  # it was there already a year ago
        ({"break_date": date(2025, 9, 2)}, "broken"),
        ({"last_year_is_partial": True}, "partial"),
        ({"last_year_value": None, "last_year_status": None}, "no_data"),
        ({"last_year_value": None, "last_year_status": "suppressed"}, "hidden"),
        ({"value": None, "status": "suppressed"}, "hidden"),
    ],
)
def test_what_a_change_says(more: dict[str, Any], verdict: str) -> None:
    row = compared(MORE, BEFORE, **more)
    assert row["change_verdict"] == verdict
    assert row["change_nb"] and row["change_en"]
    is_compared = verdict in ("better", "worse", "higher", "lower", "uncertain", "no_interval")
    assert (row["change"] is not None) is is_compared


@pytest.fixture(scope="module")
def two_years(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release, with the same figures ten points lower a year earlier, and a week and an ytd."""
    limits = "lower = value - 1, upper = value + 1 where value is not null"
    earlier = "value - 10 as value, lower - 10 as lower, upper - 10 as upper"
    folder = changed(
        releases,
        tmp_path_factory.mktemp("two") / "releases",
        f"""
        update kpi_values set {limits};
        insert into kpi_values by name select * replace ('week' as period_grain,
            date '2026-09-07' as period_start) from kpi_values where n = 1234567;
        insert into kpi_values by name select * replace ('ytd' as period_grain) from kpi_values
            where n = 1234567 and period_grain = 'month';
        insert into kpi_values by name select * replace ({earlier},
            case period_grain when 'week' then period_start - 364
                else cast(period_start - interval 1 year as date) end as period_start)
            from kpi_values where unit_id in ('amk_oslo', 'amk_bodo');
        """,
    )
    return folder / (folder / "current").read_text().strip()


def test_a_query_beside_last_year(two_years: Path) -> None:
    frame = metrics.query(
        level="central", period="2026-09", last_year=True, release=two_years, grain="month"
    )
    rows = {(row["kpi_id"], row["unit_id"]): row for row in frame.iter_rows(named=True)}
    oslo = rows["c113_within_10s", "amk_oslo"]
    assert (oslo["value"], oslo["last_year_value"], oslo["change"]) == (93.0, 83.0, 10.0)
    assert oslo["last_year_start"] == date(2025, 9, 1)
    assert oslo["change_lower"] == pytest.approx(10 - math.sqrt(2))
    assert oslo["change_verdict"] == "better"
    bergen = rows["c113_within_10s", "amk_bergen"]
    assert (bergen["last_year_start"], bergen["change"]) == (None, None)
    assert rows["answer_time_p90", "amk_bodo"]["change_verdict"] == "no_data"
    plain = metrics.query(level="central", period="2026-09", release=two_years, grain="month")
    assert frame.select(plain.columns).equals(plain)


def test_the_page_of_a_unit_says_what_became_of_it(two_years: Path) -> None:
    client = TestClient(make_app(two_years.parent))
    for address, said in (
        ("/unit/central/amk_oslo/2026-09", "Bedre enn i fjor."),
        ("/en/unit/central/amk_oslo/2026-09", "Better than last year."),
    ):
        assert said in client.get(address).text


@pytest.mark.parametrize(
    ("period", "ago"), [("2026-W37", date(2025, 9, 8)), ("2026-09-YTD", date(2025, 9, 1))]
)
def test_weeks_are_compared_with_those_of_52_weeks_ago(
    two_years: Path, period: str, ago: date
) -> None:
    frame = metrics.query(
        kpis="calls_offered", level="central", period=period, last_year=True, release=two_years
    )
    assert frame.select("last_year_start", "change").rows() == [(ago, 10.0)]
