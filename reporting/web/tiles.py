"""A map of equal tiles, one per unit, each as near its place in the country as there is room for.

A tile is as large for a small place as for a large one, so that no county is its area.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from markupsafe import Markup, escape

from reporting.reader import Release, once
from reporting.web import charts

Cell = tuple[int, int]
# Level to the column of `geography` that has its units.
COLUMNS = {
    "municipality": "municipality_code",
    "county": "county_code",
    "health_trust": "health_trust_code",
}
# Steps of lightness; the text in the dark ones is white.
STEPS = 5
_ROOM_FOR_TEXT = 48
_LETTERS = 9
# Of a degree of longitude in one of latitude, in the middle of the country.
_NARROW = math.cos(math.radians(65))


@dataclass(frozen=True)
class Tile:
    """One unit: `value` is None where it is hidden or there is none, which `text` says."""

    unit_id: str
    name: str
    value: float | None
    text: str


@once
def cells(release: Release, level: str) -> Mapping[str, Cell]:
    """Column and row of each unit of a level that has a place in the country."""
    if level not in COLUMNS or not release.has("geography", "latitude", "longitude"):
        return {}
    column = COLUMNS[level]
    weight = "greatest(coalesce(population, 1), 1)"
    rows = release.rows(
        f"select {column} as unit_id, sum(latitude * {weight}) / sum({weight}) as y,"
        f" sum(longitude * {weight}) / sum({weight}) as x from geography"
        f" where latitude is not null and longitude is not null and {column} is not null"
        " group by all order by all"
    )
    return assigned({row["unit_id"]: (row["x"] * _NARROW, -row["y"]) for row in rows})


def assigned(points: Mapping[str, tuple[float, float]]) -> dict[str, Cell]:
    """A cell of its own for each point: near it, and the same for the same points.

    Each takes the nearest that is free; then any two trade, or one moves, while that brings them
    nearer together.

    Args:
        points: x to the east and y to the south, in one unit of length.
    """
    if not points:
        return {}
    xs, ys = [x for x, _ in points.values()], [y for _, y in points.values()]
    # So many rows that the tiles of a long and narrow country find room near their places.
    step = max(max(ys) - min(ys), max(xs) - min(xs), 1e-9) / max(1, 2.2 * math.sqrt(len(points)))
    aims = {
        name: ((x - min(xs)) / step, (y - min(ys)) / step)
        for name, (x, y) in sorted(points.items())
    }
    taken: dict[Cell, str] = {}
    for name in sorted(aims, key=lambda name: (aims[name][1], aims[name][0], name)):
        taken[next(cell for cell in _around(aims[name]) if cell not in taken)] = name
    place = {name: cell for cell, name in taken.items()}
    for _ in range(30):
        if not _improved(aims, place, taken):
            break
    left, top = min(x for x, _ in place.values()), min(y for _, y in place.values())
    return {name: (x - left, y - top) for name, (x, y) in sorted(place.items())}


def _improved(
    aims: Mapping[str, tuple[float, float]], place: dict[str, Cell], taken: dict[Cell, str]
) -> bool:
    """Trade or move each tile to where all are nearer their aims; whether any did."""
    is_better = False
    for name, aim in aims.items():
        for cell in _within(aim, 2):
            own, other = place[name], taken.get(cell)
            if cell == own:
                continue
            before = _far(aim, own) + (_far(aims[other], cell) if other else 0.0)
            after = _far(aim, cell) + (_far(aims[other], own) if other else 0.0)
            if after < before - 1e-9:
                del taken[own]
                place[name], taken[cell] = cell, name
                if other:
                    place[other], taken[own] = own, other
                is_better = True
    return is_better


def _around(aim: tuple[float, float]) -> Iterator[Cell]:
    """Cells by distance, the nearest first."""
    reach = 3
    seen: set[Cell] = set()
    while True:
        ring = sorted(_within(aim, reach), key=lambda cell: (_far(aim, cell), cell))
        for cell in ring:
            if cell not in seen:
                seen.add(cell)
                yield cell
        reach *= 2


def _within(aim: tuple[float, float], reach: int) -> list[Cell]:
    x, y = round(aim[0]), round(aim[1])
    return [
        (x + right, y + down)
        for right in range(-reach, reach + 1)
        for down in range(-reach, reach + 1)
    ]


def _far(aim: tuple[float, float], cell: Cell) -> float:
    return (aim[0] - cell[0]) ** 2 + (aim[1] - cell[1]) ** 2


def limits(values: Sequence[float]) -> list[float]:
    """The values between the steps of lightness: a fifth of the units in each."""
    different = sorted(set(values))
    if len(different) < STEPS:
        return different[1:]
    return sorted(set(quantiles(sorted(values), n=STEPS, method="inclusive")))


def step_of(value: float, between: Sequence[float]) -> int:
    """The step of a value, from 0."""
    return sum(value >= limit for limit in between)


def tile_map(
    tiles: Sequence[Tile],
    where: Mapping[str, Cell],
    between: Sequence[float],
    *,
    title: str,
    description: str,
) -> Markup:
    """The tiles that have a place; hatched where there is no value to show."""
    placed = [(tile, where[tile.unit_id]) for tile in tiles if tile.unit_id in where]
    if not placed:
        return Markup("")
    columns = 1 + max(x for x, _ in where.values())
    rows = 1 + max(y for _, y in where.values())
    side = min(charts.WIDTH / columns, 720 / rows, 72)
    drawn = []
    for tile, (column, row) in placed:
        x, y = column * side, row * side
        step = "none" if tile.value is None else f"s{step_of(tile.value, between)}"
        box = f'x="{x + 0.75:.1f}" y="{y + 0.75:.1f}" width="{side - 1.5:.1f}" '
        shape = f'<rect class="tile {step}" {box}height="{side - 1.5:.1f}"/>'
        if tile.value is None:
            shape += _hatched(x, y, side)
        if side >= _ROOM_FOR_TEXT:
            shape += (
                f'<text class="on {step}" x="{x + side / 2:.1f}" y="{y + side / 2 - 3:.1f}" '
                f'text-anchor="middle">{escape(_brief(tile.name))}</text>'
                f'<text class="on {step}" x="{x + side / 2:.1f}" y="{y + side / 2 + 12:.1f}" '
                f'text-anchor="middle">{escape(tile.text)}</text>'
            )
        drawn.append(f"<g><title>{escape(tile.name)}: {escape(tile.text)}</title>{shape}</g>")
    return charts.svg(round(rows * side), title, description, drawn, round(columns * side))


def _hatched(x: float, y: float, side: float) -> str:
    """Strokes from corner to corner of a tile, which no colour has to be seen for."""
    inner = side - 2
    lines = "".join(
        f"M{x + 1:.1f} {y + 1 + inner * part:.1f}L{x + 1 + inner * part:.1f} {y + 1:.1f}"
        f"M{x + 1 + inner * part:.1f} {y + 1 + inner:.1f}L{x + 1 + inner:.1f} "
        f"{y + 1 + inner * part:.1f}"
        for part in ((0.5, 1.0) if side < _ROOM_FOR_TEXT else (0.25, 0.5, 0.75, 1.0))
    )
    return f'<path class="hatch" d="{lines}"/>'


def _brief(name: str) -> str:
    """A name as a tile has room for it, without the words that many have."""
    bare = name.partition(" (")[0].removesuffix(" HF")
    for first in ("Helse ", "Sykehuset i ", "Sykehuset "):
        bare = bare.removeprefix(first)
    return bare if len(bare) <= _LETTERS else bare[: _LETTERS - 1].rstrip() + "…"
