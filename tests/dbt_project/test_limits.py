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

from orchestration.disclosure.limits import ranks
from orchestration.registry.export import percentile_name
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


def limits(formulas: Any, durations: list[int | None]) -> dict[str, float | None]:
    """Percentiles and limits of one cell, by the project's own SQL."""
    columns = ", ".join(
        formulas.percentile_columns("ms", percentile_name(p), p) for p in PERCENTILES
    )
    connection = duckdb.connect()
    connection.execute("create table facts (ms bigint)")
    connection.executemany("insert into facts values (?)", [(ms,) for ms in durations])
    relation = connection.execute(
        f"select {columns} from (select {formulas.sorted_list('ms')} as ms_sorted from facts) as a"
    )
    names = [column[0] for column in relation.description or ()]
    return dict(zip(names, relation.fetchall()[0], strict=True))


def exact_ranks(n: int, p: float) -> tuple[int, int]:
    """The innermost ranks whose observations leave out the percentile less often than 2.5 % each.

    The percentile lies below the observation of rank r when fewer than r observations are below it.
    """
    log_share, log_rest = math.log(p), math.log1p(-p)
    below, total = [], 0.0
    for k in range(n + 1):
        ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        total += math.exp(ways + k * log_share + (n - k) * log_rest)
        below.append(total)
    lower = sum(share <= 0.025 for share in below)
    upper = next(k for k, share in enumerate(below) if share >= 0.975) + 1
    return lower, upper


def taken(formulas: Any, n: int) -> dict[str, int | None]:
    """At which rank the SQL takes each limit: durations are their own ranks."""
    found = limits(formulas, [*range(1, n + 1), None])
    return {
        name: None if value is None else int(value)
        for name, value in found.items()
        if name.endswith(("lower", "upper"))
    }


@pytest.mark.parametrize("n", [*range(1, 90), 230, 367, 368, 562, 1500, 2999, 3000])
def test_limits_are_the_order_statistics_of_the_binomial(formulas: Any, n: int) -> None:
    """Never nearer than the exact ranks, and at most one rank further out."""
    found = taken(formulas, n)
    for p in PERCENTILES:
        lower, upper = exact_ranks(n, p)
        assert (found[f"ms_{percentile_name(p)}_lower"] or 0) in (lower, lower - 1)
        assert (found[f"ms_{percentile_name(p)}_upper"] or n + 1) in (upper, min(upper, n) + 1)


@pytest.mark.parametrize("p", PERCENTILES)
def test_limits_are_exact_for_nearly_every_number_of_observations(p: float) -> None:
    """Of percentiles far out, whose counts beyond are skewed, the rank is exact for 9 in 10 n."""
    sizes = range(200, 1400)
    lower, upper = ranks(np.array(sizes, dtype=float), p)
    exact = np.array([exact_ranks(n, p) for n in sizes], dtype=float)
    further_down = exact[:, 0] - lower
    further_up = np.where(np.isnan(upper), 0.0, upper - exact[:, 1])
    for further in (further_down, further_up):
        assert set(further) <= {0.0, 1.0}
        assert np.mean(further) < (0.1 if p == 0.99 else 0.025)


def test_published_limits_of_a_median(formulas: Any) -> None:
    """95 % limits of a median in tables of the binomial (Conover 1999, table A3; Altman et al.,
    Statistics with Confidence, table of ranks for n = 6 to 40): 2 and 9 of 10, 6 and 15 of 20,
    10 and 21 of 30, 14 and 27 of 40, 40 and 61 of 100."""
    published = {10: (2, 9), 20: (6, 15), 30: (10, 21), 40: (14, 27), 100: (40, 61)}
    for n, expected in published.items():
        found = taken(formulas, n)
        assert (found["ms_p50_lower"], found["ms_p50_upper"]) == expected


@pytest.mark.parametrize("n", [1, 2, 10, 16, 23, 24, 60, 139, 140, 600, 1024, 1025])
def test_disclosure_control_knows_where_limits_are_taken(formulas: Any, n: int) -> None:
    found = taken(formulas, n)
    for p in PERCENTILES:
        for side, rank in zip(("lower", "upper"), ranks(np.array([n]), p), strict=True):
            expected = None if np.isnan(rank[0]) else int(rank[0])
            assert found[f"ms_{percentile_name(p)}_{side}"] == expected


@pytest.mark.parametrize("n", [1, 2, 7, 100, 563])
def test_percentiles_are_of_type_7(formulas: Any, n: int) -> None:
    rng = random.Random(n)
    durations = [round(rng.lognormvariate(9, 1)) for _ in range(n)]
    found = limits(formulas, [None, *durations, None])
    for p in PERCENTILES:
        expected = float(np.quantile(durations, p))
        assert found[f"ms_{percentile_name(p)}"] == pytest.approx(expected, rel=1e-12)


def test_no_durations_have_no_percentile(formulas: Any) -> None:
    assert set(limits(formulas, [None, None]).values()) == {None}


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
