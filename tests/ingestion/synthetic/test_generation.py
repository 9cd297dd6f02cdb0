"""What is generated: the same for the same seed, national volumes, days of 23 and 25 hours."""

from __future__ import annotations

import ast
import datetime as dt
import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ingestion.synthetic as synthetic
from ingestion.home import Home
from ingestion.synthetic import air, generate
from ingestion.synthetic.clock import day_number, hours_of_day, local_day, local_ms
from ingestion.synthetic.frames import Counters, make_clean
from ingestion.synthetic.queueing import serve, staffing
from ingestion.synthetic.reference import load_reference
from ingestion.synthetic.rhythm import EMERGENCY, moments
from tests.ingestion.synthetic.conftest import Run

START = dt.date(2025, 10, 25)


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        generate(tmp_path / name, START, 4, 0.003, 5)
    first, second = _digest(tmp_path / "one"), _digest(tmp_path / "two")
    assert first
    assert first == second


def test_another_seed_gives_other_files_and_truth_changes_none(tmp_path: Path) -> None:
    generate(tmp_path / "one", START, 3, 0.003, 5)
    generate(tmp_path / "other", START, 3, 0.003, 6)
    generate(tmp_path / "no_truth", START, 3, 0.003, 5, truth=False)
    one = _digest(tmp_path / "one" / "inbox")
    assert one != _digest(tmp_path / "other" / "inbox")
    assert one == _digest(tmp_path / "no_truth" / "inbox")
    assert not (tmp_path / "no_truth" / "truth").exists()


def test_one_file_per_source_and_day(faultless: Run) -> None:
    good = [entry for entry in faultless.manifest.files if not entry.is_broken]
    days = {(entry.source, entry.day) for entry in good}
    assert len(days) == len(good) == 10 * 7
    for entry in good:
        path = faultless.out / "inbox" / entry.source / entry.name
        assert path.stat().st_size == entry.size
        assert entry.name.startswith(f"{entry.source}_{entry.day}.")


def test_the_manifest_is_written(faulty: Run) -> None:
    written = json.loads((faulty.out / "truth" / "manifest.json").read_text(encoding="utf-8"))
    assert (written["start"], written["days"], written["scale"]) == ("2025-10-20", 14, 0.01)
    assert len(written["files"]) == len(faulty.manifest.files)
    assert sum(entry["rows"] for entry in written["files"]) == faulty.manifest.rows


@pytest.mark.parametrize("arguments", [(0, 0.1), (1, 0.0), (1, 9.0)])
def test_impossible_sizes_are_refused(tmp_path: Path, arguments: tuple[int, float]) -> None:
    with pytest.raises(ValueError, match="days must be"):
        generate(tmp_path, START, *arguments, 1)


@pytest.fixture(scope="module")
def seasons() -> tuple[dict[str, pl.DataFrame], float]:
    """A week of each season at a twentieth of the country, and the factor to a national year."""
    ref = load_reference()
    weeks: dict[str, list[pl.DataFrame]] = {}
    starts = [
        dt.date(2026, 1, 12),
        dt.date(2026, 4, 13),
        dt.date(2026, 7, 13),
        dt.date(2026, 10, 5),
    ]
    for start in starts:
        day = day_number(start)
        days = range(day, day + 7)
        frames = make_clean(ref, days, day + 6, 0.05, 3, Counters(day))
        for name, frame in frames.items():
            weeks.setdefault(name, []).append(frame)
    return {name: pl.concat(parts) for name, parts in weeks.items()}, 365.25 / 28 / 0.05


def test_volumes_are_national(seasons: tuple[dict[str, pl.DataFrame], float]) -> None:
    frames, factor = seasons
    calls = frames["call"]
    inbound = calls.filter(pl.col("direction") == "INBOUND")["service_line"]
    yearly = {
        "calls": calls.height * factor,
        "113": int((inbound == "113").sum()) * factor,
        "116117": int((inbound == "116117").sum()) * factor,
        "alarms": frames["alarm"].height * factor,
        "video": frames["video_session"].height * factor,
        "requests": frames["lat_request"].height * factor,
    }
    national = {
        "calls": 11.0e6,
        "113": 0.78e6,
        "116117": 3.2e6,
        "alarms": 586e3,
        "video": 190e3,
        "requests": 20e3,
    }
    for name, expected in national.items():
        # Six per cent for the weeks chosen, and what chance does to so few records.
        tolerance = 0.06 * expected + 3 * (expected * factor) ** 0.5
        assert yearly[name] == pytest.approx(expected, abs=tolerance), name


