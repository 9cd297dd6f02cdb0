"""Delimited and fixed-width text, JSON and XML, with the standard library."""

from __future__ import annotations

import codecs
import datetime as dt
import json
import re
import xml.sax
import xml.sax.handler
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from io import BytesIO
from typing import Any

from ingestion.sources.spec import SourceSpec
from tests.fuzz.oracle.reading import (
    BROKEN,
    MustRefuseError,
    Number,
    Raw,
    Reading,
    Row,
    UndecidedError,
    file_columns,
    header_fault,
    required_columns,
)


def _undecodable(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


codecs.register_error("oracle-lost", _undecodable)


def decodings(data: bytes, encoding: str) -> Iterator[str]:
    """The texts that the bytes can be; what cannot be decoded becomes a lone surrogate."""
    if encoding == "utf-16":
        for name in ("utf-16", "utf-16-le", "utf-16-be"):
            yield data.decode(name, errors="oracle-lost").lstrip("\ufeff")
    elif encoding == "utf-8":
        yield data.decode("utf-8-sig", errors="surrogateescape")
    else:
        yield data.decode(encoding, errors="surrogateescape")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield data.decode("utf-16", errors="oracle-lost")
    if data.startswith(b"\xef\xbb\xbf"):
        yield data.decode("utf-8-sig", errors="surrogateescape")


def lost(text: str) -> bool:
    """Whether characters could not be decoded."""
    return any("\ud800" <= c <= "\udfff" for c in text)


def lines_of(text: str, *, cr: bool) -> list[str]:
    """Physical lines, without an empty one after the last line end or the end mark of DOS."""
    text = text.removesuffix("\x1a")
    if cr:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def line_readings(text: str) -> list[bool]:
    """Whether a lone carriage return may end a line: both, where there is one."""
    return [False, True] if "\r" in text.replace("\r\n", "") else [False]


# --- delimited --------------------------------------------------------------------------------


def split_fields(line: str, mark: str, *, quoted: bool) -> tuple[list[str], str]:
    """Fields of a line, and its state: `ok`, `open` (in quotes at the end) or `bad`."""
    if not quoted:
        return line.split(mark), "ok"
    fields: list[str] = []
    field, state = "", "start"
    for c in line:
        if state == "inside":
            if c == '"':
                state = "closed"
            else:
                field += c
        elif c == mark:
            fields.append(field)
            field, state = "", "start"
        elif c == '"' and state == "start":
            state = "inside"
        elif c == '"' and state == "closed":
            field += c
            state = "inside"
        elif state == "closed":
            return fields, "bad"
        else:
            field += c
            state = "plain"
    fields.append(field)
    return fields, "open" if state == "inside" else "ok"


def csv_readings(text: str, spec: SourceSpec, day: dt.date) -> list[Reading]:
    readings: list[Reading] = []
    problem: Exception | None = None
    for cr in line_readings(text):
        lines = lines_of(text, cr=cr)
        try:
            readings.append(_by_line(lines, spec, day))
        except (MustRefuseError, UndecidedError) as error:
            problem = error
            continue
        if spec.format.quoting == "standard":
            spanning = _spanning(lines, spec, day)
            if spanning is not None:
                readings.append(spanning)
    if not readings and problem is not None:
        raise problem
    return readings


def _header(lines: list[str], spec: SourceSpec) -> tuple[list[str], int]:
    """The column names, and the number of the first line after them. It may span lines."""
    at = spec.format.header_row - 1
    if at >= len(lines):
        raise MustRefuseError("no header")
    line, end = lines[at], at + 1
    fields, state = split_fields(
        line, spec.format.delimiter, quoted=spec.format.quoting == "standard"
    )
    while state == "open" and end < len(lines):
        line, end = f"{line}\n{lines[end]}", end + 1
        fields, state = split_fields(line, spec.format.delimiter, quoted=True)
    first, _, rest = line.strip().partition("\r")
    mark = spec.format.delimiter
    if mark in rest and set(required_columns(spec)) <= set(first.split(mark)):
        # All names stand before the carriage return: a record would be taken for more of them.
        raise MustRefuseError("a record in the header")
    if state != "ok":
        raise UndecidedError("quotation marks in the header")
    return fields, end


def _by_line(lines: list[str], spec: SourceSpec, day: dt.date) -> Reading:
    """Every physical line is a record."""
    names, start = _header(lines, spec)
    known, fault = header_fault(names, spec, day)
    if fault:
        return Reading(refused_for=fault)
    quoted = spec.format.quoting == "standard"
    return Reading([_csv_row(line, known, spec, quoted=quoted) for line in lines[start:]])


def _csv_row(line: str, names: list[str], spec: SourceSpec, *, quoted: bool) -> Row:
    if not line.strip():
        return Row(None, line, optional=True)
    fields, state = split_fields(line, spec.format.delimiter, quoted=quoted)
    if state != "ok" or len(fields) != len(names) or lost(line):
        return Row(None, line)
    wanted = set(file_columns(spec))
    values: dict[str, Raw] = {
        name: field or None for name, field in zip(names, fields, strict=True) if name in wanted
    }
    stray = "\r" in line or (quoted and any('"' in field for field in fields))
    return Row(values, tuple(fields), doubtful=stray)


def _spanning(lines: list[str], spec: SourceSpec, day: dt.date) -> Reading | None:
    """Records that span lines; None where there are none, or the source does not allow them."""
    if not spec.format.multiline:
        return None
    names, start = _header(lines, spec)
    known, fault = header_fault(names, spec, day)
    if fault:
        return None
    rows: list[Row] = []
    at, spans = start, False
    while at < len(lines):
        record, end = lines[at], at + 1
        _, state = split_fields(record, spec.format.delimiter, quoted=True)
        while state == "open" and end < len(lines):
            record, end = f"{record}\n{lines[end]}", end + 1
            _, state = split_fields(record, spec.format.delimiter, quoted=True)
        if state == "open":
            # Never closed: this line is broken, and the next one starts afresh.
            record, end = lines[at], at + 1
        spans = spans or end > at + 1
        rows.append(_csv_row(record, known, spec, quoted=True))
        at = end
    return Reading(rows) if spans else None


def fixed_readings(text: str, spec: SourceSpec, day: dt.date) -> list[Reading]:
    wanted = set(file_columns(spec))
    readings = []
    for cr in line_readings(text):
        rows = []
        for line in lines_of(text, cr=cr):
            if not line.strip():
                rows.append(Row(None, line, optional=True))
                continue
            if lost(line):
                rows.append(Row(None, line))
                continue
            values: dict[str, Raw] = {
                name: line[first - 1 : last].rstrip() or None
                for name, (first, last) in spec.format.fields.items()
                if name in wanted
            }
            rows.append(Row(values, line.rstrip()))
        readings.append(Reading(rows))
    return readings


# --- JSON -------------------------------------------------------------------------------------


class Twice(dict[str, Any]):
    """An object with a key twice: which ones."""

    doubled: frozenset[str] = frozenset()


def _pairs(pairs: list[tuple[str, Any]]) -> Any:
    tree = Twice(pairs)
    names = [name for name, _ in pairs]
    tree.doubled = frozenset(name for name in names if names.count(name) > 1)
    return tree


def _constant(text: str) -> Any:
    raise ValueError(text)


def _decimal(text: str) -> Number:
    return Number(Decimal(text))


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_decimal, parse_float=_decimal, parse_constant=_constant
)
_PROBLEMS = (ValueError, RecursionError, InvalidOperation)


