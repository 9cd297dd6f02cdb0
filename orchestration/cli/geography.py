"""`akutt geography`: reference tables that are loaded from files of their publishers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.common import console, fail, print_frame, with_readable_errors

app = typer.Typer(help="Load reference geography from its publishers.", no_args_is_help=True)


@app.callback()
def geography() -> None:
    """Load reference geography from its publishers."""


@app.command()
@with_readable_errors
def kostra(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV export of KLASS 112.")
    ],
    valid_from: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day of the version, where no row says it."),
    ] = None,
    valid_to: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day it no longer holds.")
    ] = None,
    seed: Annotated[
        Path | None, typer.Option(help="Seed to write; the project's own if not given.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Validate only, write nothing.")] = False,
) -> None:
    """KOSTRA groups of municipalities, as an alternative to groups by centrality."""
    import polars as pl

    from orchestration.kostra import SEED, load_seed, merged, read_klass, write_seed

    reading = read_klass(
        file,
        valid_from=valid_from.date() if valid_from else None,
        valid_to=valid_to.date() if valid_to else None,
    )
    findings = [*reading.errors, *reading.warnings]
    if findings:
        print_frame(
            pl.DataFrame(
                {
                    "rad / row": [finding.row for finding in findings],
                    "regel / rule": [finding.rule for finding in findings],
                    "hva / what": [f"{finding.nb} / {finding.en}" for finding in findings],
                },
                schema_overrides={"rad / row": pl.Int64},
            )
        )
    if reading.errors:
        raise fail(
            f"{file.name}: {len(reading.errors)} feil, ingenting er skrevet / "
            f"{len(reading.errors)} errors, nothing is written"
        )
    groups = len({member.group_code for member in reading.members})
    counted = f"{len(reading.members)} kommuner / municipalities, {groups} grupper / groups"
    if check:
        console().print(f"{file.name}: {counted}")
        return
    target = seed or SEED
    write_seed(merged(load_seed(target) if target.exists() else [], reading.members), target)
    console().print(f"{counted}. Skrevet / written: {target}. Neste / next: akutt run")