def test_readiness_does_not_depend_on_scale(faulty: Run, faultless: Run) -> None:
    for run in (faulty, faultless):
        per_resource = run.records("lat_readiness").group_by("resource_id").len()
        assert per_resource.height == 37


def test_life_has_a_rhythm(seasons: tuple[dict[str, pl.DataFrame], float]) -> None:
    frames, _ = seasons
    line = frames["call"].filter(pl.col("service_line") == "116117")
    local = pl.col("ring_start_at").dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Oslo")
    by_day = dict(line.group_by(local.dt.weekday().alias("d")).len().iter_rows())
    by_hour = dict(line.group_by(local.dt.hour().alias("h")).len().iter_rows())
    assert by_day[6] > 1.4 * by_day[3]
    assert by_hour[18] > 3 * by_hour[4]


def test_large_areas_have_more_calls(seasons: tuple[dict[str, pl.DataFrame], float]) -> None:
    frames, _ = seasons
    calls = frames["call"].filter(pl.col("service_line") == "113")
    per_central = dict(calls.group_by("central_id").len().iter_rows())
    assert len(per_central) == 16
    assert per_central["amk_oslo"] > 8 * per_central["amk_finnmark"]


def test_waits_come_out_of_the_queue() -> None:
    """One operator; the second caller waits for the first, the third gives up, the fourth waits."""
    arrival = np.array([0.0, 10.0, 20.0, 30.0])
    answering = np.full(4, 2.0)
    busy = np.full(4, 100.0)
    patience = np.array([50.0, 500.0, 40.0, 500.0])
    staff = np.array([1])
    waits, answered = serve(arrival, answering, busy, patience, np.zeros(4, dtype=int), staff)
    # Answered at 2; free at 102, answered at 104; gave up after 40; free at 204, answered at 206.
    assert waits.tolist() == [2.0, 94.0, 40.0, 176.0]
    assert answered.tolist() == [True, True, False, True]


def test_a_second_operator_takes_the_next_call() -> None:
    arrival = np.array([0.0, 10.0, 20.0])
    shift = np.array([0, 1, 1])
    waits, answered = serve(
        arrival, np.full(3, 2.0), np.full(3, 100.0), np.full(3, 999.0), shift, np.array([1, 2])
    )
    assert waits.tolist() == [2.0, 2.0, 84.0]
    assert answered.all()


def test_staffing_covers_the_load() -> None:
    load = np.array([0.0, 0.3, 4.0])
    assert staffing(load, 0.5, 1).tolist() == [1, 1, 5]


def test_the_folder_says_that_it_is_made_up(faulty: Run) -> None:
    written = json.loads(Home(faulty.out).synthetic.read_text(encoding="utf-8"))
    assert written == {"start": "2025-10-20", "days": 14, "scale": 0.01, "seed": 7}


