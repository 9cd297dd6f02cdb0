"""A workbook for a board: months across, units down, ready to print on A4.

One sheet per KPI and segment, and a first sheet that lists them and says how to read them. Every
figure is one of the release; nothing is added up here.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from reporting.audience import OPEN, warning
from reporting.columns import SYNTHETIC, UNPLACED
from reporting.dimensions import LEVEL_NAMES, LEVELS, QueryError, dimensions
from reporting.export import WORKBOOK_OPTIONS
from reporting.numbers import spaced
from reporting.periods import GRAINS
from reporting.query import KpiQuery, query
from reporting.reader import Release

if TYPE_CHECKING:
    import polars as pl

# A year and the same month of the year before.
MONTHS = 13
SHEETS = 60
_NAMES = ("jan.", "feb.", "mars", "april", "mai", "juni", "juli", "aug.", "sep.", "okt.", "nov.",
          "des.")  # fmt: skip
# Marks of cells, as Statistics Norway writes them, and of figures that are not whole or final.
WITHHELD, NO_DATA, PARTIAL, PROVISIONAL, NOT_OPEN = ":", "..", "*", "†", "‡"
NOTES = {
    WITHHELD: "skjult: tallet er lite, eller kunne røpe et lite tall",
    NO_DATA: "ingen data, eller ingen tilfeller; det er ikke null",
    PARTIAL: "måneden er ikke hel: den er ikke over, eller leveringer mangler",
    PROVISIONAL: "foreløpig: sene rader kan ennå komme",
    NOT_OPEN: "ikke åpent: tallet skal ikke deles videre",
}
_LONGEST_SHEET_NAME = 31
# Fewer months are no development.
_TREND_MONTHS = 4
# Rows that are still read when they are fitted to one page.
_PAGE_ROWS = 44
_INK, _GREY, _LINE = "#1F2933", "#6B7280", "#D1D5DB"


class NothingToShowError(QueryError):
    """The query holds no months with figures."""


@dataclass(frozen=True)
class Sheet:
    """One KPI and segment: its texts, and its rows by level and unit."""

    kpi_id: str
    segment: str
    title: str
    definition: str
    unit: str
    target: float | None
    target_source: str | None
    months: Sequence[date]
    rows: Sequence[Mapping[str, Any]]


def board(release: Release, wanted: KpiQuery) -> bytes:
    """The workbook of a query as bytes of an XLSX file.

    The grain is month; of the months that the query selects, the last 13 are shown. A query of
    more than 60 sheets is refused: such a workbook is not read.
    """
    import xlsxwriter

    sheets = _sheets(release, wanted)
    if not sheets:
        raise NothingToShowError(
            "Ingen måneder i spørringen. / The query holds no months. akutt kpi query --by month"
        )
    if len(sheets) > SHEETS:
        raise QueryError(
            f"{len(sheets)} ark er for mange for et styre; velg nøkkeltall (høyst {SHEETS}). / "
            f"{len(sheets)} sheets are too many for a board; choose KPIs (at most {SHEETS})."
        )
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, WORKBOOK_OPTIONS) as workbook:
        names = _sheet_names(sheets)
        _write_contents(workbook, release, sheets, names)
        for sheet, name in zip(sheets, names, strict=True):
            _write_sheet(workbook, release, sheet, name)
    return buffer.getvalue()


# --- what is shown ----------------------------------------------------------------------------


def _sheets(release: Release, wanted: KpiQuery) -> list[Sheet]:
    import polars as pl

    # No more than is shown is read: months, whatever grain was asked for.
    months = query(release, replace(wanted, grain="month", limit=None)).drop_nulls("period_start")
    if months.is_empty():
        return []
    shown = sorted(months["period_start"].unique())[-MONTHS:]
    so_far = _year_to_date(release, wanted, shown[-1])
    found = []
    for (kpi_id, segment), part in (
        months.filter(pl.col("period_start").is_in(shown))
        .partition_by("kpi_id", "segment", as_dict=True, maintain_order=True)
        .items()
    ):
        known = dimensions(release).kpis[str(kpi_id)][-1]
        several = "|" in str(known["segments"])
        rows = _rows(part, shown, so_far)
        if rows:
            found.append(
                Sheet(
                    kpi_id=str(kpi_id),
                    segment=str(segment),
                    title=str(known["name_nb"]) + (f" – {segment}" if several else ""),
                    definition=str(known["definition_nb"]),
                    unit=str(known["unit"] or ""),
                    target=known.get("target"),
                    target_source=known.get("target_source"),
                    months=shown,
                    rows=rows,
                )
            )
    return found


def _year_to_date(release: Release, wanted: KpiQuery, last: date) -> dict[Any, Mapping[str, Any]]:
    """The figures of the year to the last month shown, where the release has them."""
    if "ytd" not in GRAINS:
        return {}
    to_date = replace(
        wanted, grain="ytd", limit=None, start_from=last, start_to=last, peers=False, trends=False
    )
    return {
        (row["kpi_id"], row["segment"], row["level"], row["unit_id"]): row
        for row in query(release, to_date).iter_rows(named=True)
    }


def _rows(
    part: pl.DataFrame, months: Sequence[date], so_far: Mapping[Any, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One row per unit, from the country down; units without a single figure are left out."""
    units: dict[tuple[str, str], dict[str, Any]] = {}
    for row in part.iter_rows(named=True):
        key = (row["level"], row["unit_id"])
        unit = units.setdefault(
            key,
            {
                "level": row["level"],
                "name": row["unit_name"] or row["unit_id"],
                "is_unplaced": row["unit_id"] == UNPLACED,
                "cells": {},
            },
        )
        unit["cells"][row["period_start"]] = row
        unit["to_date"] = so_far.get((row["kpi_id"], row["segment"], *key))
    last = months[-1]
    before = date(last.year - 1, last.month, 1)
    rows = []
    for unit in units.values():
        cells = [unit["cells"].get(month) for month in months]
        told = ("ok",) if unit["is_unplaced"] else ("ok", "suppressed")
        if any(cell and cell["status"] in told for cell in cells):
            year_ago = unit["cells"].get(before)
            rows.append({**unit, "cells": cells, "last": cells[-1], "year_ago": year_ago})
    return sorted(rows, key=lambda row: (LEVELS.index(row["level"]), row["name"]))


