"""What is generated from the registry is up to date and says what the registry says."""

from __future__ import annotations

import csv
import math
import re
import shutil
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
import yaml

from orchestration.paths import DBT_PROJECT
from orchestration.registry import load_registry
from orchestration.registry.export import (
    GRID_STEPS,
    SEED,
    drifted_files,
    fractions,
    grid,
    registry_schema,
    write_generated_files,
)
from orchestration.registry.load import KPI_FOLDER

Z = 1.959963984540054


def test_generated_files_are_up_to_date() -> None:
    """When this fails, run `akutt kpi export`."""
    assert list(drifted_files()) == []


def test_a_change_of_the_registry_is_noticed_and_exported(tmp_path: Path) -> None:
    for folder in ("kpis", "seeds", "macros", "models/semantic"):
        shutil.copytree(DBT_PROJECT / folder, tmp_path / folder)
    assert list(drifted_files(tmp_path)) == []
    load_registry.cache_clear()
    calls = tmp_path / "kpis" / "calls.yaml"
    renamed = re.sub(r"(?<!_)within_10s", "within_9s", calls.read_text(encoding="utf-8"))
    calls.write_text(renamed, encoding="utf-8")
    assert {path.name for path in write_generated_files(tmp_path)} == {
        "kpi_registry.csv",
        "kpi_definitions.sql",
        "semantic.yml",
    }
    assert list(drifted_files(tmp_path)) == []


def test_every_registry_file_follows_the_schema_editors_use() -> None:
    schema = yaml.safe_load(registry_schema())
    for path in KPI_FOLDER.glob("*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for kpi in content["kpis"]:
            kpi["valid_from"] = str(kpi["valid_from"])
        jsonschema.validate(content, schema)


def test_the_seed_has_every_version_and_complete_texts() -> None:
    with (DBT_PROJECT / SEED).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["kpi_id"], int(row["version"])) for row in rows] == [
        kpi.key for kpi in load_registry().kpis
    ]
    for row in rows:
        for column in ("name", "definition", "why"):
            assert row[f"{column}_nb"] and row[f"{column}_en"]
            assert row[f"{column}_nb"] != row[f"{column}_en"]
        assert row["formula"] and row["owner"] and row["unit"]


def ranks(n: int, p: float) -> tuple[int, int]:
    """The ranks (from 1) whose order statistics are to enclose the percentile."""
    spread = Z * math.sqrt(n * p * (1 - p))
    return math.floor(n * p - spread), math.ceil(n * p + spread) + 1


def binomial(n: int, p: float, low: int, high: int) -> float:
    """Probability that a binomial count lies in low..high."""
    return math.fsum(
        math.exp(
            math.lgamma(n + 1)
            - math.lgamma(k + 1)
            - math.lgamma(n - k + 1)
            + k * math.log(p)
            + (n - k) * math.log(1 - p)
        )
        for k in range(low, high + 1)
    )


@pytest.mark.parametrize("p", [0.5, 0.9, 0.99])
def test_the_ranks_cover_the_percentile_at_least_as_often_as_stated(p: float) -> None:
    """Exact coverage of ranks r..s is P(r <= B <= s - 1), B binomial(n, p)."""
    for n in [*range(8, 400), 500, 1000, 2000]:
        r, s = ranks(n, p)
        if r >= 1 and s <= n:
            assert binomial(n, p, r, s - 1) >= 0.95, (n, r, s)


@pytest.mark.parametrize("p", [0.5, 0.9, 0.99])
def test_the_grid_reaches_from_the_extremes_to_the_percentile(p: float) -> None:
    below, above = grid(p)
    kept = fractions((p,))
    assert kept == sorted({*below, p, *above})
    assert (kept[0], kept[-1]) == (0.0, 1.0)
    assert min(p - below[0], above[0] - p) == pytest.approx(GRID_STEPS[-1])
    # Neighbours differ at most by a factor of two in distance: so much wider is a limit at most.
    for side in (below[:-1], above[:-1]):
        for near, far in pairwise(side):
            assert abs(far - p) == pytest.approx(2 * abs(near - p))
