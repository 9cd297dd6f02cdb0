"""A workbook writer that does one thing fast: a plain sheet of texts and date-times.

A year of daily workbooks is hundreds of files; rows are prepared as XML for a whole month at once,
and a file is then only zipped.
"""

from __future__ import annotations

import io
import zipfile
from xml.sax.saxutils import escape

import polars as pl

_NS = "http://schemas.openxmlformats.org"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_REL = f"{_NS}/officeDocument/2006/relationships"
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_NS}/spreadsheetml/2006/main">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="1"><font/></fonts>'
    '<fills count="2"><fill/><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf/><xf numFmtId="164" applyNumberFormat="1"/></cellXfs></styleSheet>'
)
_FIXED = {
    "[Content_Types].xml": (
        f'{_HEAD}<Types xmlns="{_NS}/package/2006/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'{_HEAD}<Relationships xmlns="{_NS}/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{_REL}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>"
    ),
    "xl/_rels/workbook.xml.rels": (
        f'{_HEAD}<Relationships xmlns="{_NS}/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{_REL}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_REL}/styles" Target="styles.xml"/></Relationships>'
    ),
    "xl/styles.xml": _STYLES,
}
# The days between the first day of the workbook calendar and 1970-01-01.
_DAYS_TO_1970 = 25569
_DAY_MS = 86_400_000
_STAMP = (1980, 1, 1, 0, 0, 0)
NUMBER_MARK = "#"


def text_cell(value: pl.Expr) -> pl.Expr:
    """A cell with a text, empty where there is none. Values hold no markup characters."""
    cell = pl.concat_str(pl.lit('<c t="inlineStr"><is><t>'), value, pl.lit("</t></is></c>"))
    return cell.fill_null("<c/>")


def time_cell(local: pl.Expr) -> pl.Expr:
    """A cell with a date-time, empty where there is none."""
    serial = local.dt.epoch("ms") / _DAY_MS + _DAYS_TO_1970
    cell = pl.concat_str(pl.lit('<c s="1"><v>'), serial.cast(pl.String), pl.lit("</v></c>"))
    return cell.fill_null("<c/>")


def raw_cell(value: pl.Expr) -> pl.Expr:
    """A cell given as text, or as the number of a date-time when marked as one."""
    number = pl.concat_str(
        pl.lit('<c s="1"><v>'), value.str.strip_prefix(NUMBER_MARK), pl.lit("</v></c>")
    )
    return pl.when(value.str.starts_with(NUMBER_MARK)).then(number).otherwise(text_cell(value))


def row(cells: list[pl.Expr]) -> pl.Expr:
    """A row of cells."""
    return pl.concat_str(pl.lit("<row>"), *cells, pl.lit("</row>"))


def header_row(names: list[str]) -> str:
    """A row of texts, such as a heading; empty texts give empty cells."""
    cells = (
        f'<c t="inlineStr"><is><t>{escape(name)}</t></is></c>' if name else "<c/>" for name in names
    )
    return f"<row>{''.join(cells)}</row>"


def workbook(sheet: str, rows: list[str]) -> bytes:
    """A workbook with one sheet, the same bytes for the same rows."""
    book = (
        f'{_HEAD}<workbook xmlns="{_NS}/spreadsheetml/2006/main" xmlns:r="{_REL}"><sheets>'
        f'<sheet name="{escape(sheet)}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    content = (
        f'{_HEAD}<worksheet xmlns="{_NS}/spreadsheetml/2006/main"><sheetData>'
        f"{''.join(rows)}</sheetData></worksheet>"
    )
    parts = {**_FIXED, "xl/workbook.xml": book, "xl/worksheets/sheet1.xml": content}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in parts.items():
            member = zipfile.ZipInfo(name, date_time=_STAMP)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, text, compresslevel=1)
    return buffer.getvalue()
