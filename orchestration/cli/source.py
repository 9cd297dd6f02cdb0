"""`akutt source`: list, check and draft source files."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.common import (
    check_names,
    console,
    fail,
    print_frame,
    usable_sources,
    with_readable_errors,
)
from orchestration.cli.outcomes import OutputFormat, account, file_outcome, print_outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingestion.check import CheckResult
    from ingestion.drafts import Draft, Sample
    from ingestion.sources.spec import SourceSpec

app = typer.Typer(help="List, check and draft source files.", no_args_is_help=True)

SourcesOption = Annotated[
    Path | None,
    typer.Option(
        "--sources",
        help="Folder of source files; the project's and AKUTT_HOME/sources if not given.",
    ),
]


@app.command("list")
@with_readable_errors
def list_sources(sources: SourcesOption = None) -> None:
    """Every source with its contract, format and owner."""
    import polars as pl

    print_frame(
        pl.DataFrame(
            [
                {
                    "kilde / source": spec.name,
                    "kontrakt / contract": spec.contract,
                    "format": spec.format.type
                    + ("" if spec.format.compression == "none" else f".{spec.format.compression}"),
                    "sone / zone": spec.clock.zone,
                    "eier / owner": spec.owner,
                    "tittel / title": spec.title,
                }
                for spec in usable_sources(sources).values()
            ]
        )
    )


@app.command()
@with_readable_errors
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The file to try.")],
    source: Annotated[str, typer.Option(help="Source name, or path of a source YAML.")],
    sources: SourcesOption = None,
    rows: Annotated[int, typer.Option(help="Rows to show per rule.")] = 5,
    output_format: Annotated[
        OutputFormat, typer.Option("--format", help="Tables, or JSON with stable fields.")
    ] = OutputFormat.TABLE,
) -> None:
    """Dry run: counts, and each failing rule with row, column and masked value."""
    import polars as pl

    from ingestion.check import check_file
    from ingestion.sources import load_source, read_sources

    if source.endswith((".yaml", ".yml")):
        spec = load_source(Path(source))
    else:
        found = read_sources(sources)
        check_names([source], found)
        spec = found.specs[source]
    result = check_file(file, spec, rows_per_rule=rows)
    receipt = result.receipt
    if output_format is OutputFormat.JSON:
        print_outcomes([file_outcome(asdict(receipt), result)])
        if receipt.refusal_code or receipt.rejected:
            raise typer.Exit(1)
        return
    typer.secho(_shown(file), bold=True, nl=False)
    typer.echo(f" ({spec.name}): {account(receipt)}")
    if receipt.left_out:
        typer.echo(f"{receipt.left_out} poster utenfor kilden (where) / records outside the source")
    outcome = file_outcome(asdict(receipt), result)
    if refusal := outcome["refusal"]:
        typer.secho(f"Hele filen avvist / refused whole: {refusal['code']}", fg="red")
        typer.echo(f"{refusal['message_nb']} / {refusal['message_en']}")
        if refusal["detail_nb"]:
            typer.echo(f"{refusal['detail_nb']} / {refusal['detail_en']}")
    for level, title in (("row", "Avvist / rejected"), ("warning", "Å merke seg / warnings")):
        findings = [item for item in outcome["findings"] if item["level"] == level]
        if findings:
            print_frame(pl.DataFrame([_finding_row(item) for item in findings]), title=title)
    _print_codes(result)
    if result.findings:
        print_frame(
            pl.DataFrame(
                [
                    {
                        "rad / row": finding.row,
                        "kode / code": finding.code,
                        "kolonne / column": finding.columns,
                        "verdi / value": "" if finding.values == "{}" else finding.values,
                        "hva / what": " / ".join(
                            f"{message} ({note})" if note else message
                            for message, note in (
                                (finding.message_nb, finding.note_nb),
                                (finding.message_en, finding.note_en),
                            )
                        ),
                    }
                    for finding in result.findings
                ]
            ),
            title=f"De første {rows} radene per regel / first {rows} rows of each rule",
        )
    if receipt.refusal_code or receipt.rejected:
        raise typer.Exit(1)


def _finding_row(item: Mapping[str, Any]) -> dict[str, Any]:
    columns = [f"{name} ({rows})" for name, rows in item["columns"].items()] or dict.fromkeys(
        name for example in item["examples"] for name in example["columns"].split(", ")
    )
    return {
        "kode / code": item["code"],
        "rader / rows": item["rows"],
        "første / first": item["first_row"],
        "kolonner / columns": ", ".join(columns),
        "hva / what": f"{item['message_nb']} / {item['message_en']}",
    }


def _print_codes(result: CheckResult) -> None:
    """The texts that `codes` of the source file lacks."""
    import polars as pl

    if not result.unknown_codes:
        return
    print_frame(
        pl.DataFrame(
            [
                {
                    "kolonne / column": code.column,
                    "råkolonne / raw column": code.raw,
                    "verdi / value": code.value,
                    "rader / rows": code.rows,
                }
                for code in result.unknown_codes
            ]
        ),
        title="Ukjente koder: før dem opp under codes / unknown codes: write them under codes",
    )
    for name, count in result.more_codes.items():
        typer.echo(f"{name}: {count} verdier til / more values")


@app.command()
@with_readable_errors
def new(
    name: Annotated[str, typer.Argument(help="Name of the new source, e.g. helse_nord_alarms.")],
    sample: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A sample file.")],
    contract: Annotated[str, typer.Option(help="call, alarm, video_session, lat_request, ...")],
    output: Annotated[
        Path | None, typer.Option(help="Folder to write to; AKUTT_HOME/sources when not given.")
    ] = None,
    day_first: Annotated[
        bool | None,
        typer.Option(
            "--day-first/--month-first",
            help="Whether 05.04 is in April or in May, where the sample does not tell.",
        ),
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(help="Decimal mark, '.' or ',', where the sample does not tell.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="`text` or `json`.")] = "text",
) -> None:
    """Draft a source file from a sample: what can be seen is filled in, the rest says TODO."""
    import re

    from contracts import CONTRACTS
    from ingestion.drafts import draft, open_questions
    from ingestion.home import default_home

    if contract not in CONTRACTS:
        raise fail(
            f"kontrakten '{contract}' finnes ikke / no contract '{contract}'; "
            f"velg blant / there are: {', '.join(CONTRACTS)}"
        )
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise fail(
            f"'{name}': et navn er små bokstaver a-z, sifre og understrek / "
            "a name is small letters a-z, digits and underscores"
        )
    if decimal not in (None, ".", ",") or format_ not in ("text", "json"):
        raise fail("--decimal er '.' eller ',' / is '.' or ','; --format: text | json")
    target = (output or default_home().sources) / f"{name}.yaml"
    if target.exists():
        raise _exists(target)
    looked_at = _looked_at(sample)
    if format_ == "text" and _is_terminal():
        unclear, is_mark_unclear = open_questions(looked_at, contract)
        if unclear and day_first is None:
            day_first = _ask_day_first(unclear)
        if is_mark_unclear and decimal is None:
            decimal = _ask_decimal()
    drafted = draft(name, contract, looked_at, day_first=day_first, decimal=decimal)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(drafted.text)
    except FileExistsError as error:
        raise _exists(target) from error
    if format_ == "json":
        _print_json(sample, looked_at, drafted, name, contract, target)
    else:
        _print_draft(sample, looked_at, drafted, target)


def _exists(target: Path) -> typer.Exit:
    return fail(
        f"{target} finnes fra før og blir ikke overskrevet / is there already; "
        "it is not overwritten"
    )


def _looked_at(path: Path) -> Sample:
    from ingestion.drafts import SampleError, read_sample

    try:
        return read_sample(path)
    except SampleError as error:
        raise fail(f"{_shown(path)}: {error}") from error


def _shown(path: Path) -> str:
    """A file name without the number of a person that it may hold."""
    from ingestion.drafts.shown import visible

    return visible(path.name)


def _is_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _ask_day_first(formats: list[str]) -> bool:
    console().print(
        "Ingen verdi i prøven viser om dagen eller måneden står først "
        f"/ no value tells whether the day or the month is first: {', '.join(formats)}"
    )
    return typer.confirm("Er 05.04 den 5. april? / Is 05.04 in April?")


def _ask_decimal() -> str:
    import click

    console().print(
        "Ingen verdi i prøven viser desimaltegnet: er 1.234 over tusen? / "
        "no value tells the decimal mark: is 1.234 above a thousand?"
    )
    mark: str = typer.prompt("Desimaltegn / decimal mark", type=click.Choice([".", ","]))
    return mark


def _print_draft(sample: Path, looked_at: Sample, drafted: Draft, target: Path) -> None:
    from ingestion.drafts.draft import personal_line
    from ingestion.drafts.shown import name_is_personal, visible
    from ingestion.errors import SourceFileError
    from ingestion.sources import load_source

    typer.echo(f"{_shown(sample)}: {looked_at.frame.height} poster / records")
    typer.echo(f"format: {dict(drafted.format)}")
    for nb, en in looked_at.notes:
        typer.echo(f"{nb} / {en}")
    for column, kinds in drafted.personal.items():
        typer.secho(f"{visible(column)}: {personal_line(kinds)}", fg="red")
    typer.echo(f"Utkast skrevet / draft written: {target}")
    typer.echo("Gjenstår / left to fill in:")
    for item in drafted.left:
        typer.echo(f"  - {item}")
    try:
        load_source(target)
    except SourceFileError as error:
        typer.echo(str(error))
    typer.echo("Neste / next:")
    typer.echo(f"  1. {target}")
    file = "FIL/FILE" if name_is_personal(sample.name) else str(sample)
    typer.echo(f"  2. akutt source check {file} --source {target}")
    typer.echo(f"  3. inbox/{target.stem}/, akutt ingest --source {target.stem}")


def _print_json(
    sample: Path, looked_at: Sample, drafted: Draft, name: str, contract: str, target: Path
) -> None:
    import json

    from ingestion.drafts.shown import name_is_personal, visible

    columns = [
        {
            "column": visible(fact.name) if name_is_personal(fact.name) else fact.name,
            "type": fact.type,
            "share_filled": round(fact.share_filled, 4),
            "different": fact.different,
            "shapes": [pattern for pattern, _ in fact.shapes],
            "formats": fact.stamps.candidates if fact.stamps else [],
            "personal": dict(fact.personal or {}),
        }
        for fact in drafted.facts.values()
    ]
    document = {
        "source": name,
        "contract": contract,
        "sample": _shown(sample),
        "written": str(target),
        "records": looked_at.frame.height,
        "format": dict(drafted.format),
        "columns": columns,
        "left": list(drafted.left),
    }
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


@app.command()
@with_readable_errors
def diff(
    old: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An older delivery.")],
    new: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A newer delivery.")],
    source: Annotated[
        str | None, typer.Option(help="Source name, or path of a source YAML, they are of.")
    ] = None,
    sources: SourcesOption = None,
    from_: Annotated[
        dt.datetime | None,
        typer.Option(
            "--from",
            formats=["%Y-%m-%d"],
            help="First delivery date of the new layout; that of NEW when not given.",
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option(help="Add the `headers` entry to the source file.")
    ] = False,
) -> None:
    """How a sender's layout changed: columns, codes, formats; and the `headers` entry for it."""
    import polars as pl

    from ingestion.drafts.compare import compare
    from ingestion.drafts.paste import add_headers, entry_text
    from ingestion.drafts.shown import visible

    spec, path = _source(source, sources) if source is not None else (None, None)
    before, after = _looked_at(old), _looked_at(new)
    found = compare(before, after, spec, from_.date() if from_ else None)
    if not found.changes:
        typer.echo("Ingen endring i oppsettet / the layout has not changed")
        return
    print_frame(
        pl.DataFrame(
            [
                {
                    "endring / change": change.kind,
                    "kolonne / column": change.column,
                    "før / before": change.before,
                    "nå / now": change.after,
                    "hva gjøres / what to do": change.advice,
                }
                for change in found.changes
            ]
        )
    )
    for pair in found.doubtful:
        typer.echo(
            f"Usikkert / in doubt ({pair.likeness:.2f}): {visible(pair.old)} -> {visible(pair.new)}"
        )
    if not found.entries:
        typer.echo("Ingenting å skrive under `headers` / nothing to write under `headers`")
        return
    dated = all({"valid_from", "valid_to"} & {k for k, v in e.items() if v} for e in found.entries)
    typer.echo(f"\nheaders:\n{entry_text(found.entries)}", nl=False)
    if not dated:
        typer.echo(
            "Filnavnet har ingen dato: oppgi --from ÅÅÅÅ-MM-DD / "
            "the file name has no date: give --from YYYY-MM-DD"
        )
    if write:
        if path is None or not dated:
            raise fail("--write trenger --source, og en dato / needs --source, and a date (--from)")
        add_headers(path, found.entries)
        typer.echo(f"Skrevet i / written to {path}")
        typer.echo(f"Neste / next: akutt source check {new} --source {path}")


def _source(source: str, sources: Path | None) -> tuple[SourceSpec, Path]:
    """A source by name or by the path of its file."""
    from ingestion.home import default_home
    from ingestion.sources import SOURCES_DIR, load_source

    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        own = default_home().sources / f"{source}.yaml"
        folder = sources or (own.parent if own.is_file() else SOURCES_DIR)
        path = folder / f"{source}.yaml"
    if not path.is_file():
        raise fail(f"ingen kildefil / no source file: {path}")
    return load_source(path), path
