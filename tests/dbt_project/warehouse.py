"""Runs dbt in process against a warehouse file of its own, and reads the result."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any
from unittest import mock

import duckdb
import polars as pl
import pyarrow as pa

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


def release_file() -> None:
    """dbt-duckdb keeps the file open for the life of the process; readers need it closed."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    if environment is not None:
        environment.close()
    DuckDBConnectionManager.close_all_connections()


@cache
def parsed() -> Any:
    """The project as dbt sees it; parsed once per process, as it takes half as long as a build."""
    from dbt.cli.main import dbtRunner

    with TemporaryDirectory() as folder:
        nowhere = Warehouse(Path(folder))
        with mock.patch.dict(os.environ, nowhere.environment()):
            outcome = dbtRunner().invoke(["parse", "--no-write-json", *nowhere.flags()])
    assert outcome.success, outcome.exception
    return outcome.result


# Made of seeds alone, whatever is in the lake.
REFERENCE = ("resource_type:seed", "path:models/dimensions", "path:models/breaks")
# Which rows are records, and what belongs to what; the figures follow from them.
RECORDS = (
    *("path:models/staging", "path:models/intermediate"),
    *("path:models/facts", "path:models/chains"),
)
NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


@cache
def reference_tables() -> bytes:
    """A DuckDB file with `REFERENCE`; built once per process, as it takes a third of a build."""
    with TemporaryDirectory() as folder:
        nowhere = Warehouse(Path(folder))
        select = ("--select", *REFERENCE, "--indirect-selection", "cautious")
        nowhere.dbt("build", "--full-refresh", *select, *NO_UNIT_TESTS)
        return nowhere.path.read_bytes()


def _selected(only: Sequence[str]) -> tuple[str, ...]:
    return ("--select", *only, "--indirect-selection", "cautious") if only else ()


@dataclass(frozen=True)
class Warehouse:
    """A lake folder and the DuckDB file built from it."""

    home: Path

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def path(self) -> Path:
        return self.home / "akutt.duckdb"

    def environment(self) -> dict[str, str]:
        """What the project reads from the environment."""
        return {"AKUTT_WAREHOUSE": str(self.path), "DO_NOT_TRACK": "1"}

    def flags(self, variables: Mapping[str, str] = MappingProxyType({})) -> list[str]:
        """The flags of every dbt command."""
        return [
            *("--project-dir", str(PROJECT)),
            *("--profiles-dir", str(PROJECT)),
            *("--target-path", str(self.home / "target")),
            *("--log-path", str(self.home / "logs")),
            *("--log-level", "error", "--log-level-file", "none"),
            *("--vars", json.dumps({"lake_path": str(self.lake), **variables})),
        ]

    def dbt(self, *arguments: str, variables: Mapping[str, str] | None = None) -> Any:
        """Invoke dbt; a failure raises with the messages of the failed nodes."""
        from dbt.cli.main import dbtRunner

        self.lake.mkdir(parents=True, exist_ok=True)
        silent = () if "docs" in arguments else ("--no-write-json",)
        command = [*arguments, *silent, *self.flags(variables or {})]
        # Variables may change what is parsed, and the pages of `docs` are made by the parsing.
        manifest = None if variables or "docs" in arguments else parsed().deepcopy()
        with mock.patch.dict(os.environ, self.environment()):
            try:
                outcome = dbtRunner(manifest=manifest).invoke(command)
            finally:
                release_file()
        if not outcome.success:
            failed = [
                f"{r.node.unique_id}: {r.message}"
                for r in (getattr(outcome.result, "results", None) or [])
                if r.status in ("error", "fail", "runtime error")
            ]
            raise AssertionError("\n".join(failed) or repr(outcome.exception))
        return outcome.result

    def build_from_nothing(self) -> Any:
        """First load: seeds, models, comparisons and data tests."""
        return self.dbt("build", "--full-refresh", *NO_UNIT_TESTS)

    def build_all(self, only: Sequence[str] = ()) -> Any:
        """First load of the lake, with data tests, beside reference tables as they are built.

        Comparisons are left out, here and in later loads: they are made of what is released.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(reference_tables())
        without = ("--exclude", *REFERENCE, "tag:comparison")
        return self.dbt("build", "--full-refresh", *NO_UNIT_TESTS, *_selected(only), *without)

    def build_new(self, only: Sequence[str] = ()) -> Any:
        """Normal load: new batches only."""
        without = ("--exclude", "tag:reference", "tag:expensive", "tag:comparison")
        no_seeds = ("--exclude-resource-type", "seed")
        return self.dbt("build", *NO_UNIT_TESTS, *no_seeds, *_selected(only), *without)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
        return rows

    def arrow(self, sql: str) -> pa.Table:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.sql(sql).to_arrow_table()

    def frame(self, sql: str) -> pl.DataFrame:
        frame = pl.from_arrow(self.arrow(sql))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def one(self, sql: str) -> Any:
        """The single value of a single row."""
        ((value,),) = self.rows(sql)
        return value

    def change(self, sql: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(sql)
