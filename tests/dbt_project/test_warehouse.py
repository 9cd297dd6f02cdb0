"""Figures of a small world worked out by hand, and what the warehouse does with nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.registry import load_registry
from tests.dbt_project.lake import Row, utc, write_batch
from tests.dbt_project.warehouse import Warehouse, parsed

SATURDAY, SUNDAY = date(2026, 3, 28), date(2026, 3, 29)  # Sunday has 23 hours


def call(number: int, day: int, wait: float | None, **columns: Any) -> Row:
    ring = utc(2026, 3, day, 12, number)
    answered = None if wait is None else ring + timedelta(seconds=wait)
    return {
        "source_id": f"C{number}",
        "_source": "hdo_iccs_calls",
        "ring_start_at": ring,
        "answered_at": answered,
        "ended_at": ring + timedelta(seconds=60),
        "outcome": "ABANDONED" if wait is None else "ANSWERED",
        **columns,
    }


def alarm(number: int, day: int, **columns: Any) -> Row:
    received = utc(2026, 3, day, 12, number)
    return {
        "source_id": f"A{number}",
        "_source": "helse_sorost_alarms",
        "incident_id": f"I{number}",
        "mission_id": f"M{number}",
        "received_at": received,
        "alerted_at": received + timedelta(seconds=60),
        "en_route_at": received + timedelta(seconds=120),
        "at_scene_at": received + timedelta(seconds=600),
        **columns,
    }


CALLS = [
    call(1, 28, 10.0, chain_id="I1", parent_call_id="C5"),
    call(2, 28, 10.4),
    call(3, 28, None),
    call(4, 28, 5.0, is_test=True),
    call(5, 28, 20.0, service_line="116117", central_id="lvs_0301", transferred_to="amk_oslo",
         transfer_at=utc(2026, 3, 28, 12, 6)),
    # This central is on the other platform by March 2026.
    call(6, 28, 20.0, service_line="116117", central_id="lvs_1804", source_system="LIFEX",
         _source="hdo_lifex_calls"),
    call(7, 29, 3.0),
    call(8, 29, 3.0, central_id="amk_unheard_of"),
]  # fmt: skip
ALARMS = [
    alarm(1, 28),
    alarm(2, 28, scene_municipality_code="9999"),  # no such place
    alarm(3, 28, scene_municipality_code="1601"),  # Trondheim's code until 2018
    alarm(4, 29),
    alarm(5, 28, scene_municipality_code="4601", central_id="amk_bergen",
          _source="helse_vest_alarms", urgency_first="YELLOW"),
]  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    warehouse = Warehouse(tmp_path_factory.mktemp("small"))
    write_batch(warehouse.lake, "call", "one", CALLS)
    write_batch(warehouse.lake, "call", "empty", [])
    write_batch(warehouse.lake, "call", ".unfinished", [call(9, 28, 1.0)])
    write_batch(warehouse.lake, "alarm", "one", ALARMS)
    warehouse.build_from_nothing()
    yield warehouse


def cell(warehouse: Warehouse, kpi_id: str, unit_id: str, **keys: Any) -> tuple[Any, ...]:
    """numerator, denominator, n, value, coverage, status of one cell, by the newest definition."""
    wanted = {"period_grain": "day", "period_start": SATURDAY, **keys}
    where = " and ".join(f"{name} = '{value}'" for name, value in wanted.items())
    (row,) = warehouse.rows(
        "select numerator, denominator, n, value, coverage, status from kpi_values "
        f"where kpi_id = '{kpi_id}' and unit_id = '{unit_id}' and {where} "
        f"and kpi_version = (select max(version) from kpi_registry where kpi_id = '{kpi_id}')"
    )
    return row


def test_the_two_statutory_shares_have_different_denominators(small: Warehouse) -> None:
    assert cell(small, "c113_within_10s", "amk_oslo") == (1, 2, 2, 50.0, 1.0, "ok")
    offered = cell(small, "c113_within_10s_offered", "amk_oslo")
    assert offered == (1, 3, 3, pytest.approx(100 / 3), 1.0, "ok")
    assert cell(small, "c116117_within_2min", "lvs_0301") == (1, 1, 1, 100.0, 1.0, "ok")


def test_percentiles_interpolate_and_the_mean_shows_its_sum(small: Warehouse) -> None:
    median = cell(small, "answer_time_median", "amk_oslo", segment="113")
    assert median == (None, None, 2, pytest.approx(10.2), 1.0, "ok")
    mean = cell(small, "answer_time_mean", "amk_oslo", segment="113")
    assert mean == (pytest.approx(20.4), None, 2, pytest.approx(10.2), 1.0, "ok")


def test_an_unregistered_central_counts_nationally_as_unknown(small: Warehouse) -> None:
    unknown = cell(small, "calls_offered", "UNKNOWN", period_start=SUNDAY, level="central")
    assert unknown[3] == 1
    assert cell(small, "calls_offered", "NO", period_start=SUNDAY, segment="113")[3] == 2


def test_unregistered_units_are_not_divided_by_the_people_of_the_country(small: Warehouse) -> None:
    assert cell(small, "calls_per_1000", "NO", segment="113")[5] == "ok"
    # On Sunday half of the calls are from a central without people of its own.
    nobody = (2, None, 2, None, 1.0, "no_denominator")
    assert cell(small, "calls_per_1000", "NO", segment="113", period_start=SUNDAY) == nobody
    oslo = cell(small, "calls_per_1000", "amk_oslo", segment="113", period_start=SUNDAY)
    assert (oslo[0], oslo[5]) == (1, "ok")
    unknown = cell(small, "calls_per_1000", "UNKNOWN", level="central", period_start=SUNDAY)
    assert unknown[5] == "no_denominator"


def test_zero_only_where_the_units_own_source_delivered(small: Warehouse) -> None:
    ok, missing = (0, None, 0, 0, 1.0, "ok"), (None, None, 0, None, None, "no_data")
    assert cell(small, "calls_offered", "lvs_0301", period_start=SUNDAY) == ok
    assert cell(small, "calls_offered", "lvs_1804", period_start=SUNDAY) == missing
    assert cell(small, "incidents_per_1000", "vest", period_start=SUNDAY)[3:] == (
        None,
        None,
        "no_data",
    )
    assert cell(small, "incidents_per_1000", "amk_oslo", period_start=SUNDAY)[2] == 1
    assert cell(small, "incidents_per_1000", "amk_vestre_viken", period_start=SUNDAY)[3] == 0
    assert cell(small, "incidents_per_1000", "midt", period_start=SUNDAY)[5] == "no_data"


def test_person_years_cover_the_days_of_the_span(small: Warehouse) -> None:
    population = small.one("select sum(population) from municipality_population where year = 2026")
    day = cell(small, "incidents_per_1000", "NO")
    assert day[1] == pytest.approx(population / 365)
    assert day[3] == pytest.approx(4 * 1000 * 365 / population)
    year = cell(small, "incidents_per_1000", "NO", period_grain="year", period_start="2026-01-01")
    assert year[1] == pytest.approx(population * 2 / 365)


def test_person_years_count_the_days_delivered_and_not_those_between(tmp_path: Path) -> None:
    def delivered(number: int, day: int, **columns: Any) -> Row:
        return alarm(number, day, _delivered_on=date(2026, 3, day), **columns)

    vest = {"central_id": "amk_bergen", "_source": "helse_vest_alarms"}
    first = [delivered(1, 28), delivered(2, 28, scene_municipality_code="4601", **vest)]
    later = [[delivered(3, 31)], [delivered(4, 29)]]  # Monday the 30th never comes
    pieces, whole = Warehouse(tmp_path / "pieces"), Warehouse(tmp_path / "whole")
    write_batch(pieces.lake, "alarm", "first", first)
    pieces.build_all()
    for number, rows in enumerate(later):
        write_batch(pieces.lake, "alarm", f"later_{number}", rows)
        pieces.build_new()
    whole.lake.parent.mkdir()
    whole.lake.symlink_to(pieces.lake)
    whole.build_all()

    def days(unit: str, **keys: Any) -> float:
        """Person-years as days of the unit's population."""
        people = whole.one(
            f"select population from dim_population where unit_id = '{unit}' and year_number = 2026"
            " and valid_from = '2026-01-01'"
        )
        year = {"period_grain": "year", "period_start": "2026-01-01", **keys}
        denominators = {cell(w, "missions_per_1000", unit, **year)[1] for w in (whole, pieces)}
        assert len(denominators) == 1
        return float(denominators.pop() * 365 / people)

    assert days("NO") == pytest.approx(3)
    assert days("sorost") == pytest.approx(3)
    assert days("vest") == pytest.approx(1)  # by its own source
    assert days("amk_bergen") == pytest.approx(1)
    monday = {"period_grain": "day", "period_start": date(2026, 3, 30)}
    assert cell(whole, "missions_per_1000", "NO", **monday)[5] == "no_data"