def jsonl_readings(text: str, spec: SourceSpec) -> list[Reading]:
    """Line by line, and as a stream of objects where the line ends are elsewhere."""
    readings = []
    for cr in line_readings(text):
        rows, stream = [], []
        for line in lines_of(text, cr=cr):
            if not line.strip():
                rows.append(Row(None, line, optional=True))
                stream.append(rows[-1])
                continue
            rows.append(_json_line(line, spec))
            stream.extend(_several(line, spec))
        readings.append(_with_fields(rows, spec))
        if len(stream) != len(rows):
            readings.append(_with_fields(stream, spec))
    return readings


def _with_fields(rows: list[Row], spec: SourceSpec) -> Reading:
    """A field that no record has makes the file one of another kind."""
    sound = [row for row in rows if row.values is not None]
    for name in required_columns(spec):
        if sound and not any(name in (row.values or {}) for row in sound):
            return Reading(refused_for="column missing")
    return Reading(rows)


def _json_line(line: str, spec: SourceSpec) -> Row:
    if lost(line):
        return Row(None, line)
    try:
        item = _DECODER.decode(line.strip(" \t\r"))
    except _PROBLEMS:
        return Row(None, line)
    return json_row(item, spec)


def _several(line: str, spec: SourceSpec) -> list[Row]:
    rows, at = [], 0
    line = line.strip(" \t\r")
    try:
        while at < len(line):
            item, end = _DECODER.raw_decode(line, at)
            rows.append(json_row(item, spec))
            at = end
            while at < len(line) and line[at] in " \t\r":
                at += 1
    except _PROBLEMS:
        return [Row(None, line)]
    return rows


