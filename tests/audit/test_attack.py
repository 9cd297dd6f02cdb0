"""The attack on a release, on made-up ones: it finds what follows, and only that."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from audit import definitions, readiness, solve
from audit.attack import Result, judge
from audit.attack import attack as attack_release
from audit.equations import Kpi, Release, read
from audit.solve import kernel, peel
from orchestration.suppression import load_policy
from tests.orchestration.fabricated import VALUES_SCHEMA, registry, value

if TYPE_CHECKING:
    from pathlib import Path

MONDAY = date(2027, 2, 1)
EMPTY = pl.DataFrame()
REGIONS = {"lvs_a": "vest", "lvs_b": "vest", "lvs_c": "nord", "lvs_d": "nord"}
Cell = tuple[str, str, str, date]


def cells() -> dict[Cell, tuple[int, int]]:
    """Calls and unanswered calls per central, region and country, and per day and week."""
    found: dict[Cell, tuple[int, int]] = {}
    for number, (central, region) in enumerate(REGIONS.items()):
        for day in range(7):
            start = MONDAY + timedelta(days=day)
            calls = 40 + 7 * number + 3 * day
            unanswered = 3 if (central, day) == ("lvs_a", 2) else 8 + number + day
            for unit in (("central", central), ("region", region), ("national", "NO")):
                for period in (("day", start), ("week", MONDAY), ("month", MONDAY)):
                    before = found.get((*unit, *period), (0, 0))
                    found[*unit, *period] = (before[0] + calls, before[1] + unanswered)
    return found


def running_cells() -> dict[Cell, tuple[int, int]]:
    """Calls and unanswered calls of fourteen months, and per year and twelve months up to each."""
    months = [date(2026 + n // 12, n % 12 + 1, 1) for n in range(14)]
    counts = {month: (70 + n, 3 if n == 6 else 15 + n) for n, month in enumerate(months)}
    found: dict[Cell, tuple[int, int]] = {}
    for at, month in enumerate(months):
        periods = {"month": months[at : at + 1], "ytd": months[at - month.month + 1 : at + 1]}
        if at >= 11:
            periods["rolling12"] = months[at - 11 : at + 1]
        if month.month % 4 == 1 and at + 4 <= len(months):
            periods["tertial"] = months[at : at + 4]
        for grain, inside in periods.items():
            calls, unanswered = (sum(part) for part in zip(*map(counts.get, inside), strict=True))
            found["national", "NO", grain, month] = (calls, unanswered)
    return found


def release(
    folder: Path,
    hidden: set[tuple[str, str, str]],
    finest: str = "day",
    figures: dict[Cell, tuple[int, int]] | None = None,
) -> Path:
    """A release without the shares of some (level, unit, first day); the calls are all shown."""
    rows: list[dict[str, Any]] = []
    for (level, unit, grain, start), (calls, unanswered) in (figures or cells()).items():
        where: dict[str, Any] = {"level": level, "unit_id": unit}
        where |= {"period_grain": grain, "period_start": start, "segment": "116117"}
        numbers: dict[str, Any] = {"numerator": float(calls), "n": calls, "coverage": 1.0}
        rows.append(value("calls_offered", **where, **numbers, value=float(calls)))
        numbers |= {"numerator": float(unanswered), "denominator": float(calls)}
        if grain == finest and (level, unit, start.isoformat()) in hidden:
            numbers = {"coverage": None, "value": None, "status": "suppressed"}
        rows.append(value("unanswered_share", **where, **numbers))
    folder.mkdir()
    pl.DataFrame(rows, schema=VALUES_SCHEMA).write_parquet(folder / "kpi_values.parquet")
    registry().write_parquet(folder / "kpi_registry.parquet")
    links = [("central", unit, "region", region) for unit, region in REGIONS.items()]
    pl.DataFrame(
        [(*link, date(2000, 1, 1), date(9999, 12, 31)) for link in links],
        schema=["level", "unit_id", "parent_level", "parent_id", "valid_from", "valid_to"],
        orient="row",
    ).write_parquet(folder / "unit_hierarchy.parquet")
    (folder / "metadata.json").write_text(json.dumps({"suppression": {"min_count": 5}}))
    return folder


def attack(folder: Path, earlier: Path | None = None, samples: int = 5) -> Result:
    """Attack a release on disk, beside an earlier one."""
    return attack_release(read(folder), read(earlier) if earlier else None, samples)


CELL = ("central", "lvs_a", "2027-02-03")
PARTNERS = {
    ("central", "lvs_b", "2027-02-03"),
    ("central", "lvs_a", "2027-02-05"),
    ("central", "lvs_b", "2027-02-05"),
}


def test_a_number_that_follows_by_subtraction_is_recovered(tmp_path: Path) -> None:
    folder = release(tmp_path / "release", {CELL})
    result = attack(folder, samples=5)
    assert (result.attacked, result.recovered) == (1, 1)
    (found,) = result.found["peeling"]
    assert found["what"] == "small number"
    assert found["numbers"]["numerator"] == 3
    assert result.keys == [
        ("unanswered_share", "2", "116117", "day", "2027-02-03", "central", "lvs_a")
    ]


@pytest.mark.parametrize(
    ("shown", "recovered"),
    [
        ({"month", "tertial"}, 1),
        ({"month", "ytd"}, 1),
        ({"month", "ytd", "tertial", "rolling12"}, 1),
        # Twelve months that all hold the hidden one, and one that does not, with both ends shown.
        ({"month", "rolling12"}, 1),
        ({"month"}, 0),
    ],
)
def test_a_month_follows_from_periods_that_overlap(
    tmp_path: Path, shown: set[str], recovered: int
) -> None:
    figures = {cell: numbers for cell, numbers in running_cells().items() if cell[2] in shown}
    folder = release(
        tmp_path / "release", {("national", "NO", "2026-07-01")}, "month", figures=figures
    )
    assert attack(folder, samples=5).recovered == recovered


def test_what_is_too_small_follows_from_what_the_figures_tell_about() -> None:
    """Three unanswered calls of 49 are a secret where they are persons, and none of a service."""
    kpi = Kpi("a_share", 1, "calls", "share", {"calls.a": 1}, {"calls.b": 1}, {}, {}, {})
    three = (np.array([True]), np.array([3.0]))
    open_, nothing = (np.array([False]), np.array([0.0])), (np.array([False]), np.array([0.0]))
    amounts = {"numerator": three, "denominator": open_, "n": nothing, "rest": nothing}
    policy = load_policy().describe()
    for sensitivity, level, expected in (
        ("service", "central", False),
        ("activity", "central", False),
        ("activity", "municipality", True),
        ("person", "central", True),
    ):
        asked = Release(EMPTY, (kpi,), EMPTY, policy).asked(
            replace(kpi, sensitivity=sensitivity), level
        )
        _, small = judge(asked, kpi, amounts)
        assert small.tolist() == [expected], (sensitivity, level)
        # What a hidden share is made of must not follow as a whole, whatever it tells about.
        whole, _ = judge(asked, kpi, amounts | {"denominator": (three[0], np.array([49.0]))})
        assert whole.all()


def test_a_number_with_one_partner_only_follows_over_time(tmp_path: Path) -> None:
    folder = release(tmp_path / "release", {CELL, ("central", "lvs_b", "2027-02-03")})
    assert attack(folder, samples=5).recovered == 2
    folder = release(tmp_path / "other", {CELL, *PARTNERS} - {("central", "lvs_b", "2027-02-05")})
    assert attack(folder, samples=5).recovered == 3


def test_four_cells_protect_each_other(tmp_path: Path) -> None:
    folder = release(tmp_path / "release", {CELL, *PARTNERS})
    result = attack(folder, samples=5)
    assert (result.attacked, result.recovered) == (4, 0)
    assert min(result.widths) >= 3


def test_what_no_single_equation_tells_is_found_by_algebra() -> None:
    """Three sums of two of three numbers, and one of two others."""
    matrix = sparse.csr_matrix(
        np.array([[1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [1, 0, 1, 0, 0], [0, 0, 0, 1, 1]], dtype=float)
    )
    right = np.array([5.0, 7.0, 6.0, 9.0])
    peeled = peel(matrix, right, np.zeros(5), np.zeros(5, dtype=np.bool_))
    assert not peeled.known.any()
    found = kernel(matrix, right, peeled, np.random.default_rng(1))
    free = np.abs(found.directions[0]) > 1e-6
    assert free.tolist() == [False, False, False, True, True]
    assert found.solution[:3] == pytest.approx([2, 3, 4])


@pytest.mark.parametrize("broken", [True, False])
def test_a_rule_that_does_not_hold_is_not_used(tmp_path: Path, broken: bool) -> None:
    folder = release(tmp_path / "release", {CELL})
    path = folder / "kpi_values.parquet"
    values = pl.read_parquet(path)
    if broken:  # centrals do not add up to regions
        more = pl.when((pl.col("level") == "region") & pl.col("n").is_not_null()).then(1)
        values = values.with_columns(
            (pl.col(name) + more.otherwise(0)).alias(name) for name in ("numerator", "denominator")
        )
    values.write_parquet(path)
    result = attack(folder, samples=5)
    used = not any("region central" in text for text in result.dropped)
    assert used != broken


@pytest.mark.parametrize("changed", [True, False])
def test_of_an_earlier_release_only_what_has_changed_is_forgotten(
    tmp_path: Path, changed: bool
) -> None:
    """A Saturday's figure has changed where nothing shows it; Wednesday's partner is known."""
    weekend = {
        ("central", unit, day)
        for unit in ("lvs_c", "lvs_d")
        for day in ("2027-02-06", "2027-02-07")
    }
    folder = release(tmp_path / "release", {CELL, *PARTNERS, *weekend})
    assert attack(folder, samples=5).recovered == 0
    earlier = release(tmp_path / "earlier", {CELL, ("central", "lvs_a", "2027-02-05")})
    if changed:
        path = earlier / "kpi_values.parquet"
        cell = (
            (pl.col("kpi_id") == "unanswered_share")
            & (pl.col("unit_id") == "lvs_c")
            & (pl.col("period_start") == date(2027, 2, 6))
        )
        more = pl.when(cell).then(1).otherwise(0)
        pl.read_parquet(path).with_columns(pl.col("numerator") + more).write_parquet(path)
    result = attack(folder, earlier, samples=5)
    keys = {item["key"][3:] for items in result.found.values() for item in items}
    assert ("day", "2027-02-03", "central", "lvs_a") in keys
    assert any(text.startswith("earlier") for text in result.dropped) == changed


def test_no_part_is_more_than_its_whole() -> None:
    """12 calls, of which 11 are within ten minutes and 1 is a hang-up: none is left."""
    matrix = sparse.csr_matrix(
        np.array([[1, 1, 0, 0], [1, 0, -1, 0], [0, 1, 0, -1], [0, 0, 0, 0]], dtype=float)
    )
    right = np.array([12.0, 11.0, 1.0, 0.0])
    nothing = solve.peel(matrix, right, np.zeros(4), np.zeros(4, dtype=np.bool_))
    assert not nothing.known.any()
    lower, upper = solve.narrow(matrix, right, nothing)
    assert lower == pytest.approx([11, 1, 0, 0], abs=1e-3)
    assert upper == pytest.approx([11, 1, 0, 0], abs=1e-3)
    lower, upper = solve.narrow(matrix, right + np.array([1, 0, 0, 0]), nothing)
    assert (upper - lower)[:2] == pytest.approx([1, 1], abs=1e-3)


def test_definitions_say_what_is_a_part_of_what() -> None:
    parts = definitions.parts("calls")
    assert ({"calls.within_600s": 1}, {"calls.within_120s": 1}) in parts
    assert ({"calls.offered": 1}, {"calls.recalled": 1}) in parts
    assert all(
        large != {"calls.within_120s": 1} or "calls.within_600s" not in small
        for large, small in parts
    )
    apart = [set(small) for large, small in definitions.parts("lat_requests") if len(small) == 2]
    assert {"lat_requests.declined_weather", "lat_requests.declined_concurrency"} in apart
    assert {"lat_requests.declined", "lat_requests.declined_weather"} not in apart


@pytest.mark.parametrize(("median", "recovered"), [(8.0, 1), (12.0, 0)])
def test_a_percentile_says_how_many_are_within_a_limit(
    tmp_path: Path, median: float, recovered: int
) -> None:
    """The only time is under ten seconds, or it is not."""
    where: dict[str, Any] = {"level": "central", "unit_id": "amk_a", "segment": "113"}
    where |= {"period_grain": "month", "period_start": date(2027, 2, 1)}
    hidden = {"status": "suppressed", "value": None, "coverage": None}
    rows = [
        value("answer_time_median", n=1, **where, value=median, coverage=1.0),
        value("c113_within_10s", **where, **hidden),
    ]
    folder = release(tmp_path / "release", set())
    pl.DataFrame(rows, schema=VALUES_SCHEMA).write_parquet(folder / "kpi_values.parquet")
    policy = {"suppression": load_policy().describe()}
    (folder / "metadata.json").write_text(json.dumps(policy))
    assert attack(folder).recovered == recovered


def test_only_what_has_changed_is_attacked(tmp_path: Path) -> None:
    """A day that is new with its week and month; of the days before nothing has changed."""
    sunday = ("central", "lvs_a", "2027-02-07")
    folder = release(tmp_path / "release", {CELL, sunday})
    earlier = release(
        tmp_path / "earlier",
        {CELL},
        figures={cell: n for cell, n in cells().items() if cell[2:] != ("day", date(2027, 2, 7))},
    )
    changed = attack_release(read(folder), read(earlier), 5, changed_only=True)
    assert (changed.attacked, [key[4] for key in changed.keys]) == (1, ["2027-02-07"])
    assert attack(folder, earlier).recovered == 2


def one_cell(folder: Path, rows: list[dict[str, Any]], **tables: pl.DataFrame) -> Path:
    """A release of a few rows, with the rules of today and further tables."""
    release(folder, set())
    pl.DataFrame(rows, schema=VALUES_SCHEMA).write_parquet(folder / "kpi_values.parquet")
    policy = {"suppression": load_policy().describe()}
    (folder / "metadata.json").write_text(json.dumps(policy))
    for name, frame in tables.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return folder


@pytest.mark.parametrize(
    ("lower", "upper", "recovered"),
    [(8.0, 14.0, 1), (None, None, 0), (12.0, 14.0, 0)],
)
def test_limits_of_percentiles_say_how_many_are_within_a_limit(
    tmp_path: Path, lower: float | None, upper: float | None, recovered: int
) -> None:
    """The lower limit of the median of twelve times is the third: all three of the region."""
    where: dict[str, Any] = {"segment": "113", "period_grain": "month", "coverage": 1.0}
    where |= {"period_start": date(2027, 2, 1)}
    hidden = {"status": "suppressed", "value": None, "coverage": None}
    region = {"numerator": 3.0, "denominator": 24.0, "n": 24, "value": 12.5}
    rows = [value("c113_within_10s", level="region", unit_id="vest", **where, **region)]
    for central in ("lvs_a", "lvs_b"):
        here = where | {"level": "central", "unit_id": central}
        limits = {"lower": lower, "upper": upper} if central == "lvs_a" else {}
        rows.append(value("answer_time_median", n=12, **here, value=13.0, **limits))
        rows.append(value("c113_within_10s", **(here | hidden)))
    result = attack(one_cell(tmp_path / "release", rows))
    assert (result.attacked, result.recovered) == (2, recovered)
    assert all(found["numbers"]["numerator"] == 3 for found in result.found["intervals"])


def readiness_of(measure: str, share: float | None, band: str, grade: str | None) -> pl.DataFrame:
    row = ("call", "*", "source_system", "hdo", "month", date(2027, 2, 1), "*", measure)
    names = ("contract", "source", "level", "unit_id", "period_grain", "period_start", "field")
    schema = dict.fromkeys((*names, "measure", "row_band", "grade"), pl.String)
    schema |= {"period_start": pl.Date, "value": pl.Float64}
    return pl.DataFrame([(*row, band, grade, share)], schema=schema, orient="row")


@pytest.mark.parametrize(
    ("share", "band", "grade", "recovered"),
    [
        # Left out, so not all are in time, and yet at least 99 of 100 are.
        (None, "100+", "A", 1),
        # From 99 to 97 of 100 are.
        (None, "100+", "B", 0),
        (None, "100+", None, 0),
    ],
)
def test_the_readiness_of_data_says_how_many_rows_are_late(
    tmp_path: Path, share: float | None, band: str, grade: str | None, recovered: int
) -> None:
    where: dict[str, Any] = {"level": "source_system", "unit_id": "hdo", "segment": "call"}
    where |= {"period_grain": "month", "period_start": date(2027, 2, 1), "coverage": 1.0}
    shown = {"numerator": 130.0, "denominator": 150.0, "n": 150, "value": 86.7}
    hidden = {"status": "suppressed", "value": None, "coverage": None}
    rows = [value("dq_complete", **where, **shown), value("dq_late", **(where | hidden))]
    ready = readiness_of("within_48h", share, band, grade)
    result = attack(one_cell(tmp_path / "release", rows, data_readiness=ready))
    assert (result.attacked, result.recovered) == (1, recovered)


def test_readiness_tells_of_one_source_and_in_bands() -> None:
    """Two sources of a unit are told apart, so neither is the unit; bands and steps are bounds."""
    one = readiness_of("within_48h", 98.0, "1 000+", "B")
    where = {name: readiness.SCHEMA[name] for name in readiness.SCHEMA.names()[:5]}
    known = pl.DataFrame(schema={**where, "rows": pl.Float64()})
    (row,) = readiness.bounds(one, known, 10).to_dicts()
    assert (row["least"], row["most"], row["some"]) == (1000, 9999, 0)
    # Steps of a per cent are ten rows of a thousand: from 97.5 to 98.5 per cent are in time.
    assert (row["share_least"], row["share_most"]) == pytest.approx((0.015, 0.025))
    assert readiness.bounds(pl.concat([one, one]), known, 10).is_empty()
    few = readiness.bounds(readiness_of("within_48h", None, "5+", None), known, 10).to_dicts()[0]
    assert (few["least"], few["most"], few["some"]) == (5, 9, 0)


@pytest.mark.parametrize(("calls_are_shown", "recovered"), [(True, 4), (False, 0)])
def test_a_numerator_that_is_bounded_is_no_share_without_its_denominator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls_are_shown: bool, recovered: int
) -> None:
    """Eight unanswered calls are not too few; of how many they are must be known as well."""
    folder = release(tmp_path / "release", {CELL, *PARTNERS})
    if not calls_are_shown:
        path = folder / "kpi_values.parquet"
        pl.read_parquet(path).filter(pl.col("kpi_id") != "calls_offered").write_parquet(path)
    ends = itertools.cycle([(8.0, 8.0)] if calls_are_shown else [(8.0, 8.0), (0.0, 50.0)])
    monkeypatch.setattr(solve, "bounds", lambda *given: next(ends))
    assert attack(folder).steps["bounds"] == recovered
