"""Numbers that other implementations publish with their tests, each named with its source.

PHEindicatormethods of the UK Health Security Agency, FunnelPlotR and NHSRplotthedots of the NHS-R
Community. Where ours differ, the test says from what to what, and why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from tests.dbt_project.comparison import Figures, evaluate, macros

FORMULAS = macros()


def charted(figures: Figures, values: Sequence[float | None], **kpi: Any) -> list[dict[str, Any]]:
    figures.kpi("k", **kpi)
    figures.series("k", values)
    return figures.trends()


# PHEindicatormethods


@pytest.mark.parametrize(
    ("events", "upper", "lower"),
    [
        (1, 5.571644585, 0.025317898),
        (2, 7.224687515, 0.242209467),
        (3, 8.767273828, 0.618671905),
        (5, 11.6683331, 1.623486324),
        (7, 14.42267712, 2.814363736),
        (9, 17.08479966, 4.11537405),
        (10, 18.39035799, 4.795387629),
        (25, 36.90492768, 16.17868501),
        (58, 74.9784561, 44.04182619),
        (144, 169.533524, 121.4414304),
        (313, 349.6678193, 279.2813414),
        (716, 770.4222128, 664.5083011),
    ],
)
def test_limits_of_events_as_in_pheindicatormethods(
    events: int, lower: float, upper: float
) -> None:
    """tests/testthat/testdata_funnel_ratio_outputs.csv, columns upper_2s_exp_events and
    lower_2s_exp_events: the expected numbers for which so many observed are at a 95 % limit, which
    are the exact Poisson limits. Ours are exact below ten events, as phe_rate's are, and Byar's
    from ten on, within 0.2 %. Theirs are solved to six digits."""
    tolerance = 2e-6 if events < 10 else 2e-3
    assert evaluate(FORMULAS.poisson_lower("x"), x=events) == pytest.approx(
        lower, abs=1e-6, rel=tolerance
    )
    assert evaluate(FORMULAS.poisson_upper("x"), x=events) == pytest.approx(
        upper, abs=1e-6, rel=tolerance
    )


# tests/testthat/testdata_funnel_prop_outputs.csv: population, limits at 2.5 and 97.5 %.
PHE_FUNNEL = [
    (102, 72.974925, 88.309971), (1008, 78.203374, 83.081521), (9998, 79.867989, 81.416907),
    (110_000, 80.408963, 80.875933),
]  # fmt: skip


@pytest.mark.parametrize(("population", "lower", "upper"), PHE_FUNNEL)
def test_funnels_of_proportions_beside_those_of_pheindicatormethods(
    population: int, lower: float, upper: float
) -> None:
    """Theirs are the baseline plus and minus 1.96 times its standard error; ours are the same on
    the arcsine scale (Spiegelhalter 2005), which leaves more room on the side of 50 % and never
    passes 100 %: both are lower by half a point at a hundred observations, by a twentieth at a
    thousand."""
    baseline = 0.80642448
    target = FORMULAS.funnel_scale("true", "p")
    found = [
        100 * evaluate(FORMULAS.funnel_unscale("true", f"{target} {sign} 1.96 / (2 * sqrt(n))"),
                       p=baseline, n=population)
        for sign in ("-", "+")
    ]  # fmt: skip
    theirs = 100 * 1.96 * math.sqrt(baseline * (1 - baseline) / population)
    assert (lower, upper) == pytest.approx(
        (100 * baseline - theirs, 100 * baseline + theirs), abs=2e-3
    )
    below = 60 / population
    assert lower - below <= found[0] <= lower + 1e-3
    assert upper - 1.2 * below <= found[1] <= upper + 1e-3


# FunnelPlotR

# tests/testthat/test-OD_adjust_func.R: numerators and denominators of groups a to f.
FUNNELPLOTR = {
    "numerator": [100, 150, 180, 80, 120, 225],
    "denominator": [108, 112, 165, 95, 100, 220],
}


def test_ratios_as_funnelplotr_computes_them(figures: Figures) -> None:
    """Its data through its published formula for method "CQC" (R/od_adjustment.R): square roots,
    10 % winsorised at each end by R's quantiles, phi the mean square, tau squared by the method of
    moments. Its default, "SHMI", takes logarithms and truncates: zero events have no logarithm."""
    figures.kpi("k", measure="standardized", unit="O/E", direction="down")
    figures.group("abcdef")
    observed, expected = FUNNELPLOTR["numerator"], FUNNELPLOTR["denominator"]
    for unit, x, e in zip("abcdef", observed, expected, strict=True):
        figures.cell("k", unit, numerator=float(x), denominator=float(e), value=x / e)
    rows = figures.comparisons()
    z = sorted(
        2 * (math.sqrt(x / e) - 1) * math.sqrt(e) for x, e in zip(observed, expected, strict=True)
    )
    low, high = (z[0] + z[1]) / 2, (z[4] + z[5]) / 2  # quantiles 0.1 and 0.9 of six: at 1.5 and 5.5
    phi = sum(min(max(score, low), high) ** 2 for score in z) / 6
    w = [4.0 * e for e in expected]
    tau2 = (6 * phi - 5) / (sum(w) - sum(v * v for v in w) / sum(w))
    assert phi == pytest.approx(2.327178, abs=5e-7)
    assert tau2 == pytest.approx(0.00343978, abs=5e-9)
    for unit, e in zip("abcdef", expected, strict=True):
        error = math.sqrt(1 / (4 * e) + tau2)
        assert rows["k", unit]["is_over_dispersed"]
        assert rows["k", unit]["funnel_upper_95"] == pytest.approx((1 + 1.96 * error) ** 2)
        assert rows["k", unit]["funnel_lower_998"] == pytest.approx((1 - 3.09 * error) ** 2)


# NHSRplotthedots, the R package of NHS England's Making Data Count: its own tests
# (tests/testthat, test-ptd_spc_standard.R, test-ptd_calculate_point_type.R and _snaps/ptd_spc.md).

# rnorm(20) after set.seed(123).
RNORM_123 = [
    -0.56047565, -0.23017749, 1.55870831, 0.07050839, 0.12928774, 1.71506499, 0.46091621,
    -1.26506123, -0.68685285, -0.44566197, 1.22408180, 0.35981383, 0.40077145, 0.11068272,
    -0.55584113, 1.78691314, 0.49785048, -1.96661716, 0.70135590, -0.47279141,
]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "mean", "lower", "upper"),
    [
        (RNORM_123, 0.142, -3.01, 3.29),
        (RNORM_123[:10], 0.0746, -2.60, 2.75),
        (RNORM_123[10:], 0.209, -3.28, 3.70),
    ],
)
def test_limits_as_nhsrplotthedots_prints_them(
    figures: Figures, values: list[float], mean: float, lower: float, upper: float
) -> None:
    """The whole and each half; all 20 points are common cause."""
    rows = charted(figures, values, direction="up")
    found = [rows[0][column] for column in ("xmr_center", "xmr_lower", "xmr_upper")]
    assert found == [pytest.approx(v, abs=0.005) for v in (mean, lower, upper)]
    assert {row["signal"] for row in rows} == {None}


def test_two_of_three_needs_one_side_as_in_nhsrplotthedots(figures: Figures) -> None:
    """1 and -1 in turn, then 5.5 and -5.5: near both limits one after another is common cause."""
    rows = charted(figures, [*([1.0, -1.0] * 7), 5.5, -5.5])
    assert [row["signal"] for row in rows[-2:]] == [None, None]


@pytest.mark.parametrize(
    ("values", "trend"),
    [
        ([1.0, 2, 3, 4, 5, 6], []),
        ([1.0, 2, 3, 3, 4, 5, 6], []),
        ([1.0, 2, 3, 4, 5, 6, 7], list(range(7))),
        ([2.0, 1, 2, 3, 4, 5, 6, 7, 3], list(range(1, 8))),
        ([2.0, 7, 6, 5, 4, 3, 2, 1, 3], list(range(1, 8))),
    ],
)
def test_trends_as_in_nhsrplotthedots(
    figures: Figures, values: list[float], trend: list[int]
) -> None:
    """Its vectors of seven points, with all points that are part of the seven marked."""
    rows = charted(figures, values)
    by_signal = {
        signal: {p for p, row in enumerate(rows) if row["signal"] == signal}
        for signal in ("trend", "outside")
    }
    assert by_signal["trend"] == set(trend) - by_signal["outside"]