def json_row(item: Any, spec: SourceSpec) -> Row:
    """The mapped fields of an object; fields that are absent are not among the values."""
    key = _frozen(item)
    if not isinstance(item, dict):
        return Row(None, key)
    values: dict[str, Raw] = {}
    for name in file_columns(spec):
        node: Any = item
        present = True
        for part in name.split("."):
            if not isinstance(node, dict):
                present = False
                break
            if part in getattr(node, "doubled", ()):
                return Row(None, key)
            if part not in node:
                present = False
                break
            node = node[part]
        if not present:
            if node is not None and not isinstance(node, dict):
                values[name] = BROKEN
            continue
        if isinstance(node, dict | list) or (isinstance(node, str) and lost(node)):
            values[name] = BROKEN
        else:
            values[name] = node if node != "" else None
    return Row(values, key)


def _frozen(item: Any, depth: int = 0) -> Any:
    if depth > 60:
        return "deep"
    if isinstance(item, dict):
        doubled = tuple(sorted(getattr(item, "doubled", ())))
        pairs = ((name, _frozen(value, depth + 1)) for name, value in sorted(item.items()))
        return (doubled, tuple(pairs))
    if isinstance(item, list):
        return ("list", *(_frozen(value, depth + 1) for value in item))
    return (type(item).__name__, item)


def json_readings(text: str, spec: SourceSpec) -> list[Reading]:
    """The array of a document; where only elements of it are damaged, those are broken."""
    try:
        tree = _DECODER.decode(text.strip(" \t\r\n"))
    except (ValueError, InvalidOperation):
        return [_with_fields(_elements(text, spec), spec)]
    except RecursionError:
        raise UndecidedError("nested too deep") from None
    for part in (spec.format.record or "").split("."):
        if not part:
            continue
        if not isinstance(tree, dict) or part not in tree:
            raise MustRefuseError("no such array")
        if part in getattr(tree, "doubled", ()):
            raise MustRefuseError("the array is there twice")
        tree = tree[part]
    if not isinstance(tree, list):
        raise MustRefuseError("no array")
    return [_with_fields([json_row(item, spec) for item in tree], spec)]


