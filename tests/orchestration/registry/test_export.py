"""What is generated from the registry is up to date and says what the registry says."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import jsonschema
import yaml

from orchestration.paths import DBT_PROJECT
from orchestration.registry import load_registry
from orchestration.registry.export import (
    SEED,
    drifted_files,
    registry_schema,
    write_generated_files,
)
from orchestration.registry.load import KPI_FOLDER


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
