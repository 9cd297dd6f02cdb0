"""A report as PDF (tagged, PDF/UA-1) and as DOCX that a leader can write in."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reporting.report.content import Line, Report
from reporting.web.words import Speech

if TYPE_CHECKING:
    from docx.document import Document

_LAYOUT = Path(__file__).parent / "report.typ"
_WORDS = (
    "summary", "kpi", "value", "target", "last_year", "ytd", "rolling12", "judged", "deviations",
    "comment", "definitions", "release", "figures_to", "first_none", "synthetic",
)  # fmt: skip
# What the style sheet of the pages says of charts, for programs that know no variables.
_CHART_STYLE = (
    "text{fill:#1b1f24;font-size:12px;font-family:sans-serif}.note{fill:#0b6b4f}path{fill:none}"
    ".grid{stroke:#d0d7de}.series{stroke:#0b4f8a;stroke-width:2}"
    ".limit{stroke:#57606a;stroke-dasharray:5 4}.target{stroke:#0b6b4f;stroke-dasharray:2 3}"
    "path.event{stroke:#6b4f00}text.event{fill:#6b4f00}"
    ".break{stroke:#1b1f24;stroke-dasharray:1 3}.interval{stroke:#57606a;stroke-width:2}"
    ".dot{fill:#0b4f8a}.worse{fill:#9a3412}.better{fill:#0b6b4f}"
)
_PIXELS_PER_INCH = 160
_COLUMNS = ("kpi", "value", "target", "last_year", "ytd", "rolling12", "judged")
# Centimetres, of 17.4 between the margins.
_WIDTHS = (3.6, 2.1, 1.6, 1.9, 2.1, 2.1, 4.0)
_COMMENT_WIDTHS, _COMMENT_HEIGHT = (5.0, 2.4, 10.0), 2.0


def pdf(report: Report) -> bytes:
    """The report as PDF/UA-1: tagged, with title, language and a text for every chart."""
    import typst

    data = json.dumps(_data(report), ensure_ascii=False)
    made: bytes = typst.compile(
        _LAYOUT.read_bytes(), sys_inputs={"report": data}, format="pdf", pdf_standards="ua-1"
    )
    return made


def docx(report: Report) -> bytes:
    """The report as a document with real headings and tables, whose header rows repeat."""
    from docx import Document

    say = Speech(report.language)
    document = Document()
    _set_up(document)
    document.core_properties.title = f"{report.title}: {report.name}"
    document.core_properties.author = "Akuttkjede"
    document.core_properties.language = report.language
    document.add_paragraph(report.title)
    document.add_heading(report.name, level=1)
    if report.is_synthetic:
        document.add_paragraph(say("synthetic"))
    document.add_heading(say("summary"), level=2)
    for sentence in report.summary:
        document.add_paragraph(sentence, style="List Bullet")
    for section in report.sections:
        document.add_heading(section.title, level=2)
        header = [say(key) for key in _COLUMNS]
        _table(document, header, [_cells(line) for line in section.lines], _WIDTHS)
    for chart in report.charts:
        document.add_heading(chart.title, level=2)
        _picture(document, _png(chart.svg), _told(chart.table))
        document.add_paragraph(chart.caption)
    document.add_heading(say("deviations"), level=2)
    if report.deviations:
        header = [say("kpi"), say("value"), say("comment")]
        rows = [(line.name, line.value, "") for line in report.deviations]
        _table(document, header, rows, _COMMENT_WIDTHS, height=_COMMENT_HEIGHT)
    else:
        document.add_paragraph(say("first_none"))
    document.add_heading(say("definitions"), level=2)
    for name, definition in report.definitions:
        paragraph = document.add_paragraph()
        paragraph.add_run(f"{name}: ").bold = True
        paragraph.add_run(definition)
    footer = document.sections[0].footer.paragraphs[0]
    footer.text = (
        f"{say('release')} {report.release_id} ({report.audience}), "
        f"{say('figures_to')} {report.figures_to}"
    )
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _data(report: Report) -> dict[str, Any]:
    say = Speech(report.language)
    charts = [
        {
            "title": chart.title,
            "caption": chart.caption,
            "svg": _standalone(chart.svg),
            "alt": f"{chart.title}. {_told(chart.table)}",
        }
        for chart in report.charts
    ]
    return {
        **asdict(report),
        "name": report.name,
        "charts": charts,
        "words": {key: say(key) for key in _WORDS},
    }


def _told(table: Any) -> str:
    return "; ".join(f"{period}: {value}" for period, value in table)


def _standalone(svg: Markup) -> str:
    """A chart of a page as a picture of its own."""
    text = re.sub(r"<title>.*?</title>|<desc>.*?</desc>", "", str(svg))
    return text.replace(
        "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1
    ).replace(">", f"><style>{_CHART_STYLE}</style>", 1)  # fmt: skip


def _png(svg: Markup) -> bytes:
    import typst

    page = (
        "#set page(width: 18cm, height: auto, margin: 2pt)\n"
        '#image(bytes(sys.inputs.svg), format: "svg", width: 100%)'
    )
    made: bytes = typst.compile(
        page.encode(), sys_inputs={"svg": _standalone(svg)}, format="png", ppi=_PIXELS_PER_INCH
    )
    return made


def _cells(line: Line) -> tuple[str, ...]:
    value = f"{line.value} ({line.notes})" if line.notes else line.value
    running = line.year_to_date, line.twelve_months
    return line.name, value, line.target, line.last_year, *running, line.verdict


def _set_up(document: Document) -> None:
    """A4 with narrow margins and small type, for tables with sentences in them."""
    from docx.shared import Cm, Pt

    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(1.8)
    section.top_margin = section.bottom_margin = Cm(2)
    document.styles["Normal"].font.size = Pt(9.5)


def _table(
    document: Document,
    header: Sequence[str],
    rows: Sequence[tuple[str, ...]],
    widths: Sequence[float],
    height: float | None = None,
) -> None:
    """A table whose header is repeated on every page, and whose rows are whole.

    Args:
        widths: of the columns, in centimetres. `height`: of a row at least.
    """
    from docx.oxml import OxmlElement
    from docx.shared import Cm

    table = document.add_table(rows=1 + len(rows), cols=len(header))
    table.style = "Table Grid"
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Cm(width)
    for row, texts in zip(table.rows, (header, *rows), strict=True):
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        for cell, text, width in zip(row.cells, texts, widths, strict=True):
            cell.text, cell.width = text, Cm(width)
    table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    for cell in table.rows[0].cells:
        cell.paragraphs[0].runs[0].bold = True
    if height is not None:
        for row in table.rows[1:]:
            row.height = Cm(height)


def _picture(document: Document, png: bytes, told: str) -> None:
    from docx.shared import Cm

    shape = document.add_picture(io.BytesIO(png), width=Cm(16))
    shape._inline.docPr.set("descr", told)
