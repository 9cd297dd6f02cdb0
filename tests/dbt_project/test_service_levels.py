"""The call centre example with six service levels, as calls through the whole warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.dbt_project.comparison import macros
from tests.dbt_project.lake import Row, utc, write_batch
from tests.dbt_project.test_statistics import SERVICE_LEVELS
from tests.dbt_project.warehouse import Warehouse

# Line, central and the limit of its requirement in seconds.
LINES = {"113": ("amk_oslo", 10), "116117": ("lvs_0301", 120)}


def calls(line: str) -> Iterator[Row]:
    """1000 answered, 860 within the limit; 60 abandoned, 20 within it and 10 of these under 5 s."""
    central, limit = LINES[line]
    waits = [(limit, True)] * 860 + [(limit + 0.001, True)] * 140
    waits += [(4.999, False)] * 10 + [(5.0, False)] * 10 + [(limit + 1, False)] * 40
    for number, (wait, is_answered) in enumerate(waits):
        ring = utc(2026, 3, 2, 8) + timedelta(seconds=number)
        moment = ring + timedelta(milliseconds=round(wait * 1000))
        yield {
            "source_id": f"{line}-{number}",
            "_source": "hdo_iccs_calls",
            "service_line": line,
            "central_id": central,
            "ring_start_at": ring,
            # They have left the menu, and wait from there.
            "menu_end_at": ring if line == "116117" else None,
            "answered_at": moment if is_answered else None,
            "ended_at": moment + timedelta(seconds=60) if is_answered else moment,
            "outcome": "ANSWERED" if is_answered else "ABANDONED",
        }


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    built = Warehouse(tmp_path_factory.mktemp("levels"))
    write_batch(built.lake, "call", "one", [call for line in LINES for call in calls(line)])
    built.build_all()
    return built


def value(warehouse: Warehouse, kpi_id: str) -> Any:
    return warehouse.one(
        f"""
        select round(value, 1) from kpi_values
        where kpi_id = '{kpi_id}' and level = 'central' and period_grain = 'month' and n > 0
        """
    )


def test_the_requirements_have_their_own_denominators(warehouse: Warehouse) -> None:
    assert value(warehouse, "c113_within_10s") == SERVICE_LEVELS["answered_only"]
    assert value(warehouse, "c113_within_10s_offered") == SERVICE_LEVELS["all_offered"]
    assert value(warehouse, "c116117_within_2min") == SERVICE_LEVELS["all_offered"]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(("variant", "percent"), SERVICE_LEVELS.items())
def test_all_six_come_out_of_the_same_facts(
    warehouse: Warehouse, line: str, variant: str, percent: float
) -> None:
    limit_ms = LINES[line][1] * 1000
    found = warehouse.one(
        f"""
        select round({macros().service_level(variant)}, 1)
        from (
            select
                count(case when is_answered_valid then 1 end) as answered,
                count(case when answer_ms <= {limit_ms} then 1 end) as in_time,
                count(case when not is_answered then 1 end) as abandoned,
                count(case when wait_ms <= {limit_ms} then 1 end) as abandoned_in_time,
                count(case when wait_ms < 5000 then 1 end) as short_abandoned
            from fct_calls
            where is_in_scope and segment = '{line}'
        ) as counts
        """
    )
    assert found == percent
