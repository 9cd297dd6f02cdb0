"""Charts as SVG: drawn by hand, so that they weigh little, scale, print and can be read aloud.

Every chart has a title and a description, and stands beside a table of the same numbers. Nothing is
told by colour alone: what is out of the ordinary has a shape of its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 720
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 16, 44
_ROW = 22
_NAME, _NAME_LETTERS = 190, 25
_LEFT_SPAN = 230
# The width of a letter, and how many say more than none.
_LETTER, _FEWEST_LETTERS = 6.5, 8
# A number of an axis with so many decimals, as it is written there.
Axis = Callable[[float, int], str]


@dataclass(frozen=True)
class Point:
    """One period of a series. `value` None is a gap: hidden, or no data."""

    label: str
    value: float | None
    text: str
    center: float | None = None
    lower: float | None = None
    upper: float | None = None
    signal: str | None = None
    is_break: bool = False
    is_open: bool = False


@dataclass(frozen=True)
class Mark:
    """What happened at a place among the points; a point stands at its number from 0."""

    at: float
    name: str
    text: str


@dataclass(frozen=True)
class Bar:
    """One unit of an interval plot; `mark` is `better`, `worse`, `other` or empty."""

    name: str
    value: float
    lower: float | None
    upper: float | None
    text: str
    mark: str = ""


@dataclass(frozen=True)
class Funnel:
    """A unit of a funnel plot: its size and value, and the limits that its verdict is by."""

    name: str
    size: float
    value: float
    text: str
    limits: tuple[float, float, float, float, float]
    group: str
    mark: str = ""


@dataclass(frozen=True)
class Span:
    """A part of a time, each on its own clock; a size that is None is told by its text."""

    name: str
    median: float | None
    median_text: str
    p90: float | None
    p90_text: str
    is_whole: bool = False


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers that cover the values."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / wanted
    step = 10.0 ** math.floor(math.log10(rough))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= rough)
    first = math.floor(low / step)
    return [round(n * step, 10) for n in range(first, math.ceil(high / step) + 1)]


def decimals(marks: Sequence[float]) -> int:
    """How many decimals tell the marks of an axis apart."""
    step = min((b - a for a, b in itertools.pairwise(marks)), default=1.0)
    return max(0, -math.floor(math.log10(step) + 1e-9))


def _along(count: int, width: int) -> Callable[[float], float]:
    """Where each of so many points in a row stands, by its number from 0."""
    step = (width - _LEFT - _RIGHT) / count
    return lambda at: _LEFT + (at + 0.5) * step


def _upwards(marks: Sequence[float], height: int) -> Callable[[float], float]:
    """Where a value stands on an axis with these marks, the lowest at the bottom."""
    low, high = marks[0], marks[-1]
    room = height - _TOP - _BOTTOM
    return lambda value: height - _BOTTOM - (value - low) / (high - low) * room


def run_chart(
    points: Sequence[Point],
    *,
    title: str,
    description: str,
    target: float | None,
    axis: Axis,
    size: tuple[int, int] = (WIDTH, 280),
    beside: Sequence[Point] = (),
    marks_of: Sequence[Mark] = (),
) -> Markup:
    """A run chart with its limits, target, breaks and events.

    Args:
        marks_of: events in the order of their places.
        size: width and height in the units of the text.
        beside: points of the charts beside this one, which all have one axis.
    """
    width, height = size
    if all(number is None for point in points for number in _numbers(point)):
        return Markup("")
    numbers = [
        number
        for point in (*points, *beside)
        for number in (*_numbers(point), target)
        if number is not None
    ]
    marks = ticks(min(numbers), max(numbers), wanted=max(2, height // 56))
    x, y = _along(len(points), width), _upwards(marks, height)

    parts = [_grid(marks, y, axis, width)]
    for kind in ("lower", "center", "upper"):
        parts += [
            _path(run, f"limit {kind}")
            for run in _runs([(x(at), _y(y, getattr(p, kind))) for at, p in enumerate(points)])
        ]
    if target is not None:
        parts.append(
            f'<path class="target" d="M{_LEFT} {y(target):.1f}H{width - _RIGHT}"/>'
            f'<text class="note" x="{width - _RIGHT}" y="{y(target) - 5:.1f}" '
            f'text-anchor="end">{escape(axis(target, _own_decimals(target)))}</text>'
        )
    parts += [
        f'<path class="break" d="M{x(at) - 4:.1f} {_TOP}V{height - _BOTTOM}"/>'
        for at, point in enumerate(points)
        if point.is_break
    ]
    parts += _events([(x(mark.at), mark) for mark in marks_of], width, height)
    places = [(x(at), _y(y, point.value)) for at, point in enumerate(points)]
    parts += [_path(run, "series") for run in _runs(places)]
    every = max(1, math.ceil(len(points) / (width // 90)))
    for at, point in enumerate(points):
        if point.value is not None:
            parts.append(_dot(x(at), y(point.value), point))
        if at % every == 0:
            parts.append(
                f'<text x="{x(at):.1f}" y="{height - _BOTTOM + 18}" text-anchor="middle">'
                f"{escape(point.label)}</text>"
            )
    return svg(height, title, description, parts, width)


def _events(marks: Sequence[tuple[float, Mark]], width: int, height: int) -> list[str]:
    """A line per event, and above it its name and as much of its text as there is room for."""
    drawn: list[str] = []
    taken = float(_LEFT)
    for place, (x, mark) in enumerate(marks):
        following = marks[place + 1][0] if place + 1 < len(marks) else width - _RIGHT
        is_left = x - taken > following - x
        room = x - taken if is_left else following - x
        letters = int(room / _LETTER) - len(mark.name) - 2
        text = mark.text if len(mark.text) <= letters else mark.text[: max(letters - 1, 0)] + "…"
        shown = f"{mark.name} {text}" if letters >= _FEWEST_LETTERS else mark.name
        # A name alone stands where its line is.
        anchor = "middle" if shown == mark.name else "end" if is_left else "start"
        taken = x + (0 if is_left else len(shown) * _LETTER)
        drawn.append(
            f"<g><title>{escape(mark.text)}</title>"
            f'<path class="event" d="M{x:.1f} {_TOP}V{height - _BOTTOM}"/>'
            f'<text class="event" x="{x:.1f}" y="{_TOP - 4}" text-anchor="{anchor}">'
            f"{escape(shown)}</text></g>"
        )
    return drawn


def interval_plot(
    bars: Sequence[Bar],
    *,
    title: str,
    description: str,
    reference: float | None,
    axis: Axis,
) -> Markup:
    """All units of a kind below each other, each with its interval."""
    if not bars:
        return Markup("")
    numbers = [n for bar in bars for n in (bar.value, bar.lower, bar.upper) if n is not None]
    marks = ticks(min([*numbers, *([reference] if reference is not None else [])]), max(
        [*numbers, *([reference] if reference is not None else [])]))  # fmt: skip
    low, high = marks[0], marks[-1]
    height = _TOP + _ROW * len(bars) + _BOTTOM

    def x(value: float) -> float:
        return _NAME + (value - low) / (high - low) * (WIDTH - _NAME - _RIGHT - 14)

    parts = []
    for mark in marks:
        parts.append(
            f'<path class="grid" d="M{x(mark):.1f} {_TOP}V{height - _BOTTOM}"/>'
            f'<text x="{x(mark):.1f}" y="{height - _BOTTOM + 18}" text-anchor="middle">'
            f"{escape(axis(mark, decimals(marks)))}</text>"
        )
    if reference is not None:
        parts.append(f'<path class="target" d="M{x(reference):.1f} {_TOP}V{height - _BOTTOM}"/>')
    for at, bar in enumerate(bars):
        middle = _TOP + (at + 0.5) * _ROW
        name = _short(bar.name)
        parts.append(
            f'<text x="{_NAME - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(name)}</text>'
        )
        if bar.lower is not None and bar.upper is not None:
            parts.append(
                f'<path class="interval" d="M{x(bar.lower):.1f} {middle:.1f}H{x(bar.upper):.1f}"/>'
            )
        parts.append(
            f"<g><title>{escape(bar.name)}: {escape(bar.text)}</title>"
            f"{_shape(bar.mark, x(bar.value), middle)}</g>"
        )
    return svg(height, title, description, parts)


def funnel_plot(
    units: Sequence[Funnel], *, title: str, description: str, axis: Axis, sizes: Axis
) -> Markup:
    """Value against size, with the limits that each unit is judged by.

    Units of one group have one funnel around them. Where the groups differ, each unit has a line of
    its own, from the lower limit to the upper.

    Args:
        units: `limits` are the lower of 99.8 and 95 %, the centre, the upper of 95 and 99.8 %.
    """
    units = sorted((unit for unit in units if unit.size > 0), key=lambda unit: unit.size)
    if not units:
        return Markup("")
    height = 340
    numbers = [n for unit in units for n in (unit.value, unit.limits[1], unit.limits[3])]
    marks = ticks(min(numbers), max(numbers))
    low, high = marks[0], marks[-1]
    first, last = math.log10(units[0].size), math.log10(units[-1].size)
    wide = max(last - first, 1e-9)

    def x(size: float) -> float:
        room = WIDTH - _LEFT - _RIGHT - 24
        return _LEFT + 12 + (math.log10(size) - first) / wide * room

    y = _upwards(marks, height)
    drawn = [_grid(marks, y, axis, WIDTH)]
    for at in _sizes(units[0].size, units[-1].size):
        drawn.append(
            f'<text x="{x(at):.1f}" y="{height - _BOTTOM + 18}" text-anchor="middle">'
            f"{escape(sizes(at, 0))}</text>"
        )
    if len({unit.group for unit in units}) == 1:
        for place, name in enumerate(("outer", "", "center", "", "outer")):
            ends = [(x(unit.size), unit.limits[place]) for unit in units]
            # The outer limits of small units may be far outside what there is to see.
            line = [(at, y(end) if low <= end <= high else None) for at, end in ends]
            drawn += [_path(run, f"limit {name}".strip()) for run in _runs(line)]
    else:
        drawn += [
            f'<path class="range" d="M{x(unit.size):.1f} {y(unit.limits[1]):.1f}'
            f'V{y(unit.limits[3]):.1f}"/>'
            for unit in units
        ]
    drawn += [
        f"<g><title>{escape(unit.name)}: {escape(unit.text)}</title>"
        f"{_shape(unit.mark, x(unit.size), y(unit.value))}</g>"
        for unit in units
    ]
    return svg(height, title, description, drawn)


def _sizes(smallest: float, largest: float) -> list[float]:
    """Round numbers of an axis of sizes, each twice or more the one before."""
    found = [
        float(digit * 10**power)
        for power in range(math.floor(math.log10(smallest)), math.ceil(math.log10(largest)) + 1)
        for digit in (1, 2, 5)
        if smallest <= digit * 10**power <= largest
    ]
    return found[:: max(1, math.ceil(len(found) / 8))]


def decile_chart(
    periods: Sequence[tuple[str, Sequence[float] | None]],
    *,
    title: str,
    description: str,
    axis: Axis,
) -> Markup:
    """How the units of a kind are spread over time: bands between deciles, a line for the median.

    Args:
        periods: per period its label and the nine deciles; None where too few units are shown.
    """
    known = [deciles for _, deciles in periods if deciles is not None]
    if len(known) < 2:
        return Markup("")
    height = 280
    marks = ticks(min(deciles[0] for deciles in known), max(deciles[8] for deciles in known))
    x, y = _along(len(periods), WIDTH), _upwards(marks, height)

    drawn = [_grid(marks, y, axis, WIDTH)]
    for place in range(4):
        for stretch in _stretches(periods):
            over = [f"{x(at):.1f} {y(deciles[place]):.1f}" for at, deciles in stretch]
            under = [f"{x(at):.1f} {y(deciles[8 - place]):.1f}" for at, deciles in stretch]
            line = "L".join([*over, *reversed(under)])
            drawn.append(f'<path class="decile d{place}" d="M{line}Z"/>')
    median = [
        (x(at), None if deciles is None else y(deciles[4]))
        for at, (_, deciles) in enumerate(periods)
    ]
    drawn += [_path(run, "series") for run in _runs(median)]
    every = max(1, math.ceil(len(periods) / 8))
    drawn += [
        f'<text x="{x(at):.1f}" y="{height - _BOTTOM + 18}" text-anchor="middle">'
        f"{escape(name)}</text>"
        for at, (name, _) in enumerate(periods)
        if at % every == 0
    ]
    return svg(height, title, description, drawn)


def _stretches(
    periods: Sequence[tuple[str, Sequence[float] | None]],
) -> list[list[tuple[int, Sequence[float]]]]:
    """Periods in a row that have deciles, by their place."""
    found: list[list[tuple[int, Sequence[float]]]] = [[]]
    for at, (_, deciles) in enumerate(periods):
        if deciles is None:
            found.append([])
        else:
            found[-1].append((at, deciles))
    return [stretch for stretch in found if len(stretch) > 1]


def stacked_bars(
    rows: Sequence[tuple[str, Sequence[tuple[float, str]]]],
    *,
    title: str,
    description: str,
    axis: Axis,
) -> Markup:
    """One bar per unit, made of parts in one order; each part says its own number.

    Args:
        rows: per unit its name, and the parts with their size and text. Parts are told apart by
            lightness and place, and named in the legend beside the chart.
    """
    longest = max((sum(size for size, _ in parts) for _, parts in rows), default=0.0)
    if longest <= 0:
        return Markup("")
    marks = ticks(0.0, longest)
    height = _TOP + _ROW * len(rows) + _BOTTOM
    scale = (WIDTH - _NAME - _RIGHT - 14) / marks[-1]
    drawn = []
    for mark in marks:
        x = _NAME + mark * scale
        drawn.append(
            f'<path class="grid" d="M{x:.1f} {_TOP}V{height - _BOTTOM}"/>'
            f'<text x="{x:.1f}" y="{height - _BOTTOM + 18}" text-anchor="middle">'
            f"{escape(axis(mark, decimals(marks)))}</text>"
        )
    for at, (name, parts) in enumerate(rows):
        top, x = _TOP + at * _ROW, float(_NAME)
        short = _short(name)
        drawn.append(
            f'<text x="{_NAME - 8}" y="{top + _ROW / 2 + 4:.1f}" text-anchor="end">'
            f"{escape(short)}</text>"
        )
        for place, (size, text) in enumerate(parts):
            drawn.append(
                f'<g><title>{escape(name)}: {escape(text)}</title><rect class="part p{place}" '
                f'x="{x:.1f}" y="{top + 3}" width="{size * scale:.1f}" height="{_ROW - 6}"/></g>'
            )
            x += size * scale
    return svg(height, title, description, drawn)


def spans(parts: Sequence[Span], *, title: str, description: str, axis: Axis) -> Markup:
    """Parts of a time below each other: a bar to the median, a line with a diamond to the p90.

    Every one begins at nought: percentiles of parts do not add up, so they are not put end to end.
    """
    sizes = [size for part in parts for size in (part.median, part.p90) if size is not None]
    if not sizes:
        return Markup("")
    marks = ticks(0.0, max(sizes))
    row, room = 44, 14
    height = _TOP + row * len(parts) + _BOTTOM
    scale = (WIDTH - _LEFT_SPAN - _RIGHT - 70) / marks[-1]
    drawn = []
    for mark in marks:
        x = _LEFT_SPAN + mark * scale
        drawn.append(
            f'<path class="grid" d="M{x:.1f} {_TOP}V{height - _BOTTOM}"/>'
            f'<text x="{x:.1f}" y="{height - _BOTTOM + 18}" text-anchor="middle">'
            f"{escape(axis(mark, decimals(marks)))}</text>"
        )
    for at, part in enumerate(parts):
        middle = _TOP + (at + 0.5) * row
        drawn.append(
            f'<text x="{_LEFT_SPAN - 8}" y="{middle + 4:.1f}" text-anchor="end">'
            f"{escape(part.name)}</text>"
        )
        # Without the other of the two, one stands in the middle.
        both = bool(part.median_text and part.p90_text)
        if part.median_text:
            y = middle - (9 if both else 0)
            long = (part.median or 0.0) * scale
            drawn.append(
                f"<g><title>{escape(part.name)}: {escape(part.median_text)}</title>"
                f'<rect class="{"whole" if part.is_whole else "p0"}" x="{_LEFT_SPAN}"'
                f' y="{y - room / 2:.1f}" width="{long:.1f}" height="{room}"/></g>'
                f'<text x="{_LEFT_SPAN + long + 6:.1f}" y="{y + 4:.1f}">'
                f"{escape(part.median_text)}</text>"
            )
        if part.p90_text:
            y = middle + (9 if both else 0)
            end = _LEFT_SPAN + (part.p90 or 0.0) * scale
            shape = "" if part.p90 is None else _diamond("end", end, y)
            drawn.append(
                f"<g><title>{escape(part.name)}: {escape(part.p90_text)}</title>"
                f'<path class="interval" d="M{_LEFT_SPAN} {y:.1f}H{end:.1f}"/>{shape}</g>'
                f'<text x="{end + 10:.1f}" y="{y + 4:.1f}">{escape(part.p90_text)}</text>'
            )
    return svg(height, title, description, drawn)


def sparkline(values: Sequence[float | None], lower: float | None, upper: float | None) -> Markup:
    """A series in the height of a line, with its limits; told in words beside it."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Markup("")
    limits = [n for n in (lower, upper) if n is not None]
    low, high = min([*known, *limits]), max([*known, *limits])
    span = (high - low) or 1.0
    width, height = 120, 28

    def y(value: float) -> float:
        return 3 + (high - value) / span * (height - 6)

    places = [
        (2 + at * (width - 6) / (len(values) - 1), _y(y, value)) for at, value in enumerate(values)
    ]
    band = ""
    if lower is not None and upper is not None:
        band = (
            f'<rect class="band" x="0" y="{y(upper):.1f}" width="{width}" '
            f'height="{max(y(lower) - y(upper), 1):.1f}"/>'
        )
    lines = "".join(_path(run, "series") for run in _runs(places))
    last = next(((a, b) for a, b in reversed(places) if b is not None))
    dot = f'<circle class="dot" cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="2.5"/>'
    return Markup(  # noqa: S704  (numbers only)
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'aria-hidden="true" focusable="false">{band}{lines}{dot}</svg>'
    )


