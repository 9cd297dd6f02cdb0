"""Unpack a delivery within bounds: a hostile or broken archive must not hurt the machine."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import PurePosixPath, PureWindowsPath
from typing import Literal

from ingestion.errors import FileRefusedError

MAX_UNPACKED_BYTES = 2 * 1024**3
# Real extracts shrink 5 to 30 times; text made of one repeated byte shrinks a thousand times.
MAX_RATIO = 200
RATIO_FROM_BYTES = 32 * 1024**2
_CHUNK = 16 * 1024**2


def unpack(data: bytes, compression: Literal["none", "gzip", "zip"]) -> bytes:
    """The payload of a delivery.

    Raises:
        FileRefusedError: FILE_EMPTY, FILE_TRUNCATED, FILE_UNREADABLE, FILE_ARCHIVE_BOMB or
            FILE_ARCHIVE_PATH.
    """
    if not data:
        raise FileRefusedError("FILE_EMPTY", "filen har 0 byte", "the file has 0 bytes")
    match compression:
        case "none":
            return data
        case "gzip":
            return _gunzip(data)
        case "zip":
            return _unzip(data)


def _too_large(size: int, packed: int) -> bool:
    return size > MAX_UNPACKED_BYTES or (size > RATIO_FROM_BYTES and size > packed * MAX_RATIO)


def _gunzip(data: bytes) -> bytes:
    parts: list[bytes] = []
    size = 0
    rest = data
    while rest:
        stream = zlib.decompressobj(wbits=31)
        pending = rest
        while not stream.eof:
            try:
                part = stream.decompress(pending, _CHUNK)
            except zlib.error as error:
                raise FileRefusedError(
                    "FILE_UNREADABLE", "ikke gyldig gzip", "not valid gzip"
                ) from error
            size += len(part)
            if _too_large(size, len(data)):
                raise FileRefusedError("FILE_ARCHIVE_BOMB")
            parts.append(part)
            pending = stream.unconsumed_tail
            if not part and not pending and not stream.eof:
                raise FileRefusedError(
                    "FILE_TRUNCATED", "gzip slutter for tidlig", "gzip ends too early"
                )
        rest = stream.unused_data
    return b"".join(parts)


def _unsafe(name: str) -> bool:
    return (
        PurePosixPath(name).is_absolute()
        or PureWindowsPath(name).is_absolute()
        or bool(PureWindowsPath(name).drive)
        or ".." in PureWindowsPath(name).parts
    )


def check_zip(archive: zipfile.ZipFile, packed: int) -> None:
    """Refuse an archive with unsafe member names or an unreasonable unpacked size."""
    if any(_unsafe(member.filename) for member in archive.infolist()):
        raise FileRefusedError("FILE_ARCHIVE_PATH")
    if _too_large(sum(member.file_size for member in archive.infolist()), packed):
        raise FileRefusedError("FILE_ARCHIVE_BOMB")


def _unzip(data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_zip(archive, len(data))
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise FileRefusedError(
                    "FILE_UNREADABLE",
                    f"arkivet har {len(members)} filer, ventet 1",
                    f"the archive holds {len(members)} files, expected 1",
                )
            with archive.open(members[0]) as stream:
                # The size in the directory may lie: read one byte beyond what it may be.
                limit = min(MAX_UNPACKED_BYTES, members[0].file_size) + 1
                payload = stream.read(limit)
            if len(payload) == limit:
                raise FileRefusedError("FILE_ARCHIVE_BOMB")
            return payload
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise FileRefusedError("FILE_UNREADABLE", "ikke gyldig zip", "not a valid zip") from error
