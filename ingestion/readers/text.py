"""Text deliveries as UTF-8, refused when they are not what the source says."""

from __future__ import annotations

from typing import Literal

from ingestion.errors import FileRefusedError

MAX_LINE_BYTES = 1024**2
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def to_utf8(payload: bytes, encoding: Literal["utf-8", "cp1252"], *, lines: bool = True) -> bytes:
    """The payload in UTF-8 without a byte order mark.

    Args:
        lines: the format is made of lines, and none may be longer than `MAX_LINE_BYTES`.

    Raises:
        FileRefusedError: FILE_ENCODING, FILE_UNREADABLE (binary content), FILE_LINE_TOO_LONG.
    """
    if payload.startswith(_UTF16_BOMS):
        raise FileRefusedError("FILE_ENCODING", "filen er UTF-16", "the file is UTF-16")
    if b"\x00" in payload:
        raise FileRefusedError(
            "FILE_UNREADABLE", "binært innhold i en tekstfil", "binary content in a text file"
        )
    if lines:
        _check_line_length(payload)
    if encoding == "utf-8":
        try:
            payload.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FileRefusedError(
                "FILE_ENCODING",
                f"ikke UTF-8 ved byte {error.start}",
                f"not UTF-8 at byte {error.start}",
            ) from error
        return payload.removeprefix(_UTF8_BOM)
    if payload.startswith(_UTF8_BOM):
        raise FileRefusedError(
            "FILE_ENCODING", "filen er UTF-8, ventet CP1252", "the file is UTF-8, expected CP1252"
        )
    if payload.isascii():
        return payload
    # CP1252 is latin-1 but for bytes 80 to 9F, which latin-1 turns into UTF-8 that starts with C2.
    # The latin-1 codec is much faster, and C2 is not in any Norwegian letter.
    as_latin1 = payload.decode("latin-1").encode("utf-8")
    if b"\xc2" not in as_latin1:
        return as_latin1
    try:
        return payload.decode("cp1252").encode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRefusedError(
            "FILE_ENCODING",
            f"ikke CP1252 ved byte {error.start}",
            f"not CP1252 at byte {error.start}",
        ) from error


def _check_line_length(payload: bytes) -> None:
    position = 0
    while len(payload) - position > MAX_LINE_BYTES:
        # The last line end within the allowed window; none means that this line is too long.
        end = payload.rfind(b"\n", position, position + MAX_LINE_BYTES + 1)
        if end < 0:
            line = payload.count(b"\n", 0, position) + 1
            raise FileRefusedError(
                "FILE_LINE_TOO_LONG",
                f"linje {line} er lengre enn {MAX_LINE_BYTES} byte",
                f"line {line} is longer than {MAX_LINE_BYTES} bytes",
            )
        position = end + 1
