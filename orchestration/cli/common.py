"""What several commands share: the console, frames as tables, errors without a stack."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

P = ParamSpec("P")
R = TypeVar("R")


@functools.cache
def console() -> Console:
    """The terminal, for people."""
    from rich.console import Console

    return Console(highlight=False)


def print_frame(
    frame: pl.DataFrame,
    *,
    limit: int = 200,
    title: str | None = None,
    may_fold: bool = True,
) -> None:
    """Print a frame as a table, and say when rows are left out.

    Folded to the width of a terminal where that may be; anywhere else whole, so that it can be
    searched.
    """
    if may_fold and console().is_terminal:
        _print_folded(frame.head(limit), title)
    else:
        from reporting.export import plain_table

        typer.echo((f"{title}\n" if title else "") + plain_table(frame.head(limit)), nl=False)
    if frame.height > limit:
        from reporting.numbers import spaced

        typer.echo(f"… {spaced(frame.height - limit)} rader til / more rows")


def _print_folded(frame: pl.DataFrame, title: str | None) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for name, dtype in frame.schema.items():
        table.add_column(name, justify="right" if dtype.is_numeric() else "left", overflow="fold")
    for row in frame.iter_rows():
        table.add_row(*("" if value is None else str(value) for value in row))
    console().print(table)


def fail(message: str) -> typer.Exit:
    """Print an error and give the exit to raise."""
    typer.secho(message, fg="red", err=True)
    return typer.Exit(1)


@contextlib.contextmanager
def readable_errors() -> Iterator[None]:
    """Turn the errors a user can act on into one message and exit status 1."""
    from ingestion.errors import KeyMissingError, SourceFileError
    from ingestion.lock import LockBusyError

    try:
        yield
    except (KeyMissingError, SourceFileError, LockBusyError) as error:
        raise fail(str(error)) from error


def with_readable_errors(function: Callable[P, R]) -> Callable[P, R]:
    """`readable_errors` around a command."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with readable_errors():
            return function(*args, **kwargs)

    return wrapped
