"""Charts: gaps stay gaps, what is out of the ordinary has a shape, and texts are escaped."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.web.charts import (
    Bar,
    Mark,
    Point,
    decimals,
    interval_plot,
    run_chart,
    sparkline,
    stacked_bars,
    ticks,
)

NUMBERS = st.integers(-(10**8), 10**8).map(lambda number: number / 100)


@given(NUMBERS, NUMBERS)
def test_ticks_cover_what_they_are_of(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    found = ticks(low, high)
    assert found[0] <= low + 1e-6 and found[-1] >= high - 1e-6
    assert 2 <= len(found) <= 12
    assert found == sorted(set(found))


def axis(value: float, places: int) -> str:
    return f"{value:.{places}f}"


@given(NUMBERS, NUMBERS)
def test_marks_of_an_axis_are_told_apart(one: float, other: float) -> None:
    marks = ticks(min(one, other), max(one, other))
    assert len({axis(mark, decimals(marks)) for mark in marks}) == len(marks)


def chart(points: list[Point]) -> ET.Element:
    drawn = run_chart(points, title="A & <b>", description="d", target=90.0, axis=axis)
    return ET.fromstring(str(drawn))


def test_a_hidden_period_is_a_gap() -> None:
    values = [91.0, 92.0, None, 93.0, 94.0]
    drawn = chart([Point(str(at), value, str(value)) for at, value in enumerate(values)])
    assert len(drawn.findall(".//path[@class='series']")) == 2
    assert len(drawn.findall(".//g[@class='point']")) == 4
    assert drawn.find("title").text == "A & <b>"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("signal", "shape"), [("concern", "worse"), ("improvement", "better"), (None, "dot")]
)
def test_signals_have_shapes(signal: str | None, shape: str) -> None:
    drawn = chart([Point("a", 91.0, "91"), Point("b", 92.0, "92", signal=signal)])
    assert drawn.findall(".//g")[1].find(f"*[@class='{shape}']") is not None


def test_units_stand_below_each_other_in_their_order() -> None:
    bars = [Bar("B & c", 2.0, 1.0, 3.0, "2", "worse"), Bar("A", 1.0, None, None, "1")]
    drawn = ET.fromstring(
        str(interval_plot(bars, title="t", description="d", reference=None, axis=axis))
    )
    names = [text.text for text in drawn.findall("text[@text-anchor='end']")]
    assert names == ["B & c", "A"]
    assert len(drawn.findall("path[@class='interval']")) == 1


def test_parts_stand_side_by_side_and_add_up() -> None:
    rows = [("A", [(2.0, "x 2"), (3.0, "y 3")]), ("B & c", [(0.0, "x 0"), (10.0, "y 10")])]
    drawn = ET.fromstring(str(stacked_bars(rows, title="t", description="d", axis=axis)))
    bars = [
        (float(bar.get("x") or 0), float(bar.get("width") or 0)) for bar in drawn.findall("g/rect")
    ]
    assert bars[0][0] + bars[0][1] == pytest.approx(bars[1][0], abs=0.11)
    assert bars[1][1] == pytest.approx(1.5 * bars[0][1], abs=0.2)
    assert bars[3][1] == pytest.approx(5 * bars[0][1], abs=0.5)
    assert [title.text for title in drawn.findall("g/title")] == [
        "A: x 2", "A: y 3", "B & c: x 0", "B & c: y 10",
    ]  # fmt: skip


def test_nothing_is_drawn_of_nothing() -> None:
    assert not stacked_bars([("A", [(0.0, "")])], title="", description="", axis=axis)
    assert not run_chart([Point("a", None, "")], title="", description="", target=1.0, axis=axis)
    assert not interval_plot([], title="", description="", reference=None, axis=axis)
    assert not sparkline([1.0, None], None, None)
    assert sparkline([1.0, None, 1.0], 0.5, 1.5)


def test_an_event_has_a_line_where_it_happened_and_as_much_text_as_there_is_room_for() -> None:
    points = [Point(str(at), 90.0 + at, "") for at in range(12)]
    marks = [
        Mark(1.5, "1", "Ny <plan>"),
        Mark(10.0, "2", "Streik i ambulansetjenesten i hele landet"),
        Mark(10.5, "3", "Slutt"),
    ]
    drawn = ET.fromstring(
        str(run_chart(points, title="t", description="d", target=None, axis=axis, marks_of=marks))
    )
    lines = [str(path.get("d")) for path in drawn.findall(".//path[@class='event']")]
    at = [float(line[1:].split()[0]) for line in lines]
    dots = [float(str(dot.get("cx"))) for dot in drawn.findall(".//g[@class='point']/circle")]
    # Halfway between the second point and the third; on the eleventh.
    assert at[0] == pytest.approx((dots[1] + dots[2]) / 2, abs=0.1)
    assert at[1] == pytest.approx(dots[10], abs=0.1)
    texts = [text.text for text in drawn.findall(".//text[@class='event']")]
    assert texts == ["1 Ny <plan>", "2 Streik i ambulansetjenesten i hele landet", "3"]
    # The whole text is there to point at.
    told = [
        str(group.findtext("title"))
        for group in drawn.findall("g")
        if group.find("text") is not None
    ]
    assert told == [mark.text for mark in marks]
