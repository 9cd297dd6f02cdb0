"""Limits of percentiles as the aggregates compute them, against order statistics taken by rank."""

from __future__ import annotations

import math
import random
import statistics
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import numpy as np
import pytest

from orchestration.disclosure.limits import fractions
from orchestration.registry.export import percentile_name, quantiles
from tests.dbt_project.warehouse import PROJECT

Z = 1.959963984540054
PERCENTILES = (0.5, 0.9, 0.99)


@pytest.fixture(scope="module")
def formulas() -> Any:
    """The macros of the project, callable."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)
    module: Any = None
    environment.globals.update(
        {
            "return": lambda value: value,
            "adapter": SimpleNamespace(
                dispatch=lambda name, _package: (
                    lambda *args: getattr(module, f"default__{name}")(*args)
                )
            ),
        }
    )
    files = ("engine.sql", "statistics.sql", "kpi.sql")
    source = "".join((PROJECT / "macros" / name).read_text("utf-8") for name in files)
    module = environment.from_string(source).module
    return module


def limits(formulas: Any, durations: list[int]) -> dict[str, float | None]:
    """Percentiles and limits of one cell, by the project's own SQL."""
    computed = quantiles(PERCENTILES)
    columns = ", ".join(
        formulas.percentile_columns("ms", name, grid) for name, grid in computed["at"].items()
    )
    connection = duckdb.connect()
    connection.execute("create table facts (ms bigint)")
    connection.executemany("insert into facts values (?)", [(ms,) for ms in durations])
    relation = connection.execute(f"""
        select {columns}
        from (
            select count(ms) as ms_count,
                {formulas.percentiles("ms", computed["fractions"])} as ms_quantiles
            from facts
        ) as a
    """)
    names = [column[0] for column in relation.description or ()]
    return dict(zip(names, relation.fetchall()[0], strict=True))


@pytest.mark.parametrize("n", [1, 7, 8, 15, 52, 53, 100, 230, 562, 563, 1500, 3000])
def test_limits_enclose_the_ranks_and_not_much_more(formulas: Any, n: int) -> None:
    rng = random.Random(n)
    durations = sorted(round(rng.lognormvariate(9, 1)) for _ in range(n))
    found = limits(formulas, durations)
    for p in PERCENTILES:
        name = f"ms_{percentile_name(p)}"
        lower, upper = found[f"{name}_lower"], found[f"{name}_upper"]
        spread = Z * math.sqrt(n * p * (1 - p))
        low, high = math.floor(n * p - spread), math.ceil(n * p + spread) + 1
        assert (lower is None) == (low < 1)
        assert (upper is None) == (high > n)
        # No more than about twice as far from the percentile as the rank itself.
        if lower is not None:
            outermost = max(1, math.floor(n * p - 2 * (n * p - low + 2)))
            assert durations[outermost - 1] <= lower <= durations[low - 1]
        if upper is not None:
            outermost = min(n, math.ceil(n * p + 2 * (high - n * p + 2)))
            assert durations[high - 1] <= upper <= durations[outermost - 1]


@pytest.mark.parametrize("n", [10, 16, 23, 24, 60, 139, 140, 600, 1024, 1025])
def test_disclosure_control_knows_where_limits_are_taken(formulas: Any, n: int) -> None:
    """Durations that are their own ranks: a limit says at which fraction it was taken."""
    found = limits(formulas, list(range(n)))
    for p in PERCENTILES:
        for side, fraction in zip(("lower", "upper"), fractions(np.array([n]), p), strict=True):
            limit = found[f"ms_{percentile_name(p)}_{side}"]
            expected = None if np.isnan(fraction[0]) else (n - 1) * fraction[0]
            assert limit == (None if expected is None else pytest.approx(expected, abs=1e-6))


def test_equal_durations_have_equal_limits(formulas: Any) -> None:
    found = limits(formulas, [5_000] * 600)
    assert set(found.values()) == {5_000.0}


@pytest.mark.parametrize("n", [29, 30, 400])
def test_limits_of_a_mean(formulas: Any, n: int) -> None:
    rng = random.Random(n)
    durations = [round(rng.lognormvariate(9, 1)) for _ in range(n)]
    kpi = {"n": [["handled", 1]], "numerator": [["total", 1]], "ms_per_unit": 1000}
    lower, upper = duckdb.execute(
        f"""
        select {formulas.mean_limit(kpi, "-")}, {formulas.mean_limit(kpi, "+")}
        from (
            select count(ms) as handled, cast(sum(ms) as bigint) as total,
                {formulas.sum_of_squares("ms")} as total_squares
            from (select unnest($durations) as ms)
        ) as a
        """,
        {"durations": durations},
    ).fetchall()[0]
    if n < 30:
        assert (lower, upper) == (None, None)
        return
    half = Z * statistics.stdev(durations) / math.sqrt(n) / 1000
    assert lower == pytest.approx(statistics.mean(durations) / 1000 - half)
    assert upper == pytest.approx(statistics.mean(durations) / 1000 + half)
