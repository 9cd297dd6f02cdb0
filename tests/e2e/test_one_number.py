"""One number everywhere: what every channel says about the same cells of a released world."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl
import pytest
from fastapi.testclient import TestClient

from orchestration.registry import load_registry
from orchestration.registry.export import measure_sql
from reporting import metrics
from reporting.bulk import export_release
from reporting.columns import heading
from reporting.reader import Release, open_current
from reporting.web.app import make_app
from tests.e2e.conftest import World, akutt

SAMPLE = 600
KEY = ("kpi_id", "kpi_version", "segment", "period_grain", "period_start", "level", "unit_id")
FIGURES = ("value", "numerator", "denominator", "n", "lower", "upper", "coverage", "status")
Cell = tuple[Any, ...]
Figures = dict[Cell, tuple[Any, ...]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def release(autumn: World) -> Iterator[Release]:
    with open_current(autumn.home.releases) as opened:
        yield opened


@pytest.fixture(scope="module")
def cells(release: Release) -> Figures:
    """Cells drawn from every KPI, level and grain, with what the release's database says."""
    frame = release.sql("select * from kpi_values").select(*KEY, *FIGURES)
    official = metrics.query(grain="all", limit=None, release=release).select(KEY)
    frame = frame.join(official, on=KEY, how="semi")
    shuffled = frame.sort(KEY).sample(fraction=1, shuffle=True, seed=3)
    # At least one of each kind of cell, then more at random, mostly such as have a number.
    groups = shuffled.unique(["kpi_id", "level", "period_grain"], keep="first", maintain_order=True)
    visible = shuffled.filter(pl.col("status") == "ok").head(SAMPLE)
    chosen = pl.concat([groups, visible]).unique(KEY, maintain_order=True)
    assert chosen.height >= 500
    assert chosen["kpi_id"].n_unique() == frame["kpi_id"].n_unique() > 60
    assert chosen.filter(pl.col("status") == "ok").height >= 500
    return figures(chosen)


def figures(frame: pl.DataFrame) -> Figures:
    """Cell to figures, as plain values."""
    rows = frame.with_columns(
        pl.col("kpi_version").cast(pl.Int64), pl.col("n").cast(pl.Float64)
    ).select(*KEY, *FIGURES)
    return {row[: len(KEY)]: row[len(KEY) :] for row in rows.iter_rows()}


def compare(found: Figures, cells: Figures, *, only: set[str] | None = None) -> None:
    """Every sampled cell is there, with exactly the same figures."""
    expected = {key: row for key, row in cells.items() if only is None or key[3] in only}
    assert len(expected) > 100
    different = {
        key: (row, found.get(key)) for key, row in expected.items() if found.get(key) != row
    }
    assert not different, dict(list(different.items())[:3])


def test_a_release_of_generated_extracts_says_that_it_is_one(release: Release) -> None:
    assert release.metadata["is_synthetic"] is True


def test_python(release: Release, cells: Figures) -> None:
    compare(figures(metrics.query(grain="all", limit=None, release=release)), cells)


def test_python_asked_one_by_one(release: Release, cells: Figures) -> None:
    for key in random.Random(1).sample(sorted(cells, key=str), 60):
        frame = metrics.query(
            kpis=key[0], segments=key[2], grain=key[3], level=key[5], units=key[6], release=release
        )
        assert figures(frame)[key] == cells[key]


def test_sql(release: Release, cells: Figures) -> None:
    frame = metrics.sql("select * from kpi_values", limit=10_000_000, release=release)
    compare(figures(frame), cells)


def test_parquet(release: Release, cells: Figures) -> None:
    compare(figures(pl.read_parquet(release.path / "kpi_values.parquet")), cells)


def test_command_line_csv(autumn: World, release: Release, cells: Figures) -> None:
    text = akutt(
        autumn.home.root, "kpi", "query", "--grain", "all", "--limit", "0", "--format", "csv"
    )
    frame = pl.read_csv(io.StringIO(text), schema=_schema(release))
    compare(figures(frame), cells)


def test_command_line_json(autumn: World, release: Release, cells: Figures) -> None:
    text = akutt(
        autumn.home.root, "kpi", "query", "--grain", "month", "--limit", "0", "--format", "json"
    )
    document = json.loads(text)
    frame = pl.DataFrame(document["rows"], infer_schema_length=None).with_columns(
        pl.col("period_start").str.to_date()
    )
    assert document["release_id"] == release.release_id
    compare(figures(frame), cells, only={"month"})


