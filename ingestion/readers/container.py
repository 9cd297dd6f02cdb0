"""Unpack a delivery within bounds: a hostile or broken archive must not hurt the machine.

Names of members are never repeated in a message: they can hold what a person wrote.
"""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import Literal

from ingestion.errors import FileRefusedError

MAX_UNPACKED_BYTES = 2 * 1024**3
# Real extracts shrink 5 to 30 times; text made of one repeated byte shrinks a thousand times.
MAX_RATIO = 200
RATIO_FROM_BYTES = 32 * 1024**2
MAX_MEMBERS = 10_000
_CHUNK = 16 * 1024**2
# Small pieces in: what is left over after each gzip member is copied.
_PIECE = 256 * 1024
_GZIP_MEMBERS = 100_000
_GZIP_START = b"\x1f\x8b"
_ZIP_START = b"PK\x03\x04"
_ENCRYPTED = 0x1
_WORKBOOKS = (".xlsx", ".xlsm", ".ods")
# What macOS and Windows put into archives beside the files.
_LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini"})

Compression = Literal["none", "gzip", "zip"]


def unpack(data: bytes, compression: Compression) -> bytes:
    """The payload of a delivery that is one file.

    Raises:
        FileRefusedError: FILE_EMPTY, FILE_TRUNCATED, FILE_UNREADABLE, FILE_ARCHIVE_BOMB or
            FILE_ARCHIVE_PATH.
    """
    return unpack_members(data, compression, None)[0]


def unpack_members(data: bytes, compression: Compression, members: str | None) -> list[bytes]:
    """The payloads of a delivery, in name order: one, unless `members` chooses several.

    Args:
        members: regular expression that the file names (without folder) of the archive members to
            read match in full; without it the archive has exactly one file.

    Raises:
        FileRefusedError: FILE_EMPTY, FILE_TRUNCATED, FILE_UNREADABLE, FILE_ARCHIVE_BOMB or
            FILE_ARCHIVE_PATH.
    """
    if not data:
        raise FileRefusedError("FILE_EMPTY", "filen har 0 byte", "the file has 0 bytes")
    match compression:
        case "none":
            return [data]
        case "gzip":
            return [_gunzip(data)]
        case "zip":
            return _unzip(data, members)


def check_zip(archive: zipfile.ZipFile, packed: int) -> None:
    """Refuse an archive with unsafe member names or an unreasonable unpacked size."""
    if any(_unsafe(member.filename) for member in archive.infolist()):
        raise FileRefusedError(
            "FILE_ARCHIVE_PATH",
            "en fil i arkivet har en sti som peker ut av det; pakk filene uten stier",
            "a file of the archive has a path that points outside it; pack the files without paths",
        )
    size = sum(member.file_size for member in archive.infolist())
    if _too_large(size, packed):
        raise _bomb(f"{size} byte utpakket, {packed} pakket", f"{size} bytes of {packed} packed")


def _too_large(size: int, packed: int) -> bool:
    return size > MAX_UNPACKED_BYTES or (size > RATIO_FROM_BYTES and size > packed * MAX_RATIO)


def _bomb(nb: str, en: str) -> FileRefusedError:
    return FileRefusedError("FILE_ARCHIVE_BOMB", nb, en)


def _unreadable(nb: str, en: str) -> FileRefusedError:
    return FileRefusedError("FILE_UNREADABLE", nb, en)


# --- gzip -------------------------------------------------------------------------------------


def _gunzip(data: bytes) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in _inflated(data):
        size += len(part)
        if _too_large(size, len(data)):
            raise _bomb(
                f"mer enn {size} byte av {len(data)} pakkede",
                f"more than {size} bytes of {len(data)} packed",
            )
        parts.append(part)
    return b"".join(parts)