def svg(
    height: int, title: str, description: str, parts: Sequence[str], width: int = WIDTH
) -> Markup:
    """An image of its parts, which are escaped already."""
    return Markup(  # noqa: S704  (every text is escaped where it is put in)
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{''.join(parts)}</svg>"
    )


def _grid(marks: Sequence[float], y: Callable[[float], float], axis: Axis, width: int) -> str:
    return "".join(
        f'<path class="grid" d="M{_LEFT} {y(mark):.1f}H{width - _RIGHT}"/>'
        f'<text x="{_LEFT - 8}" y="{y(mark) + 4:.1f}" text-anchor="end">'
        f"{escape(axis(mark, decimals(marks)))}</text>"
        for mark in marks
    )


def _short(name: str) -> str:
    """A name as there is room for it beside a bar; the table has it whole."""
    return name if len(name) <= _NAME_LETTERS else name[: _NAME_LETTERS - 1] + "…"


def _numbers(point: Point) -> tuple[float | None, ...]:
    return point.value, point.lower, point.upper


def _own_decimals(value: float) -> int:
    return 0 if float(value).is_integer() else 1


def _dot(x: float, y: float, point: Point) -> str:
    mark = {"concern": "worse", "improvement": "better"}.get(point.signal or "", "")
    told = f"<title>{escape(point.label)}: {escape(point.text)}</title>"
    hollow = " hollow" if point.is_open else ""
    return f'<g class="point{hollow}">{told}{_shape(mark, x, y)}</g>'


def _shape(mark: str, x: float, y: float) -> str:
    match mark:
        case "worse":
            return f'<rect class="worse" x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9"/>'
        case "better":
            return _diamond("better", x, y)
        case "other":
            return f'<path class="end" d="M{x:.1f} {y - 6:.1f}l6 11h-12z"/>'
        case _:
            return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'


def _diamond(name: str, x: float, y: float) -> str:
    return f'<path class="{name}" d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"/>'


def _y(y: Callable[[float], float], value: float | None) -> float | None:
    return None if value is None else y(value)


def _runs(places: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """Stretches without a gap."""
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in places:
        if y is None:
            found.append([])
        else:
            found[-1].append((x, y))
    return [run for run in found if len(run) > 1]


def _path(run: Sequence[tuple[float, float]], name: str) -> str:
    steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in run)
    return f'<path class="{name}" d="M{steps}"/>'
