"""Opening a release: resolve the pointer, attach the file read-only, lock the connection down."""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from reporting.audience import OPEN, chosen, labelled, not_asked_for, releases_of

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
# Releases that stay open in a process, the one used last at the end.
_KEPT_OPEN = 3
# What every release has; without them it is none.
_TABLES = frozenset({"kpi_registry", "kpi_values", "units"})
# The order matters: without external access, nothing can be attached and no folder chosen.
_LOCK_DOWN = (
    "set temp_directory = ''",
    "set enable_external_access = false",
    "set autoinstall_known_extensions = false",
    "set autoload_known_extensions = false",
    # Tables are those of the release, never variables of the calling program.
    "set python_enable_replacements = false",
    "set memory_limit = '4GB'",
    "set lock_configuration = true",
)


P = ParamSpec("P")
T = TypeVar("T")


class NoReleaseError(RuntimeError):
    """There is no release to read."""


class DamagedReleaseError(NoReleaseError):
    """There is a release, and its files cannot be read."""


class NotForThisAudienceError(NoReleaseError):
    """The release is for others than were asked for."""


@dataclass(eq=False)
class Release:
    """An open release. Readers keep seeing it, whole, even when a newer one is published."""

    release_id: str
    path: Path
    metadata: Mapping[str, Any] = field(repr=False)
    connection: duckdb.DuckDBPyConnection = field(repr=False)
    # Where its tables are; and the units that are in them, when these are not all.
    schema: str = field(default="release", repr=False)
    permitted: frozenset[tuple[str, str]] | None = field(default=None, repr=False)
    # What `once` keeps.
    kept: dict[object, Any] = field(default_factory=dict, repr=False)

    @property
    def audience(self) -> str:
        """Whom it is for. Releases that do not say are for everyone."""
        return str(self.metadata.get("audience") or OPEN)

    @property
    def edition(self) -> str:
        """Its id, and which units are in it: what differs in either is not the same."""
        if self.permitted is None:
            return self.release_id
        units = json.dumps(sorted(self.permitted))
        return f"{self.release_id}-{hashlib.sha256(units.encode()).hexdigest()[:12]}"

    @property
    def label(self) -> str:
        """Its id and whom it is for, for people."""
        return labelled(self.release_id, self.audience)

    @contextlib.contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own on the tables of the release, for one thread.

        Raises:
            DamagedReleaseError: what is stored cannot be read; the next who asks opens it anew.
        """
        import duckdb

        try:
            with self.connection.cursor() as cursor:
                cursor.execute(f"use {self.schema}")
                yield cursor
        except duckdb.Error as error:
            if not _is_damage(error):
                raise
            _let_go(self)
            raise _damaged(self.release_id, error) from error

    def sql(self, statement: str, parameters: list[Any] | None = None) -> pl.DataFrame:
        """The result of one read-only statement."""
        with self.cursor() as cursor:
            relation = cursor.sql(statement, params=parameters or [])
            if relation is None:
                raise ValueError("the statement gives no rows")
            frame: pl.DataFrame = relation.pl()
            return frame

    def rows(
        self, statement: str, parameters: list[Any] | dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The same as dictionaries, for small tables and without loading polars."""
        with self.cursor() as cursor:
            found = cursor.execute(statement, parameters or [])
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def table(self, name: str) -> pl.DataFrame:
        """A whole table of the release."""
        if not self.has(name):
            raise KeyError(name)
        return self.sql(f'select * from "{name}"')

    @functools.cached_property
    def columns(self) -> Mapping[str, frozenset[str]]:
        """The columns of each table. Releases of different ages have different ones."""
        found: dict[str, set[str]] = {}
        for row in self.rows(
            "select table_name, column_name from duckdb_columns()"
            " where database_name = 'release' and not internal"
        ):
            found.setdefault(row["table_name"], set()).add(row["column_name"])
        return {name: frozenset(columns) for name, columns in found.items()}

    def has(self, table: str, *columns: str) -> bool:
        """Whether the release has the table, and the columns in it."""
        return table in self.columns and set(columns) <= self.columns[table]

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


