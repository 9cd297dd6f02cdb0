"""What was accepted can be taken back: one more increment, equal to a full build without it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestration.collisions import key_collisions
from tests.dbt_project.lake import Row, withdraw, write_batch
from tests.dbt_project.test_incremental import (
    COMPARED_RECORDS,
    all_batches,
    assert_same,
    interval,
    land,
    rows_apart,
)
from tests.dbt_project.test_keys import WEST, alarm
from tests.dbt_project.warehouse import RECORDS, Warehouse
from tests.dbt_project.world import make_world


def built_whole(pieces: Warehouse, home: Path, only: Sequence[str] = ()) -> Warehouse:
    """Everything the pieces have, built from nothing."""
    whole = Warehouse(home)
    whole.lake.parent.mkdir()
    whole.lake.symlink_to(pieces.lake)
    whole.build_all(only)
    return whole


def file_of(batch_id: str) -> str:
    return f"{batch_id:>16}"[-16:]


@pytest.mark.slow
def test_withdrawals_in_any_order_equal_one_full_load(tmp_path: Path) -> None:
    """Batches of every record type are taken back, some in the load that brings others."""
    world = make_world(3)
    names = all_batches(world)
    rng = random.Random(3)
    rng.shuffle(names)
    gone = names[::4]
    kept = [name for name in names if name not in gone]

    without = Warehouse(tmp_path / "without")
    land(without, world, kept)
    without.build_all()

    pieces = Warehouse(tmp_path / "pieces")
    land(pieces, world, names[:12])
    pieces.build_all()
    land(pieces, world, names[12:24])
    take_back(pieces, [name for name in gone if name in names[:12]][::2], "first")
    pieces.build_new()
    land(pieces, world, names[24:])
    pieces.build_new()
    take_back(pieces, [n for n in gone if not is_taken_back(pieces, n)], "second")
    pieces.build_new()
    # What was withdrawn leaves no trace in any figure: as if it had never been delivered.
    assert_same(without, pieces)
    assert_same(built_whole(pieces, tmp_path / "whole"), pieces)
    pieces.dbt("test", "-s", "path:models/intermediate")
    before = pieces.arrow("from kpi_values")
    pieces.build_new()
    assert rows_apart(before, pieces.arrow("from kpi_values")) == ([], [])


def take_back(warehouse: Warehouse, names: list[tuple[str, str]], when: str) -> None:
    for contract, batch in names:
        withdraw(warehouse.lake, contract, f"{when}_{batch}", [(batch, file_of(batch))])


def is_taken_back(warehouse: Warehouse, name: tuple[str, str]) -> bool:
    return (warehouse.lake / name[0] / f"first_{name[1]}").exists()


# A first delivery, a correction under a wrong map with a record of its own on the last day, and
# the same file read again under the right one.
FIRST = [alarm("west", n, WEST) for n in (1, 2)]
WRONG = [alarm("west", 1, WEST, revision=2, urgency_last="GREEN"), alarm("west", 3, WEST)]
RIGHT = [alarm("west", 1, WEST, revision=2, urgency_last="YELLOW")]


def urgencies(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        "select source_id, urgency_last, _sources from int_alarms__latest order by all"
    )


@pytest.mark.slow
def test_an_earlier_revision_comes_back_and_a_remap_replaces(tmp_path: Path) -> None:
    pieces = Warehouse(tmp_path / "pieces")
    later = {"_delivered_on": FIRST[0]["received_at"].date().replace(day=30)}
    write_batch(pieces.lake, "alarm", "first", FIRST)
    write_batch(pieces.lake, "alarm", "wrong", [{**row, **later} for row in WRONG])
    write_batch(pieces.lake, "alarm", "stranger", [alarm("stranger", 2, WEST)])
    write_batch(pieces.lake, "lat_readiness", "hours", HOURS)
    pieces.build_all()
    assert urgencies(pieces) == [
        ("1", "GREEN", "west"),
        ("2", "RED", "stranger,west"),
        ("3", "RED", "west"),
    ]
    last = (
        "select max(period_start) from kpi_values"
        " where period_grain = 'day' and kpi_id = 'incidents_per_1000'"
    )
    assert str(pieces.one(last)) == "2026-03-30"

    withdraw(pieces.lake, "alarm", "back", [("wrong", file_of("wrong"))])
    # The end of a long state is withdrawn: it runs on again.
    withdraw(pieces.lake, "lat_readiness", "back", [("hours", file_of("hours"))])
    pieces.build_new()
    assert urgencies(pieces) == [("1", "RED", "west"), ("2", "RED", "stranger,west")]
    # The delivery counts no more: nothing is expected after the last that stands.
    assert str(pieces.one(last)) == "2026-03-28"
    assert_same(built_whole(pieces, tmp_path / "whole_1", RECORDS), pieces, COMPARED_RECORDS)

    # A remap is one folder: what it takes back, and what it gives instead.
    withdraw(pieces.lake, "alarm", "stranger_back", [("stranger", file_of("stranger"))])
    write_batch(pieces.lake, "alarm", "remap", [{**row, **later} for row in RIGHT])
    pieces.build_new()
    assert urgencies(pieces) == [("1", "YELLOW", "west"), ("2", "RED", "west")]
    assert key_collisions(pieces.path, {}) == []
    assert_same(built_whole(pieces, tmp_path / "whole_2", RECORDS), pieces, COMPARED_RECORDS)
    remap_again = [{**row, **later, "urgency_last": "RED"} for row in RIGHT]
    write_batch(pieces.lake, "alarm", "remap_2", remap_again)
    withdraw(pieces.lake, "alarm", "remap_2", [("remap", file_of("remap"))])
    pieces.build_new()
    assert urgencies(pieces) == [("1", "RED", "west"), ("2", "RED", "west")]
    assert_same(built_whole(pieces, tmp_path / "whole_3"), pieces)


HOURS: list[Row] = [interval(1, "PLANNED", 0, 48), interval(2, "READY", 0, 40)]
