"""What several commands share: the console, frames as tables, errors without a stack."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from ingestion.errors import SourceFileError
    from ingestion.sources import SourceSpec
    from ingestion.sources.registry import Sources

P = ParamSpec("P")
R = TypeVar("R")


@functools.cache
def console() -> Console:
    """The terminal, for people."""
    from rich.console import Console

    return Console(highlight=False)


def print_frame(frame: pl.DataFrame, *, limit: int = 200, title: str | None = None) -> None:
    """Print a frame as a table, and say when rows are left out.

    Folded to the width of a terminal; anywhere else whole, so that it can be searched.
    """
    if console().is_terminal:
        _print_folded(frame.head(limit), title)
    else:
        from reporting.export import plain_table

        typer.echo((f"{title}\n" if title else "") + plain_table(frame.head(limit)), nl=False)
    if frame.height > limit:
        from reporting.numbers import spaced

        typer.echo(f"… {spaced(frame.height - limit)} rader til / more rows")


def _print_folded(frame: pl.DataFrame, title: str | None) -> None:
    """Codes and numbers stay whole, to be copied; sentences fold within their column."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cells = [["" if value is None else str(value) for value in row] for row in frame.iter_rows()]
    widths = [max([len(row[at]) for row in cells], default=0) for at in range(frame.width)]
    is_text = [any(" " in row[at] for row in cells) for at in range(frame.width)]
    whole = _kept_whole(widths, is_text, console().width)
    if whole is None:
        _print_stacked(frame.columns, cells, title)
        return
    table = Table(
        title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1)
    )
    for at, (name, dtype) in enumerate(frame.schema.items()):
        table.add_column(
            Text(name),
            justify="right" if dtype.is_numeric() else "left",
            overflow="fold",
            no_wrap=at in whole,
            min_width=widths[at] if at in whole else None,
        )
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


_LEAST_TEXT = 20


def _kept_whole(widths: Sequence[int], is_text: Sequence[bool], width: int) -> set[int] | None:
    """The columns that need not fold: the narrowest, while the others keep room for their text.

    None when a code would have to fold.
    """
    room = width - 3 * len(widths) - 1
    whole: set[int] = set()
    order = sorted(range(len(widths)), key=lambda at: (is_text[at], widths[at]))
    for place, at in enumerate(order):
        left = sum(min(widths[other], _LEAST_TEXT) for other in order[place + 1 :])
        if widths[at] + left > room:
            break
        whole.add(at)
        room -= widths[at]
    is_cut = any(at not in whole for at in range(len(widths)) if not is_text[at])
    return None if is_cut else whole


def _print_stacked(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None
) -> None:
    """For a narrow terminal: the cells of a row under each other."""
    import textwrap

    lines = [title] if title else []
    for row in rows:
        lines.append("")
        for name, cell in zip(columns, row, strict=True):
            lines += textwrap.wrap(
                f"{name}: {cell}",
                console().width,
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
    typer.echo("\n".join(lines))


def usable_sources(folder: Path | None = None) -> dict[str, SourceSpec]:
    """The sources by name; files that cannot be used are named on stderr and left out."""
    from ingestion.sources import read_sources

    found = read_sources(folder)
    say_skipped(found.skipped)
    return found.specs


def say_skipped(errors: Iterable[SourceFileError]) -> None:
    """Say on stderr which source files are left out, and why."""
    for error in errors:
        typer.secho(
            f"Kilde hoppet over / source skipped: {error.path.stem}\n{error}", fg="yellow", err=True
        )


def check_names(names: Iterable[str], found: Sources) -> None:
    """End with what is wrong when one of these sources is not there, or cannot be used.

    Raises:
        typer.Exit: the message is printed.
    """
    unknown = [name for name in names if name not in found.specs]
    reasons = [error for error in found.skipped if error.path.stem in unknown]
    if reasons:
        told = "\n".join(map(str, reasons))
        raise fail(
            f"Kilden kan ikke brukes før filen er rettet / mend the source file first:\n{told}"
        )
    if unknown:
        raise fail(
            f"ukjent kilde / no source {', '.join(unknown)}; "
            f"det finnes / there are: {', '.join(found.specs)}"
        )


def fail(message: str) -> typer.Exit:
    """Print an error and give the exit to raise."""
    typer.secho(message, fg="red", err=True)
    return typer.Exit(1)


@contextlib.contextmanager
def readable_errors() -> Iterator[None]:
    """Turn the errors a user can act on into one message and exit status 1."""
    from ingestion.errors import KeyChangedError, KeyMissingError, SourceFileError
    from ingestion.lock import LockBusyError
    from orchestration.registers import RegisterError

    try:
        yield
    except (
        KeyChangedError,
        KeyMissingError,
        SourceFileError,
        LockBusyError,
        RegisterError,
    ) as error:
        raise fail(str(error)) from error


def with_readable_errors(function: Callable[P, R]) -> Callable[P, R]:
    """`readable_errors` around a command."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with readable_errors():
            return function(*args, **kwargs)

    return wrapped