# --- how it is written ------------------------------------------------------------------------


class _Formats:
    """Formats by what they show; a workbook holds each once."""

    def __init__(self, workbook: Any) -> None:
        self._workbook = workbook
        self._made: dict[tuple[tuple[str, Any], ...], Any] = {}

    def __call__(self, **properties: Any) -> Any:
        base = {"font_name": "Calibri", "font_size": 10, "font_color": _INK, "valign": "vcenter"}
        key = tuple(sorted({**base, **properties}.items()))
        if key not in self._made:
            self._made[key] = self._workbook.add_format(dict(key))
        return self._made[key]


def _write_contents(
    workbook: Any, release: Release, sheets: Sequence[Sheet], names: Sequence[str]
) -> None:
    form = _Formats(workbook)
    page = workbook.add_worksheet("Innhold")
    page.set_column(0, 0, 52)
    page.set_column(1, 1, 78)
    first, last = sheets[0].months[0], sheets[0].months[-1]
    page.write_string(
        0, 0, "Nøkkeltall for den akuttmedisinske kjeden", form(bold=True, font_size=16)
    )
    page.write_string(1, 0, f"{month_name(first)} til {month_name(last)}", form(font_size=12))
    at = 3
    if said := warning(release.audience):
        page.write_string(at, 0, said, form(bold=True, font_color="#B91C1C"))
        at += 1
    if release.metadata.get("is_synthetic"):
        page.write_string(at, 0, SYNTHETIC, form(bold=True, font_color="#B91C1C"))
        at += 2
    page.write_string(at, 0, "Ark", form(bold=True, bottom=1, bottom_color=_LINE))
    page.write_string(at, 1, "Hva det viser", form(bold=True, bottom=1, bottom_color=_LINE))
    for sheet, name in zip(sheets, names, strict=True):
        at += 1
        link = form(font_color="#1D4ED8", underline=1, text_wrap=True, valign="top")
        page.write_url(at, 0, f"internal:'{name}'!A1", link, string=sheet.title)
        page.write_string(at, 1, sheet.definition, form(text_wrap=True, valign="top"))
        page.set_row(at, _height(sheet.definition, 78))
    at += 2
    page.write_string(at, 0, "Slik leses tallene", form(bold=True))
    how = [
        *(
            f"{mark}  {text}"
            for mark, text in NOTES.items()
            if mark != NOT_OPEN or release.audience != OPEN
        ),
        "Tall for flere enheter eller måneder kan ikke legges sammen eller snittes; bruk raden for "
        "området eller kolonnen «hittil i år».",
        "Utvikling: søylene går fra radens laveste måned til dens høyeste, den siste er mørk.",
        "Enheter er ulike i størrelse og oppdrag. Hvem en enhet kan sammenlignes med, og om "
        "forskjellen er mer enn tilfeldig, står i nøkkeltallene med sammenligning (akutt kpi query "
        "--peers).",
        f"Kilde: Akuttkjede, utgivelse {release.label}.",
    ]
    for text in how:
        at += 1
        page.merge_range(at, 0, at, 1, text, form(text_wrap=True, valign="top"))
        page.set_row(at, _height(text, 130))
    _set_up_page(page, release)


