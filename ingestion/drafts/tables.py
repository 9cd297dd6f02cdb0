"""Samples that are tables: delimited text, workbooks, Parquet."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

import polars as pl

from ingestion.drafts.looked_at import (
    MAX_COLUMNS,
    MAX_RECORDS,
    NESTED,
    Note,
    Sample,
    SampleError,
    text_frame,
)
from ingestion.privacy import shape
from ingestion.readers.raw import column_name

_DELIMITERS = (";", "\t", "|", ",", "^", "~", "¤", "\x1f", ":")
_LINE = re.compile(r"\r\n|\n|\r")
_HEAD_LINES = 200
# The names are in one of the first rows, under a title perhaps.
_HEADER_ROWS = 15
_WORD = re.compile(r"[^\W\d_]")
_STAMP = re.compile(r"\d{1,4}[-./:]\d{1,2}|^\d+$")


# --- delimited text ---------------------------------------------------------------------------


def from_text_table(name: str, text: str) -> Sample:
    """Delimited text: delimiter, quotation and header row are seen from its first lines.

    Raises:
        SampleError: no delimiter keeps the lines alike, or there is no row of names.
    """
    lines = [line for line in _LINE.split(text) if line.strip()]
    if not lines:
        raise SampleError("filen er tom", "the file is empty")
    delimiter = _delimiter(lines[:_HEAD_LINES])
    if delimiter is None:
        raise _no_delimiter(lines)
    kind: dict[str, Any] = {
        "type": "csv",
        "delimiter": "tab" if delimiter == "\t" else delimiter,
    }
    table, quoting = _split(text, delimiter)
    kind |= quoting
    row = header_row(table)
    header = [column_name(cell) for cell in table[row]]
    if row:
        kind["header_row"] = _physical_line(text, table, row)
    check_header_cells(header, table[row + 1 :])
    body = table[row + 1 :]
    whole = [line for line in body if len(line) == len(header)]
    frame, left_out = text_frame(header, whole[:MAX_RECORDS])
    notes: list[Note] = []
    if "quoting" in quoting:
        notes.append(
            (
                "ingen felt står i anførselstegn: tegnet leses som et vanlig tegn (`quoting`)",
                "no field is in quotation marks: the mark is read as a character (`quoting`)",
            )
        )
    if len(whole) < len(body):
        apart = len(body) - len(whole)
        notes.append(
            (
                f"{apart} linjer har et annet antall felt enn overskriften og er ikke sett på",
                f"{apart} lines have another number of fields than the header; not looked at",
            )
        )
    return Sample(name, kind, frame, left_out, tuple(notes), is_cut=len(whole) > MAX_RECORDS)


def _delimiter(lines: list[str]) -> str | None:
    """The mark that splits most lines in the same number of fields, and in most fields."""
    best, score = None, (0.0, 0)
    for mark in _DELIMITERS:
        counts = Counter(len(row) for row in _rows(lines, mark, csv.QUOTE_MINIMAL))
        width, number = max(counts.items(), key=lambda item: (item[1], item[0]))
        if width < 2 or len(lines) < 2:
            continue
        # A clock has colons, a number a comma: a share of 0.93 is as good as 0.97.
        found = (min(round(number / sum(counts.values()), 1), 0.9), width)
        if found[0] >= 0.5 and found > score and not (mark == ":" and best):
            best, score = mark, found
    return best


def _no_delimiter(lines: list[str]) -> SampleError:
    if len(lines) > 2 and len({len(line) for line in lines[1:_HEAD_LINES]}) == 1:
        return SampleError(
            "linjene er like lange og uten skilletegn: fast bredde. Skriv kildefilen for hånd med "
            "`format: {type: fixed, fields: {navn: [første, siste]}}` etter avsenderens "
            "beskrivelse",
            "the lines are of one length and without a delimiter: fixed width. Write the source "
            "file by hand with `format: {type: fixed, fields: {name: [first, last]}}` from the "
            "sender's description",
        )
    return SampleError(
        "fant ikke noe skilletegn (semikolon, komma, tabulator, loddrett strek ...) og kjenner "
        "ikke formatet igjen; prøven trenger en overskrift og minst én rad",
        "found no delimiter (semicolon, comma, tab, pipe ...) and do not know the format; the "
        "sample needs a header and at least one row",
    )


def _rows(lines: Sequence[str], delimiter: str, quoting: Any) -> list[list[str]]:
    """Lines split one by one, so that an unclosed quotation mark costs its own line only."""
    rows = []
    for line in lines:
        try:
            rows.append(next(csv.reader([line], delimiter=delimiter, quoting=quoting), []))
        except csv.Error as error:
            raise SampleError(
                "et felt er lengre enn 131 072 tegn", "a field is longer than 131,072 characters"
            ) from error
    return rows


def _split(text: str, delimiter: str) -> tuple[list[list[str]], dict[str, Any]]:
    """The table, and what must be said of its quotation marks."""
    lines = [line for line in islice(_LINE.split(text), MAX_RECORDS + _HEADER_ROWS) if line.strip()]
    mark = re.escape(delimiter)
    if '"' not in text:
        return [line.split(delimiter) for line in lines], {}
    quoted = re.search(rf'(?:^|{mark})"[^"]*"(?={mark}|$)', "\n".join(lines), re.MULTILINE)
    by_line = _rows(lines, delimiter, csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
    if not quoted:
        return by_line, {"quoting": "none"}
    try:
        spanning = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        return by_line, {}
    spanning = [row for row in spanning if any(cell.strip() for cell in row)]
    is_spanning = any("\n" in cell or "\r" in cell for row in spanning for cell in row)
    if is_spanning and _evenness(spanning) > _evenness(by_line):
        return spanning, {"multiline": True}
    return by_line, {}


def _evenness(rows: list[list[str]]) -> float:
    """The share of rows with the commonest number of fields."""
    counts = Counter(map(len, rows))
    return max(counts.values()) / len(rows)


def _physical_line(text: str, table: list[list[str]], row: int) -> int:
    """The line number of the header, blank lines counted."""
    filled = [number for number, line in enumerate(_LINE.split(text), start=1) if line.strip()]
    return filled[row] if row < len(filled) and row < len(table) else row + 1


def header_row(rows: Sequence[Sequence[str | None]]) -> int:
    """The first row near the top that is nearly full of different words: what follows is data."""
    width = Counter(map(len, rows[: _HEADER_ROWS * 4])).most_common(1)[0][0]
    scores = []
    for row in rows[:_HEADER_ROWS]:
        words = {cell.strip() for cell in row if cell and _is_name(cell.strip())}
        scores.append(len(words) / max(width, 1))
    for index, score in enumerate(scores):
        if score >= 0.8:
            return index
    return max(range(len(scores)), key=lambda index: scores[index])


def _is_name(cell: str) -> bool:
    return bool(_WORD.search(cell)) and not _STAMP.search(cell)


def check_header_cells(header: list[str], body: Sequence[Sequence[str | None]]) -> None:
    """Refuse a table without names: the first row of data must not become names.

    Raises:
        SampleError: too many columns, or the first row looks like those below it.
    """
    if len(header) > MAX_COLUMNS:
        raise SampleError(
            f"{len(header)} kolonner, høyst {MAX_COLUMNS}",
            f"{len(header)} columns, at most {MAX_COLUMNS}",
        )
    named = [cell for cell in header if cell]
    words = sum(_is_name(cell) for cell in named)
    alike = sum(_is_like_data(cell, index, body) for index, cell in enumerate(header))
    if not named or words < len(named) / 2 or alike > len(named) / 2:
        raise SampleError(
            "fant ingen rad med kolonnenavn: en kilde trenger navn. Be avsenderen om en "
            "overskrift, eller legg den til i prøven",
            "found no row of column names: a source needs names. Ask the sender for a header, or "
            "add it to the sample",
        )


def _is_like_data(cell: str, index: int, body: Sequence[Sequence[str | None]]) -> bool:
    """Whether a name has digits where the values below it have theirs."""
    pattern = shape(cell)
    below = [row[index] for row in body[:50] if index < len(row) and row[index]]
    same = sum(shape(value or "") == pattern for value in below)
    return "9" in pattern and bool(below) and same > len(below) / 2


# --- workbooks --------------------------------------------------------------------------------


def _below(workbook: Any, sheet: str, skip: int) -> pl.DataFrame:
    """The cells below the names; as text where a column holds values that no one type has."""
    import fastexcel

    options = {"header_row": None, "skip_rows": skip, "n_rows": MAX_RECORDS}
    try:
        cells: pl.DataFrame = workbook.load_sheet(sheet, **options).to_polars()
    except fastexcel.FastExcelError:
        cells = workbook.load_sheet(sheet, dtypes="string", **options).to_polars()
    return cells


def from_workbook(name: str, data: bytes, kind: str) -> Sample:
    """The first sheet of a workbook; cells keep their types where a column has one type.

    Raises:
        SampleError: not a workbook that can be read, or no row of names.
    """
    import fastexcel

    # It says on the log which columns are empty.
    logging.getLogger("fastexcel").setLevel(logging.ERROR)
    try:
        workbook = fastexcel.read_excel(data)
        sheet = workbook.sheet_names[0]
        head = workbook.load_sheet(
            sheet, header_row=None, skip_rows=0, dtypes="string", n_rows=_HEADER_ROWS * 4
        ).to_polars()
        rows = [list(row) for row in head.iter_rows()]
        if len(rows) < 2:
            raise SampleError("arket er tomt", "the sheet is empty")
        row = header_row(rows)
        cells = _below(workbook, sheet, row + 1)
    except SampleError:
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        raise SampleError("ikke en gyldig regnearkfil", "not a valid workbook") from error
    header = [str(cell or "").replace("\r\n", "\n").strip() for cell in rows[row]]
    check_header_cells(header, rows[row + 1 :])
    counts = Counter(header)
    kept = [
        pl.nth(index).alias(title)
        for index, title in enumerate(header)
        if title and counts[title] == 1 and index < cells.width
    ]
    frame = cells.select(kept)
    frame = frame.filter(pl.any_horizontal(pl.all().is_not_null()))
    left_out = text_frame(header, [])[1]
    notes: list[Note] = []
    if len(workbook.sheet_names) > 1:
        others = len(workbook.sheet_names) - 1
        notes.append(
            (
                f"arbeidsboka har {others} ark til som ikke er sett på",
                f"the workbook has {others} more sheets that were not looked at",
            )
        )
    form: dict[str, Any] = {"type": kind, "sheet": sheet}
    if row:
        form["header_row"] = row + 1
    return Sample(
        name, form, _typed(frame), left_out, tuple(notes), is_cut=cells.height >= MAX_RECORDS
    )


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    """Numbers and flags as the text a reader gives; stamps stay stamps."""
    return frame.with_columns(
        _number_text(frame[name]) for name, dtype in frame.schema.items() if not dtype.is_temporal()
    )


def _number_text(values: pl.Series) -> pl.Series:
    if values.dtype.is_float():
        finite = values.drop_nulls()
        if finite.is_finite().all() and (finite == finite.round()).all():
            return values.cast(pl.Int64, strict=False).cast(pl.String)
    return values.cast(pl.String)


# --- parquet ----------------------------------------------------------------------------------


def from_parquet(name: str, data: bytes) -> Sample:
    """A Parquet file; fields of a record within a column are named by dotted paths.

    Raises:
        SampleError: not a Parquet file that can be read.
    """
    try:
        lazy = pl.scan_parquet(io.BytesIO(data))
        frame = lazy.head(MAX_RECORDS + 1).collect()
    except (Exception, pl.exceptions.PanicException) as error:
        raise SampleError("Parquet-filen er skadet", "the Parquet file is damaged") from error
    is_cut = frame.height > MAX_RECORDS
    flat = _without_structs(frame.head(MAX_RECORDS))
    left_out = {column: NESTED for column, dtype in flat.schema.items() if dtype.is_nested()}
    kept = flat.drop(list(left_out))
    try:
        kept.select(pl.selectors.temporal().cast(pl.String))
    except pl.exceptions.PanicException as error:
        raise SampleError(
            "et tidspunkt er utenfor kalenderen", "a stamp is outside the calendar"
        ) from error
    return Sample(name, {"type": "parquet"}, _typed(kept), left_out, is_cut=is_cut)


def _without_structs(frame: pl.DataFrame) -> pl.DataFrame:
    while structs := [n for n, dtype in frame.schema.items() if isinstance(dtype, pl.Struct)]:
        for name in structs:
            fields = frame[name].struct.unnest()
            fields = fields.rename({part: f"{name}.{part}" for part in fields.columns})
            frame = frame.drop(name).hstack(fields)
    return frame
