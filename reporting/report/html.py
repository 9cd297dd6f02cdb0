"""A report as one HTML file: styles and charts within it, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reporting.report.content import Report
from reporting.web.app import STATIC
from reporting.web.words import Speech

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


def html(report: Report) -> bytes:
    """The report as a page that opens anywhere."""
    style = (STATIC / "style.css").read_text("utf-8")
    return (
        _environment.get_template("report.html")
        .render(report=report, say=Speech(report.language), style=style)
        .encode()
    )
