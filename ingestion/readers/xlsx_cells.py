"""The filled cells of an xlsx sheet, from its XML."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from dataclasses import dataclass
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pyarrow as pa

from ingestion.errors import FileRefusedError
from ingestion.readers.cells import (
    A_NUMBER,
    AS_CLOCK,
    AS_DATE,
    AS_NUMBER,
    AS_STAMP,
    DAYS_TO_1970,
    ERROR,
    NOT_CALCULATED,
    TEXT,
    VALUE,
    Cells,
    Content,
    Places,
    cells_of,
    check_extent,
    no_sheet,
    shown_by_code,
    shown_by_id,
    typed,
    unreadable,
)
from ingestion.readers.container import check_zip

# Half a gigabyte of cells is no delivery of a day.
MAX_SHEET_BYTES = 512 * 1024**2
_WIDEST = 16_384  # columns of a sheet
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def members(payload: bytes) -> dict[str, bytes]:
    """The parts of a zipped workbook by lower-case name, whole and with their checksums checked.

    Raises:
        FileRefusedError: FILE_UNREADABLE, FILE_ARCHIVE_BOMB or FILE_ARCHIVE_PATH.
    """
    if payload.startswith(OLE) and _ENCRYPTED in payload:
        raise password()
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            check_zip(archive, len(payload))
            parts: dict[str, bytes] = {}
            for member in archive.infolist():
                name = member.filename.replace("\\", "/").lstrip("/").lower()
                if name in parts:
                    raise unreadable("en del finnes to ganger", "one part is there twice")
                if name.endswith((".xml", ".rels")):
                    parts[name] = archive.read(member)
            return parts
    except FileRefusedError:
        raise
    except Exception as error:
        # A damaged archive makes the standard library raise errors of many kinds.
        locked = "encrypted" in str(error)
    if locked:
        raise password()
    raise unreadable("ikke en gyldig arbeidsbok", "not a valid workbook")


def password() -> FileRefusedError:
    """A workbook that cannot be opened without a password."""
    return unreadable(
        "arbeidsboken er beskyttet med passord: send den uten",
        "the workbook is password-protected: send it without",
    )


def parse(xml: bytes) -> ElementTree.Element:
    """A part of a workbook as a tree; a document type has no business in one."""
    if b"<!DOCTYPE" not in xml:
        try:
            return ElementTree.fromstring(xml)  # noqa: S314 - no document type, so no entities
        except (ElementTree.ParseError, ValueError, LookupError):
            pass
    raise unreadable("ugyldig XML i arbeidsboken", "invalid XML in the workbook")


def local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def scan_xlsx(payload: bytes, wanted: str | None) -> Cells:
    """The filled cells of the wanted sheet, or of the first worksheet.

    Raises:
        FileRefusedError: not a workbook, no such sheet, or FILE_TOO_LARGE.
    """
    parts = members(payload)
    book_name = _book_name(parts)
    book = parse(_part(parts, book_name))
    relations = _relations(parts, book_name)
    sheets = [
        (sheet.get("name", ""), relations[key][1])
        for sheet in book.iter()
        if local(sheet.tag) == "sheet"
        for name, key in sheet.attrib.items()
        if local(name) == "id" and name.startswith("{") and key in relations
        if relations[key][0] == "worksheet"
    ]
    found = next(((name, part) for name, part in sheets if wanted in (None, name)), None)
    if found is None:
        raise no_sheet(wanted, len(sheets))
    styles = next((part for kind, part in relations.values() if kind == "styles"), None)
    for kind, part in relations.values():
        if kind == "sharedstrings":
            _check_cdata(parts.get(part, b""))
    shown = _styles(parts[styles]) if styles in parts else [AS_NUMBER]
    sheet = _part(parts, found[1])
    _check_shared(sheet)
    texts, others = _scan(sheet)
    check_extent(*texts.extent(others.places))
    return cells_of(found[0], _typed(others, shown, epoch_1904=_is_1904(book)), texts)


def _check_cdata(xml: bytes) -> None:
    """Refuse CDATA: no program writes them, and the library leaves out what is in them."""
    if b"<![CDATA[" in xml:
        raise unreadable("CDATA i regnearket", "CDATA in the worksheet")


# A shared text is named by its number; one too high is seen, as the library then has no text.
_NO_NUMBER_OF_A_TEXT = re.compile(
    rb'<(?:\w+:)?c\s[^>]*t="s"[^>]*>\s*<(?:\w+:)?v(?:\s[^>]*)?>\s*[^\d\s<]'
)


def _check_shared(xml: bytes) -> None:
    """Refuse a sheet with a text that the workbook does not have: the library takes another."""
    if b't="s"' not in xml:
        return
    if found := _NO_NUMBER_OF_A_TEXT.search(xml):
        row = len(re.findall(rb"<(?:\w+:)?row[\s>]", xml[: found.start()]))
        raise unreadable(
            f"en celle i {row}. utfylte rad viser til en tekst som arbeidsboken ikke har",
            f"a cell in filled row {row} refers to a text that the workbook does not have",
        )


def _part(parts: dict[str, bytes], name: str) -> bytes:
    if name not in parts:
        raise unreadable("en del av arbeidsboken mangler", "a part of the workbook is missing")
    return parts[name]


def _book_name(parts: dict[str, bytes]) -> str:
    if "_rels/.rels" in parts:
        for kind, target in _relations(parts, "").values():
            if kind == "officedocument":
                return target
    return "xl/workbook.xml"


def _relations(parts: dict[str, bytes], owner: str) -> dict[str, tuple[str, str]]:
    """Kind and part name by relation id."""
    folder, name = posixpath.split(owner)
    rels = parts.get(posixpath.join(folder, "_rels", f"{name}.rels"))
    if rels is None:
        return {}
    found = {}
    for item in parse(rels):
        target = item.get("Target", "").replace("\\", "/").lower()
        path = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
        kind = item.get("Type", "").rpartition("/")[2].lower()
        found[item.get("Id", "")] = (kind, posixpath.normpath(path))
    return found


def _is_1904(book: ElementTree.Element) -> bool:
    """The workbook's calendar; in an extension an element of the same name says nothing."""
    return any(
        local(child.tag) == "workbookPr" and child.get("date1904") in ("1", "true", "on")
        for child in book
    )


