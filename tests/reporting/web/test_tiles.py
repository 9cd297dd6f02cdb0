"""The map of tiles and the funnel: pictures that say what the query says."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting import metrics
from reporting.reader import open_current
from reporting.web import pages
from reporting.web.charts import Funnel, funnel_plot
from reporting.web.tiles import Tile, assigned, cells, limits, step_of, tile_map
from reporting.web.words import LANGUAGES, Language, Speech
from tests.reporting.web.test_pages import view

PATH = "/kpi/resp_urban_12/all/county/2026-09"
PLACES = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3),
    st.tuples(st.integers(0, 50).map(float), st.integers(0, 50).map(float)),
    max_size=30,
)


@settings(max_examples=50)
@given(PLACES)
def test_each_has_a_cell_of_its_own_whatever_the_order(
    points: dict[str, tuple[float, float]],
) -> None:
    found = assigned(points)
    assert found.keys() == points.keys()
    assert len(set(found.values())) == len(points)
    assert all(x >= 0 and y >= 0 for x, y in found.values())
    assert assigned(dict(reversed(points.items()))) == found


def test_the_country_is_where_it_is(later: Path) -> None:
    with open_current(later) as release:
        municipalities, counties = cells(release, "municipality"), cells(release, "county")
        assert len(set(municipalities.values())) == len(municipalities) == 357
        assert len(counties) == 15 and cells(release, "central") == {}
    # Oslo, Bergen, Trondheim, Tromsø and Vardø; north is up, and so is east to the right.
    oslo, bergen, trondheim, tromso, vardo = (
        municipalities[code] for code in ("0301", "4601", "5001", "5501", "5634")
    )
    assert oslo[1] > trondheim[1] > tromso[1] and bergen[0] < oslo[0] < vardo[0]
    assert counties["56"][1] < counties["50"][1] < counties["42"][1]


def test_steps_hold_a_fifth_each_and_ties_stay_together() -> None:
    values = [float(number) for number in range(100)]
    between = limits(values)
    counts = [0] * 5
    for value in values:
        counts[step_of(value, between)] += 1
    assert counts == [20] * 5
    assert limits([1.0, 1.0, 2.0]) == [2.0] and limits([]) == []


def test_a_tile_without_a_value_is_hatched_and_says_why() -> None:
    tiles = [Tile("a", "A & b", 3.0, "3 %"), Tile("b", "B", None, "skjult"),
             Tile("c", "Nowhere", 1.0, "1 %")]  # fmt: skip
    where = {"a": (0, 0), "b": (1, 2)}
    drawn = ET.fromstring(str(tile_map(tiles, where, [2.0], title="t", description="d")))
    assert [title.text for title in drawn.findall("g/title")] == ["A & b: 3 %", "B: skjult"]
    assert [len(group.findall("path[@class='hatch']")) for group in drawn.findall("g")] == [0, 1]
    assert [group.find("rect").get("class") for group in drawn.findall("g")] == [  # type: ignore[union-attr]
        "tile s1", "tile none",
    ]  # fmt: skip
    assert not tile_map(tiles, {}, [], title="", description="")


@pytest.mark.parametrize("language", LANGUAGES)
def test_tiles_and_funnel_show_what_the_query_gives(
    later: Path, language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(later.parent))
    say = Speech(language)
    with open_current(later) as release:
        html = pages.page(view(release, PATH, language)).html
    frame = metrics.query(kpis="resp_urban_12", level="county", period="2026-09", peers=True)
    assert frame.height == 4
    funnel = html[html.index(f": {say('funnel')}</title>") :].partition("</svg>")[0]
    tiles = html[html.index(f": {say('tiles')}</title>") :].partition("</svg>")[0]
    for row in frame.to_dicts():
        shown = say.number(row["value"], "%") or say("suppressed")
        told = f"<title>{row['unit_name']}: {shown}</title>"
        assert told in tiles
        assert (told in funnel) == (row["value"] is not None)
        if row["verdict"] == "worse":
            assert 'class="worse"' in funnel.partition(told)[2].partition("</g>")[0]
    assert funnel.count('class="worse"') == frame["verdict"].to_list().count("worse") == 1


def test_a_unit_stands_beyond_the_limit_that_it_is_judged_by() -> None:
    units = [Funnel(str(size), size, value, "", (50.0, 60.0, 70.0, 80.0, 90.0), "g")
             for size, value in ((10.0, 55.0), (1000.0, 75.0))]  # fmt: skip

    def drawn(of: list[Funnel]) -> ET.Element:
        chart = funnel_plot(of, title="t", description="d", axis=lambda value, _: f"{value}",
                            sizes=lambda value, _: f"{value}")  # fmt: skip
        return ET.fromstring(str(chart))

    one = drawn(units)
    lower, upper = (
        [float(step.split()[1]) for step in (path.get("d") or "")[1:].split("L")]
        for path in one.findall("path[@class='limit']")
    )
    below, inside = (float(dot.get("cy") or 0) for dot in one.findall("g/circle"))
    # Upwards is less in a picture.
    assert below > lower[0] > upper[0]
    assert lower[1] > inside > upper[1]
    several = drawn([units[0], Funnel("b", 50.0, 70.0, "", units[0].limits, "other")])
    assert len(several.findall("path[@class='range']")) == 2
    assert not several.findall("path[@class='limit']")
