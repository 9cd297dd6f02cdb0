"""`akutt contract`: show and export the data contracts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.common import console, fail, print_frame

app = typer.Typer(help="Show and export the data contracts.", no_args_is_help=True)


@app.command("list")
def list_contracts() -> None:
    """The record types, with the number of columns and rules."""
    import polars as pl

    from contracts import CONTRACTS

    print_frame(
        pl.DataFrame(
            [
                {
                    "contract": contract.name,
                    "title": f"{contract.title_nb} / {contract.title_en}",
                    "columns": len(contract.columns),
                    "row rules": len(contract.row_rules),
                    "warnings": len(contract.warning_rules),
                }
                for contract in CONTRACTS.values()
            ]
        )
    )


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="call, alarm, video_session, lat_request, ...")],
) -> None:
    """Columns and rules of one contract, in bokmål and English."""
    import polars as pl

    from contracts import CONTRACTS

    if name not in CONTRACTS:
        raise fail(
            f"kontrakten '{name}' finnes ikke / no contract '{name}'; "
            f"det finnes / there are: {', '.join(CONTRACTS)}"
        )
    contract = CONTRACTS[name]
    console().print(f"[bold]{contract.title_nb} / {contract.title_en}[/bold]")
    console().print(f"{contract.description_nb}\n{contract.description_en}")
    print_frame(
        pl.DataFrame(
            [
                {
                    "kolonne / column": column.name,
                    "type": str(column.dtype),
                    "påkrevd / required": "ja / yes" if column.required else "",
                    "personvern / privacy": column.privacy,
                    "koder / codes": ", ".join(column.codes or ()),
                    "hva / what": f"{column.description_nb} / {column.description_en}",
                }
                for column in contract.columns.values()
            ]
        ),
        title="Kolonner / columns",
    )
    print_frame(
        pl.DataFrame(
            [
                {
                    "kode / code": rule.code,
                    "nivå / level": rule.level,
                    "hva / what": f"{rule.message_nb} / {rule.message_en}",
                }
                for rule in contract.rules
            ]
        ),
        title="Regler / rules",
    )


@app.command()
def export(
    root: Annotated[
        Path | None,
        typer.Option(help="Project root to write below; the installed project when not given."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only say what has drifted.")] = False,
) -> None:
    """Write ODCS, JSON Schema, data dictionary and dbt YAML from the contract classes."""
    from contracts.export import drift, write_all

    folder = root or Path(__file__).parents[2]
    if check:
        stale = drift(folder)
        for path in stale:
            typer.echo(f"ikke som klassene / drifted: {path}")
        if stale:
            raise typer.Exit(1)
        typer.echo("alt er à jour / all exports are up to date")
        return
    write_all(folder)
    typer.echo(f"skrevet under / written below {folder}")
