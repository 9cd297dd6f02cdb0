"""A query's result as table, CSV, JSON, XLSX or Parquet.

Each format says which release it is from and carries definitions, versions, breaks and the meaning
of statuses: in a sheet, in the file's own metadata, or in a file beside it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reporting.audience import OPEN, keep_private, labelled, warning
from reporting.columns import (
    PARTIAL,
    PROVISIONAL,
    SYNTHETIC,
    UNPLACED,
    explaining_heading,
    heading,
)
from reporting.dimensions import LEVEL_NAMES
from reporting.numbers import spaced
from reporting.periods import label

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("table", "csv", "json", "xlsx", "parquet")
BINARY_FORMATS = ("xlsx", "parquet")
# Rows that an Excel sheet can hold below its heading.
SHEET_ROWS = 1_048_575

_TABLE_HEADERS = {
    "kpi_id": "KPI",
    "version": "versjon",
    "segment": "segment",
    "period": "periode",
    "parents": "hører til",
    "level": "nivå",
    "unit_name": "enhet",
    "value": "verdi",
    "measure_unit": "",
    "interval": "95 %",
    "of": "grunnlag",
    "extent": "merk",
    "coverage": "dekning",
    "grade": "kvalitet",
    "target": "mål",
    "peer_median": "like: median",
    "peer_quartiles": "like: kvartiler",
    "national": "landet",
    "verdict": "vurdering",
    "trend": "utvikling",
    "break": "brudd",
    "status": "",
}
_RIGHT = {
    "value",
    "interval",
    "of",
    "coverage",
    "target",
    "peer_median",
    "peer_quartiles",
    "national",
}
_ALWAYS = {"value", "unit_name"}
# Said above the table where it is the same in every row.
_SAID_ONCE = {
    "kpi_id": "{}",
    "segment": "segment {}",
    "period": "{}",
    "target": "mål {}",
}
# As Statistics Norway writes it: ":" is withheld, ".." is not available.
_WITHHELD, _NO_DATA, _NO_SOURCE = ":", "..", "ingen kilde"
_HIDDEN = {
    "suppressed": _WITHHELD,
    "no_data": _NO_DATA,
    "no_denominator": _NO_DATA,
    "no_source": _NO_SOURCE,
}
_NOT_OPEN = "‡"
_NOT_OPEN_NOTE = "‡ ikke åpent / not open"
_UNKNOWN_NOTE = "Ukjent: hendelser som ikke lot seg plassere / events that could not be placed"
_STATUS_NOTES = {
    "suppressed": ": skjult (små tall, eller kunne røpe dem)",
    "no_data": ".. ingen data",
}
_SHOWN_BREAKS = 10

_NUMBER_FORMATS = {
    "coverage": "0.0%",
    "n": "#,##0",
    "numerator": "#,##0.##########",
    "denominator": "#,##0.##########",
}
_WIDEST = 48
# What people read first in a sheet; the first of them stay in sight.
_IN_SIGHT = ("kpi_name", "segment", "period_start", "unit_name")
_READ_FIRST = (
    *_IN_SIGHT,
    *("value", "measure_unit", "lower", "upper", "target"),
    *("peer_median", "peer_q1", "peer_q3", "region_value", "national_value"),
    *("verdict_nb", "trend_nb", "status", "is_partial", "days_covered", "days_in_period"),
    *("maturity", "coverage", "grade", "numerator", "denominator", "n"),
)


def render(frame: pl.DataFrame, fmt: str, about: Mapping[str, Any]) -> bytes:
    """The whole export as bytes. `about` is what `reporting.describe` says of the frame."""
    if fmt in ("csv", "xlsx"):
        frame = _flat(frame)
    match fmt:
        case "table":
            return table(frame, about).encode()
        case "csv":
            return frame.write_csv().encode()
        case "json":
            return _json(frame, about).encode()
        case "xlsx":
            return _xlsx(frame, about)
        case "parquet":
            return _parquet(frame, about)
        case _:
            raise ValueError(f"{fmt!r}: {', '.join(FORMATS)}")


def write(frame: pl.DataFrame, fmt: str, about: Mapping[str, Any], output: Path) -> list[Path]:
    """Write the export, and for CSV the description beside it; returns the files."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(render(frame, fmt, about))
    files = [output]
    if fmt == "csv":
        files.append(output.with_suffix(".metadata.json"))
        files[-1].write_text(dumped(about), encoding="utf-8")
    keep_private(files, _audience(about))
    return files


def dumped(document: Mapping[str, Any]) -> str:
    """A description as JSON text."""
    return json.dumps(document, ensure_ascii=False, indent=1, default=str) + "\n"


