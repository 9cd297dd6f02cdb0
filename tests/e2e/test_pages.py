"""Pages of whole releases: what stands in their tables is what the query gives."""

from __future__ import annotations

import pytest

from reporting import metrics
from reporting.reader import open_current
from reporting.web import air, figures, pages
from reporting.web.pages import View, shown_of
from reporting.web.words import Speech
from tests.e2e.conftest import World
from tests.reporting.web.test_pages import Read

WORLDS = pytest.mark.parametrize("name", ["autumn", "spring"])


@WORLDS
def test_the_air_ambulance_by_base(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    world: World = request.getfixturevalue(name)
    monkeypatch.setenv("AKUTT_HOME", str(world.home.root))
    say = Speech("nb")
    with open_current(world.home.releases) as release:
        when = figures.periods(release, "base")[0]
        path = f"/air/{pages.label(when.grain, when.start)}"
        assert path in set(pages.paths(release))
        html = pages.page(View(release, "nb", path, lambda to: to)).html
        told = Read(html).rows
        headers = [at for at, row in enumerate(told) if row[0] == say("unit")]
        tables = [
            (kind, table) for kind in air.aircraft(release, when, say) for table in kind.tables
        ]
        checked = 0
        for (kind, table), (begin, end) in zip(
            tables, zip(headers, [*headers[1:], None], strict=True), strict=True
        ):
            rows = {row[0]: row[1:] for row in told[begin + 1 : end]}
            for column, kpi_id in enumerate(table.kpis):
                frame = metrics.query(
                    kpis=kpi_id, level="base", segments=kind.segment,
                    period=pages.label(when.grain, when.start),
                )  # fmt: skip
                for row in frame.iter_rows(named=True):
                    if row["unit_name"] in rows and row["status"] != "no_data":
                        cell = rows[row["unit_name"]][column]
                        assert cell.strip().startswith(shown_of(say, row)), (kpi_id, row)
                        checked += 1
            # A base of which a part is hidden has no bar.
            whole = sum(
                all(
                    part in base.figures and base.figures[part]["value"] is not None
                    for part in table.topic.drawn
                )
                for base in kind.rows
            )
            assert str(table.chart).count('class="part p0"') <= whole
        assert checked > 100
