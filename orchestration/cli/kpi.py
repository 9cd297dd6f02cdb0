"""`akutt kpi`: definitions and values of the current release."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

from orchestration.cli.common import fail

if TYPE_CHECKING:
    from reporting.query import KpiQuery

app = typer.Typer(help="Query released KPIs and their definitions.", no_args_is_help=True)
_TABLE_ROWS = 500
P = ParamSpec("P")
R = TypeVar("R")


def _readable(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from reporting.periods import PeriodError
        from reporting.query import QueryError
        from reporting.reader import NoReleaseError

        try:
            return function(*args, **kwargs)
        except (PeriodError, QueryError, NoReleaseError) as error:
            raise fail(str(error)) from error

    return wrapped


@app.command("list")
@_readable
def list_command() -> None:
    """Every KPI: name, unit, levels and segments."""
    from reporting.export import text_table
    from reporting.query import list_kpis
    from reporting.reader import open_current

    with open_current() as release:
        kpis = list_kpis(release).drop("kpi_number", strict=False).fill_null("")
        headers = dict(
            zip(kpis.columns, ("KPI", "navn", "enhet", "nivåer", "segmenter"), strict=True)
        )
        typer.echo("\n".join(text_table(headers, kpis.to_dicts())))
        typer.echo(f"Utgivelse / release {release.release_id}")


@app.command()
@_readable
def show(kpi: Annotated[str, typer.Argument(help="KPI id.")]) -> None:
    """The definition of one KPI, as the registry has it."""
    from reporting.query import show_kpi
    from reporting.reader import open_current

    with open_current() as release:
        for key, value in show_kpi(release, kpi).items():
            if value not in (None, ""):
                typer.echo(f"{key:16} {value}")
        typer.echo(f"{'release':16} {release.release_id}")


@app.command()
@_readable
def query(
    kpi: Annotated[list[str] | None, typer.Argument(help="KPI ids; all if not given.")] = None,
    level: Annotated[list[str] | None, typer.Option(help="Level (repeatable).")] = None,
    unit: Annotated[list[str] | None, typer.Option(help="Unit id (repeatable).")] = None,
    segment: Annotated[list[str] | None, typer.Option(help="Segment (repeatable).")] = None,
    period: Annotated[
        str | None, typer.Option(help="2026, 2026-Q3, 2026-09, 2026-W40 or 2026-09-15.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="First period.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last period.")] = None,
    grain: Annotated[str | None, typer.Option(help="day, week, month, quarter or year.")] = None,
    no_data: Annotated[
        bool, typer.Option("--no-data/--without-no-data", help="Also cells without data.")
    ] = True,
    fmt: Annotated[
        str | None, typer.Option("--format", help="table, csv, json, xlsx or parquet.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File to write.")] = None,
) -> None:
    """Values of the current release, filtered."""
    from reporting.export import BINARY_FORMATS, FORMATS, render, write
    from reporting.query import query as run_query
    from reporting.reader import open_current

    suffix = output.suffix.lstrip(".").lower() if output else ""
    chosen = fmt or (suffix if suffix in FORMATS else "table")
    if chosen not in FORMATS:
        raise fail(f"--format {chosen}: {', '.join(FORMATS)}")
    if chosen in BINARY_FORMATS and output is None:
        raise fail(f"--format {chosen} trenger / needs --output FILE")
    wanted = _wanted(kpi, level, unit, segment, period, start, end, grain, no_data)
    with open_current() as release:
        frame = run_query(release, wanted)
        if output is not None:
            write(frame, chosen, release.metadata, output)
            typer.echo(f"{output}: {frame.height} rader, utgivelse {release.release_id}")
            return
        shown = frame.head(_TABLE_ROWS) if chosen == "table" else frame
        sys.stdout.write(render(shown, chosen, release.metadata).decode())
        if shown.height < frame.height:
            typer.echo(
                f"{frame.height - shown.height:,} rader til / more rows: bruk filter eller / "
                "use filters or --output"
            )


def _wanted(
    kpi: list[str] | None,
    level: list[str] | None,
    unit: list[str] | None,
    segment: list[str] | None,
    period: str | None,
    start: str | None,
    end: str | None,
    grain: str | None,
    no_data: bool,
) -> KpiQuery:
    from reporting.periods import PeriodError, last_date, parse_period
    from reporting.query import KpiQuery

    first, last = start or period, end or period
    from_grain, from_date = parse_period(first) if first else (None, None)
    to_grain, to_date = parse_period(last) if last else (None, None)
    if grain is None and from_grain and to_grain and from_grain != to_grain:
        raise PeriodError(f"{first} – {last}: sett --grain / set --grain")
    if to_grain and to_date:
        # "to September" takes in every day, week or month that begins in September
        to_date = last_date(to_grain, to_date)
    return KpiQuery(
        kpis=kpi or (),
        levels=level or (),
        units=unit or (),
        segments=segment or (),
        grain=grain or from_grain or to_grain,
        start_from=from_date,
        start_to=to_date,
        with_no_data=no_data,
    )
