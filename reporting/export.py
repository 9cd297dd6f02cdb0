"""A query's result as table, CSV, JSON, XLSX or Parquet. The release id is in each of them."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reporting.periods import label

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("table", "csv", "json", "xlsx", "parquet")
BINARY_FORMATS = ("xlsx", "parquet")

_TABLE_HEADERS = {
    "kpi_id": "KPI",
    "segment": "segment",
    "period": "periode",
    "unit_name": "enhet",
    "value": "verdi",
    "measure_unit": "",
    "of": "grunnlag",
    "coverage": "dekning",
    "status": "",
}
_RIGHT = {"value", "of", "coverage"}
# As Statistics Norway writes it: ":" is withheld, ".." is not available.
_WITHHELD, _NO_DATA = ":", ".."
_STATUS_NOTES = {"suppressed": ": skjult (små tall)", "no_data": ".. ingen data"}


def render(frame: pl.DataFrame, fmt: str, metadata: Mapping[str, Any]) -> bytes:
    """The whole export as bytes."""
    match fmt:
        case "table":
            return table(frame, metadata).encode()
        case "csv":
            return frame.write_csv().encode()
        case "json":
            return _json(frame, metadata).encode()
        case "xlsx":
            return _xlsx(frame, metadata)
        case "parquet":
            return _parquet(frame, metadata)
        case _:
            raise ValueError(f"{fmt!r}: {', '.join(FORMATS)}")


def write(frame: pl.DataFrame, fmt: str, metadata: Mapping[str, Any], output: Path) -> None:
    """Write the export to a file."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(render(frame, fmt, metadata))


def table(frame: pl.DataFrame, metadata: Mapping[str, Any]) -> str:
    """A plain text table for a terminal, numbers as they are written in Norwegian."""
    rows = [_table_row(row) for row in frame.iter_rows(named=True)]
    used = [
        column
        for column in _TABLE_HEADERS
        if column in ("value", "unit_name") or any(row[column] for row in rows)
    ]
    lines = text_table({column: _TABLE_HEADERS[column] for column in used}, rows, _RIGHT)
    statuses = set(frame["status"].unique()) if frame.height else set()
    notes = [note for status, note in _STATUS_NOTES.items() if status in statuses]
    lines.append("")
    lines.append(f"{frame.height} rader. " + ". ".join([*notes, f"Utgivelse {_id(metadata)}"]))
    return "\n".join(lines) + "\n"


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


def _table_row(row: Mapping[str, Any]) -> dict[str, str]:
    status = row["status"]
    hidden = {"suppressed": _WITHHELD, "no_data": _NO_DATA, "no_denominator": _NO_DATA}.get(status)
    of = ""
    if hidden is None:
        if row["numerator"] is not None and row["denominator"] is not None:
            of = f"{_number(row['numerator'], 0)} av {_number(row['denominator'], 0)}"
        elif row["n"] is not None:
            of = f"n = {_number(row['n'], 0)}"
    is_count = row["measure_unit"] in ("n", "antall")
    start = row["period_start"]
    assert isinstance(start, date)
    coverage = row["coverage"]
    return {
        "kpi_id": row["kpi_id"],
        "segment": "" if row["segment"] == "all" else row["segment"],
        "period": label(row["period_grain"], start),
        "unit_name": row["unit_name"] or row["unit_id"],
        "value": hidden or _number(row["value"], 0 if is_count else 1),
        "measure_unit": "" if is_count or hidden else (row["measure_unit"] or ""),
        "of": of,
        "coverage": "" if coverage is None else f"{_number(100 * coverage, 1)} %",
        "status": "" if status in ("ok", "suppressed", "no_data") else status,
    }


def _number(value: float | None, decimals: int) -> str:
    if value is None:
        return _NO_DATA
    return f"{value:,.{decimals}f}".replace(",", " ").replace(".", ",")


def _json(frame: pl.DataFrame, metadata: Mapping[str, Any]) -> str:
    return json.dumps(
        {
            "release_id": _id(metadata),
            "created_at": metadata.get("created_at"),
            "rows": frame.to_dicts(),
        },
        ensure_ascii=False,
        indent=1,
        default=str,
    )


def _xlsx(frame: pl.DataFrame, metadata: Mapping[str, Any]) -> bytes:
    import xlsxwriter

    buffer = io.BytesIO()
    # Text is text: a name that begins with "=" must not become a formula.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(buffer, options) as workbook:
        frame.write_excel(workbook, worksheet="KPI", autofit=True, freeze_panes=(1, 0))
        about = workbook.add_worksheet("Om")
        about.set_column(0, 0, 24)
        about.set_column(1, 1, 80)
        facts = {
            "Utgivelse / release": _id(metadata),
            "Laget / created": metadata.get("created_at"),
            "Innhold / content hash": metadata.get("content_hash"),
            "Periode / period": f"{metadata.get('period_start')} – {metadata.get('period_end')}",
            "suppressed": "Skjult: tallet er for lite til å vises / hidden: too small to show",
            "no_data": "Ingen data for perioden / no data for the period",
        }
        for index, (key, value) in enumerate(facts.items()):
            about.write_string(index, 0, key)
            about.write_string(index, 1, str(value))
    return buffer.getvalue()


def _parquet(frame: pl.DataFrame, metadata: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(
        buffer,
        metadata={"release_id": _id(metadata), "content_hash": str(metadata["content_hash"])},
    )
    return buffer.getvalue()


def _id(metadata: Mapping[str, Any]) -> str:
    return str(metadata["release_id"])
