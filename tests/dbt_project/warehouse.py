"""Runs dbt in process against a warehouse file of its own, and reads the result."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


def release_file() -> None:
    """dbt-duckdb keeps the file open for the life of the process; readers need it closed."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    if environment is not None:
        environment.close()
    DuckDBConnectionManager.close_all_connections()


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

    def dbt(self, *arguments: str, variables: Mapping[str, str] | None = None) -> Any:
        """Invoke dbt; a failure raises with the messages of the failed nodes."""
        from dbt.cli.main import dbtRunner

        self.lake.mkdir(parents=True, exist_ok=True)
        command = [
            *arguments,
            "--project-dir",
            str(PROJECT),
            "--profiles-dir",
            str(PROJECT),
            "--target-path",
            str(self.home / "target"),
            "--log-path",
            str(self.home / "logs"),
            "--log-level",
            "error",
            "--vars",
            json.dumps({"lake_path": str(self.lake), **(variables or {})}),
        ]
        environment = {"AKUTT_WAREHOUSE": str(self.path), "DO_NOT_TRACK": "1"}
        with mock.patch.dict(os.environ, environment):
            try:
                outcome = dbtRunner().invoke(command)
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

    def build_all(self) -> Any:
        """First load: seeds, models and data tests from nothing."""
        return self.dbt("build", "--full-refresh", "--exclude-resource-type", "unit_test")

    def build_new(self) -> Any:
        """Normal load: new batches only."""
        return self.dbt(
            "build",
            "--exclude-resource-type",
            "unit_test",
            "--exclude-resource-type",
            "seed",
            "--exclude",
            "tag:reference",
            "tag:expensive",
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
        return rows

    def one(self, sql: str) -> Any:
        """The single value of a single row."""
        ((value,),) = self.rows(sql)
        return value

    def change(self, sql: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(sql)
