"""A run that is stopped between its decision and its release decides again, and the same."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from orchestration.disclosure import step
from orchestration.disclosure.step import disclose
from orchestration.release import build_release, get_release
from tests.orchestration.fabricated import RELEASABLE_SQL, receipts, write_warehouse
from tests.orchestration.test_attack import DAYS, POLICY, figures, truth


def delivered_until(day: date) -> pl.DataFrame:
    return receipts(days=28).with_columns(pl.col("delivered_on") + (day - date(2026, 9, 30)))


def hidden(warehouse: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute("select * from disclosure.kpi_hidden order by all").fetchall()


def published(warehouse: Path, releases: Path) -> pl.DataFrame:
    """The numbers that the last release hides, as the warehouse remembers them."""
    numbers = step._history(warehouse, step.SCHEMA, releases, POLICY).hidden
    assert numbers is not None
    return numbers


def test_a_decision_that_was_not_released_changes_nothing(tmp_path: Path) -> None:
    warehouse, releases = tmp_path / "akutt.duckdb", tmp_path / "releases"
    write_warehouse(warehouse, figures(truth(1)), policy=POLICY)
    disclose(warehouse, releases, delivered_until(DAYS[20]), POLICY)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("drop table marts.kpi_releasable")
        connection.execute(RELEASABLE_SQL)
    build_release(warehouse, releases, delivered_until(DAYS[20]))
    assert get_release(releases).metadata["cells"]["suppressed"] > 50

    known = published(warehouse, releases)
    assert known.height > 50
    disclose(warehouse, releases, delivered_until(DAYS[27]), POLICY)
    first = hidden(warehouse)
    for _ in range(2):
        assert published(warehouse, releases).equals(known)
        disclose(warehouse, releases, delivered_until(DAYS[27]), POLICY)
        assert hidden(warehouse) == first
