"""Keys: which rows are one record, whatever order they are delivered in."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from orchestration.collisions import Collision, key_collisions
from tests.dbt_project.lake import Row, utc, write_batch
from tests.dbt_project.test_incremental import COMPARED_RECORDS, assert_same
from tests.dbt_project.warehouse import RECORDS, Warehouse


def alarm(source: str, number: int, central: str, **columns: Any) -> Row:
    received = utc(2026, 3, 28, 12, number)
    return {
        "source_system": "AMIS",
        "source_id": f"{number}",
        "_source": source,
        "incident_id": f"I{number}",
        "mission_id": f"{number}",
        "central_id": central,
        "received_at": received,
        "alerted_at": utc(2026, 3, 28, 12, number, 30),
        "at_scene_at": utc(2026, 3, 28, 12, number + 10),
        **columns,
    }


def call(source: str, number: int, central: str, **columns: Any) -> Row:
    ring = utc(2026, 3, 28, 11, number + 30)
    return {
        "source_id": f"{number}",
        "_source": source,
        "central_id": central,
        "ring_start_at": ring,
        "answered_at": utc(2026, 3, 28, 11, number + 30, 5),
        "ended_at": utc(2026, 3, 28, 11, number + 31),
        **columns,
    }


NORTH, WEST = "amk_tromso", "amk_bergen"
# Two regions with the same numbers, each with an id of its own space, in calls as in alarms.
ALIKE = {
    ("alarm", "north"): [
        alarm("north", n, NORTH, _key_scope="north", scene_municipality_code="5501")
        for n in (1, 2, 3)
    ],
    ("alarm", "west"): [
        alarm("west", n, WEST, _key_scope="west", scene_municipality_code="4601") for n in (1, 2)
    ],
    ("call", "north"): [
        call("north_calls", 1, NORTH, _key_scope="north_calls", chain_id="I1"),
        call("north_calls", 2, NORTH, _key_scope="north_calls", chain_id="I2", parent_call_id="1"),
    ],
    ("call", "west"): [
        call("west_calls", 1, WEST, _key_scope="west_calls", chain_id="I1"),
        call("west_calls", 2, WEST, _key_scope="west_calls", parent_call_id="1"),
    ],
    # One corrects a row of its own, whatever the other has under that number.
    ("alarm", "north_again"): [
        alarm("north", 1, NORTH, _key_scope="north", revision=2, deleted=True)
    ],
}


@pytest.mark.slow
def test_two_sources_with_ids_of_their_own_keep_both_their_rows(tmp_path: Path) -> None:
    whole = Warehouse(tmp_path / "whole")
    for (contract, batch), rows in ALIKE.items():
        write_batch(whole.lake, contract, batch, rows)
    whole.build_all()
    kept = whole.rows("select source_system, source_id, incident_id from fct_missions order by all")
    assert kept == [
        ("AMIS@north", "2", "I2"),
        ("AMIS@north", "3", "I3"),
        ("AMIS@west", "1", "I1"),
        ("AMIS@west", "2", "I2"),
    ]
    assert whole.one("select count(*) from fct_incidents") == 4
    # An id names a record of another's space only where both are of the same central.
    assert whole.rows(
        "select incident_source_system, incident_id, call_source_system, call_source_id, method"
        " from fct_chain_links order by all"
    ) == [
        ("AMIS@north", "I2", "ICCS@north_calls", "1", "PARENT"),
        ("AMIS@north", "I2", "ICCS@north_calls", "2", "IDENTIFIER"),
        ("AMIS@west", "I1", "ICCS@west_calls", "1", "IDENTIFIER"),
    ]
    # As a unit the system is one.
    level = "period_grain = 'year' and level = 'source_system' and segment = 'alarm'"
    assert whole.rows(
        f"select unit_id, n from kpi_values where kpi_id = 'dq_order' and {level}"
    ) == [("AMIS", 4)]
    assert key_collisions(whole.path, {}) == []

    names = list(ALIKE)
    for number, order in enumerate((names[::-1], names[2:] + names[:2])):
        pieces = Warehouse(tmp_path / f"pieces_{number}")
        for step, (contract, batch) in enumerate(order):
            write_batch(pieces.lake, contract, batch, ALIKE[contract, batch])
            if step == 0:
                pieces.build_all(RECORDS)
            elif step in (2, len(order) - 1):
                pieces.build_new(RECORDS)
        assert_same(whole, pieces, COMPARED_RECORDS)


SHARED = {
    "old": [alarm("old", n, WEST) for n in (1, 2)],
    "new": [alarm("new", n, WEST, revision=n) for n in (2, 3)],
    "third": [alarm("third", 3, WEST), alarm("third", 4, WEST)],
    "old_again": [alarm("old", 2, WEST, revision=3), alarm("old", 1, WEST, revision=2)],
}


@pytest.mark.slow
def test_a_key_of_two_sources_is_an_alarm_whatever_the_order(tmp_path: Path) -> None:
    whole = Warehouse(tmp_path / "whole")
    for batch, rows in SHARED.items():
        write_batch(whole.lake, "alarm", batch, rows)
    whole.build_all(RECORDS)
    found = [Collision("alarm", ("new", "old"), 1), Collision("alarm", ("new", "third"), 1)]
    assert key_collisions(whole.path, {}) == found
    assert key_collisions(whole.path, {"new": ["old"]}) == found[1:]
    assert key_collisions(whole.path, {"old": ["new"], "third": ["new"]}) == []

    stored = "select source_id, revision, _file_id, _sources from int_alarms__latest order by all"
    for number, order in enumerate(itertools.islice(itertools.permutations(SHARED), 1, None, 13)):
        pieces = Warehouse(tmp_path / f"pieces_{number}")
        for step, batch in enumerate(order):
            write_batch(pieces.lake, "alarm", batch, SHARED[batch])
            if step == 0:
                pieces.build_all(RECORDS)
            else:
                pieces.dbt("run", "-s", "path:models/staging", "path:models/intermediate")
        assert pieces.rows(stored) == whole.rows(stored), order


def test_a_collision_names_what_holds_the_release_back() -> None:
    sentence = Collision("alarm", ("region_nord", "region_vest"), 60).sentence
    for word in ("alarm", "region_nord", "region_vest", "60", "id_scope", "shares_keys_with"):
        assert word in sentence
    norwegian, english = sentence.split(" / ")
    assert "nøkler" in norwegian and "keys" in english