def table(frame: pl.DataFrame, about: Mapping[str, Any]) -> str:
    """A plain text table for a terminal, numbers as they are written in Norwegian."""
    versions = frame["kpi_version"].n_unique() > 1 if "kpi_version" in frame.columns else False
    levels = frame["level"].drop_nulls().n_unique() > 1
    rows = [_table_row(row, versions, levels) for row in frame.iter_rows(named=True)]
    used = [c for c in _TABLE_HEADERS if c in _ALWAYS or any(row[c] for row in rows)]
    once = [c for c in used if c in _SAID_ONCE and len({row[c] for row in rows}) == 1]
    headers = {column: _TABLE_HEADERS[column] for column in used if column not in once}
    caption = ", ".join(_SAID_ONCE[column].format(rows[0][column]) for column in once)
    lines = [*([caption, ""] if caption else []), *text_table(headers, rows, _RIGHT)]
    statuses = set(frame["status"].unique()) if frame.height else set()
    notes = [note for status, note in _STATUS_NOTES.items() if status in statuses]
    notes += [_NOT_OPEN_NOTE] if any(row["status"] == _NOT_OPEN for row in rows) else []
    lines.append("")
    lines += [SYNTHETIC, ""] if about.get("is_synthetic") else []
    lines += [said, ""] if (said := warning(_audience(about))) else []
    lines += _notes(frame)
    lines.append(
        f"{spaced(frame.height)} rader. "
        + ". ".join([*notes, f"Utgivelse {labelled(_id(about), _audience(about))}"])
    )
    return "\n".join(lines) + "\n"


def plain_table(frame: pl.DataFrame) -> str:
    """Any frame as a text table; nothing is cut or folded."""
    rows = [
        {name: "" if cell is None else str(cell) for name, cell in row.items()}
        for row in frame.iter_rows(named=True)
    ]
    numeric = [name for name, dtype in frame.schema.items() if dtype.is_numeric()]
    return "\n".join(text_table({name: name for name in frame.columns}, rows, numeric)) + "\n"


def text_table(
    headers: Mapping[str, str], rows: Sequence[Mapping[str, str]], right: Collection[str] = ()
) -> list[str]:
    """Lines of a table that is never cut or folded, so that what it shows can be copied."""
    widths = {
        column: max([len(header), *(len(row[column]) for row in rows)])
        for column, header in headers.items()
    }

    def line(cells: Mapping[str, str]) -> str:
        parts = (
            cells[column].rjust(width) if column in right else cells[column].ljust(width)
            for column, width in widths.items()
        )
        return "  ".join(parts).rstrip()

    ruler = {column: "-" * width for column, width in widths.items()}
    return [line(headers), line(ruler), *(line(row) for row in rows)]


def _table_row(row: Mapping[str, Any], with_version: bool, with_level: bool) -> dict[str, str]:
    status = row["status"]
    hidden = _HIDDEN.get(status)
    of = ""
    if hidden is None:
        if row["numerator"] is not None and row["denominator"] is not None:
            of = f"{number(row['numerator'], 0)} av {number(row['denominator'], 0)}"
        elif row["n"] is not None:
            of = f"n = {number(row['n'], 0)}"
    is_count = row["measure_unit"] in ("n", "antall")
    decimals = 0 if is_count else 1
    start = row["period_start"]
    assert start is None or isinstance(start, date)

    def optional(name: str) -> str:
        found = row.get(name)
        return "" if found is None else number(found, decimals)

    def pair(low: str, high: str) -> str:
        return f"{optional(low)}–{optional(high)}" if optional(low) and optional(high) else ""

    coverage = row["coverage"]
    return {
        "kpi_id": row["kpi_id"],
        "version": str(row["kpi_version"]) if with_version else "",
        "segment": "" if row["segment"] in (None, "all") else row["segment"],
        "period": "" if start is None else label(row["period_grain"], start),
        "parents": ", ".join(
            row[name] for name in row if name.endswith("_name") and name in _PARENTS and row[name]
        ),
        "level": LEVEL_NAMES[row["level"]][0] if with_level and row["level"] else "",
        "unit_name": row["unit_name"] or row["unit_id"] or "",
        "value": hidden or number(row["value"], decimals),
        "measure_unit": "" if is_count or hidden else (row["measure_unit"] or ""),
        "interval": pair("lower", "upper"),
        "of": of,
        "extent": extent(row),
        "coverage": "" if coverage is None else f"{number(100 * coverage, 1)} %",
        "grade": row.get("grade") or "",
        "target": "" if row.get("target") is None else f"{row['target']:g}".replace(".", ","),
        "peer_median": optional("peer_median"),
        "peer_quartiles": pair("peer_q1", "peer_q3"),
        "national": optional("national_value"),
        "verdict": row.get("verdict_nb") or "",
        "trend": row.get("trend_nb") or "",
        "break": (row.get("break_kind") or "") if row.get("is_break") else "",
        "status": _NOT_OPEN if row.get("is_small") else "" if status == "ok" or hidden else status,
    }


