"""How long a KPI query takes on ten years of national KPIs, in a warm process and with its start.

The release is fabricated: the series (KPI, segment, level, unit, grain) of a real, small release,
each given a value for every period of ten years, with the real tables, columns and row order.

    python -m benchmarks.kpi_queries data/releases/RELEASE --folder /tmp/decade
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

FIRST, BEYOND = "2016-01-01", "2026-01-01"
STORAGE_VERSION = "v1.2.0"
ORDER = "period_grain, kpi_id, level, period_start, unit_id, segment, kpi_version"
WARM_LIMIT_MS, COLD_LIMIT_SECONDS = 50.0, 1.5
REPEATS = 7

# Two digits of a number that differs from row to row and is the same every time.
_NUMBERS = """
    case when h % 5 = 0 then null else 50.0 + h % 50 end as numerator,
    case when h % 5 = 0 then null else 100.0 + h % 77 end as denominator,
    case when h % 5 = 0 then null else cast(100 + h % 77 as bigint) end as n,
    case when h % 5 = 0 then null else 100.0 * (50 + h % 50) / (100 + h % 77) end as value,
    case when h % 5 = 0 then null else 99.0 * (50 + h % 50) / (100 + h % 77) end as lower,
    case when h % 5 = 0 then null else 101.0 * (50 + h % 50) / (100 + h % 77) end as upper,
    case when h % 5 = 0 then null else (h % 100) / 100.0 end as coverage,
    case when h % 5 = 0 then null else 'A' end as grade,
    case when h % 5 = 0 then 'suppressed' else 'ok' end as status
"""

_PERIODS = " union all ".join(
    f"select '{grain}' as period_grain, cast(d as date) as period_start"
    f" from range(date_trunc('{grain}', date '{FIRST}'), date '{BEYOND}', interval {step}) as t(d)"
    for grain, step in (
        ("day", "1 day"),
        ("week", "7 day"),
        ("month", "1 month"),
        ("quarter", "3 month"),
        ("year", "1 year"),
    )
)

QUERIES: dict[str, list[str]] = {
    "one KPI, 16 centrals, one month, peers": [
        "c113_within_10s", "--level", "central", "--period", "2025-09", "--peers",
    ],
    "one KPI, centrals, ten years of months": [
        "c113_within_10s", "--level", "central", "--from", "2016-01", "--to", "2025-12",
    ],
    "one KPI, centrals, ten years of days": [
        "c113_within_10s", "--level", "central", "--grain", "day", "--format", "csv",
    ],
    "one KPI, municipalities, 12 months, peers": [
        "resp_median", "--level", "municipality", "--by", "month", "--period", "2025", "--peers",
    ],
    "all KPIs, one unit, one month": ["--unit", "amk_oslo", "--period", "2025-09"],
    "all KPIs, one unit, one day": ["--unit", "amk_oslo", "--period", "2025-09-15"],
    "all KPIs, all units, one month": ["--period", "2025-09", "--format", "csv"],
    "all KPIs, all units, one day": ["--period", "2025-09-15", "--format", "csv"],
    "everything (cut at the limit)": ["--grain", "all", "--format", "csv"],
    "everything, as a table": [],
    "everything, with peers": ["--peers", "--format", "csv"],
    "everything, with peers and trends": ["--peers", "--trends", "--format", "csv"],
}  # fmt: skip


def fabricate(template: Path, releases: Path) -> int:
    """Write a release of ten years into the folder; returns its number of values."""
    target = releases / "decade"
    target.mkdir(parents=True)
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{template / 'akutt.duckdb'}' as small (read_only)")
        connection.execute(
            f"attach '{target / 'akutt.duckdb'}' as big (storage_version '{STORAGE_VERSION}')"
        )
        tables = {
            name
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where database_name = 'small'"
            ).fetchall()
        }
        _values(connection)
        for name in ("kpi_comparisons", "kpi_trends"):
            if name in tables:
                _about_values(connection, name)
        for name in sorted(tables - {"kpi_values", "kpi_comparisons", "kpi_trends"}):
            connection.execute(f'create table big."{name}" as from small."{name}"')
        connection.execute("checkpoint big")
        rows = connection.execute("select count(*) from big.kpi_values").fetchall()[0][0]
    metadata = json.loads((template / "metadata.json").read_text("utf-8"))
    (target / "metadata.json").write_text(json.dumps(metadata | {"release_id": "decade"}), "utf-8")
    (releases / "current").write_text("decade\n", "utf-8")
    return int(rows)


def _values(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table big.kpi_values as from small.kpi_values limit 0")
    connection.execute(
        f"""
        insert into big.kpi_values by name
        select * exclude (h) from (
            select kpi_id, kpi_version, segment, period_grain, period_start, level, unit_id,
                geography_version, h, {_NUMBERS}
            from (
                select *, hash(kpi_id, segment, level, unit_id, period_start) as h
                from (
                    select distinct kpi_id, kpi_version, segment, level, unit_id,
                        geography_version, period_grain
                    from small.kpi_values
                ) as series
                inner join ({_PERIODS}) as periods using (period_grain)
                where not (level = 'municipality' and period_grain in ('day', 'week'))
            )
        )
        order by {ORDER}
        """
    )


def _about_values(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Comparisons or trends of every value of the grains that the table has."""
    key = "kpi_id, kpi_version, segment, period_grain, period_start, level, unit_id"
    columns = [
        (name, kind)
        for name, kind in connection.execute(
            "select column_name, data_type from duckdb_columns()"
            f" where database_name = 'small' and table_name = '{table}'"
        ).fetchall()
        if name not in key.split(", ")
    ]
    made = {
        "DOUBLE": "value",
        "BIGINT": "n",
        "INTEGER": "n",
        "BOOLEAN": "n > 120",
        "DATE": "period_start",
    }
    filled = ", ".join(
        f"cast({made.get(kind, chr(39) + 'som ventet' + chr(39))} as {kind}) as {name}"
        for name, kind in columns
    )
    connection.execute(
        f"""
        create table big.{table} as
        select {key}, {filled} from big.kpi_values
        where period_grain in (select distinct period_grain from small.{table})
        order by {ORDER}
        """
    )