def once(read: Callable[Concatenate[Release, P], T]) -> Callable[Concatenate[Release, P], T]:
    """What `read` gives of a release, kept with it: a release never changes.

    For what is small and asked for often; whoever is given it leaves it as it is.
    """

    @functools.wraps(read)
    def kept(release: Release, /, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (read, *args, *kwargs.items())
        if key not in release.kept:
            release.kept[key] = read(release, *args, **kwargs)
        found: T = release.kept[key]
        return found

    return kept


def default_releases_dir(audience: str = OPEN) -> Path:
    """`releases/` under AKUTT_HOME or under ./data, or the folder of another audience there."""
    home = Path(os.environ.get("AKUTT_HOME") or "data").expanduser().resolve()
    return releases_of(home / "releases", audience)


def current_release_id(releases_dir: Path) -> str:
    """The id that the pointer names."""
    try:
        release_id = (releases_dir / POINTER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        release_id = ""
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(POINTER, error) from error
    if not release_id:
        raise NoReleaseError(no_release(releases_dir))
    return release_id


def published(releases_dir: Path, audience: str | None = None) -> list[Mapping[str, Any]]:
    """What each release of the audience says about itself, the newest first."""
    asked = chosen(audience)
    found: list[Mapping[str, Any]] = []
    for path in releases_dir.glob(f"*/{METADATA}"):
        # A release that is being made has a folder with a dot; one may be pruned at any time.
        if path.parent.name.startswith("."):
            continue
        try:
            metadata = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(metadata, dict) and str(metadata.get("audience") or OPEN) == asked:
            found.append({**metadata, "release_id": path.parent.name})
    found.sort(key=lambda row: (str(row.get("created_at")), row["release_id"]), reverse=True)
    return found


def no_release(releases_dir: Path) -> str:
    """What to tell where there is none: most often the command was run in another folder."""
    return (
        f"Ingen utgivelse i {releases_dir}. Sett AKUTT_HOME til mappen som har releases/ "
        "(ellers brukes ./data), eller kjør `akutt run`. / "
        f"No release in {releases_dir}. Set AKUTT_HOME to the folder that holds releases/ "
        "(otherwise ./data is used), or run `akutt run`."
    )


def open_current(releases_dir: Path | None = None, audience: str | None = None) -> Release:
    """Open the current release of the audience asked for."""
    asked = chosen(audience)
    folder = releases_dir or default_releases_dir(asked)
    return _patiently(folder, lambda: open_release(folder, current_release_id(folder), asked))


def open_release(releases_dir: Path, release_id: str, audience: str | None = None) -> Release:
    """Open one release by its id.

    Raises:
        NoReleaseError: there is none of that id.
        DamagedReleaseError: there is one, and it cannot be read.
        NotForThisAudienceError: it is for others than were asked for.
    """
    import duckdb

    path = releases_dir / release_id
    connection = duckdb.connect(":memory:")
    try:
        metadata = json.loads((path / METADATA).read_text(encoding="utf-8"))
        if not isinstance(metadata, dict):
            raise ValueError(METADATA)
        _refuse_others(release_id, str(metadata.get("audience") or OPEN), chosen(audience))
        # Attached and not opened, so that the same process can still open the file by itself with
        # other settings: DuckDB allows one set of settings per opened file and process.
        connection.execute(f"attach {_quoted(path / DATABASE)} as release (read_only)")
        connection.execute("use release")
        for statement in _LOCK_DOWN:
            connection.execute(statement)
        release = Release(release_id, path, metadata, connection)
        if lacking := _TABLES - release.columns.keys():
            raise ValueError(f"{DATABASE}: {', '.join(sorted(lacking))}")
    except NoReleaseError:
        connection.close()
        raise
    except (OSError, ValueError, duckdb.Error) as error:
        connection.close()
        if (path / METADATA).is_file() and (path / DATABASE).is_file():
            raise _damaged(release_id, error) from error
        raise NoReleaseError(
            f"Utgivelse {release_id} kan ikke åpnes / cannot be opened: {error}"
        ) from error
    return release


def _damaged(what: str, error: Exception) -> DamagedReleaseError:
    return DamagedReleaseError(f"Utgivelse {what} kan ikke leses / cannot be read: {error}")


def _is_damage(error: Exception) -> bool:
    """Whether the engine could not read what is stored, whatever was asked."""
    import duckdb

    # A checksum that does not match is an error of no class of its own.
    return type(error) is duckdb.Error or isinstance(
        error,
        duckdb.IOException
        | duckdb.FatalException
        | duckdb.InternalException
        | duckdb.SerializationException,
    )


_open: OrderedDict[Path, Release] = OrderedDict()
# Whoever opens a release may find that it is to be let go of.
_open_lock = threading.RLock()


def shared(
    release: str | Path | None = None,
    releases_dir: Path | None = None,
    audience: str | None = None,
) -> Release:
    """A release that stays open for the next call. The pointer is read again each time.

    `release` is an id or its beginning, or the folder of a release wherever it was copied; without
    it the current one. Only a release of the audience asked for is opened.
    """
    asked = chosen(audience)
    folder = releases_dir or default_releases_dir(asked)
    if release is None:
        return _patiently(folder, lambda: _keep_open(folder / current_release_id(folder), asked))
    if isinstance(release, Path) or (Path(release) / METADATA).is_file():
        return _keep_open(Path(release).expanduser().resolve(), asked)
    return _keep_open(folder / _full_id(folder, release), asked)


def close_shared() -> None:
    """Let go of every release that `shared` has open."""
    with _open_lock:
        while _open:
            _open.popitem()[1].close()


def _keep_open(path: Path, asked: str) -> Release:
    with _open_lock:
        release = _open.get(path)
        if release is not None:
            _refuse_others(release.release_id, release.audience, asked)
        else:
            release = open_release(path.parent, path.name, asked)
            if not _open:
                atexit.register(close_shared)
            _open[path] = release
        _open.move_to_end(path)
        while len(_open) > _KEPT_OPEN:
            # Not closed here: another thread may be reading. It closes when the last one is done.
            _open.popitem(last=False)
        return release


def _let_go(release: Release) -> None:
    with _open_lock:
        held = _open.get(release.path)
        if held is release or release.permitted is not None:
            _open.pop(release.path, None)


def _refuse_others(release_id: str, audience: str, asked: str) -> None:
    if audience != asked:
        raise NotForThisAudienceError(not_asked_for(release_id, audience, asked))


def _full_id(releases_dir: Path, beginning: str) -> str:
    found = sorted(
        path.parent.name
        for path in releases_dir.glob(f"*/{METADATA}")
        if path.parent.name.startswith(beginning)
    )
    if beginning in found:
        return beginning
    if len(found) != 1:
        which = "er flertydig / is ambiguous" if found else "finnes ikke / does not exist"
        raise NoReleaseError(f"Utgivelse / release {beginning!r} {which}: {', '.join(found)}")
    return found[0]


def _patiently(releases_dir: Path, attempt: Callable[[], Release]) -> Release:
    problem: Exception | None = None
    for number in range(_ATTEMPTS):
        if number:
            time.sleep(_WAIT_SECONDS)
        current_release_id(releases_dir)
        try:
            return attempt()
        except (NotForThisAudienceError, DamagedReleaseError):
            raise
        except NoReleaseError as error:
            problem = error
    raise NoReleaseError(f"{problem}")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
