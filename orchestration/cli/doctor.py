"""`akutt doctor`: say what is missing or wrong, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Say what is missing or wrong here.")

_MARKS = {"ok": ("ok  ", "green"), "warn": ("obs ", "yellow"), "fail": ("feil", "red")}


@app.command()
def doctor_command(
    full: Annotated[
        bool, typer.Option("--full", help="Also verify the current release file by file.")
    ] = False,
) -> None:
    """Check the installation and the data. Exit status 1 when something is wrong."""
    from orchestration.diagnosis import diagnose
    from orchestration.paths import akutt_home

    findings = diagnose(akutt_home(), full=full)
    for finding in findings:
        mark, colour = _MARKS[finding.status]
        typer.secho(mark, fg=colour, nl=False)
        typer.echo(f" {finding.what}: {finding.found}")
        if finding.advice:
            typer.echo(f"      → {finding.advice}")
    failed = sum(finding.status == "fail" for finding in findings)
    warned = sum(finding.status == "warn" for finding in findings)
    typer.echo(f"{len(findings)} sjekket / checked, {failed} feil / wrong, {warned} obs / to note")
    if failed:
        raise typer.Exit(1)
