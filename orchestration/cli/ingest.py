"""`akutt ingest`: take pending files into the lake."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.common import (
    check_names,
    print_frame,
    say_skipped,
    with_readable_errors,
)
from orchestration.cli.outcomes import OutputFormat, file_outcome, print_outcomes

app = typer.Typer(help="Take pending files into the lake.")


@app.command()
@with_readable_errors
def ingest_command(
    source: Annotated[
        list[str] | None, typer.Option(help="Only this source (repeatable); all when not given.")
    ] = None,
    inbox: Annotated[
        Path | None, typer.Option(help="Inbox; AKUTT_HOME/inbox when not given.")
    ] = None,
    from_date: Annotated[
        dt.datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First delivery date to take."),
    ] = None,
    to_date: Annotated[
        dt.datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last delivery date to take."),
    ] = None,
    output_format: Annotated[
        OutputFormat, typer.Option("--format", help="A table, or JSON with stable fields per file.")
    ] = OutputFormat.TABLE,
) -> None:
    """Read, judge and store every pending file; rejected rows go to quarantine with reasons."""
    import polars as pl

    from ingestion.home import default_home
    from ingestion.intake import Progress, ingest
    from ingestion.lake import iter_receipts
    from ingestion.privacy import check_key, key_from_environment
    from ingestion.sources import read_sources
    from orchestration.taken_in import to_look_at
    from reporting.numbers import spaced

    found = read_sources()
    check_names(source or [], found)
    say_skipped(found.skipped)
    dates = None
    if from_date or to_date:
        dates = (
            from_date.date() if from_date else dt.date.min,
            to_date.date() if to_date else dt.date.max,
        )

    def show(step: Progress) -> None:
        rate = step.rows / step.seconds if step.seconds else 0
        typer.echo(
            f"{step.source}: {step.files_done}/{step.files_total} filer / files, "
            f"{spaced(step.rows)} rader / rows, {spaced(rate)}/s",
            err=output_format is OutputFormat.JSON,
        )

    home, key = default_home(), key_from_environment()
    if home.lake.is_dir():
        # Also where nothing is pending, so that a wrong key is seen before it is needed.
        check_key(home.lake, key)
    report = ingest(
        home.root,
        source,
        key=key,
        inbox=inbox,
        dates=dates,
        specs=found.specs,
        progress=show,
    )
    if output_format is OutputFormat.JSON:
        taken = set(report.batch_ids)
        receipts = (item for batch, item in iter_receipts(home.lake) if batch in taken)
        repeats = {name: item.repeats for name, item in report.sources.items() if item.repeats}
        print_outcomes([file_outcome(receipt) for receipt in receipts], found.skipped, repeats)
        return
    rows = [
        {
            "kilde / source": item.source,
            "filer / files": item.files_read,
            "avvist hele / refused": item.files_refused,
            "rader lest / rows read": item.rows_read,
            "godtatt / accepted": item.accepted,
            "avvist / rejected": item.rejected,
            "helt like / duplicates": item.exact_duplicates,
        }
        for item in report.sources.values()
        if item.files_read
    ]
    if rows:
        print_frame(pl.DataFrame(rows))
    else:
        typer.echo("Ingen nye filer / no new files")
    for line in to_look_at(report, inbox or home.inbox, found.specs):
        typer.echo(line)
    typer.echo(
        f"{report.files_read} filer / files, {spaced(report.rows_read)} rader / rows, "
        f"{spaced(report.seconds, 1)} s"
    )
