"""`akutt generate`: write synthetic national extracts with their truth."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Write synthetic national extracts.")


@app.command()
def generate_command(
    out: Annotated[Path, typer.Argument(help="Folder to write `inbox/` and `truth/` into.")],
    start: Annotated[
        dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="First day.")
    ] = dt.datetime(2025, 10, 1),
    days: Annotated[int, typer.Option(min=1, help="Number of days.")] = 396,
    scale: Annotated[float, typer.Option(min=0.0001, help="1.0 is the national volume.")] = 0.02,
    seed: Annotated[int, typer.Option(help="Same seed, same extracts.")] = 1,
    faults: Annotated[
        float, typer.Option(min=0.0, help="Multiplier of fault rates; 0 = none.")
    ] = 1.0,
    truth: Annotated[bool, typer.Option(help="Also write the truth to compare with.")] = True,
) -> None:
    """Ten sources in their real formats, one file per source and day, and the truth beside them."""
    from ingestion.synthetic import generate

    def show(label: str, done: int, total: int) -> None:
        typer.echo(f"{label}: {done}/{total}")

    manifest = generate(
        out,
        start.date(),
        days,
        scale,
        seed,
        progress=show,
        faults=faults,
        truth=truth,
    )
    typer.echo(f"{len(manifest.files)} filer / files, {manifest.rows} rader / rows: {out}")
