"""XML: one record per element of a path, its raw columns named by paths below that element.

`tid/start` is the text of an element, `enhet/@kode` an attribute, `.` the text of the record.
Names are local names, so it does not matter which prefix or namespace a sender uses.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from typing import Any
from xml.parsers import expat

import polars as pl

from ingestion.errors import FileRefusedError
from ingestion.readers.raw import (
    ROW_KEY_TWICE,
    ROW_NUMBER,
    RawFile,
    check_count,
    check_size,
    ids_recur,
    refuse_missing,
    written_as,
)
from ingestion.sources.spec import SourceSpec

MAX_DEPTH = 100
# What a declaration may say, by the names in Python. UTF-16 shows in the first bytes.
_ENCODINGS = frozenset({"ascii", "utf-8", "iso8859-1", "iso8859-15", "cp1252", "cp865"})
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARATION = re.compile(r"""\s*<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["'][^>]*\?>""")
_AT_THE_END = frozenset(
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)
# Possessive, so that a text that does not fit costs no more than one that does.
_MARKUP = re.compile(
    rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"
    rb"""|<(?P<end>/?)(?P<name>[^\s/>]++)(?:[^"'>]++|"[^"]*+"|'[^']*+')*+>""",
    re.DOTALL,
)


def read_xml(payload: bytes, spec: SourceSpec, renames: dict[str, str]) -> RawFile:
    """Read the records of an XML document.

    An element or attribute that is absent is null. The text of an element is all text in it, also
    in elements below it; comments are none of it. A record in which a mapped element, or one above
    it, is there twice is ambiguous.

    A column that has a value under two of its names is ambiguous too.

    Args:
        payload: the document as it was delivered; its declaration says the encoding.
        renames: path in the file to path in the source.

    Raises:
        FileRefusedError: FILE_UNREADABLE (not XML, a document type, too deep, no such path),
            FILE_ENCODING, FILE_TRUNCATED, FILE_COLUMN_MISSING, FILE_TOO_LARGE, FILE_COUNT_DIFFERS.
    """
    text = _as_utf8(payload)
    if not text.strip():
        raise FileRefusedError("FILE_EMPTY", "filen er tom", "the file is empty")
    records = _Rows(spec, renames)
    _parse(text, records)
    if not records.above_seen:
        path = spec.format.record
        raise FileRefusedError(
            "FILE_UNREADABLE",
            f"dokumentet har ikke elementet over {path} (format.record)",
            f"the document lacks the element above {path} (format.record)",
        )
    check_count(records.count, _count(text, records.path))
    check_size(records.count, len(records.names))
    if records.rows:
        required = spec.required_raw_columns()
        refuse_missing(name for name in required if name not in records.present)
    schema = {**dict.fromkeys(records.names, pl.String), ROW_NUMBER: pl.Int64}
    frame = pl.DataFrame(records.rows, schema=schema, orient="row")
    hashes = None
    if ids_recur(frame, spec):
        # A second pass, because it is seldom needed and every part of the record takes part in it.
        contents = _Contents(spec)
        _parse(text, contents)
        hashes = pl.Series("record_hash", contents.hashes, dtype=pl.String).gather(
            frame[ROW_NUMBER] - 1
        )
    return RawFile(frame, tuple((n, ROW_KEY_TWICE) for n in records.twice), record_hash=hashes)


class _Walk:
    """Follows a document and finds where records begin and end.

    Attributes:
        path: local names from the root to the record element, known when the root has been seen.
        count: records so far.
        above_seen: whether there is an element that could have records.
    """

    def __init__(self, spec: SourceSpec) -> None:
        self._record = (spec.format.record or "").strip("/").split("/")
        self._open: list[str] = []
        self._inside = 0
        self.path: list[str] = []
        self.count = 0
        self.above_seen = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        local = _local(name)
        if not self._open:
            # The path may begin with the root or below it.
            self.path = self._record if self._record[0] == local else [local, *self._record]
            self.above_seen = len(self.path) == 1
        self._open.append(local)
        if self._inside:
            self._inside += 1
            self.enter(name, attributes)
        elif self._open == self.path:
            self._inside = 1
            self.count += 1
            self.above_seen = True
            self.begin()
            self.enter(name, attributes)
        elif self._open == self.path[:-1]:
            self.above_seen = True

    def end(self, _: str) -> None:
        """An element ends."""
        self._open.pop()
        if self._inside:
            self._inside -= 1
            self.leave()
            if not self._inside:
                self.finish()

    def text(self, text: str) -> None:
        """Text between two tags."""
        if self._inside:
            self.add(text)

    @property
    def depth(self) -> int:
        """How many elements are open."""
        return len(self._open)

    def begin(self) -> None:
        """A record begins."""
        raise NotImplementedError

    def enter(self, name: str, attributes: dict[str, str]) -> None:
        """The record, or an element in it, begins."""
        raise NotImplementedError

    def add(self, text: str) -> None:
        """Text of the record."""
        raise NotImplementedError

    def leave(self) -> None:
        """The record, or an element in it, ends."""
        raise NotImplementedError

    def finish(self) -> None:
        """The record has ended."""
        raise NotImplementedError