def _styles(xml: bytes) -> list[int]:
    """What each cell style shows."""
    tree = parse(xml)
    codes = {
        int(item.get("numFmtId", "0")): shown_by_code(item.get("formatCode", ""))
        for item in tree.iter()
        if local(item.tag) == "numFmt" and item.get("numFmtId", "").isdecimal()
    }
    for group in tree:
        if local(group.tag) == "cellXfs":
            ids = [item.get("numFmtId", "0") for item in group]
            return [
                codes.get(int(number), shown_by_id(int(number)))
                if number.isdecimal()
                else AS_NUMBER
                for number in ids
            ] or [AS_NUMBER]
    return [AS_NUMBER]


# --- the sheet ----------------------------------------------------------------------------------


def _scan(xml: bytes) -> tuple[Places, _Others]:
    """The filled cells: where there are texts, and what there is of everything else.

    Raises:
        FileRefusedError: FILE_UNREADABLE or FILE_TOO_LARGE.
    """
    if len(xml) > MAX_SHEET_BYTES:
        raise FileRefusedError(
            "FILE_TOO_LARGE", f"arket er {len(xml)} byte", f"the sheet has {len(xml)} bytes"
        )
    head = xml[:400]
    utf8 = re.search(rb"encoding=[\"'](?!utf-8)", head, re.IGNORECASE) is None
    if utf8 and b"\x00" not in head:
        before, tags, after = _parts(xml)
        plain = b"<!" not in before + after and b"<?" not in before[5:] + after
        if plain and not tags.has_any(b"!?"):
            return _filled(tags)
    _check_cdata(xml)
    # Comments and other encodings: written anew, they are gone.
    _, tags, _ = _parts(ElementTree.tostring(parse(xml), encoding="utf-8"))
    return _filled(tags)


