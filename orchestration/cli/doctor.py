"""`akutt doctor`: say what is missing or wrong, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.outcomes import OutputFormat

if TYPE_CHECKING:
    from orchestration.findings import Finding

app = typer.Typer(help="Say what is missing or wrong here.")

_MARKS = {"ok": ("ok  ", "green"), "warn": ("obs ", "yellow"), "fail": ("feil", "red")}


@app.command()
def doctor_command(
    full: Annotated[
        bool, typer.Option("--full", help="Also verify the current release file by file.")
    ] = False,
    format_: Annotated[
        OutputFormat, typer.Option("--format", help="Table, or JSON with stable codes.")
    ] = OutputFormat.TABLE,
) -> None:
    """Check the installation and the data. Exit status 1 when something is wrong.

    As JSON: {"findings": [{"code", "severity": ok | warn | fail, "subject", "message_nb",
    "message_en", "advice_nb", "advice_en"}], "failed", "warned"}.
    """
    from orchestration.diagnosis import diagnose
    from orchestration.paths import akutt_home

    findings = diagnose(akutt_home(), full=full)
    failed = sum(finding.status == "fail" for finding in findings)
    warned = sum(finding.status == "warn" for finding in findings)
    if format_ == OutputFormat.JSON:
        told = [finding.describe() for finding in findings]
        answer = {"findings": told, "failed": failed, "warned": warned}
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        _print(findings, failed, warned)
    if failed:
        raise typer.Exit(1)


def _print(findings: Sequence[Finding], failed: int, warned: int) -> None:
    for finding in findings:
        mark, colour = _MARKS[finding.status]
        typer.secho(mark, fg=colour, nl=False)
        typer.echo(f" {finding.what}: {finding.found}")
        if finding.advice:
            typer.echo(f"      → {finding.advice}")
    typer.echo(f"{len(findings)} sjekket / checked, {failed} feil / wrong, {warned} obs / to note")