def _write_sheet(workbook: Any, release: Release, sheet: Sheet, name: str) -> None:
    form = _Formats(workbook)
    page = workbook.add_worksheet(name)
    count = len(sheet.months)
    trend = count + 1
    # Columns after the months; those of which there is nothing to show are left out.
    extra = [
        *(["target"] if sheet.target is not None else []),
        *(["year_ago"] if any(row["year_ago"] for row in sheet.rows) else []),
        *(["to_date"] if any(row["to_date"] for row in sheet.rows) else []),
    ]
    width = trend + len(extra)
    page.set_column(0, 0, 26)
    page.set_column(1, count, 7.6)
    page.set_column(trend, trend, 14)
    page.set_column(trend + 1, max(width, trend + 1), 9)

    page.write_string(0, 0, sheet.title, form(bold=True, font_size=14))
    page.set_row(0, 22)
    page.merge_range(1, 0, 1, width, sheet.definition, form(text_wrap=True, font_color=_GREY))
    page.set_row(1, _height(sheet.definition, 34 + 8 * width))
    told = [f"Tallene er i {_unit_name(sheet.unit)}."]
    if sheet.target is not None:
        source = f" ({sheet.target_source})" if sheet.target_source else ""
        told.append(f"Mål: {_plain(sheet.target)} {sheet.unit}{source}.")
    page.merge_range(2, 0, 2, width, " ".join(told), form(text_wrap=True, font_color=_GREY))

    head = 4
    heading = form(bold=True, bottom=1, text_wrap=True, align="right", valign="bottom")
    page.write_string(head, 0, "Enhet", form(bold=True, bottom=1, valign="bottom"))
    for at, month in enumerate(sheet.months, start=1):
        page.write_string(head, at, f"{_NAMES[month.month - 1]} {month.year}", heading)
    page.write_string(head, trend, "Utvikling", form(bold=True, bottom=1, valign="bottom"))
    last = sheet.months[-1]
    titles = {
        "target": "Mål",
        "year_ago": f"{_NAMES[last.month - 1]} {last.year - 1}",
        "to_date": f"Hittil i {last.year}",
    }
    for at, name_of in enumerate(extra, start=trend + 1):
        page.write_string(head, at, titles[name_of], heading)
    page.set_row(head, 30)

    row, level = head, None
    marks: set[str] = set()
    for unit in sheet.rows:
        row += 1
        if unit["level"] != level:
            level = unit["level"]
            page.write_string(row, 0, _capital(LEVEL_NAMES[level][0]), form(bold=True, top=1))
            row += 1
        page.write_string(row, 0, unit["name"], form(indent=1))
        for at, cell in enumerate(unit["cells"], start=1):
            marks |= _write_cell(page, row, at, cell, sheet.unit, form)
        if count >= _TREND_MONTHS:
            page.add_sparkline(
            row, trend,
            # Columns: office programs other than Excel print the line as dots.
            {"range": f"'{name}'!{_place(row, 1)}:{_place(row, count)}", "type": "column",
             "last_point": True, "series_color": "#93B4E8", "last_color": "#1D4ED8",
             "empty_cells": "gaps"},
        )  # fmt: skip
        for at, name_of in enumerate(extra, start=trend + 1):
            if name_of == "target" and sheet.target is not None:
                page.write_number(row, at, sheet.target, form(num_format=_code(sheet.unit)))
            else:
                marks |= _write_cell(page, row, at, unit[name_of], sheet.unit, form)
    row += 1
    for mark, text in NOTES.items():
        if mark in marks:
            row += 1
            page.write_string(row, 0, f"{mark}  {text}", form(font_color=_GREY, font_size=9))
    row += 1
    source = f"Kilde: Akuttkjede, utgivelse {release.label}."
    source += f" {said}" if (said := warning(release.audience)) else ""
    if release.metadata.get("is_synthetic"):
        source += f" {SYNTHETIC}"
    small = form(font_color=_GREY, font_size=9, text_wrap=True, valign="top")
    page.merge_range(row, 0, row, width, source, small)
    page.set_row(row, _height(source, 34 + 8 * width))
    page.freeze_panes(head + 1, 1)
    page.repeat_rows(head)
    page.print_area(0, 0, row, width)
    _set_up_page(page, release, 1 if row < _PAGE_ROWS else 0)