def _parts(xml: bytes) -> tuple[bytes, _Tags, bytes]:
    """A sheet in three: what stands before its rows, the tags of the rows, and what follows them.

    Raises:
        FileRefusedError: FILE_UNREADABLE.
    """
    root = re.search(rb"<((?:[\w.-]+:)?)worksheet[\s>]", xml)
    if root is None:
        raise unreadable("arket har ikke XML for et regneark", "the sheet is not worksheet XML")
    prefix = root[1]
    start = xml.find(b"<" + prefix + b"sheetData")
    end = xml.rfind(b"</" + prefix + b"sheetData>")
    if start < 0 or end < 0:
        return xml, _Tags.of(b""), b""
    body = xml[start:end]
    if prefix:
        body = body.replace(b"<" + prefix, b"<").replace(b"</" + prefix, b"</")
    return xml[:start], _Tags.of(body), xml[end:]


@dataclass(frozen=True)
class _Others:
    """Cells that are no shared or inline text, one of each per cell.

    Attributes:
        said: what tags of cells say, and `code` which of these the tag of each says.
        value: what is in the cell, null of none.
        formula: whether it has one.
    """

    places: Places
    said: list[_Said]
    code: np.ndarray
    value: pl.Series
    formula: np.ndarray

    @classmethod
    def none(cls) -> _Others:
        empty = np.array([], dtype=np.int64)
        return cls(Places.none(), [], empty, pl.Series(dtype=pl.String), empty.astype(bool))


_NAME_ENDS = np.zeros(256, dtype=bool)
_NAME_ENDS[list(b" \t\r\n/>")] = True
_ROW_NUMBER = re.compile(rb"<row[^>]*?\sr=[\"'](\d{1,9})[\"']")
# What programs write first in the tag of a cell: its column's letters and its row's number.
_NAMED = b' r="'
_MOST_LETTERS, _MOST_DIGITS = 3, 7
_PADDING = 32
_CELL_NAME = re.compile(r"\sr=[\"']([A-Z]{1,3})\d+[\"']", re.ASCII)
_CELL_TYPE = re.compile(r"\st=[\"'](\w+)[\"']", re.ASCII)
_CELL_STYLE = re.compile(r"\ss=[\"'](\d{1,9})[\"']", re.ASCII)


def _filled(tags: _Tags) -> tuple[Places, _Others]:
    """As `_scan`, of the tags of a sheet's rows.

    The bytes of tags are compared all at once: a sheet is one day of one source, many of them are
    read, and what costs is each step over a sheet.
    """
    is_cell = tags.named(b"c")
    if not is_cell.any():
        return Places.none(), _Others.none()
    is_row = tags.named(b"row")
    in_row = np.cumsum(is_row)[is_cell] - 1
    if in_row[0] < 0:
        raise unreadable("en celle utenfor radene", "a cell outside the rows")
    values, formulas = tags.named(b"v"), tags.named(b"f")
    has_value, has_formula = _counts(values, is_cell) > 0, _counts(formulas, is_cell) > 0
    filled = has_value | has_formula | (_counts(tags.named(b"is"), is_cell) > 0)
    column, begin = _named(tags.text, tags.begin[is_cell] + len(b"<c"))
    attributes = tags.texts(begin, tags.end[is_cell]).dictionary_encode()
    code = attributes.indices.to_numpy()
    said = [_said(text) for text in attributes.dictionary.to_pylist()]
    columns = _columns(np.where(column < 0, _each(said, "column")[code], column), in_row)
    rows = np.array(_row_numbers(tags, is_row), dtype=np.int64)[in_row] - 1
    places = Places(rows, columns)
    _check_places(places.at(filled))
    is_text = _each(said, "is_text")[code]
    others = np.flatnonzero(filled & ~is_text)
    first = (np.cumsum(values) - values)[is_cell][others]
    return places.at(filled & is_text), _Others(
        places.at(others),
        said,
        code[others],
        tags.contents(values, first, has_value[others]),
        has_formula[others],
    )


