"""A home with a few days of synthetic deliveries, and a pipeline on the smallest dbt project."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from ingestion.synthetic import generate
from orchestration.engine import Engine, Settings
from orchestration.paths import Home
from orchestration.quality.checkpoint import Checkpoint, Quality
from tests.orchestration.fabricated import SEEDS

MINI_PROJECT = Path(__file__).with_name("mini_project")
KEY = b"a key for tests, long enough to pass"
START = dt.date(2026, 3, 2)
DAYS = 4


class NothingExpected(Checkpoint):
    """In place of Great Expectations, whose import takes longer than everything else together."""

    def start(self) -> None:
        return

    def ask(self, lake: str, receipts: pl.DataFrame) -> None:
        return

    def known(self, lake: str) -> Quality | None:
        return Quality([], self.docs)


@pytest.fixture(scope="session")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days of every source, with faults."""
    folder = tmp_path_factory.mktemp("deliveries")
    generate(folder, START, DAYS, 0.003, 5, truth=False)
    return folder / "inbox"


def deliver(inbox: Path, home: Home, days: int = DAYS, source: str | None = None) -> None:
    """Put the files of the first `days` days into the inbox."""
    wanted = {(START + dt.timedelta(days=day)).isoformat() for day in range(days)}
    for path in inbox.glob("*/*"):
        if any(day in path.name for day in wanted) and source in (None, path.parent.name):
            target = home.inbox / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("MINI_SEEDS", str(SEEDS))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))  # restored after the test
    monkeypatch.setenv("AKUTT_WAREHOUSE", "")
    return Home(tmp_path / "home")


@pytest.fixture
def make_engine(home: Home) -> Callable[..., Engine]:
    """Engines over the same home, as separate processes would make them."""

    def make(*, expectations: bool = False, **settings: object) -> Engine:
        options: dict[str, object] = {"key": lambda: KEY, "project_dir": MINI_PROJECT} | settings
        engine = Engine(Settings(home, **options))  # type: ignore[arg-type]
        if not expectations:
            engine.checkpoint = NothingExpected(home)
        return engine

    return make
