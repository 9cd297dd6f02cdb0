"""`akutt demo`: from nothing to a KPI table, on synthetic extracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.common import fail, with_readable_errors

if TYPE_CHECKING:
    from orchestration.paths import Home

app = typer.Typer(help="Generate three months, run everything, show KPIs.")

# Three months at three quarters of the national volume: with fewer calls per central and month many
# figures would be hidden, and with more months it would take longer.
START, DAYS, SCALE, SEED = "2025-10-01", 92, 0.75, 1
MARKER = "demo.json"
# Synthetic callers have no secret to keep; outside the demo the key comes from the environment.
DEMO_KEY = "akuttkjede demo: synthetic callers only, no secret"


@app.command()
@with_readable_errors
def demo_command(
    days: Annotated[int, typer.Option(min=1, help="Number of days.")] = DAYS,
    scale: Annotated[float, typer.Option(min=0.0001, help="1.0 is the national volume.")] = SCALE,
) -> None:
    """Synthetic extracts of three months through the whole path. A second time only what is new."""
    import os

    from ingestion.privacy import KEY_VARIABLE
    from orchestration.cli.demo_summary import summarise
    from orchestration.engine import Clock, Engine, Settings
    from orchestration.paths import akutt_home
    from orchestration.pipeline import RunFailedError, run

    os.environ.setdefault(KEY_VARIABLE, DEMO_KEY)
    home = akutt_home()
    clock = Clock()
    _generate(home, days, scale)
    engine = Engine(Settings(home, say=typer.echo))
    try:
        outcome = run(engine)
    except RunFailedError as error:
        raise fail(str(error)) from error
    if not outcome.did_work:
        typer.echo("Ingenting venter / nothing is pending.")
    summarise(engine)
    typer.echo(f"\nTid / time: {clock.seconds:.0f} s")


def _generate(home: Home, days: int, scale: float) -> None:
    """Write the extracts unless the marker says that exactly these are there."""
    import datetime as dt

    from ingestion.synthetic import generate
    from orchestration import atomic

    wanted: dict[str, Any] = {"start": START, "days": days, "scale": scale, "seed": SEED}
    marker = home.root / MARKER
    known = atomic.read_json(marker)
    if known == wanted | {"complete": True}:
        typer.echo(f"Uttrekk / extracts: {home.inbox} (fra forrige gang / from last time)")
        return
    if known is None and home.inbox.is_dir() and any(home.inbox.iterdir()):
        raise fail(
            f"{home.inbox} har allerede filer. Sett AKUTT_HOME til en tom mappe for demoen. / "
            "already has files. Point AKUTT_HOME at an empty folder for the demo."
        )
    if isinstance(known, dict) and known.get("complete"):
        raise fail(
            f"{home.root} har en demo med andre valg ({known}). Bruk en tom AKUTT_HOME. / "
            "holds a demo with other choices. Use an empty AKUTT_HOME."
        )
    atomic.write_json(marker, wanted | {"complete": False})
    typer.echo(f"Lager uttrekk / generating extracts: {days} dager fra {START}, skala {scale}")
    said = [0]

    def show(message: str, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if tenth > said[0]:
            said[0] = tenth
            typer.echo(f"  {message}: {done}/{total}")

    generate(home.root, dt.date.fromisoformat(START), days, scale, SEED, progress=show, truth=True)
    atomic.write_json(marker, wanted | {"complete": True})
