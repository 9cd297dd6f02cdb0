"""`akutt lake`: take back what was accepted, or read it again under today's source file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.common import check_names, fail, print_frame, with_readable_errors

if TYPE_CHECKING:
    from ingestion.withdrawal import RemapReport, Touched

app = typer.Typer(help="Take back what was accepted, or read it again.", no_args_is_help=True)

FromOption = Annotated[
    dt.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First delivery date.")
]
ToOption = Annotated[
    dt.datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last delivery date.")
]
WriteOption = Annotated[
    bool, typer.Option("--write", help="Do it; without, only say what would happen.")
]
_DRY_RUN = (
    "Tørrkjøring: ingenting er skrevet, se --write / dry run: nothing is written, see --write"
)
_NEXT = "Tallene regnes om av / the figures are computed again by: akutt run"


@app.command()
@with_readable_errors
def files(
    wanted: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Names, or ids as findings show them; else all."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Files to show, the latest first.")] = 50,
) -> None:
    """What became of each file: its name and id, and how its rows were judged last."""
    import polars as pl

    from ingestion.home import default_home
    from ingestion.lake import read_receipts

    if source is not None:
        _known_source(source)
    found = read_receipts(default_home().lake)
    if source is not None:
        found = found.filter(pl.col("source") == source)
    if wanted:
        found = found.filter(pl.col("file_name").is_in(wanted) | pl.col("file_id").is_in(wanted))
        if found.is_empty():
            raise fail(f"ikke i datasjøen / not in the lake: {', '.join(wanted)}")
    shown = (
        found.sort("ingested_at", descending=True)
        .unique(["source", "file_name", "file_id"], keep="first", maintain_order=True)
        .sort("delivered_on", "file_name", descending=True, nulls_last=True)
    )
    headings = {
        "source": "kilde / source",
        "file_name": "fil / file",
        "file_id": "id",
        "status": "status",
        "refusal_code": "kode / code",
        "rows_read": "lest / read",
        "accepted": "godtatt / accepted",
        "rejected": "avvist / rejected",
        "exact_duplicates": "helt like / duplicates",
    }
    print_frame(shown.select(pl.col(name).alias(nb) for name, nb in headings.items()), limit=limit)


@app.command()
@with_readable_errors
def withdraw(
    reason: Annotated[str, typer.Option(help="Why, in a sentence; nothing personal.")],
    who: Annotated[str, typer.Option(help="Who decided: a role or initials.")],
    files: Annotated[list[str] | None, typer.Argument(help="File names or file ids.")] = None,
    source: Annotated[str | None, typer.Option(help="Everything of this source.")] = None,
    from_date: FromOption = None,
    to_date: ToOption = None,
    write: WriteOption = False,
) -> None:
    """Take deliveries back: what they gave leaves every figure, what they replaced comes back."""
    from ingestion import withdrawal
    from ingestion.home import default_home

    if source is not None:
        _known_source(source)
    home = default_home()
    with _at_work(home.root, write):
        withdrawal.check_words(reason, who)
        chosen = withdrawal.choose(
            home.lake, files=files or (), source=source, dates=_dates(from_date, to_date)
        )
        _show(withdrawal.touched(home.lake, chosen))
        if not write:
            typer.echo(_DRY_RUN)
            return
        for name in withdrawal.withdraw(home.root, chosen, reason=reason, who=who):
            typer.echo(f"trukket tilbake / withdrawn: {name}")
        typer.echo(_NEXT)


@app.command()
@with_readable_errors
def remap(
    source: Annotated[str, typer.Argument(help="Source whose file was corrected.")],
    from_date: FromOption = None,
    to_date: ToOption = None,
    reason: Annotated[str, typer.Option(help="Why; nothing personal.")] = "akutt lake remap",
    who: Annotated[str, typer.Option(help="Who decided: a role or initials.")] = "akutt",
    write: WriteOption = False,
    force: Annotated[bool, typer.Option("--force", help="Even if the map is unchanged.")] = False,
    taken_back: Annotated[
        bool, typer.Option("--withdrawn", help="Withdrawn files too: undoes their withdrawal.")
    ] = False,
    inbox: Annotated[Path | None, typer.Option(help="Instead of AKUTT_HOME/inbox.")] = None,
) -> None:
    """Read the originals again under the present source file; that replaces what they gave."""
    from ingestion import withdrawal
    from ingestion.home import default_home
    from ingestion.privacy import key_from_environment

    _known_source(source)
    home = default_home()
    dates = _dates(from_date, to_date) or (dt.date.min, dt.date.max)
    with _at_work(home.root, write):
        report = withdrawal.remap(
            home.root, source, dates, key=key_from_environment(),
            reason=reason, who=who, write=write, force=force,
            withdrawn_too=taken_back, inbox=inbox,
        )  # fmt: skip
    _show_remap(report)
    if not report.files:
        return
    if not write:
        typer.echo(_DRY_RUN)
        return
    for name in report.batch_ids:
        typer.echo(f"skrevet / written: {name}")
    typer.echo(_NEXT)


@app.command("withdrawals")
@with_readable_errors
def list_withdrawals() -> None:
    """Everything that has been taken back: what, why, who and when."""
    import polars as pl

    from ingestion.home import default_home
    from ingestion.withdrawal import withdrawn

    taken_back = withdrawn(default_home().lake)
    if taken_back.is_empty():
        typer.echo("ingenting er trukket tilbake / nothing has been withdrawn")
        return
    print_frame(
        taken_back.group_by("withdrawal_id", "source", maintain_order=True)
        .agg(
            pl.col("file_id").n_unique().alias("files"),
            pl.col("accepted").sum().alias("rows"),
            pl.col("delivered_on").min().alias("first"),
            pl.col("delivered_on").max().alias("last"),
            pl.col("reason", "who").first(),
            pl.col("withdrawn_at").first().dt.truncate("1s"),
        )
        .sort("withdrawn_at", "withdrawal_id")
        .rename(
            {
                "withdrawal_id": "tilbaketrekking / withdrawal",
                "source": "kilde / source",
                "files": "filer / files",
                "rows": "rader / rows",
                "first": "levert fra / delivered from",
                "last": "til / to",
                "reason": "grunn / reason",
                "who": "hvem / who",
                "withdrawn_at": "når (UTC) / when (UTC)",
            }
        ),
    )


def _show(touched: Touched) -> None:
    files = touched.files.select(
        "source", "file_name", "file_id", "delivered_on", "rows", "values", "first", "last"
    )
    print_frame(
        files.rename(
            {
                "source": "kilde / source",
                "file_name": "fil / file",
                "file_id": "id",
                "delivered_on": "levert / delivered",
                "rows": "rader / rows",
                "values": "verdier / values",
                "first": "første dag / first day",
                "last": "siste dag / last day",
            }
        ),
    )
    months = ", ".join(f"{month:%Y-%m}" for month in touched.months) or "–"
    typer.echo(
        f"{files['file_id'].n_unique()} filer / files, {touched.rows} rader / rows, "
        f"{touched.values} verdier / values; måneder / months: {months}"
    )


def _show_remap(report: RemapReport) -> None:
    import polars as pl

    for name in report.unread:
        typer.echo(
            f"{name}: ligger ikke uendret i innboksen, og beholdes som den er / is not in the "
            "inbox unchanged, and is left as it is"
        )
    if not report.files:
        typer.echo(f"{report.source}: ingenting å lese på nytt / nothing to read again (--force)")
        return
    for name, code in report.refused.items():
        typer.echo(f"{name}: avvises nå / is refused now: {code}")
    typer.echo(
        f"{report.source}: {report.files} filer / files; rader / rows: {report.rows_before} → "
        f"{report.rows_now}, {report.added} nye / added, {report.removed} borte / removed, "
        f"{report.changed_rows} endret / changed"
    )
    if report.changed:
        print_frame(
            pl.DataFrame(
                {
                    "kolonne / column": list(report.changed),
                    "endrede verdier / changed values": list(report.changed.values()),
                }
            )
        )


@contextmanager
def _at_work(root: Path, write: bool) -> Iterator[None]:
    """Errors in one sentence, and nobody else at work in this home while something is written."""
    from contextlib import nullcontext

    from ingestion.lock import exclusive
    from ingestion.withdrawal import WithdrawalError
    from orchestration.paths import Home

    lock = (
        exclusive(Home(root).run_lock, what=str(root), reentrant=True) if write else nullcontext()
    )
    try:
        with lock:
            yield
    except WithdrawalError as error:
        raise fail(str(error)) from error


def _known_source(name: str) -> None:
    from ingestion.sources import read_sources

    check_names([name], read_sources())


def _dates(first: dt.datetime | None, last: dt.datetime | None) -> tuple[dt.date, dt.date] | None:
    if first is None and last is None:
        return None
    return (first.date() if first else dt.date.min, last.date() if last else dt.date.max)
