"""A delivery: one file as it lies in the inbox, and what reading it gave."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ingestion.errors import FileRefusedError
from ingestion.readers.raw import RawFile

# In a stack of deliveries: which of them a row came from.
FILE_INDEX = "_file"


@dataclass(frozen=True)
class Delivery:
    """One file of one source.

    Attributes:
        content: its rows, or why it must be refused.
        replay_of: the batch that is replayed.
        manifest: what tells the manifest it came with from another; None without one.
        quarantined: in a replay of a file that was judged before, the numbers of the rows that are
            in quarantine, and are judged again; None: all of the file is judged.
        accepted_rows: number and id of the rows that were accepted before: they are left alone.
    """

    file_name: str
    file_id: str
    size_bytes: int
    mtime_ns: int
    delivered_on: dt.date | None
    content: RawFile | FileRefusedError
    replay_of: str | None = None
    ctime_ns: int | None = None
    manifest: str | None = None
    quarantined: frozenset[int] | None = None
    accepted_rows: frozenset[tuple[int, str]] = frozenset()

    @property
    def raw(self) -> RawFile:
        """The rows, of a delivery that could be read."""
        if isinstance(self.content, FileRefusedError):
            raise self.content
        return self.content

    @property
    def broken(self) -> tuple[tuple[int, str], ...]:
        """Number and code of the records that are no rows."""
        return self.raw.broken

    @property
    def is_judged_in_part(self) -> bool:
        """Whether only what is in quarantine is judged."""
        return self.quarantined is not None
