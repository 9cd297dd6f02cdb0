"""Registers as files: CSV to rows that know their line, and problems that name it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """What is wrong in a register, and where.

    Attributes:
        file: the register's file, with its folder.
        line: line of the file, the header being 1; None when it is about the whole file.
    """

    file: str
    line: int | None
    column: str | None
    rule: str
    nb: str
    en: str

    def __str__(self) -> str:
        place = [self.file]
        if self.line is not None:
            place.append(f"linje / line {self.line}")
        if self.column is not None:
            place.append(f"kolonne / column {self.column}")
        return f"{', '.join(place)} ({self.rule}): {self.nb} / {self.en}"


@dataclass(frozen=True)
class Row:
    """One row of a register: its values (None is empty), and where it stands."""

    file: str
    line: int
    values: dict[str, str | None]
    is_own: bool

    def problem(self, column: str | None, rule: str, nb: str, en: str) -> Problem:
        """A problem of this row."""
        return Problem(self.file, self.line, column, rule, nb, en)


@dataclass
class Table:
    """A register: the rows that count, and those of the seed or the installation they replace."""

    columns: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    replaced: list[Row] = field(default_factory=list)

    @property
    def own(self) -> int:
        """Number of rows of the installation."""
        return sum(row.is_own for row in self.rows)


def read_rows(
    path: Path, file: str, *, own: bool, columns: Sequence[str] | None = None
) -> tuple[tuple[str, ...], list[Row], list[Problem]]:
    """The header, rows and problems of one CSV file with commas, in UTF-8.

    `columns` are those the register may have; a column that is left out is empty on every row.
    """

    def wrong(line: int | None, column: str | None, rule: str, nb: str, en: str) -> Problem:
        return Problem(file, line, column, rule, nb, en)

    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        nb, en = "kan ikke leses som UTF-8", "cannot be read as UTF-8"
        return (), [], [wrong(None, None, "REGISTER_UNREADABLE", nb, en)]
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    rows: list[Row] = []
    problems: list[Problem] = []
    try:
        header = tuple(name.strip() for name in next(reader, []))
        problems += [
            wrong(
                1,
                name,
                "REGISTER_COLUMN",
                f"ukjent eller gjentatt kolonne; registeret har {', '.join(columns or header)}",
                f"unknown or repeated column; the register has {', '.join(columns or header)}",
            )
            for index, name in enumerate(header)
            if name in header[:index] or (columns is not None and name not in columns)
        ]
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            # An empty cell at the end of a line may be left out, as the seeds do; one too many
            # says that a comma stands where it should not.
            if len(cells) > len(header):
                nb = f"{len(cells)} verdier, overskriften har {len(header)}"
                en = f"{len(cells)} values, the header has {len(header)}"
                problems.append(wrong(reader.line_num, None, "REGISTER_CELLS", nb, en))
                continue
            filled = dict(zip(header, (cell.strip() or None for cell in cells), strict=False))
            values = {name: filled.get(name) for name in (columns or header)}
            rows.append(Row(file, reader.line_num, values, own))
    except csv.Error as error:
        nb, en = f"ikke gyldig CSV ({error})", f"not valid CSV ({error})"
        problems.append(wrong(reader.line_num, None, "REGISTER_UNREADABLE", nb, en))
        return (), rows, problems
    return header, rows, problems


def csv_text(columns: Sequence[str], rows: Iterable[dict[str, str | None]]) -> str:
    """A register as CSV, with its header."""
    from io import StringIO

    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.get(name) or "" for name in columns] for row in rows)
    return out.getvalue()
