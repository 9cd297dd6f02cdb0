"""An analyst's own SQL: what it may read, and everything it may not."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from reporting import locked_sql, metrics
from reporting.locked_sql import SqlError, run_sql
from reporting.reader import Release
from reporting.sql_process import run_apart

ENDLESS = "select count(*) from range(1000000000000) as a, range(1000000) as b"


@pytest.fixture(autouse=True)
def home(releases: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AKUTT_HOME", str(releases.parent))
    yield
    # Whatever was tried, the release answers as before.
    assert metrics.sql("select count(*) as n from kpi_values")["n"].to_list() == [9]


@pytest.mark.parametrize(
    "statement",
    [
        "select * from kpi_values",
        "with a as (select 1 as one) select * from a",
        "from units",
        "table units",
        "values (1)",
        "describe kpi_values",
        "show tables",
        "summarize units",
        "explain select 1",
        "pivot units on level using count(*) group by unit_kind",
        "-- a comment first\nselect 1;",
        "select 1; -- a comment last",
        "select 'æ;b' as \"å;\" ; -- ;",
    ],
)
def test_reading_is_allowed(statement: str) -> None:
    assert metrics.sql(statement).height > 0


@pytest.mark.parametrize(
    "statement",
    [
        "attach 'elsewhere.duckdb'",
        "detach release",
        "copy kpi_values to 'elsewhere.csv'",
        "copy (select 1) to 'elsewhere.parquet'",
        "export database 'elsewhere'",
        "import database 'elsewhere'",
        "select * from read_csv('/etc/hostname')",
        "select * from read_text('/etc/hostname')",
        "select * from read_blob('/etc/hostname')",
        "select * from read_json('/etc/hostname')",
        "select * from read_parquet('elsewhere.parquet')",
        "select * from '/etc/hostname'",
        "select * from 'elsewhere.parquet'",
        "select * from glob('/*')",
        "select * from sniff_csv('/etc/hostname')",
        "install httpfs",
        "load httpfs",
        "update extensions",
        "set threads = 1",
        "set enable_external_access = true",
        "reset enable_external_access",
        "set variable a = 1",
        "pragma threads = 1",
        "pragma enable_profiling",
        "pragma database_list",
        "use memory",
        "call pragma_version()",
        "create table mine (a integer)",
        "create temp table mine (a integer)",
        "create or replace macro f(a) as a",
        "create secret (type s3)",
        "insert into units select * from units",
        "update units set unit_name = ''",
        "delete from kpi_values",
        "drop table units",
        "alter table units add column a integer",
        "comment on table units is 'mine'",
        "begin",
        "checkpoint",
        "vacuum",
        "prepare a as select 1",
        "select 1; select 2",
        "select 1; drop table units",
        "explain analyze copy (select 1) to 'elsewhere.csv'",
        "explain analyze insert into units select * from units",
        "",
        "selekt",
    ],
)
def test_everything_else_is_refused(
    statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SqlError):
        metrics.sql(statement)
    assert not list(tmp_path.iterdir())


def test_variables_of_the_program_are_not_tables() -> None:
    secret = pl.DataFrame({"a": [1]})
    with pytest.raises(SqlError, match="secret"):
        metrics.sql("select * from secret")
    assert secret.height == 1


def test_a_query_that_does_not_end_is_stopped() -> None:
    begun = time.perf_counter()
    with pytest.raises(SqlError, match=r"0\.3 s"):
        metrics.sql(ENDLESS, seconds=0.3)
    assert time.perf_counter() - begun < 10


@pytest.mark.parametrize(
    "statement",
    [
        "select length(list_aggregate(range(200000000), 'string_agg', 'x'))",
        "select regexp_replace(repeat('a', 200000000), 'a', 'bbbbbbbb', 'g')",
    ],
)
def test_a_statement_that_answers_no_interrupt_is_ended(statement: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(SqlError):
        metrics.sql(statement, seconds=1)
    assert time.perf_counter() - begun < 8


def test_a_huge_value_ends_the_statement_and_not_the_program(
    current: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    less = functools.partial(run_apart, memory_bytes=700 * 1024**2)
    monkeypatch.setattr(locked_sql, "run_apart", less)
    huge = "select sum(length(repeat('x', 90000000) || i)) from range(40) as t(i)"
    with pytest.raises(SqlError, match=r"minne.*memory"):
        run_sql(current, huge, seconds=60)


def test_rows_beyond_the_cap_are_left_out_with_a_warning(current: Release) -> None:
    with pytest.warns(UserWarning, match="cut at 3 rows"):
        assert metrics.sql("select * from kpi_values", limit=3).height == 3
    whole = run_sql(current, "select * from kpi_values", limit=9)
    assert not whole.is_cut
    # Rows are made only up to the cap.
    begun = time.perf_counter()
    assert run_sql(current, "select * from range(1000000000000)", limit=5).frame.height == 5
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize(
    ("statement", "norwegian", "english"),
    [
        ("select * from kpi_valuess", "Tabeller", "kpi_values"),
        ("select valu from kpi_values", "Feil i SQL-en", "value"),
        ("select * from read_csv('x')", "ingen filer", "only read the tables"),
        ("drop table units", "bare lesing", "only reading"),
        ("install httpfs", "bare lesing", "only reading"),
        ("select 1; select 2", "Én setning", "One statement"),
        (ENDLESS, "Stoppet etter", "Stopped after"),
        ("select interval 1 month", "cast(... as varchar)", "cast it to text"),
    ],
)
def test_messages_say_what_to_do(statement: str, norwegian: str, english: str) -> None:
    with pytest.raises(SqlError) as caught:
        metrics.sql(statement, seconds=1)
    assert norwegian in str(caught.value)
    assert english in str(caught.value)


def test_a_table_that_is_not_there_is_answered_with_those_of_the_release() -> None:
    with pytest.raises(SqlError) as caught:
        metrics.sql("select * from nope")
    assert "pg_" not in str(caught.value)
    assert "did you mean" not in str(caught.value)
    assert {"kpi_registry", "kpi_values", "units"} <= set(
        str(caught.value).split(": ")[-1].split(", ")
    )
    with pytest.raises(SqlError, match=r"did you mean: .*\bkpi_values\b"):
        metrics.sql("select * from kpi_valuess")


def test_what_is_refused_is_not_called_something_else() -> None:
    with pytest.raises(SqlError) as caught:
        metrics.sql("install httpfs")
    assert "LOAD" not in str(caught.value)
