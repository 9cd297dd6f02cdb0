"""`akutt unit`: an installation's own units, areas and coverage, beside those of the project."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.common import (
    check_names,
    fail,
    print_frame,
    say_skipped,
    with_readable_errors,
)

if TYPE_CHECKING:
    from ingestion.sources import Sources
    from orchestration.registers import Examined
    from orchestration.registers.rows import Rows, Values

app = typer.Typer(
    help="Add, list and check units, areas and coverage of this installation.",
    no_args_is_help=True,
)
add = typer.Typer(
    help="Add to AKUTT_HOME/registers. A dry run that shows the rows, until --write is given.",
    no_args_is_help=True,
)
app.add_typer(add, name="add")

IdArgument = Annotated[str, typer.Argument(help="Identifier, as the extracts write it.")]
NameArgument = Annotated[str, typer.Argument(help="Name, as it stands in figures.")]
WriteOption = Annotated[bool, typer.Option("--write", help="Write the rows.")]
RegionOption = Annotated[str, typer.Option(help="Region it belongs to (register rhf).")]
FromOption = Annotated[
    dt.datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day it is registered.")
]
_START = dt.datetime(2010, 1, 1)
_NEXT = "Neste / next: akutt run"


@add.command()
@with_readable_errors
def region(code: IdArgument, name: NameArgument, write: WriteOption = False) -> None:
    """A region (regional health authority)."""
    from orchestration.registers import rows

    _add(rows.region(code, name), write)


@add.command("health-trust")
@with_readable_errors
def health_trust(
    code: IdArgument, name: NameArgument, region: RegionOption, write: WriteOption = False
) -> None:
    """A health trust of a region."""
    from orchestration.registers import rows

    _add(rows.health_trust(code, name, region), write)


@add.command()
@with_readable_errors
def county(
    code: IdArgument,
    name: NameArgument,
    valid_from: FromOption = _START,
    write: WriteOption = False,
) -> None:
    """A county."""
    from orchestration.registers import rows

    _add(rows.county(code, name, valid_from.date().isoformat()), write)


@add.command()
@with_readable_errors
def municipality(
    code: IdArgument,
    name: NameArgument,
    county: Annotated[str, typer.Option(help="County (register counties).")],
    health_trust: Annotated[str, typer.Option(help="Health trust (register health_trusts).")],
    amk: Annotated[str | None, typer.Option(help="Emergency central that answers for it.")] = None,
    lvs: Annotated[str | None, typer.Option(help="Out-of-hours central that does.")] = None,
    population: Annotated[
        list[str] | None,
        typer.Option(help="YEAR=PERSONS on 1 January (repeatable); without it there are no rates."),
    ] = None,
    urban: Annotated[
        bool, typer.Option(help="Any part in a settlement above 10 000 inhabitants.")
    ] = False,
    centrality: Annotated[int | None, typer.Option(min=1, max=6, help="Centrality class.")] = None,
    write: WriteOption = False,
) -> None:
    """A municipality with the areas it belongs to: where alarms happen, and who lives there."""
    from orchestration.registers import rows

    found = _examine()[0]
    _add(
        rows.municipality(
            code,
            name,
            county=_known(found, "counties", "county_code", county),
            trust=_known(found, "health_trusts", "health_trust_code", health_trust),
            amk=amk,
            lvs=lvs,
            is_urban=urban,
            population=dict(_year(text) for text in population or []),
            centrality_class=centrality,
        ),
        write,
    )


@add.command()
@with_readable_errors
def central(
    unit_id: IdArgument,
    name: NameArgument,
    region: RegionOption,
    kind: Annotated[str, typer.Option(help="AMK (emergency) or LVS (out-of-hours).")] = "AMK",
    health_trust: Annotated[str | None, typer.Option(help="Health trust that runs it.")] = None,
    municipality: Annotated[str | None, typer.Option(help="Municipality it lies in.")] = None,
    valid_from: FromOption = _START,
    write: WriteOption = False,
) -> None:
    """A central that answers calls and alerts ambulances."""
    from orchestration.registers import rows

    if kind not in ("AMK", "LVS"):
        raise fail("--kind: AMK eller / or LVS")
    new = rows.unit(
        unit_id,
        name,
        kind,
        region=region,
        trust=health_trust,
        municipality=municipality,
        valid_from=valid_from.date().isoformat(),
    )
    _add(new, write)
    typer.echo(
        "Regioner og helseforetak får sine oppdrag gjennom kommunen på hendelsesstedet: sier "
        "kilden ikke den, står de på sentralen og ellers under «Ukjent». / Regions and trusts get "
        "their missions through the municipality of the scene: without it they stand under the "
        "central, and elsewhere as unknown."
    )


@add.command()
@with_readable_errors
def base(
    unit_id: IdArgument,
    name: NameArgument,
    region: RegionOption,
    kind: Annotated[str, typer.Option(help="HELI, PLANE or SAR.")] = "HELI",
    aircraft: Annotated[int | None, typer.Option(min=0, help="Aircraft on readiness.")] = None,
    health_trust: Annotated[str | None, typer.Option(help="Health trust that runs it.")] = None,
    municipality: Annotated[str | None, typer.Option(help="Municipality it lies in.")] = None,
    valid_from: FromOption = _START,
    write: WriteOption = False,
) -> None:
    """An air ambulance base."""
    from orchestration.registers import rows

    new = rows.unit(
        unit_id,
        name,
        "LAT_BASE",
        region=region,
        trust=health_trust,
        municipality=municipality,
        base_kind=kind,
        aircraft=aircraft,
        valid_from=valid_from.date().isoformat(),
    )
    _add(new, write)


@add.command()
@with_readable_errors
def coverage(
    source: Annotated[str, typer.Argument(help="Source; see akutt source list.")],
    region: Annotated[str | None, typer.Option(help="Only units of this region.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only AMK, LVS or LAT_BASE.")] = None,
    platform: Annotated[
        str | None, typer.Option(help="Only centrals on this source system on the day.")
    ] = None,
    write: WriteOption = False,
) -> None:
    """Which units a source delivers for: without rows they are then at zero, not without data."""
    from ingestion.sources import read_sources
    from orchestration.registers import rows

    found = read_sources()
    check_names([source], found)
    contract = found.specs[source].contract
    new = rows.coverage(source, contract, unit_kind=kind, region=region, platform=platform)
    _add(new, write)


@add.command()
@with_readable_errors
def cutover(
    central: Annotated[str, typer.Argument(help="Central that changes source system.")],
    from_system: Annotated[str, typer.Option(help="source_system until then.")],
    to_system: Annotated[str, typer.Option(help="source_system from then on.")],
    on: Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="First day on the new.")],
    write: WriteOption = False,
) -> None:
    """The day on which a central changes source system."""
    from orchestration.registers import rows

    _add(rows.cutover(central, from_system, to_system, on.date().isoformat()), write)


@app.command("list")
@with_readable_errors
def list_units(
    register: Annotated[str, typer.Option(help="Another register than the units.")] = "units",
    own: Annotated[bool, typer.Option("--own", help="Only rows of this installation.")] = False,
) -> None:
    """The rows of a register, those of this installation among those of the project."""
    import polars as pl

    from orchestration.registers import REGISTERS

    if register not in REGISTERS:
        raise fail(f"ukjent register / no register {register}: {', '.join(REGISTERS)}")
    found, _ = _examine()
    table = found.tables[register]
    rows = [
        {"from": "AKUTT_HOME" if row.is_own else "akuttkjede", **row.values}
        for row in table.rows
        if row.is_own or not own
    ]
    schema = dict.fromkeys(["from", *table.columns], pl.String)
    frame = pl.DataFrame(rows, schema=schema)
    print_frame(frame.select("from", *(c for c in table.columns if frame[c].count())), limit=1000)


@app.command("check")
@with_readable_errors
def check_units() -> None:
    """Validate the registers as `akutt run` does. Exit status 1 when something is wrong."""
    import polars as pl

    found, sources = _examine()
    say_skipped(sources.skipped)
    _refuse(found)
    print_frame(
        pl.DataFrame(
            {
                "register": list(found.tables),
                "rows": [len(table.rows) for table in found.tables.values()],
                "own": [table.own for table in found.tables.values()],
                "replaced": [len(table.replaced) for table in found.tables.values()],
            }
        )
    )


def _registers() -> Path:
    from ingestion.home import default_home

    return default_home().registers


def _examine(more: Rows | None = None) -> tuple[Examined, Sources]:
    from ingestion.sources import read_sources
    from orchestration.paths import DBT_PROJECT
    from orchestration.registers import examine

    sources = read_sources()
    return examine(DBT_PROJECT / "seeds", _registers(), sources, more), sources


def _refuse(found: Examined) -> None:
    from orchestration.registers import RegisterError

    if found.problems:
        raise RegisterError(found.problems)


def _add(new: Rows, write: bool) -> None:
    """Show the rows and check the registers with them; write them only when told to."""
    import polars as pl

    from orchestration.registers import rows

    before, _ = _examine()
    _refuse(before)
    new = {name: left for name, values in new.items() if (left := _not_there(before, name, values))}
    if not new:
        typer.echo("Alt er der fra før / it is all there already.")
        return
    after, _ = _examine(new)
    for name, values in new.items():
        present = [
            column for column in after.tables[name].columns if any(v.get(column) for v in values)
        ]
        print_frame(
            pl.DataFrame([{c: v.get(c) for c in present} for v in values]), title=f"{name}.csv"
        )
        known = {(row.file, row.line) for row in before.tables[name].replaced}
        for row in after.tables[name].replaced:
            if (row.file, row.line) in known:
                continue
            typer.echo(
                f"erstatter linje {row.line} i {row.file} / replaces line {row.line} of {row.file}"
            )
    _refuse(after)
    if not write:
        typer.echo(
            "Prøve, ingenting er skrevet / dry run, nothing is written. --write skriver / writes."
        )
        return
    columns = {name: table.columns for name, table in after.tables.items()}
    for path in rows.write(_registers(), new, columns):
        typer.echo(f"skrevet / written: {path}")
    typer.echo(_NEXT)


def _not_there(found: Examined, register: str, values: list[Values]) -> list[Values]:
    """The rows that a register does not have as they are: a command may be given again."""
    from orchestration.registers import REGISTERS

    table, defaults = found.tables[register], REGISTERS[register].defaults
    there = [row.values for row in table.rows]
    return [
        row
        for row in values
        if {name: row.get(name) or defaults.get(name) for name in table.columns} not in there
    ]


def _known(found: Examined, register: str, column: str, value: str) -> Mapping[str, Any]:
    """The row of a register that is in force now."""
    rows = [row.values for row in found.tables[register].rows if row.values[column] == value]
    if not rows:
        raise fail(
            f"{register}: '{value}' finnes ikke; legg det til først / is not there; add it first"
        )
    return rows[-1]


def _year(text: str) -> tuple[int, int]:
    year, _, people = text.partition("=")
    if not (year.isdigit() and people.isdigit()):
        raise fail(f"--population {text}: skriv / write YEAR=PERSONS, 2025=12000")
    return int(year), int(people)
