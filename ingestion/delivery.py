"""A delivery: one file as it lies in the inbox, and what reading it gave."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ingestion.errors import FileRefusedError
from ingestion.readers.raw import ROW_NUMBER, RawFile

# In a stack of deliveries: which of them a row came from.
FILE_INDEX = "_file"


@dataclass(frozen=True)
class Delivery:
    """One file of one source.

    Attributes:
        content: its rows, or why it must be refused.
        only_rows: judge these row numbers only (a replay); all when None.
        replay_of: the batch that is replayed.
    """

    file_name: str
    file_id: str
    size_bytes: int
    mtime_ns: int
    delivered_on: dt.date | None
    content: RawFile | FileRefusedError
    only_rows: frozenset[int] | None = None
    replay_of: str | None = None
    ctime_ns: int | None = None

    @property
    def raw(self) -> RawFile:
        """The rows, of a delivery that could be read."""
        if isinstance(self.content, FileRefusedError):
            raise self.content
        return self.content

    @property
    def broken(self) -> list[tuple[int, str]]:
        """Number and code of the records that are no rows, among those to be judged."""
        wanted = self.only_rows
        return [(n, code) for n, code in self.raw.broken if wanted is None or n in wanted]

    @property
    def rows_to_judge(self) -> int:
        """How many rows must be accounted for."""
        if self.only_rows is None:
            return self.raw.rows_read
        rows = self.raw.frame[ROW_NUMBER].is_in(sorted(self.only_rows))
        return int(rows.sum()) + len(self.broken)
