"""`akutt restore`: check a copy, or put it back into an empty home.

`--format json` gives {"snapshot", "path", "created_at", "version", "release", "files", "bytes",
"home", "problems": {path: what is wrong}, "seconds"}; `home` is null after `--check`. Fields are
only added, never renamed or taken away.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.common import fail, with_readable_errors
from orchestration.cli.outcomes import OutputFormat

app = typer.Typer(help="Check a copy, or put it back.")


@app.command()
@with_readable_errors
def restore_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SNAPSHOT", help="A copy, or the folder of the copies for the newest one."
        ),
    ],
    to: Annotated[
        Path | None, typer.Option("--to", help="A new or empty folder; AKUTT_HOME if not given.")
    ] = None,
    check_only: Annotated[
        bool, typer.Option("--check", help="Only read every file and compare; write nothing.")
    ] = False,
    fmt: Annotated[
        OutputFormat, typer.Option("--format", help="table or json.")
    ] = OutputFormat.TABLE,
) -> None:
    """Put a copy back, every file verified, into a folder that is new or empty."""
    from ingestion.privacy import KEY_VARIABLE
    from orchestration.backup import BackupError, check, open_snapshot, restore
    from orchestration.backup.restore import told
    from orchestration.cli.backup import about, megabytes
    from orchestration.paths import akutt_home

    if check_only and to is not None:
        raise typer.BadParameter("--check | --to", param_hint="--to")
    started = time.perf_counter()
    home = (to or akutt_home().root).resolve()
    problems: dict[str, str] = {}
    try:
        snapshot = open_snapshot(source)
        if check_only:
            problems = check(snapshot)
        else:
            restore(snapshot, home)
    except BackupError as error:
        raise fail(str(error)) from error
    seconds = time.perf_counter() - started
    if fmt is OutputFormat.JSON:
        written = None if check_only else str(home)
        outcome = {"home": written, "problems": problems, "seconds": round(seconds, 3)}
        typer.echo(json.dumps({**about(snapshot), **outcome}, indent=2))
        if problems:
            raise typer.Exit(1)
        return
    if problems:
        raise fail(told(snapshot, problems))
    typer.echo(
        f"{snapshot.name}: {len(snapshot.files)} filer / files, {megabytes(snapshot.size)}, "
        f"alle som de skal / all as they should be; {seconds:.1f} s"
    )
    if not check_only:
        typer.echo(
            f"Lagt i / put in {home}. Sett {KEY_VARIABLE} til nøkkelen som var i bruk, så / set "
            f"{KEY_VARIABLE} to the key that was in use, then, with AKUTT_HOME={home}: "
            "akutt doctor, akutt run"
        )
