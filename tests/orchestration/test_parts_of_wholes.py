"""What follows because no part is more than its whole, and what is done when numbers follow."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from orchestration.assets_disclosure import hidden_besides
from orchestration.disclosure import protect, step
from orchestration.disclosure.bounds import Sum, bounds, wholes
from orchestration.disclosure.events import Events, parts_of_wholes
from orchestration.disclosure.forms import Move
from orchestration.disclosure.history import History
from orchestration.disclosure.scope import last_delivered
from orchestration.disclosure.step import Audited, Decision, audited, decide
from orchestration.disclosure.table import Table
from orchestration.registry import load_registry
from orchestration.release import ReleaseError, build_release
from orchestration.release_audit import auditor
from reporting.columns import UNPLACED
from tests.orchestration.fabricated import VALUES_SCHEMA, receipts, value, write_warehouse
from tests.orchestration.test_attack import DAYS, POLICY, REGION, periods_of, units_of

# Calls answered within ten minutes, answered later, hung up in the menu, and waited in vain.
KINDS = Events(
    ("offered", "answered_valid", "unanswered", "unanswered_valid", "within_600s", "menu_hangups"),
    np.array([[1, 1, 0, 0, 1, 0], [1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 0, 1], [1, 0, 1, 1, 0, 0]]),
)
KPIS = {
    "calls_offered": (["offered"], []),
    "unanswered_share": (["unanswered"], ["offered"]),
    "menu_hangup_share": (["menu_hangups"], ["offered"]),
    "c116117_within_10min": (["within_600s"], ["answered_valid", "unanswered"]),
}


def figures(seed: int) -> pl.DataFrame:
    """Figures of days on which nearly all calls are answered in time, or hung up."""
    random = np.random.default_rng(seed)
    cells: dict[tuple[Any, ...], dict[str, int]] = {}
    for central in REGION:
        for day in DAYS:
            events = random.multinomial(70, [0.9, 0.0005, 0.0985, 0.001])
            counts = events @ KINDS.counts
            for unit in units_of(central):
                for period in periods_of(day):
                    cell = cells.setdefault((*unit, *period), dict.fromkeys(KINDS.measures, 0))
                    for name, number in zip(KINDS.measures, counts.tolist(), strict=True):
                        cell[name] += number
    rows = []
    for (level, unit, grain, start), measures in cells.items():
        where = {"level": level, "unit_id": unit, "period_grain": grain, "period_start": start}
        for kpi_id, (top, bottom) in KPIS.items():
            above, below = (sum(measures[name] for name in names) for names in (top, bottom))
            n = below if bottom else above
            numbers: dict[str, Any] = {"numerator": float(above), "n": n, "coverage": 1.0}
            numbers |= {"denominator": float(below) if bottom else None, "value": float(above)}
            rows.append(value(kpi_id, segment="116117", **where, **numbers))
    return pl.DataFrame(rows, schema=VALUES_SCHEMA)


def decided(values: pl.DataFrame, events: dict[str, Events] | None, **more: Any) -> Decision:
    parents = {("central", c): frozenset({("region", r)}) for c, r in REGION.items()}
    delivered = receipts(days=28).with_columns(
        pl.col("delivered_on") + (DAYS[-1] - date(2026, 9, 30))
    )
    days = last_delivered(delivered)
    return decide(
        values,
        parents,
        load_registry(),
        days,
        POLICY,
        History(None, "the first release"),
        events=events,
        **more,
    )


def test_parts_are_found_in_the_events() -> None:
    whole = dict(zip(KINDS.measures, KINDS.counts.T, strict=True))
    names = ("offered", "answered_valid", "within_600s", "menu_hangups", "unanswered")
    found = {
        (names[at], *sorted(names[part] for part in parts))
        for at, parts in parts_of_wholes([whole[name] for name in names])
    }
    assert found == {
        ("offered", "answered_valid", "unanswered"),
        ("answered_valid", "within_600s"),
        ("unanswered", "menu_hangups"),
    }


def test_what_wholes_leave_for_their_parts_meets() -> None:
    """12 calls, of which 11 are within ten minutes and 1 is a hang-up, and 12, 10 and 1."""
    measures = dict(zip(KINDS.measures, KINDS.counts.T, strict=True))
    numbers = {
        "offered": [12.0, 12.0],
        "answered_valid": [11.0, 11.0],
        "unanswered": [1.0, 1.0],
        "within_600s": [11.0, 10.0],
        "menu_hangups": [1.0, 1.0],
    }
    sums = [Sum({n: 1}, measures[n], np.array([row]), (0,)) for n, row in numbers.items()]
    shown = {"offered", "within_600s", "menu_hangups"}
    visible = [np.full((1, 2), name in shown) for name in numbers]
    lower, upper = bounds(sums, wholes(sums), visible)
    assert [low.tolist() for low in lower[1:3]] == [[[11.0, 10.0]], [[1.0, 1.0]]]
    assert [high.tolist() for high in upper[1:3]] == [[[11.0, 11.0]], [[1.0, 2.0]]]


def test_what_is_all_that_its_parts_leave_is_protected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unanswered calls alone are hidden; calls in time and hang-ups are all but them."""
    values = figures(1)
    found: list[Table] = []
    with monkeypatch.context() as patch:
        patch.setattr(protect, "_protect_parts", lambda table: found.append(table) or [])
        decided(values, {"calls": KINDS})
    (table,) = (table for table in found if "calls" in table.forms.families)
    rows = {own.kpi_id: mine for own, mine in zip(table.forms.series, table.rows, strict=True)}
    hidden = np.logical_or.reduce([mine.hidden for mine in rows.values()])
    full = (
        rows["c116117_within_10min"].numerator + rows["menu_hangup_share"].numerator
        == rows["calls_offered"].numerator
    )
    at = tuple(np.argwhere(full & ~hidden & (rows["unanswered_share"].numerator > 0))[0])
    unanswered = rows["unanswered_share"].hidden
    unanswered[at] = True
    pinned = table.pinned(audited=False)
    assert [form for form, _ in pinned] == [{"calls.unanswered[116117]": 1}]
    assert pinned[0][1][at]
    before = sum(int(mine.hidden.sum()) for mine in rows.values())
    assert protect._protect_parts(table) == []
    assert table.pinned(audited=False) == []
    assert sum(mine.hidden[at] for mine in rows.values()) > 1
    assert sum(int(mine.hidden.sum()) for mine in rows.values()) > before + 3


