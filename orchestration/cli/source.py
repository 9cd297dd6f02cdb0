"""`akutt source`: list, check and draft source files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.common import (
    console,
    fail,
    no_such_source,
    print_frame,
    say_skipped,
    usable_sources,
    with_readable_errors,
)
from orchestration.cli.outcomes import OutputFormat, file_outcome, print_outcomes

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
                    "source": spec.name,
                    "contract": spec.contract,
                    "format": spec.format.type
                    + ("" if spec.format.compression == "none" else f".{spec.format.compression}"),
                    "zone": spec.clock.zone,
                    "owner": spec.owner,
                    "title": spec.title,
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
        if source not in found.specs:
            say_skipped(error for error in found.skipped if error.path.stem == source)
            raise no_such_source([source], found.specs)
        spec = found.specs[source]
    result = check_file(file, spec, rows_per_rule=rows)
    receipt = result.receipt
    if output_format is OutputFormat.JSON:
        print_outcomes([file_outcome(asdict(receipt), result.findings)])
        if receipt.refusal_code or receipt.rejected:
            raise typer.Exit(1)
        return
    console().print(
        f"[bold]{file.name}[/bold] as {spec.name}: {receipt.rows_read} rows read = "
        f"{receipt.accepted} accepted + {receipt.rejected} rejected + "
        f"{receipt.exact_duplicates} exact duplicates"
    )
    if receipt.refusal_code:
        console().print(
            f"[red]Refused whole: {receipt.refusal_code}[/red] "
            f"{receipt.refusal_nb or ''} / {receipt.refusal_en or ''}"
        )
    for title, tally in (("Rejections", receipt.rejections), ("Warnings", receipt.warnings)):
        if tally:
            frame = pl.DataFrame({"code": list(tally), "rows": list(tally.values())})
            print_frame(frame.sort("rows", descending=True), title=title)
    if result.findings:
        print_frame(
            pl.DataFrame(
                [
                    {
                        "row": finding.row,
                        "code": finding.code,
                        "column": finding.columns,
                        "value": finding.values,
                        "message": f"{finding.message_nb} / {finding.message_en}",
                    }
                    for finding in result.findings
                ]
            ),
            title=f"First {rows} rows of each rule",
        )
    if receipt.refusal_code or receipt.rejected:
        raise typer.Exit(1)


@app.command()
@with_readable_errors
def new(
    name: Annotated[str, typer.Argument(help="Name of the new source, e.g. helse_nord_alarms.")],
    sample: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A sample file.")],
    contract: Annotated[str, typer.Option(help="call, alarm, video_session, lat_request, ...")],
    output: Annotated[
        Path | None, typer.Option(help="Folder to write to; AKUTT_HOME/sources when not given.")
    ] = None,
) -> None:
    """Profile a sample and write a draft source file."""
    from contracts import CONTRACTS
    from ingestion.errors import SourceFileError
    from ingestion.home import default_home
    from ingestion.profile import draft_source, profile_sample
    from ingestion.sources import load_source

    if contract not in CONTRACTS:
        raise fail(f"no contract '{contract}'; there are: {', '.join(CONTRACTS)}")
    target = (output or default_home().sources) / f"{name}.yaml"
    if target.exists():
        raise fail(f"{target} is there already; it is not overwritten")
    profile = profile_sample(sample)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(draft_source(name, contract, sample, profile), "utf-8")
    console().print(
        f"{sample.name}: {profile.format}; {len(profile.header)} columns; times: "
        f"{profile.time_formats or 'none found'}"
    )
    console().print(f"Draft written to {target}")
    try:
        load_source(target)
    except SourceFileError as error:
        console().print(f"[yellow]Left to fill in:[/yellow]\n{error}")
    console().print(f"Next: akutt source check {sample} --source {target}")
