"""Two small runs that many tests look at: one with faults, one without."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from ingestion.synthetic import Manifest, generate


@dataclass(frozen=True)
class Run:
    """One generated extract."""

    out: Path
    manifest: Manifest

    def records(self, contract: str) -> pl.DataFrame:
        return pl.read_parquet(self.out / "truth" / f"records_{contract}.parquet")

    @property
    def faults(self) -> pl.DataFrame:
        return pl.read_parquet(self.out / "truth" / "faults.parquet")

    @property
    def figures(self) -> pl.DataFrame:
        return pl.read_parquet(self.out / "truth" / "kpi_truth.parquet")

    def files(self, source: str) -> list[Path]:
        names = [f.name for f in self.manifest.files if f.source == source and not f.is_broken]
        return [self.out / "inbox" / source / name for name in sorted(names)]


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two weeks with faults, over the October change of clock and the first cutovers."""
    out = tmp_path_factory.mktemp("faulty")
    return Run(out, generate(out, dt.date(2025, 10, 20), 14, 0.01, 7))


@pytest.fixture(scope="session")
def faultless(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A week without faults, over the March change of clock and the new header of 1 April."""
    out = tmp_path_factory.mktemp("faultless")
    return Run(out, generate(out, dt.date(2026, 3, 27), 7, 0.004, 11, faults=False))
