"""Forecasts and the need for people, of a small release: what is offered, on what, and why not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli.main import app
from reporting import metrics
from reporting.demand.erlang import needed
from reporting.demand.forecast import ahead
from reporting.demand.staffing import conditions
from reporting.dimensions import QueryError
from reporting.reader import Release, open_current
from tests.orchestration.fabricated import newest
from tests.reporting.conftest import FULLER
from tests.reporting.releases import changed

FIRST, DAYS, LATE = date(2026, 4, 6), 120, 5  # a Monday; the last five days may still change
LAST = FIRST + timedelta(days=DAYS - LATE - 1)
NOISE = "(d.range * d.range * 13 + d.range * 29) % 41 - 20"
WEEK = "20 * (d.range % 7)"
DEMAND = f"""
create temp table one as select * from kpi_values
    where unit_id = 'amk_oslo' and kpi_id = 'c113_within_10s' and period_grain = 'month'
    order by kpi_version desc, period_start desc limit 1;
insert into kpi_values by name
select one.* replace ('calls_offered' as kpi_id, {newest("calls_offered")} as kpi_version,
    '113' as segment, 'day' as period_grain, date '{FIRST}' + d.range::int as period_start,
    unit.id as unit_id, unit.level as level,
    case when unit.id = 'amk_oslo' and d.range = 60 then null
        else 400 + {WEEK} + if(unit.id = 'amk_oslo', {NOISE}, 0) end as value,
    null as numerator, null as denominator, null as n, null as lower, null as upper,
    if(unit.id = 'amk_oslo' and d.range = 60, 'suppressed', 'ok') as status,
    1 as days_covered, 1 as days_in_period, false as is_partial,
    if(d.range >= {DAYS - LATE}, 'provisional', 'final') as maturity)
from one cross join range({DAYS}) as d
cross join (values ('amk_oslo', 'central'), ('amk_bergen', 'central'), ('NO', 'national'))
    as unit(id, level)
where unit.id != 'NO' or d.range < 30;
insert into kpi_values by name
select one.* replace (m.kpi as kpi_id, m.version as kpi_version, '113' as segment,
    m.value as value, null as numerator, null as denominator, false as is_partial)
from one cross join (values
    ('handling_time_median', {newest("handling_time_median")}, 180.0),
    ('answer_time_mean', {newest("answer_time_mean")}, 6.0),
    ('unanswered_share', {newest("unanswered_share")}, 4.0)) as m(kpi, version, value);
