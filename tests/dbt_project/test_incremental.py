"""Any sequence of increments gives the same warehouse as one load of everything."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from tests.dbt_project.lake import ANCHORS, Row, utc, write_batch
from tests.dbt_project.warehouse import Warehouse
from tests.dbt_project.world import World, make_world

COMPARED = {
    "kpi_values": "*",
    "fct_incidents": "*",
    "fct_chain_links": "*",
    "fct_links": "*",
    "agg_links": "*",
    "incident_chains": "*",
    "fct_lat_readiness": "*",
    "fct_record_quality": "*",
    "fct_call_recalls": "*",
    "agg_call_cells": "*",
    "agg_hour_profiles": "*",
    "agg_answer_classes": "*",
    "agg_response_classes": "*",
    "readiness_days": "*",
    "unit_sources": "*",
    "period_delivery": "*",
    "data_readiness": "*",
    "readiness_grades": "*",
    "int_calls__duplicates": "*",
    "int_calls__passed_on": "*",
    "int_calls__chains": "*",
    "fct_call_durations": "*",
    "fct_calls": "source_system, source_id, revision, event_date, is_counted, counted_central_id, "
    "home_central_id, is_menu_hangup, answer_ms, wait_ms, answer_ms_v1, wait_ms_v1",
    "fct_missions": "source_system, source_id, revision, event_date, municipality_id",
    "fct_video_sessions": "source_system, source_id, revision, event_date",
    "fct_lat_requests": "source_system, source_id, revision, event_date",
}


# Those of `RECORDS` alone.
COMPARED_RECORDS = {
    table: columns
    for table, columns in COMPARED.items()
    if table.startswith(("fct_", "int_")) or table in ("agg_links", "incident_chains")
}


def land(warehouse: Warehouse, world: World, names: list[tuple[str, str]]) -> None:
    for contract, batch_id in names:
        write_batch(warehouse.lake, contract, batch_id, world.batches[contract][batch_id])


def all_batches(world: World) -> list[tuple[str, str]]:
    return [
        (contract, batch) for contract in world.contracts() for batch in world.batches[contract]
    ]


def assert_same(
    whole: Warehouse, pieces: Warehouse, compared: Mapping[str, str] = COMPARED
) -> None:
    for table, columns in compared.items():
        query = f"select {columns} from {table}"
        missing, extra = rows_apart(whole.arrow(query), pieces.arrow(query))
        assert not missing and not extra, (table, missing, extra)


def rows_apart(
    left: pa.Table, right: pa.Table
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Rows of the one that the other has not, or has less often; three at most of either."""
    with duckdb.connect() as connection:
        connection.register("l", left)
        connection.register("r", right)
        # Sets of rows are equal when the sums of their hashes are; else it is told which differ.
        digests = {
            connection.execute(f"select count(*), sum(hash(t)::hugeint) from {t} as t").fetchone()
            for t in ("l", "r")
        }
        if len(digests) == 1:
            return [], []
        missing, extra = (
            connection.execute(
                f"from (from {one} except all from {other}) order by all limit 3"
            ).fetchall()
            for one, other in (("l", "r"), ("r", "l"))
        )
    return missing, extra


def loaded_whole(home: Path, world: World) -> Warehouse:
    whole = Warehouse(home)
    land(whole, world, all_batches(world))
    whole.build_all()
    assert whole.one("select count(*) from kpi_values where status = 'ok'") > 1000
    assert whole.one("select count(*) from int_calls__duplicates") > 5
    assert whole.one("select count(*) from fct_chain_links where method = 'PARENT'") > 5
    assert whole.one("select count(*) from fct_call_recalls") > 2
    assert whole.one("select count(*) from int_calls__passed_on") > 5
    longer = """
        select count(*) from int_calls__chains as c
        inner join int_calls__passed_on as p using (next_source_system, next_source_id)
        where c.first_source_id <> p.first_source_id
    """
    assert whole.one(longer) > 0
    windowed = whole.rows(
        "select step from fct_links where method = 'TIME_WINDOW' group by step order by step"
    )
    assert windowed == [("CALL",), ("LAT",), ("TRANSFER",), ("VIDEO",)]
    return whole


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(1)


