"""What kpi_comparisons says about a unit, in codes and in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.dbt_project.comparison import ALWAYS, Figures, compiled

UNITS = "abcdefgh"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return compiled(tmp_path_factory.mktemp("compiled"))


@pytest.fixture
def figures(models: Mapping[str, str]) -> Figures:
    return Figures(models)


def alike(figures: Figures, unit: tuple[float, int], peers: float = 900, **kpi: object) -> None:
    """Unit a with its count and size, and seven peers with the same share of 1000."""
    figures.kpi("k", **kpi)
    figures.group(UNITS)
    figures.share("k", "a", *unit)
    for name in UNITS[1:]:
        figures.share("k", name, peers, 1000)


@pytest.mark.parametrize(
    ("count", "direction", "verdict", "nb", "en"),
    [
        (925, "up", "better", "Bedre enn forventet: 92,5 % mot 90,3 %",
         "Better than expected: 92.5% against 90.3%"),
        (905, "up", "as_expected", "Som forventet: 90,5 % mot 90,1 %",
         "As expected: 90.5% against 90.1%"),
        (850, "up", "worse", "Klart dårligere enn forventet: 85,0 % mot 89,4 %",
         "Clearly worse than expected: 85.0% against 89.4%"),
        (925, "down", "worse", "Dårligere enn forventet: 92,5 % mot 90,3 %",
         "Worse than expected: 92.5% against 90.3%"),
        (925, "neutral", "higher", "Høyere enn forventet: 92,5 % mot 90,3 %",
         "Higher than expected: 92.5% against 90.3%"),
        (850, "neutral", "lower",
         "Klart lavere enn forventet: 85,0 % mot 89,4 %",
         "Clearly lower than expected: 85.0% against 89.4%"),
    ],
)  # fmt: skip
def test_verdicts_follow_the_direction_of_the_kpi(
    figures: Figures, count: float, direction: str, verdict: str, nb: str, en: str
) -> None:
    alike(figures, (count, 1000), direction=direction)
    row = figures.comparisons()["k", "a"]
    assert (row["verdict"], row["comparator"]) == (verdict, "funnel")
    assert row["verdict_nb"] == f"{nb} i lignende enheter (gruppen) samlet."
    assert row["verdict_en"] == f"{en} in similar units (the group) taken together."


def test_few_observations_are_too_few_to_say(figures: Figures) -> None:
    alike(figures, (15, 19))
    row = figures.comparisons()["k", "a"]
    assert (row["verdict"], row["peer_count"]) == ("too_few", 7)
    assert row["verdict_nb"] == "For få hendelser til å si noe."


def test_hidden_figures_are_not_judged_and_do_not_set_the_standard(figures: Figures) -> None:
    alike(figures, (900, 1000))
    figures.cell("k", "i", numerator=None, denominator=None, n=None, value=None, coverage=None,
                 status="suppressed")  # fmt: skip
    figures.group("i")
    rows = figures.comparisons()
    assert rows["k", "i"]["verdict"] == "hidden"
    assert rows["k", "i"]["verdict_nb"].endswith("vises ikke av hensyn til personvernet.")
    assert rows["k", "i"]["funnel_center"] is None
    assert rows["k", "a"]["peer_count"] == 8
    assert rows["k", "a"]["funnel_center"] == pytest.approx(90)


def test_low_coverage_is_not_comparable_and_sets_no_standard(figures: Figures) -> None:
    alike(figures, (900, 1000))
    figures.share("k", "i", 100, 1000, coverage=0.5)
    figures.group("i")
    rows = figures.comparisons()
    assert rows["k", "i"]["verdict"] == "not_comparable"
    assert "manglende registreringer" in rows["k", "i"]["verdict_nb"]
    assert rows["k", "a"]["funnel_center"] == pytest.approx(90)


@pytest.mark.parametrize(
    ("break_on", "verdict"),
    [
        (dt.date(2025, 1, 15), "not_comparable"),
        (dt.date(2025, 1, 1), "as_expected"),
        (dt.date(2025, 2, 1), "as_expected"),
    ],
)
def test_a_break_within_the_period_is_not_comparable(
    figures: Figures, break_on: dt.date, verdict: str
) -> None:
    alike(figures, (900, 1000))
    figures.breaks.append(("k", 1, "all", "central", "a", break_on, "platform_cutover", "", ""))
    assert figures.comparisons()["k", "a"]["verdict"] == verdict


def test_a_period_that_is_not_whole_is_not_comparable_and_sets_no_standard(
    figures: Figures,
) -> None:
    alike(figures, (900, 1000))
    figures.share("k", "i", 100, 1000, days_covered=30, is_partial=True)
    figures.group("i")
    rows = figures.comparisons()
    assert rows["k", "i"]["verdict"] == "not_comparable"
    assert rows["k", "i"]["verdict_nb"] == ("Kan ikke sammenlignes: perioden er ikke fullt levert.")
    assert rows["k", "a"]["funnel_center"] == pytest.approx(90)


def test_a_period_that_is_not_whole_gives_no_signal_and_sets_no_limits(figures: Figures) -> None:
    figures.kpi("k", measure="count", direction="neutral")
    figures.series("k", [100 + position % 3 for position in range(15)])
    for position in (0, 14):
        figures.cells[position] |= {"value": 3.0, "is_partial": True, "days_covered": 1}
    points = figures.trends()
    assert len(points) == 15
    assert [row["signal"] for row in points] == [None] * 15
    assert points[0]["xmr_center"] is points[-1]["xmr_center"] is None
    assert points[0]["trend_nb"] == "Perioden er ikke fullt levert: ingen vurdering."
    assert points[5]["xmr_center"] == pytest.approx(sum(100 + n % 3 for n in range(1, 14)) / 13)


def test_counts_are_not_compared(figures: Figures) -> None:
    figures.kpi("k", measure="count", unit="n", direction="neutral", min_denominator=0)
    figures.group(UNITS)
    for name in UNITS:
        figures.cell("k", name, value=10, numerator=10)
    row = figures.comparisons()["k", "a"]
    assert row["verdict"] == "not_comparable"
    assert row["peer_median"] == 10


def test_percentiles_are_held_against_the_quartiles_of_their_peers(figures: Figures) -> None:
    """Worse only when outside the middle half of the peers and not by chance."""
    figures.kpi("k", measure="interval", unit="min", direction="down")
    figures.group(UNITS)
    values = dict(zip(UNITS, (14.0, 10, 10.5, 11, 11.5, 12, 12.5, 13), strict=True))
    for name, value in values.items():
        figures.cell("k", name, value=value, lower=value - 1, upper=value + 1)
    rows = figures.comparisons()
    q1, median, q3 = np.quantile(list(values.values()), [0.25, 0.5, 0.75])
    row = rows["k", "a"]
    assert (row["peer_q1"], row["peer_median"], row["peer_q3"]) == (q1, median, q3)
    assert (row["verdict"], row["comparator"]) == ("worse", "peers")
    assert (
        row["verdict_nb"]
        == "Dårligere enn forventet: 14,0 min mot 11,8 min som median i lignende enheter (gruppen)."
    )
    assert rows["k", "b"]["verdict"] == "better"
    assert {rows["k", name]["verdict"] for name in "defg"} == {"as_expected"}
    assert rows["k", "a"]["funnel_center"] is None


def test_regions_are_held_against_the_country(figures: Figures) -> None:
    """Four regions are too few for a funnel."""
    figures.kpi("k", target=85.0)
    figures.group(("nord", "midt", "vest", "sorost"), "region", level="region")
    for name, count in (("nord", 880), ("midt", 910), ("vest", 905), ("sorost", 905)):
        figures.share("k", name, count, 1000, level="region")
    figures.share("k", "NO", 3600, 4000, level="national")
    rows = figures.comparisons()
    row = rows["k", "nord"]
    assert (row["verdict"], row["comparator"], row["peer_count"]) == ("worse", "national", 4)
    assert row["verdict_nb"] == "Dårligere enn forventet: 88,0 % mot 90,0 % i hele landet."
    assert row["target_difference"] == pytest.approx(3.0)
    assert rows["k", "midt"]["verdict"] == "as_expected"
    assert rows["k", "NO"]["verdict"] is None
    assert rows["k", "NO"]["target_difference"] == pytest.approx(5.0)


def test_municipalities_find_their_region_through_the_trust_of_the_time(figures: Figures) -> None:
    """A municipality that moved from one trust to another in another region on 1 January 2025."""
    figures.kpi("k")
    moved = dt.date(2025, 1, 1)
    figures.parents += [
        ("municipality", "3301", "health_trust", "t_vest", ALWAYS[0], moved),
        ("municipality", "3301", "health_trust", "t_nord", moved, ALWAYS[1]),
        ("municipality", "3301", "county", "33", *ALWAYS),
        ("health_trust", "t_vest", "region", "vest", *ALWAYS),
        ("health_trust", "t_nord", "region", "nord", *ALWAYS),
    ]
    for start in (dt.date(2024, 12, 1), moved):
        figures.share("k", "3301", 90, 100, level="municipality", period_start=start)
        figures.share("k", "vest", 80, 100, level="region", period_start=start)
        figures.share("k", "nord", 70, 100, level="region", period_start=start)
    rows = {
        row["period_start"]: row["region_value"]
        for row in figures.result("kpi_comparisons")
        if row["unit_id"] == "3301"
    }
    assert rows == {dt.date(2024, 12, 1): 80, moved: 70}


def test_standardized_ratios_are_held_against_what_was_expected(figures: Figures) -> None:
    figures.kpi("k", measure="standardized", unit="O/E", direction="down")
    figures.group(UNITS)
    for name, observed in zip(UNITS, (400, 300, 300, 300, 290, 310, 300, 300), strict=True):
        figures.cell("k", name, numerator=observed, denominator=300.0, value=observed / 300)
    row = figures.comparisons()["k", "a"]
    assert (row["funnel_center"], row["verdict"]) == (1, "worse")
    assert row["verdict_nb"] == (
        "Klart dårligere enn forventet: 1,33 mot 1,00 ventet ut fra sentralitet og hastegrad."
    )


def test_close_figures_are_told_apart(figures: Figures) -> None:
    """A sentence never says that a figure is better than the same figure."""
    alike(figures, (900_400, 1_000_000))
    figures.cells = [c for c in figures.cells if c["unit_id"] == "a"]
    for name in UNITS[1:]:
        figures.share("k", name, 900_000, 1_000_000)
    assert " 90,04 % mot 90,01 % " in figures.comparisons()["k", "a"]["verdict_nb"]


def test_unknown_units_are_not_compared(figures: Figures) -> None:
    alike(figures, (900, 1000))
    figures.share("k", "UNKNOWN", 500, 1000)
    assert figures.comparisons()["k", "UNKNOWN"]["verdict"] == "not_comparable"


def test_every_unit_without_peers_or_country_is_too_few(figures: Figures) -> None:
    figures.kpi("k")
    figures.share("k", "a", 900, 1000)
    row = figures.comparisons()["k", "a"]
    assert (row["verdict"], row["comparator"], row["peer_count"]) == ("too_few", None, 0)
    assert row["verdict_en"] == "Too few similar units to compare with."


def test_kostra_groups_stand_beside_the_default_ones(figures: Figures) -> None:
    """They are in peer_groups for those who want them; verdicts use one scheme."""
    alike(figures, (925, 1000))
    before = figures.comparisons()["k", "a"]
    figures.peers += [
        ("central", name, "kostra", "kostra_1", "", "", *ALWAYS) for name in UNITS[:3]
    ]
    assert figures.comparisons()["k", "a"] == before


def test_kostra_groups_are_used_when_asked_for(tmp_path: Path) -> None:
    models = compiled(tmp_path, {"municipality_peer_scheme": "kostra"})
    assert "g.scheme in ('kostra', 'catchment_centrality'," in models["kpi_comparisons"]
