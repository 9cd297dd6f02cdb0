"""The floor: load the same files into DuckDB tables with the fastest reader, and do nothing else.

Run as `python -m benchmarks.floor INBOX DATABASE`. Text columns stay text: no type is parsed, no
row is judged. CSV, JSON lines and Parquet are read by DuckDB, workbooks by fastexcel.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import time
from pathlib import Path

import duckdb
import fastexcel

# One good delivery per source and day; broken extra deliveries carry a suffix after the date.
DAY = "????-??-??"
# DuckDB is told the columns, because looking for them in every file costs more than reading it.
CSV: dict[str, tuple[str, str, str]] = {
    "hdo_iccs_calls": ("csv", ";", "latin-1"),
    "helse_nord_alarms": ("csv", ";", "utf-8"),
    "helse_sorost_alarms": ("csv.gz", ",", "utf-8"),
    "bliksund_video": ("csv", ",", "utf-8"),
    "lat_requests": ("csv", ";", "utf-8"),
}
JSON_LINES = ("hdo_lifex_calls", "hdo_video_h113")
PARQUET = ("helse_midt_alarms",)
SHEETS = {"helse_vest_alarms": ("Oppdrag", 1), "lat_readiness": ("Beredskap", 0)}


def readers(inbox: Path) -> dict[str, str]:
    """The DuckDB table function call that reads each source fastest."""
    calls = {}
    for source, (ending, delimiter, encoding) in CSV.items():
        files = f"{inbox}/{source}/{source}_{DAY}.{ending}"
        columns = dict.fromkeys(_header(files, delimiter, encoding), "VARCHAR")
        calls[source] = (
            f"read_csv('{files}', delim='{delimiter}', encoding='{encoding}', header=true, "
            f"auto_detect=false, columns={columns})"
        )
    for source in JSON_LINES:
        files = f"{inbox}/{source}/{source}_{DAY}.jsonl"
        with duckdb.connect() as connection:
            first = sorted((inbox / source).glob(f"{source}_{DAY}.jsonl"))[-1]
            found = connection.execute(
                f"describe select * from read_json('{first}', format='newline_delimited')"
            ).fetchall()
        columns = {name: _as_text(kind) for name, kind, *_ in found}
        calls[source] = f"read_json('{files}', format='newline_delimited', columns={columns})"
    for source in PARQUET:
        calls[source] = f"read_parquet('{inbox}/{source}/{source}_{DAY}.parquet')"
    return calls


def _header(files: str, delimiter: str, encoding: str) -> list[str]:
    first = sorted(Path(files).parent.glob(Path(files).name))[0]
    data = first.read_bytes()
    text = (gzip.decompress(data) if first.suffix == ".gz" else data).decode(encoding)
    return text.removeprefix("\ufeff").splitlines()[0].split(delimiter)


def _as_text(kind: str) -> str:
    """A JSON type with every scalar read as text."""
    scalars = r"\b(TIMESTAMP( WITH TIME ZONE)?|DATE|TIME|BIGINT|DOUBLE|BOOLEAN|JSON|UUID)\b(?! \w)"
    return re.sub(scalars, "VARCHAR", kind)


def load(inbox: Path, database: Path) -> dict[str, dict[str, float]]:
    """Load every source into a table; seconds and rows per source."""
    figures: dict[str, dict[str, float]] = {}
    with duckdb.connect(str(database)) as connection:
        for source, reader in readers(inbox).items():
            started = time.perf_counter()
            connection.execute(f"create table {source} as select * from {reader}")
            figures[source] = _figures(connection, source, started)
        for source, (sheet, header) in SHEETS.items():
            started = time.perf_counter()
            for path in sorted((inbox / source).glob(f"{source}_{DAY}.xlsx")):
                book = fastexcel.read_excel(path)
                rows = book.load_sheet(sheet, header_row=header, dtypes="string").to_arrow()  # noqa: F841
                connection.execute(
                    f"create table if not exists {source} as select * from rows limit 0"
                )
                connection.execute(f"insert into {source} by name select * from rows")
            figures[source] = _figures(connection, source, started)
    return figures


def _figures(
    connection: duckdb.DuckDBPyConnection, source: str, started: float
) -> dict[str, float]:
    row = connection.execute(f"select count(*) from {source}").fetchone()
    return {"seconds": time.perf_counter() - started, "rows": row[0] if row else 0}


if __name__ == "__main__":
    print(json.dumps(load(Path(sys.argv[1]), Path(sys.argv[2]))))
