"""What the commands that read a release share: formats, output, errors as messages."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import typer

from orchestration.cli.common import fail

if TYPE_CHECKING:
    import polars as pl

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

        try:
            return function(*args, **kwargs)
        except (PeriodError, QueryError, NoReleaseError, SqlError) as error:
            raise fail(str(error)) from error

    return wrapped


def chosen_format(fmt: str | None, output: Path | None) -> str:
    """The format asked for, else that of the file's ending, else a table."""
    from reporting.export import BINARY_FORMATS, FORMATS

    suffix = output.suffix.lstrip(".").lower() if output else ""
    chosen = fmt or (suffix if suffix in FORMATS else "table")
    if chosen not in FORMATS:
        raise fail(f"--format {chosen}: {', '.join(FORMATS)}")
    if chosen in BINARY_FORMATS and output is None:
        raise fail(f"--format {chosen} trenger / needs --output FILE")
    return chosen


def deliver(frame: pl.DataFrame, fmt: str, about: Mapping[str, Any], output: Path | None) -> None:
    """To the file, or to standard output."""
    from reporting.export import render, write

    if output is None:
        sys.stdout.write(render(frame, fmt, about).decode())
        return
    files = write(frame, fmt, about, output)
    typer.echo(
        f"{', '.join(str(path) for path in files)}: {frame.height} rader, "
        f"utgivelse {about['release_id']}"
    )
