"""The analyst's functions: what each parameter does, on releases old and new."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from reporting import metrics
from reporting.columns import COLUMNS, LAST_YEAR, PEERS, TRENDS
from reporting.describe import describe
from reporting.query import KpiQuery, query
from reporting.reader import current_release_id, open_current
from tests.reporting.conftest import NEXT, VERSION


@pytest.fixture(params=["releases", "fuller"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An older release and a newer one, each as the current one."""
    folder: Path = request.getfixturevalue(request.param)
    monkeypatch.setenv("AKUTT_HOME", str(folder.parent))
    return folder


@pytest.fixture
def newer(fuller: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AKUTT_HOME", str(fuller.parent))
    return fuller


def test_names_may_be_one_or_several(either: Path) -> None:
    one = metrics.query(kpis="calls_offered", level="central", units="amk_oslo", segments="113")
    assert one["value"].to_list() == [1234567.0]
    several = metrics.query(kpis=["calls_offered"], level=["central"], units=["AMK OSLO"])
    assert several.equals(one)


def test_every_column_is_explained(either: Path) -> None:
    frame = metrics.query(peers=True, trends=True, last_year=True, by=["region"])
    assert set(frame.columns) - {"region_id", "region_name"} == set(COLUMNS)
    assert {*PEERS, *TRENDS, *LAST_YEAR} < set(frame.columns)
    assert frame["release_id"].unique().to_list() == [current_release_id(either)]


def test_without_a_grain_months_are_given(either: Path) -> None:
    assert metrics.query()["period_grain"].unique().to_list() == ["month"]
    assert metrics.query(period="2026-Q3")["period_grain"].unique().to_list() == ["quarter"]
    assert metrics.query(grain="all")["period_grain"].n_unique() == 2
    assert metrics.query(period="2026", by="month")["period_grain"].unique().to_list() == ["month"]
    with pytest.warns(UserWarning, match="grain year"):
        assert metrics.query(period="2026").is_empty()


@pytest.mark.parametrize(
    ("period", "months"),
    [
        ("2026-08", [8]),
        ("2026-08..2026-09", [8, 9]),
        ("2026-09..", [9]),
        ("..2026-08", [8]),
        ("2026", [8, 9]),
        ("2025..2026", [8, 9]),
    ],
)
def test_periods(either: Path, period: str, months: list[int]) -> None:
    frame = metrics.query(
        kpis="c113_within_10s", units="amk_oslo", period=period, by="month", version=VERSION
    )
    assert [start.month for start in frame["period_start"]] == months


def test_the_ends_may_be_given_by_themselves(either: Path) -> None:
    ends = metrics.query(start="2026-08", end="2026-08", version=VERSION)
    assert ends.equals(metrics.query(period="2026-08", version=VERSION))
    with pytest.raises(metrics.PeriodError, match="grain"):
        metrics.query(period="2026..2026-08")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"kpis": "c113"}, "c113_within_10s"),
        ({"level": "sentral"}, "central"),
        ({"units": "amk_oslø"}, "amk_oslo"),
        ({"by": "months"}, "month"),
        ({"grain": "months"}, "month"),
        ({"by": "month", "grain": "day"}, "choose one"),
        ({"geography": "1838"}, "2024"),
        ({"kpis": "calls_offered", "version": 7}, "no version"),
    ],
)
def test_what_cannot_be_answered_is_said(either: Path, arguments: Any, hint: str) -> None:
    with pytest.raises(metrics.QueryError, match=hint):
        metrics.query(**arguments)


def test_an_empty_answer_comes_with_the_reason(either: Path) -> None:
    with pytest.warns(UserWarning, match="has: .*national, region, central") as caught:
        assert metrics.query(kpis="c113_within_10s", level="municipality").is_empty()
    assert [Path(warning.filename).name for warning in caught] == [Path(__file__).name]
    with pytest.raises(metrics.PeriodError, match="ends before it begins"):
        metrics.query(period="2026-09..2026-08")


def test_an_answer_with_rows_does_not_ask_for_a_reason(
    either: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "why_empty", None)
    assert metrics.query(kpis="c113_within_10s").height


def test_too_many_rows_are_refused_not_cut(either: Path) -> None:
    with pytest.raises(metrics.TooManyRowsError, match="limit"):
        metrics.query(limit=2)
    assert metrics.query(limit=None).height > 2


def test_the_version_in_force_is_the_default(newer: Path) -> None:
    wanted = {"kpis": "c113_within_10s", "units": "amk_oslo"}
    chosen = metrics.query(**wanted).select("period_start", "kpi_version").rows()
    assert chosen == [(date(2026, 8, 1), VERSION), (date(2026, 9, 1), NEXT)]
    both = metrics.query(**wanted, version="all")
    assert both["kpi_version"].to_list() == [VERSION, NEXT] * 2
    assert metrics.query(**wanted, version=VERSION)["kpi_version"].to_list() == [VERSION] * 2
    found = metrics.definition("c113_within_10s", VERSION)
    assert (found["in_force_from"], found["in_force_before"]) == (None, date(2026, 9, 1))