def extent(row: Mapping[str, Any]) -> str:
    """What a figure lacks of its period: `5 av 7 dager`, `foreløpig`; nothing where it is whole."""
    found = []
    if row.get("is_partial"):
        found.append(f"{row['days_covered']} av {row['days_in_period']} dager")
    if row.get("maturity") == "provisional":
        found.append("foreløpig")
    return ", ".join(found)


_PARENTS = ("region_name", "health_trust_name", "county_name")


def _notes(frame: pl.DataFrame) -> list[str]:
    """Lines below the table: what lacks a source, and breaks in the series that are shown."""
    lines = []
    if (frame["unit_id"] == UNPLACED).any():
        lines.append(_UNKNOWN_NOTE)
    if "is_partial" in frame.columns and frame["is_partial"].any():
        lines += [f"n av N dager: {PARTIAL[0]}", f"n of N days: {PARTIAL[1]}"]
    if "maturity" in frame.columns and (frame["maturity"] == "provisional").any():
        lines += [f"foreløpig: {PROVISIONAL[0]}", f"provisional: {PROVISIONAL[1]}"]
    if "status_reason" in frame.columns:
        missing = frame.drop_nulls("status_reason").select("kpi_id", "status_reason").unique()
        lines += [f"{kpi}: ingen kilde / no source: {why}" for kpi, why in missing.iter_rows()]
    if "break_date" in frame.columns:
        breaks = (
            frame.drop_nulls("break_date")
            .select("break_date", "unit_name", "break_nb")
            .unique()
            .sort("break_date", "unit_name")
        )
        lines += [
            f"Brudd {day:%d.%m.%Y} {unit}: {text}"
            for day, unit, text in breaks.head(_SHOWN_BREAKS).iter_rows()
        ]
        if breaks.height > _SHOWN_BREAKS:
            lines.append(f"… {breaks.height - _SHOWN_BREAKS} brudd til / more breaks")
    return [*lines, ""] if lines else []


def number(value: float | None, decimals: int) -> str:
    """A number as it is written in Norwegian."""
    return _NO_DATA if value is None else spaced(value, decimals)


