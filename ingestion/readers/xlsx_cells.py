"""The filled cells of an xlsx sheet, from its XML."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
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

_CHUNK = 64 * 1024**2
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
    strings = (parts.get(part, b"") for kind, part in relations.values() if kind == "sharedstrings")
    if any(b"<![CDATA[" in xml for xml in (_part(parts, found[1]), *strings)):
        # No program writes them, and the library leaves out what is in them.
        raise unreadable("CDATA i regnearket", "CDATA in the worksheet")
    shown = _styles(parts[styles]) if styles in parts else [AS_NUMBER]
    frame = _scan(_part(parts, found[1]))
    return Cells(found[0], _typed(frame, shown, epoch_1904=_is_1904(book)))


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
    """Position and parts of every cell: `row`, `column`, `type`, `style`, `value`, flags."""
    head = xml[:400]
    utf8 = re.search(rb"encoding=[\"'](?!utf-8)", head, re.IGNORECASE) is None
    plain = utf8 and b"<!" not in xml and xml.find(b"<?", 5) < 0 and b"\x00" not in head
    if not plain:
        # Comments and other encodings: written anew, they are gone.
        xml = ElementTree.tostring(parse(xml), encoding="utf-8")
    root = re.search(rb"<((?:[\w.-]+:)?)worksheet[\s>]", xml)
    if root is None:
        raise unreadable("arket har ikke XML for et regneark", "the sheet is not worksheet XML")
    prefix = root[1].decode()
    start = xml.find(b"<" + root[1] + b"sheetData")
    end = xml.rfind(b"</" + root[1] + b"sheetData>")
    frames = [_cells_of(text, prefix) for text in _chunks(xml, start, end, root[1])]
    return _placed(pl.concat(frames))


def _chunks(xml: bytes, start: int, end: int, prefix: bytes) -> Iterator[str]:
    """The rows of a sheet, in pieces that end with a row."""
    close = b"</" + prefix + b"row>"
    while end - start > _CHUNK:
        cut = xml.rfind(close, start, start + _CHUNK)
        cut = end if cut < 0 else cut + len(close)
        yield xml[start:cut].decode("utf-8", errors="replace")
        start = cut
    yield xml[max(start, 0) : max(end, 0)].decode("utf-8", errors="replace")


def _cells_of(text: str, prefix: str) -> pl.DataFrame:
    p = re.escape(prefix)
    pattern = rf"(?s)<{p}row(?:\s[^>]*)?>|<{p}c(?:\s[^>]*?)?(?:/>|>.*?</{p}c>)"
    found = pl.Series("x", [text]).str.extract_all(pattern).explode(empty_as_null=False)
    x = pl.col("x")

    nothing = pl.lit(None, pl.String)

    def part(expr: pl.Expr, *marks: str, otherwise: pl.Expr = nothing) -> pl.Expr:
        """Looked for in every cell only when it is anywhere: looking is what takes the time."""
        return expr if any(mark in text for mark in marks) else otherwise

    def attribute(name: str, value: str) -> pl.Expr:
        expr = x.str.extract(rf"^<[^>]*?\s{name}=[\"']{value}[\"']")
        return part(expr, f'{name}="', f"{name}='")

    return (
        found.to_frame()
        .lazy()
        .select(
            x.str.starts_with(f"<{prefix}row").alias("is_row"),
            attribute("r", r"[A-Z]*(\d+)").cast(pl.Int64).alias("row_ref"),
            attribute("r", r"([A-Z]+)\d+").alias("letters"),
            attribute("t", r"(\w+)").alias("type"),
            attribute("s", r"(\d+)").cast(pl.UInt32).alias("style"),
            x.str.extract(rf"<{p}v(?:\s[^>]*)?>([^<]*)</{p}v>").alias("value"),
            part(x.str.contains(rf"<{p}f[\s/>]"), f"<{prefix}f", otherwise=pl.lit(False)).alias(
                "formula"
            ),
        )
        .collect()
    )


def _placed(frame: pl.DataFrame) -> pl.DataFrame:
    """The filled cells with `row` and `column`; one without a reference follows the one before.

    Raises:
        FileRefusedError: FILE_UNREADABLE (a cell twice, or in a row that it says it is not in).
    """
    starts = frame["is_row"].arg_true()
    rows = frame["row_ref"].gather(starts)
    if rows.null_count():
        rows = pl.Series(_followed(rows.to_list(), first=1), dtype=pl.Int64)
    columns = _columns(frame)
    # Before the first row there is no cell; -1 is found out below.
    of_row = pl.col("is_row").cum_sum().cast(pl.Int64) - 1
    at = pl.int_range(pl.len())
    filled = (
        frame.lazy()
        .with_columns(of_row.alias("of_row"), at.alias("at"), columns.alias("column"))
        .filter(
            ~pl.col("is_row")
            & (pl.col("value").is_not_null() | pl.col("formula") | (pl.col("type") == "inlineStr"))
        )
        .with_columns(
            (pl.lit(rows).gather(pl.col("of_row").clip(0)) - 1).alias("row"),
            pl.col("column").fill_null(
                pl.col("at") - pl.lit(starts).gather(pl.col("of_row").clip(0)).cast(pl.Int64) - 1
            ),
        )
        .select("row", "column", "row_ref", "of_row", "type", "style", "value", "formula")
        .collect()
    )
    place = pl.col("row") * _WIDEST + pl.col("column")
    known = (
        pl.col("of_row").is_between(0, rows.len() - 1)
        & (pl.col("row_ref").is_null() | (pl.col("row_ref") - 1 == pl.col("row")))
        & pl.col("column").is_between(0, _WIDEST - 1)
    )
    good, sorted_ = filled.select(known.all(), (place.diff() > 0).all()).row(0)
    if not good or not (sorted_ or filled.select(place.is_unique().all()).item()):
        raise unreadable(
            "en celle står to ganger eller i feil rad", "a cell stands twice, or in a wrong row"
        )
    return filled


def _followed(refs: list[int | None], first: int) -> list[int]:
    at, found = first - 1, []
    for ref in refs:
        at = at + 1 if ref is None else ref
        found.append(at)
    return found


def _columns(frame: pl.DataFrame) -> pl.Series:
    """The column that each cell says it is in; null where no cell says so."""
    letters = frame["letters"]
    names = letters.unique().drop_nulls().to_list()
    if not names:
        return pl.repeat(None, frame.height, dtype=pl.Int64, eager=True)
    refs = letters.replace_strict(
        names, [_column(name) for name in names], default=None, return_dtype=pl.Int64
    )
    is_row = frame["is_row"]
    if refs.null_count() == is_row.sum():
        return refs
    found: list[int] = []
    for row, ref in zip(is_row, refs, strict=True):
        found.append(-1 if row else found[-1] + 1 if ref is None else ref)
    return pl.Series(found, dtype=pl.Int64)


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


def _typed(frame: pl.DataFrame, shown: list[int], *, epoch_1904: bool) -> pl.DataFrame:
    """Kind and value of every cell."""
    if frame.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    rows, columns = frame.select(pl.col("row").max(), pl.col("column").max()).row(0)
    check_extent(rows + 1, columns + 1)
    kind = pl.col("type").fill_null("n")
    value = pl.col("value")
    empty = value.is_null() | (value == "")
    style = pl.col("style").fill_null(0)
    places = pl.when(style < len(shown)).then(style).otherwise(len(shown))
    formats = pl.lit(pl.Series([*shown, AS_NUMBER], dtype=pl.UInt8))
    texts = kind.is_in(["s", "str", "inlineStr"])
    not_calculated = pl.col("formula") & empty & ~((kind == "str") & value.is_not_null())
    cells = (
        frame.lazy()
        .with_columns(
            formats.gather(places).alias("shown"),
            pl.when(kind == "n").then(value.cast(pl.Float64, strict=False)).alias("number"),
            pl.when(kind == "b")
            .then(value.replace({"1": "true", "0": "false"}))
            .when(~empty)
            .then(value)
            .alias("text"),
            pl.when(not_calculated)
            .then(NOT_CALCULATED)
            .when(texts)
            .then(TEXT)
            .when(kind == "e")
            .then(ERROR)
            .when(kind == "b")
            .then(VALUE)
            .cast(pl.UInt8)
            .alias("was"),
        )
        .filter(
            # Of an empty text the sheet itself says so, unless it is a shared or an inline one.
            ~empty | (kind == "inlineStr") | (pl.col("was") == NOT_CALCULATED)
        )
    )
    if (frame["type"] == "d").any():
        cells = cells.with_columns(_iso(value, kind == "d", epoch_1904))
    return typed(cells, epoch_1904=epoch_1904)


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
