"""The order in which printed tables have their rows."""

from __future__ import annotations

import random
import re

import polars as pl
import pytest

from reporting.export import render
from reporting.query import KpiQuery, query
from reporting.reader import Release
from reporting.reading_order import alphabetical, in_reading_order


@pytest.mark.parametrize(
    "names",
    [
        ["AMK St. Olav", "AMK Stavanger", "AMK Sørlandet", "AMK Tromsø"],
        ["AMK Fonna", "AMK Førde", "AMK Helgeland"],
        ["Asker", "Unjárga - Nesseby", "Utsira", "Vær", "Vøringen", "Våler", "Ærlig", "Ål"],
    ],
)
def test_names_are_in_norwegian_order(names: list[str]) -> None:
    assert sorted(random.sample(names, len(names)), key=alphabetical) == names


def test_the_country_is_first_and_what_is_not_placed_last(current: Release) -> None:
    months = query(current, KpiQuery(grain="month", kpis=["c113_within_10s"]))
    units = in_reading_order(months).filter(pl.col("period_start").dt.month() == 9)
    assert units["unit_id"].to_list() == ["NO", "UNKNOWN", "amk_bergen", "amk_oslo"]
    one_level = units.filter(pl.col("unit_id") != "NO").with_columns(level=pl.lit("central"))
    ordered = in_reading_order(one_level)["unit_id"].to_list()
    assert ordered == ["amk_bergen", "amk_oslo", "UNKNOWN"]


def test_rows_are_the_same_in_another_order(current: Release) -> None:
    frame = query(current, KpiQuery())
    ordered = in_reading_order(frame)
    key = ["kpi_id", "segment", "period_grain", "period_start", "level", "unit_id"]
    assert ordered.sort(key).equals(frame.sort(key))


def test_units_of_several_levels_say_which(current: Release) -> None:
    frame = query(current, KpiQuery(kpis=["c113_within_10s"], grain="month"))
    lines = render(frame, "table", current.metadata).decode().splitlines()
    for level, unit in (("land", "Norge"), ("region", "Ukjent"), ("sentral", "AMK Oslo")):
        assert any(re.search(rf"{level} +{unit}", line) for line in lines)
    one = query(current, KpiQuery(kpis=["c113_within_10s"], levels=["central"]))
    assert "nivå" not in render(one, "table", current.metadata).decode()


def test_a_kpi_without_a_source_keeps_its_row(current: Release) -> None:
    frame = query(current, KpiQuery(kpis=["unit_hour_utilisation", "c113_within_10s"]))
    ordered = in_reading_order(frame)
    assert ordered.height == frame.height
    assert ordered.filter(kpi_id="unit_hour_utilisation")["unit_name"].to_list() == [None]
