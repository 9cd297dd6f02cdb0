"""The cells of a sheet that have something in them, found without the library that reads texts.

Each format has a scanner that gives these; what a number, a date and an error mean is said here
once, for all of them.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingestion.errors import FileRefusedError
from ingestion.readers.raw import check_size
from ingestion.readers.typed_text import clock_text, float_text, stamp_text

# What a cell is. A text is read by the library; of all others the scanner knows the value.
TEXT, VALUE, ERROR, NOT_CALCULATED, DATE, STAMP, CLOCK = range(7)
# What a number format shows.
AS_NUMBER, AS_DATE, AS_STAMP, AS_CLOCK, AS_SPAN = range(5)

# The library keeps a sheet as a full rectangle, about 50 bytes a cell, however few are filled.
MAX_RECTANGLE = 64_000_000
_DAY_MS = 86_400_000
# The day that both calendars of a workbook count from, and the one after 9999-12-31.
DAYS_TO_1970 = {False: 25_569, True: 24_107}
_LAST_DAY = 2_958_466
# No number of days that means anything, and not too many to count in microseconds.
_FAR = 1e8
# A number that is shown as a clock time is one while it is less than a year; then it has a date.
_YEAR = 366
_LOTUS = 60
# In place of a kind: a number, of which its format tells what it shows.
A_NUMBER = 255


@dataclass(frozen=True)
class Places:
    """Where cells stand: rows and columns from 0, one of each per cell."""

    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def none(cls) -> Places:
        return cls(np.array([], dtype=np.int64), np.array([], dtype=np.int64))

    def at(self, which: np.ndarray) -> Places:
        """Some of them: by a mask, or by their numbers."""
        return Places(self.rows[which], self.columns[which])

    def extent(self, more: Places) -> tuple[int, int]:
        """How many rows and columns reach from the first of the sheet to the last of these."""
        return (
            int(max(self.rows.max(initial=-1), more.rows.max(initial=-1))) + 1,
            int(max(self.columns.max(initial=-1), more.columns.max(initial=-1))) + 1,
        )


@dataclass(frozen=True)
class Content:
    """What is in cells of which the scanner knows it, one of each per cell.

    Attributes:
        places: where they stand.
        kinds: what they are.
        texts: of values and errors, as they are written.
        us: of dates and stamps microseconds since 1970, of clock times since midnight.
    """

    places: Places
    kinds: np.ndarray
    texts: pl.Series
    us: np.ndarray

    @classmethod
    def none(cls) -> Content:
        empty = np.array([], dtype=np.int64)
        return cls(Places.none(), empty.astype(np.uint8), pl.Series(dtype=pl.String), empty)


@dataclass(frozen=True)
class Cells:
    """The filled cells of one sheet.

    Attributes:
        sheet: its name, for the library.
        texts: where there are texts, of which the library knows what they say.
        others: all other cells.
        unseen: kinds of which the library makes no text.
    """

    sheet: str
    texts: Places
    others: Content
    unseen: tuple[int, ...] = (ERROR, NOT_CALCULATED)

    @functools.cached_property
    def height(self) -> int:
        """Rows from the first of the sheet to the last filled one."""
        return self.texts.extent(self.others.places)[0]

    @functools.cached_property
    def columns(self) -> range:
        """From the first filled column to the last."""
        all_columns = np.concatenate([self.texts.columns, self.others.places.columns])
        if not len(all_columns):
            return range(0)
        return range(int(all_columns.min()), int(all_columns.max()) + 1)


def cells_of(
    sheet: str,
    content: Content,
    texts: Places | None = None,
    unseen: tuple[int, ...] = (ERROR, NOT_CALCULATED),
) -> Cells:
    """The cells of a sheet: some by content, texts among them, and more texts by place."""
    is_text = content.kinds == TEXT
    found = texts or Places.none()
    if is_text.any():
        more = content.places.at(is_text)
        found = Places(
            np.concatenate([found.rows, more.rows]), np.concatenate([found.columns, more.columns])
        )
        rest = np.flatnonzero(~is_text)
        content = Content(
            content.places.at(rest),
            content.kinds[rest],
            content.texts.gather(rest),
            content.us[rest],
        )
    return Cells(sheet, found, content, unseen)


def unreadable(nb: str, en: str) -> FileRefusedError:
    """A workbook that cannot be read, and why."""
    return FileRefusedError("FILE_UNREADABLE", nb, en)


def no_sheet(wanted: str | None, found: int) -> FileRefusedError:
    """The sheet is not there. The names of the others are the sender's, and not repeated."""
    name = f"'{wanted}'" if wanted else "med rader"
    name_en = f"'{wanted}'" if wanted else "with rows"
    return unreadable(
        f"arket {name} finnes ikke; arbeidsboken har {found} regneark",
        f"there is no sheet {name_en}; the workbook has {found} worksheets",
    )


def check_extent(rows: int, columns: int) -> None:
    """Refuse a sheet whose filled cells lie so far apart that reading it would fill the memory.

    Raises:
        FileRefusedError: FILE_TOO_LARGE.
    """
    check_size(rows, columns)
    if rows * columns > MAX_RECTANGLE:
        raise FileRefusedError(
            "FILE_TOO_LARGE",
            f"fylte celler fra rad 1 til {rows} i {columns} kolonner",
            f"filled cells from row 1 to {rows} in {columns} columns",
        )


