"""The spread of the units over time: deciles of the values that the query gives, of ten or more."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from reporting import metrics
from reporting.reader import open_current
from reporting.web import figures, pages
from reporting.web.charts import decile_chart
from reporting.web.figures import When
from reporting.web.words import LANGUAGES, Language, Speech
from tests.reporting.releases import changed
from tests.reporting.web.test_pages import Read, view

# Twelve centrals in two months, of which one is hidden in one; in a third month only nine.
CENTRALS = """
insert into kpi_values by name
select v.* replace ('c' || c.i as unit_id, m.start as period_start, 80 + c.i * c.i / 10.0 as value)
from kpi_values as v
cross join range(12) as c(i)
cross join (values (date '2026-06-01'), (date '2026-08-01'), (date '2026-09-01')) as m(start)
where v.unit_id = 'amk_oslo' and v.kpi_id = 'c113_within_10s'
    and v.period_start = date '2026-09-01' and v.period_grain = 'month'
    and (c.i < 9 or m.start > date '2026-06-01');
update kpi_values set value = null, status = 'suppressed'
where unit_id = 'c11' and period_start = date '2026-08-01';
"""


@pytest.fixture(scope="module")
def many(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return changed(releases, tmp_path_factory.mktemp("many") / "releases", CENTRALS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_deciles_are_those_of_the_values_shown(
    many: Path, language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(many.parent))
    say = Speech(language)
    with open_current(many) as release:
        last = When("month", date(2026, 9, 1))
        told = figures.deciles(release, "c113_within_10s", "113", "central", last)
        html = pages.page(view(release, "/kpi/c113_within_10s/113/central/2026-09", language)).html
    rows = [[cell.strip() for cell in row] for row in Read(html).rows]
    assert [start for start, _, _ in told] == [date(2026, month, 1) for month in (6, 8, 9)]
    for start, units, deciles in told:
        frame = metrics.query(
            kpis="c113_within_10s", level="central", period=f"{start:%Y-%m}", no_data=False
        ).filter(pl.col("value").is_not_null())
        assert units == frame.height
        if units < 10:
            assert deciles is None
            continue
        assert deciles == pytest.approx(
            [frame["value"].quantile(tenth / 10, "linear") for tenth in range(1, 10)]
        )
        shown = [say.number(deciles[at], "%") for at in (0, 4, 8)]
        assert [say.period("month", start), str(units), *shown] in rows


def test_a_period_of_few_units_is_a_gap() -> None:
    spread = [float(number) for number in range(9)]
    drawn = decile_chart(
        [("a", spread), ("b", spread), ("c", None), ("d", spread), ("e", spread)],
        title="t", description="d", axis=lambda value, _: f"{value}",
    )  # fmt: skip
    assert str(drawn).count('class="decile d0"') == 2
    assert str(drawn).count('class="series"') == 2
    assert not decile_chart([("a", spread)], title="", description="", axis=lambda value, _: "")
