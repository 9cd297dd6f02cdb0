"""The truth against cases small enough to work out by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from ingestion.synthetic.frames import STAMPS
from ingestion.synthetic.reference import SEEDS
from ingestion.synthetic.truth import air, calls, incidents, quality
from ingestion.synthetic.truth.book import compared
from ingestion.synthetic.truth.places import Places, load_places, person_years
from tests.ingestion.synthetic.conftest import Run

DAY = dt.date(2026, 1, 14)  # a Wednesday; the ISO week starts on the 12th
NOON = dt.datetime(2026, 1, 14, 11, 0)
DATES = pl.DataFrame({"date": [DAY]})
FLAGS = dict.fromkeys(("has_missing_warning", "has_order_warning", "has_timing_warning"), False)


@pytest.fixture(scope="module")
def places() -> Places:
    return load_places(SEEDS)


def _rows(contract: str, rows: list[dict[str, Any]], defaults: dict[str, Any]) -> pl.DataFrame:
    """Records; stamps are given as seconds after noon UTC."""
    filled = []
    for number, row in enumerate(rows):
        record = {**dict.fromkeys(STAMPS[contract]), **defaults, **FLAGS, **row}
        record.setdefault("source_id", f"r{number}")
        record.setdefault("_day", (DAY - dt.date(1970, 1, 1)).days)
        filled.append(record)
    frame = pl.DataFrame(filled, infer_schema_length=None)
    return frame.with_columns(
        (pl.lit(NOON) + pl.duration(milliseconds=pl.col(name).cast(pl.Float64) * 1000))
        .dt.cast_time_unit("ms")
        .alias(name)
        for name in STAMPS[contract]
    )


def _figure(figures: pl.DataFrame, kpi: str, **where: Any) -> dict[str, Any]:
    """The one row of a figure; national and by day unless told otherwise."""
    wanted = {"unit_id": "NO", "level": "national", "period_grain": "day", **where}
    condition = pl.col("kpi_id") == kpi
    for column, value in wanted.items():
        condition &= pl.col(column) == value
    rows = figures.filter(condition)
    assert rows.height == 1, (kpi, rows)
    return rows.row(0, named=True)


# --- calls ---------------------------------------------------------------------------------------

CALL = {
    "central_id": "amk_oslo",
    "service_line": "113",
    "direction": "INBOUND",
    "channel": "VOICE",
    "outcome": "ANSWERED",
    "is_test": False,
    "transferred_to": None,
    "ring_start_at": 0,
}


@pytest.fixture(scope="module")
def emergency(places: Places) -> pl.DataFrame:
    rows = _rows(
        "call",
        [
            {"answered_at": 4, "ended_at": 104},
            {"answered_at": 10, "ended_at": 70},  # on the limit: in time
            {"answered_at": 10.001, "ended_at": 40.001},  # just over it
            {"answered_at": -3, "ended_at": 60, "has_timing_warning": True},
            {"outcome": "ABANDONED", "ended_at": 4.999},
            {"outcome": "ABANDONED", "ended_at": 5},
            # Out of scope:
            {"answered_at": 1, "ended_at": 2, "is_test": True},
            {"answered_at": 1, "ended_at": 2, "direction": "OUTBOUND"},
            {"answered_at": 1, "ended_at": 2, "channel": "SMS"},
            {"answered_at": 1, "ended_at": 2, "service_line": "ADMIN"},
            {"outcome": "TECHNICAL", "ended_at": 2},
        ],
        CALL,
    )
    return calls.call_figures(calls.thin(rows), places, DATES)


@pytest.mark.parametrize(
    ("kpi", "numerator", "denominator", "n", "coverage", "value"),
    [
        ("calls_offered", 6, None, 6, 1, 6),
        # 4 s and 10 s of the three answered calls with valid times; four were answered.
        ("c113_within_10s", 2, 3, 3, 3 / 4, 200 / 3),
        ("c113_within_10s_offered", 2, 5, 5, 5 / 6, 40),
        ("unanswered_share", 2, 6, 6, 1, 100 / 3),
        ("short_abandon_share", 1, 6, 6, 1, 100 / 6),
        ("answer_time_median", None, None, 3, 3 / 4, 10),
        # Linear interpolation: position 0.9 × 2 = 1.8 between 10 and 10.001.
        ("answer_time_p90", None, None, 3, 3 / 4, 10.0008),
        ("answer_time_mean", 24.001, None, 3, 3 / 4, 24.001 / 3),
        ("handling_time_median", None, None, 3, 3 / 4, 60),
    ],
)
def test_calls_to_113(
    emergency: pl.DataFrame,
    kpi: str,
    numerator: float | None,
    denominator: float | None,
    n: float,
    coverage: float,
    value: float,
) -> None:
    row = _figure(emergency, kpi, segment="113")
    assert row["numerator"] == pytest.approx(numerator) or row["numerator"] is numerator
    assert row["denominator"] == pytest.approx(denominator) or row["denominator"] is denominator
    assert row["n"] == n
    assert row["coverage"] == pytest.approx(coverage)
    assert row["value"] == pytest.approx(value)


def test_calls_at_every_level_and_period(emergency: pl.DataFrame) -> None:
    starts = {"week": (2026, 1, 12), "month": (2026, 1, 1), "quarter": (2026, 1, 1)}
    for grain, start in {**starts, "year": (2026, 1, 1)}.items():
        row = _figure(emergency, "c113_within_10s", segment="113", period_grain=grain)
        assert row["period_start"] == dt.date(*start)
        assert row["n"] == 3
    for level, unit in (("central", "amk_oslo"), ("region", "sorost")):
        row = _figure(emergency, "answer_time_p90", segment="113", level=level, unit_id=unit)
        assert row["value"] == pytest.approx(10.0008)
    silent = _figure(
        emergency, "calls_offered", segment="113", level="central", unit_id="amk_bergen"
    )
    assert silent["value"] == 0


def test_calls_to_116117_start_after_the_menu(places: Places) -> None:
    rows = _rows(
        "call",
        [
            {"menu_end_at": 30, "answered_at": 150, "ended_at": 400},  # 120 s: in time
            {"menu_end_at": 30, "answered_at": 151, "ended_at": 400},  # 121 s: not
            {"service_line": "LOCAL8", "answered_at": 601, "ended_at": 700},  # no menu
            {"menu_end_at": 30, "outcome": "ABANDONED", "ended_at": 61},  # 31 s
            {"menu_end_at": 30, "outcome": "ABANDONED", "ended_at": 60},  # 30 s: not over
            {"outcome": "ABANDONED", "ended_at": None, "has_missing_warning": True},
            {
                "answered_at": 5,
                "ended_at": 90,
                "transfer_at": 60,
                "transferred_to": "amk_bergen",
            },
            {
                "answered_at": 5,
                "ended_at": 90,
                "transfer_at": 60,
                "transferred_to": "lvs_1101",
            },
        ],
        {**CALL, "service_line": "116117", "central_id": "lvs_0301"},
    )
    figures = calls.call_figures(calls.thin(rows), places, DATES)
    within = _figure(figures, "c116117_within_2min", segment="116117")
    assert (within["numerator"], within["denominator"]) == (3, 8)
    assert _figure(figures, "c116117_within_10min", segment="116117")["numerator"] == 4
    gone = _figure(figures, "abandoned_gt30s", segment="116117")
    assert (gone["numerator"], gone["denominator"]) == (1, 7)
    assert gone["coverage"] == pytest.approx(7 / 8)
    passed = _figure(figures, "transfer_116117_to_113", segment="116117")
    assert (passed["numerator"], passed["denominator"]) == (1, 5)


def test_an_unknown_central_is_counted_as_unknown(places: Places) -> None:
    rows = _rows("call", [{"answered_at": 4, "ended_at": 9, "central_id": "nowhere"}], CALL)
    figures = calls.call_figures(calls.thin(rows), places, DATES)
    for level in ("central", "region"):
        row = _figure(figures, "calls_offered", segment="113", level=level, unit_id="UNKNOWN")
        assert row["value"] == 1


def test_video_against_answered_calls(places: Places) -> None:
    rows = _rows("call", [{"answered_at": 4, "ended_at": 9}] * 8, CALL)
    sessions = _rows(
        "video_session",
        [
            {"connected_at": 20},
            {"connected_at": 50},
            {"connected_at": 5, "has_timing_warning": True},
            {"status": "FAILED"},
        ],
        {"central_id": "amk_oslo", "status": "CONNECTED", "link_sent_at": 0},
    )
    figures = calls.video_figures(calls.thin_video(sessions), calls.thin(rows), places)
    assert _figure(figures, "video_per_100_calls")["value"] == pytest.approx(37.5)
    assert _figure(figures, "video_connect_rate")["value"] == pytest.approx(75)
    setup = _figure(figures, "video_setup_median")
    assert (setup["value"], setup["coverage"]) == (35, pytest.approx(2 / 3))


# --- missions and incidents ----------------------------------------------------------------------

MISSION = {
    "source_system": "AMIS",
    "central_id": "amk_bergen",
    "scene_municipality_code": "4601",  # urban
    "mission_type": "ACUTE",
    "unit_type": "CAR",
    "urgency_first": "RED",
    "urgency_last": "RED",
    "received_at": 0,
    "alerted_at": 60,
    "en_route_at": 120,
}


@pytest.fixture(scope="module")
def missions() -> pl.DataFrame:
    rows = [
        # a: two cars; the first there counts, 720 s is in time.
        {"incident_id": "a", "at_scene_at": 900, "alerted_at": 60},
        {"incident_id": "a", "at_scene_at": 720, "alerted_at": 90, "en_route_at": 190},
        # b: not in time; the cancelled car does not count, and has no turnout.
        {"incident_id": "b", "at_scene_at": 721},
        {"incident_id": "b", "cancelled_at": 100, "en_route_at": None},
        # c: one of its cars lacks the arrival, so the incident is not eligible.
        {"incident_id": "c", "at_scene_at": 300},
        {"incident_id": "c", "at_scene_at": None, "has_missing_warning": True},
        # d: urgency changed.
        {"incident_id": "d", "at_scene_at": 300, "urgency_first": "YELLOW"},
        # e: rural, 1500 s is in time; only the helicopter was there before.
        {"incident_id": "e", "at_scene_at": 1500, "scene_municipality_code": "4650"},
        {
            "incident_id": "e",
            "at_scene_at": 600,
            "unit_type": "HELI",
            "scene_municipality_code": "4650",
        },
        # f: yellow; g: unknown urgency and unknown place; h: an exercise, not an incident.
        {"incident_id": "f", "urgency_first": "YELLOW", "urgency_last": "YELLOW", "at_scene_at": 9},
        {
            "incident_id": "g",
            "urgency_first": "UNKNOWN",
            "urgency_last": "UNKNOWN",
            "scene_municipality_code": "1507",
            "at_scene_at": 500,
        },
        {"incident_id": "h", "mission_type": "EXERCISE", "at_scene_at": 1},
    ]
    return incidents.thin_missions(_rows("alarm", rows, MISSION))


@pytest.mark.parametrize(
    ("kpi", "numerator", "denominator", "coverage", "value"),
    [
        # Five red of the six whose urgency is known; seven incidents.
        ("red_share", 5, 6, 6 / 7, 500 / 6),
        ("resp_urban_12", 1, 2, 2 / 3, 50),
        ("resp_rural_25", 1, 1, 1, 100),
        ("resp_coverage", 3, 5, 1, 60),
        # One of the eleven counted missions was called off before the scene.
        ("cancelled_share", 1, 11, 1, 100 / 11),
    ],
)
def test_shares_of_incidents(
    missions: pl.DataFrame,
    places: Places,
    kpi: str,
    numerator: float,
    denominator: float,
    coverage: float,
    value: float,
) -> None:
    figures = incidents.alarm_figures(missions, places, DAY, DAY)
    row = _figure(figures, kpi)
    assert (row["numerator"], row["denominator"]) == (numerator, denominator)
    assert row["coverage"] == pytest.approx(coverage)
    assert row["value"] == pytest.approx(value)


def test_intervals_of_incidents(missions: pl.DataFrame, places: Places) -> None:
    figures = incidents.alarm_figures(missions, places, DAY, DAY)
    # Response: 720, 721 and 1500 s of a base of four (a, b, c, e).
    median = _figure(figures, "resp_median")
    assert (median["n"], median["coverage"]) == (3, 0.75)
    assert median["value"] == pytest.approx(721 / 60)
    assert _figure(figures, "resp_p90")["value"] == pytest.approx((721 + 0.8 * 779) / 60)
    dispatch = _figure(figures, "dispatch_interval")
    assert (dispatch["n"], dispatch["value"]) == (7, 60)
    # Nine cars that left (60 s, one of them 100 s); the tenth was called off before.
    turnout = _figure(figures, "turnout_p90")
    assert (turnout["n"], turnout["coverage"]) == (9, 1)
    assert turnout["value"] == pytest.approx(60 + 0.2 * 40)


def test_incidents_are_placed(missions: pl.DataFrame, places: Places) -> None:
    figures = incidents.alarm_figures(missions, places, DAY, DAY)
    for level, unit, count in (
        ("municipality", "4601", 5),
        ("municipality", "4650", 1),
        ("municipality", "UNKNOWN", 1),
        ("county", "46", 6),
        ("health_trust", "helse_bergen", 5),
        ("central", "amk_bergen", 7),
    ):
        row = _figure(figures, "incidents_per_1000", level=level, unit_id=unit)
        assert row["numerator"] == count, (level, unit)
    unplaced = _figure(figures, "incidents_per_1000", level="region", unit_id="UNKNOWN")
    assert (unplaced["denominator"], unplaced["value"]) == (None, None)


def test_person_years_count_days(missions: pl.DataFrame, places: Places) -> None:
    people = 5_627_400  # 1 January 2026
    figures = incidents.alarm_figures(missions, places, DAY, DAY + dt.timedelta(days=1))
    by_day = _figure(figures, "incidents_per_1000", period_start=DAY)
    assert by_day["denominator"] == pytest.approx(people / 365)
    assert by_day["value"] == pytest.approx(7 / (people / 365) * 1000)
    month = _figure(figures, "incidents_per_1000", period_grain="month")
    assert month["denominator"] == pytest.approx(2 * people / 365)
    whole = person_years(places, dt.date(2024, 1, 1), dt.date(2024, 12, 31))
    year = whole.filter((pl.col("level") == "national") & (pl.col("period_grain") == "year"))
    assert year["denominator"].item() == pytest.approx(5_550_203)


def test_the_chain_starts_with_the_first_call(missions: pl.DataFrame, places: Places) -> None:
    rows = _rows(
        "call",
        [
            {"source_id": "p", "ring_start_at": -400, "transferred_to": "amk_bergen"},
            {"source_id": "q", "ring_start_at": -100, "chain_id": "a", "parent_call_id": "p"},
            {"source_id": "r", "ring_start_at": -60, "chain_id": "b"},
            {
                "source_id": "s",
                "ring_start_at": -60,
                "chain_id": "e",
                "has_timing_warning": True,
            },
            {"source_id": "t", "ring_start_at": -60, "chain_id": "f"},
        ],
        {**CALL, "chain_id": None, "parent_call_id": None},
    )
    figures = incidents.chain_figures(missions, incidents.thin_links(rows), places)
    linked = _figure(figures, "chain_link_rate")
    assert (linked["numerator"], linked["denominator"]) == (3, 5)
    ring_to_scene = _figure(figures, "chain_ring_to_scene_p90")
    # a: 720 + 400 s by way of the first call; b: 721 + 60 s; e has no valid ring time.
    assert (ring_to_scene["n"], ring_to_scene["coverage"]) == (2, pytest.approx(2 / 5))
    assert ring_to_scene["value"] == pytest.approx((781 + 0.9 * (1120 - 781)) / 60)


# --- air ambulance -------------------------------------------------------------------------------


def test_requests(places: Places) -> None:
    rows = _rows(
        "lat_request",
        [
            {"airborne_at": 300},
            {"airborne_at": 600, "outcome": "ABORTED", "reason": "WEATHER"},
            {"airborne_at": -5, "has_timing_warning": True},
            {"outcome": "DECLINED", "reason": "WEATHER"},
            {"outcome": "DECLINED", "reason": None},
            {"airborne_at": 60, "urgency": "YELLOW"},
        ],
        {
            "base_id": "heli_tromso",
            "vehicle": "HELI",
            "urgency": "RED",
            "outcome": "COMPLETED",
            "reason": None,
            "requested_at": 0,
        },
    )
    figures = air.request_figures(air.thin_requests(rows), places, DATES)
    values = {
        kpi: _figure(figures, kpi, segment="HELI")
        for kpi in (
            "lat_requests",
            "lat_completed",
            "lat_declined",
            "lat_aborted",
            "lat_declined_weather",
            "lat_reaction_p90",
        )
    }
    assert values["lat_requests"]["value"] == 6
    assert values["lat_completed"]["value"] == pytest.approx(50)
    assert values["lat_declined"]["value"] == pytest.approx(100 / 3)
    assert values["lat_aborted"]["value"] == pytest.approx(25)
    assert values["lat_declined_weather"]["value"] == pytest.approx(100 / 6)
    assert values["lat_reaction_p90"]["value"] == pytest.approx(9.5)
    assert values["lat_reaction_p90"]["coverage"] == pytest.approx(2 / 3)


def _interval(state: str, start: tuple[int, ...], end: tuple[int, ...], key: str) -> dict[str, Any]:
    return {
        "source_id": key,
        "base_id": "heli_bergen",
        "resource_id": "heli_bergen_1",
        "vehicle": "HELI",
        "state": state,
        "start_at": dt.datetime(*start),  # type: ignore[misc]
        "end_at": dt.datetime(*end),  # type: ignore[misc]
    }


def test_readiness_by_local_day_over_the_change_of_clock(places: Places) -> None:
    """Planned around the clock on 25 and 26 October 2025: 24 and 25 hours of local time."""
    rows = pl.DataFrame(
        [
            _interval("PLANNED", (2025, 10, 24, 22), (2025, 10, 26, 23), "p"),
            # Runs half an hour into the next interval: cut there, not counted twice.
            _interval("READY", (2025, 10, 24, 22), (2025, 10, 25, 6, 30), "a"),
            _interval("ON_MISSION", (2025, 10, 25, 6), (2025, 10, 25, 8), "b"),
            _interval("OFF", (2025, 10, 25, 8), (2025, 10, 25, 12), "c"),
            # From here to midnight nothing is reported on the 25th (22:00 UTC is midnight).
            _interval("READY", (2025, 10, 25, 21), (2025, 10, 26, 23), "d"),
        ]
    )
    figures = air.readiness_figures(air.thin_readiness(rows), places)
    first = _figure(figures, "lat_readiness", period_start=dt.date(2025, 10, 25))
    # 8 h ready, 2 h on mission, 1 h ready before midnight; 4 h off; 9 h unknown.
    assert (first["numerator"], first["denominator"], first["n"]) == (11, 24, 1)
    assert first["coverage"] == pytest.approx(15 / 24)
    second = _figure(figures, "lat_readiness", period_start=dt.date(2025, 10, 26))
    assert (second["numerator"], second["denominator"]) == (25, 25)
    month = _figure(figures, "lat_readiness", period_grain="month")
    assert month["value"] == pytest.approx(36 / 49 * 100)


# --- quality, and the comparison -----------------------------------------------------------------


def test_data_quality_counts_all_rows(places: Places) -> None:
    rows = _rows(
        "alarm",
        [
            {"has_missing_warning": True},
            {"has_order_warning": True, "has_timing_warning": True},
            {"scene_municipality_code": "9999"},
            {"mission_type": "EXERCISE", "scene_municipality_code": None},
        ],
        MISSION,
    )
    figures = quality.quality_figures(quality.tally("alarm", rows, places))
    assert _figure(figures, "dq_complete", segment="alarm")["value"] == pytest.approx(75)
    assert _figure(figures, "dq_order", segment="alarm")["value"] == pytest.approx(25)
    assert _figure(figures, "dq_geo_unknown", segment="alarm")["value"] == pytest.approx(50)
    system = _figure(figures, "dq_complete", segment="alarm", level="source_system", unit_id="AMIS")
    assert system["n"] == 4


def test_touched_says_where_faults_show() -> None:
    def frame(value: float, unit: str) -> dict[str, Any]:
        return {
            **dict.fromkeys(("kpi_id", "segment", "period_grain", "level"), "x"),
            "period_start": DAY,
            "unit_id": unit,
            "numerator": value,
            "denominator": 4.0,
            "n": 4.0,
            "coverage": 1.0,
            "value": value,
        }

    effective = pl.DataFrame([frame(1.0, "a"), frame(1.0, "b")])
    clean = pl.DataFrame([frame(1.0, "a"), frame(2.0, "b"), frame(3.0, "gone")])
    rows = compared(effective, clean).sort("unit_id")
    assert rows["touched"].to_list() == [False, True, True]
    assert rows["value"].to_list() == [1.0, 1.0, None]
    assert rows["value_clean"].to_list() == [1.0, 2.0, 3.0]
    assert rows["n"].to_list() == [4.0, 4.0, 0.0]


def test_all_figures_are_in_a_run(faulty: Run) -> None:
    figures = faulty.figures
    assert figures["kpi_id"].n_unique() == 38
    assert not figures.select(figures.columns[:6]).is_duplicated().any()
    assert set(figures["period_grain"]) == {"day", "week", "month", "quarter", "year"}
    covered = figures["coverage"].drop_nulls()
    assert covered.is_between(0, 1).all()
