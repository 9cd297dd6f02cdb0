"""`akutt readiness`: how good the data are, per source, and what the owner of a source can do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.common import fail
from orchestration.cli.reading import AudienceOption

if TYPE_CHECKING:
    from reporting.reader import Release

app = typer.Typer(help="Grades and findings per source.", no_args_is_help=True)


@app.command("list")
def list_sources(audience: AudienceOption = None) -> None:
    """Every source with one grade per dimension, from A (good) to D."""
    from reporting import findings
    from reporting.export import text_table

    with _release(audience) as release:
        period = findings.latest_period(release)
        frame = findings.matrix(release, period)
        headers = {"source": "kilde", "contract": "datatype"} | {
            name: nb.lower() for name, (nb, _) in findings.DIMENSIONS.items()
        }
        rows = [
            {name: str(value or "–") for name, value in row.items()}
            for row in frame.iter_rows(named=True)
        ]
        typer.echo("\n".join(text_table(headers, rows)))
        typer.echo(f"\n{period.label}. Utgivelse / release {release.label}")


@app.command()
def show(
    source: Annotated[
        str | None, typer.Argument(help="Source; all together when left out.")
    ] = None,
    audience: AudienceOption = None,
) -> None:
    """The page of findings of one source, or the page across sources."""
    from reporting import findings, findings_pages

    with _release(audience) as release:
        if source is None:
            page = findings_pages.overview_page(release)
        else:
            known = [name for name, _ in findings.source_names(release)]
            if source not in known:
                raise fail(
                    f"ukjent kilde / no source '{source}'; det finnes / there are: "
                    + ", ".join(known)
                )
            page = findings_pages.source_page(release, source)
        typer.echo(findings_pages.markdown(page))


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder to write the pages to.")],
    audience: AudienceOption = None,
) -> None:
    """Write every page as Markdown and XLSX: one per source, and one across sources."""
    from reporting import findings_pages

    with _release(audience) as release:
        written = findings_pages.export(release, folder)
    typer.echo(f"{len(written)} filer skrevet / files written: {folder}")


def _release(audience: str | None) -> Release:
    from reporting.reader import NoReleaseError, open_current

    try:
        return open_current(audience=audience)
    except NoReleaseError as error:
        raise fail(str(error)) from error
