"""Which tests share a process when several run side by side (`pytest -n 2`).

By itself pytest-xdist gives every test to whichever process is free, so that each world is built in
all of them, and under pytest 9.2 `--dist loadgroup` of pytest-xdist 3.8 does not change that. The
scheduler here goes by the files alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

HERE = Path(__file__).parent
# These read the worlds of e2e/conftest.py, which take a minute each to build.
WORLDS = "worlds"
READERS = frozenset(
    f"e2e/test_{name}.py"
    for name in (
        *("identities", "links", "metricflow", "one_number"),
        *("pages", "periods", "questions", "readiness", "recipes", "truth"),
    )
)
# What takes a minute or more is begun first, so that no process is left alone with it at the end.
LONGEST = (
    WORLDS,
    "dbt_project/test_incremental.py",
    "e2e/test_deliveries.py",
    "soak/test_soak.py",
    "test_documents.py",
    "e2e/test_history.py",
)


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """One process per file, and one for all files that share worlds."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid.partition("::")[0])


def group(file: str) -> str:
    """What is to run in one process, by the file's path in the repository."""
    path = file.removeprefix(f"{HERE.name}/")
    return WORLDS if path in READERS else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    # Otherwise the files with the largest number of tests would come first.
    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, in every process alike."""
    rank = {name: position for position, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(group(item.nodeid.partition("::")[0]), len(rank)))
