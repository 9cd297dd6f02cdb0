"""gzip and zip, read from their headers; zlib inflates."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from dataclasses import dataclass

from tests.fuzz.oracle.reading import MustRefuseError, UndecidedError


@dataclass(frozen=True)
class Member:
    """A file of a zip archive, as its directory describes it. `fault`: why it cannot be had."""

    name: str
    content: bytes
    fault: str | None = None

    def read(self) -> bytes:
        if self.fault is not None:
            raise MustRefuseError(self.fault)
        return self.content


def gunzipped(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error, ValueError):
        raise MustRefuseError("not gzip") from None


def members(data: bytes) -> list[Member]:
    """The files of an archive, with what is wrong with each: size, check sum, place.

    Raises:
        MustRefuseError: there is no directory.
        UndecidedError: the directory is ambiguous.
    """
    end = data.rfind(b"PK\x05\x06")
    if end < 0 or end + 22 > len(data):
        raise MustRefuseError("no directory")
    disk, start_disk, here, total, size, offset, comment = struct.unpack_from(
        "<4H2IH", data, end + 4
    )
    if disk or start_disk or here != total or end + 22 + comment != len(data):
        raise UndecidedError("directory")
    # Bytes before the archive move everything in it.
    shift = end - size - offset
    if shift < 0:
        raise UndecidedError("directory outside the file")
    at, found = offset + shift, []
    for _ in range(total):
        if data[at : at + 4] != b"PK\x01\x02":
            raise UndecidedError("directory")
        fields = struct.unpack_from("<6H3I5H2I", data, at + 4)
        flags, method, crc, packed, plain = fields[2], fields[3], *fields[6:9]
        name_length, extra, note, place = fields[9], fields[10], fields[11], fields[15]
        name = data[at + 46 : at + 46 + name_length]
        at += 46 + name_length + extra + note
        text = name.decode("utf-8" if flags & 0x800 else "cp437", errors="replace")
        found.append(_member(data, text, place + shift, flags, method, crc, packed, plain))
    if at != end:
        raise UndecidedError("directory")
    return found


def _member(
    data: bytes, name: str, at: int, flags: int, method: int, crc: int, packed: int, plain: int
) -> Member:
    if data[at : at + 4] != b"PK\x03\x04" or at + 30 > len(data):
        return Member(name, b"", "member outside the file")
    name_length, extra = struct.unpack_from("<2H", data, at + 26)
    start = at + 30 + name_length + extra
    raw = data[start : start + packed]
    if flags & 1:
        return Member(name, b"", "encrypted")
    if method not in (0, 8):
        raise UndecidedError("packed in another way")
    try:
        content = raw if method == 0 else zlib.decompressobj(-15).decompress(raw)
    except zlib.error:
        return Member(name, b"", "not deflated data")
    if len(content) > plain:
        raise UndecidedError("more than the directory says")
    if zlib.crc32(content) != crc:
        return Member(name, b"", "wrong check sum")
    return Member(name, content, None if len(content) == plain else "wrong size")


def chosen(data: bytes, pattern: str | None) -> list[bytes]:
    """The members that are the delivery, in name order."""
    everything = members(data)
    if any(item.name.endswith("/") and item.content for item in everything):
        raise UndecidedError("a folder with content")
    files = [
        item
        for item in everything
        if not item.name.endswith("/")
        and not item.name.startswith("__MACOSX/")
        and item.name.rpartition("/")[2] not in (".DS_Store", "Thumbs.db", "desktop.ini")
        and not item.name.rpartition("/")[2].startswith("._")
    ]
    unsafe = [f for f in files if ".." in re.split(r"[/\\]", f.name) or f.name[:1] in ("/", "\\")]
    if unsafe or any(re.match("[A-Za-z]:", item.name) for item in files):
        raise MustRefuseError("path out of the archive")
    if pattern is None:
        if len(files) != 1:
            raise MustRefuseError("not one file")
        return [files[0].read()]
    wanted = [f for f in files if re.fullmatch(pattern, f.name.rpartition("/")[2])]
    if not wanted:
        raise MustRefuseError("no such member")
    if len({item.name for item in wanted}) != len(wanted):
        raise UndecidedError("two members of one name")
    return [item.read() for item in sorted(wanted, key=lambda item: item.name)]
