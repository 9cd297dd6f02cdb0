"""What is said of a query that has no rows."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from reporting.dimensions import dimensions
from reporting.empty import reasons, why_empty
from reporting.query import KpiQuery, query
from reporting.reader import Release

C113 = ["c113_within_10s"]


@pytest.mark.parametrize(
    ("choices", "norwegian", "english"),
    [
        ({"levels": ["municipality"]}, "Ingen rader med nivå", "has: national, region, central."),
        ({"segments": ["116117"]}, "Ingen rader med segment", "has: 113."),
        ({"grain": "week"}, "periodetype", "has: month, quarter."),
        ({"grain": "quarter", "levels": ["central"]}, "periodetype", "has: month."),
        ({"geography": "event"}, "kommuneinndeling", "has: 2024."),
        ({"units": ["0301"]}, "er på nivå", "AMK Oslo (amk_oslo)"),
        (
            {"grain": "month", "start_to": date(2025, 1, 31)},
            "Utgivelsen går fra",
            "(month: 2026-08 – 2026-09)",
        ),
        ({"start_from": date(2027, 1, 1)}, "Utgivelsen går fra", "the release is from"),
        (
            {"units": ["amk_bergen"], "grain": "month", "start_to": date(2026, 8, 31)},
            "ikke i samme rad",
            "not in one row",
        ),
    ],
)
def test_the_reason_says_what_there_is(
    current: Release, choices: dict[str, Any], norwegian: str, english: str
) -> None:
    wanted = KpiQuery(kpis=C113, **choices)
    if wanted.geography is None:
        assert query(current, wanted).is_empty()
    (line,) = why_empty(current, wanted).splitlines()
    assert norwegian in line
    assert english in line


def test_each_choice_that_nothing_answers_to_has_a_line(current: Release) -> None:
    wanted = KpiQuery(
        kpis=C113, levels=["base"], segments=["HELI"], grain="month", start_from=date(2027, 1, 1)
    )
    assert len(why_empty(current, wanted).splitlines()) == 3


def test_a_kpi_without_figures(current: Release) -> None:
    wanted = KpiQuery(kpis=["unit_hour_utilisation"], with_no_data=False)
    assert query(current, wanted).is_empty()
    assert "has no figures for: unit_hour_utilisation" in why_empty(current, wanted)


def test_cells_without_data_that_are_left_out_are_named(current: Release) -> None:
    wanted = KpiQuery(kpis=["answer_time_p90"], with_no_data=False)
    assert query(current, wanted).is_empty()
    assert "without data are left out" in why_empty(current, wanted)


def test_the_days_of_the_release_are_said_as_it_says_them_itself(current: Release) -> None:
    held = [
        {
            "geography_version": "2024",
            "level": "central",
            "segment": "113",
            "period_grain": "week",
            "first_start": date(2026, 8, 31),
            "last_start": date(2026, 9, 21),
        }
    ]
    wanted = KpiQuery(kpis=C113, start_from=date(2027, 1, 1))
    days = (date(2026, 9, 1), date(2026, 9, 30))
    (line,) = reasons(dimensions(current), held, wanted, *days)
    assert "from 2026-09-01 til / to 2026-09-30 (week: 2026-W36 – 2026-W39)" in line
    (line,) = reasons(dimensions(current), held, wanted)
    assert "from 2026-08-31 til / to 2026-09-27" in line