@dataclass(frozen=True)
class _Tags:
    """The tags that open elements: from their `<` to their `>`, in the bytes they are in.

    `first` is the first letter of the name, `after` the place of the next `<`, of any tag.
    """

    text: np.ndarray
    begin: np.ndarray
    first: np.ndarray
    end: np.ndarray
    after: np.ndarray

    @classmethod
    def of(cls, body: bytes) -> _Tags:
        if not body.isascii():
            body = body.decode("utf-8", "replace").encode("utf-8")
        # So that every tag has as many bytes behind it as a name, or the place of a cell.
        text = np.frombuffer(body + bytes(_PADDING), np.uint8)
        edges = np.flatnonzero(text == ord("<"))
        opens = text[edges + 1] != ord("/")  # not of the tags that close an element
        begin, ends = edges[opens], np.flatnonzero(text == ord(">"))
        if len(ends) == len(edges) and (edges < ends).all() and (ends[:-1] < edges[1:]).all():
            end = ends[opens]
        else:
            # A `>` in a text or a `<` in a tag: each tag ends at the first `>` behind it.
            ends = np.append(ends, len(body))
            end = ends[np.searchsorted(ends, begin)]
        return cls(text, begin, text[begin + 1], end, np.append(edges[1:], len(body))[opens])

    def has_any(self, marks: bytes) -> bool:
        """Whether there are comments, instructions or the like, which begin with a mark."""
        return any(bool((self.first == mark).any()) for mark in marks)

    def named(self, name: bytes) -> np.ndarray:
        """Which of the tags open an element of this name."""
        found: np.ndarray = self.first == name[0]
        at = self.begin[found] + 1
        fits = _NAME_ENDS[self.text[at + len(name)]]
        for offset, letter in enumerate(name[1:], 1):
            fits &= self.text[at + offset] == letter
        if not fits.all():
            found[found] = fits
        return found

    def texts(self, begin: np.ndarray, end: np.ndarray) -> pa.LargeStringArray:
        """What stands between these places, which follow one another."""
        # Begin and end alternate, so every second text is what lies between two pieces.
        edges = np.stack([begin, np.maximum(begin, end)], axis=1).ravel()
        pieces = pa.LargeStringArray.from_buffers(
            max(len(edges) - 1, 0), pa.py_buffer(edges), pa.py_buffer(self.text)
        )
        return pieces.take(pa.array(np.arange(0, len(edges), 2)))

    def contents(self, wanted: np.ndarray, which: np.ndarray, has: np.ndarray) -> pl.Series:
        """What elements say up to the next tag: of the wanted tags that `which` numbers.

        Null where there is none.
        """
        at = np.flatnonzero(wanted)[which[has]]
        said = self.texts(self.end[at] + 1, self.after[at])
        return pl.Series(said.take(pa.array(np.cumsum(has) - 1, mask=~has)))


def _counts(wanted: np.ndarray, is_cell: np.ndarray) -> np.ndarray:
    """Per cell, how many wanted tags stand between it and the next one."""
    before = np.append(np.cumsum(wanted), wanted.sum())
    found: np.ndarray = before[np.append(np.flatnonzero(is_cell)[1:], -1)] - before[:-1][is_cell]
    return found


