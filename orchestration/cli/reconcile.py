"""`akutt reconcile`: figures that others have published, beside those of the release."""

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

app = typer.Typer(help="Published figures beside ours.")


@app.command()
@readable
def reconcile_command(
    fmt: Annotated[
        str | None, typer.Option("--format", help="table, csv, json, xlsx or parquet.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File to write.")] = None,
    english: Annotated[bool, typer.Option("--english", help="Texts in English.")] = False,
    release: ReleaseOption = None,
    audience: AudienceOption = None,
) -> None:
    """Each published figure, ours, the difference, and what is known of why they differ."""
    from reporting.describe import describe
    from reporting.metrics import open_release
    from reporting.reconcile import as_table, reconcile

    chosen = chosen_format(fmt, output)
    opened = open_release(release, audience)
    frame = reconcile(opened)
    if chosen == "table":
        shown = as_table(frame, english=english) + f"\nUtgivelse / release {opened.label}\n"
        if output is None:
            sys.stdout.write(shown)
        else:
            output.write_text(shown, encoding="utf-8")
        return
    deliver(frame, chosen, describe(opened, frame, "akutt reconcile"), output)
