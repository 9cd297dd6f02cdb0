"""How often the comparisons flag units and periods to which nothing has happened.

    python -m benchmarks.calibration [--runs 400] [--seed 1] [--report calibration.json]

Simulated are units that are all alike, units that differ as units ordinarily do, and series in
which nothing changes. The SQL of kpi_comparisons, kpi_trends and kpi_news, as dbt makes it, judges
them. Printed is the share of verdicts and points that are not as expected; for news, the share of
false ones among those that are told when some series really change, and how many are found.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import io
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.disclosure.limits import ranks

Floats = npt.NDArray[np.float64]
MODELS = ("kpi_comparisons", "kpi_trends", "kpi_news")
FIRST_WEEK = dt.date(2020, 1, 6)
WEEKS = 52
_Z_95 = 1.959963984540054

# What the models read beside the figures.
_AROUND = """
create table kpi_registry as
select
    kpi_id, 1 as version, measure, unit, 'up' as direction, cast(null as double) as target,
    0 as min_denominator
from (values
    ('share', 'share', '%'), ('rate', 'rate', 'per 1000'), ('interval', 'interval', 'min'),
    ('count', 'count', 'n')
) as k(kpi_id, measure, unit);
create table peer_groups as
select distinct
    level, unit_id, 'level' as scheme, 'all' as group_id, 'alle' as name_nb, 'all' as name_en,
    date '2000-01-01' as valid_from, date '9999-12-31' as valid_to