def cold(arguments: list[str], home: Path) -> float:
    """Seconds of `akutt kpi query` with process start."""
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "orchestration.cli.main", "kpi", "query", *arguments],
        env={**os.environ, "AKUTT_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - begun


def warm(arguments: list[str]) -> tuple[float, float, int]:
    """Milliseconds and processor milliseconds of `metrics.query`, and its number of rows."""
    from reporting import metrics
    from reporting.query import query

    wanted = metrics.kpi_query(**_keywords(arguments), limit=100_000, is_cut_allowed=True)
    begun, used = time.perf_counter(), time.process_time()
    frame = query(metrics.open_release(), wanted)
    ended, spent = time.perf_counter(), time.process_time()
    return 1000 * (ended - begun), 1000 * (spent - used), frame.height


def _keywords(arguments: list[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    names = {"--unit": "units", "--from": "start", "--to": "end"}
    words = iter(arguments)
    for word in words:
        if word in ("--peers", "--trends"):
            found[word.removeprefix("--")] = True
        elif word == "--format":
            next(words)
        elif word.startswith("--"):
            found[names.get(word, word.removeprefix("--"))] = next(words)
        else:
            found["kpis"] = word
    return found


def _middle(measure: Callable[[], float], repeats: int) -> float:
    return statistics.median(measure() for _ in range(repeats))


def main() -> None:
    """Fabricate the release unless it is there, then time every query."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("template", type=Path, help="folder of a small release")
    parser.add_argument("--folder", type=Path, required=True, help="home of the large one")
    chosen = parser.parse_args()
    releases = chosen.folder / "releases"
    if not releases.exists():
        begun = time.perf_counter()
        rows = fabricate(chosen.template, releases)
        print(f"{rows:,} values in {time.perf_counter() - begun:.0f} s")
    os.environ["AKUTT_HOME"] = str(chosen.folder)
    # Time on the processor too: elapsed time means little where other work shares the machine.
    print(f"{'query':44}{'rows':>9}{'warm ms':>9}{'cpu ms':>8}{'cold s':>8}")
    slow = 0
    for name, arguments in QUERIES.items():
        rows = warm(arguments)[2]
        milliseconds = _middle(lambda arguments=arguments: warm(arguments)[0], REPEATS)
        processor = _middle(lambda arguments=arguments: warm(arguments)[1], REPEATS)
        seconds = _middle(lambda arguments=arguments: cold(arguments, chosen.folder), 3)
        # A result that is cut is bounded by its output, not by the search for it.
        is_slow = seconds > COLD_LIMIT_SECONDS or (milliseconds > WARM_LIMIT_MS and rows < 50_000)
        slow += is_slow
        mark = " !" if is_slow else ""
        print(f"{name:44}{rows:>9,}{milliseconds:>9.0f}{processor:>8.0f}{seconds:>8.2f}{mark}")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
