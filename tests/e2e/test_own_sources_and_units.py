"""A source, a region and its units under AKUTT_HOME alone, as the guide adds them, to figures."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from unittest import mock

import pytest
from typer.testing import CliRunner

from orchestration import paths
from orchestration.cli.main import app
from orchestration.engine import Engine, Settings
from tests.dbt_project.warehouse import release_file
from tests.e2e.conftest import KEY, World
from tests.orchestration.conftest import NothingExpected

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).parents[2] / "docs" / "data-engineer.md"
HEADING = "## A source and a unit of your own, without a clone\n"
DAY = dt.date(2026, 1, 10)


def test_from_files_to_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = paths.Home(tmp_path / "home")
    monkeypatch.setenv("AKUTT_HOME", str(home.root))
    home.sources.mkdir(parents=True)
    guide = GUIDE.read_text("utf-8").partition(HEADING)[2]
    source = guide.partition("```yaml\n")[2].partition("```")[0]
    commands = re.findall(r"^akutt (unit add .* --write)$", guide, re.MULTILINE)
    assert len(commands) == 7
    (home.sources / "abroad_alarms.yaml").write_text(source, "utf-8")
    (home.sources / "draft.yaml").write_text("name: draft\n", "utf-8")
    inbox = home.inbox / "abroad_alarms"
    inbox.mkdir(parents=True)
    rows = ["id,central,place,received,alerted,scene"]
    for number in range(20):
        at = dt.datetime.combine(DAY, dt.time(1)) + dt.timedelta(minutes=30 * number)
        times = (at + dt.timedelta(seconds=seconds) for seconds in (0, 60, 480))
        rows.append(",".join([f"m{number}", "control_1", "9901", *(t.isoformat() for t in times)]))
    (inbox / f"abroad_{DAY}.csv").write_text("\n".join(rows) + "\n", "utf-8")
    for line in commands:
        outcome = CliRunner().invoke(app, line.split())
        assert outcome.exit_code == 0, outcome.output

    with mock.patch.dict("os.environ"):
        engine = Engine(Settings(home, key=KEY.encode))
        engine.checkpoint = NothingExpected(home)
        try:
            engine.intake()
            built = engine.build_warehouse()
            assert built is not None
            assert built.full_refresh and not built.failures, built.failures
            engine.disclose()
            compared = engine.compare_warehouse()
            assert compared is not None and not compared.failures
            engine.release()
        finally:
            release_file()
    figures = World(home).sql(
        "select level, unit_id, n, round(value, 6) as value from kpi_values"
        " where kpi_id = 'resp_median' and period_grain = 'day' and n > 0"
    )
    places = {
        *(("national", "NO"), ("region", "abroad"), ("central", "control_1")),
        *(("health_trust", "abroad_trust"), ("county", "99"), ("municipality", "9901")),
    }
    assert {(row[0], row[1]) for row in figures.rows()} == places
    assert set(figures.select("n", "value").rows()) == {(20, 8.0)}
    rate = World(home).sql(
        "select level, numerator, denominator, status from kpi_values where period_grain = 'day'"
        " and kpi_id = 'missions_per_1000' and unit_id in ('abroad', 'control_1')"
    )
    assert set(rate.rows()) == {("region", 20.0, 100.0, "ok"), ("central", 20.0, 100.0, "ok")}
    # Its source delivers for the region: no other one is at zero, all others are without data.
    others = World(home).sql(
        "select distinct status from kpi_values where kpi_id = 'missions_per_1000'"
        " and level = 'region' and unit_id <> 'abroad'"
    )
    assert others.rows() == [("no_data",)]
    shown = CliRunner().invoke(
        app, ["kpi", "query", "missions_per_1000", "--level", "region", "--by", "day"]
    )
    assert shown.exit_code == 0, shown.output
    assert "Abroad" in shown.output
