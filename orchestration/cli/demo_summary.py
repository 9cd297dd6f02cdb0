"""What `akutt demo` says at its end: a table, its marks, where things are, what to try."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import polars as pl

    from orchestration.engine import Engine
    from orchestration.paths import Home

SHOWN_KPI = "c113_within_10s"
_MARKS = {"suppressed": ":", "no_data": ".."}
_HEADERS = {
    "unit": "enhet / unit",
    "value": "%",
    "interval": "95 %",
    "cases": "anrop / calls",
    "grade": "data",
    "verdict": "vurdering / verdict",
}
_LEGEND = """
95 %   usikkerhet / interval       data   hvor gode dataene er, A til D / how good the data are
:      skjult: et tall av færre enn 10, eller et som ville røpe et slikt
       hidden: a figure of fewer than 10, or one that would give such a one away
..     ingen data / no data"""
TO_TRY = (
    ("finn et nøkkeltall / find a KPI", "akutt kpi list 113 svartid"),
    ("hva det betyr / what it means", f"akutt kpi show {SHOWN_KPI}"),
    (
        "alle måneder, med like enheter / every month, with peers",
        f"akutt kpi query {SHOWN_KPI} --level central --by month --peers",
    ),
    (
        "det samme i Excel / the same in Excel",
        f"akutt kpi query {SHOWN_KPI} answer_time_p90 --segment 113 --level central --by month "
        "--peers --output svartid.xlsx",
    ),
    ("hva som ble avvist / what was rejected", "akutt quarantine list"),
    ("hvor gode dataene er / how good the data are", "akutt readiness list"),
)
PAGES = ("sidene, på http://127.0.0.1:8000/ / the pages, at that address", "akutt serve")


def summarise(engine: Engine) -> None:
    """Print it all."""
    table(engine.home)
    _places(engine)
    _to_try()


def table(home: Home) -> None:
    """The last month of one KPI: the country, and each AMK with its verdict beside the others."""
    import polars as pl

    from reporting.columns import UNPLACED
    from reporting.export import text_table
    from reporting.periods import label
    from reporting.query import KpiQuery, latest_period, query, show_kpi
    from reporting.reader import open_current
    from reporting.reading_order import in_reading_order

    with open_current(home.releases) as release:
        month = latest_period(release, SHOWN_KPI, "month")
        if month is None:
            typer.echo(f"{SHOWN_KPI}: ingen data / no data")
            return
        levels = ["national", "central"]
        wanted = KpiQuery(kpis=[SHOWN_KPI], levels=levels, grain="month", peers=True)
        figures = query(release, wanted).filter(pl.col("unit_id") != UNPLACED)
        kpi = show_kpi(release, SHOWN_KPI)
        disclosure = release.metadata["disclosure"]
    last = figures.filter(pl.col("period_start") == month)
    rows = [_row(row) for row in in_reading_order(last).iter_rows(named=True)]
    period, target = label("month", month), f"{kpi['target']:g} %"
    early = "provisional" in set(last["maturity"])
    typer.echo(f"\n{kpi['name_nb']}, {period}{', foreløpig' if early else ''} (krav {target})")
    typer.echo(
        f"{kpi['name_en']}, {period}{', provisional' if early else ''} (requirement {target})\n"
    )
    typer.echo("\n".join(text_table(_HEADERS, rows, ("value", "interval", "cases"))))
    typer.echo(_LEGEND)
    typer.echo(_how_much_is_shown(figures.filter(pl.col("level") == "central"), disclosure))


def _row(row: dict[str, Any]) -> dict[str, str]:
    from reporting.export import number

    is_shown = row["value"] is not None
    verdicts = [(row[name] or "").partition(":")[0] for name in ("verdict_nb", "verdict_en")]
    interval = f"{number(row['lower'], 1)}–{number(row['upper'], 1)}"
    return {
        "unit": str(row["unit_name"]),
        "value": number(row["value"], 1) if is_shown else _MARKS.get(row["status"], row["status"]),
        "interval": interval if is_shown else "",
        "cases": number(row["denominator"], 0) if is_shown else "",
        "grade": row["grade"] or "",
        "verdict": " / ".join(filter(None, verdicts)),
    }


def _how_much_is_shown(centrals: pl.DataFrame, disclosure: dict[str, Any]) -> str:
    """Of this KPI per AMK and month, and of everything."""
    from reporting.numbers import spaced

    statuses = centrals["status"].to_list()
    shown, hidden = statuses.count("ok"), statuses.count("suppressed")
    cells = disclosure["cells"]
    hidden_cells = sum(disclosure[reason] for reason in ("primary", "complementary", "earlier"))
    share = (cells - hidden_cells) / cells if cells else 1.0
    return (
        f"\nVist / shown: {shown} av / of {shown + hidden} tall per AMK og måned / "
        "figures per AMK and month;\n"
        f"{100 * share:.0f} % av utgivelsens / of the release's {spaced(cells)} celler / cells"
    )


def _places(engine: Engine) -> None:
    from orchestration.deliveries import net
    from orchestration.release import get_release
    from reporting.numbers import spaced

    home = engine.home
    totals = net(engine.receipts()).select("rows_read", "accepted", "rejected").sum().row(0)
    refused = engine.receipts().filter(engine.receipts()["status"] == "refused").height
    current = get_release(home.releases)
    places = {
        "Utgivelse / release": current.path,
        "  for SQL / for SQL": current.path / "akutt.duckdb",
        "Data Docs": engine.checkpoint.docs / "index.html",
        "Karantene / quarantine": f"{spaced(totals[2])} av / of {spaced(totals[0])} rader / rows; "
        f"{refused} filer avvist / files refused",
        "Datasjø / lake": home.lake,
        "Fasit / truth": home.truth,
    }
    typer.echo("")
    for name, place in places.items():
        typer.echo(f"{name + ':':26} {place}")


def _to_try() -> None:
    typer.echo("\nPrøv / try:")
    activate = _activation()
    if activate:
        typer.echo(f"  {activate}")
    for what, command in (*TO_TRY, PAGES):
        typer.echo(f"  {command}\n      {what}")


def _activation() -> str | None:
    """How to get at `akutt` when it is not what the shell finds (after `make demo`)."""
    here = Path(sys.executable).parent
    found = shutil.which("akutt")
    if found and Path(found).parent.resolve() == here.resolve():
        return None
    script = here / "activate"
    shown = Path(os.path.relpath(script)) if script.is_relative_to(Path.cwd()) else script
    return str(shown) if os.name == "nt" else f"source {shown}"
