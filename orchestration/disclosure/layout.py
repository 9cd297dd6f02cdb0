"""Rows and columns of a table of figures, and where an event of one unit could be instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from orchestration.disclosure.periods import DEPTHS, Calendar, Ints
from orchestration.disclosure.places import NATIONAL, Place, Places, Unit, changed
from reporting.columns import UNPLACED

Moves = tuple[Ints, Ints]
"""Ways to move one event: rows whose totals change, a line per way, and by which sign.

Lines are filled up with the row that stands for nothing.
"""
# Totals before their parts.
_RANK = {
    NATIONAL: 0,
    "region": 1,
    "health_trust": 2,
    "county": 3,
    "source_system": 4,
    "central": 5,
    "base": 6,
    "municipality": 7,
}
# How many other places are looked at: of those held by the same units, and of the rest.
_SIBLINGS = 120
_OTHERS = 24
# Ways that change no more rows than this are kept apart from the wider ones.
_NARROW = 2


@dataclass(frozen=True)
class _Near:
    """The ways to siblings of a place, and the other places with their rows, most alike first."""

    siblings: Moves
    others: Sequence[Place]
    rows: Ints
    ranks: Ints


@dataclass(frozen=True)
class Layout:
    """Rows are units, columns are periods; what follows from them alone, for every move.

    `finest` is the depth of the shortest period that is released per level.
    """

    units: tuple[Unit, ...]
    calendar: Calendar
    places: Places
    finest: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def row(self) -> dict[Unit, int]:
        """The row of each unit."""
        return {unit: index for index, unit in enumerate(self.units)}

    @cached_property
    def depth_of(self) -> Ints:
        """Per row, and for the row that stands for nothing: depth of its shortest period."""
        # What could not be placed matters in shorter periods too: it follows from the others.
        found = [0 if name == UNPLACED else self.finest.get(level, 0) for level, name in self.units]
        return np.array([*found, DEPTHS - 1], dtype=np.int64)

    @cached_property
    def totals_first(self) -> Ints:
        """All rows: protecting a total protects the parts that the move goes through."""
        ranks = [_RANK.get(level, len(_RANK)) for level, _ in self.units]
        return np.argsort(ranks, kind="stable")

    def at(self, depth: int) -> Calendar:
        """The calendar for units of which nothing shorter is released."""
        if depth not in self._calendars:
            self._calendars[depth] = self.calendar.at(depth)
        return self._calendars[depth]

    @cached_property
    def _calendars(self) -> dict[int, Calendar]:
        return {}

    @cached_property
    def pairs(self) -> tuple[Ints, Ints]:
        """Rows of two places that differ in nothing but themselves."""
        first, second = [], []
        for division in self.places.divisions:
            for place in division:
                for partner in self.siblings(place):
                    if place.unit < partner.unit:
                        first.append(self.row[place.unit])
                        second.append(self.row[partner.unit])
        return np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)

    @cached_property
    def _groups(self) -> dict[tuple[object, ...], list[Place]]:
        found: dict[tuple[object, ...], list[Place]] = {}
        for division in self.places.divisions:
            for place in division:
                found.setdefault(self._surroundings(place), []).append(place)
        return found

    @cached_property
    def national(self) -> Ints:
        """Rows of the country."""
        rows = [row for row, (level, _) in enumerate(self.units) if level == NATIONAL]
        return np.array(rows, dtype=np.int64)

    def inside(self, unit: Unit) -> Sequence[Place]:
        """Places that a unit holds; those of the first division for the country."""
        if unit[0] == NATIONAL and self.places.divisions:
            return self.places.divisions[0]
        if unit not in self._inside:
            division = self.places.division_of(unit)
            self._inside[unit] = tuple(place for place in division if unit in place.units)
        return self._inside[unit]

    @cached_property
    def _inside(self) -> dict[Unit, tuple[Place, ...]]:
        return {}

    def _surroundings(self, place: Place) -> tuple[object, ...]:
        return tuple((level, held - {place.unit}) for level, held in sorted(place.held_by.items()))

    def siblings(self, place: Place) -> list[Place]:
        """Places held by the same units."""
        return [p for p in self._groups[self._surroundings(place)] if p.unit != place.unit]

    def ways(self, place: Place, room: Ints | None) -> tuple[Moves, Moves]:
        """Where an event of a place could have been instead.

        The places held by the same units, and of the others those with the most in common; of those
        alike the ones with the most `room` (per row). All of them where no room is given.
        """
        near = self._near(place)
        if room is None:
            return near.siblings, self._ways_to(place, near.others)
        best = np.lexsort((-room[near.rows], near.ranks))[:_OTHERS]
        return near.siblings, self._ways_to(place, [near.others[index] for index in best])

    def _near(self, place: Place) -> _Near:
        if place.unit not in self._found:
            siblings = self.siblings(place)[:_SIBLINGS]
            taken = {place.unit, *(p.unit for p in siblings)}
            others = [(p, rank) for p, rank in self._like(place) if p.unit not in taken]
            self._found[place.unit] = _Near(
                self._ways_to(place, siblings),
                tuple(p for p, _ in others),
                np.array([self.row[p.unit] for p, _ in others], dtype=np.int64),
                np.array([rank for _, rank in others], dtype=np.int64),
            )
        return self._found[place.unit]

    @cached_property
    def _found(self) -> dict[Unit, _Near]:
        return {}

    def _ways_to(self, place: Place, partners: Sequence[Place]) -> Moves:
        key = (place.unit, *(partner.unit for partner in partners))
        if key not in self._ways:
            found = [changed(place, partner) for partner in partners]
            self._ways[key] = self.padded([way for way in found if way is not None])
        return self._ways[key]

    @cached_property
    def _ways(self) -> dict[tuple[Unit, ...], Moves]:
        return {}

    def leaving(self, unit: Unit, inside: Sequence[Place], room: Ints | None) -> list[Moves]:
        """Ways out of some places of a unit and out of the unit: rows and signs, by width.

        Out of the country there are none.
        """
        found = []
        for place in inside:
            for rows, signs in self.ways(place, room):
                out = ((rows == self.row[unit]) & (signs > 0)).any(axis=1)
                if out.any():
                    found.append((rows[out], signs[out]))
        return _by_width(found, len(self.units))

    def _like(self, place: Place) -> list[tuple[Place, int]]:
        """Places of the division of one, with ranks: of its level first, the most alike first."""
        division = self.places.division_of(place.unit)
        if division[0].unit not in self._alike:
            self._alike[division[0].unit] = _in_common(division)
        index, common = self._alike[division[0].unit]
        other_level = np.array([p.unit[0] != place.unit[0] for p in division])
        rank = other_level * (common.max() + 1) - common[index[place.unit]]
        return [(division[i], int(rank[i])) for i in np.argsort(rank, kind="stable")]

    @cached_property
    def _alike(self) -> dict[Unit, tuple[dict[Unit, int], Ints]]:
        return {}

    def padded(self, ways: Sequence[Sequence[tuple[Unit, int]]]) -> Moves:
        """Ways, each of them units and signs, as arrays."""
        width = max((len(way) for way in ways), default=0)
        rows = np.full((len(ways), width), len(self.units), dtype=np.int64)
        signs = np.ones((len(ways), width), dtype=np.int64)
        for index, way in enumerate(ways):
            for position, (unit, sign) in enumerate(way):
                rows[index, position] = self.row[unit]
                signs[index, position] = sign
        return rows, signs


def _by_width(moves: Sequence[Moves], nothing: int) -> list[Moves]:
    """Moves that change one other unit, and the rest, filled up with the row for nothing."""
    narrow = [move for move in moves if move[0].shape[1] <= _NARROW]
    wide = [move for move in moves if move[0].shape[1] > _NARROW]
    found = []
    for part in (narrow, wide):
        width = max((rows.shape[1] for rows, _ in part), default=0)
        if width:
            padding = [((0, 0), (0, width - rows.shape[1])) for rows, _ in part]
            pairs = list(zip(part, padding, strict=True))
            found.append(
                (
                    np.concatenate([np.pad(r, p, constant_values=nothing) for (r, _), p in pairs]),
                    np.concatenate([np.pad(s, p, constant_values=1) for (_, s), p in pairs]),
                )
            )
    return found


def _in_common(division: Sequence[Place]) -> tuple[dict[Unit, int], Ints]:
    """How many units hold two places both, for all pairs of a division."""
    names = {unit: i for i, unit in enumerate(sorted({u for p in division for u in p.units}))}
    held = np.zeros((len(division), len(names)), dtype=np.int64)
    for row, place in enumerate(division):
        held[row, [names[unit] for unit in place.units]] = 1
    return {place.unit: row for row, place in enumerate(division)}, held @ held.T
