"""`akutt docs`: the metric dictionary, and all documentation as one folder of HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.common import fail

app = typer.Typer(help="Build the documentation.", no_args_is_help=True)


@app.command()
def build(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")],
    dbt: Annotated[bool, typer.Option("--dbt/--without-dbt", help="dbt's own pages too.")] = True,
) -> None:
    """Metric dictionary, data dictionary, guides and dbt's pages as HTML that opens offline."""
    from orchestration.documents import site

    try:
        written = site.build(folder, with_dbt=dbt)
    except site.DocsError as error:
        raise fail(str(error)) from error
    typer.echo(f"{len(written)} sider / pages: {folder / site.INDEX}")


@app.command()
def export(
    check: Annotated[bool, typer.Option("--check", help="Only say what has drifted.")] = False,
) -> None:
    """Write the metric dictionary to docs/metrics from the KPI registry."""
    from orchestration.documents import metrics
    from orchestration.paths import REPOSITORY
    from orchestration.registry import load_registry

    folder = REPOSITORY / metrics.FOLDER
    if check:
        stale = metrics.drift(load_registry(), folder)
        for line in stale:
            typer.echo(line)
        if stale:
            raise typer.Exit(1)
        typer.echo("alle sider er à jour / every page is up to date")
        return
    typer.echo(f"{len(metrics.write(load_registry(), folder))} sider / pages: {folder}")
