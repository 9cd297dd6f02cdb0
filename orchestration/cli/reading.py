"""What the commands that read a release share: formats, output, errors as messages."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer

from orchestration.cli.common import fail

if TYPE_CHECKING:
    import polars as pl

AudienceOption = Annotated[
    str | None,
    typer.Option(help="Whose release: open, internal or another; else AKUTT_AUDIENCE, else open."),
]
ReleaseOption = Annotated[
    str | None,
    typer.Option("--release", help="Release id, its beginning, or a folder; else the current one."),
]
P = ParamSpec("P")
R = TypeVar("R")


def readable(function: Callable[P, R]) -> Callable[P, R]:
    """Turn what a reader can do wrong into one message and exit status 1."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from reporting.dimensions import QueryError
        from reporting.locked_sql import SqlError
        from reporting.periods import PeriodError
        from reporting.reader import NoReleaseError
        from reporting.reconcile import NoOfficialFiguresError

        wrong = (PeriodError, QueryError, NoReleaseError, NoOfficialFiguresError, SqlError)
        try:
            return function(*args, **kwargs)
        except wrong as error:
            raise fail(str(error)) from error

    return wrapped


def chosen_format(fmt: str | None, output: Path | None) -> str:
    """The format asked for, else that of the file's ending; a table where there is no file."""
    from reporting.export import BINARY_FORMATS, FORMATS

    if fmt is not None and fmt not in FORMATS:
        raise fail(f"--format {fmt}: {', '.join(FORMATS)}")
    if output is None:
        if fmt in BINARY_FORMATS:
            raise fail(f"--format {fmt} trenger / needs --output FILE")
        return fmt or "table"
    by_suffix = {".txt" if name == "table" else f".{name}": name for name in FORMATS}
    of_file = by_suffix.get(output.suffix.lower())
    if fmt is None and of_file is None:
        raise fail(
            f"--output {output}: endelsen sier formatet / the ending tells the format: "
            f"{', '.join(by_suffix)}"
        )
    if fmt is not None and of_file not in (None, fmt):
        raise fail(f"--format {fmt}: {output} heter noe annet / is named for another format")
    # Not made here: a folder that is not there is most often a slip of the pen.
    if not output.parent.is_dir():
        raise fail(f"--output: mappen finnes ikke / there is no folder {output.parent}")
    return str(fmt or of_file)


def deliver(frame: pl.DataFrame, fmt: str, about: Mapping[str, Any], output: Path | None) -> None:
    """To the file, or to standard output."""
    from reporting.export import render, write
    from reporting.numbers import spaced

    if output is None:
        sys.stdout.write(render(frame, fmt, about).decode())
        return
    files = write(frame, fmt, about, output)
    typer.echo(
        f"{', '.join(str(path) for path in files)}: {spaced(frame.height)} rader, "
        f"utgivelse {about['release_id']}"
    )
