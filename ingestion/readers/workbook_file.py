"""Workbooks: xlsx, xls and ods. Every cell becomes text, numbers and stamps in one spelling.

Two readers meet here. The scanner of the format finds the filled cells, and reads all that are not
text; the library reads the texts. Where the one sees a cell and the other does not, the file is
refused: this is the independent count, cell by cell.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ingestion.errors import FileRefusedError, failure
from ingestion.readers.cells import (
    ERROR,
    NOT_CALCULATED,
    Cells,
    Content,
    Places,
    all_texts,
    unreadable,
)
from ingestion.readers.ods_cells import scan_ods
from ingestion.readers.raw import (
    ROW_CELL_ERROR,
    ROW_CELL_NOT_CALCULATED,
    RawFile,
    check_header,
    column_name,
    ids_recur,
    numbered,
)
from ingestion.readers.xls_cells import scan_xls
from ingestion.readers.xlsx_cells import column_letters, scan_xlsx
from ingestion.sources.spec import SourceSpec

_SCANNERS = {"xlsx": scan_xlsx, "xls": scan_xls, "ods": scan_ods}
_MARKS = {ERROR: ROW_CELL_ERROR, NOT_CALCULATED: ROW_CELL_NOT_CALCULATED}


def read_workbook(payload: bytes, spec: SourceSpec, renames: dict[str, str]) -> RawFile:
    """Read one sheet into text columns.

    A record is a row below the header with a value in any column, mapped or not. Its number is its
    distance from the header, so blank rows in between count: row 1 is the one below the header.

    Raises:
        FileRefusedError: not a workbook, no such sheet, a mapped column missing or doubled, more
            cells than a delivery can have, or a cell that one of the two readers does not see.
    """
    cells = _SCANNERS[spec.format.type](payload, spec.format.sheet)
    at = spec.format.header_row - 1
    columns, height = cells.columns, cells.height
    others = cells.others
    stack = _stack(_texts(payload, cells), cells)
    is_filled = _checked(stack, cells)
    stack = stack.set((stack == "").fill_null(False), None)
    if len(others.kinds):
        stack = stack.scatter(_place(others.places, cells), all_texts(others, from_row=at + 1))
    texts = [stack.slice(index * height, height) for index in range(len(columns))]
    header = {
        index: renames.get(name, name)
        for index, text in enumerate(texts)
        if at < height and (name := column_name(text[at] or ""))
    }
    if not header:
        raise FileRefusedError("FILE_EMPTY", "arket har ingen overskrift", "there is no header")
    check_header(list(header.values()), spec)

    rows = np.flatnonzero(is_filled)
    rows = rows[rows > at]
    wanted = set(spec.raw_columns())
    mapped = [index for index in header if header[index] in wanted]
    frame = _rows_of(pl.DataFrame([texts[index].alias(header[index]) for index in mapped]), rows)
    frame = numbered(frame, spec, rows - at)
    hashes = None
    if ids_recur(frame, spec):
        hashes = _rows_of(_whole(texts, cells), rows).hash_rows()
    return RawFile(
        frame,
        marks=_marks(others, at, [columns[index] for index in mapped]),
        record_hash=hashes,
        columns=tuple(header.values()),
    )


def _whole(texts: list[pl.Series], cells: Cells) -> pl.DataFrame:
    """All cells, and which are texts: a text is not equal to a number that is written like it."""
    is_text = np.zeros(cells.height * len(texts), dtype=bool)
    is_text[_place(cells.texts, cells)] = True
    kinds = is_text.reshape(len(texts), cells.height)
    return pl.DataFrame(
        [
            *(text.alias(f"{index}") for index, text in enumerate(texts)),
            *(pl.Series(f"{index} is text", kind) for index, kind in enumerate(kinds)),
        ]
    )


def _rows_of(frame: pl.DataFrame, rows: np.ndarray) -> pl.DataFrame:
    """Some rows of a frame, in their order; mostly they follow one another."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
        return frame.slice(int(rows[0]), len(rows))
    return frame[rows]