def test_comparison_and_trend_come_with_each_value(newer: Path) -> None:
    frame = metrics.query(kpis="calls_offered", level="central", peers=True, trends=True)
    (row,) = frame.to_dicts()
    assert (row["peer_median"], row["verdict_en"]) == (93.0, "better than expected")
    assert (row["xmr_center"], row["trend_en"]) == (92.0, "no change")
    assert row["grade"] == "B"


def test_releases_without_comparison_have_the_columns_empty(releases: Path) -> None:
    frame = metrics.query(peers=True, trends=True, release=releases / current_release_id(releases))
    columns = [*PEERS, *TRENDS, "grade", "break_date"]
    assert frame.select(columns).null_count().row(0) == (frame.height,) * len(columns)
    assert frame.schema["peer_median"] == pl.Float64
    assert frame.schema["break_date"] == pl.Date


def test_the_last_break_before_the_end_of_the_period_is_marked(newer: Path) -> None:
    frame = metrics.query(kpis="c113_within_10s", units="amk_oslo", version=VERSION)
    columns = ("break_date", "is_break", "break_kind", "break_en")
    broken = (date(2026, 8, 15), "platform_cutover", "New platform")
    assert frame.select(columns).rows() == [
        (broken[0], True, *broken[1:]),
        (broken[0], False, *broken[1:]),
    ]
    assert metrics.query(units="amk_bergen")["break_date"].null_count() > 0
    assert metrics.breaks("c113_within_10s", units="amk_oslo")["kind"].to_list() == [
        "platform_cutover",
        "platform_cutover",
    ]


def test_periods_of_all_kinds_together_say_what_each_kind_says(newer: Path) -> None:
    together = metrics.query(grain="all", version="all")
    apart = [
        metrics.query(grain=grain, version="all") for grain in together["period_grain"].unique()
    ]
    key = ["kpi_id", "segment", "period_grain", "period_start", "level", "unit_id", "kpi_version"]
    assert together.equals(pl.concat(apart).sort(key))
    assert together["is_break"].any()


def test_a_break_planned_after_the_last_day_is_not_among_those_of_the_rows(newer: Path) -> None:
    with open_current(newer) as release:
        frame = query(release, KpiQuery(units=["amk_oslo"]))
        assert describe(release, frame, "alt")["breaks"]
        earlier = replace(release, metadata={**release.metadata, "period_end": "2026-08-14"})
        assert describe(earlier, frame, "alt")["breaks"] == []


def test_a_unit_belongs_to_the_region_of_the_time(newer: Path) -> None:
    frame = metrics.query(kpis="c113_within_10s", units="amk_oslo", by=["month", "region"])
    assert frame["region_id"].to_list() == ["nord", "sorost"]
    assert frame["region_name"].to_list() == ["Helse Nord RHF", "Helse Sør-Øst RHF"]


def test_a_release_without_hierarchy_tells_the_present_region(releases: Path) -> None:
    folder = releases / current_release_id(releases)
    frame = metrics.query(kpis="c113_within_10s", by="region", release=folder)
    found = dict(frame.select("unit_id", "region_id").rows())
    assert found["amk_oslo"] == "sorost"
    assert found["NO"] is None


def test_what_has_no_source_is_a_row_without_a_number(newer: Path) -> None:
    frame = metrics.query(kpis=["staffed_hours", "calls_offered"], level="central")
    row = frame.filter(kpi_id="staffed_hours").row(0, named=True)
    assert (row["status"], row["value"]) == ("no_source", None)
    assert row["status_reason"] == "Krever timelister / Needs rosters"
    assert frame.height == 2
    (listed,) = metrics.kpis("staffed_hours").to_dicts()
    assert listed["status"] == "no_source"


def test_kpis_are_found_by_words(either: Path) -> None:
    found = metrics.kpis("113 svartid")["kpi_id"].to_list()
    assert "answer_time_median" in found
    assert "resp_median" not in found
    assert metrics.kpis("finnes ikke").is_empty()


def test_units_and_definitions(either: Path) -> None:
    assert "amk_oslo" in metrics.units("central")["unit_id"]
    assert metrics.definition("c113_within_10s")["target"] == 90
    assert metrics.release()["release_id"] == current_release_id(either)


def test_the_sql_of_a_kpi_comes_from_the_release(newer: Path, releases: Path) -> None:
    assert metrics.definition("c113_within_10s", VERSION)["sql"] == "select 1 as it_is"
    assert metrics.definition("calls_offered")["sql"] is None
    other = metrics.definition("c113_within_10s", release=releases / current_release_id(releases))
    assert "answer_ms <= 10000" in other["sql"]