def test_pages_of_the_api(autumn: World, release: Release, cells: Figures) -> None:
    client = TestClient(make_app(autumn.home.releases))
    path: str | None = "/api/v1/values?grain=all&format=parquet&limit=10000"
    frames = []
    while path is not None:
        answer = client.get(path)
        frames.append(pl.read_parquet(io.BytesIO(answer.content)))
        path = answer.links["next"]["url"] if "next" in answer.links else None
    frame = pl.concat(frames)
    assert len(frames) > 3
    assert frame.equals(metrics.query(grain="all", limit=None, release=release))
    compare(figures(frame), cells)


def test_exported_csv(release: Release, cells: Figures, tmp_path: Path) -> None:
    export_release(release, tmp_path / "out", "csv", grains=["day", "week", "month"])
    parts = [
        pl.read_csv(path, infer_schema_length=None, schema_overrides=_keys(path))
        for path in sorted((tmp_path / "out").glob("kpi_values_*.csv"))
    ]
    # A column without a number in it says nothing of its type.
    numbers = pl.col(FIGURES[:-1]).cast(pl.Float64)
    frame = pl.concat(part.select(*KEY, *FIGURES).with_columns(numbers) for part in parts)
    compare(figures(frame.drop_nulls("period_start")), cells, only={"day", "week", "month"})


def test_xlsx(autumn: World, cells: Figures, tmp_path: Path) -> None:
    """A workbook holds numbers with 16 digits, so they are compared as such."""
    target = tmp_path / "values.xlsx"
    words = ("kpi", "query", "--grain", "month", "--limit", "0", "--output", str(target))
    akutt(autumn.home.root, *words)
    # Of all rows, as the first thousand may have no figure in a column.
    workbook = fastexcel.read_excel(target)
    sheet = workbook.load_sheet("KPI", schema_sample_rows=None).to_polars()
    frame = sheet.select(pl.col(heading(name)).alias(name) for name in (*KEY, *FIGURES))
    found = figures(frame.with_columns(pl.col("period_start").cast(pl.Date)))
    compared = 0
    for key, row in cells.items():
        if key[3] != "month":
            continue
        compared += 1
        for name, expected, cell in zip(FIGURES, row, found[key], strict=True):
            if isinstance(expected, float):
                expected = float(f"{expected:.16G}")
            assert cell == expected, (key, name)
    assert compared > 100


# Families whose aggregate reads the rows of a fact as they are.
PLAIN_FAMILIES = ("calls", "missions", "incidents", "video", "lat_requests", "lat_readiness")
# Columns that the aggregate adds to the rows first.
ADDED = ("is_recalled",)


@pytest.mark.parametrize("family", PLAIN_FAMILIES)
def test_the_sql_that_is_shown_gives_the_measures(autumn: World, family: str) -> None:
    """Over all years, what `akutt kpi show` prints of a family equals its aggregate."""
    registry = load_registry()
    found = registry.families[family]
    measures = {
        name: measure_sql(measure)
        for name, measure in found.measures.items()
        if measure.is_stored and not any(word in measure_sql(measure) for word in ADDED)
    }
    assert measures
    shown = ", ".join(f"{sql} as {name}" for name, sql in measures.items())
    fact, aggregate = (_relation(autumn, name) for name in (found.fact, found.aggregate))
    rows = f"select * from {fact} where {found.scope or 'true'}"
    if found.segment:
        rows += f" and {found.segment} is not null"
    direct = autumn.sql(f"select {shown} from ({rows})")
    summed = autumn.sql(
        f"select {', '.join(f'sum({name}) as {name}' for name in measures)} from {aggregate}"
        " where level = 'national' and period_grain = 'year'"
    )
    for name in measures:
        assert float(direct[name][0]) == pytest.approx(float(summed[name][0])), name


def _relation(world: World, name: str) -> str:
    schema = world.sql(
        f"select table_schema from information_schema.tables where table_name = '{name}'"
    )
    return f'"{schema.item()}"."{name}"'


def _schema(release: Release) -> pl.Schema:
    return metrics.query(kpis="calls_offered", limit=None, release=release).schema


def _keys(path: Path) -> dict[str, Any]:
    header = path.read_text("utf-8").partition("\n")[0].split(",")
    kinds = {"period_start": pl.Date, "segment": pl.String, "unit_id": pl.String}
    numbers = dict.fromkeys(("value", "numerator", "denominator", "lower", "upper"), pl.Float64)
    return {name: kind for name, kind in (kinds | numbers).items() if name in header}
