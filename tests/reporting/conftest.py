"""One small release, made by the real release step."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from orchestration.release import build_release
from reporting.reader import Release, open_current
from tests.orchestration.fabricated import count, receipts, share, value, values, write_warehouse

ROWS = values(
    share(950, 1000, unit_id="amk_oslo", period_start=date(2026, 8, 1)),
    share(930, 1000, unit_id="amk_oslo", period_start=date(2026, 9, 1)),
    share(3, 1000, unit_id="amk_bergen", period_start=date(2026, 9, 1)),
    share(9000, 10000, level="national", unit_id="NO", period_start=date(2026, 9, 1)),
    share(9000, 10000, level="region", unit_id="UNKNOWN", period_start=date(2026, 9, 1)),
    share(
        9000,
        10000,
        level="national",
        unit_id="NO",
        period_start=date(2026, 7, 1),
        period_grain="quarter",
    ),
    count(1234567, unit_id="amk_oslo"),
    value("answer_time_p90", unit_id="amk_bodo", value=None, coverage=None, status="no_data"),
    count(77, level="source_system", unit_id="ICCS", segment="=call"),
)


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    warehouse = write_warehouse(folder / "akutt.duckdb", ROWS)
    build_release(warehouse, folder / "releases", receipts())
    return folder / "releases"


@pytest.fixture
def current(releases: Path) -> Iterator[Release]:
    with open_current(releases) as release:
        yield release
