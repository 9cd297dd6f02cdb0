"""One writer at a time, across processes.

The lock belongs to the open file, so the operating system releases it when the process ends,
however it ends: a killed run never leaves a lock behind.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_held: dict[Path, tuple[IO[bytes], int]] = {}
_guard = threading.RLock()


class LockBusyError(RuntimeError):
    """Somebody else holds the lock."""


@contextmanager
def exclusive(
    path: Path, *, wait_seconds: float = 0.0, what: str = "", reentrant: bool = False
) -> Iterator[None]:
    """Hold `path` as a lock.

    Args:
        path: the file that is locked; it is made if need be, and stays.
        wait_seconds: how long to wait for whoever holds it.
        what: what is locked, for the message; else the name of the file.
        reentrant: let this process take it again, on any thread, while it holds it.

    Raises:
        LockBusyError: somebody else holds it.
    """
    if not reentrant:
        handle = _acquire(path, wait_seconds, what)
        try:
            yield
        finally:
            handle.close()
        return
    key = path.resolve()
    with _guard:
        handle, depth = _held.get(key) or (_acquire(path, wait_seconds, what), 0)
        _held[key] = (handle, depth + 1)
    try:
        yield
    finally:
        with _guard:
            handle, depth = _held.pop(key)
            if depth > 1:
                _held[key] = (handle, depth - 1)
            else:
                handle.close()


def is_held(path: Path) -> bool:
    """Whether a process holds `path` as a lock. It is neither made nor written to."""
    try:
        handle = path.open("rb")
    except FileNotFoundError:
        return False
    except OSError:
        return True  # somebody else's
    with handle:
        return not _try_lock(handle, shared=True)


def _acquire(path: Path, wait_seconds: float, what: str) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("ab")
    deadline = time.monotonic() + wait_seconds
    while not _try_lock(handle):
        if time.monotonic() >= deadline:
            handle.close()
            raise LockBusyError(
                f"En annen prosess arbeider her ({what or path.name}). Vent til den er ferdig. / "
                f"Another process is at work here ({what or path.name}). Wait until it has ended."
            )
        time.sleep(0.05)
    return handle


def _try_lock(handle: IO[bytes], *, shared: bool = False) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            handle.seek(0)
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
