"""The digest: what the release has as news and the one before had not, in every format."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli.main import app
from reporting import metrics
from reporting.digest import digests, render
from reporting.reader import open_current, open_release
from tests.reporting.conftest import EARLIER_ID
from tests.reporting.releases import changed
from tests.reporting.test_news import NEWS

AMONG = "and segment = '113' and period_grain = 'month'"


@pytest.fixture(scope="module")
def told(later: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Releases of which the later one has news, of Oslo the same as the earlier one."""
    import duckdb

    folder = changed(later, tmp_path_factory.mktemp("told") / "releases", NEWS)
    with duckdb.connect(str(folder / EARLIER_ID / "akutt.duckdb")) as connection:
        connection.execute(NEWS)
        # Three months earlier, and still the same signal.
        connection.execute("update kpi_news set period_start = date '2026-08-01'")
        connection.execute("delete from kpi_news where unit_id = 'amk_bodo'")
    return folder


def test_a_signal_that_goes_on_is_not_told_again(told: Path) -> None:
    with open_current(told) as release, open_release(told, EARLIER_ID) as before:
        (bodo,) = digests(release, before)
        assert (bodo.unit_id, len(bodo.signals)) == ("amk_bodo", 1)
        assert digests(release, before, units=["amk_oslo"]) == []
        everything = digests(release, None)
        assert {one.unit_id for one in everything} == {"amk_bodo", "amk_oslo"}


def test_every_format_has_the_news_as_they_are(told: Path) -> None:
    with open_current(told) as release, open_release(told, EARLIER_ID) as before:
        (bodo,) = digests(release, before)
    (news,) = (row for row in metrics.news(release=told / bodo.release_id).to_dicts()
               if row["unit_id"] == "amk_bodo")  # fmt: skip
    given = json.loads(render(bodo, "json"))
    assert given["release_before"] == EARLIER_ID
    assert given["signals"][0]["recent_value"] == news["recent_value"]
    for fmt in ("md", "html"):
        text = render(bodo, fmt)
        assert news["news_nb"] in text and news["news_en"] in text and EARLIER_ID in text
    assert render(bodo, "md").startswith(f"# {bodo.unit_name}\n")
    assert re.search(r"<h1>.+</h1>", render(bodo, "html"))


def test_the_command_writes_a_file_per_unit(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(told.parent))
    folder = tmp_path / "digest"
    run = CliRunner().invoke
    done = run(app, ["digest", "--format", "md,html,json", "--output", str(folder)])
    assert done.exit_code == 0, done.output
    assert {path.name for path in folder.iterdir()} == {
        f"central_amk_bodo.{ending}" for ending in ("md", "html", "json")
    }
    assert "Nothing is new" in run(app, ["digest", "--unit", "amk_oslo"]).output
    assert "AMK Bod" in run(app, ["digest"]).output
    assert run(app, ["digest", "--format", "pdf"]).exit_code == 1
    assert run(app, ["digest", "--unit", "amk_osl"]).exit_code == 1
