"""A week as a map of hours and weekdays: each cell has its number, and darker is more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_HOURS = 24
_SHADES = 5
# Narrow, so that the numbers can be read on a telephone.
_WIDTH, _LEFT, _TOP, _COLUMN, _ROW = 352, 44, 22, 44, 22


@dataclass(frozen=True)
class Cell:
    """One hour of the week. `value` None: `text` says why there is none."""

    value: float | None
    text: str


def heat_map(
    cells: Sequence[Sequence[Cell]], days: Sequence[str], *, title: str, description: str
) -> Markup:
    """Hours of the clock down, weekdays across.

    Args:
        cells: 24 rows of 7 cells.
        days: short names of the weekdays, Monday first.
    """
    known = [cell.value for row in cells for cell in row if cell.value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    parts = [
        f'<text x="{_LEFT + (at + 0.5) * _COLUMN:g}" y="15" text-anchor="middle">{escape(day)}'
        "</text>"
        for at, day in enumerate(days)
    ]
    for hour, row in enumerate(cells):
        top = _TOP + hour * _ROW
        parts.append(f'<text x="{_LEFT - 6}" y="{top + 15}" text-anchor="end">{hour:02}</text>')
        for day, cell in enumerate(row):
            shade = "gone" if cell.value is None else f"h{_shade(cell.value, low, high)}"
            x = _LEFT + day * _COLUMN
            parts.append(
                f'<rect class="{shade}" x="{x}" y="{top}" width="{_COLUMN}" height="{_ROW}"/>'
                f'<text class="{shade}" x="{x + _COLUMN // 2}" y="{top + 15}" '
                f'text-anchor="middle">{escape(cell.text)}</text>'
            )
    height = _TOP + _HOURS * _ROW
    return Markup(  # noqa: S704  (every text is escaped where it is put in)
        f'<svg class="chart heat" viewBox="0 0 {_WIDTH} {height}" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{''.join(parts)}</svg>"
    )


def _shade(value: float, low: float, high: float) -> int:
    """Which of the shades, from 0: equal parts of the span."""
    if high <= low:
        return 0
    return min(int((value - low) / (high - low) * _SHADES), _SHADES - 1)
