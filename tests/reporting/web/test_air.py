"""The air ambulance's page: what has figures is told, and a part is never drawn as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest

from orchestration.release import build_release
from reporting.periods import label
from reporting.reader import Release, open_current
from reporting.web import air, figures, pages
from reporting.web.figures import When
from reporting.web.pages import View
from reporting.web.words import Speech
from tests.orchestration.fabricated import receipts, value, values, write_warehouse

SEPTEMBER = When("month", date(2026, 9, 1))
TYPES = {"primary": 70, "secondary": 20, "search_rescue": 8, "other": 2}
LOST = {"weather": 20.5, "technical": 9.5, "crew": 3.0, "duty_time": 0.0, "other": 1.0}
COUNTRY = {"level": "national", "unit_id": "NO"}
AL = {"level": "base", "unit_id": "heli_al"}
TROMSO = {"level": "base", "unit_id": "heli_tromso"}


def rows() -> Iterator[dict[str, object]]:
    for place in (COUNTRY, AL, TROMSO):
        here = {**place, "segment": "HELI"}
        patients = {"numerator": 55.0, "n": 55, "value": 55.0, "coverage": 0.9}
        yield value("lat_patients", **(here | patients))
        for name, number in TYPES.items():
            shown = {"numerator": float(number), "denominator": 100.0, "n": 100, "coverage": 1.0}
            of_type = value(f"lat_{name}_missions", value=float(number), **(here | shown))
            if place is TROMSO and name == "other":
                hidden = dict.fromkeys(("numerator", "denominator", "n", "value", "coverage"))
                of_type |= {**hidden, "status": "suppressed"}
            yield of_type
        for name, hours in {**LOST, "unexplained": 2.0}.items():
            lost = {"numerator": hours, "n": 1, "value": hours, "coverage": 1.0}
            yield value(f"lat_{name}_down_h", **(here | lost))
    for grain, month in (("tertial", 5), ("ytd", 9), ("rolling12", 9)):
        starts = {"period_grain": grain, "period_start": date(2026, month, 1), "segment": "HELI"}
        yield value("lat_patients", numerator=99.0, n=99, **(AL | starts | {"value": 99.0}))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    home = tmp_path_factory.mktemp("air")
    delivered = pl.concat(receipts(contract=name) for name in ("lat_request", "lat_readiness"))
    warehouse = write_warehouse(home / "akutt.duckdb", values(*rows()), delivered=delivered)
    build_release(warehouse, home / "releases", delivered)
    with open_current(home / "releases") as current:
        yield current


def bars(drawn: str) -> list[str]:
    """The names of the bars of a chart, once per part."""
    return re.findall(r"<g><title>([^:]+):", drawn)


def test_topics_have_the_columns_there_are_and_bars_that_are_whole(release: Release) -> None:
    (helicopters,) = air.aircraft(release, SEPTEMBER, Speech("nb"))
    assert helicopters.segment == "HELI"
    assert [base.unit_id for base in helicopters.rows] == [None, "heli_tromso", "heli_al"]
    tables = {table.topic.name: table for table in helicopters.tables}
    assert list(tables) == ["air_activity", "air_types", "air_hours_by_reason"]
    assert tables["air_activity"].kpis == ["lat_patients"]
    assert not tables["air_activity"].chart
    # One type is hidden in Tromsø: its bar would be short. Hours of the country would dwarf others.
    assert len(set(bars(tables["air_types"].chart))) == 2
    assert bars(tables["air_types"].chart).count("Landet") == len(TYPES)
    assert "Landet" not in bars(tables["air_hours_by_reason"].chart)
    assert len(set(bars(tables["air_hours_by_reason"].chart))) == 2
    assert len(tables["air_hours_by_reason"].legend) == len(LOST) + 1


def test_the_page_says_what_is_known_and_counts_what_it_divides(release: Release) -> None:
    html = pages.page(View(release, "nb", "/air/2026-09", lambda to: to)).html
    assert "dekning 90\u00a0%" in html
    assert "70 oppdrag" in html
    assert "skjult" in html
    english = pages.page(View(release, "en", "/air/2026-09", lambda to: to)).html
    assert "coverage 90\u00a0%" in english
    assert "70 missions" in english


def test_longer_periods_can_be_picked(release: Release) -> None:
    there = {when.grain: when for when in figures.periods(release, "base")}
    assert {"month", "tertial", "ytd", "rolling12"} <= set(there)
    for grain in ("tertial", "ytd", "rolling12"):
        asked = f"/air/{label(grain, there[grain].start)}"
        html = pages.page(View(release, "nb", asked, lambda to: to)).html
        assert f'href="{asked}" aria-current="page"' in html
        assert ">99<" in html
