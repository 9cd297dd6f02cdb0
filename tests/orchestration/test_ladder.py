"""Numbers for which no event moved makes another world: more is hidden, step by step."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from orchestration.assets_disclosure import STEPS as SAID
from orchestration.assets_disclosure import hidden_besides
from orchestration.disclosure import ladder, protect
from orchestration.disclosure.layout import Layout
from orchestration.disclosure.periods import Bools, calendar
from orchestration.disclosure.places import Unit, places
from orchestration.disclosure.shapes import world
from orchestration.disclosure.table import Table
from orchestration.disclosure.witness import Search
from tests.orchestration.fabricated import VALUES_SCHEMA, share
from tests.orchestration.test_attack import (
    DAYS,
    decided,
    figures,
    periods_of,
    recovered,
    released,
    truth,
)

CENTRALS: list[Unit] = [("central", f"lvs_{name}") for name in "abc"]
REGION: Unit = ("region", "sorost")
WEEK = DAYS[:7]
QUARTER = date(2027, 1, 1)


def small_layout() -> Layout:
    """Three centrals of one region, over four weeks of one month."""
    units = (("national", "NO"), REGION, *CENTRALS)
    parents = {unit: frozenset({REGION}) for unit in CENTRALS}
    periods = sorted({p for day in DAYS for p in periods_of(day)})
    return Layout(units, calendar(periods, DAYS[0], DAYS[-1]), places(units, parents))


def cost_of(layout: Layout, cells: list[tuple[int, int]]) -> npt.NDArray[np.float32]:
    """What it takes to hide: one for some centrals and days, and nothing else can be hidden."""
    cost = np.full((2, len(layout.units), len(layout.calendar.periods)), np.inf, dtype=np.float32)
    for central, day in cells:
        row, column = layout.row[CENTRALS[central]], layout.calendar.column("day", DAYS[day])
        cost[:, row, column] = 1.0
    return cost


def test_a_world_of_three_centrals_and_three_days_is_found() -> None:
    """Each central has two of the three days: no event moved there and back stays among them."""
    layout = small_layout()
    ring = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 1)]
    cost = cost_of(layout, ring)
    row, column = layout.row[CENTRALS[0]], layout.calendar.column("day", DAYS[1])
    targets = np.zeros(cost.shape[1:], dtype=np.bool_)
    targets[row, column] = True
    search = Search(layout, cost, lambda rows, at: None)
    assert search.protect_by_any(search.protect(targets, float("inf")))[row, column]
    found = world(layout, cost, row, column)
    assert found is not None
    cells = {(layout.units[at_row], int(at)) for at_row, at in zip(*found, strict=True)}
    columns = {day: layout.calendar.column("day", DAYS[day]) for day in range(4)}
    assert cells == {(CENTRALS[central], columns[day]) for central, day in ring}
    # Without one of them there is none.
    assert world(layout, cost_of(layout, ring[:-1]), row, column) is None


def test_the_cheaper_of_two_worlds_is_hidden() -> None:
    layout = small_layout()
    dear, cheap = [(0, 1), (0, 2), (1, 1), (1, 2)], [(0, 3), (2, 1), (2, 3)]
    cost = cost_of(layout, [*dear, *cheap])
    for central, day in cheap:
        row, column = layout.row[CENTRALS[central]], layout.calendar.column("day", DAYS[day])
        cost[:, row, column] = 0.5
    target = layout.row[CENTRALS[0]], layout.calendar.column("day", DAYS[1])
    found = world(layout, cost, *target)
    assert found is not None
    assert {layout.units[row] for row in found[0]} == {CENTRALS[0], CENTRALS[2]}


def test_an_event_does_not_leave_a_period_whose_total_is_still_to_come() -> None:
    """The last week is not over: what is hidden in it does not protect the week before."""
    units = (("national", "NO"), *CENTRALS)
    days = DAYS[:10]
    periods = sorted({p for day in days for p in periods_of(day) if p[0] == "day"})
    periods += [("week", DAYS[0])]
    layout = Layout(units, calendar(periods, days[0], days[-1]), places(units, {}))
    everything = np.ones((2, len(units), len(layout.calendar.periods)), dtype=np.float32)
    week = layout.calendar.column("week", DAYS[0])
    everything[:, :, week] = np.inf
    row, column = layout.row[CENTRALS[0]], layout.calendar.column("day", DAYS[1])
    inside = [layout.calendar.column("day", day) for day in DAYS[:7]]
    found = world(layout, everything, row, column)
    assert found is not None
    assert set(found[1].tolist()) <= set(inside)
    # With the week hidden too, an event still does not go to the days of the next one.
    everything[:, :, week] = 0.0
    for day in inside:
        if day != column:
            everything[:, :, day] = np.inf
    everything[:, layout.national, column] = np.inf
    found = world(layout, everything, row, column)
    assert found is not None
    assert set(found[1].tolist()) <= {column, week}


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search finds nothing for the days of the first week."""
    search = protect._protect_targets

    def partly(table: Table, moves: list[Any], targets: Bools, **kinds: Any) -> Bools:
        periods = table.layout.calendar.periods
        unseen = np.array([grain == "day" and start in WEEK for grain, start in periods])
        left = search(table, moves, targets & ~unseen, **kinds)
        found: Bools = left | (targets & unseen)
        return found

    monkeypatch.setattr(protect, "_protect_targets", partly)


