"""Which encoding a text is in, judged by the letters that come out."""

from __future__ import annotations

import re

from ingestion.drafts.looked_at import SampleError

# Letters of the Nordic countries and their neighbours; what else comes out of a wrong encoding.
_LETTERS = frozenset("æøåäöüéèêóòôáàíúýðþßçñÆØÅÄÖÜÉÈÓÁÍÚÝÐÞÑ")
_ORDINARY = frozenset("–—’‘“”«»…°§½¼€£·•´\u00a0\u00ad")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1b\x7f\x80-\x9f]")
_LOOKED_AT = 4 * 1024**2


def decoded(data: bytes) -> tuple[str, str]:
    """A text and the name of its encoding, as source files name it.

    Raises:
        SampleError: the bytes are no text.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _utf16(data, "utf-16"), "utf-16"
    head = data[:4096]
    if head.count(0) > len(head) // 4:
        little = head[1::2].count(0) > head[0::2].count(0)
        return _utf16(data, "utf-16-le" if little else "utf-16-be"), "utf-16"
    if b"\x00" in data:
        raise _no_text()
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and error.start > len(data) - 4:
            return data[: error.start].decode("utf-8-sig"), "utf-8"
    readings = {}
    for name in ("cp1252", "cp865", "latin-1"):
        try:
            readings[name] = data[:_LOOKED_AT].decode(name)
        except UnicodeDecodeError:
            continue
    best = max(readings, key=lambda name: _likeness(readings[name]))
    if _likeness(readings[best]) < -len(data[:_LOOKED_AT]) // 20:
        raise _no_text()
    return data.decode(best, "replace"), best


def _utf16(data: bytes, name: str) -> str:
    try:
        return data.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _no_text() from error


def _likeness(text: str) -> int:
    """How much like text of this part of the world: letters for, symbols and controls against."""
    beyond = [mark for mark in text if mark > "\x7f"]
    letters = sum(mark in _LETTERS for mark in beyond)
    odd = sum(mark not in _LETTERS and mark not in _ORDINARY for mark in beyond)
    return letters - 3 * odd - 3 * len(_CONTROL.findall(text))


def _no_text() -> SampleError:
    return SampleError(
        "ukjent format: verken tekst (CSV, JSON, XML), regneark (xlsx, xls, ods) eller Parquet; "
        "be avsenderen om ett av dem",
        "unknown format: neither text (CSV, JSON, XML), a workbook (xlsx, xls, ods) nor Parquet; "
        "ask the sender for one of them",
    )
