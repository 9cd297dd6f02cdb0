"""`akutt sql`: an analyst's own SQL on the current release, and on nothing else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.reading import (
    AudienceOption,
    ReleaseOption,
    chosen_format,
    deliver,
    readable,
)

app = typer.Typer(help="Your own SQL on a release, read-only.")


@app.command()
@readable
def sql_command(
    statement: Annotated[str, typer.Argument(help='One statement, or "-" for standard input.')],
    fmt: Annotated[
        str | None, typer.Option("--format", help="table, csv, json, xlsx or parquet.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File to write.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows to give.")] = 100_000,
    seconds: Annotated[float, typer.Option(min=0.01, help="Stop after this time.")] = 30.0,
    release: ReleaseOption = None,
    audience: AudienceOption = None,
) -> None:
    """Run one reading statement on the tables of the release; `show tables` lists them."""
    from reporting.audience import keep_private
    from reporting.describe import describe
    from reporting.export import plain_table
    from reporting.locked_sql import run_sql
    from reporting.metrics import open_release
    from reporting.numbers import spaced

    chosen = chosen_format(fmt, output)
    opened = open_release(release, audience)
    text = sys.stdin.read() if statement == "-" else statement
    result = run_sql(opened, text, limit=limit, seconds=seconds)
    if chosen == "table":
        said = f"{spaced(result.frame.height)} rader. Utgivelse {opened.label}\n"
        shown = f"{plain_table(result.frame)}\n{said}"
        if output is None:
            sys.stdout.write(shown)
        else:
            output.write_text(shown, encoding="utf-8")
            keep_private([output], opened.audience)
            typer.echo(f"{output}: {said}", nl=False)
    else:
        about = describe(opened, result.frame, text)
        about["is_complete"] = not result.is_cut
        deliver(result.frame, chosen, about, output)
    if result.is_cut:
        typer.echo(result.cut_message(), err=True)
