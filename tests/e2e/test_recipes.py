"""The recipes of the analyst's guide and the notebook, run on a released world.

What a language that is not here would do is checked as far as it can be: names of files, columns
and the format of the storage.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import fastexcel
import polars as pl
import pytest

from orchestration.release_files import STORAGE_VERSION
from reporting import metrics
from reporting.bulk import export_release
from reporting.columns import heading
from reporting.describe import describe
from reporting.export import write
from reporting.reader import Release, open_current
from tests.e2e.conftest import World

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "analyst.md").read_text("utf-8")
NOTEBOOK = ROOT / "docs" / "notebooks" / "three_questions.ipynb"
# Number of the storage format in the head of a file, by the version that introduced it.
STORAGE_NUMBERS = {"v1.2.0": 65}

pytestmark = pytest.mark.slow


def block(language: str) -> str:
    """The one block of the guide in that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def release(autumn: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Release]:
    monkeypatch.setenv("AKUTT_HOME", str(autumn.home.root))
    with open_current(autumn.home.releases) as opened:
        yield opened


def test_the_notebook_answers_its_three_questions(release: Release) -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    for name, expected in (
        ("answer_table", {"c113_within_10s", "answer_time_p90"}),
        ("readiness_table", {"lat_readiness", "lat_readiness_operator", "lat_weather_down_h"}),
    ):
        table = names[name]
        assert isinstance(table, pl.DataFrame)
        assert set(table["kpi_id"]) == expected
    # Calls of a single central may all be hidden in so small a world; hours of readiness are not.
    readiness = names["readiness_table"]
    assert isinstance(readiness, pl.DataFrame)
    assert readiness["value"].drop_nulls().len() > 0
    response = names["response_table"]
    assert isinstance(response, pl.DataFrame)
    assert {"resp_urban_12", "resp_rural_25", "resp_coverage"} <= set(response.columns)
    assert not any(cell.get("outputs") for cell in cells), "the notebook is kept without results"


def test_excel_reads_what_was_written(release: Release, tmp_path: Path) -> None:
    frame = metrics.query(
        kpis=["c113_within_10s", "answer_time_p90", "lat_readiness"],
        level=["central", "base"],
        by="month",
        peers=True,
    )
    assert frame.height > 0
    target = tmp_path / "answer.xlsx"
    write(frame, "xlsx", describe(release, frame, "recipe"), target)
    reader = fastexcel.read_excel(target)
    assert reader.sheet_names[:3] == ["KPI", "Om", "Definisjoner"]
    sheet = reader.load_sheet("KPI").to_polars()
    assert {"Periode fra / period_start", "Enhet / unit_name", "Verdi / value"} <= set(
        sheet.columns
    )
    assert isinstance(sheet.schema[heading("period_start")], pl.Datetime)
    assert sheet.schema[heading("value")] == pl.Float64
    assert sheet.height == frame.height


def test_power_bi_finds_files_and_columns(release: Release) -> None:
    code = block("powerquery")
    files = re.findall(r'Folder & "([\w.]+)"', code)
    assert files == ["kpi_values.parquet", "units.parquet", "kpi_registry.parquet"]
    # The pointer beside the releases names the folder.
    assert 'File.Contents(Releases & "current")' in code
    assert (release.path.parent / "current").read_text("utf-8").strip() == release.path.name
    columns: set[str] = set()
    for name in files:
        columns |= set(pl.read_parquet_schema(release.path / name))
    named = set(re.findall(r"\[(\w+)\]", code)) | set(
        re.findall(r'"(\w+)"', " ".join(re.findall(r"\{([^}]*)\}", code)))
    )
    assert named <= columns
    # The steps of the query, on the same files; hidden cells stay, without a number.
    values, units, definitions = (pl.read_parquet(release.path / name) for name in files)
    newest = definitions.group_by("kpi_id").agg(
        pl.col("version").cast(pl.Int64).max().alias("kpi_version")
    )
    official = values.join(newest, on=["kpi_id", "kpi_version"], how="semi")
    assert set(official["kpi_id"]) == set(values["kpi_id"])
    assert official.height < values.height
    chosen = official.filter(pl.col("period_grain") == "month")
    hidden = chosen.filter(pl.col("status") == "suppressed")
    assert hidden.height > 0 and hidden["value"].null_count() == hidden.height
    joined = chosen.join(units.select("level", "unit_id", "unit_name"), on=["level", "unit_id"])
    assert joined.height == chosen.height > 0


def test_r_reads_the_exported_folder(release: Release, tmp_path: Path) -> None:
    export_release(release, tmp_path / "out")
    code = block("r")
    (file,) = re.findall(r'read\.csv\("([^"]+)"', code)
    frame = pl.read_csv(tmp_path / file, infer_schema_length=None)
    used = set(re.findall(r"values\$(\w+)", code)) | set(re.findall(r"(\w+) ==", code))
    used |= set(re.findall(r'"(\w+)"', code[code.index("c(") :]))
    assert "period_grain" in used
    assert used - {"central"} <= set(frame.columns)
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed; file and columns were checked")
    result = subprocess.run(
        ["Rscript", "-e", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_older_clients_can_open_the_database(release: Release) -> None:
    head = (release.path / "akutt.duckdb").read_bytes()[:64]
    assert head[8:12] == b"DUCK"
    assert int.from_bytes(head[12:20], "little") == STORAGE_NUMBERS[STORAGE_VERSION]
    with duckdb.connect(str(release.path / "akutt.duckdb"), read_only=True) as connection:
        kinds = {
            kind
            for (kind,) in connection.execute("select data_type from duckdb_columns()").fetchall()
        }
    assert not {kind for kind in kinds if kind.startswith(("VARIANT", "GEOMETRY"))}


def test_sql_of_the_guide_runs_under_the_lock(release: Release) -> None:
    statements = re.findall(r"^```sql runnable\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    rows = {statement: metrics.sql(statement).height for statement in statements}
    assert len(rows) == 2
    for statement, found in rows.items():
        # Since its first release nothing has changed.
        assert (found > 0) != ("release_changes" in statement), statement
