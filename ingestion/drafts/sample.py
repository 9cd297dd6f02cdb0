"""A sample as it was sent: how the file is written, its columns, its first records.

The drafter looks with its own eyes: it must make sense of a file before anybody has said how it is
written, and it forgives what a reader must refuse.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ingestion.drafts.looked_at import MAX_SAMPLE_BYTES, Sample, SampleError
from ingestion.drafts.tables import from_parquet, from_text_table, from_workbook
from ingestion.drafts.text import decoded
from ingestion.drafts.trees import from_json, from_xml
from ingestion.errors import FileRefusedError
from ingestion.readers.container import check_zip, unpack

_GZIP, _ZIP, _OLE, _PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
# What the standard library raises on damaged or encrypted archives.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    NotImplementedError,
    EOFError,
    ValueError,
    OSError,
)
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"


def read_sample(path: Path) -> Sample:
    """Look at a file: format, encoding, header row, columns and at most 50,000 records.

    Raises:
        SampleError: the file is in none of the formats that a source can have, or is damaged.
    """
    return look_at(path.name, path.read_bytes())


def look_at(name: str, data: bytes) -> Sample:
    """As `read_sample`, of bytes.

    Raises:
        SampleError: the file is in none of the formats that a source can have, or is damaged.
    """
    if not data:
        raise SampleError("filen er tom (0 byte)", "the file is empty (0 bytes)")
    try:
        return _unpacked(name, data)
    except FileRefusedError as error:
        raise SampleError(
            f"{error.code}: {error.detail_nb or 'filen kan ikke pakkes ut'}",
            f"{error.code}: {error.detail_en or 'the file cannot be unpacked'}",
        ) from error


def _unpacked(name: str, data: bytes) -> Sample:
    if data[:2] == _GZIP:
        return _packed(_payload(name, unpack(data, "gzip")), "gzip")
    if data[:4] == _ZIP and (kind := _workbook_kind(data)):
        return from_workbook(name, data, kind)
    if data[:4] == _ZIP:
        return _zipped(name, data)
    return _payload(name, data)


def _payload(name: str, data: bytes) -> Sample:
    if not data:
        raise SampleError("filen er tom", "the file is empty")
    if data[:4] == _PARQUET:
        return from_parquet(name, data)
    if data[:4] == _ZIP and (kind := _workbook_kind(data)):
        return from_workbook(name, data, kind)
    if data[:4] == _OLE:
        return from_workbook(name, data, "xls")
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    is_whole = start[:1] in (b"<", b"[", b"{") or data[:2] in (b"\xff\xfe", b"\xfe\xff")
    text, encoding = decoded(data if is_whole else _first_lines(data))
    body = text.lstrip("\ufeff \t\r\n")
    look: Callable[[str, str], Sample] = from_text_table
    if re.match(r"<(\?xml|!--|!DOCTYPE|[A-Za-z_])", body):
        return _encoded(from_xml(name, data, body), encoding, default="any")
    if body[:1] in ("{", "["):
        look = from_json
    return _encoded(look(name, text), encoding)


def _first_lines(data: bytes) -> bytes:
    """At most so much of a text, to a line end."""
    if len(data) <= MAX_SAMPLE_BYTES:
        return data
    cut = data[:MAX_SAMPLE_BYTES]
    return cut[: max(cut.rfind(b"\n"), cut.rfind(b"\r")) + 1] or cut


def _encoded(sample: Sample, encoding: str, default: str = "utf-8") -> Sample:
    if encoding == default or default == "any":
        return sample
    return replace(sample, format=sample.format | {"encoding": encoding})


def _packed(sample: Sample, compression: str) -> Sample:
    return replace(sample, format=sample.format | {"compression": compression})


def _workbook_kind(data: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_zip(archive, len(data))
            names = set(archive.namelist())
            if "[Content_Types].xml" in names:
                return "xlsx"
            if "mimetype" in names and archive.read("mimetype").strip() == _ODS:
                return "ods"
    except _ZIP_ERRORS as error:
        raise SampleError("ikke en gyldig zip-fil", "not a valid zip file") from error
    return None


def _zipped(name: str, data: bytes) -> Sample:
    """The first member that is data: what macOS and Windows add to an archive is not."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [
            member
            for member in archive.infolist()
            if not member.is_dir() and not _is_rubbish(member.filename)
        ]
        if not members:
            raise SampleError("arkivet har ingen datafil", "the archive holds no data file")
        members.sort(key=lambda member: member.filename)
        try:
            payload = archive.read(members[0])
        except _ZIP_ERRORS as error:
            raise SampleError(
                "arkivet er skadet eller har passord", "the archive is damaged or has a password"
            ) from error
    sample = _packed(_payload(name, payload), "zip")
    if len(members) == 1:
        return sample
    endings = {PurePosixPath(member.filename).suffix for member in members}
    ending = endings.pop()
    is_one = not endings and re.fullmatch(r"\.[A-Za-z][A-Za-z0-9]{0,7}", ending)
    pattern = f".*{re.escape(ending)}" if is_one else ".*"
    note = (
        f"arkivet har {len(members)} filer, den første er sett på: se på `members`",
        f"the archive holds {len(members)} files, the first was looked at: see `members`",
    )
    return replace(sample, format=sample.format | {"members": pattern}, notes=(*sample.notes, note))


def _is_rubbish(member: str) -> bool:
    path = PurePosixPath(member)
    return (
        "__MACOSX" in path.parts
        or path.name.startswith("._")
        or path.name in {".DS_Store", "Thumbs.db", "desktop.ini"}
    )
