"""A comparison: its address holds the choices, its numbers are those of the query."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from reporting import metrics
from reporting.reader import open_current
from reporting.web import compare
from reporting.web.app import make_app
from reporting.web.words import LANGUAGES, Language, Speech
from tests.reporting.web.test_pages import Read

UNITS = ["amk_oslo", "amk_bergen"]
ASKED = {"units": ",".join(UNITS), "kpis": "c113_within_10s", "period": "2026-08..2026-09"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_those_of_the_query(
    later: Path, language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(later.parent))
    say = Speech(language)
    prefix = "" if language == "nb" else "/en"
    html = TestClient(make_app(later)).get(f"{prefix}/compare", params=ASKED).text
    rows = [[" ".join(cell.split()) for cell in row] for row in Read(html).rows]
    frame = metrics.query(
        kpis="c113_within_10s", units=UNITS, level="central", period=ASKED["period"]
    )
    assert frame.height == 3
    for row in frame.to_dicts():
        period = say.period("month", row["period_start"])
        (cells,) = [cells for cells in rows if len(cells) == 5 and cells[1] == period]
        shown = say.number(row["value"], "%") or say("suppressed")
        cell = cells[2 + UNITS.index(row["unit_id"])]
        assert cell.startswith(" ".join(shown.split()))
    # A figure that is hidden is no point of a chart either.
    assert html.count('<g class="point') == 2


def test_the_address_holds_every_choice_in_both_languages_and_in_the_files(later: Path) -> None:
    client = TestClient(make_app(later))
    html = client.get("/compare", params=ASKED).text
    for pattern in (r'href="(/en/compare\?[^"]+)"', r'href="(/compare\.csv\?[^"]+)"'):
        (link,) = re.findall(pattern, html)
        answer = client.get(unescape(link))
        assert answer.status_code == 200
        assert "amk_bergen" in answer.text and "c113_within_10s" in answer.text
    assert html.count(" selected>") >= 5
    only_form = client.get("/compare")
    assert only_form.status_code == 200 and "<select" in only_form.text
    assert client.get("/compare.csv").status_code == 404


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"units": "amk_osl"}, "amk_oslo"),
        ({"level": "ward"}, "central"),
        ({"kpis": "c113"}, "c113_within_10s"),
        ({"period": "2026-W40"}, "month"),
        ({"period": "yesterday"}, "2026-Q3"),
        ({"period": "2020-01..2026-09"}, "24"),
        ({"units": "a,b,c,d,e,f,g"}, "7"),
    ],
)
def test_what_is_not_there_says_what_there_is(
    later: Path, asked: dict[str, str], says: str
) -> None:
    answer = TestClient(make_app(later)).get("/compare", params={**ASKED, **asked})
    assert answer.status_code == 404 and says in answer.text


def test_a_unit_leads_to_a_comparison_with_similar_ones(later: Path) -> None:
    client = TestClient(make_app(later))
    html = client.get("/unit/central/amk_oslo/2026-09").text
    (link,) = {unescape(found) for found in re.findall(r'href="(/compare\?[^"]+)"', html)}
    assert link.startswith("/compare?level=central&units=amk_oslo&units=")
    assert client.get(link).status_code == 200
    with open_current(later) as release:
        units = compare.asked(release, {"units": ("amk_oslo",)}).units
        assert [place.level for place in units] == ["central"]
