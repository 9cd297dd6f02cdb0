"""Hours of the week and classes of times: query, command line, API, page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from orchestration.cli.main import app as cli
from reporting import metrics
from reporting.dimensions import QueryError, UnknownNameError
from reporting.periods import PeriodError
from reporting.profiles import busiest, periods
from reporting.reader import Release, open_current
from reporting.web import pages, staffing
from reporting.web.app import make_app
from reporting.web.heatmap import Cell, heat_map
from reporting.web.pages import NoPageError, View
from reporting.web.words import LANGUAGES, Language, Speech
from tests.reporting.releases import changed
from tests.reporting.web.test_pages import Read


@pytest.fixture(scope="module")
def release(fuller: Path) -> Iterator[Release]:
    with open_current(fuller) as opened:
        yield opened


def said(*arguments: str, releases: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AKUTT_HOME", str(releases.parent))
    result = CliRunner().invoke(cli, ["kpi", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_week_has_every_hour_and_hidden_ones_have_no_number(release: Release) -> None:
    hours = metrics.profile("AMK Oslo", segments="113", period="2026", release=release)
    assert hours.height == 168
    assert hours.select("weekday", "hour").rows() == [
        (d, h) for d in range(1, 8) for h in range(24)
    ]
    assert set(hours["unit_name"]) == {"AMK Oslo"}
    gone = hours.filter(hours["status"] != "ok")
    assert gone.select("weekday", "hour", "status").rows() == [
        (1, 3, "suppressed"),
        (2, 3, "no_data"),
    ]
    numbers = ("calls", "in_time", "unanswered", "calls_per_hour", "answer_median", "coverage")
    assert gone.select(numbers).null_count().sum_horizontal()[0] == gone.height * len(numbers)
    top = busiest(hours)
    assert top is not None and (top["weekday"], top["hour"], top["calls_per_hour"]) == (6, 12, 10.0)
    quarter = metrics.profile("amk_oslo", period="2026-Q3", release=release)
    assert quarter.height == 168 and busiest(quarter) is None


def test_without_a_period_it_is_the_longest_that_ended_last(release: Release) -> None:
    assert periods(release) == [("year", date(2026, 1, 1)), ("quarter", date(2026, 7, 1))]
    assert set(metrics.profile(release=release)["period_grain"]) == {"year"}


def test_classes_in_order_and_their_total(release: Release) -> None:
    classes = metrics.distribution("answer_time", units="amk_oslo", release=release)
    assert classes.select("over_s", "to_s", "n", "share", "total").rows() == [
        (None, 5, 300, 75.0, 400),
        (5, 10, 80, 20.0, 400),
        (10, None, None, None, 400),
    ]
    with pytest.warns(UserWarning, match="No rows"):
        assert metrics.distribution("response_time", release=release).is_empty()


def test_what_is_not_there_says_so(release: Release, releases: Path) -> None:
    with pytest.raises(PeriodError, match="2026, 2026-Q3"):
        metrics.profile(period="2025", release=release)
    with pytest.raises(UnknownNameError, match="amk_oslo"):
        metrics.profile("amk_osl", release=release)
    with pytest.raises(UnknownNameError, match="response_time"):
        metrics.distribution("respons_time", release=release)
    with open_current(releases) as earlier, pytest.raises(QueryError, match="hour_profiles"):
        metrics.profile(release=earlier)


def test_before_a_quarter_is_over_there_are_no_rows(
    fuller: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    young = changed(fuller, tmp_path / "releases", "delete from hour_profiles")
    with open_current(young) as opened:
        with pytest.warns(UserWarning, match="No rows"):
            assert metrics.profile("amk_oslo", release=opened).is_empty()
        with pytest.raises(PeriodError, match="No rows"):
            metrics.profile(period="2026", release=opened)
        assert list(staffing.paths(opened)) == []
    assert "No rows" in said("profile", "amk_oslo", releases=young, monkeypatch=monkeypatch)


def test_the_command_line_shows_a_week(fuller: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = said("profile", "amk_oslo", releases=fuller, monkeypatch=monkeypatch).splitlines()
    rows = {line[:5]: line.split()[1:] for line in shown if re.match(r"\d\d–\d\d", line)}
    assert len(rows) == 24
    assert rows["03–04"][:3] == [":", "..", "2,0"]
    assert rows["12–13"] == ["2,2"] * 5 + ["10,0", "2,2"]
    assert (
        "Travlest / busiest: lørdag / Saturday 12–13, 10,0 anrop per time / calls per hour" in shown
    )
    assert "Periode / period 2026, 273 av / of 365 dager levert / days delivered" in shown
    shares = said(
        "profile", "amk_oslo", "--show", "in_time_share", releases=fuller, monkeypatch=monkeypatch
    )
    assert "98" in shares and "Travlest" in shares


def test_the_command_line_shows_classes(fuller: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = said("distribution", "central", releases=fuller, monkeypatch=monkeypatch)
    assert [re.split(r"  +", line.strip())[2:] for line in shown.splitlines()[2:5]] == [
        ["0–5 s", "300", "75,0"],
        ["5–10 s", "80", "20,0"],
        ["> 10 s", ":", ":"],
    ]


def test_files_have_the_rows_of_the_query(
    release: Release, fuller: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "week.csv"
    said("profile", "amk_oslo", "--output", str(target), releases=fuller, monkeypatch=monkeypatch)
    assert target.read_text("utf-8-sig").count("\n") == 169
    client = TestClient(make_app(fuller))
    answer = client.get("/api/v1/profiles?unit=amk_oslo&period=2026").json()
    frame = metrics.profile("amk_oslo", period="2026", release=release)
    assert [row["calls"] for row in answer["rows"]] == frame["calls"].to_list()
    classes = client.get("/api/v1/distributions?measure=answer_time").json()["rows"]
    assert [row["n"] for row in classes] == [300, 80, None]
    assert client.get("/api/v1/profiles?period=2025").status_code == 422
    page = client.get("/staffing/central/amk_oslo/2026.csv")
    assert page.status_code == 200 and page.text.count("\n") == 169


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_what_the_query_says(release: Release, language: Language) -> None:
    view = View(release, language, "/staffing/central/amk_oslo/2026", lambda path: path)
    html = pages.page(view).html
    told = {
        "nb": "Travlest er lørdag 12–13, med 10,0 anrop i timen.",
        "en": "Saturday 12–13 is busiest, with 10.0 calls per hour.",
    }
    assert told[language] in html
    assert Read(html).language == language
    assert html.count('<svg class="chart heat"') == len(staffing.MAPS)
    first = html.partition("<svg")[2].partition("</svg>")[0]
    # A hidden hour and one without data have signs of their own, and no shade.
    assert re.findall(r'<text class="gone"[^>]*>([^<]*)<', first) == [":", ".."]
    assert len(re.findall(r'<rect class="h\d"', first)) == 166
    assert re.findall(r'<text class="h4"[^>]*>([^<]*)<', first) == [
        Speech(language).number(10.0, decimals=1)
    ]


def test_a_unit_links_to_the_period_that_shows_something(release: Release) -> None:
    unit = View(release, "nb", "/unit/central/amk_oslo/2026-09", lambda path: path)
    assert 'href="/staffing/central/amk_oslo/2026"' in pages.page(unit).html
    other = View(release, "nb", "/unit/central/amk_bergen/2026-09", lambda path: path)
    assert "/staffing/" not in pages.page(other).html
    assert list(staffing.paths(release)) == ["/staffing/central/amk_oslo/2026"]
    assert "/staffing/central/amk_oslo/2026" in set(pages.paths(release))
    with pytest.raises(NoPageError):
        pages.page(View(release, "nb", "/staffing/central/amk_bergen", lambda path: path))
    # Asked for all the same, a period in which all is hidden says so.
    hidden = View(release, "nb", "/staffing/central/amk_oslo/2026-Q3", lambda path: path)
    html = pages.page(hidden).html
    assert staffing.TEXTS["few"][0] in html and "<svg" not in html


def test_a_map_escapes_and_shades_by_equal_parts() -> None:
    row = [Cell(float(value), f"{value}") for value in (0, 2, 4, 6, 8, 10)] + [Cell(None, "<")]
    drawn = heat_map([row] * 24, ["<b>"] * 7, title="a & b", description="")
    assert re.findall(r'rect class="(\w+)"', drawn)[:7] == [
        "h0",
        "h1",
        "h2",
        "h3",
        "h4",
        "h4",
        "gone",
    ]
    assert "<b>" not in drawn and "a &amp; b" in drawn and ">&lt;<" in drawn
    level = heat_map([[Cell(3.0, "3")] * 7] * 24, [""] * 7, title="", description="")
    assert set(re.findall(r'rect class="(\w+)"', level)) == {"h0"}
