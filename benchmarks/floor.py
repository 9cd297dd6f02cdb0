"""The floor: load the same files into DuckDB tables with the fastest reader, and do nothing else.

Run as `python -m benchmarks.floor INBOX DATABASE`. Text columns stay text: no type is parsed, no
row is judged. CSV, JSON lines and Parquet are read by DuckDB, workbooks by fastexcel.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb
import fastexcel

# One good delivery per source and day; broken extra deliveries carry a suffix after the date.
DAY = "????-??-??"
READERS: dict[str, str] = {
    "hdo_iccs_calls": "read_csv('{}.csv', delim=';', all_varchar=true, encoding='latin-1')",
    "hdo_lifex_calls": "read_json('{}.jsonl', format='newline_delimited')",
    "helse_nord_alarms": "read_csv('{}.csv', delim=';', all_varchar=true)",
    "helse_midt_alarms": "read_parquet('{}.parquet', union_by_name=true)",
    "helse_sorost_alarms": "read_csv('{}.csv.gz', all_varchar=true, union_by_name=true)",
    "hdo_video_h113": "read_json('{}.jsonl', format='newline_delimited')",
    "bliksund_video": "read_csv('{}.csv', all_varchar=true)",
    "lat_requests": "read_csv('{}.csv', delim=';', all_varchar=true)",
}
SHEETS = {"helse_vest_alarms": ("Oppdrag", 1), "lat_readiness": ("Beredskap", 0)}


def load(inbox: Path, database: Path) -> dict[str, dict[str, float]]:
    """Load every source into a table; seconds and rows per source."""
    figures: dict[str, dict[str, float]] = {}
    with duckdb.connect(str(database)) as connection:
        for source, reader in READERS.items():
            started = time.perf_counter()
            files = reader.format(inbox / source / f"{source}_{DAY}")
            connection.execute(f"create table {source} as select * from {files}")
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