def _elements(text: str, spec: SourceSpec) -> list[Row]:
    """The elements of the array of a document that is not JSON as a whole.

    What lies around the array must be whole, and the array must end: else it is cut.
    """
    start = 0
    for part in (spec.format.record or "").split("."):
        if part:
            places = [found.end() for found in re.finditer(rf'"{part}"\s*:\s*', text[start:])]
            if not places:
                raise MustRefuseError("no such array")
            start += places[0]
    start = len(text) - len(text[start:].lstrip(" \t\r\n"))
    if text[start : start + 1] != "[":
        raise MustRefuseError("no array")
    pieces, depth, inside, escaped, begin, end = [], 0, False, False, start + 1, None
    for at in range(start, len(text)):
        c = text[at]
        if inside:
            # A text cannot hold a line end, so one that was never closed ends there.
            inside = (escaped or c != '"') and c not in "\r\n"
            escaped = c == "\\" and not escaped and inside
        elif c == '"':
            inside = True
        elif c in "[{":
            depth += 1
        elif c in "]}":
            depth -= 1
            if depth == 0:
                end = at
                break
        elif c == "," and depth == 1:
            pieces.append(text[begin:at])
            begin = at + 1
    if end is None or text[end] != "]":
        if text.rstrip(" \t\r\n").endswith("}" if spec.format.record else "]"):
            raise UndecidedError("a bracket too few in the array")
        raise MustRefuseError("the array does not end")
    pieces.append(text[begin:end])
    try:
        _DECODER.decode(f"{text[:start]}[]{text[end + 1 :]}".strip(" \t\r\n"))
    except _PROBLEMS:
        raise MustRefuseError("not JSON around the array") from None
    return [_json_line(re.sub(r"[\r\n]", " ", piece), spec) for piece in pieces]


# --- XML --------------------------------------------------------------------------------------


class _Records(xml.sax.handler.ContentHandler):
    """Elements at the record's path, each as (path, text) of its leaves and attributes."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path.split("/")
        self.stack: list[str] = []
        self.records: list[list[tuple[str, str]]] = []
        self.inside: int | None = None
        self.texts: list[str] = []

    def startElement(self, name: str, attrs: Any) -> None:
        local = name.rpartition(":")[2]
        self.stack.append(local)
        self.texts.append("")
        if self.inside is None and self.stack == self.path:
            self.inside = len(self.stack)
            self.records.append([])
        if self.inside is not None:
            place = "/".join(self.stack[self.inside :])
            for attribute, value in attrs.items():
                if not attribute.startswith("xmlns") and ":" not in attribute:
                    path = f"{place}/@{attribute}" if place else f"@{attribute}"
                    self.records[-1].append((path, value))

    def characters(self, content: str) -> None:
        if self.texts:
            self.texts[-1] += content

    def endElement(self, name: str) -> None:
        text = self.texts.pop()
        # The text of an element is all text in it, also that of the elements below.
        if self.texts:
            self.texts[-1] += text
        if self.inside is not None:
            place = "/".join(self.stack[self.inside :])
            if place:
                self.records[-1].append((place, text))
            if len(self.stack) == self.inside:
                self.inside = None
        self.stack.pop()


def xml_readings(data: bytes, spec: SourceSpec) -> list[Reading]:
    if b"<!DOCTYPE" in data or "<!DOCTYPE".encode("utf-16-le") in data:
        raise MustRefuseError("document type")
    while data.startswith(b"\xef\xbb\xbf\xef\xbb\xbf"):
        data = data[3:]
    handler = _Records(spec.format.record or "")
    parser = xml.sax.make_parser()
    parser.setFeature(xml.sax.handler.feature_external_ges, False)
    parser.setContentHandler(handler)
    try:
        parser.parse(BytesIO(data))
    except xml.sax.SAXParseException as error:
        if "encoding" in str(error):
            raise UndecidedError("encoding") from None
        raise MustRefuseError("not well-formed") from None
    except (LookupError, ValueError):
        raise UndecidedError("encoding") from None
    if not handler.records:
        return [Reading()]
    wanted = file_columns(spec)
    rows = []
    for leaves in handler.records:
        values: dict[str, Raw] = {}
        for name in wanted:
            found = [text for path, text in leaves if path == name]
            if len(found) > 1:
                values[name] = BROKEN
            elif found:
                values[name] = found[0] or None
        rows.append(Row(values, tuple(sorted(leaves))))
    return [_with_fields(rows, spec)]
