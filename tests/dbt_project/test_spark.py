"""The same project on Spark gives the same figures. Needs dbt-spark and Java 17."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from tests.dbt_project.comparison import ALWAYS, Figures, compiled
from tests.dbt_project.lake import write_batch
from tests.dbt_project.warehouse import PROJECT, Warehouse
from tests.dbt_project.world import make_world

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("pyspark") is None or shutil.which("java") is None,
        reason="pip install 'dbt-spark[session]==1.11.0' and Java 17 for the build on Spark",
    ),
]

# A process of its own: dbt keeps one adapter registry, and Spark its session, per process.
BUILD = """
import json, sys
from pathlib import Path
from pyspark.sql import SparkSession
from dbt.cli.main import dbtRunner

project, home = sys.argv[1:]
session = (
    SparkSession.builder.master("local[2]")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.warehouse.dir", f"{home}/tables")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "2")
    .enableHiveSupport()
    .getOrCreate()
)
result = dbtRunner().invoke([
    "build", "--full-refresh", "--exclude-resource-type", "unit_test", "--target", "spark",
    "--project-dir", project, "--profiles-dir", project, "--target-path", f"{home}/target",
    "--log-path", f"{home}/logs", "--vars", json.dumps({"lake_path": f"{home}/lake"}),
])
if not result.success:
    sys.exit(1)
session.table("akuttkjede.kpi_values").write.parquet(f"{home}/kpi_values")
"""


COMPARE = """
import sys
from pathlib import Path
from pyspark.sql import SparkSession
from dbt.cli.main import dbtRunner

project, home = sys.argv[1:]
session = (
    SparkSession.builder.master("local[2]")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.warehouse.dir", f"{home}/tables")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "2")
    .enableHiveSupport()
    .getOrCreate()
)
session.sql("create database if not exists akuttkjede")
for path in Path(home).glob("*.parquet"):
    session.read.parquet(str(path)).write.saveAsTable(f"akuttkjede.{path.stem}")
models = ["kpi_comparisons", "kpi_trends"]
result = dbtRunner().invoke([
    "run", "--select", *models, "--target", "spark", "--project-dir", project,
    "--profiles-dir", project, "--target-path", f"{home}/target", "--log-path", f"{home}/logs",
])
if not result.success:
    sys.exit(1)
for model in models:
    session.table(f"akuttkjede.{model}").write.parquet(f"{home}/{model}")
"""


def on_spark(script: str, home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script, str(PROJECT), str(home)],
        cwd=home,
        env={**os.environ, "AKUTT_WAREHOUSE": "unused", "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def random_figures(models: dict[str, str]) -> Figures:
    """Months and weeks of six kinds of KPIs at twelve centrals, with gaps and a break."""
    rng = np.random.default_rng(1)
    figures = Figures(models)
    units = [f"central_{number:02}" for number in range(12)]
    figures.group(units)
    for unit in units:
        figures.parents.append(("central", unit, "region", "nord", *ALWAYS))
    kinds = {
        "share": ("%", "up"), "rate": ("per 1000", "neutral"), "standardized": ("O/E", "down"),
        "interval": ("min", "down"), "count": ("n", "neutral"), "hours": ("%", "up"),
    }  # fmt: skip
    for measure, (unit, direction) in kinds.items():
        figures.kpi(measure, measure=measure, unit=unit, direction=direction, target=85.0)
        places = [("central", name) for name in units] + [("region", "nord"), ("national", "NO")]
        for level, name in places:
            for grain, start in [
                *(("month", dt.date(2024 + m // 12, 1 + m % 12, 1)) for m in range(24)),
                *(("week", dt.date(2024, 1, 1) + dt.timedelta(weeks=w)) for w in range(40)),
            ]:
                n = int(rng.integers(10, 2000))
                x = float(rng.binomial(n, rng.uniform(0.8, 0.95)))
                hidden = rng.random() < 0.1
                figures.cell(
                    measure, name, level=level, period_grain=grain, period_start=start,
                    numerator=None if hidden else x, denominator=None if hidden else float(n),
                    n=None if hidden else n, value=None if hidden else 100 * x / n,
                    lower=None if hidden or measure == "hours" else 98 * x / n,
                    upper=None if hidden or measure == "hours" else 102 * x / n,
                    coverage=0.5 if rng.random() < 0.05 else 1.0,
                    status="suppressed" if hidden else "ok",
                )  # fmt: skip
    figures.breaks.append(
        ("share", 1, "all", "central", units[0], dt.date(2025, 1, 15), "platform_cutover", "", "")
    )
    figures.events += [
        (dt.date(2025, 3, 10), None, "central", units[1], "rebase", "Ny plan", "New plan"),
        (dt.date(2025, 1, 1), "rate", None, None, "freeze", "Tiltak", "Measure"),
    ]
    return figures


def test_spark_compares_alike(tmp_path: Path) -> None:
    models = compiled(tmp_path / "compiled")
    figures = random_figures(models)
    key = "kpi_id, kpi_version, segment, period_grain, period_start, level, unit_id"
    with duckdb.connect() as connection:
        figures.fill(connection)
        for (table,) in connection.execute("show tables").fetchall():
            connection.execute(f"copy {table} to '{tmp_path}/{table}.parquet'")
        on_spark(COMPARE, tmp_path)
        for model in ("kpi_comparisons", "kpi_trends"):
            connection.execute(f"create table {model} as {models[model]}")
            columns = connection.execute(f"describe {model}").fetchall()
            differs = [
                f"(d.{name} is null) <> (s.{name} is null) or abs(d.{name} - s.{name}) > 1e-7"
                if kind == "DOUBLE"
                else f"d.{name} is distinct from s.{name}"
                for name, kind, *_ in columns
                if name not in key.split(", ")
            ]
            differing = connection.execute(f"""
                select * from {model} as d
                full outer join read_parquet('{tmp_path}/{model}/*.parquet') as s using ({key})
                where {" or ".join(differs)}
            """).fetchall()
            assert differing == []
            assert connection.execute(f"select count(*) > 1000 from {model}").fetchall() == [
                (True,)
            ]


def test_spark_gives_the_same_figures(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for contract, batches in make_world(1).batches.items():
        for batch_id, rows in batches.items():
            write_batch(warehouse.lake, contract, batch_id, rows)
    warehouse.build_from_nothing()
    on_spark(BUILD, tmp_path)
    keys = "kpi_id, segment, period_grain, period_start, level, unit_id"
    differing = warehouse.rows(f"""
        select k.*, s.value
        from kpi_values k
        full outer join read_parquet('{tmp_path}/kpi_values/*.parquet') s using ({keys})
        where k.kpi_id is null or s.kpi_id is null
            or k.status is distinct from s.status or k.n is distinct from s.n
            or (k.value is null) <> (s.value is null)
            or abs(k.value - s.value) > 1e-9 * greatest(1, abs(k.value))
            or (k.coverage is null) <> (s.coverage is null)
            or abs(k.coverage - s.coverage) > 1e-12
    """)
    assert warehouse.one("select count(*) from kpi_values where status = 'ok'") > 1000
    assert differing == []
