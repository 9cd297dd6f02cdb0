"""News of a release, in Python and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli.main import app
from reporting import metrics
from reporting.dimensions import QueryError
from tests.reporting.releases import changed

NEWS = """
create or replace table kpi_news as
select * from (values
    ('c113_within_10s', 1, '113', 'month', 'central', 'amk_oslo', date '2026-09-01', 80.0::double,
        90.0::double, 0.001, 0.01, true, 'worse', 'Dårligere: gammel versjon.',
        'Worse: old version.'),
    ('c113_within_10s', 2, '113', 'month', 'central', 'amk_oslo', date '2026-09-01', 81.0, 91.0,
        0.001, 0.01, true, 'worse', 'Dårligere de tre siste månedene.', 'Worse of late.'),
    ('c113_within_10s', 2, '113', 'month', 'central', 'amk_bodo', date '2026-09-01', 95.0, 91.0,
        0.0001, 0.001, true, 'better', 'Bedre de tre siste månedene.', 'Better of late.'),
    ('c113_within_10s', 2, '113', 'month', 'central', 'amk_bergen', date '2026-09-01', 91.0, 90.0,
        0.4, 0.8, false, 'better', null, null)
) as n(kpi_id, kpi_version, segment, period_grain, level, unit_id, period_start, recent_value,
    expected_value, p_value, q_value, is_news, change, news_nb, news_en)
"""


@pytest.fixture
def with_news(fuller: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # A copy of its own: other tests may have the shared one open.
    folder = changed(fuller, tmp_path / "releases", NEWS)
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    return folder


def test_the_surest_news_come_first_and_in_the_version_in_force(with_news: Path) -> None:
    frame = metrics.news()
    assert frame.select("unit_id", "change", "recent_value").rows() == [
        ("amk_bodo", "better", 95.0),
        ("amk_oslo", "worse", 81.0),
    ]
    assert set(frame["release_id"]) == {metrics.release()["release_id"]}


def test_news_are_filtered(with_news: Path) -> None:
    assert metrics.news(change="worse")["unit_id"].to_list() == ["amk_oslo"]
    assert metrics.news(units="amk_bodo", level="central").height == 1
    assert metrics.news(grain="week").is_empty()
    with pytest.raises(QueryError, match="month"):
        metrics.news(grain="year")


def test_news_on_the_command_line(with_news: Path) -> None:
    done = CliRunner().invoke(app, ["kpi", "news", "--change", "worse"])
    assert done.exit_code == 0, done.output
    assert "Dårligere de tre siste månedene. / Worse of late." in done.output
    assert "1 nyheter, høyst én av ti er tilfeldig" in done.output
    done = CliRunner().invoke(app, ["kpi", "news", "--format", "json"])
    assert len(json.loads(done.output)["rows"]) == 2
