"""Tertials, years to date and twelve months running: nothing follows from how they overlap.

The attacker is that of `test_attack`, with periods that are unions of months: two of them that
differ by one month tell that month.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from orchestration.disclosure.history import History
from orchestration.disclosure.periods import calendar, span
from orchestration.disclosure.step import Decision
from tests.orchestration.fabricated import VALUES_SCHEMA
from tests.orchestration.test_attack import (
    KPIS,
    MEASURES,
    REGION,
    SMALL,
    Cell,
    decided,
    figures,
    released,
    units_of,
)

MONTHS = [date(2026 + (6 + i) // 12, (6 + i) % 12 + 1, 1) for i in range(15)]  # July 2026 on
LAST = date(2027, 9, 30)


def after(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def months_of(grain: str, start: date) -> list[date]:
    """The months of a period, from the words: running ones are named by their last month."""
    match grain:
        case "ytd":
            first, count = date(start.year, 1, 1), start.month
        case "rolling12":
            first, count = after(start, -11), 12
        case _:
            first, count = start, {"month": 1, "quarter": 3, "tertial": 4}[grain]
    return [after(first, i) for i in range(count)]


def periods(until: date) -> list[tuple[str, date]]:
    """Every period whose months are all there, and of the first year what there is of it."""
    found = []
    for month in MONTHS:
        if month > until:
            continue
        found += [("month", month), ("ytd", month)]
        if month >= after(MONTHS[0], 11):
            found.append(("rolling12", month))
        for grain, size in (("quarter", 3), ("tertial", 4)):
            whole = (month.month - 1) % size == 0 and after(month, size - 1) <= until
            found += [(grain, month)] if whole else []
    return found


def truth(seed: int, until: date = LAST, answered: int = 70) -> dict[Cell, dict[str, int]]:
    random = np.random.default_rng(seed)
    by_month = {}
    for central in REGION:
        for month in MONTHS:
            counts = int(random.poisson(answered)), int(random.poisson(5))
            transferred = int(random.binomial(counts[0], 0.07))
            by_month[central, month] = (sum(counts), *counts, transferred)
    cells: dict[Cell, dict[str, int]] = {}
    for central in REGION:
        for grain, start in periods(until):
            for unit in units_of(central):
                cell = cells.setdefault((*unit, grain, start), dict.fromkeys(MEASURES, 0))
                for month in months_of(grain, start):
                    for name, number in zip(
                        MEASURES, by_month.get((central, month), (0,) * 4), strict=True
                    ):
                        cell[name] += number
    return cells


def recovered(values: pl.DataFrame, hidden: pl.DataFrame, cells: dict[Cell, dict[str, int]]) -> int:
    """How many hidden rows follow from those that are shown."""
    index = {(c, m): i for i, (c, m) in enumerate((c, m) for c in cells for m in MEASURES)}
    equations: list[dict[int, float]] = []
    for cell in cells:
        level, unit, grain, start = cell
        one = {index[cell, "offered"]: 1.0, index[cell, "answered"]: -1.0}
        equations.append(one | {index[cell, "unanswered"]: -1.0})
        below = {"national": "region", "region": "central"}.get(level)
        parts = [c for c in cells if c[0] == below and c[2:] == (grain, start)]
        if level == "region":
            parts = [c for c in parts if REGION[c[1]] == unit]
        inside = [] if grain == "month" else months_of(grain, start)
        months = [(level, unit, "month", month) for month in inside]
        for members in (parts, [c for c in months if c in cells]):
            if members:
                equations += [
                    {index[cell, m]: 1.0} | {index[part, m]: -1.0 for part in members}
                    for m in MEASURES
                ]
    key = ["kpi_id", "level", "unit_id", "period_grain", "period_start"]
    for kpi_id, *cell in values.join(hidden, on=key, how="anti").select(key).iter_rows():
        equations += [{index[tuple(cell), name]: 1.0} for name in KPIS[kpi_id] if name]
    matrix = np.zeros((len(equations), len(index)))
    for row, equation in enumerate(equations):
        matrix[row, list(equation)] = list(equation.values())
    weights, vectors = np.linalg.eigh(matrix.T @ matrix)
    unknown = np.abs(vectors[:, weights < 1e-9]).max(axis=1, initial=0.0) > 1e-7
    count = 0
    for kpi_id, *where in hidden.select(key).iter_rows():
        names = [n for n in KPIS[kpi_id] if n]
        known = [n for n in names if not unknown[index[tuple(where), n]]]
        small = [n for n in known if 0 < cells[tuple(where)][n] < SMALL.min_count]
        count += bool(small) or len(known) == len(names)
    return count


def decide_until(
    cells: dict[Cell, dict[str, int]], until: date, history: History | None
) -> Decision:
    return decided(figures(cells), until, history)


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_follows_from_periods_that_overlap(seed: int) -> None:
    cells = truth(seed)
    values = figures(cells)
    decision = decide_until(cells, LAST, None)
    hidden = decision.hidden
    months = hidden.filter(pl.col("period_grain").is_in(["month", "quarter"]))
    assert months.height > 20
    assert recovered(values, months, cells) > 20  # the attack works where it can
    assert decision.report["unprotected"] == 0
    assert recovered(values, hidden, cells) == 0
    running = values.filter(pl.col("period_grain").is_in(["ytd", "rolling12", "tertial"]))
    key = hidden.drop("reason").columns
    assert running.join(hidden, on=key, how="anti").height > 0.4 * running.height


def test_nothing_follows_when_a_month_is_added() -> None:
    """Of the earlier release every running period is known that it has shown."""
    earlier = truth(3, MONTHS[-2])
    first = decide_until(earlier, date(2027, 8, 31), None)
    seen = released(figures(earlier), first)
    history = History("one", "bound by one", seen, first.withdrawn, first.numbers)
    cells = truth(3)
    values = figures(cells)
    second = decide_until(cells, LAST, history)
    assert second.report["unprotected"] == 0
    key = first.hidden.drop("reason").columns
    given_away = seen.filter(pl.col("status") == "ok").join(second.hidden, on=key, how="semi")
    assert recovered(values, second.hidden.join(given_away, on=key, how="anti"), cells) == 0


def test_running_periods_are_named_by_their_last_month() -> None:
    assert span("ytd", date(2027, 3, 1)) == (date(2027, 1, 1), date(2027, 3, 31))
    assert span("rolling12", date(2027, 3, 1)) == (date(2026, 4, 1), date(2027, 3, 31))
    assert span("tertial", date(2027, 5, 1)) == (date(2027, 5, 1), date(2027, 8, 31))
    names = [p for p in periods(LAST) if p[0] in ("ytd", "rolling12", "tertial")]
    found = calendar(periods(LAST), MONTHS[0], LAST)
    for grain, start in names:
        held = found.days_of[found.column(grain, start)]
        days = [date.fromordinal(int(found.days[day])) for day in held]
        assert {day.replace(day=1) for day in days} == set(months_of(grain, start)) & set(MONTHS)


def test_of_one_kpi_alone_most_years_to_date_stay() -> None:
    """A single small month hides few running periods, and none that hold both of its partners."""
    cells = truth(5, answered=400)
    values = figures(cells).filter(pl.col("kpi_id") == "unanswered_share")
    decision = decided(pl.DataFrame(values, schema=VALUES_SCHEMA), LAST)
    hidden = decision.hidden.filter(pl.col("period_grain").is_in(["ytd", "rolling12"]))
    running = values.filter(pl.col("period_grain").is_in(["ytd", "rolling12"]))
    assert hidden.height < 0.6 * running.height