def test_what_a_source_does_not_say_is_no_data_and_not_zero(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    silent = {"central_id": "amk_bergen", "_source": "helse_vest_alarms"}
    write_batch(warehouse.lake, "alarm", "old", [alarm(1, 28), alarm(2, 28)])
    said = alarm(3, 28, cancelled_at=utc(2026, 3, 28, 12, 5), at_scene_at=None)
    write_batch(warehouse.lake, "alarm", "said", [{**said, "_unmapped": "|cancel_reason|"}])
    rows = [alarm(n, 28, _unmapped="|cancelled_at|cancel_reason|", **silent) for n in (4, 5)]
    write_batch(warehouse.lake, "alarm", "silent", rows)
    quiet = [{**c, "_unmapped": "|transferred_to|transfer_at|"} for c in CALLS[:3]]
    write_batch(warehouse.lake, "call", "quiet", quiet)
    # A base whose source tells of missions and reasons, and one whose source does not.
    nothing = "|mission_type|patients|landed_at|left_scene_at|"
    flown = {"airborne_at": utc(2026, 3, 28, 12, 5), "at_scene_at": utc(2026, 3, 28, 12, 20)}
    told = {
        "left_scene_at": utc(2026, 3, 28, 12, 40),
        "landed_at": utc(2026, 3, 28, 13),
        "mission_type": "PRIMARY",
        "patients": 2,
    }
    request = {"requested_at": utc(2026, 3, 28, 12)}
    for base, batch in (("heli_al", "told"), ("heli_tromso", "untold")):
        own = {**request, "base_id": base, **({"_unmapped": nothing} if batch == "untold" else {})}
        missions = [
            {**own, **flown, **(told if batch == "told" else {}), "source_id": f"{base}_1"},
            {**own, "source_id": f"{base}_2", "outcome": "DECLINED", "vehicle": "CAR"},
        ]
        write_batch(warehouse.lake, "lat_request", batch, missions)
        silent_hours = {"_unmapped": "|reason|"} if batch == "untold" else {}
        hours = {"start_at": utc(2026, 3, 28, 12), "end_at": utc(2026, 3, 28, 14), **silent_hours}
        hours |= {"base_id": base, "resource_id": base, "reason": None}
        states = [
            {**hours, "source_id": f"{base}_{state}", "state": state, "attribution": owner}
            for state, owner in (("PLANNED", None), ("OFF", "OPERATOR"))
        ]
        write_batch(warehouse.lake, "lat_readiness", batch, states)
    warehouse.build_all()
    assert cell(warehouse, "cancelled_share", "amk_bergen") == (0, 0, 0, None, 0.0, "no_data")
    assert cell(warehouse, "cancelled_share", "amk_oslo")[:2] == (1, 3)
    # For the country it is about those who say, and the coverage tells how many they are.
    country = cell(warehouse, "cancelled_share", "NO")
    assert country == (1, 3, 3, pytest.approx(100 / 3), pytest.approx(3 / 5), "ok")
    assert cell(warehouse, "transfer_113_to_116117", "amk_oslo")[3:] == (None, 0.0, "no_data")
    types = cell(warehouse, "lat_primary_missions", "heli_tromso", segment="HELI")
    assert types == (0, 0, 0, None, 0.0, "no_data")
    for kpi, segment in (
        ("lat_patients", "HELI"),
        ("lat_patients", "CAR"),
        ("lat_flights", "HELI"),
    ):
        nobody = cell(warehouse, kpi, "heli_tromso", segment=segment)
        assert nobody == (None, None, 0, None, 0.0, "no_data"), (kpi, segment)
    hours = cell(warehouse, "lat_flight_hours", "heli_tromso", segment="HELI")
    assert hours == (None, None, 0, None, 0.0, "no_data")
    # Who tells, and what is zero: no mission of the car, and no request in Bergen.
    assert cell(warehouse, "lat_patients", "heli_al", segment="HELI") == (2, None, 2, 2, 1, "ok")
    of_type = cell(warehouse, "lat_primary_missions", "NO", segment="HELI")
    assert of_type == (1, 1, 1, 100, 0.5, "ok")
    assert cell(warehouse, "lat_patients", "heli_al", segment="CAR")[3:] == (0, 1, "ok")
    assert cell(warehouse, "lat_patients", "heli_bergen", segment="HELI")[3:] == (0, 1, "ok")
    flown_hours = cell(warehouse, "lat_flight_hours", "NO", segment="HELI")
    assert flown_hours == (pytest.approx(35 / 60), None, 1, pytest.approx(35 / 60), 0.5, "ok")
    assert cell(warehouse, "lat_missions", "NO", segment="HELI")[3] == 2
    lost = cell(warehouse, "lat_crew_down_h", "heli_tromso", segment="HELI")
    assert (lost[3], lost[5]) == (None, "no_data")
    assert cell(warehouse, "lat_down_h", "heli_tromso", segment="HELI")[3] == 2
    assert cell(warehouse, "lat_operator_attributed_h", "heli_tromso", segment="HELI")[3] == 2


def test_places_that_cannot_be_resolved_are_unknown_without_a_denominator(small: Warehouse) -> None:
    unknown = cell(small, "incidents_per_1000", "UNKNOWN", level="county")
    assert unknown == (1, None, 1, None, 1.0, "no_denominator")
    assert cell(small, "red_share", "5001")[3] == 100.0
    assert cell(small, "dq_geo_unknown", "NO") == (1, 4, 4, 25.0, 1.0, "ok")


def test_a_changed_urgency_leaves_the_response_time_and_is_said(small: Warehouse) -> None:
    assert cell(small, "resp_urgency_changed", "amk_bergen")[:4] == (1, 1, 1, 100.0)
    assert cell(small, "resp_coverage", "amk_bergen")[5] == "no_data"
    assert cell(small, "resp_urban_12", "amk_bergen")[5] == "no_data"
    assert cell(small, "resp_median", "amk_oslo", level="central")[3] == 10.0


def test_the_chain_reaches_back_to_the_first_call(small: Warehouse) -> None:
    links = small.rows("select call_source_id, method from fct_chain_links order by all")
    assert links == [("C1", "IDENTIFIER"), ("C5", "PARENT")]
    assert cell(small, "chain_link_rate", "NO")[:2] == (1, 4)
    assert cell(small, "chain_ring_to_scene_p90", "NO")[2:4] == (1, 10.0)


def test_only_registered_kpis_levels_and_segments(small: Warehouse) -> None:
    assert small.one("select count(*) from kpi_registry") == len(load_registry().kpis)
    strangers = small.one(
        "select count(*) from kpi_values v left join kpi_registry k"
        " on k.kpi_id = v.kpi_id and k.version = v.kpi_version where k.kpi_id is null"
        " or not list_contains(string_split(k.levels, '|'), v.level)"
        " or not list_contains(string_split(k.segments, '|'), v.segment)"
    )
    assert strangers == 0


def test_an_empty_batch_is_taken_in_once_and_an_unfinished_one_never(small: Warehouse) -> None:
    taken = small.rows(
        "select batch_id, sum(row_count) from ops.load_log where contract = 'call' group by 1"
    )
    assert sorted(taken) == [("empty", 0), ("one", 8)]


def test_docs_are_one_file(small: Warehouse) -> None:
    small.dbt("docs", "generate", "--static")
    page = small.home / "target" / "static_index.html"
    assert "kpi_values" in page.read_text(encoding="utf-8")


def test_a_producer_rebuilt_alone_stops_its_followers(small: Warehouse, tmp_path: Path) -> None:
    copy = Warehouse(tmp_path)
    copy.path.write_bytes(small.path.read_bytes())
    (tmp_path / "lake").symlink_to(small.lake)
    copy.dbt("run", "--full-refresh", "-s", "stg_lake__alarms", "int_alarms__latest")
    with pytest.raises(AssertionError, match="--full-refresh"):
        copy.build_new()


def test_nothing_in_the_lake_builds(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.build_all()
    assert warehouse.one("select count(*) from kpi_values") == 0
    write_batch(warehouse.lake, "call", "one", CALLS)
    warehouse.build_new()
    assert cell(warehouse, "c113_within_10s", "amk_oslo")[3] == 50.0
    assert cell(warehouse, "calls_offered", "amk_oslo", segment="113")[3] == 3


@pytest.mark.slow
def test_dbt_unit_tests_hold(small: Warehouse) -> None:
    results = small.dbt("test", "-s", "test_type:unit").results
    tests = [result for result in results if result.node.resource_type == "unit_test"]
    assert len(tests) >= 8
    assert all(result.status == "pass" for result in tests)


def test_the_unit_test_of_limits_gives_every_input() -> None:
    """What is not given would be read from whatever warehouse there is."""
    manifest = parsed()
    (test,) = (t for t in manifest.unit_tests.values() if t.name == "limits_as_published")
    given = set(
        re.findall(r"ref\('(\w+)'\)", " ".join(str(fixture.input) for fixture in test.given))
    )
    model = manifest.nodes["model.akuttkjede.kpi_values"]
    read = {name.rpartition(".")[2] for name in model.depends_on.nodes}
    assert given == read
