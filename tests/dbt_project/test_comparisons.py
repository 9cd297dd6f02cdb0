"""What kpi_comparisons says about a unit, in codes and in words."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dbt_project.comparison import ALWAYS, Figures, compiled, wilson

UNITS = "abcdefgh"


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
        (900.4, "up", "as_expected", "Som forventet: 90,04 % mot 90,01 %",
         "As expected: 90.04% against 90.01%"),
        (900.9, "up", "as_expected", "Som forventet: 90,1 % mot 90,0 %",
         "As expected: 90.1% against 90.0%"),
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
    assert [row["is_recent"] for row in points[-5:]] == [False, True, True, True, True]
    assert [row["signal"] for row in points] == [None] * 15
    assert points[0]["xmr_center"] is points[-1]["xmr_center"] is None
    assert points[0]["trend_nb"] == "Perioden er ikke fullt levert: ingen vurdering."
    daily = [(100 + n % 3) / figures.cells[n]["days_in_period"] for n in range(1, 14)]
    assert points[5]["xmr_center"] == pytest.approx(sum(daily) / 13 * 30)


def test_counts_are_not_compared(figures: Figures) -> None:
    figures.kpi("k", measure="count", unit="n", direction="neutral", min_denominator=0)
    figures.group(UNITS)
    for name in UNITS:
        figures.cell("k", name, value=10, numerator=10)
    row = figures.comparisons()["k", "a"]
    assert row["verdict"] == "not_comparable"
    assert row["peer_median"] == 10


def test_percentiles_are_held_against_the_median_of_their_peers(figures: Figures) -> None:
    """Units that differ by little more than chance, and one far above them."""
    figures.kpi("k", measure="interval", unit="min", direction="down")
    figures.group(UNITS)
    values = dict(zip(UNITS, (16.0, 11, 11.5, 11.8, 12, 12.1, 12.5, 13), strict=True))
    for name, value in values.items():
        figures.cell("k", name, value=value, lower=value - 1, upper=value + 1)
    rows = figures.comparisons()
    q1, median, q3 = np.quantile(list(values.values()), [0.25, 0.5, 0.75])
    row = rows["k", "a"]
    assert (row["peer_q1"], row["peer_median"], row["peer_q3"]) == (q1, median, q3)
    assert (row["verdict"], row["comparator"], row["is_over_dispersed"]) == ("worse", "peers", True)
    assert row["verdict_nb"] == (
        "Klart dårligere enn forventet: 16,0 min mot 12,1 min som median i lignende enheter "
        "(gruppen)."
    )
    assert {rows["k", name]["verdict"] for name in "bcdefgh"} == {"as_expected"}
    assert rows["k", "a"]["funnel_center"] is None


def test_percentiles_of_large_units_differ_ordinarily(figures: Figures) -> None:
    """Narrow intervals, and units apart by more than chance: that is how they ordinarily are."""
    figures.kpi("k", measure="interval", unit="min", direction="down")
    figures.group(UNITS)
    for name, value in zip(UNITS, (9.5, 10, 10.5, 11, 11.5, 12, 12.5, 13), strict=True):
        figures.cell("k", name, value=value, lower=value - 0.2, upper=value + 0.2)
    rows = figures.comparisons()
    assert {rows["k", name]["verdict"] for name in UNITS} == {"as_expected"}
    assert rows["k", "a"]["is_over_dispersed"]


Z_95 = 1.959963984540054


def peers_by_numpy(cells: list[tuple[float, float | None, float | None]]) -> list[int]:
    """How far each percentile lies out, 1 by the 95 and 2 by the 99.8 % limits; written from the
    documents, without looking at the SQL."""
    values = np.array([value for value, _, _ in cells])
    median = float(np.median(values))
    errors = []
    for value, lower, upper in cells:
        sides = [None if lower is None else value - lower, None if upper is None else upper - value]
        facing, other = sides if value > median else sides[::-1]
        half = facing or other or 0.0
        errors.append(half / Z_95)
    se = np.array(errors)
    with_chance = se > 0
    tau2 = 0.0
    if with_chance.any():
        z = (values - median)[with_chance] / se[with_chance]
        phi = float(np.mean(np.clip(z, *np.quantile(z, [0.1, 0.9])) ** 2))
        w, k = 1 / se[with_chance] ** 2, int(with_chance.sum())
        if k > 1 and k * phi >= k - 1:
            tau2 = (k * phi - (k - 1)) / (w.sum() - (w**2).sum() / w.sum())
    error = np.sqrt(se**2 + tau2)
    far = np.abs(values - median)
    return [
        int(math.copysign(2 if d > 3.09 * e else 1 if d > 1.96 * e else 0, v - median))
        for d, e, v in zip(far, error, values, strict=True)
    ]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4000), st.one_of(st.none(), st.integers(0, 800)),
            st.one_of(st.none(), st.integers(0, 800)),
        ).filter(lambda unit: unit[1:] != (None, None)),
        min_size=5, max_size=25,
    )
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_percentiles_beside_peers_equal_an_independent_computation(
    models: Mapping[str, str], units: list[tuple[int, int | None, int | None]]
) -> None:
    figures = Figures(models)
    figures.kpi("k", measure="interval", unit="min", direction="neutral")
    names = [f"u{position:02}" for position in range(len(units))]
    figures.group(names)
    cells = []
    for name, (value, below, above) in zip(names, units, strict=True):
        lower = None if below is None else float(value - below)
        upper = None if above is None else float(value + above)
        cells.append((float(value), lower, upper))
        figures.cell("k", name, value=value, lower=lower, upper=upper)
    rows = figures.comparisons()
    for name, position in zip(names, peers_by_numpy(cells), strict=True):
        verdict = "as_expected" if position == 0 else "higher" if position > 0 else "lower"
        row = rows["k", name]
        assert (row["verdict"], row["comparator"]) == (verdict, "peers")
        assert row["verdict_en"].startswith("Clearly") == (abs(position) == 2)


def test_hours_without_an_interval_are_held_against_the_spread_of_their_peers(
    figures: Figures,
) -> None:
    figures.kpi("k", measure="hours")
    figures.group(UNITS)
    for name, value in zip(UNITS, (70.0, 95, 96, 96.5, 97, 97.5, 98, 99), strict=True):
        figures.cell("k", name, value=value, denominator=700.0, numerator=7 * value)
    rows = figures.comparisons()
    assert (rows["k", "a"]["verdict"], rows["k", "a"]["comparator"]) == ("worse", "peers")
    assert {rows["k", name]["verdict"] for name in "bcdefgh"} == {"as_expected"}


REGIONS = ("nord", "midt", "vest", "sorost")


def regions(figures: Figures, counts: tuple[int, ...], n: int = 1000, **kpi: object) -> None:
    figures.kpi("k", **kpi)
    figures.group(REGIONS, "region", level="region")
    for name, count in zip(REGIONS, counts, strict=True):
        figures.share("k", name, count, n, level="region")
    figures.share("k", "NO", sum(counts), 4 * n, level="national")


def test_regions_are_held_against_the_others(figures: Figures) -> None:
    """Four regions are too few for a funnel; a region is no part of what it is held against."""
    regions(figures, (850, 904, 905, 906), target=85.0)
    rows = figures.comparisons()
    row = rows["k", "nord"]
    assert (row["verdict"], row["comparator"], row["peer_count"]) == ("worse", "others", 4)
    assert row["verdict_nb"] == (
        "Klart dårligere enn forventet: 85,0 % mot 90,5 % i de andre (gruppen) samlet."
    )
    assert row["target_difference"] == pytest.approx(0.0)
    assert rows["k", "midt"]["verdict"] == "as_expected"
    assert rows["k", "NO"]["verdict"] is None
    assert rows["k", "NO"]["target_difference"] == pytest.approx(4.125)


def test_regions_that_differ_ordinarily_are_as_expected(figures: Figures) -> None:
    """With so many calls every difference is more than chance; the fourth lies as the three do."""
    regions(figures, (88_000, 91_000, 90_200, 92_500), 100_000)
    rows = figures.comparisons()
    assert {rows["k", name]["verdict"] for name in REGIONS} == {"as_expected"}


def test_regions_that_differ_by_chance_are_as_expected(figures: Figures) -> None:
    """Three that happen to be equal do not make chance smaller."""
    regions(figures, (885, 900, 900, 900))
    assert figures.comparisons()["k", "nord"]["verdict"] == "as_expected"


@given(st.lists(st.tuples(st.integers(50, 20_000), st.floats(0.7, 0.99)), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_regions_equal_an_independent_computation(
    models: Mapping[str, str], units: list[tuple[int, float]]
) -> None:
    figures = Figures(models)
    counts = [round(n * share) for n, share in units]
    figures.kpi("k", direction="neutral")
    figures.group(REGIONS, "region", level="region")
    for name, count, (n, _) in zip(REGIONS, counts, units, strict=True):
        figures.share("k", name, count, n, level="region")
    rows = figures.comparisons()
    intervals = [wilson(count, n) for count, (n, _) in zip(counts, units, strict=True)]
    for own, name in enumerate(REGIONS):
        rest = [other for other in range(4) if other != own]
        size = sum(units[o][0] for o in rest)
        together = sum(counts[o] for o in rest) / size
        value = counts[own] / units[own][0]

        def side(o: int, other: float) -> float:
            share = counts[o] / units[o][0]
            below, above = share - intervals[o][0], intervals[o][1] - share
            return (below or above) if share > other else (above or below)

        chance = side(own, together) ** 2 + sum(
            (units[o][0] / size * side(o, value)) ** 2 for o in rest
        )
        spread = sum((counts[o] / units[o][0] - together) ** 2 for o in rest) / 2
        difference = abs(value - together)
        is_out = difference > max(
            1.96 / Z_95 * math.sqrt(chance), 4.302652729749464 * math.sqrt(spread * 4 / 3)
        )
        assert (rows["k", name]["verdict"] != "as_expected") == is_out


def test_three_units_are_too_few(figures: Figures) -> None:
    figures.kpi("k")
    figures.group("abc")
    for name, count in zip("abc", (600, 900, 900), strict=True):
        figures.share("k", name, count, 1000)
    figures.share("k", "NO", 2400, 3000, level="national")
    assert figures.comparisons()["k", "a"]["verdict"] == "too_few"


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
