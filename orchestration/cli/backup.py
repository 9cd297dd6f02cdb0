"""`akutt backup`: copy what cannot be made again, and list the copies.

`--format json` gives {"snapshot", "path", "created_at", "version", "release", "files", "bytes",
"copied_files", "copied_bytes", "left_out", "removed", "seconds"}, and with `--list` {"snapshots":
[{"snapshot", "path", "created_at", "version", "release", "files", "bytes"}], "problems"}. Fields
are only added, never renamed or taken away.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.common import fail, with_readable_errors
from orchestration.cli.outcomes import OutputFormat

if TYPE_CHECKING:
    from orchestration.backup import Snapshot

app = typer.Typer(help="Copy what cannot be made again; list the copies.")


@app.command()
@with_readable_errors
def backup_command(
    destination: Annotated[
        Path, typer.Argument(metavar="DEST", help="Folder of the copies, outside AKUTT_HOME.")
    ],
    list_them: Annotated[
        bool, typer.Option("--list", help="Only list the copies in DEST, the newest first.")
    ] = False,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Copies to leave in DEST; all if not given.")
    ] = None,
    fmt: Annotated[
        OutputFormat, typer.Option("--format", help="table or json.")
    ] = OutputFormat.TABLE,
) -> None:
    """Copy AKUTT_HOME without what a run makes again; unchanged files are hard links.

    No run can work meanwhile. The key is never copied.
    """
    from ingestion.privacy import KEY_VARIABLE
    from orchestration.backup import BackupError, make
    from orchestration.paths import akutt_home

    if list_them:
        _list(destination, fmt)
        return
    started = time.perf_counter()
    key = os.environ.get(KEY_VARIABLE, "").encode()
    try:
        made = make(akutt_home(), destination, keep=keep, key=key)
    except BackupError as error:
        raise fail(str(error)) from error
    seconds = time.perf_counter() - started
    snapshot = made.snapshot
    if fmt is OutputFormat.JSON:
        told = {
            **about(snapshot),
            "copied_files": made.copied_files,
            "copied_bytes": made.copied_bytes,
            "left_out": snapshot.left_out,
            "removed": made.removed,
            "seconds": round(seconds, 3),
        }
        typer.echo(json.dumps(told, indent=2))
        return
    linked = len(snapshot.files) - made.copied_files
    typer.echo(
        f"{snapshot.folder}: {len(snapshot.files)} filer / files, {megabytes(snapshot.size)}; "
        f"{made.copied_files} kopiert og lest tilbake / copied and read back, "
        f"{megabytes(made.copied_bytes)}, {linked} som før / as before; {seconds:.1f} s"
    )
    if snapshot.left_out:
        typer.echo(f"Utelatt / left out: {', '.join(snapshot.left_out)}")
    if made.removed:
        typer.echo(f"Fjernet / removed: {', '.join(made.removed)}")
    typer.echo(
        f"{KEY_VARIABLE} er ikke med; ta vare på den et annet sted / is not in it; keep it "
        "elsewhere"
    )


def about(snapshot: Snapshot) -> dict[str, Any]:
    """What a snapshot is, as JSON has it."""
    return {
        "snapshot": snapshot.name,
        "path": str(snapshot.folder),
        "created_at": snapshot.created_at,
        "version": snapshot.version,
        "release": snapshot.release,
        "files": len(snapshot.files),
        "bytes": snapshot.size,
    }


def megabytes(size: int) -> str:
    """A size for people."""
    from reporting.numbers import spaced

    return f"{spaced(size / 1e6, 1)} MB"


def _list(destination: Path, fmt: OutputFormat) -> None:
    from orchestration.backup import list_snapshots
    from reporting.export import text_table

    snapshots, problems = list_snapshots(destination)
    if fmt is OutputFormat.JSON:
        told = {"snapshots": [about(snapshot) for snapshot in snapshots], "problems": problems}
        typer.echo(json.dumps(told, indent=2))
        if problems:
            raise typer.Exit(1)
        return
    if not snapshots and not problems:
        raise fail(f"ingen sikkerhetskopi her / no backup here: {destination}")
    rows = [
        {
            "snapshot": snapshot.name,
            "release": snapshot.release or "",
            "files": str(len(snapshot.files)),
            "size": megabytes(snapshot.size),
        }
        for snapshot in snapshots
    ]
    if rows:
        headers = {name: name for name in rows[0]}
        typer.echo("\n".join(text_table(headers, rows, {"files", "size"})))
    if problems:
        raise fail("\n".join(problems))
