"""The SQL that is shown for a KPI is that of the registry, and it parses."""

from __future__ import annotations

import duckdb
import pytest

from orchestration.registry import load_registry
from orchestration.registry.sql import kpi_sql, kpi_sql_rows

REGISTRY = load_registry()


def test_every_computed_kpi_has_its_sql() -> None:
    rows = kpi_sql_rows(REGISTRY)
    assert [(row["kpi_id"], row["kpi_version"]) for row in rows] == [
        kpi.key for kpi in REGISTRY.active
    ]
    for row in rows:
        measures, _, value = row["sql"].rpartition("-- kpi_values")
        assert f"'{row['kpi_id']}' as kpi_id" in value
        for part in measures.split("\n\n"):
            duckdb.extract_statements(part)
        assert len(duckdb.extract_statements("--" + value)) == 1
        assert "{{" not in row["sql"]


@pytest.mark.parametrize(
    ("kpi_id", "parts"),
    [
        ("c113_within_10s", ["answer_ms <= 10000", "from fct_calls", "where is_in_scope"]),
        ("video_per_100_calls", ["from fct_video_sessions", "from fct_calls"]),
        ("resp_median", ["list(car_response_ms order by", "list_extract"]),
        ("incidents_per_1000", ["person_years", "1000.0"]),
    ],
)
def test_it_shows_the_measures_and_the_value(kpi_id: str, parts: list[str]) -> None:
    sql = kpi_sql(REGISTRY, REGISTRY.kpi(kpi_id))
    assert [part for part in parts if part not in sql] == []


def test_what_has_no_source_has_no_sql() -> None:
    (kpi,) = (kpi for kpi in REGISTRY.kpis if kpi.id == "unit_hour_utilisation")
    assert kpi_sql(REGISTRY, kpi) == ""
