"""JSON lines and JSON arrays; nested fields are named by dotted paths."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from ingestion.errors import FileRefusedError
from ingestion.readers.json_layout import Places, read_records
from ingestion.readers.json_record import (
    Fields,
    KeyTwiceError,
    compact,
    find,
    is_cut,
    read_record,
    read_value,
    readings,
)
from ingestion.readers.raw import (
    ROW_NUMBER,
    ROW_UNREADABLE,
    ROW_VALUE_NESTED,
    RawFile,
    alike,
    check_count,
    check_size,
    refuse_missing,
)
from ingestion.sources.spec import SourceSpec

# A document is looked at as a whole; lines are not.
MAX_DOCUMENT_BYTES = 512 * 1024**2
_WHITE = b" \t\r\n"
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}:]', re.DOTALL)


def read_jsonl(payload: bytes, spec: SourceSpec, renames: dict[str, str]) -> RawFile:
    """Read JSON lines into text columns; absent fields are null, blank lines are no records.

    Args:
        payload: UTF-8 text without a byte order mark.
        renames: name in the file to name in the source.

    Raises:
        FileRefusedError: FILE_UNREADABLE (one document instead of lines), FILE_TRUNCATED (the last
            line is cut), FILE_COLUMN_MISSING, FILE_TOO_LARGE, FILE_COUNT_DIFFERS.
    """
    if b"\r" in payload:
        payload = payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    counted = sum(map(bool, map(bytes.strip, io.BytesIO(payload))))
    starts, ends = _lines(payload)
    if counted:
        _refuse_document(payload, starts, ends)
    raw = _read(payload, starts, ends, spec, renames, counted)
    unended = (len(starts), ROW_UNREADABLE) in raw.broken and not payload.endswith(b"\n")
    if unended and is_cut(payload[starts[-1] :].decode("utf-8")):
        line = payload.count(b"\n") + 1
        raise FileRefusedError(
            "FILE_TRUNCATED",
            f"linje {line} slutter midt i et objekt: send hele filen på nytt",
            f"line {line} ends in the middle of an object: send the whole file again",
        )
    return raw


def read_json(payload: bytes, spec: SourceSpec, renames: dict[str, str]) -> RawFile:
    """Read the array of a JSON document (`format.record`, or the document itself).

    A document with an element that is not JSON is refused: lines have an end, elements may not.

    Args:
        payload: UTF-8 text without a byte order mark.
        renames: name in the file to name in the source.

    Raises:
        FileRefusedError: FILE_UNREADABLE (no such array, or not JSON around it), FILE_TRUNCATED,
            FILE_COLUMN_MISSING, FILE_TOO_LARGE, FILE_COUNT_DIFFERS.
    """
    if len(payload) > MAX_DOCUMENT_BYTES:
        size = len(payload) // 1024**2
        raise FileRefusedError("FILE_TOO_LARGE", f"{size} MB JSON", f"{size} MB of JSON")
    nothing = np.zeros(0, np.int64)
    if not payload.strip(_WHITE):
        return _read(payload, nothing, nothing, spec, renames, 0)
    paths = readings(spec.format.record) if spec.format.record else [()]
    begin = _array_start(payload, paths)
    if begin is None:
        raise _no_array(payload, spec)
    edges = _edges(payload, begin)
    if edges is None:
        raise _not_json(payload)
    starts, ends = _elements(payload, edges)
    counted = _count(payload, edges, starts, ends, paths)
    raw = _read(payload, starts, ends, spec, renames, counted)
    for number, code in raw.broken:
        if code == ROW_UNREADABLE:
            # Where a quotation mark is missing, brackets and commas of other elements are inside
            # a text: nobody can say how many records this one is.
            line = payload.count(b"\n", 0, int(starts[number - 1])) + 1
            raise FileRefusedError(
                "FILE_UNREADABLE",
                f"element {number} (linje {line}) er ikke gyldig JSON; send hele filen på nytt",
                f"element {number} (line {line}) is not valid JSON; send the whole file again",
            )
    return raw


def _read(
    payload: bytes,
    starts: Places,
    ends: Places,
    spec: SourceSpec,
    renames: dict[str, str],
    counted: int,
) -> RawFile:
    fields = Fields(spec, renames)
    check_size(len(starts), len(fields.names))
    records = read_records(payload, starts, ends, fields)
    frame = records.frame
    check_count(frame.height + len(records.broken), counted)
    if frame.height:
        refuse_missing(fields.missing(records.present))
    hashes = None
    places = alike(frame, spec)
    if places is not None:

        def record(number: int) -> str:
            return payload[starts[number - 1] : ends[number - 1]].decode("utf-8")

        hashes = _hashes(frame[ROW_NUMBER], places, record)
    marks = {ROW_VALUE_NESTED: records.nested} if records.nested else {}
    return RawFile(frame, records.broken, marks, hashes)


def _hashes(numbers: pl.Series, places: pl.Series, record: Callable[[int], str]) -> pl.Series:
    """What is equal for records that are equal in content, whatever columns are mapped.

    As JSON understands it: the order of the keys, white space, escapes and the spelling of a
    number make no difference; a text and a number do, and so do null and absent.
    """
    # All others are equal to none: their numbers stand for their content.
    contents = [_digest(record(number)) for number in numbers.gather(places)]
    return numbers.cast(pl.String).alias("record_hash").scatter(places, contents)


def _digest(text: str) -> str:
    content = compact(read_record(text), ordered=True)
    return hashlib.blake2b(content.encode("utf-8"), digest_size=16).hexdigest()


# JSON lines


def _lines(payload: bytes) -> tuple[Places, Places]:
    """First byte of every line that is not blank, and the one after its last."""
    ends = np.flatnonzero(np.frombuffer(payload, np.uint8) == ord("\n"))
    ends = np.append(ends, len(payload))
    starts = np.concatenate([[0], ends[:-1] + 1])
    full = ends > starts
    starts, ends = starts[full], ends[full]
    first = np.frombuffer(payload, np.uint8)[starts]
    blank = [
        row
        for row in np.flatnonzero(first <= ord(" ")).tolist()
        if not payload[starts[row] : ends[row]].strip()
    ]
    return np.delete(starts, blank), np.delete(ends, blank)


def _refuse_document(payload: bytes, starts: Places, ends: Places) -> None:
    """Refuse what is one JSON document over several lines, or one array."""
    lines = [payload[a:b].strip() for a, b in zip(starts[:2], ends[:2], strict=True)]
    array = lines[0].startswith(b"[")
    if not array and lines[0] != b"{":
        return
    closed = payload.rstrip().endswith(b"]" if array else b"}")
    if len(lines) > 1 and _is_object(lines[1]) and not (array and closed):
        return
    if array:
        raise FileRefusedError(
            "FILE_UNREADABLE",
            "filen er en JSON-liste, ikke JSON-linjer: skriv format: {type: json} i kildefilen",
            "the file is a JSON array, not JSON lines: write format: {type: json} in the source "
            "file",
        )
    raise FileRefusedError(
        "FILE_UNREADABLE",
        "filen er ett JSON-dokument, ikke JSON-linjer: skriv format: {type: json, record: stien "
        "til listen} i kildefilen",
        "the file is one JSON document, not JSON lines: write format: {type: json, record: path of "
        "the array} in the source file",
    )


def _is_object(line: bytes) -> bool:
    try:
        read_record(line.decode("utf-8"))
    except ValueError:
        return False
    return True


# JSON arrays


def _array_start(payload: bytes, paths: list[tuple[str, ...]]) -> int | None:
    """Where the array begins: the first `[` that has one of these paths."""
    keys: list[str | None] = []
    text = b""
    for match in _TOKEN.finditer(payload):
        token = match[0]
        if token == b"[":
            if tuple(keys) in paths:
                return match.start()
            keys.append(None)
        elif token == b"{":
            keys.append("")
        elif token in b"]}":
            if not keys:
                return None
            keys.pop()
        elif token != b":":
            text = token
        elif keys and keys[-1] is not None:
            keys[-1] = _key(text)
    return None


def _key(token: bytes) -> str:
    try:
        return str(read_value(token.decode("utf-8")))
    except ValueError:
        return ""


def _edges(payload: bytes, begin: int) -> Places | None:
    """The array's brackets and the commas between its elements; None when it does not end.

    Found without the parser, by what stands outside texts.
    """
    text = payload
    if b"\\" in text:
        text = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    data = np.frombuffer(text, np.uint8)[begin:]
    step = np.zeros(256, np.int8)
    step[list(b"[{")], step[list(b"]}")] = 1, -1
    marks = np.zeros(256, np.bool_)
    marks[list(b"[]{},")] = True
    quotes = np.flatnonzero(data == ord('"'))
    places = np.flatnonzero(marks[data])
    places = places[np.searchsorted(quotes, places) % 2 == 0]
    depth = np.cumsum(step[data[places]], dtype=np.int64)
    closed = np.flatnonzero(depth == 0)
    if not len(closed) or data[places[closed[0]]] != ord("]"):
        return None
    places, depth = places[: closed[0] + 1], depth[: closed[0] + 1]
    commas = places[(depth == 1) & (data[places] == ord(","))]
    return np.concatenate([[0], commas, places[-1:]]) + begin


def _elements(payload: bytes, edges: Places) -> tuple[Places, Places]:
    """First byte of every element, and the one after its last, without white space around."""
    starts, ends = [], []
    for before, after in pairwise(edges.tolist()):
        element = payload[before + 1 : after]
        starts.append(after - len(element.lstrip(_WHITE)))
        ends.append(max(before + 1 + len(element.rstrip(_WHITE)), starts[-1]))
    if len(starts) == 1 and starts == ends:
        starts, ends = [], []
    return np.array(starts, np.int64), np.array(ends, np.int64)


def _count(
    payload: bytes, edges: Places, starts: Places, ends: Places, paths: list[tuple[str, ...]]
) -> int:
    """How many elements the parser finds in the document, when each of them is a number.

    This is also what judges the document around the elements.
    """
    numbers = b",".join(b"0" if b > a else b"" for a, b in zip(starts, ends, strict=True))
    outline = b"".join([payload[: edges[0]], b"[", numbers, b"]", payload[edges[-1] + 1 :]])
    try:
        document = read_value(outline.decode("utf-8"))
    except ValueError as error:
        raise _not_json(payload) from error
    try:
        array = find(document, paths) if isinstance(document, dict) else document
    except KeyTwiceError as error:
        raise FileRefusedError(
            "FILE_UNREADABLE",
            "dokumentet har to lister på stien i kildefilen (format.record)",
            "the document has two arrays at the path in the source file (format.record)",
        ) from error
    return len(array) if isinstance(array, list) else 0


def _not_json(payload: bytes) -> FileRefusedError:
    """Why a document is refused, with the place where it stops being JSON."""
    text = payload.decode("utf-8")
    try:
        _PLAIN_DECODER.decode(text)
    except json.JSONDecodeError as error:
        code = "FILE_UNREADABLE"
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            code = "FILE_TRUNCATED"
        return FileRefusedError(
            code,
            f"linje {error.lineno}, kolonne {error.colno}: her slutter filen å være JSON",
            f"line {error.lineno}, column {error.colno}: here the file stops being JSON",
        )
    except (ValueError, RecursionError):
        pass
    return FileRefusedError(
        "FILE_UNREADABLE",
        "rundt listen er samme nøkkel gitt to ganger, NaN, eller for mange nivåer",
        "around the array a key is given twice, or there is NaN or too many levels",
    )


def _no_array(payload: bytes, spec: SourceSpec) -> FileRefusedError:
    """Why a document without the array is refused, with what to write in the source file."""
    starts, ends = _lines(payload.replace(b"\r", b"\n"))
    lines = [payload[a:b] for a, b in zip(starts[:2], ends[:2], strict=True)]
    if len(lines) > 1 and all(map(_is_object, lines)):
        return FileRefusedError(
            "FILE_UNREADABLE",
            "filen er JSON-linjer, ikke en JSON-liste: skriv format: {type: jsonl} i kildefilen",
            "the file is JSON lines, not a JSON array: write format: {type: jsonl} in the source "
            "file",
        )
    try:
        read_value(payload.decode("utf-8"))
    except ValueError:
        return _not_json(payload)
    record = spec.format.record
    if record is None:
        return FileRefusedError(
            "FILE_UNREADABLE",
            "dokumentet er ingen liste: skriv stien til listen i kildefilen (format.record)",
            "the document is no array: write the path of the array in the source file "
            "(format.record)",
        )
    return FileRefusedError(
        "FILE_UNREADABLE",
        f"dokumentet har ingen liste på stien {record} (format.record)",
        f"the document has no array at the path {record} (format.record)",
    )


def _constant(raw: str) -> Any:
    raise ValueError(raw)


_PLAIN_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_constant)
