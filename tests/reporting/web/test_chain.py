"""The chain: every time of the page is the query's, and what is hidden is drawn as no time."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from reporting import metrics
from reporting.reader import open_current
from reporting.web import chain, pages
from reporting.web.app import make_app
from reporting.web.charts import Span, spans
from reporting.web.words import LANGUAGES, TEXTS, Language, Speech
from tests.reporting.web.test_pages import Read, view

PATH = "/chain/central/amk_oslo/2026-09"


@pytest.mark.parametrize("language", LANGUAGES)
def test_times_are_those_of_the_query(
    later: Path, language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(later.parent))
    say = Speech(language)
    with open_current(later) as release:
        html = pages.page(view(release, PATH, language)).html
    assert say("not_a_sum") in html
    kpis = [kpi_id for kpi_id, _ in chain.all_keys()]
    frame = metrics.query(kpis=kpis, units="amk_oslo", level="central", period="2026-09")
    rows = {(row["kpi_name"], row["kpi_name_en"]): row for row in frame.to_dicts()}
    assert len(rows) == 10
    told = [[cell.strip() for cell in row] for row in Read(html).rows]
    for names, row in rows.items():
        (cells,) = [c for c in told if any(cell.startswith(say.of(names)) for cell in c[:2])]
        shown = say.number(row["value"], row["measure_unit"]) or say("suppressed")
        assert any(cell.startswith(shown) for cell in cells), names


def test_both_ways_to_write_the_address_and_what_there_is_when_it_is_wrong(later: Path) -> None:
    client = TestClient(make_app(later))
    asked = {"level": "central", "unit": "amk_oslo", "period": "2026-09"}
    by_choice = client.get("/chain", params=asked)
    assert by_choice.status_code == 200 and "AMK Oslo" in by_choice.text
    link = "/en/chain?level=central&amp;unit=amk_oslo&amp;period=2026-09"
    assert link in by_choice.text
    assert client.get("/chain.csv", params=asked).text == client.get(f"{PATH}.csv").text
    unknown = client.get("/chain", params={**asked, "level": "ward"})
    assert unknown.status_code == 404 and "health_trust" in unknown.text
    no_unit = client.get("/chain", params={"level": "central"})
    assert no_unit.status_code == 404 and "amk_oslo" in no_unit.text
    assert client.get("/chain/central/amk_osl").status_code == 404
    assert client.get("/chain/central/amk_oslo/2026-W40").status_code == 404
    assert TEXTS["no_period"][0] in client.get("/chain").text


def test_a_time_that_is_hidden_has_no_bar() -> None:
    parts = [Span("A & b", 2.0, "2 min", 4.0, "4 min"), Span("B", None, "skjult", None, "")]
    drawn = ET.fromstring(
        str(spans(parts, title="t", description="d", axis=lambda value, places: f"{value}"))
    )
    widths = [float(bar.get("width") or 0) for bar in drawn.findall(".//rect")]
    assert widths[0] > 100 and widths[1] == 0
    assert len(drawn.findall(".//path[@class='end']")) == 1
    assert [title.text for title in drawn.findall("g/title")][-1] == "B: skjult"
    assert not spans(parts[1:], title="", description="", axis=lambda value, places: "")
