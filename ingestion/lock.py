"""One intake at a time per lake. The lock dies with its process, however that ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


class BusyError(Exception):
    """Another process holds the lock."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"En annen kjøring er i gang (lås: {path.name}). / Another run is in progress."
        )


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold an operating-system lock on `path` for the duration.

    Raises:
        BusyError: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        if not _try_lock(descriptor):
            raise BusyError(path)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
