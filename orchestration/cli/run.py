"""`akutt run`: everything pending, from inbox to release."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from orchestration.cli.common import fail, say_skipped, with_readable_errors

app = typer.Typer(help="Everything pending, from inbox to release.")


@app.command()
@with_readable_errors
def run_command(
    force: Annotated[
        bool, typer.Option("--force", help="Run every step, also when nothing is pending.")
    ] = False,
    audit: Annotated[
        bool,
        typer.Option(
            "--audit",
            help="Attack all that is newly hidden before it is released, however much it is.",
        ),
    ] = False,
) -> None:
    """Take in what is pending, build the warehouse, check, and release."""
    from orchestration.engine import Engine, Settings
    from orchestration.paths import akutt_home
    from orchestration.pipeline import RunFailedError, run

    settings = Settings(akutt_home(), say=typer.echo)
    if audit:
        settings = replace(settings, audit_at_most=None)
    engine = Engine(settings)
    try:
        outcome = run(engine, force=force)
    except RunFailedError as error:
        say_skipped(engine.skipped_sources())
        raise fail(str(error)) from error
    if not outcome.did_work:
        typer.echo("Ingenting venter / nothing is pending.")
    typer.echo(f"Gjeldende utgivelse / current release: {outcome.release_id or 'ingen / none'}")
    typer.echo(f"Tid / time: {outcome.seconds:.1f} s")
    say_skipped(engine.skipped_sources())
