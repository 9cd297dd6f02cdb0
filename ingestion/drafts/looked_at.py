"""What looking at a sample gives, whatever its format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

MAX_RECORDS = 50_000
MAX_COLUMNS = 2_000
MAX_SAMPLE_BYTES = 64 * 1024**2
MAX_DOCUMENT_BYTES = 512 * 1024**2

Note = tuple[str, str]


class SampleError(ValueError):
    """A sample that cannot be made sense of; in bokmål and English, without any value from it."""

    def __init__(self, nb: str, en: str) -> None:
        super().__init__(f"{nb} / {en}")


@dataclass(frozen=True)
class Sample:
    """A file as it was looked at.

    Attributes:
        name: the file name.
        format: the `format` entry of a source file.
        frame: the records, one column per raw column that could be named; text, or the type that
            a typed format gives. Names that the file has twice are left out.
        left_out: raw columns that cannot be mapped, each with why in both languages.
        notes: what a person should know of the file, in both languages.
        is_cut: there are more records than were looked at.
    """

    name: str
    format: dict[str, Any]
    frame: pl.DataFrame
    left_out: Mapping[str, Note] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    is_cut: bool = False


TWICE: Note = ("navnet står to ganger", "the name is there twice")
NAMELESS: Note = ("uten navn", "without a name")
NESTED: Note = ("liste av verdier", "a list of values")
UNREADABLE_NAME: Note = ("navnet kan ikke skrives", "the name cannot be written")


def text_frame(
    header: Sequence[str], rows: Iterable[Sequence[str | None]]
) -> tuple[pl.DataFrame, dict[str, Note]]:
    """Rows of text as a frame of the columns that have a name of their own."""
    counts = Counter(header)
    kept = [index for index, name in enumerate(header) if name and counts[name] == 1]
    left_out = {name: TWICE for name, count in counts.items() if name and count > 1}
    if counts[""]:
        left_out[""] = NAMELESS
    columns: list[list[str | None]] = [[] for _ in kept]
    for row in rows:
        for values, index in zip(columns, kept, strict=True):
            values.append(_clean(row[index]))
    frame = pl.DataFrame(
        [
            pl.Series(header[index], values, pl.String)
            for index, values in zip(kept, columns, strict=True)
        ]
    )
    return frame, left_out


def _clean(value: str | None) -> str | None:
    """Half a character cannot be kept in a frame."""
    if value is None or value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")
