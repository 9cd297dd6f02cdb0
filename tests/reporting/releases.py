"""What tests of readers do with releases: change a copy of them, serve them."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import uvicorn

from reporting.web.app import make_app


def changed(releases: Path, folder: Path, statements: str) -> Path:
    """A copy of releases in a new folder, with SQL run in the current one; returns the folder."""
    shutil.copytree(releases, folder)
    database = folder / (folder / "current").read_text().strip() / "akutt.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(statements)
    return folder


@contextmanager
def served(releases: Path) -> Iterator[str]:
    """The address of a server of these releases, on a port that is free."""
    config = uvicorn.Config(make_app(releases), host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
