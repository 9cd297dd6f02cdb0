"""Published figures beside ours."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from orchestration.cli.main import app
from reporting import metrics
from reporting.reader import Release, open_current
from reporting.reconcile import NoOfficialFiguresError, as_table, reconcile

SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "official_figures.csv"
# c113_within_10s of the year, for two centrals, a region and the country.
YEAR = """
insert into kpi_values by name
    select * replace ('year' as period_grain, date '2025-01-01' as period_start,
        case unit_id when 'amk_oslo' then 96.0 else 70.0 end as value)
    from kpi_values where kpi_id = 'c113_within_10s' and level = 'central'
        and period_start = date '2026-09-01' and status = 'ok';
insert into kpi_values by name
    select * replace ('year' as period_grain, date '2025-01-01' as period_start)
    from kpi_values where kpi_id = 'c113_within_10s' and level = 'national'
        and period_grain <> 'quarter';
"""
FIGURES = """
create table official_figures as select * from (values
    ('a', 'Innen 10 s', 'Within 10 s', 'c113_within_10s', '113', 'national', 'NO', 'value', 2025,
        'year', 80.0::double, '%', 'HDO', 'ingen', 'none'),
    ('b', 'Innen 10 s', 'Within 10 s', 'c113_within_10s', '113', 'national', 'NO', 'numerator',
        2013, '04-12', 4500.0, 'n', 'HDO', 'eldre', 'older'),
    ('c', 'Når 90', 'Meets 90', 'c113_within_10s', '113', 'central', null, 'units_from_90', 2025,
        'year', 2.0, 'sentraler', 'HDO', 'få', 'few'),
    ('d', 'Uten', 'Without', null, null, 'national', 'NO', 'numerator', 2024, 'year', 7.0, 'n',
        'HDO', 'ingen kilde', 'no source'),
    ('e', 'Svartid', 'Answer time', 'answer_time_p90', '113', 'central', 'amk_bodo', 'value', 2025,
        'year', 9.0, 's', 'HDO', 'mangler', 'missing')
) as t(figure_id, figure_nb, figure_en, kpi_id, segment, level, unit_id, statistic, year, months,
    published, measure_unit, publisher, reason_nb, reason_en)
"""


@pytest.fixture
def with_figures(releases: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "releases"
    shutil.copytree(releases, folder)
    (database,) = folder.glob("*/akutt.duckdb")
    with duckdb.connect(str(database)) as connection:
        connection.execute(YEAR)
        connection.execute(FIGURES)
    return folder


def test_ours_stand_beside_theirs(with_figures: Path) -> None:
    with open_current(with_figures) as release:
        frame = reconcile(release)
    rows = {row["reason_en"]: row for row in frame.iter_rows(named=True)}
    same = rows["none"]
    assert (same["ours"], same["our_period"], same["comparable"]) == (90.0, "2025", "same period")
    assert same["difference"] == pytest.approx(10) and same["difference_share"] == pytest.approx(
        0.125
    )
    older = rows["older"]
    assert (older["published_period"], older["our_period"]) == ("2013-04..12", "2025")
    assert (older["ours"], older["comparable"]) == (9000.0, "other period")
    assert (rows["few"]["ours"], rows["few"]["difference"]) == (1.0, -1.0)
    assert (rows["no source"]["ours"], rows["no source"]["comparable"]) == (None, "no counterpart")
    assert (rows["missing"]["ours"], rows["missing"]["comparable"]) == (None, "hidden or missing")
    assert "Når 90" in as_table(frame) and "Meets 90" in as_table(frame, english=True)


def test_a_part_of_a_year_is_no_count_of_it(with_figures: Path) -> None:
    (database,) = with_figures.glob("*/akutt.duckdb")
    with duckdb.connect(str(database)) as connection:
        for name, kind in (
            ("is_partial", "boolean"), ("maturity", "varchar"),
            ("days_covered", "integer"), ("days_in_period", "integer"),
        ):  # fmt: skip
            connection.execute(f"alter table kpi_values add column if not exists {name} {kind}")
        connection.execute("update kpi_values set is_partial = true where period_grain = 'year'")
    with open_current(with_figures) as release:
        rows = {row["reason_en"]: row for row in reconcile(release).iter_rows(named=True)}
    assert rows["older"]["comparable"] == "part of a year"
    assert rows["older"]["difference"] is None
    assert rows["none"]["difference"] == pytest.approx(10)


def test_a_release_without_published_figures_says_so(current: Release) -> None:
    with pytest.raises(NoOfficialFiguresError, match=r"publiserte tall.*published figures"):
        metrics.reconcile(release=current)


def test_the_command(with_figures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(with_figures.parent))
    shown = CliRunner().invoke(app, ["reconcile"])
    assert shown.exit_code == 0 and "grunnlag" in shown.output
    as_csv = CliRunner().invoke(app, ["reconcile", "--format", "csv"])
    assert len(list(csv.DictReader(as_csv.output.splitlines()))) == 5


def test_the_seed_names_kpis_that_are_there() -> None:
    registry = SEED.with_name("kpi_registry.csv")
    with registry.open(encoding="utf-8") as lines:
        known = {row["kpi_id"]: row for row in csv.DictReader(lines)}
    with SEED.open(encoding="utf-8") as lines:
        figures = list(csv.DictReader(lines))
    assert len({row["figure_id"] for row in figures}) == len(figures) > 20
    for row in figures:
        assert (
            row["publisher"] and row["reason_nb"] and row["reason_en"] and float(row["published"])
        )
        if row["kpi_id"]:
            assert row["level"] in known[row["kpi_id"]]["levels"]
            assert row["segment"] in known[row["kpi_id"]]["segments"]