@pytest.mark.usefixtures("blind")
def test_what_the_search_does_not_protect_the_ladder_does_and_little_is_hidden() -> None:
    cells = truth(2)
    values = figures(cells)
    decision = decided(values)
    assert decision.report["unprotected"] == 0
    steps = {rung["step"] for rung in decision.report["hidden_further"]}
    assert steps
    assert not steps & {"table", "all"}
    assert recovered(values, decision.hidden, cells) == 0
    visible = released(values, decision).filter(pl.col("status") == "ok")
    of_week = visible.filter(
        (pl.col("period_grain") == "day")
        & pl.col("period_start").is_between(WEEK[0], WEEK[0] + timedelta(days=6))
    )
    assert of_week.height > 100
    assert visible.height > 0.7 * values.height


@pytest.mark.usefixtures("blind")
@pytest.mark.parametrize("step", ["table", "all"])
def test_at_the_end_the_whole_table_is_hidden_and_said(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "STEPS", (step,))
    decision = decided(figures(truth(2)))
    visible = released(figures(truth(2)), decision).filter(pl.col("status") == "ok")
    assert visible.filter(pl.col("period_grain") == "day").is_empty()
    assert visible.is_empty() == (step == "all")
    assert decision.report["unprotected"] == 0
    (rung,) = decision.report["hidden_further"]
    assert rung["step"] == step
    assert rung["numbers"] > 0
    (line,) = hidden_besides(decision.report)
    assert SAID[step][1] in line


def test_every_step_is_said() -> None:
    assert set(SAID) == set(ladder.STEPS)


@pytest.mark.usefixtures("blind")
def test_what_is_left_is_counted_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "STEPS", ())
    report = decided(figures(truth(2))).report
    assert report["unprotected"] > 0
    assert any("nothing is released" in line for line in hidden_besides(report))


def test_a_small_installation_whose_figures_do_not_add_up_keeps_them() -> None:
    """The country is not the sum of its two centrals, and no quarter of a central has a row."""
    month = {"segment": "113", "period_grain": "month", "period_start": DAYS[0]}
    country = month | {"level": "national", "unit_id": "NO"}
    rows = [
        share(3, 8, level="central", unit_id="lvs_a", **month),
        share(930, 1000, level="central", unit_id="lvs_b", **month),
        share(9000, 9900, **country),
        share(9000, 9900, **(country | {"period_grain": "quarter", "period_start": QUARTER})),
    ]
    values = pl.DataFrame(rows, schema=VALUES_SCHEMA)
    decision = decided(values, until=date(2027, 3, 31))
    assert decision.hidden["unit_id"].to_list() == ["lvs_a"]
    (rung,) = decision.report["hidden_further"]
    assert (rung["step"], rung["numbers"], rung["rows"]) == ("shape", 2, 0)
    assert not list(hidden_besides(decision.report))