@pytest.fixture(scope="module")
def whole(world: World, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """All of it in one load."""
    return loaded_whole(tmp_path_factory.mktemp("whole"), world)


@pytest.mark.slow
def test_increments_in_any_order_equal_one_full_load(
    world: World, whole: Warehouse, tmp_path: Path
) -> None:
    names = all_batches(world)
    random.Random(1).shuffle(names)
    pieces = Warehouse(tmp_path / "pieces")
    land(pieces, world, names[:8])
    pieces.build_all()
    taken = pieces.rows("select distinct batch_id from ops.load_log where batch_id is not null")
    assert {batch for (batch,) in taken} == {batch for _, batch in names[:8]}
    for start in range(8, len(names), 11):
        land(pieces, world, names[start : start + 11])
        pieces.build_new()
    assert_same(whole, pieces)
    before = pieces.arrow("from kpi_values")
    pieces.build_new()
    assert rows_apart(before, pieces.arrow("from kpi_values")) == ([], [])


@pytest.mark.slow
def test_periods_that_overlap_follow_the_months_that_are_touched(tmp_path: Path) -> None:
    """Over fourteen months, in batches that come in any order and widen the span at both ends."""
    world = make_world(3, batch_count=8, days=430)
    # First the middle of the span alone, so that later batches reach further at both ends.
    middle = {
        contract: [
            row
            for rows in batches.values()
            for row in rows
            if utc(2027, 2, 1) < row_time(contract, row) < utc(2027, 9, 1)
        ][:12]
        for contract, batches in world.batches.items()
    }
    whole, pieces = Warehouse(tmp_path / "whole"), Warehouse(tmp_path / "pieces")
    for contract, rows in middle.items():
        write_batch(pieces.lake, contract, "middle", rows)
        write_batch(whole.lake, contract, "middle", rows)
    pieces.build_all()
    land(whole, world, all_batches(world))
    whole.build_all()
    for grain in ("tertial", "ytd", "rolling12"):
        counted = (
            f"select count(*) from kpi_values where status = 'ok' and period_grain = '{grain}'"
        )
        assert whole.one(counted) > 300
    months = "select count(distinct period_start) from kpi_values where period_grain = 'rolling12'"
    assert 2 <= whole.one(months) <= 4
    names = all_batches(world)
    random.Random(3).shuffle(names)
    half = len(names) // 2
    for part in (names[:half], names[half:]):
        land(pieces, world, part)
        pieces.build_new()
    assert_same(whole, pieces)


def row_time(contract: str, row: Row) -> Any:
    return next(row[name] for name in ANCHORS[contract] if row.get(name) is not None)


@pytest.mark.slow
def test_runs_that_stop_halfway_lose_nothing(
    world: World, whole: Warehouse, tmp_path: Path
) -> None:
    """Models left behind catch up; a model that fails leaves neither rows nor position."""
    names = all_batches(world)
    random.Random(2).shuffle(names)
    pieces = Warehouse(tmp_path / "pieces")
    land(pieces, world, names[:6])
    pieces.build_all()

    land(pieces, world, names[6:14])
    pieces.dbt("run", "-s", "path:models/staging", "path:models/intermediate")
    land(pieces, world, names[14:22])
    pieces.dbt("run", "-s", "path:models/staging", "path:models/intermediate", "path:models/facts")
    land(pieces, world, names[22:])
    pieces.change("alter table ops.load_log rename column source to renamed")
    with pytest.raises(AssertionError, match="int_calls__latest"):
        pieces.build_new()
    pieces.change("alter table ops.load_log rename column renamed to source")
    pieces.build_new()
    assert_same(whole, pieces)


def interval(number: int, state: str, first_hour: int, last_hour: int) -> Row:
    return {
        "source_id": f"R{number}",
        "state": state,
        "start_at": utc(2026, 6, 1, 0) + timedelta(hours=first_hour),
        "end_at": utc(2026, 6, 1, 0) + timedelta(hours=last_hour),
    }


def alarm_on(number: int, day: int, delivered: int) -> Row:
    return {
        "source_id": f"A{number}",
        "incident_id": f"I{number}",
        "mission_id": f"M{number}",
        "alerted_at": utc(2026, 6, day, 12),
        "_delivered_on": date(2026, 6, delivered),
    }


def midnight_call(system: str, second: float) -> Row:
    """A call of a central that has changed platform, around local midnight."""
    return {
        "source_system": system,
        "source_id": system,
        "service_line": "116117",
        "central_id": "lvs_1804",
        "caller_pseudonym": "p",
        "ring_start_at": utc(2026, 6, 1, 22, 0, second),
        "answered_at": utc(2026, 6, 1, 22, 1),
        "ended_at": utc(2026, 6, 1, 22, 2),
    }


def restless(source_id: str, minutes: float, answered: bool) -> Row:
    """A call of one caller, so many minutes before or after local midnight."""
    ring = utc(2026, 6, 1, 22) + timedelta(minutes=minutes)
    return {
        "source_id": source_id,
        "central_id": "amk_oslo",
        "caller_pseudonym": "restless",
        "ring_start_at": ring,
        "answered_at": ring + timedelta(seconds=5) if answered else None,
        "ended_at": ring + timedelta(seconds=50),
        "outcome": "ANSWERED" if answered else "ABANDONED",
    }


# Steps in which the touched dates are more than the dates of the new rows.
STEPS: list[list[tuple[str, list[Row]]]] = [
    [
        ("lat_readiness", [interval(1, "PLANNED", 0, 120), interval(2, "READY", 0, 110)]),
        ("alarm", [alarm_on(1, 1, delivered=1)]),
        (
            "call",
            [
                midnight_call("ICCS", -1),
                {**midnight_call("ICCS", 90), "source_id": "next"},
                restless("given_up", -10, answered=False),
            ],
        ),
    ],
    # A short state ends one that had lasted for days; a delivery leaves a gap in the span; the
    # other platform's row of a call begins on the next day; so does the recall of another.
    [
        ("lat_readiness", [interval(3, "OFF", 20, 21)]),
        ("alarm", [alarm_on(2, 9, delivered=9)]),
        ("call", [midnight_call("LIFEX", 0.5), restless("again", 5, answered=True)]),
    ],
    # The first state is long again; a delivery holds late rows only: its own date is a true zero;
    # the recall is taken back.
    [
        ("lat_readiness", [{**interval(3, "OFF", 20, 21), "revision": 2, "deleted": True}]),
        ("alarm", [alarm_on(3, 1, delivered=12)]),
        ("call", [{**restless("again", 5, answered=True), "revision": 2, "deleted": True}]),
    ],
]


def recalled(warehouse: Warehouse) -> float | None:
    """Recalls within 15 minutes on the day the steps are about."""
    number: float | None = warehouse.one(
        "select numerator from kpi_values where kpi_id = 'recall_15min' and kpi_version = 2"
        " and unit_id = 'NO' and segment = '113' and period_grain = 'day'"
        " and period_start = '2026-06-01'"
    )
    return number


@pytest.mark.slow
def test_changes_reach_beyond_the_dates_of_their_rows(tmp_path: Path) -> None:
    pieces = Warehouse(tmp_path / "pieces")
    for count in range(1, len(STEPS) + 1):
        for contract, rows in STEPS[count - 1]:
            write_batch(pieces.lake, contract, f"step_{count}", rows)
        if count == 1:
            pieces.build_all()  # is itself a load of everything
            assert recalled(pieces) == 0
            continue
        pieces.build_new()
        whole = Warehouse(tmp_path / f"whole_{count}")
        whole.lake.parent.mkdir()
        whole.lake.symlink_to(pieces.lake)
        whole.build_all()
        assert_same(whole, pieces)
        assert recalled(pieces) == (1 if count == 2 else 0)
    zero = "select value from kpi_values where kpi_id = 'incidents_per_1000' and unit_id = 'NO'"
    assert pieces.one(f"{zero} and period_grain = 'day' and period_start = '2026-06-12'") == 0
    assert pieces.one(f"{zero} and period_grain = 'day' and period_start = '2026-06-05'") is None
