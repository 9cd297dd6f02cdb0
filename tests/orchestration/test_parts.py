"""What may be seen of hours of the week and classes of times: an attacker who knows every sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from orchestration.disclosure import parts
from orchestration.registry import load_registry
from orchestration.suppression import load_policy

REGISTRY, POLICY = load_registry(), load_policy()
DELIVERED = {"call": date(2026, 12, 31), "alarm": date(2026, 12, 31)}
YEAR, START = "year", date(2026, 1, 1)
CENTRALS = {f"{region}{number}": region for region in ("nord", "vest") for number in range(4)}
HOURS = [weekday * 100 + hour for weekday in (1, 2) for hour in range(6)]
UNIT = ["segment", "period_grain", "period_start", "level", "unit_id"]
NOTHING_HIDDEN = pl.DataFrame(
    schema={
        "kpi_id": pl.String,
        "kpi_version": pl.Int32,
        **parts.HIDDEN_SCHEMA.to_frame().select(UNIT).schema,
        "n": pl.Float64,
    }
)
Cells = dict[tuple[str, str, int], int]


def parents() -> Mapping[tuple[str, str], frozenset[tuple[str, str]]]:
    below = {("central", unit): frozenset({("region", up)}) for unit, up in CENTRALS.items()}
    return below | {("region", up): frozenset({("national", "NO")}) for up in CENTRALS.values()}


def counted(seed: int, mean: float = 12.0) -> dict[tuple[str, int], int]:
    """Calls per central and hour of the week; some cells are small."""
    chance = np.random.default_rng(seed)
    return {
        (unit, hour): int(chance.poisson(mean * (1 + place % 3)))
        for place, unit in enumerate(CENTRALS)
        for hour in HOURS
    }


def hour_cells(counts: Mapping[tuple[str, int], int], grain: str = YEAR) -> pl.DataFrame:
    """The parts as the warehouse has them, with the sums of regions and of the country."""
    sums: Cells = {}
    for (unit, hour), n in counts.items():
        for level, name in (("central", unit), ("region", CENTRALS[unit]), ("national", "NO")):
            sums[level, name, hour] = sums.get((level, name, hour), 0) + n
    rows = [
        ("113", grain, START, level, unit, hour, hour // 100, n, n, n, n)
        for (level, unit, hour), n in sums.items()
    ]
    columns = [*UNIT, "item", "block", "n", "answered_valid", "in_time_of", "handled"]
    return pl.DataFrame(rows, schema=columns, orient="row").cast(
        {"item": pl.Int32, "block": pl.Int32}
    )


def decided(cells: pl.DataFrame, **changed: Any) -> parts.Decision:
    asked: dict[str, Any] = {
        "parts": {"hour_profile": cells},
        "hidden_kpis": NOTHING_HIDDEN,
        "earlier": {},
        "parents": parents(),
        "registry": REGISTRY,
        "delivered": DELIVERED,
        "policy": POLICY,
    }
    return parts.decide(**{**asked, **changed})


def hidden_of(decision: parts.Decision) -> set[tuple[str, str, int]]:
    return set(decision.hidden.select("level", "unit_id", "item").iter_rows())


def recovered(
    hidden: set[tuple[str, str, int]], wanted: Sequence[tuple[str, str, int]]
) -> list[tuple[str, str, int]]:
    """Those of the wanted cells that follow from what is shown and from every sum.

    Sums: of the hours of a weekday per unit, of the centrals of a region, of the regions.
    """
    unknown = {cell: at for at, cell in enumerate(sorted(hidden))}
    regions = sorted(set(CENTRALS.values()))
    equations: list[dict[tuple[str, str, int], int]] = [
        {(level, unit, hour): 1 for hour in HOURS if hour // 100 == weekday}
        for level, unit in sorted({(level, unit) for level, unit, _ in hidden})
        for weekday in (1, 2)
    ]
    for hour in HOURS:
        for region in regions:
            own = {("central", u, hour): 1 for u, up in CENTRALS.items() if up == region}
            equations.append({("region", region, hour): -1, **own})
        equations.append(
            {("national", "NO", hour): -1, **{("region", r, hour): 1 for r in regions}}
        )
    matrix = np.zeros((len(equations), len(unknown)))
    for row, cells in enumerate(equations):
        for cell, factor in cells.items():
            if cell in unknown:
                matrix[row, unknown[cell]] = factor
    rank = np.linalg.matrix_rank(matrix)
    found = []
    for cell in wanted:
        alone = np.zeros((1, len(unknown)))
        alone[0, unknown[cell]] = 1.0
        if np.linalg.matrix_rank(np.vstack([matrix, alone])) == rank:
            found.append(cell)
    return found


def small_of(cells: pl.DataFrame) -> list[tuple[str, str, int]]:
    few = cells.filter(pl.col("n").is_between(1, 9))
    return list(few.select("level", "unit_id", "item").iter_rows())


@pytest.mark.parametrize("seed", range(6))
def test_no_small_hour_follows_from_sums(seed: int) -> None:
    cells = hour_cells(counted(seed))
    small = small_of(cells)
    decision = decided(cells)
    hidden = hidden_of(decision)
    assert small and set(small) <= hidden
    assert decision.report["hour_profile"]["hidden_further"] == []
    assert recovered(hidden, small) == []
    # Hiding what is small, and nothing else, gives some of it away.
    assert recovered(set(small), small) != []
    # The country and its regions are not hidden for the sake of centrals.
    assert {level for level, _, _ in hidden} == {"central"}


def test_a_region_of_one_central_is_hidden_with_it_and_with_another() -> None:
    counts = {
        (unit, hour): n
        for (unit, hour), n in counted(1, 40.0).items()
        if unit == "nord0" or CENTRALS[unit] == "vest"
    }
    counts["nord0", 103] = 4
    cells = hour_cells(counts)
    hidden = hidden_of(decided(cells))
    assert {("central", "nord0", 103), ("region", "nord", 103)} <= hidden
    assert ("region", "vest", 103) in hidden
    assert recovered(hidden, small_of(cells)) == []


def test_periods_of_the_same_days_hide_the_same_hours() -> None:
    counts = counted(1, 400.0)
    counts["nord0", 103] = 4
    year = hour_cells(counts)
    running = year.with_columns(
        pl.lit("rolling12").alias("period_grain"), pl.lit(date(2026, 12, 1)).alias("period_start")
    )
    # Of the year two more hours were hidden before: of the twelve months they would be told.
    before = {("central", "vest3", 101), ("central", "vest3", 102)}
    decision = decided(pl.concat([year, running]), earlier=earlier(year, before))
    of = {
        grain: set(rows.select("level", "unit_id", "item").iter_rows())
        for (grain,), rows in decision.hidden.group_by("period_grain")
    }
    assert before < of["year"]
    assert of["year"] == of["rolling12"]


def test_a_region_hides_an_hour_in_all_of_its_periods() -> None:
    year = hour_cells(counted(1, 400.0))
    few = (pl.col("unit_id") == "nord") & (pl.col("item") == 103)
    quarter = year.with_columns(
        pl.lit("quarter").alias("period_grain"),
        pl.when(few).then(4).otherwise(pl.col("n")).alias("n"),
    )
    hidden = decided(pl.concat([year, quarter])).hidden.filter(pl.col("level") == "region")
    by_grain = hidden.group_by("period_grain").agg(pl.struct("unit_id", "item").sort())
    assert by_grain.height == 2
    assert by_grain["unit_id"].n_unique() == 1
    assert hidden.filter(unit_id="nord", item=103).height == 2
    assert set(hidden["unit_id"]) == {"nord", "vest"}


def test_short_periods_of_a_central_are_hidden_whole() -> None:
    hidden = hidden_of(decided(hour_cells(counted(2, 400.0), "quarter")))
    assert hidden == {("central", unit, parts.WHOLE) for unit in CENTRALS}


def test_periods_that_are_not_over_are_out_of_scope() -> None:
    scope = decided(hour_cells(counted(2)), delivered={"call": date(2026, 9, 30)}).scope
    last = dict(
        scope.filter(pl.col("level") == "central")
        .select("period_grain", "last_period_start")
        .rows()
    )
    assert last == {
        "quarter": date(2026, 7, 1),
        "tertial": date(2026, 5, 1),
        "year": date(2025, 1, 1),
        "rolling12": date(2026, 9, 1),
    }


def told(kpi: str, grain: str, start: date, unit: str, n: float) -> pl.DataFrame:
    version = max(k.version for k in REGISTRY.kpis if k.id == kpi)
    row = (kpi, version, "113", grain, start, "central", unit, n)
    return pl.DataFrame([row], schema=NOTHING_HIDDEN.schema, orient="row")


def test_what_kpi_values_hides_of_a_unit_is_hidden_whole() -> None:
    cells = hour_cells(counted(3, 400.0))
    hidden = hidden_of(
        decided(cells, hidden_kpis=told("unanswered_share", YEAR, START, "nord0", 9))
    )
    assert hidden == {("central", "nord0", parts.WHOLE)}


def test_a_hidden_day_hides_two_hours_of_every_weekday() -> None:
    cells = hour_cells(counted(3, 400.0))
    day = told("calls_offered", "day", date(2026, 3, 2), "vest1", 8)
    hidden = hidden_of(decided(cells, hidden_kpis=day))
    hours = {item % 100 for _, _, item in hidden}
    assert len(hours) == 2
    assert hidden == {("central", "vest1", w * 100 + hour) for w in (1, 2) for hour in hours}
    # A day of another year opens nothing.
    other = told("calls_offered", "day", date(2025, 3, 2), "vest1", 8)
    assert hidden_of(decided(cells, hidden_kpis=other)) == set()


def earlier(cells: pl.DataFrame, hidden: set[tuple[str, str, int]]) -> dict[str, pl.DataFrame]:
    schema = cells.select("level", "unit_id", "item").schema
    keys = pl.DataFrame(sorted(hidden), schema=schema, orient="row")
    gone = cells.join(keys, on=["level", "unit_id", "item"], how="semi")
    blank = gone.with_columns(pl.lit(None, pl.Int64).alias("n"))
    rest = cells.join(keys, on=["level", "unit_id", "item"], how="anti")
    return {"hour_profile": pl.concat([rest, blank]).select(*UNIT, "item", "n")}


def test_what_was_hidden_stays_hidden_and_what_was_shown_protects_nothing() -> None:
    counts = counted(4, 400.0)
    counts["nord0", 103] = 4
    cells = hour_cells(counts)
    first = hidden_of(decided(cells))
    assert len(first) == 4
    # No cell is small any longer.
    grown = hour_cells({**counts, ("nord0", 103): 11})
    assert hidden_of(decided(grown, earlier=earlier(cells, first))) == first
    # One that becomes small where all of the others are known as they are: with three of them it is
    # not seen any more which of the four has changed.
    shown = hour_cells({**counts, ("nord0", 103): 12})
    decision = decided(cells, earlier=earlier(shown, set()))
    (rung,) = decision.report["hour_profile"]["hidden_further"]
    assert (rung["step"], rung["numbers"], rung["rows"]) == ("again", 1, 3)
    assert len(hidden_of(decision)) == 4
    assert ("central", "nord0", 103) in hidden_of(decision)
    # Other calls have come in at another central and at another hour: there it may have been.
    moved = {**counts, ("nord0", 103): 12}
    for cell in (("nord0", 104), ("nord2", 103), ("nord2", 104)):
        moved[cell] += 1
    later = decided(cells, earlier=earlier(hour_cells(moved), set()))
    assert later.report["hour_profile"]["hidden_further"] == []
    assert hidden_of(later) == {
        ("central", unit, hour) for unit in ("nord0", "nord2") for hour in (103, 104)
    }


def test_what_an_audience_sees_in_full_is_shown_and_protects_nothing() -> None:
    counts = counted(5, 400.0)
    counts["nord0", 103] = 4
    counts["vest0", 103] = 4
    cells = hour_cells(counts)
    nord = [("central", unit) for unit, up in CENTRALS.items() if up == "nord"]
    seen = pl.DataFrame(
        [("calls_offered", *unit) for unit in (*nord, ("region", "nord"))],
        schema=["kpi_id", "level", "unit_id"],
        orient="row",
    )
    hidden = hidden_of(decided(cells, seen=seen))
    assert {unit[:4] for _, unit, _ in hidden} == {"vest"}
    assert recovered(hidden, [("central", "vest0", 103)]) == []


def class_cells(of_units: Mapping[str, Sequence[int]]) -> pl.DataFrame:
    """Response times of municipalities of one trust by class; the sums above them."""
    sides = (1, 1, 2, 2, 2, 3, 3, 3)
    total = [sum(column) for column in zip(*of_units.values(), strict=True)]
    above = [("national", "NO"), ("region", "nord"), ("health_trust", "unn")]
    rows: Iterator[tuple[str, str, Sequence[int]]] = iter(
        [
            *((level, unit, total) for level, unit in above),
            *(("municipality", unit, counts) for unit, counts in of_units.items()),
        ]
    )
    lines = [
        ("all", YEAR, START, level, unit, number, side, n, sum(counts))
        for level, unit, counts in rows
        for number, (n, side) in enumerate(zip(counts, sides, strict=True), 1)
    ]
    columns = [*UNIT, "item", "block", "n", "total"]
    return pl.DataFrame(lines, schema=columns, orient="row").cast(
        {"item": pl.Int32, "block": pl.Int32}
    )


def classes_hidden(cells: pl.DataFrame, hidden_kpis: pl.DataFrame = NOTHING_HIDDEN) -> set[Any]:
    above = {
        **{("municipality", m): frozenset({("health_trust", "unn")}) for m in ("a", "b", "c")},
        ("health_trust", "unn"): frozenset({("region", "nord")}),
        ("region", "nord"): frozenset({("national", "NO")}),
    }
    decision = decided(
        cells, parts={"response_time": cells}, parents=above, hidden_kpis=hidden_kpis
    )
    assert decision.report["response_time"]["hidden_further"] == []
    return hidden_of(decision)


def test_a_class_of_few_is_hidden_with_another_on_the_same_side_of_the_limits() -> None:
    cells = class_cells({"a": [40, 30, 20, 9, 8, 7, 6, 3], "b": [40, 30, 20, 9, 8, 7, 6, 5],
                         "c": [400, 300, 200, 90, 80, 70, 60, 50]})  # fmt: skip
    hidden = classes_hidden(cells)
    assert ("municipality", "a", 8) in hidden
    # Not across 25 minutes: how many came within is published.
    assert {item for _, _, item in hidden} <= {6, 7, 8}
    assert {unit for _, unit, _ in hidden} == {"a", "b"}
    assert len(hidden) == 4


def test_nothing_is_said_of_fewer_than_ten() -> None:
    cells = class_cells({"a": [9, 0, 0, 0, 0, 0, 0, 0], "b": [40, 30, 20, 9, 8, 7, 6, 5],
                         "c": [400, 300, 200, 90, 80, 70, 60, 50]})  # fmt: skip
    assert classes_hidden(cells) == {("municipality", "a", parts.WHOLE)}


def test_classes_of_a_rural_place_are_hidden_with_its_share_and_others_are_not() -> None:
    cells = class_cells({"a": [40, 30, 20, 9, 8, 7, 6, 5], "b": [40, 30, 20, 9, 8, 7, 6, 5],
                         "c": [400, 300, 200, 90, 80, 70, 60, 50]})  # fmt: skip
    version = max(k.version for k in REGISTRY.kpis if k.id == "resp_rural_25")
    rows = [
        ("resp_rural_25", version, "all", YEAR, START, "municipality", unit, n)
        for unit, n in (("a", 125.0), ("b", 60.0))
    ]
    share = pl.DataFrame(rows, schema=NOTHING_HIDDEN.schema, orient="row")
    assert classes_hidden(cells, share) == {("municipality", "a", parts.WHOLE)}