@pytest.mark.parametrize(
    ("date", "hours", "twos"),
    [(dt.date(2025, 10, 26), 25, 2), (dt.date(2026, 3, 29), 23, 0), (dt.date(2026, 1, 5), 24, 1)],
)
def test_a_local_day_has_the_hours_it_has(date: dt.date, hours: int, twos: int) -> None:
    starts, shown = hours_of_day(date)
    assert (len(starts), shown.count(2)) == (hours, twos)
    times = moments(np.random.default_rng(1), EMERGENCY, day_number(date), 20_000)
    assert set(local_day(times).tolist()) == {day_number(date)}
    per_hour = np.bincount((times - local_ms(date)) // 3_600_000, minlength=hours)
    assert len(per_hour) == hours
    assert per_hour.min() > 0


@pytest.mark.parametrize(
    ("run", "day", "hours"), [("faulty", "2025-10-26", 25), ("faultless", "2026-03-29", 23)]
)
def test_planned_hours_follow_the_length_of_the_day(
    run: str, day: str, hours: int, request: pytest.FixtureRequest
) -> None:
    figures = request.getfixturevalue(run).figures
    planned = figures.filter(
        (pl.col("kpi_id") == "lat_readiness")
        & (pl.col("period_grain") == "day")
        & (pl.col("period_start") == dt.date.fromisoformat(day))
        & (pl.col("unit_id") == "plane_bodo")
    )["denominator"]
    assert planned.to_list() == [pytest.approx(hours)]


def test_chains_hang_together(faultless: Run) -> None:
    calls, alarms = faultless.records("call"), faultless.records("alarm")
    video, requests = faultless.records("video_session"), faultless.records("lat_request")
    linked = calls.filter(pl.col("chain_id").is_not_null())
    assert linked.height > 10
    assert set(linked["chain_id"]) <= set(alarms["incident_id"])
    assert set(video["call_source_id"]) <= set(calls["source_id"])
    assert set(requests["alarm_source_id"].drop_nulls()) <= set(alarms["source_id"])
    children = calls.filter(pl.col("parent_call_id").is_not_null())
    parents = children.join(calls, left_on="parent_call_id", right_on="source_id", suffix="_p")
    assert parents.height == children.height > 0
    assert (parents["transferred_to_p"] == parents["central_id"]).all()
    assert (parents["transfer_at_p"] <= parents["ring_start_at"]).all()


def test_calls_move_to_the_new_platform_on_the_cutover_day(faulty: Run) -> None:
    cutovers = {"lvs_1804": dt.date(2025, 10, 27), "lvs_1119": dt.date(2025, 10, 28)}
    calls = faulty.records("call")
    local = pl.col("ring_start_at").dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Oslo")
    for central, day in cutovers.items():
        own = calls.filter(pl.col("central_id") == central)
        expected = pl.when(local.dt.date() >= day).then(pl.lit("LIFEX")).otherwise(pl.lit("ICCS"))
        assert own.select((pl.col("source_system") == expected).all()).item()
        assert own["source_system"].n_unique() == 2


def test_the_truth_uses_nothing_of_the_pipeline() -> None:
    folder = Path(synthetic.__file__).parent
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                own = name.split(".")[0] in ("ingestion", "contracts", "orchestration", "reporting")
                assert not own or name.startswith("ingestion.synthetic"), f"{path.name}: {name}"


def test_progress_is_told_step_by_step(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    generate(tmp_path, dt.date(2026, 1, 30), 4, 0.002, 1, progress=lambda *step: told.append(step))
    assert [step[0].split()[0] for step in told] == ["2026-01", "2026-02", "ødelagte", "fasit"]
    assert [step[1:] for step in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_who_is_not_answered_often_rings_again(
    seasons: tuple[dict[str, pl.DataFrame], float],
) -> None:
    calls = (
        seasons[0]["call"]
        .filter(
            (pl.col("direction") == "INBOUND")
            & pl.col("service_line").is_in(["113", "116117", "LOCAL8"])
        )
        .with_columns((pl.col("service_line") == "113").alias("is_113"))
    )
    known = calls.filter(pl.col("_caller").is_not_null()).sort("ring_start_at")
    hidden = 1 - known.height / calls.height
    assert 0.01 < hidden < 0.02
    following = known.with_columns(
        (pl.col("ring_start_at").shift(-1).over("_caller", "is_113")).alias("next"),
        (pl.col("outcome").shift(-1).over("_caller", "is_113")).alias("next_outcome"),
    ).with_columns((pl.col("next") - pl.col("ring_start_at")).dt.total_seconds().alias("pause"))
    left = following.filter(pl.col("outcome") == "ABANDONED")
    soon = left.filter(pl.col("pause") <= 15 * 60)
    assert 0.15 < soon.height / left.height < 0.6
    assert {"ANSWERED", "ABANDONED"} <= set(soon["next_outcome"])
    assert left.filter(pl.col("pause").is_between(15 * 60, 30 * 60)).height > 10
    answered = following.filter(pl.col("outcome") == "ANSWERED")
    assert answered.filter(pl.col("pause") <= 15 * 60).height < 0.01 * answered.height
    local = pl.col("ring_start_at", "next").dt.replace_time_zone("UTC")
    days = soon.select(local.dt.convert_time_zone("Europe/Oslo").dt.date())
    assert (days["ring_start_at"] != days["next"]).any()


def test_an_emergency_may_have_two_callers(seasons: tuple[dict[str, pl.DataFrame], float]) -> None:
    calls = seasons[0]["call"].filter(
        pl.col("chain_id").is_not_null() & (pl.col("service_line") == "113")
    )
    per_incident = calls.group_by("chain_id").len()["len"]
    assert 0.03 < (per_incident > 1).mean() < 0.2  # type: ignore[operator]
    assert calls.group_by("chain_id").agg(pl.col("central_id").n_unique())["central_id"].max() == 1


def test_stamps_filled_in_by_hand_are_whole_minutes(
    seasons: tuple[dict[str, pl.DataFrame], float],
) -> None:
    alarms = seasons[0]["alarm"]
    steps = ["en_route_at", "at_scene_at", "at_patient_at", "departed_at", "at_destination_at"]
    by_hand = alarms.filter(pl.col("ts_quality") == "MANUAL")
    whole = pl.col(steps).dt.epoch("ms") % 60_000 == 0
    assert by_hand.height > 50
    assert by_hand["_source"].n_unique() == 4
    rounded = by_hand.filter(pl.all_horizontal(whole.fill_null(True)))
    assert rounded.height > 0.99 * by_hand.height
    others = alarms.filter(pl.col("ts_quality") == "SYSTEM")
    share = others.select((pl.col("at_scene_at").dt.epoch("ms") % 60_000 == 0).mean()).item()
    assert share < 1 / 60
    shares = alarms.group_by("_source").agg((pl.col("ts_quality") == "MANUAL").mean())
    assert shares["ts_quality"].max() > 3 * shares["ts_quality"].min()  # type: ignore[operator]


def _requests_of_a_month() -> pl.DataFrame:
    """Declined requests of the whole country that are not about an alarm."""
    day = day_number(dt.date(2026, 1, 1))
    none = np.zeros(0, dtype=np.int64)
    columns = ("unit_type", "type", "alerted", "municipality", "urgency_last", "cancelled")
    table = air.make_requests(
        load_reference(), dict.fromkeys(columns, none), range(day, day + 31), day + 30, 1.0, 3
    )
    declined = table["reason"][table["outcome"] == air.DECLINED]
    return pl.DataFrame({"reason": [air.REASONS[code] for code in declined]})


def test_everything_a_figure_asks_for_occurs(
    seasons: tuple[dict[str, pl.DataFrame], float],
) -> None:
    """Every code of the lists below is in a few weeks of a twentieth of the country."""
    frames = seasons[0]
    calls = frames["call"]
    assert (calls["channel"] == "SMS").any()
    assert (calls["central_id"] != calls["home_central_id"]).any()
    onward = calls.filter(pl.col("transferred_to").is_not_null())
    kinds = onward.select(
        pl.col("central_id").str.slice(0, 3), pl.col("transferred_to").str.slice(0, 3)
    )
    assert {("amk", "lvs"), ("lvs", "amk"), ("lvs", "lvs")} <= set(kinds.rows())
    assert {"CONVEYED", "LEFT", "NO_PATIENT", "CANCELLED"} <= set(frames["alarm"]["result"])
    assert {"CONNECTED", "FAILED"} <= set(frames["video_session"]["status"])
    asked_for = ("WEATHER", "CONCURRENCY", "TECHNICAL", "CREW", "DUTY_TIME")
    assert set(asked_for) <= set(_requests_of_a_month()["reason"])
    assert frames["lat_request"]["at_scene_at"].is_not_null().any()
    down = frames["lat_readiness"].filter(pl.col("state").is_in(["OFF", "REDUCED"]))
    assert {
        (state, owner) for state in ("OFF", "REDUCED") for owner in ("OPERATOR", "WEATHER")
    } <= set(down.select("state", "attribution").rows())