"""


@pytest.fixture(scope="module")
def folder(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return changed(releases, tmp_path_factory.mktemp("demand") / "releases", FULLER + DEMAND)


@pytest.fixture
def release(folder: Path) -> Iterator[Release]:
    with open_current(folder) as opened:
        yield opened


def test_the_days_after_the_last_final_one(release: Release) -> None:
    frame = metrics.forecast("amk_oslo", segments="113", days=14, release=release)
    assert frame["day"].to_list() == [LAST + timedelta(days=n) for n in range(1, 15)]
    assert frame["status"].unique().to_list() == ["ok"]
    for row in frame.iter_rows(named=True):
        expected = 400 + 20 * row["day"].weekday()
        assert row["value"] == pytest.approx(expected, abs=12)
        assert row["low_95"] < row["low_80"] < row["value"] < row["high_80"] < row["high_95"]
    first = frame.row(0, named=True)
    assert (first["last_day"], first["held_back"]) == (LAST, 6)
    assert first["error"] < first["naive_error"]
    assert 60 <= first["covered_80"] <= first["covered_95"] <= 100


def test_nothing_is_offered_that_is_no_nearer_than_last_week(release: Release) -> None:
    (row,) = metrics.forecast("amk_bergen", segments="113", release=release).to_dicts()
    assert (row["status"], row["value"], row["naive_error"]) == ("not_offered", None, 0.0)
    assert "forrige uke" in row["reason"]
    assert "the week before" in row["reason"]


def test_a_series_that_is_too_short_says_what_it_takes(release: Release) -> None:
    (row,) = metrics.forecast(level="national", segments="113", days=7, release=release).to_dicts()
    assert row["status"] == "not_offered"
    assert row["reason"].startswith("30 dager er for få: 7 dager frem krever 49.")


@pytest.mark.parametrize("days", [6, 85])
def test_how_far_one_can_see(release: Release, days: int) -> None:
    with pytest.raises(QueryError, match="7 til / to 84"):
        metrics.forecast("amk_oslo", days=days, release=release)


def test_an_unknown_unit_is_named(release: Release) -> None:
    with pytest.raises(QueryError, match="amk_nowhere"):
        metrics.forecast("amk_nowhere", release=release)


def test_without_the_extra_it_says_what_to_install(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.tsa.statespace.structural", None)
    with pytest.raises(QueryError, match=r"akuttkjede\[forecast\]"):
        metrics.forecast("amk_oslo", segments="113", release=release)


def test_the_need_is_that_of_the_hour_s_share_of_the_day(release: Release) -> None:
    frame = metrics.staffing("amk_oslo", segments="113", release=release)
    assert frame.height == 7 * 24
    (one,) = ahead(release, units=["amk_oslo"], segments=["113"], days=7)
    assert one.outlook is not None
    by_hour = {(row["day"], row["hour"]): row for row in frame.iter_rows(named=True)}
    (number,) = [n for n, day in enumerate(one.outlook.days) if day.isoweekday() == 3]
    day = one.outlook.days[number]
    # A Wednesday at 10: 110 calls in 52 hours, of the calls of a mean Wednesday.
    wednesdays = [
        400 + 40 + (n * n * 13 + n * 29) % 41 - 20 for n in range(DAYS) if n % 7 == 2 and n != 60
    ]
    share = 110 / 52 / (sum(wednesdays) / len(wednesdays))
    row = by_hour[day, 10]
    assert row["calls"] == pytest.approx(one.outlook.value[number] * share)
    assert row["handling_s"] == pytest.approx(180 / 0.6931471805599453)
    assert row["patience_s"] == pytest.approx(6 / 0.04)
    assert (row["within_s"], row["target"]) == (10, 90)
    assert row["needed"] == needed(row["calls"], row["handling_s"], row["patience_s"], 10, 0.9)
    assert row["needed_high_80"] >= row["needed"]
    # An hour that is hidden has no need that could be told.
    monday = next(day for day in one.outlook.days if day.isoweekday() == 1)
    assert (by_hour[monday, 3]["needed"], by_hour[monday, 3]["status"]) == (None, "no_data")


def test_what_is_given_comes_before_what_was_measured(release: Release) -> None:
    frame = metrics.staffing(
        "amk_oslo", segments="113", handling=600, patience=60, target=50, release=release
    )
    row = frame.row(0, named=True)
    assert (row["handling_s"], row["patience_s"], row["target"]) == (600, 60, 50)
    with pytest.raises(QueryError, match="target"):
        metrics.staffing("amk_oslo", segments="113", target=100, release=release)


def test_without_a_forecast_there_is_no_need(release: Release) -> None:
    (row,) = metrics.staffing("amk_bergen", segments="113", release=release).to_dicts()
    assert (row["status"], row["needed"], row["target"]) == ("not_offered", None, None)


def test_what_the_release_cannot_tell_is_asked_for(release: Release) -> None:
    (one,) = ahead(release, units=["amk_bergen"], segments=["113"], days=7)
    with pytest.raises(QueryError, match="give handling, patience"):
        conditions(release, one)


def test_the_commands(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(folder.parent))
    said = CliRunner().invoke(app, ["kpi", "forecast", "AMK Oslo", "--segment", "113"])
    assert said.exit_code == 0, said.output
    assert (LAST + timedelta(days=28)).isoformat() in said.output
    assert "Prøvd på / tried on 6 strekk" in said.output
    withheld = CliRunner().invoke(app, ["kpi", "forecast", "AMK Bergen", "--segment", "113"])
    assert "Ingen prognose / no forecast" in withheld.output
    withheld = CliRunner().invoke(app, ["kpi", "staffing", "AMK Bergen", "--segment", "113"])
    assert "Ingen prognose / no forecast" in withheld.output
    need = CliRunner().invoke(app, ["kpi", "staffing", "AMK Oslo", "--segment", "113"])
    assert need.exit_code == 0, need.output
    assert "90 % innen / within 10 s" in need.output
    out = tmp_path / "ahead.csv"
    done = CliRunner().invoke(
        app, ["kpi", "forecast", "AMK Oslo", "--segment", "113", "--output", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert out.read_text("utf-8-sig").count("\n") >= 28
    wrong = CliRunner().invoke(app, ["kpi", "forecast", "AMK Oslo", "--days", "3"])
    assert wrong.exit_code == 1
    assert "Traceback" not in wrong.output
