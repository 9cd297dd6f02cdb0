"""Events of the installation: numbered in the chart of what they touch, in words beside it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from reporting.events import events_of
from reporting.reader import open_current
from reporting.report.content import report
from reporting.web import pages
from reporting.web.app import make_app
from reporting.web.figures import Place, When
from reporting.web.words import LANGUAGES, Language
from tests.reporting.releases import changed
from tests.reporting.web.test_pages import Read, view

EVENTS = """
create or replace table kpi_events as
    select * from (values
        (date '2026-09-16', 'c113_within_10s', 'central', 'amk_oslo', 'freeze', 'Ny plan',
            'New plan'),
        (date '2026-09-20', null, null, null, 'none', 'Streik', 'Strike'),
        (date '2026-09-20', 'c113_within_10s', null, null, 'none', 'Streik', 'Strike'),
        (date '2026-09-21', 'calls_offered', null, null, 'none', 'Annet tall', 'Another KPI'),
        (date '2026-09-22', null, 'central', 'amk_bergen', 'none', 'Annen enhet', 'Another unit'),
        (date '2027-01-01', null, null, null, 'none', 'Senere', 'Later')
    ) as e(event_date, kpi_id, level, unit_id, effect, text_nb, text_en);
"""


@pytest.fixture(scope="module")
def told(later: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return changed(later, tmp_path_factory.mktemp("events") / "releases", EVENTS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_series_tells_its_events_and_no_others(
    told: Path, language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(told.parent))
    path = "/series/c113_within_10s/113/central/amk_oslo/month"
    with open_current(told) as release:
        html = pages.page(view(release, path, language)).html
    plan, strike = ("Ny plan", "Streik") if language == "nb" else ("New plan", "Strike")
    assert html.count('<path class="event"') == 2
    assert f"1 {plan}" in html and f"2 {strike}" in html
    day, frozen = (
        ("16. september 2026", "Grensene er fra tiden før")
        if language == "nb"
        else ("16 September 2026", "The limits are of the time before")
    )
    assert f"<li>{day}: {plan}. {frozen}" in html
    rows = [row for row in Read(html).rows if row and "september 2026" in row[0].casefold()]
    assert [row[-1].strip() for row in rows] == [f"1 {plan} 2 {strike}"]
    for other in ("Annet tall", "Another", "Annen enhet", "Senere", "Later"):
        assert other not in html


def test_a_release_without_events_tells_of_none(later: Path) -> None:
    with open_current(later) as release:
        assert events_of(release, "c113_within_10s", "central", "amk_oslo") == []


def test_a_comparison_tells_them_below_each_chart(told: Path) -> None:
    asked = {"units": "amk_oslo", "kpis": "c113_within_10s", "period": "2026-08..2026-09"}
    html = TestClient(make_app(told)).get("/compare", params=asked).text
    assert "<li>16. september 2026: Ny plan. Grensene er fra tiden før" in html
    assert html.count('<path class="event"') == 2


def test_charts_of_a_report_tell_them_in_their_caption(told: Path) -> None:
    with open_current(told) as release:
        month = When("month", date(2026, 9, 1))
        made = report(release, Place("central", "amk_oslo", "AMK Oslo"), month)
    captions = [chart.caption for chart in made.charts]
    assert any("1: 16. september 2026: Ny plan." in caption for caption in captions)
