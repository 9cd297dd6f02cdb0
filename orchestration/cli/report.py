"""`akutt report`: a unit's report for the board, as PDF, DOCX and HTML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.common import fail
from orchestration.cli.reading import AudienceOption, readable

if TYPE_CHECKING:
    from reporting.reader import Release
    from reporting.web.figures import Place

app = typer.Typer(help="A unit's report for the board.")
FORMATS = ("pdf", "docx", "html")


@app.command()
@readable
def report(
    unit: Annotated[str, typer.Argument(help="Id or name of the unit: amk_oslo, 'AMK Oslo', NO.")],
    period: Annotated[str | None, typer.Option(help="2026-01, 2026-Q1; the latest month.")] = None,
    level: Annotated[str | None, typer.Option(help="Where a unit is found at several.")] = None,
    formats: Annotated[str, typer.Option("--format", help="Of pdf, docx, html.")] = "pdf,docx",
    output: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(),
    language: Annotated[str, typer.Option(help="nb or en.")] = "nb",
    template: Annotated[
        Path | None, typer.Option(help="A template of your own (YAML); else that of the kind.")
    ] = None,
    audience: AudienceOption = None,
) -> None:
    """The report of one unit and period, with the figures of the current release."""
    from reporting.audience import keep_private
    from reporting.periods import label, parse_period
    from reporting.reader import open_current
    from reporting.report.content import report as content
    from reporting.report.html import html
    from reporting.report.paper import docx, pdf
    from reporting.report.template import read
    from reporting.web import figures
    from reporting.web.figures import When

    makers = {"pdf": pdf, "docx": docx, "html": html}
    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    if not wanted or set(wanted) - makers.keys():
        raise fail(f"--format {formats}: {', '.join(FORMATS)}")
    if language not in ("nb", "en"):
        raise fail(f"--language {language}: nb, en")
    with open_current(audience=audience) as release:
        place = _place(release, unit, level)
        when = When(*parse_period(period)) if period else figures.latest_whole(release)
        said = content(
            release, place, when, "nb" if language == "nb" else "en",
            read(template) if template else None,
        )  # fmt: skip
        output.mkdir(parents=True, exist_ok=True)
        for name in wanted:
            path = output / f"{place.unit_id}_{label(when.grain, when.start)}.{name}"
            path.write_bytes(makers[name](said))
            keep_private([path], release.audience)
            typer.echo(path)


def _place(release: Release, unit: str, level: str | None) -> Place:
    """The unit by id or name."""
    from reporting.dimensions import dimensions
    from reporting.web.figures import Place

    known = dimensions(release)
    found = [
        Place(of_level, unit_id, name)
        for (of_level, unit_id), name in known.units.items()
        if level in (None, of_level) and unit.casefold() in (unit_id.casefold(), name.casefold())
    ]
    if len(found) == 1:
        return found[0]
    if found:
        levels = ", ".join(sorted(place.level for place in found))
        raise fail(f"{unit}: --level {levels}")
    near = ", ".join(known.units_with(unit.replace("_", " "), [level] if level else [])[:5])
    raise fail(f"Ukjent enhet / unknown unit: {unit}" + (f" ({near})" if near else ""))
