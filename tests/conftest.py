"""Which tests share a process when several run side by side (`pytest -n 2 --dist loadgroup`)."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
# They share worlds that take a minute each to build.
TOGETHER = "e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process per file, and one for the whole of `e2e`, which is begun first."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=lambda item: _group(item) != TOGETHER)


def _group(item: pytest.Item) -> str:
    path = item.path.relative_to(HERE)
    return TOGETHER if path.parts[0] == TOGETHER else path.as_posix()