def number_text(numbers: pl.Series) -> pl.Series:
    """Numbers, as they are written in a file, in the one spelling. Whole ones keep every digit."""
    whole = numbers.str.contains(r"^-?(0|[1-9]\d*)$") & (numbers != "-0")
    if whole.all():
        return numbers
    text = float_text(numbers.cast(pl.Float64, strict=False))
    return numbers.zip_with(whole | text.is_null(), text)


def typed(
    places: Places,
    was: np.ndarray,
    number: np.ndarray,
    texts: pl.Series,
    shown: np.ndarray,
    *,
    epoch_1904: bool,
) -> Content:
    """The content of cells, with numbers as what their format shows.

    What is shown as a date without being one stays a number.

    Args:
        was: kinds, `A_NUMBER` among them.
        number: of numbers, their value; of others anything.
        texts: what is written in the cells.
        shown: what their formats show.
    """
    is_number = was == A_NUMBER
    is_finite = np.isfinite(number)
    serial = np.clip(np.where(is_finite, number, 0), -_FAR, _FAR)
    ms = np.rint(serial * _DAY_MS).astype(np.int64)
    day = ms // _DAY_MS
    is_clock = (
        (shown == AS_SPAN)
        | ((shown == AS_CLOCK) & (serial < _YEAR))
        | ((serial >= 0) & (serial < 1))
    )
    in_calendar = (serial >= 1) & (serial < _LAST_DAY)
    # The calendar of 1900 counts a 29 February that never was.
    never = (day == _LOTUS) & (not epoch_1904)
    lotus = (day < _LOTUS) & (not epoch_1904)
    since_1970 = ms + (lotus - DAYS_TO_1970[epoch_1904]) * _DAY_MS
    kinds = np.select(
        [
            ~is_finite,
            shown == AS_NUMBER,
            is_clock,
            ~in_calendar | never,
            (shown == AS_DATE) & (ms % _DAY_MS == 0),
        ],
        [ERROR, VALUE, CLOCK, VALUE, DATE],
        STAMP,
    )
    kinds = np.where(is_number, kinds, was).astype(np.uint8)
    is_value = is_number & (kinds == VALUE)
    if len(at := np.flatnonzero(is_value)):
        texts = texts.scatter(at, number_text(texts.gather(at)))
    if len(at := np.flatnonzero(is_value & (shown != AS_NUMBER) & in_calendar & never)):
        texts = texts.scatter(at, "1900-02-29")
    return Content(places, kinds, texts, np.where(is_clock, ms, since_1970) * 1000)


def all_texts(content: Content, from_row: int) -> pl.Series:
    """The text of every cell, of whatever kind but a text.

    A date is `2026-01-15`, unless its column holds times of day below `from_row`: then it is
    midnight of that day, as all stamps of a column are read one way.
    """
    at = np.flatnonzero(content.kinds >= DATE)
    if not len(at):
        return content.texts
    kinds, places = content.kinds[at], content.places.at(at)
    is_date = kinds == DATE
    if is_date.any():
        below = places.rows >= from_row
        stamped = np.unique(places.columns[(kinds == STAMP) & below])
        kinds[is_date & below & np.isin(places.columns, stamped)] = STAMP
    texts = content.texts
    for which, spell in ((CLOCK, clock_text), (STAMP, stamp_text), (DATE, _date_text)):
        chosen = at[kinds == which]
        if len(chosen):
            texts = texts.scatter(chosen, spell(pl.Series(content.us[chosen])))
    return texts


def _date_text(microseconds: pl.Series) -> pl.Series:
    return microseconds.cast(pl.Datetime("us")).dt.to_string("%Y-%m-%d")


# --- number formats -----------------------------------------------------------------------------

_BUILT_IN = {
    **dict.fromkeys([*range(14, 18), *range(27, 32), 36, *range(50, 59)], AS_DATE),
    **dict.fromkeys([*range(18, 22), *range(32, 36), 45, 47], AS_CLOCK),
    22: AS_STAMP,
    46: AS_SPAN,
}
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.')
_SPAN = re.compile(r"\[(?:h+|m+|s+)\]")
_BRACKET = re.compile(r"\[[^\]]*\]")


def shown_by_id(number: int) -> int:
    """What a built-in number format shows."""
    return _BUILT_IN.get(number, AS_NUMBER)


def shown_by_code(code: str) -> int:
    """What a number format such as `dd.mm.yyyy hh:mm` shows."""
    plain = _LITERAL.sub("", code.split(";")[0]).lower()
    if _SPAN.search(plain):
        return AS_SPAN
    plain = _BRACKET.sub("", plain)
    if "general" in plain or "standard" in plain:
        return AS_NUMBER
    has_time = re.search("[hs]", plain) is not None
    has_date = re.search("[yd]", plain) is not None or ("m" in plain and not has_time)
    if has_date:
        return AS_STAMP if has_time else AS_DATE
    return AS_CLOCK if has_time else AS_NUMBER
