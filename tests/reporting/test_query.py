"""Filters of a KPI query, and periods as people write them."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from reporting.periods import PeriodError, label, last_date, parse_period, parse_span
from reporting.query import KpiQuery, QueryError, latest_period, page, query, show_kpi
from reporting.reader import Release


def test_everything_carries_names_and_the_release(current: Release) -> None:
    frame = query(current, KpiQuery())
    assert frame.height == 9
    assert frame["release_id"].unique().to_list() == [current.release_id]
    named = dict(frame.select("unit_id", "unit_name").iter_rows())
    assert named["amk_oslo"] == "AMK Oslo"
    assert named["NO"] == "Norge"
    assert named["UNKNOWN"] == "Ukjent"
    assert named["ICCS"] == "ICCS"
    assert frame["kpi_name"].null_count() == 0


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        (KpiQuery(kpis=["calls_offered"]), 2),
        (KpiQuery(kpis=["calls_offered", "c113_within_10s"]), 8),
        (KpiQuery(levels=["central"]), 5),
        (KpiQuery(units=["amk_oslo"]), 3),
        (KpiQuery(segments=["=call"]), 1),
        (KpiQuery(grain="quarter"), 1),
        (KpiQuery(start_from=date(2026, 9, 1)), 7),
        (KpiQuery(start_to=date(2026, 8, 1)), 2),
        (KpiQuery(start_from=date(2026, 8, 1), start_to=date(2026, 8, 31)), 1),
        (KpiQuery(with_no_data=False), 8),
        (KpiQuery(units=["amk_oslo"], kpis=["c113_within_10s"], start_to=date(2026, 8, 1)), 1),
    ],
)
def test_filters(current: Release, wanted: KpiQuery, rows: int) -> None:
    assert query(current, wanted).height == rows


def test_hidden_cells_have_no_number(current: Release) -> None:
    (row,) = query(current, KpiQuery(units=["amk_bergen"])).to_dicts()
    assert row["status"] == "suppressed"
    hidden = ("value", "n", "numerator", "denominator", "coverage")
    assert [row[name] for name in hidden] == [None] * 5


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        (KpiQuery(kpis=["c113_within_10"]), "c113_within_10s"),
        (KpiQuery(kpis=["svartid"]), r"did you mean: answer_.*`akutt kpi list svartid`"),
        (KpiQuery(kpis=["zzz"]), r"there are: .*…\. .*`akutt kpi list`"),
        (KpiQuery(levels=["centrals"]), "did you mean: central"),
        (KpiQuery(levels=["amk"]), r"did you mean: central\."),
        (KpiQuery(levels=["AMK-sentral"]), r"did you mean: central\."),
        (KpiQuery(levels=["legevakt"]), r"did you mean: central\."),
        (KpiQuery(levels=["helseforetak"]), r"did you mean: health_trust\."),
        (KpiQuery(levels=["kommune"]), r"did you mean: municipality\."),
        (KpiQuery(levels=["kommuner"]), "did you mean: municipality"),
        (KpiQuery(levels=["fylke"]), r"did you mean: county\."),
        (KpiQuery(levels=["land"]), r"did you mean: national\."),
        (KpiQuery(levels=["nasjonal"]), r"did you mean: national\."),
        (KpiQuery(by=["helseforetak"]), r"did you mean: health_trust\."),
        (KpiQuery(units=["amk_osl"]), "amk_oslo"),
        (KpiQuery(units=["oslo"], levels=["central"]), r"did you mean: AMK Oslo \(amk_oslo\)"),
        (KpiQuery(units=["Møre"], levels=["central"]), r"AMK Møre og Romsdal \(amk_more"),
        (KpiQuery(segments=["1133"]), "113"),
        (KpiQuery(grain="monthly"), "month"),
    ],
)
def test_a_wrong_name_is_answered_with_near_ones(
    current: Release, wanted: KpiQuery, hint: str
) -> None:
    with pytest.raises(QueryError, match=hint):
        query(current, wanted)


@pytest.mark.parametrize("size", [1, 2, 4, 9, 10])
def test_pages_put_together_are_the_query(current: Release, size: int) -> None:
    wanted = KpiQuery(segments=["113", "=call"])
    whole = query(current, wanted)
    pages = [page(current, wanted, offset=at, limit=size) for at in range(0, whole.height, size)]
    assert pl.concat([frame for frame, _ in pages]).equals(whole)
    assert {in_all for _, in_all in pages} == {whole.height}
    assert all(0 < frame.height <= size for frame, _ in pages)
    beyond, in_all = page(current, wanted, offset=whole.height, limit=size)
    assert beyond.is_empty() and in_all == whole.height


def test_show(current: Release) -> None:
    assert show_kpi(current, "calls_offered")["measure"] == "count"
    with pytest.raises(QueryError):
        show_kpi(current, "nothing")


def test_latest_period_is_the_last_with_a_value(current: Release) -> None:
    assert latest_period(current, "c113_within_10s", "month") == date(2026, 9, 1)
    assert latest_period(current, "answer_time_p90", "month") is None


@pytest.mark.parametrize(
    ("text", "grain", "start", "end"),
    [
        ("2026", "year", date(2026, 1, 1), date(2026, 12, 31)),
        ("2026-Q3", "quarter", date(2026, 7, 1), date(2026, 9, 30)),
        ("2026K4", "quarter", date(2026, 10, 1), date(2026, 12, 31)),
        ("2026-02", "month", date(2026, 2, 1), date(2026, 2, 28)),
        ("2026-12", "month", date(2026, 12, 1), date(2026, 12, 31)),
        ("2026-W01", "week", date(2025, 12, 29), date(2026, 1, 4)),
        ("2026-U53", "week", date(2026, 12, 28), date(2027, 1, 3)),
        ("2024-02-29", "day", date(2024, 2, 29), date(2024, 2, 29)),
    ],
)
def test_periods(text: str, grain: str, start: date, end: date) -> None:
    assert parse_period(text) == (grain, start)
    assert last_date(grain, start) == end
    assert parse_period(label(grain, start)) == (grain, start)


@pytest.mark.parametrize(
    ("period", "grain", "hint"),
    [
        ("2026-09..2026-08", None, "ends before it begins: 2026-09-01 to 2026-08-31"),
        ("2026-09-02..2026-09-01", "day", "ends before"),
        ("2026-09-30", "month", "choose 2026-09 "),
        ("2026-W37", "month", "choose 2026-09 "),
        ("2026-09-30", "week", "choose 2026-W40 "),
        ("2026-Q3", "year", "choose 2026 "),
        ("2026-08-02..2026-08-31", "month", "choose 2026-08 "),
    ],
)
def test_spans_that_no_period_lies_in(period: str, grain: str | None, hint: str) -> None:
    with pytest.raises(PeriodError, match=hint):
        parse_span(period, grain=grain)


@pytest.mark.parametrize(
    ("period", "grain"),
    [
        ("2026-09-01", "month"),
        ("2026-W40", "month"),
        ("2026-09-28", "week"),
        ("2026-08-31..2026-09-01", "month"),
        ("2026-09-30", "all"),
        ("2026-09-30..", "year"),
        ("2026-09..2026-09", None),
    ],
)
def test_spans_that_a_period_begins_in(period: str, grain: str | None) -> None:
    assert parse_span(period, grain=grain).start_from is not None


@pytest.mark.parametrize(
    "text",
    ["", "26", "2026-13", "2026-Q5", "2025-W53", "2025-02-29", "9999-12", "9999-W52", "i går"],
)
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(PeriodError):
        parse_period(text)