def _json(frame: pl.DataFrame, about: Mapping[str, Any]) -> str:
    # The rows are written by polars: Python's own writer takes seconds for as many as are allowed.
    head = dumped(dict(about) or {"release_id": None}).rstrip().removesuffix("}").rstrip()
    return f'{head},\n "rows": {frame.write_json()}\n}}\n'


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists and structures as JSON text, for formats that have cells only."""
    import polars as pl

    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    return frame.with_columns(
        pl.Series(
            name,
            [
                None if cell is None else json.dumps(cell, ensure_ascii=False, default=str)
                for cell in frame[name].to_list()
            ],
            dtype=pl.String,
        )
        for name in nested
    )


def _xlsx(frame: pl.DataFrame, about: Mapping[str, Any]) -> bytes:
    import xlsxwriter

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, WORKBOOK_OPTIONS) as workbook:
        if "kpi_id" in frame.columns:
            first = [name for name in _READ_FIRST if name in frame.columns]
            frame = frame.select(*first, *(c for c in frame.columns if c not in first))
            stay = sum(name in frame.columns for name in _IN_SIGHT)
            write_sheet(workbook, "KPI", frame, stay=stay)
        else:
            write_sheet(workbook, "Data", frame)
        write_about(workbook, about)
    return buffer.getvalue()


# Text is text: a name that begins with "=" must not become a formula.
WORKBOOK_OPTIONS = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "in_memory": True,
    "nan_inf_to_errors": True,
    "default_date_format": "yyyy-mm-dd",
}


def write_sheet(workbook: Any, name: str, frame: pl.DataFrame, *, stay: int = 0) -> None:
    """A frame as a sheet: frozen heading, filter, dates as dates, numbers as numbers.

    `stay`: so many columns stay in sight when the sheet is moved sideways.
    """
    import polars as pl

    if frame.height > SHEET_ROWS:
        raise ValueError(
            f"{spaced(frame.height)} rader får ikke plass i et ark / do not fit in a sheet"
        )
    sheet = workbook.add_worksheet(name)
    bold = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    formats: dict[str, Any] = {}
    writers: list[tuple[Callable[..., Any], Any]] = []
    for index, (column, dtype) in enumerate(frame.schema.items()):
        title = heading(column)
        sheet.write_string(0, index, title, bold)
        shown = frame[column].head(200).cast(pl.String, strict=False).str.len_chars().max()
        widest = max(len(title) // 2 + 2, shown if isinstance(shown, int) else 0, 8)
        sheet.set_column(index, index, min(widest + 2, _WIDEST))
        if dtype.is_numeric():
            default = "#,##0.0##" if dtype.is_float() else "0"
            code = _NUMBER_FORMATS.get(column, default)
            formats.setdefault(code, workbook.add_format({"num_format": code}))
            writers.append((sheet.write_number, formats[code]))
        elif dtype in (pl.Date, pl.Datetime):
            formats.setdefault("date", workbook.add_format({"num_format": "yyyy-mm-dd"}))
            writers.append((sheet.write_datetime, formats["date"]))
        elif dtype == pl.Boolean:
            writers.append((sheet.write_boolean, None))
        else:
            writers.append((_write_text(sheet), None))
    for at, row in enumerate(frame.iter_rows(), start=1):
        for index, cell in enumerate(row):
            if cell is not None:
                writer, form = writers[index]
                writer(at, index, cell, form)
    sheet.freeze_panes(1, stay)
    if frame.width:
        sheet.autofilter(0, 0, max(frame.height, 1), frame.width - 1)


def _write_text(sheet: Any) -> Callable[..., Any]:
    def write_text(row: int, column: int, cell: object, form: Any) -> None:
        sheet.write_string(row, column, str(cell), form)

    return write_text


def write_about(workbook: Any, about: Mapping[str, Any]) -> None:
    """The sheets that explain the rows: the release, definitions, breaks, columns."""
    bold = workbook.add_format({"bold": True})
    wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
    sheet = workbook.add_worksheet("Om")
    sheet.set_column(0, 0, 32)
    sheet.set_column(1, 1, 100)
    facts: list[tuple[str, object]] = []
    if about.get("is_synthetic"):
        facts.append(("Merk / note", SYNTHETIC))
    facts += [
        ("Utgivelse / release", about.get("release_id")),
        ("For hvem / audience", _audience(about)),
        *([("Merk / note", said)] if (said := warning(_audience(about))) else []),
        ("Laget / created", about.get("created_at")),
        ("Innhold / content hash", about.get("content_hash")),
        ("Periode / period", f"{about.get('period_start')} – {about.get('period_end')}"),
        ("Spørring / query", about.get("query")),
        ("Rader / rows", about.get("row_count")),
    ]
    if not about.get("is_complete", True):
        facts.append(("Kuttet / cut", f"{about.get('row_count_in_all')} rader i alt / rows in all"))
    facts += [
        (
            f"status {item['status']}",
            f"{item['nb']} / {item['en']} ({item['rows']} rader / rows)",
        )
        for item in about.get("statuses", [])
    ]
    facts += [
        (item["heading"], f"{item['nb']} / {item['en']} ({item['rows']} rader / rows)")
        for item in about.get("periods", [])
    ]
    facts += [
        ("Skjult / hidden", f"{item['nb']} / {item['en']}") for item in about.get("hidden", [])
    ]
    if "kpis" in about and not about.get("breaks"):
        facts.append(("Brudd / breaks", "Ingen i disse seriene / none in these series"))
    for index, (key, value) in enumerate(facts):
        sheet.write_string(index, 0, key, bold)
        sheet.write_string(index, 1, "" if value is None else str(value), wrapped)
    _write_rows(workbook, "Definisjoner", about.get("kpis", []), bold, wrapped)
    _write_rows(workbook, "Brudd", about.get("breaks", []), bold, wrapped)
    _write_rows(workbook, "Kolonner", about.get("columns", []), bold, wrapped)


def _write_rows(
    workbook: Any, name: str, rows: Sequence[Mapping[str, Any]], bold: Any, wrapped: Any
) -> None:
    """A sheet of dictionaries; no sheet when there are none."""
    if not rows:
        return
    sheet = workbook.add_worksheet(name)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    sheet.set_column(0, len(columns) - 1, 24)
    for index, column in enumerate(columns):
        sheet.write_string(0, index, explaining_heading(column), bold)
        for at, row in enumerate(rows, start=1):
            cell = row.get(column)
            if isinstance(cell, (int, float)) and not isinstance(cell, bool):
                sheet.write_number(at, index, cell, wrapped)
            elif cell is not None:
                sheet.write_string(at, index, str(cell), wrapped)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, len(rows), len(columns) - 1)


def _parquet(frame: pl.DataFrame, about: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(
        buffer,
        metadata={
            "release_id": _id(about),
            "audience": _audience(about),
            "content_hash": str(about.get("content_hash")),
            "about": dumped(about),
        },
    )
    return buffer.getvalue()


def _audience(about: Mapping[str, Any]) -> str:
    return str(about.get("audience") or OPEN)


def _id(about: Mapping[str, Any]) -> str:
    return str(about["release_id"])