def _named(text: np.ndarray, begin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The column of cells whose tag begins with their place, and where the rest of it begins.

    -1 of all others, whose whole tag is the rest.
    """
    is_named = np.ones(len(begin), dtype=bool)
    for offset, letter in enumerate(_NAMED):
        is_named &= text[begin + offset] == letter
    at, column = begin + len(_NAMED), np.zeros(len(begin), dtype=np.int64)
    is_in = is_named
    for _ in range(_MOST_LETTERS):
        letter = text[at]
        is_in = is_in & (letter >= ord("A")) & (letter <= ord("Z"))
        if not is_in.any():
            break
        column = np.where(is_in, column * 26 + letter - (ord("A") - 1), column)
        at = at + is_in
    digits = at
    is_in = is_named
    for _ in range(_MOST_DIGITS):
        is_in = is_in & (text[at] >= ord("0")) & (text[at] <= ord("9"))
        if not is_in.any():
            break
        at = at + is_in
    is_named &= (column > 0) & (at > digits) & (text[at] == ord('"'))
    return np.where(is_named, column - 1, -1), np.where(is_named, at + 1, begin)


class _Said(NamedTuple):
    """What the tag of a cell says beside its place; the place too where it does not come first."""

    column: int
    type: str | None
    style: int | None
    is_text: bool


def _said(attributes: str) -> _Said:
    name = _CELL_NAME.search(attributes)
    style = _CELL_STYLE.search(attributes)
    found = _CELL_TYPE.search(attributes)
    kind = found[1] if found else None
    return _Said(
        _column(name[1]) if name else -1,
        kind,
        int(style[1]) if style else None,
        kind in ("s", "inlineStr"),
    )


def _each(said: list[_Said], name: str) -> np.ndarray:
    return np.array([getattr(one, name) for one in said])


def _row_numbers(tags: _Tags, is_row: np.ndarray) -> list[int]:
    """The number of every row; one without a number follows the one before."""
    number, found = 0, []
    body = tags.text.data
    for at in tags.begin[is_row].tolist():
        said = _ROW_NUMBER.match(body, at)
        number = int(said[1]) if said else number + 1
        found.append(number)
    return found


def _columns(columns: np.ndarray, in_row: np.ndarray) -> np.ndarray:
    """The column of every cell; one that does not say so, -1, follows the one before."""
    silent = columns < 0
    if not silent.any():
        return columns
    since = np.arange(len(in_row)) - np.searchsorted(in_row, in_row)
    if silent.all():
        return since
    for at in np.flatnonzero(silent).tolist():
        columns[at] = columns[at - 1] + 1 if since[at] else 0
    return columns


def _check_places(places: Places) -> None:
    rows, columns = places.rows, places.columns
    place = rows * _WIDEST + columns
    inside = ((columns >= 0) & (columns < _WIDEST) & (rows >= 0)).all()
    if not inside or not ((np.diff(place) > 0).all() or len(np.unique(place)) == len(place)):
        raise unreadable(
            "en celle står to ganger eller utenfor arket",
            "a cell stands twice, or outside the sheet",
        )


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def column_letters(column: int) -> str:
    """The name of a column as a workbook shows it: 0 is A."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


# Blanks around a number are layout; texts come from the library.
_KIND, _VALUE = pl.col("type"), pl.col("value").str.strip_chars(" \t\r\n")
_EMPTY = _VALUE.is_null() | (_VALUE == "")
_NO_CACHE = pl.col("formula") & _EMPTY & ~((_KIND == "str") & _VALUE.is_not_null())
_TYPING = [
    pl.when(_KIND == "n").then(_VALUE.cast(pl.Float64, strict=False)).alias("number"),
    pl.when((_KIND == "b") & (_VALUE == "1"))
    .then(pl.lit("true"))
    .when((_KIND == "b") & (_VALUE == "0"))
    .then(pl.lit("false"))
    .when(~_EMPTY)
    .then(_VALUE)
    .alias("text"),
    pl.when(_NO_CACHE)
    .then(NOT_CALCULATED)
    .when(_KIND == "str")
    .then(TEXT)
    .when(_KIND == "e")
    .then(ERROR)
    .when(_KIND == "b")
    .then(VALUE)
    .cast(pl.UInt8)
    .alias("was"),
    # Of an empty text the sheet itself says so.
    (~_EMPTY | _NO_CACHE).alias("filled"),
    (_KIND == "d").alias("is_iso"),
    (_KIND == "b").alias("is_truth"),
    _VALUE,
]
# A cell that says it is a number, a date or a truth, and holds something else, is damaged.
_DAMAGED = (pl.col("was").is_null() & pl.col("number").is_null()) | (
    pl.col("is_truth") & ~pl.col("text").is_in(["true", "false"])
)
_SOUND = pl.when(_DAMAGED).then(pl.lit(ERROR, pl.UInt8)).otherwise("was").alias("was")


def _typed(others: _Others, shown: list[int], *, epoch_1904: bool) -> Content:
    """Kind and value of every cell that is no shared or inline text."""
    if not len(others.code):
        return Content.none()
    formats = np.array([*shown, AS_NUMBER], dtype=np.uint8)
    styles = np.array([min(one.style or 0, len(shown)) for one in others.said])
    number = _plain_numbers(others)
    if number is not None:
        was = np.full(len(number), A_NUMBER, dtype=np.uint8)
        shows = formats[styles[others.code]]
        return typed(others.places, was, number, others.value, shows, epoch_1904=epoch_1904)
    kinds = pl.Series([one.type or "n" for one in others.said], dtype=pl.String)
    cells = (
        pl.LazyFrame(
            {
                "row": others.places.rows,
                "column": others.places.columns,
                "type": kinds.gather(others.code),
                "shown": formats[styles[others.code]],
                "value": others.value,
                "formula": others.formula,
            }
        )
        .with_columns(_TYPING)
        .filter("filled")
        .collect()
    )
    if cells["is_iso"].any():
        cells = cells.with_columns(_iso(pl.col("value"), pl.col("is_iso"), epoch_1904))
    return typed(
        Places(cells["row"].to_numpy(), cells["column"].to_numpy()),
        cells.select(_SOUND).to_series().fill_null(A_NUMBER).to_numpy(),
        cells["number"].fill_null(0).to_numpy(),
        cells["text"],
        cells["shown"].to_numpy(),
        epoch_1904=epoch_1904,
    )


def _plain_numbers(others: _Others) -> np.ndarray | None:
    """The numbers of a sheet without formulas that has but numbers beside texts.

    Most sheets are such, and many are read: None of the others.
    """
    is_typed = np.array([one.type is not None for one in others.said])
    if others.formula.any() or is_typed[others.code].any():
        return None
    number = others.value.cast(pl.Float64, strict=False)
    return None if number.null_count() else number.to_numpy()


def _iso(value: pl.Expr, is_iso: pl.Expr, epoch_1904: bool) -> list[pl.Expr]:
    """Cells that hold a date as text (strict workbooks), as numbers of the workbook's calendar."""
    text = value.str.replace("Z$", "").str.replace("T", " ")
    stamp = pl.coalesce(
        text.str.to_datetime(form, time_unit="us", strict=False)
        for form in ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
    )
    clock = text.str.strip_chars().str.to_time("%H:%M:%S%.f", strict=False)
    day_us = 86_400_000_000
    serial = pl.coalesce(
        stamp.dt.epoch("us") / day_us + DAYS_TO_1970[epoch_1904],
        clock.cast(pl.Int64) / (day_us * 1000),
    )
    shown = (
        pl.when(pl.col("shown") != AS_NUMBER)
        .then("shown")
        .when(clock.is_not_null())
        .then(AS_CLOCK)
        .when(value.str.len_chars() == 10)
        .then(AS_DATE)
        .otherwise(AS_STAMP)
    )
    return [
        pl.when(is_iso).then(serial).otherwise("number").alias("number"),
        pl.when(is_iso).then(shown).otherwise("shown").cast(pl.UInt8).alias("shown"),
    ]
