"""Opening a release: resolve the pointer, open the file read-only, lock the connection down."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import duckdb
    import polars as pl

POINTER = "current"
DATABASE = "akutt.duckdb"
METADATA = "metadata.json"
# Between reading the pointer and opening the file the release may be pruned. Each new attempt reads
# the pointer again, so losing this race twice in a row takes two publications in a millisecond.
_ATTEMPTS = 20
_WAIT_SECONDS = 0.05


class NoReleaseError(RuntimeError):
    """There is no release to read."""


@dataclass
class Release:
    """An open release. Readers keep seeing it, whole, even when a newer one is published."""

    release_id: str
    path: Path
    metadata: Mapping[str, Any] = field(repr=False)
    connection: duckdb.DuckDBPyConnection = field(repr=False)

    def sql(self, statement: str, parameters: list[Any] | None = None) -> pl.DataFrame:
        """The result of one read-only statement. Each call has a cursor of its own."""
        with self.connection.cursor() as cursor:
            relation = cursor.sql(statement, params=parameters or [])
            if relation is None:
                raise ValueError("the statement gives no rows")
            frame: pl.DataFrame = relation.pl()
            return frame

    def table(self, name: str) -> pl.DataFrame:
        """A whole table of the release."""
        if name not in self.metadata["tables"]:
            raise KeyError(name)
        return self.sql(f'select * from "{name}"')

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def default_releases_dir() -> Path:
    """`releases/` under AKUTT_HOME, or under ./data."""
    return Path(os.environ.get("AKUTT_HOME") or "data").expanduser().resolve() / "releases"


def current_release_id(releases_dir: Path) -> str:
    """The id that the pointer names."""
    try:
        release_id = (releases_dir / POINTER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        release_id = ""
    if not release_id:
        raise NoReleaseError(
            f"Ingen utgivelse i {releases_dir}. Kjør `akutt run`. / "
            f"No release in {releases_dir}. Run `akutt run`."
        )
    return release_id


def open_current(releases_dir: Path | None = None) -> Release:
    """Open the current release."""
    folder = releases_dir or default_releases_dir()
    problem: Exception | None = None
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_WAIT_SECONDS)
        release_id = current_release_id(folder)
        try:
            return open_release(folder, release_id)
        except NoReleaseError as error:
            problem = error
    raise NoReleaseError(f"{problem}")


def open_release(releases_dir: Path, release_id: str) -> Release:
    """Open one release by its id."""
    import duckdb

    path = releases_dir / release_id
    try:
        metadata = json.loads((path / METADATA).read_text(encoding="utf-8"))
        connection = duckdb.connect(
            str(path / DATABASE),
            read_only=True,
            config={
                "enable_external_access": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "lock_configuration": "true",
            },
        )
    except (OSError, duckdb.IOException) as error:
        raise NoReleaseError(
            f"Utgivelse {release_id} kan ikke åpnes / cannot be opened: {error}"
        ) from error
    return Release(release_id, path, metadata, connection)