def _set_up_page(page: Any, release: Release, pages: int = 0) -> None:
    """A4 across; `pages` down, 0 for as many as it takes."""
    page.set_landscape()
    page.set_paper(9)  # A4
    page.fit_to_pages(1, pages)
    page.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
    page.set_footer(f"&L&8Akuttkjede, {release.label}&C&8&A&R&8Side &P av &N")
    page.hide_gridlines(2)


def _write_cell(
    page: Any, row: int, at: int, cell: Mapping[str, Any] | None, unit: str, form: _Formats
) -> set[str]:
    """A figure, or the mark of what it is instead; returns the marks that were used."""
    if cell is None or cell["value"] is None:
        mark = WITHHELD if cell is not None and cell["status"] == "suppressed" else NO_DATA
        page.write_string(row, at, mark, form(align="right", font_color=_GREY))
        return {mark}
    marks = []
    if cell.get("is_partial"):
        marks.append(PARTIAL)
    if cell.get("maturity") == "provisional":
        marks.append(PROVISIONAL)
    if cell.get("is_small"):
        marks.append(NOT_OPEN)
    # A number stays a number: the mark is part of how it is shown.
    after = "".join(f'"{mark}"' for mark in marks)
    page.write_number(row, at, cell["value"], form(num_format=_code(unit) + after))
    return set(marks)


def _code(unit: str) -> str:
    # 414 is bokmål: a decimal comma also where the program is English.
    return "[$-414]#,##0" if unit == "n" else "[$-414]#,##0.0"


def _height(text: str, characters: int) -> float:
    """The height of a row with a text that folds after about so many characters."""
    return 15.0 * (1 + len(text) // characters)


def _unit_name(unit: str) -> str:
    return {"n": "antall", "%": "prosent", "s": "sekunder", "min": "minutter", "h": "timer"}.get(
        unit, unit
    )


def _plain(value: float) -> str:
    return spaced(value, 0 if value == int(value) else 1)


def month_name(month: date) -> str:
    """`des. 2025`."""
    return f"{_NAMES[month.month - 1]} {month.year}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _place(row: int, column: int) -> str:
    from xlsxwriter.utility import xl_rowcol_to_cell

    return str(xl_rowcol_to_cell(row, column))


def _sheet_names(sheets: Sequence[Sheet]) -> list[str]:
    """Names that a workbook takes: at most 31 characters, none twice, no brackets or slashes."""
    names: list[str] = []
    for sheet in sheets:
        segment = "" if sheet.segment == "all" else f" {sheet.segment}"
        base = "".join("-" if c in "[]:*?/\\'" else c for c in sheet.kpi_id)
        name = f"{base[: _LONGEST_SHEET_NAME - len(segment)]}{segment}"
        number = 1
        while name.casefold() in (known.casefold() for known in names):
            number += 1
            ending = f" {number}"
            name = f"{base[: _LONGEST_SHEET_NAME - len(ending)]}{ending}"
        names.append(name)
    return names
