"""Files copied so that what was written is what was read, and rights that are the owner's alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from orchestration.backup.manifest import BackupError, Stamp

_CHUNK = 4 * 1024**2


class HoldsKeyError(Exception):
    """A file has the key of the pseudonyms in it."""


def stamp(path: Path) -> Stamp:
    """What a file is known by without being read.

    Raises:
        BackupError: it cannot be looked at.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def copy(source: Path, target: Path, *, key: bytes = b"") -> str:
    """Copy a file, synced and read back; returns its SHA-256.

    Args:
        key: what must not be copied; empty when nothing is known that must not.

    Raises:
        BackupError: it cannot be read, changes meanwhile, or does not read back as it was.
        HoldsKeyError: it has the key in it.
    """
    before = stamp(source)
    digest = hashlib.sha256()
    tail = b""
    try:
        incoming = source.open("rb")
    except OSError as error:
        raise unreadable(source, error) from error
    with incoming, target.open("xb") as outgoing:
        while chunk := _read(incoming, source):
            if key and key in tail + chunk:
                raise HoldsKeyError
            tail = chunk[-len(key) :] if key else b""
            digest.update(chunk)
            outgoing.write(chunk)
        outgoing.flush()
        os.fsync(outgoing.fileno())
        if hasattr(os, "posix_fadvise"):
            # What is read back is to come from the disk, not from memory.
            os.posix_fadvise(outgoing.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if stamp(source) != before:
        raise BackupError(
            f"endret seg mens den ble kopiert; prøv igjen når den er i ro / changed while it was "
            f"copied; try again when it is left alone: {source}"
        )
    if sha256(target) != digest.hexdigest():
        raise BackupError(
            f"ble ikke som den skulle; se på disken / did not read back as written; look at the "
            f"disk: {target}"
        )
    return digest.hexdigest()


def sha256(path: Path) -> str:
    """The SHA-256 of a file.

    Raises:
        BackupError: it cannot be read.
    """
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> BackupError:
    """What to tell of a file or folder that cannot be read."""
    return BackupError(f"kan ikke leses / cannot be read: {path} ({error.strerror or error})")


@contextmanager
def owner_only() -> Iterator[None]:
    """Leave what is made meanwhile to its owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _read(handle: IO[bytes], path: Path) -> bytes:
    try:
        return handle.read(_CHUNK)
    except OSError as error:
        raise unreadable(path, error) from error
