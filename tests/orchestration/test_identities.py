"""Identities that nobody has stated: whoever has the figures finds them, so they are looked for."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from orchestration.disclosure.forms import Forms, Move
from orchestration.disclosure.history import History
from orchestration.disclosure.identities import found, zero_sums
from orchestration.disclosure.scope import last_delivered
from orchestration.disclosure.step import Decision, decide
from orchestration.disclosure.table import Table
from orchestration.registry import load_registry
from orchestration.registry.spec import parse_identity
from orchestration.suppression import load_policy
from tests.orchestration.fabricated import VALUES_SCHEMA, receipts, value

COUNTIES = {
    **dict.fromkeys(("1101", "1103", "1106", "1108", "1111"), "11"),
    **dict.fromkeys(("4601", "4602", "4611", "4612", "4613"), "46"),
}
REGION = {"11": "vest", "46": "vest"}
MONTHS = [date(2026, month, 1) for month in (7, 8, 9)]
# What the KPIs of a cell show, and an identity of the figures that the registry does not state.
KPIS = {
    "resp_urban_12": (2, "urban_in_time", "urban_eligible"),
    "resp_rural_25": (2, "rural_in_time", "rural_eligible"),
    "resp_median": (2, None, "car_eligible"),
}
MEASURES = ("urban_in_time", "urban_eligible", "rural_in_time", "rural_eligible", "car_eligible")
Cell = tuple[str, str, str, date]


def truth(seed: int) -> dict[Cell, dict[str, int]]:
    random = np.random.default_rng(seed)
    cells: dict[Cell, dict[str, int]] = {}
    for place, county in COUNTIES.items():
        for month in MONTHS:
            urban, rural = (int(random.poisson(mean)) for mean in (14, 11))
            counts = {
                "urban_in_time": int(random.binomial(urban, 0.6)),
                "urban_eligible": urban,
                "rural_in_time": int(random.binomial(rural, 0.6)),
                "rural_eligible": rural,
                "car_eligible": urban + rural,
            }
            units = [("municipality", place), ("county", county), ("region", REGION[county])]
            for unit in (*units, ("national", "NO")):
                for grain, start in (("month", month), ("quarter", MONTHS[0])):
                    cell = cells.setdefault((*unit, grain, start), dict.fromkeys(MEASURES, 0))
                    for name in MEASURES:
                        cell[name] += counts[name]
    return cells


def figures(cells: dict[Cell, dict[str, int]]) -> pl.DataFrame:
    rows = []
    for (level, unit, grain, start), measures in cells.items():
        for kpi_id, (version, top, bottom) in KPIS.items():
            n = measures[bottom]
            numbers: dict[str, Any] = {"numerator": None, "denominator": None, "n": n}
            if top:
                numbers |= {"numerator": float(measures[top]), "denominator": float(n)}
            where = {"level": level, "unit_id": unit, "period_grain": grain, "period_start": start}
            rows.append(
                value(kpi_id, kpi_version=version, segment="all", coverage=1.0, **where, **numbers)
            )
    return pl.DataFrame(rows, schema=VALUES_SCHEMA)


def decided(values: pl.DataFrame) -> Decision:
    parents = {("municipality", m): frozenset({("county", c)}) for m, c in COUNTIES.items()}
    parents |= {("county", c): frozenset({("region", r)}) for c, r in REGION.items()}
    delivered = last_delivered(receipts(days=28, contract="alarm"))
    return decide(
        values, parents, load_registry(), delivered, load_policy(), History(None, "the first")
    )


def recovered(hidden: pl.DataFrame, cells: dict[Cell, dict[str, int]]) -> int:
    """How many hidden small numbers follow, for one who has noticed the identity."""
    index = {(c, m): i for i, (c, m) in enumerate((c, m) for c in cells for m in MEASURES)}
    equations: list[dict[int, float]] = []
    for cell in cells:
        level, unit, grain, start = cell
        parts = {index[cell, name]: -1.0 for name in ("urban_eligible", "rural_eligible")}
        equations.append({index[cell, "car_eligible"]: 1.0} | parts)
        below = {"national": "region", "region": "county", "county": "municipality"}.get(level)
        inside = [c for c in cells if c[0] == below and c[2:] == (grain, start)]
        if level == "county":
            inside = [c for c in inside if COUNTIES[c[1]] == unit]
        months = [(level, unit, "month", m) for m in MONTHS] if grain == "quarter" else []
        for members in (inside, months):
            if members:
                equations += [
                    {index[cell, m]: 1.0} | {index[part, m]: -1.0 for part in members}
                    for m in MEASURES
                ]
    secret = set(hidden.select("kpi_id", "level", "unit_id", "period_grain", "period_start").rows())
    for kpi_id, (_, top, bottom) in KPIS.items():
        for cell in cells:
            if (kpi_id, *cell) not in secret:
                equations += [{index[cell, name]: 1.0} for name in (top, bottom) if name]
    matrix = np.zeros((len(equations), len(index)))
    for row, equation in enumerate(equations):
        matrix[row, list(equation)] = list(equation.values())
    weights, vectors = np.linalg.eigh(matrix.T @ matrix)
    unknown = np.abs(vectors[:, weights < 1e-9]).max(axis=1, initial=0.0) > 1e-7
    count = 0
    for kpi_id, *where in secret:
        _, top, bottom = KPIS[kpi_id]
        small = [(bottom, 10)] + ([(top, 5)] if top else [])
        measures = cells[tuple(where)]
        count += any(
            0 < measures[name] < least and not unknown[index[tuple(where), name]]
            for name, least in small
        )
    return count


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_identity_that_is_not_stated_gives_nothing_away(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = truth(seed)
    values = figures(cells)
    decision = decided(values)
    assert decision.report["unprotected"] == 0
    assert decision.hidden.filter(pl.col("reason") == "primary").height > 10
    assert recovered(decision.hidden, cells) == 0
    with monkeypatch.context() as patch:
        patch.setattr(Table, "learn", lambda _: None)
        assert recovered(decided(values).hidden, cells) > 0


def test_sums_that_are_always_zero_are_found_with_their_factors() -> None:
    random = np.random.default_rng(1)
    a, b, c = random.poisson(20, (3, 200))
    cells = np.stack([a, b, 2 * a + 3 * b, c, c - a], axis=1)
    sums = zero_sums(cells)
    assert len(sums) == 2
    assert not (cells @ np.stack(sums, axis=1)).any()
    assert [2, 3, -1, 0, 0] in [(np.sign(s[0]) * s).tolist() for s in sums]
    # One cell in which it does not hold, wherever that is, and it is none.
    cells[137, 2] += 1
    assert len(zero_sums(cells)) == 1


def test_what_follows_from_stated_identities_or_is_nearly_always_zero_is_not_repeated() -> None:
    random = np.random.default_rng(2)
    a, b = (random.poisson(20, 100).astype(float) for _ in range(2))
    rare = np.zeros(100)
    rare[3] = 1
    shown = [({"a": 1}, a), ({"b": 1}, b), ({"c": 1}, a + b), ({"d": 1}, a + b), ({"e": 1}, rare)]
    identities = [identity for identity, _ in found(shown, [{"c": 1, "a": -1, "b": -1}])]
    assert len(identities) == 1
    assert set(identities[0]) <= {"a", "b", "c", "d"}
    assert "d" in identities[0]
    few = [(form, numbers[:20]) for form, numbers in shown]
    assert found(few, []) == []


def test_moves_obey_identities_that_share_measures_and_count_twice() -> None:
    registry = load_registry()
    kpis = {kpi.key for kpi in registry.kpis}
    forms = Forms(registry, ["calls"], kpis)
    name = "calls.{}[113]".format
    twice = {name("within_10s"): 2, name("recalled"): -1, name("handled"): -1}
    forms.know([twice, {name("handled"): 1, name("offered"): -1}])
    for measure in ("offered", "answered", "recalled", "within_10s"):
        moves = forms.moves({name(measure): 1})
        assert moves
        for move in moves:
            assert move.of({name(measure): 1})
            assert not [identity for identity in forms.identities if move.of(identity)]
    # A number that no whole change leaves possible has no move: its table is withheld.
    forms.know([{name("recalled"): 1}])
    assert forms.moves({name("recalled"): 1}) == []
    assert Move(()).of(twice) == 0


def test_identities_may_be_about_one_segment() -> None:
    assert parse_identity("row_count[lat_request] = lat_requests.requests") == {
        "row_count[lat_request]": 1,
        "lat_requests.requests": -1,
    }
    registry = load_registry()
    forms = Forms(registry, ["lat_requests", "record_quality"], {k.key for k in registry.kpis})
    segments = ("CAR", "HELI", "PLANE")
    every = {f"lat_requests.requests[{segment}]": -1 for segment in segments}
    assert {"record_quality.row_count[lat_request]": 1, **every} in forms.identities
