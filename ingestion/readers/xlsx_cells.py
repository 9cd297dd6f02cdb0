"""The filled cells of an xlsx sheet, from its XML."""

from __future__ import annotations

import functools
import io
import posixpath
import re
import zipfile
from xml.etree import ElementTree

import polars as pl

from ingestion.errors import FileRefusedError
from ingestion.readers.cells import (
    AS_CLOCK,
    AS_DATE,
    AS_NUMBER,
    AS_STAMP,
    DAYS_TO_1970,
    ERROR,
    NOT_CALCULATED,
    SCHEMA,
    TEXT,
    VALUE,
    Cells,
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
    strings = [parts.get(part, b"") for kind, part in relations.values() if kind == "sharedstrings"]
    if any(b"<![CDATA[" in xml for xml in (_part(parts, found[1]), *strings)):
        # No program writes them, and the library leaves out what is in them.
        raise unreadable("CDATA i regnearket", "CDATA in the worksheet")
    shown = _styles(parts[styles]) if styles in parts else [AS_NUMBER]
    _check_shared(_part(parts, found[1]))
    frame = _scan(_part(parts, found[1]))
    return Cells(found[0], _typed(frame, shown, epoch_1904=_is_1904(book)))


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


def _scan(xml: bytes) -> pl.DataFrame:
    """Every filled cell: `row`, `column`, `type`, `style`, `value`, and whether it is a formula.

    Raises:
        FileRefusedError: FILE_UNREADABLE or FILE_TOO_LARGE.
    """
    if len(xml) > MAX_SHEET_BYTES:
        raise FileRefusedError(
            "FILE_TOO_LARGE", f"arket er {len(xml)} byte", f"the sheet has {len(xml)} bytes"
        )
    head = xml[:400]
    utf8 = re.search(rb"encoding=[\"'](?!utf-8)", head, re.IGNORECASE) is None
    plain = utf8 and b"<!" not in xml and xml.find(b"<?", 5) < 0 and b"\x00" not in head
    if not plain:
        # Comments and other encodings: written anew, they are gone.
        xml = ElementTree.tostring(parse(xml), encoding="utf-8")
    root = re.search(rb"<((?:[\w.-]+:)?)worksheet[\s>]", xml)
    if root is None:
        raise unreadable("arket har ikke XML for et regneark", "the sheet is not worksheet XML")
    start = xml.find(b"<" + root[1] + b"sheetData")
    end = xml.rfind(b"</" + root[1] + b"sheetData>")
    if start < 0 or end < 0:
        return pl.DataFrame()
    return _filled(xml[start:end].decode("utf-8", errors="replace"), root[1].decode())


def _filled(text: str, prefix: str) -> pl.DataFrame:
    pieces = _pieces(text, prefix).to_frame()
    before = pieces.filter(_begins_row(prefix)).to_series()
    if not before.len():
        return pl.DataFrame()
    rows = pl.Series(_row_numbers(before, prefix), dtype=pl.Int64)
    cells = pieces.select(_of_cells(prefix)).slice(1)
    if cells.height and cells["begun"].min() == -1:
        raise unreadable("en celle utenfor radene", "a cell outside the rows")
    cells = cells.with_columns(_columns(cells), (rows - 1).gather(cells["begun"]).alias("row"))
    frame = cells.filter("filled")
    _check_places(frame)
    # Of a text only its place is needed: most cells are texts, and most of the time is spared.
    texts = frame.filter("is_text").select("row", "column", pl.lit("s").alias("type"))
    others = frame.filter(~frame["is_text"]).select(_of_others(prefix))
    return pl.concat([others, texts], how="diagonal")


def _begins_row(prefix: str) -> pl.Expr:
    """What stands before a cell, and thus between two of them, may begin a row."""
    return pl.col("x").str.contains(f"<{prefix}row", literal=True)


@functools.cache
def _of_cells(prefix: str) -> list[pl.Expr]:
    """Per piece: how many rows begin before it, where it is among the cells of its row, its letters
    in the name it gives, and what it holds."""
    x = pl.col("x")
    begins = _begins_row(prefix)
    begun = begins.cast(pl.Int64).cum_sum().shift(1)
    first = pl.when(begins).then(pl.int_range(pl.len())).forward_fill().shift(1)
    holds = [x.str.contains(f"<{prefix}{name}", literal=True) for name in ("v", "is", "f")]
    is_text = [x.str.contains(f' t="{kind}"', literal=True) for kind in ("s", "inlineStr")]
    return [
        x,
        (begun - 1).alias("begun"),
        (pl.int_range(pl.len()) - first - 1).alias("since"),
        _attribute("r", r"([A-Z]{1,3})\d+").alias("letters"),
        pl.any_horizontal(holds).alias("filled"),
        pl.any_horizontal(is_text).alias("is_text"),
    ]


@functools.cache
def _of_others(prefix: str) -> list[pl.Expr]:
    """What is read of cells that are no texts."""
    p = re.escape(prefix)
    return [
        pl.col("row"),
        pl.col("column"),
        _attribute("t", r"(\w+)").alias("type"),
        _attribute("s", r"(\d+)").cast(pl.UInt32).alias("style"),
        pl.col("x").str.extract(rf"<{p}v(?:\s[^>]*)?>([^<]*)</{p}v>").alias("value"),
        pl.col("x").str.contains(rf"<{p}f[\s/>]").alias("formula"),
    ]


def _attribute(name: str, value: str) -> pl.Expr:
    return pl.col("x").str.extract(rf"^[^>]*?\s{name}=[\"']{value}[\"']")


def _pieces(text: str, prefix: str) -> pl.Series:
    """What stands before the first cell, and then each cell with what follows it."""
    cell = f"<{prefix}c"
    pieces = pl.Series("x", [text]).str.split(cell).explode(empty_as_null=False)
    if not pieces.slice(1).str.contains(r"^[\w.-]").any():
        return pieces
    # Other elements begin alike, such as the colour of a text.
    spared = re.sub(rf"{re.escape(cell)}(?=[\w.-])", f"<{prefix}\0c", text)
    return pl.Series("x", [spared]).str.split(cell).explode(empty_as_null=False)


def _row_numbers(before: pl.Series, prefix: str) -> list[int]:
    """The number of the row that each piece begins; one without a number follows the one before."""
    tag = re.compile(rf"<{re.escape(prefix)}row(?:[^>]*?\sr=[\"'](\d{{1,9}})[\"'])?")
    number, found = 0, []
    for piece in before:
        for reference in tag.findall(piece):
            number = int(reference) if reference else number + 1
        found.append(number)
    return found


def _columns(cells: pl.DataFrame) -> pl.Series:
    """The column of every cell; one that does not say so follows the one before."""
    letters, since = cells["letters"], cells["since"]
    if letters.null_count() == letters.len():
        return since.alias("column")
    names = letters.unique().drop_nulls().to_list()
    refs = letters.replace_strict(
        names, [_column(name) for name in names], default=None, return_dtype=pl.Int64
    )
    if refs.null_count():
        found: list[int] = []
        for ref, place in zip(refs, since, strict=True):
            previous = found[-1] if place else -1
            found.append(previous + 1 if ref is None else ref)
        refs = pl.Series(found, dtype=pl.Int64)
    return refs.alias("column")


_PLACE = pl.col("row") * _WIDEST + pl.col("column")
_PLACES = (
    pl.col("column").is_between(0, _WIDEST - 1).all() & (pl.col("row") >= 0).all(),
    (_PLACE.diff() > 0).all(),
)


def _check_places(frame: pl.DataFrame) -> None:
    good, ascending = frame.select(good=_PLACES[0], ascending=_PLACES[1]).row(0)
    if not good or not (ascending or frame.select(_PLACE.is_unique().all()).item()):
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
    pl.col("row"),
    pl.col("column"),
    pl.col("style").fill_null(0),
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
    .when((_KIND == "str") | (_KIND == "inlineStr"))
    .then(TEXT)
    .when(_KIND == "e")
    .then(ERROR)
    .when(_KIND == "b")
    .then(VALUE)
    .cast(pl.UInt8)
    .alias("was"),
    # Of an empty text the sheet itself says so, unless it is a shared or an inline one.
    (~_EMPTY | (_KIND == "inlineStr") | _NO_CACHE).alias("filled"),
    (_KIND == "d").alias("is_iso"),
    (_KIND == "b").alias("is_truth"),
    _VALUE,
]
# A cell that says it is a number, a date or a truth, and holds something else, is damaged.
_DAMAGED = (pl.col("was").is_null() & pl.col("number").is_null()) | (
    pl.col("is_truth") & ~pl.col("text").is_in(["true", "false"])
)
_SOUND = pl.when(_DAMAGED).then(pl.lit(ERROR, pl.UInt8)).otherwise("was").alias("was")
_SHARED = (_KIND == "s").fill_null(False)


def _typed(frame: pl.DataFrame, shown: list[int], *, epoch_1904: bool) -> pl.DataFrame:
    """Kind and value of every cell."""
    if frame.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    check_extent(int(frame["row"].max()) + 1, int(frame["column"].max()) + 1)  # type: ignore[arg-type]
    texts = frame.filter(_SHARED).select("row", "column", kind=pl.lit(TEXT, pl.UInt8))
    others = frame.filter(~_SHARED).with_columns(_KIND.fill_null("n"))
    cells = others.select(_TYPING).filter("filled")
    formats = pl.Series("shown", [*shown, AS_NUMBER], dtype=pl.UInt8)
    cells = cells.with_columns(formats.gather(cells["style"].clip(upper_bound=len(shown))))
    if cells["is_iso"].any():
        cells = cells.with_columns(_iso(pl.col("value"), pl.col("is_iso"), epoch_1904))
    cells = cells.with_columns(_SOUND)
    return pl.concat([typed(cells, epoch_1904=epoch_1904), texts], how="diagonal")


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
