"""Which strftime formats read the stamps of a column, seen from how they are written.

Each value is taken apart by a pattern that gives the formats it could be in; values written alike
are then read with polars, as the intake will, and the formats that read them all stay. Day and
month that can change places are told apart by the whole sample, or not at all.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import polars as pl

from ingestion.drafts.words import plain_words
from ingestion.stamps import WHITE

Kind = Literal["datetime", "date", "clock"]
Order = Literal["ymd", "dmy", "mdy"]

_MAX_DIFFERENT = 5_000
# A column is one of stamps when nearly all of its values are; the rest are the sender's errors.
_ENOUGH = 0.9
_MAX_FORMATS = 3
_NEAR_DAYS = 366
_FIRST_YEAR, _LAST_YEAR = 1980, 2079
# Years that systems write for no value.
_SENTINELS = [1, 1753, 1899, 1900, 9999]

_NUMERIC_DATE = r"(?P<a>\d{1,4})(?P<sep>[-./])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{4}|\d{2})"
_NAMED_DATE = (
    r"(?P<day>\d{1,2})(?P<nsep>[- .]?)(?P<month>[A-Za-z]{3,9})(?P=nsep)(?P<year>\d{4}|\d{2})"
)
_PACKED_DATE = r"(?P<packed>\d{8}|\d{6})"
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<fraction>[.,]\d{1,9})?)?"
    r"(?P<half> ?[AaPp][Mm])?"
)
_PACKED_CLOCK = r"(?P<pclock>\d{6}|\d{4})"
_OFFSET = r"(?P<offset>Z| ?[+-]\d\d:?\d\d)?"
_BETWEEN = r"(?P<between>T| {1,2}|, |:|[-/_])"
_DATE = rf"(?:{_NUMERIC_DATE}|{_NAMED_DATE}|{_PACKED_DATE})"
_DATE_TIME = re.compile(rf"{_DATE}{_BETWEEN}(?:{_CLOCK}|{_PACKED_CLOCK}){_OFFSET}")
_DATE_ONLY = re.compile(_DATE)
_CLOCK_ONLY = re.compile(_CLOCK)
_ALL_DIGITS = re.compile(r"(?P<digits>\d{14}|\d{12})(?P<offset>Z)?")


@dataclass(frozen=True)
class Layout:
    """One way in which a stamp can be read.

    Attributes:
        format: the strftime format, as the source file takes it.
        kind: what it gives.
        order: of day, month and year.
        family: stamps of one family in a file have day and month in one order.
    """

    format: str
    kind: Kind
    order: Order = "ymd"
    family: str = ""

    @property
    def is_utc(self) -> bool:
        """Whether the text says UTC by a letter that is no part of a format."""
        return self.format.endswith("Z")


@dataclass(frozen=True)
class Stamps:
    """How the stamps of a column can be read.

    Attributes:
        kind: what the values are.
        readings: per way of writing, the layouts that read every value written so; more than one
            where the sample does not tell day from month.
        unread: values that none of them reads.
        is_typed: the column has stamps of its own type and needs no format.
        is_utc: those stamps have a zone.
        middles: per layout in doubt, the day in the middle of what it reads.
    """

    kind: Kind
    readings: tuple[tuple[Layout, ...], ...] = ()
    unread: int = 0
    is_typed: bool = False
    is_utc: bool = False
    middles: Mapping[Layout, dt.date] = field(default_factory=dict)

    @property
    def is_unclear(self) -> bool:
        return any(len(layouts) > 1 for layouts in self.readings)

    @property
    def formats(self) -> list[str]:
        """One format per way of writing; the first of those in doubt."""
        return list(dict.fromkeys(layouts[0].format for layouts in self.readings))

    @property
    def candidates(self) -> list[str]:
        """Every format that could be."""
        return list(dict.fromkeys(lay.format for layouts in self.readings for lay in layouts))


def stamps_of(values: pl.Series, *, may_be_packed: bool = True) -> Stamps | None:
    """How to read the stamps of a column; None when it has none.

    Args:
        values: a raw column, as text or as a temporal type.
        may_be_packed: six or eight digits can be a date here; elsewhere they are an id.
    """
    if values.dtype.is_temporal():
        return _typed(values)
    if values.dtype != pl.String:
        return None
    counts = values.drop_nulls().str.strip_chars(WHITE)
    counts = counts.filter(counts != "")
    total = len(counts)
    if not total:
        return None
    table = counts.alias("text").value_counts(sort=True).head(_MAX_DIFFERENT)
    groups: dict[tuple[Layout, ...], dict[str, int]] = {}
    for text, count in table.iter_rows():
        layouts = tuple(_layouts(text, may_be_packed=may_be_packed))
        if layouts:
            groups.setdefault(layouts, {})[text] = count
    return _read(groups, sum(table["count"]))


def _read(groups: dict[tuple[Layout, ...], dict[str, int]], total: int) -> Stamps | None:
    found: list[tuple[tuple[Layout, ...], int]] = []
    middles: dict[Layout, dt.date] = {}
    for layouts, texts in groups.items():
        values, counts = pl.Series(list(texts)), pl.Series(list(texts.values()))
        # A few values of a group may be wrong (month 13): the layout that reads most is right.
        read = {layout: int(counts.filter(_reads(values, layout)).sum()) for layout in layouts}
        best = max(read.values())
        if best >= _ENOUGH * sum(texts.values()):
            kept = tuple(layout for layout in layouts if read[layout] == best)
            found.append((kept, best))
            if len(kept) > 1:
                middles |= {layout: _middle(values, layout) for layout in kept}
    if not found:
        return None
    by_kind: dict[Kind, int] = {}
    for layouts, count in found:
        by_kind[layouts[0].kind] = by_kind.get(layouts[0].kind, 0) + count
    kind = max(by_kind, key=lambda name: by_kind[name])
    mine = sorted((item for item in found if item[0][0].kind == kind), key=lambda item: -item[1])
    mine = _merged(mine)[:_MAX_FORMATS]
    covered = sum(count for _, count in mine)
    if covered < _ENOUGH * total:
        return None
    readings = tuple(layouts for layouts, _ in mine)
    return Stamps(kind, readings, total - covered, middles=middles)


def _merged(
    found: list[tuple[tuple[Layout, ...], int]],
) -> list[tuple[tuple[Layout, ...], int]]:
    """With and without a fraction of a second are one format; so are one and two digits."""
    merged: dict[tuple[str, ...], tuple[tuple[Layout, ...], int]] = {}
    for layouts, count in found:
        plain = tuple(layout.format.replace("%.f", "") for layout in layouts)
        known = next((key for key in merged if set(key) & set(plain)), None)
        if known is None:
            merged[plain] = (layouts, count)
            continue
        others, before = merged.pop(known)
        common = [lay for lay in plain if lay in known]
        by_plain = {
            lay.format.replace("%.f", ""): lay
            for lay in sorted((*layouts, *others), key=lambda lay: "%.f" in lay.format)
        }
        merged[tuple(common)] = (tuple(by_plain[key] for key in common), count + before)
    return list(merged.values())


def _reads(values: pl.Series, layout: Layout) -> pl.Series:
    """Which of the values a layout reads, with a year that can be."""
    try:
        if layout.kind == "clock":
            return values.str.to_time(layout.format, strict=False).is_not_null()
        parsed = values.str.to_datetime(layout.format, strict=False, time_unit="us")
    except pl.exceptions.PolarsError:
        return pl.repeat(False, len(values), dtype=pl.Boolean, eager=True)
    year = parsed.dt.year()
    is_year = year.is_between(_FIRST_YEAR, _LAST_YEAR) | year.is_in(_SENTINELS)
    return is_year.fill_null(False)


def _middle(values: pl.Series, layout: Layout) -> dt.date:
    days = values.str.to_datetime(layout.format, strict=False, time_unit="us").dt.date()
    there = days.drop_nulls().sort()
    middle = there[len(there) // 2]
    assert isinstance(middle, dt.date)
    return middle


def _typed(values: pl.Series) -> Stamps | None:
    if values.dtype == pl.Time:
        return Stamps("clock", is_typed=True)
    if values.dtype == pl.Duration:
        return None
    if values.dtype == pl.Date:
        return Stamps("date", is_typed=True)
    there = values.drop_nulls()
    if there.is_empty():
        return Stamps("datetime", is_typed=True)
    is_utc = isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is not None
    if (there.dt.year() < _FIRST_YEAR).mean() == 1:
        # Excel keeps a clock time as a moment of its first day.
        return Stamps("clock", is_typed=True)
    says_date = bool(set(plain_words(values.name).split()) & {"dato", "date", "dag", "day"})
    if (len(there) > 1 or says_date) and (there.dt.truncate("1d") == there).all():
        return Stamps("date", is_typed=True, is_utc=is_utc)
    return Stamps("datetime", is_typed=True, is_utc=is_utc)


# --- one value --------------------------------------------------------------------------------


def _layouts(text: str, *, may_be_packed: bool) -> list[Layout]:
    """Every layout that a text is written in; none when it is no stamp."""
    if len(text) > 40:
        return []
    if may_be_packed and (found := _ALL_DIGITS.fullmatch(text)):
        clock = "%H%M%S" if len(found["digits"]) == 14 else "%H%M"
        zulu = "Z" if found["offset"] else ""
        return [Layout(f"%Y%m%d{clock}{zulu}", "datetime")]
    if found := _CLOCK_ONLY.fullmatch(text):
        return [Layout(_clock_format(found), "clock")]
    if found := _DATE_ONLY.fullmatch(text):
        if found["packed"] and not may_be_packed:
            return []
        return [Layout(date, "date", order, family) for date, order, family in _date_formats(found)]
    if found := _DATE_TIME.fullmatch(text):
        clock = _clock_format(found) + _offset_format(found)
        between = found["between"]
        return [
            Layout(f"{date}{between}{clock}", "datetime", order, family)
            for date, order, family in _date_formats(found)
        ]
    return []


def _date_formats(found: re.Match[str]) -> Iterable[tuple[str, Order, str]]:
    if found["packed"]:
        if len(found["packed"]) == 8:
            yield "%Y%m%d", "ymd", "8"
            yield "%d%m%Y", "dmy", "8"
            yield "%m%d%Y", "mdy", "8"
        else:
            yield "%y%m%d", "ymd", "6"
            yield "%d%m%y", "dmy", "6"
            yield "%m%d%y", "mdy", "6"
        return
    if found["month"]:
        gap = found["nsep"]
        month = "%b" if len(found["month"]) == 3 else "%B"
        year = "%Y" if len(found["year"]) == 4 else "%y"
        yield f"%d{gap}{month}{gap}{year}", "dmy", "named"
        return
    mark = found["sep"]
    if len(found["a"]) == 4:
        if len(found["c"]) == 2:
            yield f"%Y{mark}%m{mark}%d", "ymd", f"4{mark}"
        return
    if len(found["a"]) == 3:
        return
    year = "%Y" if len(found["c"]) == 4 else "%y"
    family = f"{mark}{len(found['c'])}"
    yield f"%d{mark}%m{mark}{year}", "dmy", family
    yield f"%m{mark}%d{mark}{year}", "mdy", family
    if year == "%y":
        yield f"%y{mark}%m{mark}%d", "ymd", family


def _clock_format(found: re.Match[str]) -> str:
    groups = found.groupdict()
    if packed := groups.get("pclock"):
        return "%H%M%S" if len(packed) == 6 else "%H%M"
    half = groups["half"]
    hour = "%I" if half else "%H"
    seconds = ":%S" if groups["second"] else ""
    fraction = groups["fraction"] or ""
    if fraction.startswith(","):
        # Only 3, 6 and 9 digits can be named after a comma.
        seconds += f",%{len(fraction) - 1}f"
    elif fraction:
        seconds += "%.f"
    suffix = "" if not half else " %p" if half.startswith(" ") else "%p"
    return f"{hour}:%M{seconds}{suffix}"


def _offset_format(found: re.Match[str]) -> str:
    offset = found["offset"]
    if not offset:
        return ""
    if offset == "Z":
        return "Z"
    return " %z" if offset.startswith(" ") else "%z"


# --- the whole sample -------------------------------------------------------------------------


def told_apart(
    columns: Mapping[str, Stamps],
    *,
    day_first: bool | None = None,
    delivered: dt.date | None = None,
) -> dict[str, Stamps]:
    """The stamps of a file, with day and month told apart where any of its columns tells.

    Args:
        columns: the stamps per raw column.
        day_first: what a person has said, for what the sample leaves open.
        delivered: the delivery date, which tells where a year of two digits is; day and month it
            does not tell.
    """
    clear: dict[str, set[Order]] = {}
    for stamps in columns.values():
        for layouts in stamps.readings:
            if len(layouts) == 1 and layouts[0].family:
                clear.setdefault(layouts[0].family, set()).add(layouts[0].order)

    def choose(layouts: tuple[Layout, ...], stamps: Stamps) -> tuple[Layout, ...]:
        layouts = _with_year(layouts, stamps, delivered)
        if len(layouts) == 1:
            return layouts
        seen = clear.get(layouts[0].family, set())
        if len(seen) == 1:
            kept = tuple(layout for layout in layouts if layout.order in seen)
            return kept or layouts
        if layouts[0].family == "8" and any(layout.order == "ymd" for layout in layouts):
            return tuple(layout for layout in layouts if layout.order == "ymd")
        if day_first is not None:
            order: Order = "dmy" if day_first else "mdy"
            kept = tuple(layout for layout in layouts if layout.order == order)
            return kept or layouts
        return layouts

    return {
        name: replace(stamps, readings=tuple(choose(part, stamps) for part in stamps.readings))
        for name, stamps in columns.items()
    }


def _with_year(
    layouts: tuple[Layout, ...], stamps: Stamps, delivered: dt.date | None
) -> tuple[Layout, ...]:
    """The layouts whose years fit the delivery; with dots and strokes the year is last."""
    if len({layout.order == "ymd" for layout in layouts}) == 1:
        return layouts
    near = tuple(
        layout
        for layout in layouts
        if delivered is not None
        and layout in stamps.middles
        and abs((stamps.middles[layout] - delivered).days) <= _NEAR_DAYS
    )
    if near:
        return near
    if layouts[0].family.startswith((".", "/")):
        return tuple(layout for layout in layouts if layout.order != "ymd")
    return layouts


def epoch_unit(values: pl.Series) -> Literal["s", "ms", "us"] | None:
    """The unit of numbers that are moments of 1980 to 2079; None when they are not."""
    if values.dtype.is_temporal():
        return None
    texts = values.alias("values").cast(pl.String).drop_nulls()
    texts = texts.filter(texts != "")
    if texts.is_empty() or not texts.str.contains(r"^\d{9,16}$").all():
        return None
    numbers = texts.cast(pl.Int64)
    units: tuple[tuple[Literal["s", "ms", "us"], int], ...] = (
        ("s", 1),
        ("ms", 1_000),
        ("us", 1_000_000),
    )
    for unit, factor in units:
        if numbers.is_between(315_532_800 * factor, 3_471_292_800 * factor).all():
            return unit
    return None
