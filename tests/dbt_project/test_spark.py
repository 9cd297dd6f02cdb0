"""The same project on Spark gives the same figures. Needs dbt-spark and Java 17."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_spark_gives_the_same_figures(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for contract, batches in make_world(1).batches.items():
        for batch_id, rows in batches.items():
            write_batch(warehouse.lake, contract, batch_id, rows)
    warehouse.build_all()
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(PROJECT), str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "AKUTT_WAREHOUSE": "unused", "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout[-4000:]
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
