"""A small national world, generated with its truth and run from files to release."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import duckdb
import polars as pl
import pytest

from ingestion.home import Home
from ingestion.lake import read_receipts
from ingestion.synthetic import generate
from orchestration import paths
from orchestration.engine import Engine, Settings
from orchestration.paths import DBT_PROJECT
from tests.dbt_project.warehouse import parsed, release_file
from tests.orchestration.conftest import NothingExpected

ROOT = Path(__file__).parents[2]
KEY = "only-for-tests-0123456789abcdefghij"


@dataclass(frozen=True)
class World:
    """One home with inbox, truth, lake, warehouse and release."""

    home: Home

    def truth(self, name: str) -> pl.DataFrame:
        """A table of the generator's truth."""
        return pl.read_parquet(self.home.truth / f"{name}.parquet")

    def receipts(self) -> pl.DataFrame:
        return read_receipts(self.home.lake)

    def sql(self, query: str) -> pl.DataFrame:
        """A query on the warehouse."""
        with duckdb.connect(str(self.home.warehouse), read_only=True) as connection:
            frame = pl.from_arrow(connection.sql(query).to_arrow_table())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def release(self, table: str) -> pl.DataFrame:
        """A table of the current release."""
        name = (self.home.releases / "current").read_text("utf-8").strip()
        return pl.read_parquet(self.home.releases / name / f"{table}.parquet")


def akutt(home: Path, *arguments: str) -> str:
    """Run the command line as a user does; returns what it printed."""
    env = {**os.environ, "AKUTT_HOME": str(home), "AKUTT_PSEUDONYM_KEY": KEY}
    result = subprocess.run(
        [sys.executable, "-m", "orchestration.cli.main", *arguments],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def run_steps(home: Path, project: Path = DBT_PROJECT) -> None:
    """The steps of `akutt run` in this process, without Dagster and Great Expectations.

    Starting those takes longer than the steps. That the command takes these steps is tested with
    the worlds that are built by it, and with a smaller project in `tests/orchestration/`.
    """
    with mock.patch.dict(os.environ):
        engine = Engine(Settings(paths.Home(home), key=KEY.encode, project_dir=project))
        engine.checkpoint = NothingExpected(engine.home)
        if project == DBT_PROJECT:
            engine.warehouse._parsed = parsed().deepcopy()
        try:
            engine.intake()
            built = engine.build_warehouse()
            assert built is not None
            assert not built.failures, built.failures
            engine.disclose()
            compared = engine.compare_warehouse()
            assert compared is not None
            assert not compared.failures, compared.failures
            engine.release()
        finally:
            release_file()


@pytest.fixture(scope="session")
def new_world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folders for worlds; none may be asked for in two processes, which costs minutes."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder

    def make(name: str) -> Path:
        (shared / f"world_{name}").mkdir()
        return shared / f"world_{name}"

    return make


@pytest.fixture(scope="session")
def autumn(new_world: Callable[[str], Path]) -> World:
    """Ten weeks over the doubled hour and the first cutovers, with every fault."""
    folder = new_world("autumn")
    generate(
        folder,
        start=dt.date(2025, 10, 13),
        days=70,
        scale=0.03,
        seed=11,
        faults=1.0,
    )
    akutt(folder, "run")
    return World(Home(folder))


@pytest.fixture(scope="session")
def spring(new_world: Callable[[str], Path]) -> World:
    """Two weeks over the missing hour and the change of headers, with many faults."""
    folder = new_world("spring")
    generate(
        folder,
        start=dt.date(2026, 3, 23),
        days=14,
        scale=0.03,
        seed=12,
        faults=4.0,
    )
    run_steps(folder)
    return World(Home(folder))


@pytest.fixture(scope="session")
def faultless(new_world: Callable[[str], Path]) -> World:
    """Three weeks over a month's end without any injected fault."""
    folder = new_world("faultless")
    generate(
        folder,
        start=dt.date(2026, 1, 19),
        days=21,
        scale=0.02,
        seed=13,
        faults=0.0,
    )
    run_steps(folder)
    return World(Home(folder))
