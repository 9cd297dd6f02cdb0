"""`akutt kpi profile` and `akutt kpi distribution`: hours of the week, and times by class."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.common import fail
from orchestration.cli.reading import (
    AudienceOption,
    ReleaseOption,
    chosen_format,
    deliver,
    readable,
)

if TYPE_CHECKING:
    import polars as pl

# What the table of a week can show, with its decimals.
_SHOWN = {
    "calls_per_hour": 1,
    "in_time_share": 0,
    "unanswered_share": 0,
    "answer_median": 0,
    "answer_p90": 0,
    "talk_median": 0,
}
_HIDDEN, _NO_DATA = ":", ".."

Places = Annotated[
    list[str], typer.Argument(help="Ids or names of units, or levels (central, municipality).")
]
Segments = Annotated[list[str] | None, typer.Option("--segment", help="113, 116117 (repeatable).")]
PeriodOption = Annotated[
    str | None,
    typer.Option(help="2026, 2026-T1, 2026-Q3 or 2026-09-R12; else the longest of the last."),
]
FormatOption = Annotated[
    str | None, typer.Option("--format", help="table, csv, json, xlsx or parquet.")
]
OutputOption = Annotated[Path | None, typer.Option(help="File to write.")]


@readable
def profile(
    places: Places,
    segment: Segments = None,
    period: PeriodOption = None,
    show: Annotated[str, typer.Option(help=f"In the table: {', '.join(_SHOWN)}.")] = (
        "calls_per_hour"
    ),
    fmt: FormatOption = None,
    output: OutputOption = None,
    release: ReleaseOption = None,
    audience: AudienceOption = None,
) -> None:
    """Calls by hour of the week: how many, answered in time, unanswered, how long it took."""
    from reporting.metrics import open_release
    from reporting.profiles import profile as find

    chosen = chosen_format(fmt, output)
    if show not in _SHOWN:
        raise fail(f"--show {show}: {', '.join(_SHOWN)}")
    opened = open_release(release, audience)
    levels, units = split(places)
    frame = find(opened, units=units, levels=levels, segments=segment or (), period=period)
    if not delivered(opened, frame, chosen, output):
        for part in frame.partition_by("segment", "level", "unit_id", maintain_order=True):
            _say_week(part, show)
        _end(opened, frame)


@readable
def distribution(
    places: Places,
    measure: Annotated[
        list[str] | None, typer.Option(help="answer_time, response_time (repeatable).")
    ] = None,
    segment: Segments = None,
    period: PeriodOption = None,
    fmt: FormatOption = None,
    output: OutputOption = None,
    release: ReleaseOption = None,
    audience: AudienceOption = None,
) -> None:
    """Answer and response times by class: how many, and what share of all."""
    from reporting.export import text_table
    from reporting.metrics import open_release
    from reporting.profiles import distribution as find

    chosen = chosen_format(fmt, output)
    opened = open_release(release, audience)
    levels, units = split(places)
    frame = find(
        opened,
        measures=measure or (),
        units=units,
        levels=levels,
        segments=segment or (),
        period=period,
    )
    if delivered(opened, frame, chosen, output):
        return
    headers = {
        "unit": "enhet / unit",
        "what": "mål / measure",
        "class": "klasse / class",
        "n": "antall / n",
        "share": "%",
    }
    rows = [
        {
            "unit": row["unit_name"],
            "what": row["measure"] + ("" if row["segment"] == "all" else f", {row['segment']}"),
            "class": _class_name(row),
            "n": _HIDDEN if row["n"] is None else str(row["n"]),
            "share": _HIDDEN if row["share"] is None else _number(row["share"], 1),
        }
        for row in frame.iter_rows(named=True)
    ]
    if rows:
        typer.echo("\n".join(text_table(headers, rows)))
    _end(opened, frame)


def _class_name(row: dict[str, Any]) -> str:
    """The limits of a class: answer times in seconds, response times in minutes."""
    over, to = row["over_s"], row["to_s"]
    by, unit = (1, "s") if row["measure"] == "answer_time" else (60, "min")
    if to is None:
        return f"> {over // by} {unit}"
    return f"{(over or 0) // by}–{to // by} {unit}"


def split(places: list[str]) -> tuple[list[str], list[str]]:
    """Levels, and units: what is not the name of a level."""
    from reporting.dimensions import LEVELS

    return [name for name in places if name in LEVELS], [n for n in places if n not in LEVELS]


def delivered(opened: Any, frame: pl.DataFrame, chosen: str, output: Path | None) -> bool:
    """Whether the frame went to a file or out as data, so that no table is wanted."""
    from reporting.describe import describe

    if chosen == "table" and output is None:
        return False
    deliver(frame, chosen, describe(opened, frame, shlex.join(["akutt", *sys.argv[1:]])), output)
    return True


def _say_week(hours: pl.DataFrame, show: str) -> None:
    """A table of hours and weekdays, and the busiest hour in words."""
    from reporting.export import text_table
    from reporting.profiles import WEEKDAYS, busiest

    first = hours.row(0, named=True)
    typer.echo(f"{first['unit_name']}, {first['segment']}: {show}")
    headers = {
        "hour": "time / hour",
        **{str(day): nb[:3] for day, (nb, _) in enumerate(WEEKDAYS, 1)},
    }
    cells = {(row["hour"], row["weekday"]): row for row in hours.iter_rows(named=True)}
    rows = [
        {
            "hour": f"{hour:02}–{hour + 1:02}",
            **{str(day): _cell(cells[hour, day], show) for day in range(1, 8)},
        }
        for hour in range(24)
    ]
    typer.echo("\n".join(text_table(headers, rows)))
    if (top := busiest(hours)) is not None:
        nb, en = WEEKDAYS[int(str(top["weekday"])) - 1]
        clock = f"{int(str(top['hour'])):02}–{int(str(top['hour'])) + 1:02}"
        rate = _number(float(str(top["calls_per_hour"])), 1)
        typer.echo(
            f"Travlest / busiest: {nb} / {en} {clock}, {rate} anrop per time / calls per hour\n"
        )


def _cell(row: dict[str, Any], show: str) -> str:
    if row[show] is not None:
        return _number(row[show], _SHOWN[show])
    return _HIDDEN if row["status"] == "suppressed" else _NO_DATA


def _number(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace(".", ",")


def _end(opened: Any, frame: pl.DataFrame) -> None:
    """The period, what the signs mean, the release."""
    from reporting.periods import label
    from reporting.profiles import NO_ROWS

    if frame.is_empty():
        typer.echo(NO_ROWS, err=True)
        return
    row = frame.row(0, named=True)
    days = f"{row['days_covered']} av / of {row['days_in_period']} dager levert / days delivered"
    typer.echo(f"Periode / period {label(row['period_grain'], row['period_start'])}, {days}")
    typer.echo(f"{_HIDDEN} skjult / hidden   {_NO_DATA} ingen data / no data")
    say_release(opened)


def say_release(opened: Any) -> None:
    """Which release the figures are of, and what may not be done with them."""
    from reporting.audience import warning

    typer.echo(f"Utgivelse / release {opened.release_id} ({opened.audience})")
    if said := warning(opened.audience):
        typer.echo(said)
