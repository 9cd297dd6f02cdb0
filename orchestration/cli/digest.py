"""`akutt digest`: per unit what became a signal since the release before, as text to send."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from orchestration.cli.common import fail
from orchestration.cli.reading import AudienceOption, readable

if TYPE_CHECKING:
    from reporting.digest import Format

app = typer.Typer(help="Per unit what became a signal since the release before.")


@app.command()
@readable
def digest(
    unit: Annotated[list[str] | None, typer.Option(help="Only these units (repeatable).")] = None,
    grain: Annotated[str, typer.Option(help="month or week.")] = "month",
    formats: Annotated[str, typer.Option("--format", help="Of md, html, json.")] = "md",
    output: Annotated[
        Path | None, typer.Option(help="Folder to write to, a file per unit; else to the screen.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Release id or its beginning; the one before if not given.")
    ] = None,
    audience: AudienceOption = None,
) -> None:
    """What is new about each unit since the release before. It is written, and sent to nobody."""
    from reporting.audience import keep_private
    from reporting.changes import release_before
    from reporting.digest import FORMATS, digests, render
    from reporting.metrics import open_release
    from reporting.reader import NoReleaseError

    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    if not wanted or set(wanted) - set(FORMATS):
        raise fail(f"--format {formats}: {', '.join(FORMATS)}")
    release = open_release(None, audience)
    try:
        before = open_release(since or release_before(release.path), audience)
    except NoReleaseError:
        if since:
            raise
        before = None
    found = digests(release, before, units=unit or (), grain=grain)
    if not found:
        typer.echo("Ingenting er nytt. / Nothing is new.", err=output is None)
    for one in found:
        for name in wanted:
            text = render(one, cast("Format", name))
            if output is None:
                typer.echo(text)
                continue
            output.mkdir(parents=True, exist_ok=True)
            path = output / f"{one.name}.{name}"
            path.write_text(text, encoding="utf-8")
            keep_private([path], release.audience)
            typer.echo(path)
