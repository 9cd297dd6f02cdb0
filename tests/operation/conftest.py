"""A PostgreSQL server for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.operation.postgres import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    # Not below pytest's folders, which are this user's alone.
    with TemporaryDirectory() as folder:
        made = Server.made(Path(folder))
        yield made
        made.stop()
