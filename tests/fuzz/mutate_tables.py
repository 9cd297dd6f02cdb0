"""Mutators of the table: rows, columns and the values in them."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

from tests.fuzz.mutate import Draft, mutator
from tests.fuzz.table import Cell

NBSP, IDEOGRAPHIC, ZERO_WIDTH, BOM = "\u00a0", "\u3000", "\u200b", "\ufeff"
_SPACES = (
    " ",
    "  ",
    "\t",
    NBSP,
    IDEOGRAPHIC,
    "\u2009",
    ZERO_WIDTH,
    "\x0b",
    "\x0c",
    "\u2028",
    "\x85",
)
_NULLS = ("", " ", NBSP, "NULL", "null", "None", "N/A", "NA", "-", "nan", "#N/A", "?", "''", '""')
_NUMBERS = (
    "0",
    "-1",
    "1.0",
    "1,0",
    "1e3",
    "1E+16",
    "1e16",
    "1e400",
    "nan",
    "inf",
    "-inf",
    "+5",
    "007",
    "1_000",
    "1.234",
    "1.234,5",
    "1 234",
    "9" * 10,
    "9" * 19,
    "9" * 40,
    "0x10",
    "½",
    "１２３",
    "٣",
    "2147483648",
    "0.1",
    "-0",
    "1.",
    ".5",
    "12e-1",
    "TRUE",
    "true",
    "1 ",
)
_DATES = (
    "0001-01-01 00:00:00.000",
    "1753-01-01 00:00:00.000",
    "1899-12-30 00:00:00.000",
    "1900-01-01 00:00:00.000",
    "9999-12-31 23:59:59.999",
    "2099-06-01 12:00:00.000",
    "1970-01-01 00:00:00.000",
    "2026-02-30 12:00:00.000",
    "2026-01-15 24:00:00.000",
    "2026-01-15 12:60:00.000",
    "2026-01-15 12:00:60.000",
    "0:00:00",
    "00:00:00",
    "2026-01-15",
    "2026-01-15T12:00:00.000Z",
    "2026-01-15T12:00:00.000+01:00",
    "15.01.2026 12:00:00",
    "01/15/2026 12:00",
    "2026-1-5 4:5:6",
    "20260115120000",
    "2026-03-29 02:30:00.000",
    "2025-10-26 02:30:00.000",
    "12:00:0",
    "04:00:0",
    "46037.5",
    "-1",
    "0",
    "1768454160000",
    "99999999999999",
    "２０２６-01-15 12:00:00.000",
)
_TEXTS = (
    "a" * 300,
    "a;b",
    "a,b",
    'a"b',
    '"ab"',
    '"',
    "a\nb",
    "a\r\nb",
    "a\rb",
    "a\tb",
    "\x00",
    "a\x00b",
    "=1+1",
    "æøå ÆØÅ",
    "Ã¦Ã¸Ã¥",
    "\ufffd",
    "😀",
    "e\u0301",
    "ﬁ",
    "'",
    "\\",
    "\\N",
    "</Anrop>",
    "&amp;",
    "]]>",
    "<!-- -->",
    "|A|B|",
    "{}",
    "[]",
    "\u202e",
    "\x1a",
    "\x1f",
)

# Formats in which a column has a name and not a place.
_NAMED = ("csv", "jsonl", "json", "xml", "xlsx", "xls", "ods", "parquet")


def _at(draft: Draft, rng: random.Random) -> tuple[int, int] | None:
    rows = draft.table.rows
    if not rows or not draft.table.names:
        return None
    row = rng.randrange(len(rows))
    return (row, rng.randrange(len(rows[row]))) if rows[row] else None


def _put(draft: Draft, rng: random.Random, value: Cell) -> None:
    """Into one cell, or down a whole column."""
    place = _at(draft, rng)
    if place is None:
        return
    row, column = place
    if rng.random() < 0.15:
        for cells in draft.table.rows:
            if column < len(cells):
                cells[column] = value
    else:
        draft.table.rows[row][column] = value


@mutator("table")
def row_dropped(draft: Draft, rng: random.Random) -> None:
    if draft.table.rows:
        del draft.table.rows[rng.randrange(len(draft.table.rows))]


@mutator("table")
def all_rows_dropped(draft: Draft, rng: random.Random) -> None:
    if rng.random() < 0.2:
        draft.table.rows.clear()
    else:
        del draft.table.rows[rng.randrange(len(draft.table.rows) + 1) :]


@mutator("table")
def row_doubled(draft: Draft, rng: random.Random) -> None:
    rows = draft.table.rows
    if rows:
        row = list(rng.choice(rows))
        rows.insert(rng.randrange(len(rows) + 1), row)


@mutator("table")
def row_doubled_with_a_difference(draft: Draft, rng: random.Random) -> None:
    """The same key again: other content in one cell, mapped or not."""
    rows = draft.table.rows
    if rows:
        row = list(rng.choice(rows))
        at = rng.choice((len(row) - 1, rng.randrange(len(row)))) if row else 0
        if row:
            row[at] = rng.choice(("annet", "7", None, "Æ"))
        rows.insert(rng.randrange(len(rows) + 1), row)


@mutator("table")
def rows_moved(draft: Draft, rng: random.Random) -> None:
    rng.shuffle(draft.table.rows)


@mutator("table")
def row_blank(draft: Draft, rng: random.Random) -> None:
    rows = draft.table.rows
    width = len(draft.table.names)
    only_extra: list[Cell] = [None] * (width - 1) + ["x"]
    blank = rng.choice(([None] * width, only_extra, [" "] * width))
    rows.insert(rng.randrange(len(rows) + 1), list(blank))


@mutator("table")
def header_again(draft: Draft, rng: random.Random) -> None:
    draft.table.rows.insert(rng.randrange(len(draft.table.rows) + 1), list(draft.table.names))


@mutator("table")
def column_dropped(draft: Draft, rng: random.Random) -> None:
    table = draft.table
    if table.names:
        at = rng.randrange(len(table.names))
        for row in [table.names, *table.rows]:
            del row[at : at + 1]


@mutator("table")
def column_doubled(draft: Draft, rng: random.Random) -> None:
    table = draft.table
    if table.names:
        at, to = rng.randrange(len(table.names)), rng.randrange(len(table.names) + 1)
        table.names.insert(to, table.names[at])
        other = rng.random() < 0.5
        for row in table.rows:
            row.insert(to, "annet" if other else row[at])


@mutator("table", *_NAMED)
def columns_moved(draft: Draft, rng: random.Random) -> None:
    table = draft.table
    order = list(range(len(table.names)))
    rng.shuffle(order)
    table.names = [table.names[at] for at in order]
    table.rows = [[row[at] for at in order] for row in table.rows]


@mutator("table", *_NAMED)
def column_added(draft: Draft, rng: random.Random) -> None:
    table = draft.table
    at = rng.randrange(len(table.names) + 1)
    table.names.insert(at, rng.choice(("ny", "", " ", "Ny kolonne", table.names[0] + "x")))
    for row in table.rows:
        row.insert(at, rng.choice(("v", None, 1)))


@mutator("table")
def column_renamed(draft: Draft, rng: random.Random) -> None:
    names = draft.table.names
    at = rng.randrange(len(names))
    old = names[at]
    names[at] = rng.choice(
        (old.upper(), old.swapcase(), old + "_2", "", old[:-1], f"{NBSP}{old}", f" {old} ",
         old.replace("e", "е"), f"{old}{ZERO_WIDTH}", f"{BOM}{old}", f'"{old}"', f"{old}\n",
         old.replace("_", "\n"), names[rng.randrange(len(names))])
    )  # fmt: skip


@mutator("table")
def names_swapped(draft: Draft, rng: random.Random) -> None:
    names = draft.table.names
    a, b = rng.randrange(len(names)), rng.randrange(len(names))
    names[a], names[b] = names[b], names[a]


@mutator("table", weight=2)
def value_null(draft: Draft, rng: random.Random) -> None:
    _put(draft, rng, rng.choice((None, *_NULLS)))


@mutator("table", weight=2)
def value_number(draft: Draft, rng: random.Random) -> None:
    _put(draft, rng, rng.choice(_NUMBERS))


@mutator("table", weight=2)
def value_stamp(draft: Draft, rng: random.Random) -> None:
    _put(draft, rng, rng.choice(_DATES))


@mutator("table", weight=2)
def value_text(draft: Draft, rng: random.Random) -> None:
    _put(draft, rng, rng.choice(_TEXTS))


@mutator("table", weight=3)
def value_padded(draft: Draft, rng: random.Random) -> None:
    place = _at(draft, rng)
    if place is None:
        return
    whole = rng.random() < 0.3
    before, after = rng.choice(("", *_SPACES)), rng.choice(("", *_SPACES))
    for number, row in enumerate(draft.table.rows):
        if (whole or number == place[0]) and place[1] < len(row) and row[place[1]] is not None:
            row[place[1]] = f"{before}{row[place[1]]}{after}"


@mutator("table", weight=2)
def value_cut(draft: Draft, rng: random.Random) -> None:
    place = _at(draft, rng)
    if place is None:
        return
    value = draft.table.rows[place[0]][place[1]]
    if isinstance(value, str) and value:
        at = rng.randrange(len(value))
        kept = rng.choice((value[:-1], value[:at] + value[at + 1 :], value[1:], value[:at]))
        draft.table.rows[place[0]][place[1]] = kept


@mutator("table", weight=2)
def values_swapped(draft: Draft, rng: random.Random) -> None:
    a, b = _at(draft, rng), _at(draft, rng)
    if a and b:
        rows = draft.table.rows
        rows[a[0]][a[1]], rows[b[0]][b[1]] = rows[b[0]][b[1]], rows[a[0]][a[1]]


@mutator("table")
def values_shifted(draft: Draft, rng: random.Random) -> None:
    """One cell too few or too many in a row."""
    place = _at(draft, rng)
    if place is None:
        return
    row = draft.table.rows[place[0]]
    if rng.random() < 0.5:
        del row[place[1]]
    else:
        row.insert(place[1], rng.choice((None, "ny")))


@mutator("table", weight=3)
def type_changed(draft: Draft, rng: random.Random) -> None:
    """The same value in another type, in a cell or down a column."""
    place = _at(draft, rng)
    if place is None:
        return
    whole = rng.random() < 0.5
    change = rng.choice((_as_int, _as_float, _as_decimal, _as_bool, str, _as_date, _as_time))
    for number, row in enumerate(draft.table.rows):
        if (whole or number == place[0]) and place[1] < len(row) and row[place[1]] is not None:
            row[place[1]] = change(row[place[1]])


def _as_int(value: Cell) -> Cell:
    try:
        return int(str(value))
    except ValueError:
        return 7


def _as_float(value: Cell) -> Cell:
    try:
        return float(str(value).replace(",", "."))
    except ValueError:
        return 7.5


def _as_decimal(value: Cell) -> Cell:
    text = str(value)
    return Decimal(text) if text.isascii() and text.isdigit() else Decimal("7.25")


def _as_bool(value: Cell) -> Cell:
    return bool(value)


def _as_date(value: Cell) -> Cell:
    return value.date() if isinstance(value, dt.datetime) else dt.date(2026, 1, 15)


def _as_time(value: Cell) -> Cell:
    return value.time() if isinstance(value, dt.datetime) else dt.time(12, 30, 1)


@mutator("table")
def typed_stamp(draft: Draft, rng: random.Random) -> None:
    """A stamp as a typed cell: early, late, 1900's missing day, or a plain one."""
    _put(draft, rng, rng.choice((
        dt.datetime(1, 1, 1), dt.datetime(1899, 12, 30), dt.datetime(1899, 12, 31, 8),
        dt.datetime(1900, 2, 28), dt.datetime(1900, 1, 1), dt.datetime(9999, 12, 31),
        dt.datetime(2099, 1, 1), dt.datetime(2026, 1, 15, 12, 0, 1), dt.datetime(1753, 1, 1),
        dt.datetime(2026, 3, 29, 2, 30), dt.datetime(2025, 10, 26, 2, 30),
    )))  # fmt: skip