def _marks(others: Content, at: int, mapped: list[int]) -> dict[str, list[int]]:
    """Numbers of records with a mapped cell that has no value, by the rule."""
    marks = {}
    for kind, code in _MARKS.items():
        odd = others.places.at(others.kinds == kind)
        rows = odd.rows[(odd.rows > at) & np.isin(odd.columns, mapped)]
        if len(rows):
            marks[code] = (np.unique(rows) - at).tolist()
    return marks


def _texts(payload: bytes, cells: Cells) -> list[pl.Series]:
    """The columns of the sheet as the library reads them, as text, from the sheet's first row."""
    import fastexcel

    if not cells.height:
        return []
    try:
        sheet = fastexcel.read_excel(payload).load_sheet(
            cells.sheet, header_row=None, skip_rows=0, dtypes="string"
        )
        columns: list[pl.Series] = sheet.to_polars().get_columns()
        return columns
    except BaseException as error:
        # Its text may quote a cell, so only the kind of the error is told.
        kind = failure(error)
    raise unreadable(f"ikke en gyldig arbeidsbok ({kind})", f"not a valid workbook ({kind})")


def _stack(library: list[pl.Series], cells: Cells) -> pl.Series:
    """The columns that have filled cells, one below the other: a cell's place is a number.

    Raises:
        FileRefusedError: FILE_COUNT_DIFFERS, when there is something outside them.
    """
    height, width = cells.height, len(cells.columns)
    outside = [text.slice(height) for text in library if text.len() > height] + library[width:]
    if extra := sum(int((text != "").sum()) for text in outside):
        raise _differs(0, extra)
    empty = pl.Series([None], dtype=pl.String).new_from_index(0, height)
    columns = [
        text.head(height)
        if text.len() >= height
        else text.extend_constant(None, height - text.len())
        for text in library[:width]
    ]
    return pl.concat([*columns, *[empty] * (width - len(columns)), empty.head(0)])


def _place(places: Places, cells: Cells) -> np.ndarray:
    """Where cells are in the columns one below the other."""
    found: np.ndarray = (places.columns - cells.columns.start) * cells.height + places.rows
    return found


def _checked(stack: pl.Series, cells: Cells) -> np.ndarray:
    """Per row, whether it has a filled cell, once both readers have seen the same ones.

    Raises:
        FileRefusedError: FILE_COUNT_DIFFERS, when one sees a cell that the other does not.
    """
    seen = (stack != "").fill_null(False).to_numpy()
    others = cells.others.places
    text_at, other_at = _place(cells.texts, cells), _place(others, cells)
    # A text can be empty. A cell of another kind has a value.
    is_text_lost = stack.is_null().to_numpy()[text_at]
    is_unseen = np.isin(cells.others.kinds, cells.unseen)
    is_lost = ~seen[other_at] & ~is_unseen
    lost = int(is_text_lost.sum()) + int(is_lost.sum())
    extra = int(seen.sum()) - int(seen[text_at].sum()) - int(seen[other_at].sum())
    if lost or extra:
        places = [
            *zip(cells.texts.rows[is_text_lost], cells.texts.columns[is_text_lost], strict=True),
            *zip(others.rows[is_lost], others.columns[is_lost], strict=True),
        ]
        raise _differs(lost, extra, min(places, default=None))
    is_filled = np.zeros(cells.height, dtype=bool)
    is_filled[cells.texts.rows[seen[text_at]]] = True
    is_filled[others.rows] = True
    return is_filled


def _differs(lost: int, extra: int, at: tuple[int, int] | None = None) -> FileRefusedError:
    """The two readers do not see the same cells; `at` is the row and column of the first lost."""
    name = f" {column_letters(at[1])}{at[0] + 1}" if at else ""
    return FileRefusedError(
        "FILE_COUNT_DIFFERS",
        f"{lost} fylte celler ble ikke lest, {extra} lest uten å være fylt"
        + (f", først i{name}" if at else ""),
        f"{lost} filled cells were not read, {extra} read that are not filled"
        + (f", first in{name}" if at else ""),
    )
