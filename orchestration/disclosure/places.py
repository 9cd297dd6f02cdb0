"""The units of a table of figures: which ones hold an event together.

An event lies in one place: a municipality with its county, trust and region, and in one central. A
total is the sum over places, along each of several hierarchies at once. When an event is thought to
lie in another place, the totals of exactly those units change that hold one place and not the
other. `Places` says which these are.

Parentage may change from a date. A place is then treated as lying in all the parents it ever had:
moving an event between two places with different parents changes all of them, which hides rather
too much than too little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from reporting.columns import UNPLACED

Unit = tuple[str, str]
"""Level and unit_id."""

NATIONAL = "national"
# Levels at which events have a place, per independent division of the country, finest first.
_AREAS = ("municipality", "county", "health_trust")
_POINTS = ("central", "base")
_SYSTEMS = ("source_system",)


@dataclass(frozen=True)
class Place:
    """A finest unit, and per level the units that hold it."""

    unit: Unit
    held_by: Mapping[str, frozenset[Unit]]

    @cached_property
    def units(self) -> frozenset[Unit]:
        """Every unit that holds the place, itself included."""
        return frozenset().union(*self.held_by.values())

    def __hash__(self) -> int:
        return hash(self.unit)


@dataclass(frozen=True)
class Places:
    """The places of a table. Each division covers all events: every event has a place in each."""

    divisions: tuple[tuple[Place, ...], ...]

    def division_of(self, unit: Unit) -> tuple[Place, ...]:
        """The division in which a unit is made of places."""
        return self._division_of.get(unit, ())

    @cached_property
    def _division_of(self) -> dict[Unit, tuple[Place, ...]]:
        found: dict[Unit, tuple[Place, ...]] = {}
        for division in self.divisions:
            for place in division:
                for unit in place.units:
                    found.setdefault(unit, division)
        return found


def places(units: Sequence[Unit], parents: Mapping[Unit, frozenset[Unit]]) -> Places:
    """The divisions of the units of a table."""
    known = set(units)
    levels = {level for level, _ in units}
    divisions = []
    area = next((level for level in _AREAS if level in levels), None)
    if area is not None:
        divisions.append(_division(known, parents, (area,), [*_AREAS, "region"]))
    # Where areas are told apart the regions are theirs; else they are those of the centrals.
    above = [] if area is not None else ["region"]
    points = [level for level in _POINTS if level in levels]
    if points:
        divisions.append(_division(known, parents, points, [*points, *above]))
    if _SYSTEMS[0] in levels:
        divisions.append(_division(known, parents, _SYSTEMS, _SYSTEMS))
    if not divisions and "region" in levels:
        divisions.append(_division(known, parents, ("region",), ("region",)))
    return Places(tuple(divisions))


def _division(
    known: set[Unit],
    parents: Mapping[Unit, frozenset[Unit]],
    finest: Sequence[str],
    levels: Sequence[str],
) -> tuple[Place, ...]:
    found = []
    for unit in sorted(known):
        if unit[0] not in finest:
            continue
        above = _ancestors(unit, parents)
        held: dict[str, frozenset[Unit]] = {}
        for level in levels:
            mine = {u for u in above | {unit} if u[0] == level}
            if not mine and level not in finest:
                mine = {(level, UNPLACED)}
            if mine & known:
                held[level] = frozenset(mine & known)
        found.append(Place(unit, held))
    return tuple(found)


def _ancestors(unit: Unit, parents: Mapping[Unit, frozenset[Unit]]) -> set[Unit]:
    todo, found = [unit], set[Unit]()
    while todo:
        for parent in parents.get(todo.pop(), frozenset()):
            if parent not in found and parent[0] != NATIONAL:
                found.add(parent)
                todo.append(parent)
    return found


def changed(one: Place, other: Place) -> list[tuple[Unit, int]] | None:
    """Units whose totals change when an event moves from `other` to `one`, and in which direction.

    None where a unit may change in either direction, because parents changed over time.
    """
    found: list[tuple[Unit, int]] = []
    for level in sorted({*one.held_by, *other.held_by}):
        mine, theirs = one.held_by.get(level, frozenset()), other.held_by.get(level, frozenset())
        if mine == theirs:
            continue
        if mine & theirs and (len(mine - {one.unit}) > 1 or len(theirs - {other.unit}) > 1):
            return None
        found += [(unit, 1) for unit in sorted(mine - theirs)]
        found += [(unit, -1) for unit in sorted(theirs - mine)]
    return found
