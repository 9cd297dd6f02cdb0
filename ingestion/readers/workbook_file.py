"""Excel workbooks. Cells are read as text, so that a rejected value is shown as it was sent."""

from __future__ import annotations

import io
import zipfile

import polars as pl

from ingestion.errors import FileRefusedError
from ingestion.readers.container import check_zip
from ingestion.readers.raw import RawFile, check_header, numbered
from ingestion.sources.spec import SourceSpec


def read_xlsx(payload: bytes, spec: SourceSpec, renames: dict[str, str]) -> RawFile:
    """Read one sheet; rows without any value in the mapped columns are not rows.

    Raises:
        FileRefusedError: not a workbook, no such sheet, or a mapped column missing or doubled.
    """
    import fastexcel

    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            check_zip(archive, len(payload))
        workbook = fastexcel.read_excel(payload)
        sheet = spec.format.sheet or workbook.sheet_names[0]
        if sheet not in workbook.sheet_names:
            raise FileRefusedError(
                "FILE_UNREADABLE", f"arket '{sheet}' finnes ikke", f"there is no sheet '{sheet}'"
            )
        cells = workbook.load_sheet(sheet, header_row=None, dtypes="string").to_polars()
    except (zipfile.BadZipFile, fastexcel.FastExcelError, OSError) as error:
        raise FileRefusedError(
            "FILE_UNREADABLE", "ikke en gyldig Excel-fil", "not a valid Excel file"
        ) from error
    if cells.height < spec.format.header_row:
        raise FileRefusedError("FILE_EMPTY", "arket har ingen overskrift", "there is no header")
    header = [
        renames.get(name, name)
        for name in (str(cell or "").strip() for cell in cells.row(spec.format.header_row - 1))
    ]
    check_header(header, spec)
    wanted = set(spec.raw_columns())
    frame = cells.slice(spec.format.header_row).select(
        pl.nth(index).alias(name) for index, name in enumerate(header) if name in wanted
    )
    frame = numbered(frame, spec)
    return RawFile(frame.filter(pl.any_horizontal(pl.col(sorted(wanted)).is_not_null())))
