"""`akutt quarantine`: see, send back and replay what was refused or rejected."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.common import fail, print_frame, with_readable_errors

app = typer.Typer(help="See, export and replay rejects.", no_args_is_help=True)
SourceOption = Annotated[str | None, typer.Option(help="Only this source.")]


@app.command("list")
@with_readable_errors
def list_quarantine(source: SourceOption = None) -> None:
    """Per source and rule: how many files and rows are in quarantine, and why."""
    from ingestion.home import default_home
    from ingestion.quarantine import summary

    print_frame(summary(default_home().lake, source).drop("message_en"))


@app.command()
@with_readable_errors
def show(
    source: SourceOption = None,
    file: Annotated[str | None, typer.Option(help="Only this file name.")] = None,
    limit: Annotated[int, typer.Option(help="Rows to show.")] = 50,
) -> None:
    """Each rejected row with file, row number, rule, message and masked values."""
    from ingestion.home import default_home
    from ingestion.quarantine import refused_files, rejected_rows

    lake = default_home().lake
    print_frame(refused_files(lake, source), limit=limit, title="Refused files")
    print_frame(rejected_rows(lake, source, file), limit=limit, title="Rejected rows")


@app.command()
@with_readable_errors
def export(
    output: Annotated[Path, typer.Argument(help="Workbook to write (.xlsx).")],
    source: SourceOption = None,
) -> None:
    """Write a workbook for the sender, with the reasons in bokmål."""
    from ingestion.home import default_home
    from ingestion.quarantine import export_workbook

    typer.echo(f"written: {export_workbook(default_home().lake, output, source)}")


@app.command()
@with_readable_errors
def replay(
    source: Annotated[str, typer.Argument(help="Source whose map was corrected.")],
    inbox: Annotated[
        Path | None, typer.Option(help="Inbox; AKUTT_HOME/inbox if not given.")
    ] = None,
) -> None:
    """Judge everything of a source that is in quarantine again, under its present map."""
    from ingestion.home import default_home
    from ingestion.privacy import key_from_environment
    from ingestion.quarantine import replay as replay_source
    from ingestion.sources import load_sources

    if source not in load_sources():
        raise fail(f"no source '{source}'")
    report = replay_source(default_home().root, source, key=key_from_environment(), inbox=inbox)
    typer.echo(
        f"{source}: {report.files_read} files, {report.rows_read} rows judged again = "
        f"{report.accepted} accepted + {report.rejected} rejected + "
        f"{report.exact_duplicates} exact duplicates"
    )
