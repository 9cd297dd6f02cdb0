"""An attacker with linear algebra and everything that is released; written without the protector.

The attacker knows how figures add up: over centrals to regions and the country, over days to weeks
and months, and that offered calls are answered or unanswered. From the rows that show numbers he
works out what he can. A hidden row is recovered when its value, or a small number in it, follows.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from orchestration.disclosure.assistant import Assistant, assistant
from orchestration.disclosure.history import History
from orchestration.disclosure.layout import Layout
from orchestration.disclosure.periods import calendar
from orchestration.disclosure.places import places
from orchestration.disclosure.protect import Decided, decide_group
from orchestration.disclosure.scope import in_scope, last_delivered
from orchestration.disclosure.step import Decision, decide
from orchestration.disclosure.witness import Search
from orchestration.registry import load_registry
from orchestration.suppression import SENSITIVITIES, SuppressionPolicy, Thresholds
from tests.orchestration.fabricated import VALUES_SCHEMA, receipts, value

REGION = {"lvs_a": "sorost", "lvs_b": "sorost", "lvs_c": "sorost", "lvs_d": "vest", "lvs_e": "vest"}
REGION |= {"lvs_f": "vest"}
FIRST = date(2027, 2, 1)  # a Monday; the month is four whole weeks
DAYS = [FIRST + timedelta(days=i) for i in range(28)]
MEASURES = ("offered", "answered", "unanswered", "transferred")
KPIS = {
    "calls_offered": ("offered", None),
    "unanswered_share": ("unanswered", "offered"),
    "transfer_116117_to_113": ("transferred", "answered"),
}
# All figures are protected as those that tell about persons.
POLICY = SuppressionPolicy()
SMALL = POLICY.of("person")
Cell = tuple[str, str, str, date]


def units_of(central: str) -> list[tuple[str, str]]:
    return [("central", central), ("region", REGION[central]), ("national", "NO")]


def periods_of(day: date) -> list[tuple[str, date]]:
    monday = day - timedelta(days=day.weekday())
    return [("day", day), ("week", monday), ("month", day.replace(day=1))]


def truth(seed: int) -> dict[Cell, dict[str, int]]:
    """Measures of every cell, summed up from calls per central and day."""
    random = np.random.default_rng(seed)
    cells: dict[Cell, dict[str, int]] = {}
    for central in REGION:
        for day in DAYS:
            answered = int(random.poisson(60))
            unanswered = int(random.poisson(5))
            transferred = int(random.binomial(answered, 0.08))
            counts = (answered + unanswered, answered, unanswered, transferred)
            for unit in units_of(central):
                for period in periods_of(day):
                    cell = cells.setdefault((*unit, *period), dict.fromkeys(MEASURES, 0))
                    for name, number in zip(MEASURES, counts, strict=True):
                        cell[name] += number
    return cells


def figures(cells: dict[Cell, dict[str, int]]) -> pl.DataFrame:
    rows = []
    for (level, unit, grain, start), measures in cells.items():
        for kpi_id, (top, bottom) in KPIS.items():
            where = {"level": level, "unit_id": unit, "period_grain": grain, "period_start": start}
            n = measures[bottom or top]
            numbers: dict[str, Any] = {
                "numerator": float(measures[top]),
                "denominator": float(n) if bottom else None,
                "n": n,
                "value": 100 * measures[top] / n if bottom and n else float(n),
                "coverage": 1.0,
            }
            rows.append(value(kpi_id, segment="116117", **where, **numbers))
    return pl.DataFrame(rows, schema=VALUES_SCHEMA)


def decided(
    values: pl.DataFrame,
    until: date = DAYS[-1],
    history: History | None = None,
    helper: Assistant[Decided] | None = None,
    contract: str = "call",
    seen: pl.DataFrame | None = None,
) -> Decision:
    parents = {("central", c): frozenset({("region", r)}) for c, r in REGION.items()}
    delivered = receipts(days=28, contract=contract).with_columns(
        pl.col("delivered_on") + (until - date(2026, 9, 30))
    )
    history = history or History(None, "the first release")
    registry = load_registry()
    days = last_delivered(delivered)
    return decide(values, parents, registry, days, POLICY, history, helper, seen)


def released(values: pl.DataFrame, decision: Decision) -> pl.DataFrame:
    """The rows as readers see them."""
    key = decision.hidden.drop("reason").columns
    marked = in_scope(values, decision.scope).join(decision.hidden, on=key, how="left")
    shown = pl.col("reason").is_null()
    return marked.with_columns(
        *(pl.when(shown).then(pl.col(n)).alias(n) for n in ("numerator", "denominator", "n")),
        pl.when(shown).then(pl.col("status")).otherwise(pl.lit("suppressed")).alias("status"),
    ).drop("reason")


def recovered(values: pl.DataFrame, hidden: pl.DataFrame, cells: dict[Cell, dict[str, int]]) -> int:
    """How many hidden rows follow from those that are shown."""
    index = {
        (cell, name): i for i, (cell, name) in enumerate((c, m) for c in cells for m in MEASURES)
    }
    equations: list[dict[int, float]] = []
    for cell in cells:
        one = {index[cell, "offered"]: 1.0, index[cell, "answered"]: -1.0}
        equations.append(one | {index[cell, "unanswered"]: -1.0})
        level, unit, grain, start = cell
        below = {"national": "region", "region": "central"}.get(level)
        parts = [c for c in cells if c[0] == below and c[2:] == (grain, start)]
        if level == "region":
            parts = [c for c in parts if REGION[c[1]] == unit]
        days = [] if grain == "day" else [d for d in DAYS if (grain, start) in periods_of(d)]
        for members in (parts, [(level, unit, "day", day) for day in days]):
            if members:
                equations += [
                    {index[cell, m]: 1.0} | {index[part, m]: -1.0 for part in members}
                    for m in MEASURES
                ]
    key = ["kpi_id", "level", "unit_id", "period_grain", "period_start"]
    for kpi_id, *cell in values.join(hidden, on=key, how="anti").select(key).iter_rows():
        for name in KPIS[kpi_id]:
            if name:
                equations.append({index[tuple(cell), name]: 1.0})
    matrix = np.zeros((len(equations), len(index)))
    for row, equation in enumerate(equations):
        matrix[row, list(equation)] = list(equation.values())
    weights, vectors = np.linalg.eigh(matrix.T @ matrix)
    unknown = np.abs(vectors[:, weights < 1e-9]).max(axis=1, initial=0.0) > 1e-7
    count = 0
    for kpi_id, *where in hidden.select(key).iter_rows():
        at = tuple(where)
        known = [n for n in KPIS[kpi_id] if n and not unknown[index[at, n]]]
        small = [n for n in known if 0 < cells[at][n] < SMALL.min_count]
        count += bool(small) or len(known) == sum(1 for n in KPIS[kpi_id] if n)
    return count


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_is_hidden_follows_from_what_is_shown(seed: int) -> None:
    cells = truth(seed)
    values = figures(cells)
    decision = decided(values)
    primary = decision.hidden.filter(pl.col("reason") == "primary")
    assert primary.height > 20
    assert decision.report["unprotected"] == 0
    assert recovered(values, primary, cells) > 20  # the attack works where it can
    assert recovered(values, decision.hidden, cells) == 0
    shown = decision.report["cells"] - decision.hidden.height
    assert shown > 0.4 * decision.report["cells"]


@pytest.mark.parametrize("seed", [1, 2])
def test_what_an_audience_sees_in_full_gives_away_nothing_of_the_rest(seed: int) -> None:
    cells = truth(seed)
    values = figures(cells)
    keys = values.select("kpi_id", "level", "unit_id").unique()
    mine = keys.filter(pl.col("unit_id").is_in(["lvs_a", "lvs_b"]))
    decision = decided(values, seen=mine)
    key = ["kpi_id", "level", "unit_id"]
    assert decision.hidden.join(mine, on=key, how="semi").is_empty()
    everyone = decided(values)
    assert not everyone.hidden.join(mine, on=key, how="semi").is_empty()
    assert recovered(values, everyone.hidden.join(mine, on=key, how="anti"), cells) > 0
    assert decision.report["unprotected"] == 0
    assert recovered(values, decision.hidden, cells) == 0


@pytest.mark.parametrize("remembers", [True, False])
def test_nothing_follows_from_two_releases_in_a_row(remembers: bool) -> None:
    cells = truth(3)
    values = figures(cells)
    until = DAYS[24]  # the last week, and with it the month, is still open
    days = set(DAYS[:25])
    earlier = {cell: m for cell, m in cells.items() if cell[2] != "day" or cell[3] in days}
    before = figures(earlier)
    first = decided(before, until)
    seen = released(before, first)
    assert set(seen["period_grain"]) == {"day", "week"}
    numbers = first.numbers if remembers else None
    history = History("one", "bound by one", seen, first.withdrawn, numbers)
    second = decided(values, history=history)
    assert second.report["unprotected"] == 0
    key = first.hidden.drop("reason").columns
    stays = first.hidden.join(second.hidden, on=key, how="anti")
    assert stays.is_empty()
    # Nothing has changed but what is new, so the later release holds all that both of them show.
    given_away = seen.filter(pl.col("status") == "ok").join(second.hidden, on=key, how="semi")
    visible = second.hidden.join(given_away, on=key, how="anti")
    assert recovered(values, visible, cells) == 0


def test_the_decision_is_the_same_in_two_processes() -> None:
    values = figures(truth(1))
    alone = decided(values).hidden
    with assistant(decide_group, wanted=True) as helper:
        assert helper is not None
        assert_frame_equal(decided(values, helper=helper).hidden, alone, check_row_order=False)


def test_what_a_process_raises_is_raised_where_its_answer_is_waited_for() -> None:
    with assistant(Decimal, wanted=True) as helper:
        assert helper is not None
        helper.ask("no number")
        with pytest.raises(InvalidOperation):
            helper.answer()


def test_a_process_that_ends_without_an_answer_is_noticed() -> None:
    with assistant(os._exit, wanted=True) as helper:
        assert helper is not None
        helper.ask(3)
        with pytest.raises(RuntimeError, match="ended with status 3"):
            helper.answer()


@pytest.mark.parametrize("asked", [False, True])
def test_a_process_ends_when_nobody_is_left_to_hear_it(asked: bool) -> None:
    with pytest.raises(KeyError), assistant(time.sleep, wanted=True) as helper:
        assert helper is not None
        if asked:
            helper.ask(600)
        raise KeyError
    assert multiprocessing.active_children() == []


def test_without_a_second_core_there_is_no_second_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with assistant(decide_group, wanted=True) as helper:
        assert helper is None


@pytest.mark.parametrize("seed", [1, 2])
def test_no_percentile_is_shown_with_few_observations_beyond(seed: int) -> None:
    sides = {"answer_time_median": 0.5, "answer_time_p90": 0.1, "answer_time_p99": 0.01}
    rows = []
    for (level, unit, grain, start), measures in truth(seed).items():
        where = {"level": level, "unit_id": unit, "period_grain": grain, "period_start": start}
        n = measures["unanswered"]
        rows += [value(kpi_id, segment="116117", n=n, **where) for kpi_id in sides if n]
    decision = decided(pl.DataFrame(rows, schema=VALUES_SCHEMA))
    shown = released(pl.DataFrame(rows, schema=VALUES_SCHEMA), decision)
    shown = shown.filter(pl.col("status") == "ok").with_columns(
        (pl.col("n") * pl.col("kpi_id").replace_strict(sides)).alias("beyond")
    )
    assert shown.filter(pl.col("beyond") < SMALL.min_beyond_percentile - 1e-9).is_empty()
    assert {"answer_time_median", "answer_time_p90"} <= set(shown["kpi_id"])
    # What the percentile rests on is no secret: the median of the same observations is shown.
    cell = ["level", "unit_id", "period_grain", "period_start"]
    medians = shown.filter(pl.col("kpi_id") == "answer_time_median")
    assert not medians.join(
        decision.hidden.filter(pl.col("kpi_id") == "answer_time_p90"), on=cell, how="semi"
    ).is_empty()


def test_that_nothing_could_be_used_is_hidden_where_it_would_give_a_number_away() -> None:
    """No caller of an unanswered call is known: that says that there were unanswered calls."""
    cells = truth(3)
    nothing = {"numerator": 0.0, "denominator": 0.0, "n": 0, "value": None, "coverage": 0.0}
    rows = [
        value("recall_15min", segment="116117", status="no_data", **nothing, **where)
        for level, unit, grain, start in cells
        for where in [
            {"level": level, "unit_id": unit, "period_grain": grain, "period_start": start}
        ]
    ]
    values = pl.concat([figures(cells), pl.DataFrame(rows, schema=VALUES_SCHEMA)])
    decision = decided(values)
    assert decision.report["unprotected"] == 0
    hidden = decision.hidden
    unsure = hidden.filter(pl.col("kpi_id") == "recall_15min")
    assert 0 < unsure.height < len(rows)
    assert recovered(figures(cells), hidden.filter(pl.col("kpi_id") != "recall_15min"), cells) == 0


def test_no_event_among_few_inhabitants_is_said_of_nobody() -> None:
    """A rate of few person-years is hidden; that there was none is what counts show as well."""
    cells = truth(3)
    quiet = ("central", "lvs_f", "day", DAYS[3])
    cells[quiet] = dict.fromkeys(MEASURES, 0)
    values = figures({cell: measures for cell, measures in cells.items() if cell[1] == "lvs_f"})
    is_quiet = (pl.col("period_grain") == "day") & (pl.col("period_start") == DAYS[3])
    empty = is_quiet & pl.col("denominator").is_not_null()
    values = values.with_columns(
        status=pl.when(empty).then(pl.lit("no_data")).otherwise("status"),
        coverage=pl.when(empty).then(None).otherwise("coverage"),
    )
    where = {"level": "central", "unit_id": "lvs_f", "period_grain": "day", "period_start": DAYS[3]}
    rate = value(
        "calls_per_1000", segment="116117", numerator=0.0, denominator=9.3, n=0, value=0.0, **where
    )
    decision = decided(pl.concat([values, pl.DataFrame([rate], schema=VALUES_SCHEMA)]))
    assert decision.report["unprotected"] == 0
    assert "calls_per_1000" in decision.hidden["kpi_id"]


def test_a_changed_policy_shows_more_and_needs_no_deletion_of_earlier_releases() -> None:
    cells = truth(3)
    values = figures(cells)
    first = decided(values)
    seen = released(values, first)
    history = History("one", "bound", seen, first.withdrawn, first.numbers, is_same_policy=False)
    loose = SuppressionPolicy(dict.fromkeys(SENSITIVITIES, Thresholds(min_part=3, min_count=3)))
    parents = {("central", c): frozenset({("region", r)}) for c, r in REGION.items()}
    delivered = receipts(days=28).with_columns(
        pl.col("delivered_on") + (DAYS[-1] - date(2026, 9, 30))
    )
    days = last_delivered(delivered)
    second = decide(values, parents, load_registry(), days, loose, history)
    key = first.hidden.drop("reason").columns
    assert second.report["unprotected"] == 0
    assert second.hidden.height < 0.75 * first.hidden.height
    primary = second.hidden.filter(pl.col("reason") == "primary")
    assert 0 < primary.height < first.hidden.filter(pl.col("reason") == "primary").height
    # What the earlier release has shown is no help to hide anything.
    assert second.hidden.join(first.hidden, on=key, how="anti").is_empty()
    assert recovered(values, second.hidden, cells) == 0


def test_what_has_grown_is_protected_as_what_it_was() -> None:
    """A number that was 3 and is 20 now would tell, less what came in late, that it was 3."""
    cells = truth(3)
    first = decided(figures(cells))
    small = first.hidden.filter((pl.col("reason") == "primary") & (pl.col("level") == "central"))
    key = first.hidden.drop("reason").columns
    times_20 = {cell: {n: 20 * number for n, number in m.items()} for cell, m in cells.items()}
    history = History("one", "bound", released(figures(cells), first), None, first.numbers)
    second = decided(figures(times_20), history=history)
    assert small.join(second.hidden, on=key, how="anti").is_empty()
    assert first.numbers.join(small, on=key, how="semi")["was_small"].all()
    assert second.numbers.join(small, on=key, how="semi")["was_small"].all()
    others = first.hidden.filter(pl.col("reason") == "complementary")
    assert not second.numbers.join(others, on=key, how="semi")["was_small"].any()


def test_a_coarse_calendar_has_one_day_per_step() -> None:
    periods = sorted({p for day in DAYS for p in periods_of(day)})
    fine = calendar(periods, DAYS[0], DAYS[-1])
    for depth in range(1, 5):
        coarse = fine.at(depth)
        assert coarse.days.size == len(set(fine.step[depth].tolist()))
        for grain, start in periods:
            column = fine.column(grain, start)
            steps = set(fine.step[depth][fine.days_of[column]].tolist())
            expected = steps if fine.grain_of[column] >= depth else set()
            assert set(coarse.step[depth][coarse.days_of[column]].tolist()) == expected


def test_the_only_place_left_is_found_when_it_is_none_of_the_likely_ones() -> None:
    """Two regions of many centrals; an event of one can only have been in a single other."""
    sorost, vest = ([("central", f"lvs_{r}{i:02}") for i in range(60)] for r in ("s", "v"))
    regions = [("region", "sorost"), ("region", "vest")]
    units = (("national", "NO"), *regions, *sorost, *vest)
    parents = {
        unit: frozenset({region})
        for region, centrals in zip(regions, (sorost, vest), strict=True)
        for unit in centrals
    }
    periods = sorted({p for day in DAYS for p in periods_of(day)})
    layout = Layout(units, calendar(periods, DAYS[0], DAYS[-1]), places(units, parents))
    row, column = layout.row[regions[0]], layout.calendar.column("day", DAYS[3])
    cost = np.full((2, len(units), len(periods)), np.inf, dtype=np.float32)
    back = layout.calendar.column("day", DAYS[4])
    # Two days of one week, both regions, and the one central of each that can have the event.
    for unit in (*regions, sorost[59], vest[59]):
        cost[:, layout.row[unit], [column, back]] = 1.0
    # All others have room on every other day, and none on these.
    others = [layout.row[unit] for unit in (*sorost[:59], *vest[:59])]
    free = np.setdiff1d(np.arange(len(periods)), [column, back])
    cost[np.ix_([0, 1], others, free)] = 1.0
    targets = np.zeros((len(units), len(periods)), dtype=np.bool_)
    targets[row, column] = True
    hidden: set[tuple[int, int]] = set()
    search = Search(layout, cost, lambda rows, at: hidden.update(zip(rows, at, strict=True)))
    assert search.protect(targets, float("inf"))[row, column]
    assert not hidden
    assert not search.protect_by_any(targets).any()
    found = {(layout.units[at_row], int(at)) for at_row, at in hidden}
    chosen = (*regions, sorost[59], vest[59])
    assert found == {(unit, at) for unit in chosen for at in (column, back)}


def late_requests(numbers: dict[tuple[str, str], tuple[int, int]]) -> list[dict[str, Any]]:
    """Late rows of all rows, of a year whose figures begin with its last quarter."""
    return [
        value(
            "dq_late",
            segment=segment,
            level={"NO": "national", "lvs_a": "central", "lvs_b": "central"}.get(unit, "base"),
            unit_id=unit,
            period_grain=grain,
            period_start=start,
            numerator=float(late),
            denominator=float(rows),
            n=rows,
            coverage=1.0,
        )
        for (segment, unit), (late, rows) in numbers.items()
        for grain, start in (("quarter", date(2026, 10, 1)), ("year", date(2026, 1, 1)))
    ]


def test_an_event_is_not_thought_into_places_or_times_that_its_kind_does_not_have() -> None:
    """A base is no central, and before the first quarter there are no figures to change."""
    rows = late_requests(
        {
            ("lat_request", "NO"): (65, 600),
            ("lat_request", "heli_al"): (3, 200),
            ("lat_request", "heli_forde"): (22, 200),
            ("lat_request", "heli_evenes"): (40, 200),
            ("call", "NO"): (140, 2000),
            ("call", "lvs_a"): (60, 1000),
            ("call", "lvs_b"): (80, 1000),
        }
    )
    parents = {("central", c): frozenset({("region", r)}) for c, r in REGION.items()}
    delivered = {"lat_request": date(2026, 12, 31), "call": date(2026, 12, 31)}
    values = pl.DataFrame(rows, schema=VALUES_SCHEMA)
    history = History(None, "the first release")
    decision = decide(values, parents, load_registry(), delivered, POLICY, history)
    hidden = decision.hidden.filter(pl.col("segment") == "lat_request")
    for grain in ("quarter", "year"):
        units = set(hidden.filter(pl.col("period_grain") == grain)["unit_id"])
        assert "heli_al" in units
        assert len(units & {"heli_forde", "heli_evenes", "NO"}) >= 1
    by_grain = hidden.group_by("period_grain").agg(pl.col("unit_id").sort())["unit_id"].to_list()
    assert by_grain[0] == by_grain[1]  # the year has no other quarter
    assert decision.report["unprotected"] == 0
    assert decision.hidden.filter(pl.col("segment") == "call").is_empty()


def test_versions_of_a_kpi_may_be_of_different_levels() -> None:
    """A superseded version is of the country only: nothing is lacking below it."""
    reds = {"lvs_a": 3, "lvs_b": 40, "lvs_c": 50, "lvs_d": 60, "lvs_e": 70, "lvs_f": 80}
    month = {"segment": "all", "period_grain": "month", "period_start": FIRST, "coverage": 1.0}
    places = {unit for central in REGION for unit in units_of(central)}
    rows = []
    for level, unit in sorted(places):
        red = sum(n for central, n in reds.items() if (level, unit) in units_of(central))
        at = {"level": level, "unit_id": unit, **month}
        rows.append(value("red_share", numerator=red, denominator=4 * red, n=4 * red, **at))
        usable = {"numerator": 20 * red, "denominator": 21 * red, "n": 21 * red}
        rows.append(value("resp_coverage", **usable, **at))
        if level == "national":
            earlier = {"numerator": red - 20, "denominator": red, "n": red}
            rows.append(value("resp_coverage", **earlier, **at) | {"kpi_version": 1})
    decision = decided(pl.DataFrame(rows, schema=VALUES_SCHEMA), contract="alarm")
    hidden = decision.hidden.filter(pl.col("kpi_id") == "red_share")
    assert "lvs_a" in hidden["unit_id"]
    assert hidden.height > 1
    assert decision.report["unprotected"] == 0
