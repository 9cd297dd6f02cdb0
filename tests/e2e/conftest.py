"""A small national world, generated with its truth and run from files to release."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from ingestion.home import Home
from ingestion.lake import read_receipts
from ingestion.synthetic import generate

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


def build(folder: Path, **settings: Any) -> World:
    """Generate and run a world."""
    generate(folder, **settings)
    akutt(folder, "run")
    return World(Home(folder))


@pytest.fixture(scope="session")
def autumn(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Ten weeks over the doubled hour and the first cutovers, with every fault."""
    return build(
        tmp_path_factory.mktemp("autumn"),
        start=dt.date(2025, 10, 13),
        days=70,
        scale=0.03,
        seed=11,
        faults=1.0,
    )


@pytest.fixture(scope="session")
def spring(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two weeks over the missing hour and the change of headers, with many faults."""
    return build(
        tmp_path_factory.mktemp("spring"),
        start=dt.date(2026, 3, 23),
        days=14,
        scale=0.03,
        seed=12,
        faults=4.0,
    )


@pytest.fixture(scope="session")
def faultless(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Three weeks over a month's end without any injected fault."""
    return build(
        tmp_path_factory.mktemp("faultless"),
        start=dt.date(2026, 1, 19),
        days=21,
        scale=0.02,
        seed=13,
        faults=0.0,
    )
