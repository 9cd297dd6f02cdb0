"""What kpi_news tells, and how much of it may be chance."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping

import numpy as np
import pytest

from tests.dbt_project.comparison import Figures, evaluate, macros

FORMULAS = macros()


# Critical values of Student's t, two-sided (NIST handbook, table 1.3.6.7.2).
@pytest.mark.parametrize(
    ("degrees", "t", "p"),
    [
        (8, 2.306, 0.05), (8, 3.355, 0.01), (8, 5.041, 0.001), (20, 2.086, 0.05),
        (20, 2.845, 0.01), (20, 3.850, 0.001), (60, 2.000, 0.05), (60, 3.460, 0.001),
    ],
)  # fmt: skip
def test_the_probability_of_students_t(degrees: int, t: float, p: float) -> None:
    expression = FORMULAS.two_sided_p("t", "degrees")
    for sign in (1, -1):
        assert evaluate(expression, t=sign * t, degrees=degrees) == pytest.approx(p, rel=0.04)
    assert evaluate(expression, t=0, degrees=degrees) == pytest.approx(1)


def drawn(figures: Figures, changed: Mapping[int, float], units: int = 40) -> None:
    """Months of units around 90 %; those named have their last three moved by so many points."""
    figures.kpi("k")
    rng = np.random.default_rng(1)
    for unit in range(units):
        values = 90 + rng.normal(0, 1, 24)
        values[-3:] += changed.get(unit, 0.0)
        figures.series("k", values, f"u{unit:02}")


def test_news_is_what_is_beyond_chance_over_the_whole_release(figures: Figures) -> None:
    drawn(figures, {0: -6.0, 1: 5.0})
    rows = {row["unit_id"]: row for row in figures.result("kpi_news")}
    assert {unit: row["change"] for unit, row in rows.items() if row["is_news"]} == {
        "u00": "worse",
        "u01": "better",
    }
    assert rows["u00"]["news_nb"].startswith("Dårligere de tre siste månedene: 8")
    assert " i snitt mot " in rows["u00"]["news_nb"]
    assert rows["u01"]["news_en"].startswith("Better in the latest three months: ")
    assert rows["u02"]["news_nb"] is None
    # One in twenty is beyond 5 % by itself, and no news.
    assert any(row["p_value"] < 0.05 and not row["is_news"] for row in rows.values())


def test_the_false_discovery_rate_is_that_of_benjamini_and_hochberg(figures: Figures) -> None:
    """q of the i-th smallest p of m: the least of p m / i from there on."""
    drawn(figures, {unit: -1.0 - unit / 4 for unit in range(10)})
    rows = sorted(figures.result("kpi_news"), key=lambda row: row["p_value"])
    p = [row["p_value"] for row in rows]
    for place, row in enumerate(rows):
        expected = min(min(1.0, p[i] * len(p) / (i + 1)) for i in range(place, len(p)))
        assert row["q_value"] == pytest.approx(expected)
        assert row["is_news"] == (expected <= 0.1)


def test_the_published_example_of_benjamini_and_hochberg(models: Mapping[str, str]) -> None:
    """Benjamini & Hochberg (1995), section 4.1: 15 p-values, of which 4 are rejected at 0.05."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
         0.5719, 0.6528, 0.7590, 1.0000]  # fmt: skip
    sql = models["kpi_news"]
    start, end = sql.index("ranked as ("), sql.index("told as (")
    keys = "kpi_id, kpi_version, segment, period_grain, level, unit_id"
    given = ", ".join(
        f"('k', 1, 'all', 'month', 'central', 'u{i:02}', {v})" for i, v in enumerate(p)
    )
    query = (
        f"with tested as (select * from (values {given}) as t({keys}, p_value)), "
        + sql[start:end].rstrip().rstrip(",")
        + " select q_value from controlled order by p_value"
    )
    import duckdb

    q = [row[0] for row in duckdb.sql(query).fetchall()]
    assert sum(value <= 0.05 for value in q) == 4


def test_a_difference_is_measured_against_the_periods_before(figures: Figures) -> None:
    """Student's t of three new observations beside those before, with their deviation."""
    figures.kpi("k")
    values = [90.0, 91, 89, 92, 88, 90, 91, 90, 89, 90, 92, 88, 86, 85, 84]
    figures.series("k", values)
    (row,) = figures.result("kpi_news")
    before, after = np.array(values[:-3]), np.array(values[-3:])
    t = (after.mean() - before.mean()) / (before.std(ddof=1) * math.sqrt(1 / 3 + 1 / 12))
    expected = evaluate(FORMULAS.two_sided_p("t", "degrees"), t=float(t), degrees=11)
    assert row["p_value"] == pytest.approx(expected)
    assert (row["recent_value"], row["expected_value"]) == (
        pytest.approx(85.0),
        pytest.approx(before.mean()),
    )


def test_a_series_that_is_short_or_has_ended_has_no_news(figures: Figures) -> None:
    figures.kpi("k")
    rng = np.random.default_rng(2)
    figures.series("k", 90 + rng.normal(0, 1, 24), "whole")
    figures.series("k", 90 + rng.normal(0, 1, 20), "ended")
    for position in range(13, 24):
        start = dt.date(2020 + position // 12, 1 + position % 12, 1)
        figures.cell("k", "short", value=80.0 + position, period_start=start)
    assert [row["unit_id"] for row in figures.result("kpi_news")] == ["whole"]


def test_nothing_is_told_across_a_break(figures: Figures) -> None:
    drawn(figures, {0: -6.0}, units=3)
    figures.breaks.append(
        ("k", 1, "all", "central", "u00", dt.date(2021, 10, 1), "platform_cutover", "", "")
    )
    assert "u00" not in {row["unit_id"] for row in figures.result("kpi_news")}