from kpi_releasable where level <> 'national';
create table unit_hierarchy (
    level varchar, unit_id varchar, parent_level varchar, parent_id varchar, valid_from date,
    valid_to date
);
create table kpi_series_breaks (
    kpi_id varchar, kpi_version integer, segment varchar, level varchar, unit_id varchar,
    break_date date, kind varchar, text_nb varchar, text_en varchar
);
create table kpi_events (
    event_date date, kpi_id varchar, level varchar, unit_id varchar, effect varchar,
    text_nb varchar, text_en varchar
);
"""


@dataclass(frozen=True)
class Result:
    """One line of the report."""

    what: str
    flagged: float
    of: int


def compiled_models() -> dict[str, str]:
    """The SQL of the comparison models, as dbt makes it."""
    from dbt.cli.main import dbtRunner

    from orchestration.paths import DBT_PROJECT

    with TemporaryDirectory() as folder:
        flags = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
        flags += ["--target-path", folder, "--log-path", folder, "--quiet"]
        os.environ["AKUTT_WAREHOUSE"] = f"{folder}/akutt.duckdb"
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it compiles
            outcome = dbtRunner().invoke(["compile", "--select", *MODELS, *flags])
    if not outcome.success:
        raise SystemExit(f"dbt compile: {outcome.exception}")
    return {result.node.name: result.node.compiled_code for result in outcome.result.results}


def judged(models: Mapping[str, str], model: str, cells: pl.DataFrame) -> pl.DataFrame:
    """The rows of a model over simulated cells."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as akutt; use akutt")
        connection.register("cells", cells.to_arrow())
        connection.execute("create table kpi_releasable as select * from cells")
        connection.execute(_AROUND)
        if model == "kpi_news":
            connection.execute(f"create table kpi_trends as {models['kpi_trends']}")
        frame = pl.from_arrow(connection.sql(models[model]).to_arrow_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


# Units beside one another: an array of runs and units becomes a month of a segment per run.


def shares(rng: np.random.Generator, shape: tuple[int, int], spread: float) -> pl.DataFrame:
    """Shares around 90 % of 200 to 5000; `spread` is the SD between units in points."""
    n = _sizes(rng, shape, 200, 5000)
    x = rng.binomial(n, np.clip(rng.normal(0.9, spread / 100, shape), 0.01, 0.99))
    p = x / n
    middle = (p + _Z_95**2 / (2 * n)) / (1 + _Z_95**2 / n)
    half = _Z_95 / (1 + _Z_95**2 / n) * np.sqrt(p * (1 - p) / n + _Z_95**2 / (4 * n**2))
    return _month("share", 100 * p, 100 * (middle - half), 100 * (middle + half), n, x)


def rates(rng: np.random.Generator, shape: tuple[int, int], spread: float) -> pl.DataFrame:
    """Events at 50 per 1000 of 500 to 50 000 person-years; `spread` is the SD in per cent."""
    n = _sizes(rng, shape, 500, 50_000)
    x = rng.poisson(n * 0.05 * np.clip(rng.normal(1, spread / 100, shape), 0.1, None))
    half = _Z_95 * np.sqrt(x)
    return _month("rate", 1000 * x / n, 1000 * (x - half) / n, 1000 * (x + half) / n, n, x)


def percentiles(
    rng: np.random.Generator, shape: tuple[int, int], spread: float, at: float
) -> pl.DataFrame:
    """Percentiles of 80 to 3000 skewed durations; `spread` is the SD between units in per cent."""
    n = _sizes(rng, shape, 80, 3000)
    below, above = ranks(n.astype(float), at)
    value, lower, upper = np.empty(shape), np.empty(shape), np.empty(shape)
    for place in np.ndindex(shape):
        durations = np.sort(rng.lognormal(2 + rng.normal(0, spread / 100), 0.8, n[place]))
        value[place] = np.quantile(durations, at)
        lower[place] = durations[int(below[place]) - 1]
        upper[place] = durations[int(above[place]) - 1]
    return _month("interval", value, lower, upper, n)


def beside_one_another(
    models: Mapping[str, str], rng: np.random.Generator, runs: int
) -> list[Result]:
    """The share of verdicts other than as expected, of units alike and of ordinary ones."""
    results = []
    for name, spread_unit, spreads, draw in (
        ("shares in a funnel", "points", (0, 2), shares),
        ("rates in a funnel", "%", (0, 10), rates),
        ("medians beside peers", "%", (0, 10), _medians),
        ("90th percentiles beside peers", "%", (0, 10), _p90s),
    ):
        for units in (5, 16, 40):
            for spread in spreads:
                cells = draw(rng, (max(1, runs * 16 // units // 4), units), spread)
                what = f"{name}, {units} units, {_differing(spread, spread_unit)}"
                results.append(_verdicts(what, models, cells))
    for spread in (0, 1, 3):
        cells = shares(rng, (runs * 4, 4), spread)
        what = f"shares of four regions, {_differing(spread, 'points')}"
        results.append(_verdicts(what, models, cells))
    return results


def _medians(rng: np.random.Generator, shape: tuple[int, int], spread: float) -> pl.DataFrame:
    return percentiles(rng, shape, spread, 0.5)


def _p90s(rng: np.random.Generator, shape: tuple[int, int], spread: float) -> pl.DataFrame:
    return percentiles(rng, shape, spread, 0.9)


def _differing(spread: float, unit: str) -> str:
    return f"SD {spread} {unit}" if spread else "alike"


def _verdicts(what: str, models: Mapping[str, str], cells: pl.DataFrame) -> Result:
    rows = judged(models, "kpi_comparisons", cells)["verdict"]
    return Result(what, _share(rows != "as_expected"), rows.len())


def _share(flags: pl.Series) -> float:
    return int(flags.sum()) / max(flags.len(), 1)


def _sizes(
    rng: np.random.Generator, shape: tuple[int, int], least: float, most: float
) -> npt.NDArray[np.int64]:
    return np.exp(rng.uniform(np.log(least), np.log(most), shape)).astype(np.int64)


def _month(
    kpi_id: str,
    value: Floats,
    lower: Floats,
    upper: Floats,
    n: npt.NDArray[np.int64],
    numerator: npt.NDArray[np.int64] | None = None,
) -> pl.DataFrame:
    runs, units = value.shape
    return _cells(
        {
            "kpi_id": np.full(value.size, kpi_id),
            "segment": np.repeat([f"run {run}" for run in range(runs)], units),
            "period_grain": np.full(value.size, "month"),
            "period_start": np.full(value.size, np.datetime64("2020-01-01")),
            "unit_id": np.tile([f"unit {unit:03}" for unit in range(units)], runs),
            "value": value.ravel(),
            "lower": lower.ravel(),
            "upper": upper.ravel(),
            "n": n.ravel(),
            "denominator": None if numerator is None else n.ravel().astype(float),
            "numerator": None if numerator is None else numerator.ravel().astype(float),
        }
    )


def _cells(columns: Mapping[str, npt.NDArray[np.generic] | None]) -> pl.DataFrame:
    """Cells as kpi_releasable has them."""
    frame = pl.DataFrame({name: values for name, values in columns.items() if values is not None})
    missing = [name for name in ("numerator", "denominator", "lower", "upper") if name not in frame]
    return frame.with_columns(
        pl.col("period_start").cast(pl.Date),
        pl.lit(1, dtype=pl.Int32).alias("kpi_version"),
        pl.lit("central").alias("level"),
        pl.lit("2024").alias("geography_version"),
        pl.lit(1.0).alias("coverage"),
        pl.lit("ok").alias("status"),
        pl.lit(7).alias("days_in_period"),
        pl.lit(False).alias("is_partial"),
        *(pl.lit(None, dtype=pl.Float64).alias(name) for name in missing),
    )


# Series in which nothing changes: weeks of units that share a season.


def season(weeks: int) -> Floats:
    """A year's wave, and weeks with holidays, around 1."""
    week = np.arange(weeks)
    holidays = np.isin(week % WEEKS, (0, 14, 15, 17, 19, 51))
    wave: Floats = 0.09 * np.cos(2 * np.pi * (week - 3) / WEEKS) + 0.15 * holidays
    return 1 + wave


def volumes(
    rng: np.random.Generator, runs: int, units: int, *, size: tuple[float, float], swing: float
) -> Floats:
    """Counts per week; each unit takes part in the season by half to one and a half of `swing`."""
    level = np.exp(rng.uniform(np.log(size[0]), np.log(size[1]), (runs, units, 1)))
    share = swing * rng.uniform(0.5, 1.5, (runs, units, 1))
    counts: Floats = rng.poisson(level * (1 + share * (season(WEEKS) - 1))).astype(float)
    return counts


def levels(rng: np.random.Generator, runs: int, units: int, *, weeks: int, swing: float) -> Floats:
    """Service levels of 100 to 2000 calls a week that fall by `swing` points in the season."""
    n = np.exp(rng.uniform(np.log(100), np.log(2000), (runs, units, 1))).astype(int)
    share = swing * rng.uniform(0.5, 1.5, (runs, units, 1))
    p = rng.uniform(0.8, 0.9, (runs, units, 1)) - share / 100 * (season(weeks) - 1) / 0.1
    values: Floats = 100 * rng.binomial(n, np.clip(p, 0, 1)) / n
    return values


def over_time(models: Mapping[str, str], rng: np.random.Generator, runs: int) -> list[Result]:
    """The share of points that signal, of weekly series to which nothing happens."""
    some = max(1, runs // 20)
    cases = {
        "service levels, no season, 16 units": ("share", levels(rng, some, 16, weeks=52, swing=0)),
        "service levels, season of 2 points, 16 units": (
            "share",
            levels(rng, some, 16, weeks=52, swing=2),
        ),
        "service levels, season, three years": (
            "share",
            levels(rng, max(1, some // 3), 16, weeks=156, swing=2),
        ),
        "volumes of 30 to 5000, no season, 16 units": (
            "count",
            volumes(rng, some, 16, size=(30, 5000), swing=0),
        ),
        "volumes of 30 to 5000, season, 16 units": (
            "count",
            volumes(rng, some, 16, size=(30, 5000), swing=1),
        ),
        "volumes of 700 to 5000, season, four regions": (
            "count",
            volumes(rng, some * 4, 4, size=(700, 5000), swing=1),
        ),
        "volumes of 5 to 30, season, 100 units": (
            "count",
            volumes(rng, max(1, some // 5), 100, size=(5, 30), swing=1),
        ),
        "volumes of 30 to 5000, season, judged alone": (
            "count",
            volumes(rng, some * 16, 1, size=(30, 5000), swing=1),
        ),
    }
    results = []
    for what, (kpi_id, values) in cases.items():
        signals = judged(models, "kpi_trends", _weeks(kpi_id, values))["signal"]
        results.append(Result(what, _share(signals.is_not_null()), signals.len()))
    return results


def news(models: Mapping[str, str], rng: np.random.Generator, runs: int) -> list[Result]:
    """News of 16 units a run: none changes, and one in ten falls by 2 to 8 points."""
    results = []
    values = levels(rng, runs, 16, weeks=52, swing=2)
    told = judged(models, "kpi_news", _weeks("share", values))
    results.append(Result("news, nothing happens: told", _share(told["is_news"]), told.height))
    results.append(
        Result(
            "news, nothing happens: p below 0.05",
            _share(told["p_value"] < 0.05),
            told.height,
        )
    )
    falls = rng.random((runs, 16, 1)) < 0.1
    values[..., -3:] -= np.where(falls, rng.uniform(2, 8, falls.shape), 0)
    real = {
        (f"run {run}", f"unit {unit:03}") for run, unit, _ in zip(*np.nonzero(falls), strict=True)
    }
    told = judged(models, "kpi_news", _weeks("share", values))
    found = [row in real for row in told.filter("is_news").select("segment", "unit_id").rows()]
    results.append(
        Result("news, one in ten falls: false ones among those told", 1 - _mean(found), len(found))
    )
    results.append(
        Result("news, one in ten falls: found of the real ones", sum(found) / len(real), len(real))
    )
    return results


def _mean(found: list[bool]) -> float:
    return sum(found) / len(found) if found else 1.0


def _weeks(kpi_id: str, values: Floats) -> pl.DataFrame:
    runs, units, weeks = values.shape
    starts = [FIRST_WEEK + dt.timedelta(weeks=week) for week in range(weeks)]
    return _cells(
        {
            "kpi_id": np.full(values.size, kpi_id),
            "segment": np.repeat([f"run {run}" for run in range(runs)], units * weeks),
            "period_grain": np.full(values.size, "week"),
            "period_start": np.tile(np.array(starts, dtype="datetime64[D]"), runs * units),
            "unit_id": np.tile(
                np.repeat([f"unit {unit:03}" for unit in range(units)], weeks), runs
            ),
            "value": values.ravel(),
            "n": np.full(values.size, 1000),
        }
    )


def calibrate(models: Mapping[str, str], runs: int, seed: int = 1) -> list[Result]:
    """Every line of the report."""
    rng = np.random.default_rng(seed)
    return [
        *beside_one_another(models, rng, runs),
        *over_time(models, rng, runs),
        *news(models, rng, runs),
    ]


def main() -> None:
    """Print the report, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path)
    chosen = parser.parse_args()
    results = calibrate(compiled_models(), chosen.runs, chosen.seed)
    print("| simulated | flagged | of |\n|---|---:|---:|")
    for result in results:
        print(f"| {result.what} | {100 * result.flagged:.1f} % | {result.of:,} |")
    if chosen.report:
        rows = [asdict(result) for result in results]
        chosen.report.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
