"""A document as DOCX: A4 on its side, real headings, tables whose header rows repeat."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestration.privacy.document import Heading, Pack, Table

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import _Row

_WIDTH, _MARGIN = 29.7, 1.6
_TEXT_SIZE, _CELL_SIZE, _HEADER_SIZE = 10, 8, 7.5
# Paths and names of fields are broken here where a column is narrower than they are.
_BREAKS = ("/", "::", "_")
_BREAK_HERE = "\u200b"


def docx(pack: Pack) -> bytes:
    """The document, to be filled in by whoever is responsible for the data."""
    from docx import Document

    document = Document()
    _set_up(document)
    document.core_properties.title = pack.title
    document.core_properties.author = "Akuttkjede"
    document.core_properties.language = "nb"
    document.add_heading(pack.title, level=1)
    document.add_paragraph().add_run(pack.english).italic = True
    for chapter in pack.chapters:
        document.add_heading(chapter.title, level=2)
        english = document.add_paragraph()
        english.paragraph_format.keep_with_next = True
        english.add_run(f"In English: {chapter.english}").italic = True
        for block, following in zip(chapter.blocks, (*chapter.blocks[1:], None), strict=True):
            if isinstance(block, Heading):
                document.add_heading(block.text, level=3)
            elif isinstance(block, Table):
                _table(document, block)
            else:
                paragraph = document.add_paragraph(block.text)
                # A sentence that leads to a table is not left alone on the page before.
                paragraph.paragraph_format.keep_with_next = isinstance(following, Table | Heading)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _set_up(document: Document) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm, Pt

    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Cm(_WIDTH), Cm(21)
    section.left_margin = section.right_margin = Cm(_MARGIN)
    section.top_margin = section.bottom_margin = Cm(1.6)
    document.styles["Normal"].font.size = Pt(_TEXT_SIZE)


def _table(document: Document, block: Table) -> None:
    from docx.oxml import OxmlElement
    from docx.shared import Cm

    table = document.add_table(rows=0, cols=len(block.header))
    table.style = "Table Grid"
    table.autofit = False
    room = (_WIDTH - 2 * _MARGIN) / sum(block.widths)
    widths = [room * share for share in block.widths]
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Cm(width)
    header = table.add_row()
    _fill(header, block.header, widths, is_header=True)
    header._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    for texts in block.rows:
        row = table.add_row()
        _fill(row, texts, widths)
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
    document.add_paragraph()


def _fill(
    row: _Row, texts: Sequence[str], widths: Sequence[float], is_header: bool = False
) -> None:
    from docx.shared import Cm, Pt

    for cell, text, width in zip(row.cells, texts, widths, strict=True):
        cell.width = Cm(width)
        paragraph = cell.paragraphs[0]
        run = paragraph.add_run(_breakable(text))
        run.font.size = Pt(_HEADER_SIZE if is_header else _CELL_SIZE)
        run.bold = is_header or None
        # A header stays with the first row under it.
        paragraph.paragraph_format.keep_with_next = is_header or None


def _breakable(text: str) -> str:
    for mark in _BREAKS:
        text = text.replace(mark, mark + _BREAK_HERE)
    return text
