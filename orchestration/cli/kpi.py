"""`akutt kpi`: definitions and values of the current release."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli import demand, profiles
from orchestration.cli.common import fail
from orchestration.cli.reading import (
    AudienceOption,
    ReleaseOption,
    chosen_format,
    deliver,
    readable,
)
from reporting.periods import EXAMPLES, GRAINS

if TYPE_CHECKING:
    from reporting.query import KpiQuery

app = typer.Typer(help="Query released KPIs and their definitions.", no_args_is_help=True)
app.command("profile")(profiles.profile)
app.command("distribution")(profiles.distribution)
app.command("forecast")(demand.forecast)
app.command("staffing")(demand.staffing)
_TABLE_ROWS = 500
_ROW_LIMIT = 100_000
_LABEL_WIDTH = 20
_AFTER_THE_LAST_DAY = " (etter siste dag i utgivelsen / after the last day of the release)"


@app.command("list")
@readable
def list_command(
    words: Annotated[
        list[str] | None, typer.Argument(help="Words to look for in names and definitions.")
    ] = None,
    release: ReleaseOption = None,
    audience: AudienceOption = None,
) -> None:
    """KPIs with name, unit, target, levels and segments; those with the words, if given."""
    from reporting.export import text_table
    from reporting.metrics import kpi_rows, open_release

    opened = open_release(release, audience)
    rows = kpi_rows(opened, " ".join(words or []))
    if not rows:
        raise fail(f"Ingen nøkkeltall med / no KPI with: {' '.join(words or [])}")
    shown = [
        {
            "kpi_id": row["kpi_id"],
            "name": row["name_nb"],
            "unit": row["unit"] or "",
            "target": "" if row["target"] is None else f"{row['target']:g}",
            "levels": row["levels"],
            "segments": row["segments"],
            "status": "" if row["status"] == "active" else _status(row),
        }
        for row in rows
    ]
    headers = {
        "kpi_id": "KPI",
        "name": "navn",
        "unit": "enhet",
        "target": "mål",
        "levels": "nivåer",
        "segments": "segmenter",
        "status": "",
    }
    typer.echo("\n".join(text_table(headers, shown)))
    typer.echo(f"Utgivelse / release {opened.label}")


def _status(row: dict[str, Any]) -> str:
    if row["status"] != "no_source":
        return str(row["status"])
    return f"ingen kilde / no source: {row['status_reason'] or ''}".strip(": ")


@app.command()
@readable
def show(
    kpi: Annotated[str, typer.Argument(help="KPI id.")],
    version: Annotated[int | None, typer.Option(help="Version; else the newest.")] = None,
    release: ReleaseOption = None,
    audience: AudienceOption = None,
) -> None:
    """The definition of one KPI, its breaks, and the SQL that computes it."""
    from reporting.metrics import break_rows, definition_of, open_release
    from reporting.query import KpiQuery

    opened = open_release(release, audience)
    found = definition_of(opened, kpi, version)
    sql = found.pop("sql")
    for key, value in found.items():
        if value not in (None, ""):
            typer.echo(f"{key:{_LABEL_WIDTH}} {value}")
    if found["status"] == "no_source":
        typer.echo("\n" + _status(found))
    breaks = break_rows(opened, KpiQuery(kpis=[kpi]))
    last = str(opened.metadata.get("period_end") or "9999")
    for text, units in breaks_by_text(breaks, last).items():
        shown = ", ".join(units[:5]) + (f" … ({len(units)})" if len(units) > 5 else "")
        typer.echo(f"{'break':{_LABEL_WIDTH}} {text}: {shown}")
    typer.echo(f"{'release':{_LABEL_WIDTH}} {opened.label}")
    if sql:
        typer.echo(f"\n{sql}")


def breaks_by_text(breaks: list[dict[str, Any]], last_day: str) -> dict[str, list[str]]:
    """The units of each break, by what is said of it."""
    found: dict[str, list[str]] = {}
    for row in breaks:
        later = _AFTER_THE_LAST_DAY if str(row["break_date"]) > last_day else ""
        text = f"{row['break_date']}{later} {row['kind']}: {row['text_nb']}"
        units = found.setdefault(text, [])
        if row["unit_id"] not in units:
            units.append(row["unit_id"])
    return found


@app.command()
@readable
def query(
    kpi: Annotated[list[str] | None, typer.Argument(help="KPI ids; all if not given.")] = None,
    level: Annotated[list[str] | None, typer.Option(help="Level (repeatable).")] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(help="a grain, segment, region, health_trust or county (repeatable)."),
    ] = None,
    unit: Annotated[list[str] | None, typer.Option(help="Unit id or name (repeatable).")] = None,
    segment: Annotated[list[str] | None, typer.Option(help="Segment (repeatable).")] = None,
    period: Annotated[
        str | None,
        typer.Option(help=f"{EXAMPLES}, or 2025..2026."),
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="First period.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last period.")] = None,
    grain: Annotated[
        str | None,
        typer.Option(help=f"{', '.join(GRAINS)} or all; else the period's, else month."),
    ] = None,
    peers: Annotated[bool, typer.Option("--peers", help="Compare with similar units.")] = False,
    trends: Annotated[bool, typer.Option("--trends", help="Limits and signals over time.")] = False,
    last_year: Annotated[
        bool, typer.Option("--last-year", help="Beside the same period of the year before.")
    ] = False,
    version: Annotated[
        str | None, typer.Option(help="Version of the definition, or all; else the one in force.")
    ] = None,
    no_data: Annotated[
        bool, typer.Option("--no-data/--without-no-data", help="Also cells without data.")
    ] = True,
    fmt: Annotated[
        str | None, typer.Option("--format", help="table, csv, json, xlsx or parquet.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File to write.")] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Most rows to give; 0 is no limit. A table shows 500.")
    ] = _ROW_LIMIT,
    layout: Annotated[
        str, typer.Option(help="rows, or board: months across and units down, for XLSX.")
    ] = "rows",
    release: ReleaseOption = None,
    audience: AudienceOption = None,
) -> None:
    """Values of the current release, filtered. Says so when there are more than the limit."""
    from reporting.describe import brief, describe
    from reporting.empty import why_empty
    from reporting.metrics import kpi_query, open_release
    from reporting.numbers import spaced
    from reporting.query import count
    from reporting.query import query as run_query
    from reporting.reading_order import in_reading_order

    chosen = chosen_format(fmt, output)
    if chosen == "table":
        limit = min(limit, _TABLE_ROWS) if limit and output is None else limit or _TABLE_ROWS
    wanted = kpi_query(
        kpis=kpi,
        level=level,
        by=by,
        units=unit,
        segments=segment,
        period=period,
        grain=grain,
        start=start,
        end=end,
        peers=peers,
        trends=trends,
        last_year=last_year,
        version=_version(version),
        no_data=no_data,
        limit=limit or None,
        is_cut_allowed=True,
    )
    opened = open_release(release, audience)
    if layout != "rows":
        _write_board(opened, wanted, layout, chosen, output)
        return
    frame = run_query(opened, wanted)
    in_all = _in_all(opened, wanted, frame.height, count)
    about = (
        brief(opened)
        if chosen in ("table", "csv") and output is None
        else describe(opened, frame, shlex.join(["akutt", *sys.argv[1:]]), rows_in_all=in_all)
    )
    shown = in_reading_order(frame) if chosen == "table" else frame
    deliver(shown, chosen, about, output)
    if frame.is_empty():
        typer.echo(why_empty(opened, wanted), err=True)
    if in_all > frame.height:
        typer.echo(
            f"{spaced(in_all - frame.height)} rader til / more rows: "
            "bruk filter eller / use filters or "
            + ("--output" if chosen == "table" and output is None else "--limit 0"),
            err=chosen != "table",
        )


@app.command()
@readable
def news(
    kpi: Annotated[list[str] | None, typer.Argument(help="KPI ids; all if not given.")] = None,
    grain: Annotated[str, typer.Option(help="month or week.")] = "month",
    level: Annotated[list[str] | None, typer.Option(help="Level (repeatable).")] = None,
    unit: Annotated[list[str] | None, typer.Option(help="Unit id or name (repeatable).")] = None,
    segment: Annotated[list[str] | None, typer.Option(help="Segment (repeatable).")] = None,
    change: Annotated[
        list[str] | None, typer.Option(help="worse, better, higher or lower (repeatable).")
    ] = None,
    fmt: Annotated[
        str | None, typer.Option("--format", help="table, csv, json, xlsx or parquet.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File to write.")] = None,
    release: ReleaseOption = None,
    audience: AudienceOption = None,
) -> None:
    """Whose latest three months or weeks differ from those before by more than chance."""
    from reporting.audience import warning
    from reporting.describe import describe
    from reporting.export import text_table
    from reporting.metrics import open_release
    from reporting.news import news as find_news

    chosen = chosen_format(fmt, output)
    opened = open_release(release, audience)
    frame = find_news(
        opened,
        grain=grain,
        kpis=kpi or (),
        levels=level or (),
        units=unit or (),
        segments=segment or (),
        changes=change or (),
    )
    if chosen != "table" or output is not None:
        about = describe(opened, frame, shlex.join(["akutt", *sys.argv[1:]]))
        deliver(frame, chosen, about, output)
        return
    rows = [
        {
            "unit": row["unit_name"],
            "kpi": row["kpi_name"] + ("" if row["segment"] == "all" else f", {row['segment']}"),
            "news": f"{row['news_nb']} / {row['news_en']}",
        }
        for row in frame.head(_TABLE_ROWS).iter_rows(named=True)
    ]
    headers = {"unit": "enhet / unit", "kpi": "nøkkeltall / KPI", "news": "nytt / new"}
    if rows:
        typer.echo("\n".join(text_table(headers, rows)))
    left = frame.height - len(rows)
    typer.echo(
        f"{frame.height} nyheter, høyst én av ti er tilfeldig / news, one in ten at most is chance"
        + (f"; {left} til / more: --output" if left else "")
    )
    typer.echo(f"Utgivelse / release {opened.release_id} ({opened.audience})")
    if said := warning(opened.audience):
        typer.echo(said)


def _write_board(
    opened: Any, wanted: KpiQuery, layout: str, chosen: str, output: Path | None
) -> None:
    from reporting.audience import keep_private
    from reporting.board import board

    if layout != "board":
        raise fail(f"--layout {layout}: rows, board")
    if chosen != "xlsx" or output is None:
        raise fail("--layout board trenger / needs --output FILE.xlsx")
    output.write_bytes(board(opened, wanted))
    keep_private([output], opened.audience)
    typer.echo(f"skrevet / written: {output}. Utgivelse / release {opened.label}")


def _in_all(opened: Any, wanted: KpiQuery, rows: int, count: Any) -> int:
    """How many rows there are; they are counted only when the limit was reached."""
    if wanted.limit is None or rows < wanted.limit:
        return rows
    return max(int(count(opened, wanted)), rows)


def _version(text: str | None) -> Any:
    if text is None or text == "all":
        return text
    if not text.isdigit():
        raise fail(f"--version {text}: et tall eller all / a number or all")
    return int(text)


@app.command()
def export(
    check: Annotated[bool, typer.Option("--check", help="Only say what has drifted.")] = False,
) -> None:
    """Write what is generated from dbt_project/kpis/*.yaml: seed, macro, schema and dictionary."""
    from orchestration.documents import metrics
    from orchestration.paths import REPOSITORY
    from orchestration.registry.export import drifted_files, write_generated_files
    from orchestration.registry.load import RegistryError, load_registry

    pages = REPOSITORY / metrics.FOLDER
    try:
        if not check:
            for path in write_generated_files():
                typer.echo(f"skrevet / written: {path}")
            count = len(metrics.write(load_registry(), pages))
            typer.echo(f"skrevet / written: {pages}, {count} sider / pages")
            return
        drifted = [*map(str, drifted_files()), *metrics.drift(load_registry(), pages)]
    except RegistryError as error:
        raise fail(str(error)) from error
    for name in drifted:
        typer.echo(f"utdatert / drifted: {name}")
    if drifted:
        raise typer.Exit(1)