def _inflated(data: bytes) -> Iterator[bytes]:
    """The content of the gzip members that the data is made of, piece by piece."""
    position = 0
    for _ in range(_GZIP_MEMBERS):
        if data[position : position + 2] != _GZIP_START:
            if position:
                raise _unreadable("data etter slutten av gzip", "data after the end of the gzip")
            raise _unreadable("ikke gyldig gzip", "not valid gzip")
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            piece = stream.unconsumed_tail
            if not piece:
                piece = data[position : position + _PIECE]
                position += len(piece)
            try:
                part = stream.decompress(piece, _CHUNK)
            except zlib.error as error:
                raise _unreadable("ikke gyldig gzip", "not valid gzip") from error
            if not part and not piece and not stream.eof:
                raise FileRefusedError(
                    "FILE_TRUNCATED", "gzip slutter for tidlig", "gzip ends too early"
                )
            yield part
        position -= len(stream.unused_data)
        # Tapes and block devices fill the last block with zeros.
        while data[position : position + 1] == b"\x00":
            rest = data[position : position + _PIECE]
            position += len(rest) - len(rest.lstrip(b"\x00"))
        if position == len(data):
            return
    raise _bomb(f"mer enn {_GZIP_MEMBERS} deler", f"more than {_GZIP_MEMBERS} members")


# --- zip --------------------------------------------------------------------------------------


# A name that is no path out of the archive on any system: looked at first, as most are such.
_PLAIN_NAME = re.compile(
    r"[A-Za-z0-9_\[][A-Za-z0-9_\[\]-]*(?:(?:/[.]?|[.])[A-Za-z0-9_\[\]-]+)*", re.ASCII
)


def _unsafe(name: str) -> bool:
    return not _PLAIN_NAME.fullmatch(name) and (
        PurePosixPath(name).is_absolute()
        or PureWindowsPath(name).is_absolute()
        or bool(PureWindowsPath(name).drive)
        or ".." in PureWindowsPath(name).parts
    )


def _unzip(data: bytes, members: str | None) -> list[bytes]:
    if data.startswith(_ZIP_START) and not zipfile.is_zipfile(io.BytesIO(data)):
        raise FileRefusedError("FILE_TRUNCATED", "zip slutter for tidlig", "the zip ends too early")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_zip(archive, len(data))
            return [_content(archive, member) for member in _chosen(archive, members)]
    except (
        *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
        *(NotImplementedError, RuntimeError, ValueError),
    ) as error:
        raise _unreadable("ikke gyldig zip", "not a valid zip") from error


def _chosen(archive: zipfile.ZipFile, pattern: str | None) -> list[zipfile.ZipInfo]:
    """The members to read, in name order."""
    files = [member for member in archive.infolist() if not _is_litter(member)]
    if len({member.filename for member in files}) < len(files):
        raise _unreadable(
            "to filer i arkivet har samme navn", "two files of the archive have the same name"
        )
    if pattern is None:
        if len(files) != 1:
            raise _unreadable(
                f"arkivet har {len(files)} filer, ventet 1",
                f"the archive holds {len(files)} files, expected 1",
            )
        return files
    wanted = re.compile(pattern)
    chosen = [member for member in files if wanted.fullmatch(_file_name(member))]
    if not chosen:
        raise _unreadable(
            f"ingen av arkivets {len(files)} filer heter som kilden venter (members)",
            f"none of the {len(files)} files in the archive is named as the source says (members)",
        )
    if len(chosen) > MAX_MEMBERS:
        raise _bomb(f"{len(chosen)} filer, høyst {MAX_MEMBERS}", f"{len(chosen)} files")
    return sorted(chosen, key=lambda member: (_file_name(member), member.filename))


def _file_name(member: zipfile.ZipInfo) -> str:
    return PurePosixPath(member.filename).name


def _is_litter(member: zipfile.ZipInfo) -> bool:
    name = _file_name(member)
    return (
        (member.is_dir() and member.file_size == 0)
        or "__MACOSX" in PurePosixPath(member.filename).parts
        or name.startswith("._")
        or name.lower() in _LITTER
    )


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.flag_bits & _ENCRYPTED:
        raise _unreadable("arkivet er kryptert", "the archive is encrypted")
    with archive.open(member) as stream:
        # The size in the directory may lie: never more than it says, and not less.
        payload = stream.read(member.file_size)
        if len(payload) != member.file_size or stream.read(1):
            raise _unreadable(
                "arkivet oppgir feil størrelse", "the archive states a wrong size for a file"
            )
    if payload.startswith(_GZIP_START) or (
        payload.startswith(_ZIP_START) and not member.filename.lower().endswith(_WORKBOOKS)
    ):
        raise _unreadable("arkiv i arkivet", "an archive within the archive")
    return payload
