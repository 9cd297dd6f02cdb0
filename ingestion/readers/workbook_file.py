"""Workbooks: xlsx, xls and ods. Every cell becomes text, numbers and stamps in one spelling.

Two readers meet here. The scanner of the format finds the filled cells, and reads all that are not
text; the library reads the texts. Where the one sees a cell and the other does not, the file is
refused: this is the independent count, cell by cell.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ingestion.errors import FileRefusedError, failure
from ingestion.readers.cells import ERROR, NOT_CALCULATED, TEXT, Cells, unreadable, with_texts
from ingestion.readers.ods_cells import scan_ods
from ingestion.readers.raw import (
    ROW_CELL_ERROR,
    ROW_CELL_NOT_CALCULATED,
    ROW_NUMBER,
    RawFile,
    check_header,
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
    columns = cells.columns
    filled = _filled(cells, _texts(payload, cells), from_row=at + 1)
    header = {
        column: renames.get(name.strip(), name.strip())
        for column, name in filled.filter(pl.col("row") == at).select("column", "text").iter_rows()
        if name and name.strip()
    }
    if not header:
        raise FileRefusedError("FILE_EMPTY", "arket har ingen overskrift", "there is no header")
    check_header(list(header.values()), spec)

    body = filled.filter(pl.col("row") > at)
    rows = body["row"].unique().sort()
    grid = _grid(body, rows, columns)
    wanted = set(spec.raw_columns())
    mapped = [column for column in columns if header.get(column) in wanted]
    frame = grid.select(pl.nth(column - columns.start).alias(header[column]) for column in mapped)
    frame = numbered(frame, spec).with_columns((rows - at).alias(ROW_NUMBER))
    odd = body.filter(pl.col("kind").is_in(list(_MARKS)) & pl.col("column").is_in(mapped))
    marks = {
        code: (numbers - at).to_list()
        for kind, code in _MARKS.items()
        if (numbers := odd.filter(pl.col("kind") == kind)["row"].unique().sort()).len()
    }
    hashes = grid.hash_rows() if ids_recur(frame, spec) else None
    names = tuple(header[column] for column in columns if column in header)
    return RawFile(frame, marks=marks, record_hash=hashes, columns=names)


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


def _filled(cells: Cells, library: list[pl.Series], from_row: int) -> pl.DataFrame:
    """Every filled cell with its text.

    Raises:
        FileRefusedError: FILE_COUNT_DIFFERS, when one sees a cell that the other does not.
    """
    frame = with_texts(cells.frame, from_row)
    height = library[0].len() if library else 0
    # The columns one below the other: the place of a cell in them is a number.
    stack = pl.concat([*library, pl.Series([None], dtype=pl.String)])
    seen = (stack != "").fill_null(False)
    row, column = frame["row"].to_numpy(), frame["column"].to_numpy() - cells.columns.start
    inside = (row < height) & (column < len(library))
    place = pl.Series(np.where(inside, column * height + row, stack.len() - 1))
    texts, is_seen, kind = stack.gather(place), seen.gather(place), frame["kind"]
    is_text = kind == TEXT
    # A text can be empty. A cell of another kind has a value.
    is_lost = texts.is_null().zip_with(is_text, ~is_seen & ~kind.is_in(list(cells.unseen)))
    frame = frame.with_columns(texts.zip_with(is_text, frame["text"]).alias("text"))
    lost, extra = int(is_lost.sum()), int(seen.sum()) - int(is_seen.sum())
    if lost or extra:
        at = frame.filter(is_lost).select("row", "column").head(1).rows()
        place_nb = f", først i {column_letters(at[0][1])}{at[0][0] + 1}" if at else ""
        place_en = f", first in {column_letters(at[0][1])}{at[0][0] + 1}" if at else ""
        raise FileRefusedError(
            "FILE_COUNT_DIFFERS",
            f"{lost} fylte celler ble ikke lest, {extra} lest uten å være fylt{place_nb}",
            f"{lost} filled cells were not read, {extra} read that are not filled{place_en}",
        )
    return frame.select("row", "column", "kind", "text").filter(~is_text | (frame["text"] != ""))


def _grid(body: pl.DataFrame, rows: pl.Series, columns: range) -> pl.DataFrame:
    """The cells as a rectangle of texts: the given rows, all columns."""
    height = rows.len()
    place = (body["column"] - columns.start) * height + rows.search_sorted(body["row"])
    flat = pl.repeat(None, height * len(columns), dtype=pl.String, eager=True)
    flat = flat.scatter(place, body["text"])
    return pl.DataFrame(
        [flat.slice(index * height, height).alias(f"{index}") for index in range(len(columns))]
    )