class _Node:
    """A mapped element of a record, or one above mapped elements."""

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.attributes: dict[str, int] = {}
        self.text: int | None = None


class _Rows(_Walk):
    """The raw columns of every record.

    Attributes:
        names: the raw columns.
        rows: their values with the record number, of the records that are not ambiguous.
        twice: numbers of the records that are.
        present: the raw columns that some record has.
    """

    def __init__(self, spec: SourceSpec, renames: dict[str, str]) -> None:
        super().__init__(spec)
        self.names = spec.raw_columns()
        self.rows: list[list[Any]] = []
        self.twice: list[int] = []
        self._tree = _tree(self.names, renames)
        self._seen: set[Any] = set()
        self._found: set[int] = set()
        self._values: list[str | None] = []
        self._ambiguous = False
        self._nodes: list[_Node | None] = []
        # The texts being collected: those of the mapped elements that are open.
        self._texts: list[list[str]] = []

    @property
    def present(self) -> set[str]:
        """The raw columns that some record has."""
        return {self.names[place] for place in self._found}

    def begin(self) -> None:
        self._seen = set()
        self._values = [None] * len(self.names)
        self._ambiguous = False

    def enter(self, name: str, attributes: dict[str, str]) -> None:
        if self._nodes:
            above = self._nodes[-1]
            node = above.children.get(_local(name)) if above else None
        else:
            node = self._tree
        self._nodes.append(node)
        if node is None:
            return
        self._once(node)
        if node.text is not None:
            self._found.add(node.text)
            self._texts.append([])
        if node.attributes:
            for attribute, value in attributes.items():
                place = node.attributes.get(_local(attribute))
                if place is not None:
                    self._once((id(node), place))
                    self._found.add(place)
                    self._put(place, value)

    def _once(self, thing: _Node | tuple[int, int]) -> None:
        self._ambiguous = self._ambiguous or thing in self._seen
        self._seen.add(thing)

    def _put(self, place: int, text: str) -> None:
        """Keep a value; one more, under another name of the column, makes the record ambiguous."""
        if text:
            self._ambiguous = self._ambiguous or self._values[place] is not None
            self._values[place] = text

    def add(self, text: str) -> None:
        for parts in self._texts:
            parts.append(text)

    def leave(self) -> None:
        node = self._nodes.pop()
        if node is not None and node.text is not None:
            self._put(node.text, "".join(self._texts.pop()))

    def finish(self) -> None:
        if self._ambiguous:
            self.twice.append(self.count)
        else:
            self.rows.append([*self._values, self.count])


