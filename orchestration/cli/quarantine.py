"""`akutt quarantine`: see, send back and replay what was refused or rejected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.common import (
    check_names,
    fail,
    print_frame,
    say_skipped,
    with_readable_errors,
)
from orchestration.cli.outcomes import account

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(help="See, export and replay rejects.", no_args_is_help=True)
SourceOption = Annotated[str | None, typer.Option(help="Only this source.")]
_MESSAGE, _FOUND = "melding / message", "funnet / found"
_HEADINGS = {
    "source": "kilde / source",
    "level": "gjelder / level",
    "file_name": "fil / file",
    "row": "rad / row",
    "code": "kode / code",
    "files": "filer / files",
    "rows": "rader / rows",
    "columns": "kolonner / columns",
    "values": "står der / found there",
    "raw": "verdier / values",
    "message": _MESSAGE,
    "message_nb": _MESSAGE,
    "message_en": _MESSAGE,
    "refusal_nb": _FOUND,
    "refusal_en": _FOUND,
}


@app.command("list")
@with_readable_errors
def list_quarantine(source: SourceOption = None) -> None:
    """Per source and rule: how many files and rows are in quarantine, and why."""
    import polars as pl

    from ingestion.quarantine import summary

    both = pl.concat_str("message_nb", "message_en", separator=" / ").alias("message")
    found = summary(_lake(source), source)
    _print(found.select("source", "level", "code", "files", "rows", both))


@app.command()
@with_readable_errors
def show(
    source: SourceOption = None,
    file: Annotated[
        str | None, typer.Option(help="Only this file: name, or id as in released findings.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Rows to show.")] = 50,
    raw: Annotated[bool, typer.Option("--raw", help="Also the masked values of the row.")] = False,
    english: Annotated[bool, typer.Option("--english", help="Messages in English.")] = False,
) -> None:
    """Each refused file and rejected row: file, row, rule, the sender's columns and message."""
    from ingestion.quarantine import refused_files, rejected_rows, with_sender_columns

    lake = _lake(source)
    message, found = ("message_en", "refusal_en") if english else ("message_nb", "refusal_nb")
    files = refused_files(lake, source)
    rows = rejected_rows(lake, source, file)
    if file is not None:
        import polars as pl

        files = files.filter((pl.col("file_name") == file) | (pl.col("file_id") == file))
        if files.is_empty() and rows.is_empty():
            raise fail(f"ikke i karantene / not in quarantine: {file}")
    _print(
        files.select("source", "file_name", "code", message, found),
        limit=limit,
        title="Avviste filer / refused files",
    )
    columns = ["source", "file_name", "row", "code", "columns", "values", message]
    _print(
        with_sender_columns(rows).select(*columns, *(["raw"] if raw else [])),
        limit=limit,
        title="Avviste rader / rejected rows",
    )


@app.command()
@with_readable_errors
def export(
    output: Annotated[Path, typer.Argument(help="Workbook to write (.xlsx).")],
    source: SourceOption = None,
) -> None:
    """Write a workbook for the sender, with the reasons in bokmål."""
    from ingestion.quarantine import export_workbook

    if output.suffix.lower() != ".xlsx":
        raise fail(f"{output.name}: en arbeidsbok heter noe med .xlsx / a workbook ends in .xlsx")
    typer.echo(f"skrevet / written: {export_workbook(_lake(source), output, source)}")


@app.command()
@with_readable_errors
def replay(
    source: Annotated[str, typer.Argument(help="Source whose map was corrected.")],
    inbox: Annotated[Path | None, typer.Option(help="Instead of AKUTT_HOME/inbox.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Even if the map is unchanged.")] = False,
) -> None:
    """Judge everything of a source that is in quarantine again, under its present map."""
    from ingestion.home import default_home
    from ingestion.privacy import key_from_environment
    from ingestion.quarantine import replay as replay_source

    _lake(source)
    report = replay_source(
        default_home().root, source, key=key_from_environment(), inbox=inbox, force=force
    )
    if not report.files_read:
        typer.echo(f"{source}: ingenting å prøve på nytt / nothing to judge again (see --force)")
        return
    typer.echo(
        f"{source}: {report.files_read} filer vurdert på nytt / files judged again, "
        f"{account(report)}"
    )
    if report.left_out:
        typer.echo(
            f"{report.left_out} rader er ikke lenger av kilden (where) / rows are no longer of the "
            "source (where)"
        )
    for code, count in sorted(report.refusals.items()):
        typer.echo(
            f"{code}: {count} filer kan ikke leses nå, og står som før / files cannot be read now, "
            "and stay as they were"
        )


def _print(frame: pl.DataFrame, *, limit: int = 200, title: str | None = None) -> None:
    """With headings in both languages."""
    headed = frame.rename({name: _HEADINGS[name] for name in frame.columns})
    print_frame(headed, limit=limit, title=title)


def _lake(source: str | None) -> Path:
    """The lake, once it is known that the source exists."""
    from ingestion.home import default_home
    from ingestion.sources import read_sources

    if source is not None:
        found = read_sources()
        check_names([source], found)
        say_skipped(found.skipped)
    return default_home().lake
