"""The workbook for a board, read with another library, and opened in an office program."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import duckdb
import openpyxl
import pytest
from typer.testing import CliRunner

from orchestration.cli.main import app
from reporting.board import SHEETS, board
from reporting.dimensions import QueryError
from reporting.metrics import kpi_query
from reporting.query import query
from reporting.reader import METADATA, Release, open_current

# Twenty months of one central, of which the last but one is hidden and one has no data.
MONTHS = """
create temp table cell as select * from kpi_values where kpi_id = 'c113_within_10s'
    and unit_id = 'amk_oslo' and period_start = date '2026-08-01';
delete from kpi_values where kpi_id = 'c113_within_10s' and level = 'central';
insert into kpi_values by name
    select cell.* replace (cast(m as date) as period_start,
        case when m = date '2026-08-01' then 'suppressed' when m = date '2026-03-01' then 'no_data'
            else 'ok' end as status,
        case when m not in (date '2026-08-01', date '2026-03-01')
            then 80 + month(m) / 10.0 end as value)
    from cell, range(date '2025-02-01', date '2026-10-01', interval 1 month) as t(m)
"""


@pytest.fixture
def months(releases: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "releases"
    shutil.copytree(releases, folder)
    (database,) = folder.glob(f"*/{METADATA}")
    with duckdb.connect(str(database.with_name("akutt.duckdb"))) as connection:
        connection.execute(MONTHS)
    return folder


def test_every_cell_is_that_of_the_query(months: Path) -> None:
    with open_current(months) as release:
        wanted = kpi_query(kpis="c113_within_10s", level="central")
        book = openpyxl.load_workbook(io.BytesIO(board(release, wanted)))
        told = {
            row["period_start"]: row
            for row in query(release, wanted).filter(unit_id="amk_oslo").iter_rows(named=True)
        }
    assert book.sheetnames == ["Innhold", "c113_within_10s 113"]
    page = book["c113_within_10s 113"]
    head = [cell.value for cell in page[5]]
    assert head[:2] == ["Enhet", "sep. 2025"] and head[13:] == [
        "sep. 2026", "Utvikling", "Mål", "sep. 2025",
    ]  # fmt: skip
    row = next(row for row in page.iter_rows(min_row=6) if row[0].value == "AMK Oslo")
    shown = [cell.value for cell in row[1:14]]
    # 13 months to September 2026; hidden and missing are marks and no numbers.
    assert shown[11] == ":" and shown[6] == ".."
    for cell, (start, known) in zip(shown, sorted(told.items())[-13:], strict=True):
        if known["status"] == "ok":
            assert cell == pytest.approx(known["value"]), start
    assert row[15].value == 90 and row[16].value == pytest.approx(80.9)
    assert row[1].number_format == "[$-414]#,##0.0"
    texts = [str(cell.value) for (cell,) in page.iter_rows(max_col=1) if cell.value]
    assert any(text.startswith(":  skjult") for text in texts)
    assert any(text.startswith("..  ingen data") for text in texts)
    assert any("utgivelse" in text for text in texts)


def test_it_prints_on_a4_across(months: Path) -> None:
    with open_current(months) as release:
        book = openpyxl.load_workbook(io.BytesIO(board(release, kpi_query(level="central"))))
    for page in book.worksheets:
        assert page.page_setup.paperSize == 9 and page.page_setup.orientation == "landscape"
        # Absent is 1, as the file format has it.
        assert (
            page.page_setup.fitToWidth in (None, 1) and page.sheet_properties.pageSetUpPr.fitToPage
        )
    assert book["c113_within_10s 113"].print_title_rows == "$5:$5"
    assert book["c113_within_10s 113"].print_area


def test_partial_and_provisional_months_are_marked(months: Path) -> None:
    (path,) = months.glob("*/akutt.duckdb")
    with duckdb.connect(str(path)) as connection:
        for name, kind, value in (
            ("is_partial", "boolean", "true"),
            ("maturity", "varchar", "'provisional'"),
            ("days_covered", "integer", "12"),
            ("days_in_period", "integer", "30"),
        ):
            connection.execute(f"alter table kpi_values add column if not exists {name} {kind}")
            connection.execute(
                f"update kpi_values set {name} = {value} where period_start = date '2026-09-01'"
            )
    with open_current(months) as release:
        wanted = kpi_query(kpis="c113_within_10s", level="central")
        book = openpyxl.load_workbook(io.BytesIO(board(release, wanted)))
    page = book["c113_within_10s 113"]
    row = next(row for row in page.iter_rows(min_row=6) if row[0].value == "AMK Oslo")
    assert row[13].number_format == '[$-414]#,##0.0"*""†"'
    assert isinstance(row[13].value, float)


def test_what_no_board_reads_is_refused(current: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(QueryError, match="no months"):
        board(current, kpi_query(kpis="c113_within_10s", level="base"))
    monkeypatch.setattr("reporting.board.SHEETS", 1)
    with pytest.raises(QueryError, match="too many for a board"):
        board(current, kpi_query())
    assert SHEETS == 60


def test_the_command_writes_what_an_office_program_opens(
    months: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(months.parent))
    target = tmp_path / "styret.xlsx"
    words = ["kpi", "query", "c113_within_10s", "--level", "central", "--layout", "board"]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 1 and "--output FILE.xlsx" in refused.output
    done = CliRunner().invoke(app, [*words, "--output", str(target)])
    assert done.exit_code == 0, done.output
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("no office program here")
    subprocess.run(
        [office, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to",
         "pdf", "--outdir", str(tmp_path), str(target)],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip
    assert (tmp_path / "styret.pdf").read_bytes().startswith(b"%PDF")
