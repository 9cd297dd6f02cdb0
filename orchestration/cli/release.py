"""`akutt release`: see, verify and change what readers read."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer

from orchestration.cli.common import fail
from orchestration.cli.reading import AudienceOption, ReleaseOption, readable

app = typer.Typer(help="List, show, verify, roll back releases.", no_args_is_help=True)
ReleaseArgument = Annotated[
    str | None, typer.Argument(help="Release id or its beginning; the current one if not given.")
]
P = ParamSpec("P")
R = TypeVar("R")


def _readable(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from ingestion.lock import LockBusyError
        from orchestration.release import ReleaseError

        try:
            return function(*args, **kwargs)
        except (ReleaseError, LockBusyError) as error:
            raise fail(str(error)) from error

    return wrapped


def _folder(audience: str | None) -> Path:
    """Where the releases of the audience asked for are."""
    from orchestration.paths import akutt_home
    from reporting.audience import chosen, releases_of

    return releases_of(akutt_home().releases, chosen(audience))


@app.command("list")
@_readable
def list_command(audience: AudienceOption = None) -> None:
    """All releases, newest first; the current one is marked."""
    from orchestration.release import list_releases
    from reporting.export import text_table
    from reporting.numbers import spaced
    from reporting.reader import no_release

    releases = _folder(audience)
    rows = [
        {
            "mark": "→" if info.is_current else "",
            "release": info.release_id,
            "created": info.created_at,
            "from": str(info.metadata.get("period_start")),
            "to": str(info.metadata.get("period_end")),
            "values": spaced(info.metadata["tables"]["kpi_values"]["rows"]),
            "hidden": spaced(info.metadata["cells"].get("suppressed", 0)),
        }
        for info in list_releases(releases)
    ]
    if not rows:
        raise fail(no_release(releases))
    headers = {name: "" if name == "mark" else name for name in rows[0]}
    typer.echo("\n".join(text_table(headers, rows, {"values", "hidden"})))


@app.command()
@_readable
def show(release: ReleaseArgument = None, audience: AudienceOption = None) -> None:
    """Everything that one release says about itself."""
    from orchestration.release import get_release

    info = get_release(_folder(audience), release)
    typer.echo(f"path: {info.path}")
    typer.echo(f"current: {'yes' if info.is_current else 'no'}")
    typer.echo(json.dumps(dict(info.metadata), indent=2, ensure_ascii=False, default=str))


@app.command()
@_readable
def verify(release: ReleaseArgument = None, audience: AudienceOption = None) -> None:
    """Check files, row counts, content, suppression and rights of one release."""
    from orchestration.release import get_release, verify_release

    releases = _folder(audience)
    info = get_release(releases, release)
    problems = verify_release(releases, info.release_id)
    if problems:
        raise fail(f"{info.release_id}:\n- " + "\n- ".join(problems))
    tables = info.metadata["tables"]
    rows = sum(table["rows"] for table in tables.values())
    typer.echo(
        f"{info.release_id}: ok ({len(tables)} tabeller / tables, {rows} rader / rows, "
        "ingen små tall / no small numbers)"
    )


@app.command()
@_readable
def attack(
    release: ReleaseArgument = None,
    earlier: Annotated[
        str | None, typer.Option(help="An earlier release that the attacker has as well.")
    ] = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what has changed since the earlier release.")
    ] = False,
    samples: Annotated[
        int, typer.Option(min=0, help="Numbers to bound by linear programming.")
    ] = 200,
    fmt: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    output: Annotated[Path | None, typer.Option(help="File to write.")] = None,
    audience: AudienceOption = None,
) -> None:
    """Attack a release: do hidden numbers follow from those it shows? Exit status 1 if any does."""
    from audit import equations
    from audit.attack import attack as attack_release
    from audit.attack import describe, report
    from orchestration.release import get_release

    if fmt not in ("table", "json"):
        raise typer.BadParameter("table | json", param_hint="--format")
    if changed and earlier is None:
        raise typer.BadParameter("--changed: --earlier?", param_hint="--changed")
    releases = _folder(audience)
    info = get_release(releases, release)
    before = get_release(releases, earlier) if earlier else None
    result = attack_release(
        equations.read(info.path),
        equations.read(before.path) if before else None,
        samples,
        changed_only=changed,
        say=functools.partial(typer.echo, err=True),
    )
    told = {"release": info.release_id, "earlier": before.release_id if before else None}
    if fmt == "json":
        text = json.dumps({**told, **report(result)}, indent=2, ensure_ascii=False, default=str)
    else:
        beside = f" + {before.release_id}" if before else ""
        text = f"{info.release_id}{beside}\n{describe(result)}"
    if output is None:
        typer.echo(text)
    else:
        from reporting.audience import chosen, keep_private

        output.write_text(text + "\n", encoding="utf-8")
        keep_private([output], chosen(audience))
    if result.recovered:
        raise typer.Exit(1)


@app.command()
@readable
def export(
    folder: Annotated[Path, typer.Argument(help="An empty or new folder.")],
    fmt: Annotated[str, typer.Option("--format", help="csv, xlsx or parquet.")] = "csv",
    layout: Annotated[
        str, typer.Option("--by", help="family: ready to read; table: the tables as they are.")
    ] = "family",
    grain: Annotated[
        list[str] | None,
        typer.Option(help="Grains (repeatable); else month, quarter, tertial and year."),
    ] = None,
    release: Annotated[
        str | None, typer.Option("--release", help="Release id, its beginning, or a folder.")
    ] = None,
    audience: AudienceOption = None,
) -> None:
    """Write a release as files for other tools, with definitions and a data package."""
    from reporting.bulk import DEFAULT_GRAINS, export_release
    from reporting.dimensions import check_grain
    from reporting.metrics import open_release

    for name in grain or ():
        check_grain(name)
    opened = open_release(release, audience)
    files = export_release(
        opened, folder, fmt, layout=layout, grains=grain or DEFAULT_GRAINS, say=typer.echo
    )
    typer.echo(f"{folder}: {len(files)} filer / files, utgivelse {opened.label}")


@app.command()
@readable
def diff(
    old: Annotated[
        str | None,
        typer.Argument(help="Release id or its beginning; the one before NEW if not given."),
    ] = None,
    new: Annotated[
        str | None, typer.Argument(help="Release id or its beginning; the current if not given.")
    ] = None,
    kpi: Annotated[list[str] | None, typer.Option(help="Only these KPIs (repeatable).")] = None,
    level: Annotated[list[str] | None, typer.Option(help="Only these levels.")] = None,
    fmt: Annotated[
        str | None, typer.Option("--format", help="table, csv, json, xlsx or parquet.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File to write.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Cells to show in the table.")] = 20,
    audience: AudienceOption = None,
) -> None:
    """What changed between two releases: cells new, revised, withdrawn, hidden, shown, and why."""
    import polars as pl

    from orchestration.cli.reading import chosen_format, deliver
    from reporting.audience import keep_private
    from reporting.changes import as_table, changes, release_before
    from reporting.describe import describe
    from reporting.metrics import open_release

    chosen = chosen_format(fmt, output)
    after = open_release(new, audience)
    before = open_release(old or release_before(after.path), audience)
    frame = changes(before, after)
    for column, wanted in (("kpi_id", kpi), ("level", level)):
        if wanted:
            frame = frame.filter(pl.col(column).is_in(wanted))
    if chosen != "table":
        question = f"akutt release diff {before.release_id} {after.release_id}"
        deliver(frame, chosen, describe(after, frame, question), output)
        return
    shown = f"{before.label} → {after.label}\n{as_table(frame, limit)}\n"
    if output is None:
        typer.echo(shown, nl=False)
    else:
        output.write_text(shown, encoding="utf-8")
        keep_private([output], after.audience)


@app.command()
@readable
def publish(
    url: Annotated[
        str,
        typer.Argument(
            help="postgresql://user@host:port/database; the password from PGPASSWORD or ~/.pgpass.",
            envvar="AKUTT_PUBLISH_URL",
        ),
    ],
    role: Annotated[
        str | None, typer.Option(help="Who may read; else akuttkjede_<audience>_reader.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also when this release stands there already.")
    ] = False,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for readers that do not let go.")
    ] = 120,
    release: ReleaseOption = None,
    audience: AudienceOption = None,
) -> None:
    """Publish a release to PostgreSQL, for Power BI, Tableau, Excel and R; readers see no gap."""
    from reporting.metrics import open_release
    from reporting.numbers import spaced
    from reporting.postgres import FIGURES, PublishError
    from reporting.postgres import publish as publish_release

    opened = open_release(release, audience)
    try:
        done = publish_release(
            opened, url, role=role, again=again, patience=patience, say=typer.echo
        )
    except PublishError as error:
        raise fail(str(error)) from error
    if done.was_there:
        typer.echo(f"{opened.label}: står der alt / stands there already ({done.schema})")
        return
    rows = sum(done.tables.values())
    typer.echo(
        f"{opened.label}: {len(done.tables)} tabeller / tables, {spaced(rows)} rader / rows. "
        f"Les / read {done.schema}.{FIGURES}; gi leserne rollen / grant readers the role: "
        f"{done.role}"
    )
    for schema in done.left:
        typer.echo(f"{schema}: leses ennå, fjernes neste gang / still read, removed next time")


@app.command()
@_readable
def rollback(
    release: Annotated[
        str | None,
        typer.Argument(
            help="Release id or its beginning; the one before the current if not given."
        ),
    ] = None,
) -> None:
    """Point readers of every audience at an earlier release, until a run has other content."""
    from orchestration.paths import akutt_home
    from orchestration.release import get_release
    from orchestration.release import rollback as roll_back

    releases = akutt_home().releases
    before = get_release(releases).release_id
    after = roll_back(releases, release)
    typer.echo(f"{before} → {after.release_id}")
