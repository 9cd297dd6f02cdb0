"""The comparisons flag about as many units and periods without any change as they say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from benchmarks import calibration
from tests.dbt_project.comparison import compiled


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return compiled(tmp_path_factory.mktemp("compiled"))


@pytest.fixture(scope="module")
def flagged(models: Mapping[str, str]) -> Mapping[str, float]:
    """Per simulation the share that is flagged; small, so the bounds below are wide."""
    return {result.what: result.flagged for result in calibration.calibrate(models, runs=200)}


def test_units_that_are_all_alike_are_as_expected(flagged: Mapping[str, float]) -> None:
    alike = {what: share for what, share in flagged.items() if what.endswith("alike")}
    assert len(alike) == 13
    assert [what for what, share in alike.items() if share > 0.09] == []


def test_percentiles_are_flagged_as_often_as_funnels(flagged: Mapping[str, float]) -> None:
    """Alike, and differing as units ordinarily do."""
    for ending in ("16 units, alike", "40 units, alike", "16 units, SD 10 %", "40 units, SD 10 %"):
        funnel = flagged[f"rates in a funnel, {ending}"]
        for name in ("medians", "90th percentiles"):
            assert flagged[f"{name} beside peers, {ending}"] == pytest.approx(funnel, abs=0.07)


def test_regions_that_differ_ordinarily_are_as_expected(flagged: Mapping[str, float]) -> None:
    for spread in ("alike", "SD 1 points", "SD 3 points"):
        assert flagged[f"shares of four regions, {spread}"] < 0.07


def test_series_in_which_nothing_happens_seldom_signal(flagged: Mapping[str, float]) -> None:
    over_time = {
        what: share
        for what, share in flagged.items()
        if what.startswith(("service levels", "volumes")) and "alone" not in what
    }
    assert len(over_time) == 7
    assert [what for what, share in over_time.items() if share > 0.09] == []
    # And the season is one: a unit that is not related to the others signals all the time.
    assert flagged["volumes of 30 to 5000, season, judged alone"] > 0.4


def test_news_is_seldom_false_and_finds_what_changes(flagged: Mapping[str, float]) -> None:
    assert flagged["news, nothing happens: told"] < 0.005
    assert flagged["news, nothing happens: p below 0.05"] == pytest.approx(0.05, abs=0.02)
    assert flagged["news, one in ten falls: false ones among those told"] < 0.15
    assert flagged["news, one in ten falls: found of the real ones"] > 0.5


def test_without_calibration_the_shares_are_large(models: Mapping[str, str]) -> None:
    """The bounds above fail where limits do not allow for ordinary differences."""
    sql = models["kpi_comparisons"].replace("sqrt(c.se * c.se + c.tau2)", "c.se")
    cells = calibration.percentiles(np.random.default_rng(1), (20, 16), 10, 0.5)
    verdicts = calibration.judged({"kpi_comparisons": sql}, "kpi_comparisons", cells)["verdict"]
    assert (verdicts != "as_expected").sum() / verdicts.len() > 0.3
