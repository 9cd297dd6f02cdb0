"""Dagster's SQLite event log with connections that stay open.

The stock class opens and closes a database file for every event, which makes an event cost about
9 ms; with open connections it is 3 ms. A build with its tests stores some hundreds of events, so
the difference is seconds of every run. The files are the same: `dagster dev` reads them with the
stock class. Only `akutt run` uses this one, for the length of one run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

_BUSY_SECONDS = 60


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """One open connection per database file."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> PooledSqliteEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                # The lock above lets one thread in at a time.
                connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
            )
            # In WAL mode this cannot corrupt the file; a power cut may lose the last events.
            event.listen(engine, "connect", lambda raw, _: raw.execute("pragma synchronous=normal"))
            self._initdb(engine)
            self._engines[shard] = engine
        return self._engines[shard]

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()