class _Contents(_Walk):
    """A hash of every record: of its elements, attributes and texts, mapped or not.

    The order of attributes, prefixes, comments, and the white space between elements make no
    difference; white space in a text does.

    Attributes:
        hashes: one per record, also of those that are ambiguous.
    """

    def __init__(self, spec: SourceSpec) -> None:
        super().__init__(spec)
        self.hashes: list[str] = []
        self._hash = hashlib.blake2b(digest_size=16)
        self._text: list[str] = []
        # Whether the last tag began an element: what follows, if that ends it, is all it holds.
        self._begun = False

    def begin(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._text = []

    def enter(self, name: str, attributes: dict[str, str]) -> None:
        self._update()
        self._begun = True
        self._hash.update(repr((name, sorted(attributes.items()))).encode("utf-8"))

    def add(self, text: str) -> None:
        self._text.append(text)

    def leave(self) -> None:
        self._update(whole=self._begun)
        self._begun = False
        self._hash.update(b"()")

    def finish(self) -> None:
        self.hashes.append(self._hash.hexdigest())

    def _update(self, *, whole: bool = False) -> None:
        """Take in the text since the last tag, unless it is layout; `whole`: it is an element's."""
        text = "".join(self._text)
        if whole or text.strip():
            self._hash.update(repr(text).encode("utf-8"))
        self._text = []


def _tree(names: list[str], renames: dict[str, str]) -> _Node:
    """The mapped paths as elements below the record."""
    tree = _Node()
    for place, name in enumerate(names):
        for path in written_as(name, renames):
            *above, last = path.strip("/").split("/")
            node = tree
            for step in above:
                node = node.children.setdefault(step, _Node())
            if last.startswith("@"):
                node.attributes[last[1:]] = place
            elif last == ".":
                node.text = place
            else:
                node.children.setdefault(last, _Node()).text = place
    return tree


def _local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition(" ")[2]


def _parse(text: bytes, walk: _Walk) -> None:
    """Take a walk through a document."""
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        if walk.depth >= MAX_DEPTH:
            raise _unreadable(
                parser, f"mer enn {MAX_DEPTH} nivåer", f"more than {MAX_DEPTH} levels"
            )
        walk.start(name, attributes)

    def doctype(*_: object) -> None:
        # With it come entities, which can grow without bounds or fetch other files.
        raise _unreadable(
            parser,
            "en dokumenttype (DOCTYPE) godtas ikke",
            "a document type (DOCTYPE) is not accepted",
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = walk.end
    parser.CharacterDataHandler = walk.text
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        code = "FILE_TRUNCATED" if error.code in _AT_THE_END else "FILE_UNREADABLE"
        raise FileRefusedError(
            code,
            f"linje {error.lineno}, kolonne {error.offset + 1}: her slutter filen å være XML",
            f"line {error.lineno}, column {error.offset + 1}: here the file stops being XML",
        ) from error


def _unreadable(parser: expat.XMLParserType, nb: str, en: str) -> FileRefusedError:
    line = parser.CurrentLineNumber
    return FileRefusedError("FILE_UNREADABLE", f"linje {line}: {nb}", f"line {line}: {en}")


def _count(text: bytes, path: list[str]) -> int:
    """The start tags at a path, counted without the parser, outside comments and CDATA."""
    wanted = [name.encode("utf-8") for name in path]
    count = depth = along = 0
    for tag in _MARKUP.finditer(text):
        name = tag["name"]
        if name is None:
            continue
        if tag["end"]:
            depth -= 1
            along = min(along, depth)
            continue
        fits = along == depth < len(wanted) and name.rpartition(b":")[2] == wanted[depth]
        count += fits and depth + 1 == len(wanted)
        if not tag[0].endswith(b"/>"):
            depth += 1
            along += fits
    return count


def _as_utf8(payload: bytes) -> bytes:
    """The document in UTF-8, as its byte order mark or its declaration says that it is encoded."""
    encoding, marked = _encoding(payload)
    try:
        text = payload.decode(encoding)
    except UnicodeDecodeError as error:
        raise FileRefusedError(
            "FILE_ENCODING",
            f"ikke {encoding} ved byte {error.start}: XML-deklarasjonen må si riktig tegnsett",
            f"not {encoding} at byte {error.start}: the XML declaration must say the encoding",
        ) from error
    if encoding in ("ascii", "utf-8"):
        return payload
    if not marked and not payload.isascii() and _is_utf8(payload):
        raise FileRefusedError(
            "FILE_ENCODING",
            f"filen er UTF-8, men XML-deklarasjonen sier {encoding}",
            f"the file is UTF-8, but the XML declaration says {encoding}",
        )
    return text.encode("utf-8")


def _encoding(payload: bytes) -> tuple[str, bool]:
    """The encoding, and whether the first bytes show it whatever the declaration says."""
    for mark, encoding in _BOMS:
        if payload.startswith(mark):
            return encoding, True
    if payload.startswith(b"<\0"):
        return "utf-16-le", True
    if payload.startswith(b"\0<"):
        return "utf-16-be", True
    declared = _DECLARATION.match(payload[:1024].decode("latin-1"))
    name = declared[1] if declared else "utf-8"
    try:
        encoding = codecs.lookup(name).name
    except LookupError:
        encoding = ""
    if encoding not in _ENCODINGS:
        raise FileRefusedError(
            "FILE_ENCODING",
            "XML-deklarasjonen sier et tegnsett som filen ikke har: bruk UTF-8",
            "the XML declaration says an encoding that the file is not in: use UTF-8",
        )
    return encoding, False


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
