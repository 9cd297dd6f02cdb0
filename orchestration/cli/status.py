"""`akutt status`: releases, what is pending, the last run, and alarms per source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli.common import fail, print_frame

app = typer.Typer(help="Releases, pending files, the last run, alarms per source.")


class StatusFormat(StrEnum):
    """How the status is said."""

    TABLE = "table"
    JSON = "json"
    PROMETHEUS = "prometheus"


@app.command()
def status_command(
    format_: Annotated[
        StatusFormat, typer.Option("--format", help="Table, JSON or Prometheus' text format.")
    ] = StatusFormat.TABLE,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Write JSON or Prometheus' text to this file instead."),
    ] = None,
    fail_on_alarm: Annotated[
        bool, typer.Option("--fail-on-alarm", help="Exit status 1 when a source has an alarm.")
    ] = False,
) -> None:
    """Say how things stand. Changes nothing, also while a run goes on."""
    from orchestration.paths import akutt_home
    from orchestration.watching.status import HomeUnreadableError, status_of

    if output is not None and format_ == StatusFormat.TABLE:
        raise typer.BadParameter("--output: --format json, --format prometheus")
    try:
        status = status_of(akutt_home())
    except HomeUnreadableError as error:
        raise fail(str(error)) from error
    if format_ == StatusFormat.TABLE:
        _print_table(status)
    else:
        _write(_text(status, format_), output)
    if fail_on_alarm and status["alarms"]:
        raise typer.Exit(1)


def _text(status: Mapping[str, Any], format_: StatusFormat) -> str:
    import json

    from orchestration.watching.prometheus import exposition

    if format_ == StatusFormat.PROMETHEUS:
        return exposition(status)
    return json.dumps(status, ensure_ascii=False, indent=2) + "\n"


def _write(text: str, output: Path | None) -> None:
    from orchestration import atomic

    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        atomic.write_text(output, text)
    except OSError as error:
        raise fail(f"{output}: {error.strerror}") from error


def _print_table(status: Mapping[str, Any]) -> None:
    import polars as pl

    for line in _lines(status):
        typer.echo(line)
    rows = [
        {
            "source": source["source"],
            "owner": source["owner"],
            "last": source["last_delivery"],
            "days": source["days_since"],
            "every": source["cadence_days"],
            "rows": source["rows"],
            "usual": None if source["usual_rows"] is None else round(source["usual_rows"]),
            "pending": source["pending_files"],
            "alarms": ", ".join(_alarm(alarm) for alarm in source["alarms"]),
        }
        for source in status["sources"]
        if source["is_used"]
    ]
    texts = ("source", "owner", "last", "alarms")
    if rows:
        schema = {name: pl.String if name in texts else pl.Int64 for name in rows[0]}
        print_frame(pl.DataFrame(rows, schema=schema))
    for code, (nb, en) in _raised(status).items():
        typer.echo(f"{code}: {nb} / {en}")


def _lines(status: Mapping[str, Any]) -> Iterator[str]:
    for release in status["releases"]:
        hours = (release["age_seconds"] or 0) / 3600
        yield (
            f"Utgivelse / release ({release['audience']}): {release['release_id']}, "
            f"{hours:.1f} t / h, til / until {release['last_day']}"
        )
    if not status["releases"]:
        yield "Utgivelse / release: ingen / none"
    if status["running"]:
        yield f"Kjører nå / a run goes on: {status['running']['started_at']}"
    run = status["last_run"]
    if run is None:
        yield "Siste kjøring / last run: ingen / none"
    else:
        took = "" if run["seconds"] is None else f", {run['seconds']:.1f} s"
        yield f"Siste kjøring / last run: {run['status']}, {run['started_at']}{took}"
    files = sum(status["pending"].values())
    yield f"Venter / pending: {files} filer / files"


def _alarm(alarm: Mapping[str, Any]) -> str:
    return f"{alarm['code']} ({alarm['since']})" if alarm["since"] else str(alarm["code"])


def _raised(status: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        alarm["code"]: (alarm["message_nb"], alarm["message_en"])
        for source in status["sources"]
        for alarm in source["alarms"]
    }
