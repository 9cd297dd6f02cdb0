"""`akutt kpi forecast` and `akutt kpi staffing`: calls in the days to come, and who must answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.profiles import (
    FormatOption,
    OutputOption,
    Places,
    Segments,
    delivered,
    say_release,
    split,
)
from orchestration.cli.reading import AudienceOption, ReleaseOption, chosen_format, readable
from reporting.numbers import spaced

if TYPE_CHECKING:
    import polars as pl

Days = Annotated[int, typer.Option(help="How many days ahead, 7 to 84.")]


@readable
def forecast(
    places: Places,
    segment: Segments = None,
    days: Days = 28,
    fmt: FormatOption = None,
    output: OutputOption = None,
    release: ReleaseOption = None,
    audience: AudienceOption = None,
) -> None:
    """Calls a day in the days to come, with intervals; only where it beats last week's figures."""
    from reporting.demand.forecast import forecast as find
    from reporting.metrics import open_release

    chosen = chosen_format(fmt, output)
    opened = open_release(release, audience)
    levels, units = split(places)
    frame = find(
        opened,
        units=units,
        levels=levels,
        segments=segment or (),
        days=days,
        progress=_progress,
    )
    _progress("")
    if not delivered(opened, frame, chosen, output):
        for part in _parts(frame):
            _say_forecast(part)
        say_release(opened)


@readable
def staffing(
    places: Places,
    segment: Segments = None,
    days: Days = 7,
    handling: Annotated[
        float | None, typer.Option(help="Mean seconds a call takes; else of the release.")
    ] = None,
    patience: Annotated[
        float | None, typer.Option(help="Mean seconds a caller waits; else of the release.")
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="Answered in time, %; else the target of the KPI.")
    ] = None,
    fmt: FormatOption = None,
    output: OutputOption = None,
    release: ReleaseOption = None,
    audience: AudienceOption = None,
) -> None:
    """How many must answer, hour by hour, for the calls of the forecast to be answered in time."""
    from reporting.demand.staffing import staffing as find
    from reporting.metrics import open_release

    chosen = chosen_format(fmt, output)
    opened = open_release(release, audience)
    levels, units = split(places)
    frame = find(
        opened,
        units=units,
        levels=levels,
        segments=segment or (),
        days=days,
        handling=handling,
        patience=patience,
        target=target,
        progress=_progress,
    )
    _progress("")
    if not delivered(opened, frame, chosen, output):
        for part in _parts(frame):
            _say_staffing(part)
        say_release(opened)


def _parts(frame: pl.DataFrame) -> list[pl.DataFrame]:
    return frame.partition_by("segment", "level", "unit_id", maintain_order=True)


def _progress(text: str) -> None:
    """In the place of the text before; the empty one at the end leaves nothing."""
    if sys.stderr.isatty():
        typer.echo(f"\r\x1b[K{text}", nl=False, err=True)


def _say_forecast(part: pl.DataFrame) -> None:
    from reporting.demand.forecast import SHOWN
    from reporting.export import text_table

    first = part.row(0, named=True)
    typer.echo(f"{first['unit_name']}, {first['segment']}")
    if first["status"] != SHOWN:
        typer.echo(f"Ingen prognose / no forecast: {first['reason']}\n")
        return
    headers = {
        "day": "dag / day",
        "value": "anrop / calls",
        "p80": "80 %",
        "p95": "95 %",
    }
    rows = [
        {
            "day": row["day"].isoformat(),
            "value": spaced(row["value"], 0),
            "p80": _span(row, 80),
            "p95": _span(row, 95),
        }
        for row in part.iter_rows(named=True)
    ]
    typer.echo("\n".join(text_table(headers, rows)))
    off, naive = spaced(first["error"], 1), spaced(first["naive_error"], 1)
    covered = spaced(first["covered_80"], 0)
    typer.echo(
        f"Prøvd på / tried on {first['held_back']} strekk / stretches: bommet med / off by {off} "
        f"anrop om dagen / calls a day, forrige uke / the week before {naive}; "
        f"80 %-intervallet holdt / the 80 % interval held {covered} %."
    )
    typer.echo(f"Siste dag brukt / last day used: {first['last_day']}\n")


def _say_staffing(part: pl.DataFrame) -> None:
    from reporting.demand.forecast import WITHHELD
    from reporting.export import text_table

    first = part.row(0, named=True)
    if first["status"] == WITHHELD:
        typer.echo(f"{first['unit_name']}, {first['segment']}")
        typer.echo(f"Ingen prognose / no forecast: {first['reason']}\n")
        return
    within, target = spaced(first["within_s"], 0), spaced(first["target"], 0)
    typer.echo(
        f"{first['unit_name']}, {first['segment']}: {target} % innen / within {within} s; "
        f"samtale / talk {spaced(first['handling_s'], 0)} s, "
        f"tålmodighet / patience {spaced(first['patience_s'], 0)} s"
    )
    days = part["day"].unique().sort().to_list()
    cells = {(row["hour"], row["day"]): row for row in part.iter_rows(named=True)}
    headers = {"hour": "time / hour", **{str(day): f"{day:%d.%m.}" for day in days}}
    rows = [
        {
            "hour": f"{hour:02}–{hour + 1:02}",
            **{str(day): _need(cells[hour, day]) for day in days},
        }
        for hour in range(24)
    ]
    typer.echo("\n".join(text_table(headers, rows)))
    typer.echo(
        "Så mange må svare samtidig; i parentes om dagen er blant den travleste tidelen. "
        "Pauser, sykdom og annet arbeid kommer i tillegg. / So many must answer at once; in "
        "brackets if the day is among the busiest tenth. Breaks, illness and other work come on "
        "top.\n"
    )


def _need(row: dict[str, Any]) -> str:
    return ".." if row["needed"] is None else f"{row['needed']} ({row['needed_high_80']})"


def _span(row: dict[str, Any], level: int) -> str:
    return f"{spaced(row[f'low_{level}'], 0)}–{spaced(row[f'high_{level}'], 0)}"
