"""A release on PostgreSQL: the same cells, for those who may read, without a gap for them."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import psycopg2
import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from orchestration.cli.main import app
from reporting import metrics
from reporting.postgres import PublishError, publish
from reporting.reader import Release, open_current, open_release
from tests.operation.postgres import Server, binaries
from tests.reporting.conftest import EARLIER_ID, fuller, later, releases  # noqa: F401 - fixtures

pytestmark = pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server is installed")
SCHEMA, ROLE = "akuttkjede_open", "akuttkjede_open_reader"


@pytest.fixture
def database(server: Server, request: pytest.FixtureRequest) -> str:
    """An empty database of the test's own."""
    name = request.node.name
    server.database(name)
    return f"postgresql://postgres@127.0.0.1:{server.port}/{name}"


@pytest.fixture
def first(later: Path) -> Iterator[Release]:  # noqa: F811
    with open_release(later, EARLIER_ID) as release:
        yield release


@pytest.fixture
def second(later: Path) -> Iterator[Release]:  # noqa: F811
    with open_current(later) as release:
        yield release


def rows(database: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg2.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def reader_of(database: str, name: str) -> str:
    """A person with the readers' role, as an administrator makes one."""
    with psycopg2.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(f"create role {name} login in role {ROLE}")
    return database.replace("postgres@", f"{name}@")


@contextmanager
def open_transaction(database: str) -> Iterator[None]:
    """A reader that has read and does not end its transaction."""
    connection = psycopg2.connect(database)
    connection.cursor().execute(f"select count(*) from {SCHEMA}.kpi_values")
    try:
        yield
    finally:
        connection.close()


def order(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(map(str, row))


def test_every_cell_of_every_table_is_equal(database: str, second: Release) -> None:
    published = publish(second, database)
    assert published.schema == SCHEMA and published.role == ROLE
    assert set(published.tables) == set(second.columns)
    for table, count in published.tables.items():
        frame = second.table(table)
        found = rows(database, f'select * from {SCHEMA}."{table}"')
        assert sorted(found, key=order) == sorted(frame.rows(), key=order), table
        assert count == frame.height


def test_figures_are_those_of_every_other_tool(database: str, second: Release) -> None:
    publish(second, database)
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg2://"))
    shared = [
        "kpi_id", "kpi_version", "segment", "period_grain", "period_start", "level", "unit_id",
        "kpi_name", "unit_name", "value", "numerator", "denominator", "n", "lower", "upper",
        "coverage", "status", "grade", "measure_unit", "direction", "target", "release_id",
        "audience",
    ]  # fmt: skip
    with engine.connect() as connection:
        found = connection.execute(text(f"select {', '.join(shared)} from {SCHEMA}.figures"))
        ours = sorted((tuple(row) for row in found), key=order)
    expected = metrics.query(grain="all", release=second).filter(pl.col("unit_id").is_not_null())
    assert ours == sorted(expected.select(shared).rows(), key=order)
    hidden = [row for row in ours if row[shared.index("status")] == "suppressed"]
    assert hidden and all(row[shared.index("value")] is None for row in hidden)


def test_readers_have_the_views_and_nothing_else(database: str, first: Release) -> None:
    publish(first, database)
    reader = reader_of(database, "leser")
    assert rows(reader, f"select count(*) from {SCHEMA}.figures") != [(0,)]
    ((own,),) = rows(database, f"select nspname from pg_namespace where nspname like '{SCHEMA}_2%'")
    for statement in (
        f'select * from "{own}".kpi_values',
        f"delete from {SCHEMA}.kpi_values",
        f"create table {SCHEMA}.mine (a int)",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            rows(reader, statement)
    said = rows(reader, f"select col_description('{SCHEMA}.kpi_values'::regclass, 1)")
    assert said == [("id i registeret / id in the registry",)]


def test_a_new_release_comes_without_a_gap(database: str, first: Release, second: Release) -> None:
    publish(first, database)
    seen: list[tuple[Any, ...]] = []
    wrong: list[str] = []
    is_done = threading.Event()

    def read() -> None:
        connection = psycopg2.connect(database)
        connection.autocommit = True
        cursor = connection.cursor()
        while not is_done.is_set():
            try:
                cursor.execute(
                    f"select release_id, count(*) from {SCHEMA}.figures group by release_id"
                )
                seen.append(tuple(cursor.fetchall()))
            except psycopg2.Error as error:
                wrong.append(str(error))
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    for release in (second, first, second):
        time.sleep(0.2)
        publish(release, database)
    time.sleep(0.2)
    is_done.set()
    reader.join()
    assert not wrong
    assert {len(found) for found in seen} == {1}
    assert {found[0][0] for found in seen} == {first.release_id, second.release_id}
    assert rows(
        database, f"select count(*) from pg_namespace where nspname like '{SCHEMA}_2%'"
    ) == [(1,)]


def test_without_a_reader_letting_go_the_release_before_stands(
    database: str, first: Release, second: Release
) -> None:
    publish(first, database)
    with open_transaction(database):
        with pytest.raises(PublishError, match="without letting go"):
            publish(second, database, patience=0)
        assert rows(database, f"select release_id from {SCHEMA}.release") == [(first.release_id,)]
    published = publish(second, database)
    assert rows(database, f"select release_id from {SCHEMA}.release") == [(second.release_id,)]
    assert not published.left


def test_the_same_release_again_is_nothing_to_do(database: str, first: Release) -> None:
    assert not publish(first, database).was_there
    assert publish(first, database).was_there
    again = publish(first, database, again=True)
    assert not again.was_there and not again.left


def test_what_stands_in_the_way_is_said(
    database: str,
    server: Server,
    first: Release,
    releases: Path,  # noqa: F811
) -> None:
    with pytest.raises(PublishError, match="postgresql://"):
        publish(first, "sqlite:///tall.db")
    with pytest.raises(PublishError, match="does not answer"):
        publish(first, "postgresql://postgres@127.0.0.1:1/tall")
    rows_before = rows(database, "select count(*) from pg_namespace")
    with psycopg2.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("create role uten_rett login")
    with pytest.raises(PublishError, match="may not do this"):
        publish(first, database.replace("postgres@", "uten_rett@"))
    assert rows(database, "select count(*) from pg_namespace") == rows_before


def test_the_command_says_what_to_read(
    database: str,
    releases: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(releases.parent))
    monkeypatch.setenv("AKUTT_PUBLISH_URL", database)
    done = CliRunner().invoke(app, ["release", "publish"])
    assert done.exit_code == 0, done.output
    assert f"{SCHEMA}.figures" in done.output and ROLE in done.output
    again = CliRunner().invoke(app, ["release", "publish"])
    assert "stands there already" in again.output
    programs = binaries()
    assert programs is not None
    shown = subprocess.run(
        [programs / "psql", database, "-At", "-c", f"select count(*) from {SCHEMA}.figures"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(shown.stdout) > 0