def test_no_part_is_thought_into_the_unplaced_of_a_day_beyond_its_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One call could not be placed on a day, and it was answered: it is none that hung up."""
    values = figures(1)
    numerator = {"calls_offered": 1.0, "c116117_within_10min": 1.0}
    unplaced = values.filter(
        (pl.col("level") == "central") & (pl.col("period_grain") == "day")
    ).unique(["kpi_id", "period_start"], maintain_order=True)
    unplaced = unplaced.with_columns(
        pl.lit(UNPLACED).alias("unit_id"),
        pl.col("kpi_id").replace_strict(numerator, default=0.0).alias("numerator"),
        pl.when(pl.col("denominator").is_not_null()).then(1.0).alias("denominator"),
        pl.lit(1, pl.Int64).alias("n"),
    )
    found: list[Table] = []
    with monkeypatch.context() as patch:
        patch.setattr(protect, "_protect", lambda table: found.append(table) or [])
        decided(pl.concat([values, unplaced]), {"calls": KINDS})
    (table,) = (table for table in found if "calls" in table.forms.families)
    column = table.layout.calendar.column("day", DAYS[3])
    row = table.layout.row["central", UNPLACED]
    more = {
        name: table.costs(
            Move(((f"calls.{name}[116117]", 1),)), plausible=True, down_to_zero=True, fresh=False
        )[0, row, column]
        for name in ("menu_hangups", "within_600s", "offered")
    }
    assert np.isinf(more["menu_hangups"])
    assert np.isinf(more["within_600s"])
    assert np.isfinite(more["offered"])


def test_more_is_hidden_until_an_audit_finds_nothing() -> None:
    values = figures(1)
    again = functools.partial(decided, values, None)
    first = again()
    shown = step.released(values, first)
    key = [name for name in first.hidden.columns if name != "reason"]
    target = shown.filter(
        (pl.col("kpi_id") == "unanswered_share")
        & (pl.col("status") == "suppressed")
        & (pl.col("period_grain") == "day")
    ).head(1)
    day = target["period_start"].item()

    def auditing(times: int) -> tuple[Decision, list[pl.DataFrame]]:
        seen: list[pl.DataFrame] = []

        def audit(rows: pl.DataFrame) -> Audited:
            seen.append(rows)
            follows = target.select(key) if len(seen) <= times else None
            return Audited(follows, {"recovered": 0 if follows is None else 1})

        return audited(first, again, values, load_registry(), audit), seen

    def visible(decision: Decision) -> pl.DataFrame:
        return step.released(values, decision).filter(pl.col("status") == "ok")

    nothing, seen = auditing(0)
    assert nothing.hidden.equals(first.hidden)
    assert len(seen) == 1
    once, _ = auditing(4)
    of_that_day = (pl.col("period_grain") == "day") & (pl.col("period_start") == day)
    assert visible(once).filter(of_that_day).is_empty()
    assert not visible(once).filter(~of_that_day).is_empty()
    assert once.report["audit"]["recovered"] == 0
    assert once.report["audit"]["hidden_for_it"] > 0
    always, _ = auditing(9)
    assert visible(always).is_empty()
    assert always.report["audit"]["recovered"] == 0


def test_more_that_is_newly_hidden_than_a_run_may_take_on_is_left_and_said(tmp_path: Path) -> None:
    values, policy = figures(1), POLICY
    shown = step.released(values, decided(values, None))
    hidden = shown.filter(pl.col("status") == "suppressed").height
    assert hidden > 1
    write_warehouse(tmp_path / "akutt.duckdb", values)

    def found(at_most: int | None) -> Mapping[str, Any]:
        audit = auditor(tmp_path / "akutt.duckdb", tmp_path / "releases", policy, at_most)
        return audit(shown).report

    left = found(hidden - 1)
    assert (left["attacked"], left["left"]) == (0, hidden)
    assert any("were not attacked" in line for line in hidden_besides({"audit": left}))
    for at_most in (hidden, None):
        assert found(at_most)["attacked"] == hidden
        assert not list(hidden_besides({"audit": found(at_most)}))


@pytest.mark.parametrize("report", [{"unprotected": 1}, {"audit": {"recovered": 2}}])
def test_nothing_is_released_that_follows(
    tmp_path: Path, report: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_warehouse(tmp_path / "akutt.duckdb")
    info = step.read_info(tmp_path / "akutt.duckdb")
    told = {**info, "report": {**info["report"], **report}}
    monkeypatch.setattr("orchestration.release.read_info", lambda warehouse: told)
    with pytest.raises(ReleaseError, match="nothing is released"):
        build_release(tmp_path / "akutt.duckdb", tmp_path / "releases", receipts())
