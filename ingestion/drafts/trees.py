"""Samples that are trees: JSON lines, JSON documents, XML."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from ingestion.drafts.looked_at import (
    MAX_COLUMNS,
    MAX_DOCUMENT_BYTES,
    MAX_RECORDS,
    NESTED,
    UNREADABLE_NAME,
    Note,
    Sample,
    SampleError,
    text_frame,
)
from ingestion.drafts.shown import can_be_written

_MAX_DEPTH = 50
Record = dict[str, str | None]


# --- JSON -------------------------------------------------------------------------------------


def from_json(name: str, text: str) -> Sample:
    """JSON lines, a JSON array, or a document with an array of records in it.

    Raises:
        SampleError: not JSON, or no records in it.
    """
    lines = [line for line in re.split(r"\r\n|\n|\r", text.strip()) if line.strip()]
    first = _parsed(lines[0]) if lines[0].lstrip().startswith("{") else None
    is_lines = isinstance(first, dict) and (len(lines) > 1 or not list(_arrays(first)))
    if is_lines:
        records = [_parsed(line) for line in lines[:MAX_RECORDS]]
        broken = sum(not isinstance(record, dict) for record in records)
        if broken > len(records) // 2:
            raise _not_json()
        notes: tuple[Note, ...] = ()
        if broken:
            notes = (
                (
                    f"{broken} linjer er ikke JSON-objekter",
                    f"{broken} lines are no JSON objects",
                ),
            )
        form: dict[str, Any] = {"type": "jsonl"}
        return _tree(name, form, records, notes, is_cut=len(lines) > MAX_RECORDS)
    if len(text) > MAX_DOCUMENT_BYTES:
        raise SampleError("JSON-dokumentet er for stort", "the JSON document is too large")
    document = _parsed(text)
    if isinstance(document, list):
        return _tree(name, {"type": "json"}, document, is_cut=len(document) > MAX_RECORDS)
    if not isinstance(document, dict):
        raise _not_json()
    arrays = list(_arrays(document))
    if not arrays:
        raise SampleError(
            "JSON-dokumentet har ingen liste av poster", "the JSON document has no list of records"
        )
    path, found = max(arrays, key=lambda item: len(item[1]))
    form = {"type": "json", "record": path}
    return _tree(name, form, found, is_cut=len(found) > MAX_RECORDS)


def _parsed(text: str) -> Any:
    """A JSON value with its numbers as they are written; None when it is none."""
    try:
        return json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None


def _not_json() -> SampleError:
    return SampleError(
        "filen begynner som JSON, men kan ikke leses som JSON-linjer eller ett dokument",
        "the file begins as JSON, but can be read neither as JSON lines nor as one document",
    )


def _arrays(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """Every array of objects, with its dotted path."""
    if not isinstance(value, dict) or depth > _MAX_DEPTH:
        return
    for key, inner in value.items():
        below = f"{path}.{key}" if path else key
        if isinstance(inner, list) and inner and all(isinstance(item, dict) for item in inner):
            yield below, inner
        yield from _arrays(inner, below, depth + 1)


def _tree(
    name: str,
    form: dict[str, Any],
    records: list[Any],
    notes: tuple[Note, ...] = (),
    *,
    is_cut: bool = False,
) -> Sample:
    flat: list[Record] = []
    nested: set[str] = set()
    for record in records[:MAX_RECORDS]:
        if isinstance(record, dict):
            fields: Record = {}
            for path, value in _flat(record):
                if isinstance(value, list):
                    nested.add(path)
                else:
                    fields[path] = _as_text(value)
            flat.append(fields)
    return _sample(name, form, flat, nested, notes, is_cut=is_cut)


def _sample(
    name: str,
    form: dict[str, Any],
    records: list[Record],
    nested: set[str],
    notes: tuple[Note, ...],
    *,
    is_cut: bool,
) -> Sample:
    names = list(dict.fromkeys(path for record in records for path in record))
    if not names:
        raise SampleError("filen har ingen poster", "the file has no records")
    if len(names) > MAX_COLUMNS:
        raise SampleError(
            f"{len(names)} ulike felt, høyst {MAX_COLUMNS}: er nøkler brukt som verdier?",
            f"{len(names)} different fields, at most {MAX_COLUMNS}: are keys used as values?",
        )
    left_out = dict.fromkeys(sorted(nested), NESTED)
    left_out |= {path: UNREADABLE_NAME for path in names if not can_be_written(path)}
    kept = [path for path in names if path not in left_out]
    frame, _ = text_frame(kept, ([record.get(path) for path in kept] for record in records))
    return Sample(name, form, frame, left_out, notes, is_cut)


def _flat(record: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and depth < _MAX_DEPTH:
            yield from _flat(value, f"{path}.", depth + 1)
        else:
            yield path, [] if isinstance(value, dict) else value


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


# --- XML --------------------------------------------------------------------------------------


def from_xml(name: str, data: bytes, text: str) -> Sample:
    """An XML document: the records are the first element that is repeated under one parent.

    Raises:
        SampleError: not XML, a document type is declared, or no element is repeated.
    """
    if "<!DOCTYPE" in text[:10_000] or len(data) > MAX_DOCUMENT_BYTES:
        raise SampleError(
            "XML med dokumenttype (DOCTYPE), eller for stor, leses ikke",
            "XML with a document type (DOCTYPE), or too large, is not read",
        )
    counts = _Counts()
    _parse(text, counts)
    path = counts.record()
    if path is None:
        raise SampleError(
            "XML-dokumentet har ingen element som gjentas; prøven trenger minst to poster",
            "the XML document has no element that is repeated; the sample needs two records",
        )
    records = _Records(path)
    _parse(text, records)
    form = {"type": "xml", "record": "/".join(path)}
    is_cut = counts.of[path] > MAX_RECORDS
    return _sample(name, form, records.found, records.repeated, (), is_cut=is_cut)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


class _Counts:
    """How often each path is there, and which paths have something in them."""

    def __init__(self) -> None:
        self.of: Counter[tuple[str, ...]] = Counter()
        self.structured: set[tuple[str, ...]] = set()
        self._open: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._open:
            self.structured.add(tuple(self._open))
        self._open.append(_local(name))
        path = tuple(self._open)
        self.of[path] += 1
        if attributes:
            self.structured.add(path)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, _text: str) -> None:
        return

    def record(self) -> tuple[str, ...] | None:
        """The most repeated of the elements whose every parent is there once."""
        repeated = [
            path
            for path, count in self.of.items()
            if count > 1
            and path in self.structured
            and all(self.of[path[:depth]] == 1 for depth in range(1, len(path)))
        ]
        return max(repeated, key=lambda path: self.of[path], default=None)


class _Records:
    """The fields of every record by their path below it."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self.found: list[Record] = []
        self.repeated: set[str] = set()
        self._path = list(path)
        self._open: list[str] = []
        self._texts: list[str] = []
        self._has_children: list[bool] = []
        self._seen = 0

    def _below(self) -> list[str] | None:
        depth = len(self._path)
        return self._open[depth:] if self._open[:depth] == self._path else None

    def _put(self, path: str, value: str) -> None:
        record = self.found[-1]
        if path in record:
            self.repeated.add(path)
        record[path] = value or None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._has_children:
            self._has_children[-1] = True
        self._open.append(_local(name))
        self._texts.append("")
        self._has_children.append(False)
        below = self._below()
        if below == []:
            self._seen += 1
            if self._seen <= MAX_RECORDS:
                self.found.append({})
        if below is None or self._seen > MAX_RECORDS:
            return
        for key, value in attributes.items():
            if not key.startswith("xmlns"):
                self._put("/".join([*below, f"@{_local(key)}"]), value)

    def text(self, text: str) -> None:
        if self._texts:
            self._texts[-1] += text

    def end(self, _name: str) -> None:
        below = self._below()
        text, has_children = self._texts.pop().strip(), self._has_children.pop()
        is_kept = below is not None and not has_children and self._seen <= MAX_RECORDS
        if is_kept and below is not None and (below or text):
            self._put("/".join(below) or ".", text)
        self._open.pop()


def _parse(text: str, handler: _Counts | _Records) -> None:
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.text
    # The declaration names the encoding of the file, not of this text.
    body = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    try:
        parser.Parse(body.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise SampleError(
            f"ikke gyldig XML (linje {error.lineno})", f"not valid XML (line {error.lineno})"
        ) from error
