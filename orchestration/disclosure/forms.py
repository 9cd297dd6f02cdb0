"""What each KPI tells about its cell, as linear forms over measures, and the moves that change it.

A row of kpi_values shows its numerator, denominator and number of observations, and through the
coverage the usable part and what it is part of. All of these are sums of measures of the family, so
two KPIs of one cell can give away a third: answered calls follow from offered and unanswered ones.

A *move* is a change of the measures by whole events that no identity forbids, such as one call more
within ten seconds, or one answered call that was unanswered. Identities are those the registry
states, and those that the figures themselves obey (`identities`): whoever has the figures finds
them as well. What a move changes cannot be worked out from numbers that it does not change. Hiding
a number therefore comes down to choosing a move that changes it, and hiding everything else that
the move changes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from orchestration.disclosure.events import Events, Ints
from orchestration.registry.spec import Kpi, Registry, split_segment

Form = Mapping[str, int]
"""Measure to coefficient. Measures carry their family's name and segment: `calls.offered[113]`."""

ALL_SEGMENTS = "all"
# Known to everyone: the population, how many vehicles a base has, and which sources say nothing of
# a matter. Where none is silent, what is known of a matter is everything, and counts as the same.
PUBLIC_MEASURES = frozenset(
    {
        "person_years",
        "resources",
        "cancellation_unknown",
        "menu_unknown",
        "transfer_unknown",
        "reason_unknown",
        "started_silent",
        "aborted_silent",
        "patients_silent",
        "flight_silent",
    }
)
# Kinds whose numerator is a part of the denominator.
OF_WHOLE = frozenset({"share", "hours", "excess"})
# Kinds whose numbers are sums of time; a move may be as small as one likes.
HOURS = frozenset({"hours", "hours_count"})
# Moves of one measure that are looked at, and measures that one move may change.
_MOST_MOVES = 12
_MOST_CHANGES = 8


@dataclass(frozen=True)
class Series:
    """One version of a KPI in one segment, and the forms that its rows show."""

    kpi_id: str
    version: int
    segment: str
    family: str
    kind: str
    levels: tuple[str, ...]
    numerator: Form = field(hash=False)
    denominator: Form = field(hash=False)
    n: Form = field(hash=False)
    known: Form = field(hash=False)
    base: Form = field(hash=False)
    percentile: float | None = None

    @property
    def forms(self) -> tuple[Form, ...]:
        """What a row shows; the last two through its coverage."""
        shown = (self.numerator, self.denominator, self.n)
        coverage = (self.known, self.base) if self.base else ()
        return tuple(form for form in (*shown, *coverage) if form)

    @property
    def weight(self) -> int:
        """How much is lost when a row is hidden; counts and rates are asked for most."""
        return 2 if self.kind in ("count", "rate") else 1


@dataclass(frozen=True)
class Move:
    """A change of measures, by whole events."""

    changes: tuple[tuple[str, int], ...]
    # Everything else of the cell may change with them: there is no figure to hold them against.
    is_of_all: bool = False

    def of(self, form: Form) -> int:
        """By how much the move changes a form."""
        return sum(form.get(name, 0) * change for name, change in self.changes)


class Forms:
    """The series of some families that share measures, and the moves that protect their numbers."""

    def __init__(
        self, registry: Registry, families: Iterable[str], kpis: set[tuple[str, int]]
    ) -> None:
        self._registry = registry
        self._touched: dict[Move, list[int]] = {}
        self.families = tuple(sorted(families))
        self.series = tuple(
            self._series(kpi, segment)
            for kpi in registry.kpis
            if kpi.family in self.families and kpi.key in kpis
            for segment in kpi.segments
        )
        self._segments = {
            family: sorted({s.segment for s in self.series if s.family == family}) or [ALL_SEGMENTS]
            for family in self.families
        }
        self.identities = list(self._declared())
        self._wider = self._inclusions()

    def know(self, identities: Iterable[Form]) -> None:
        """Identities that the registry does not state."""
        self.identities += [dict(identity) for identity in identities]

    def touched(self, move: Move) -> list[int]:
        """Series whose rows a move changes: their numbers, or what their coverage tells."""
        if move not in self._touched:
            self._touched[move] = [
                index
                for index, series in enumerate(self.series)
                if move.is_of_all or any(move.of(form) for form in series.forms)
            ]
        return self._touched[move]

    def of_all(self, form: Form) -> Move:
        """The move that changes a form where no figure of the cell is shown."""
        return Move(tuple(sorted(self._whole(form).items())), is_of_all=True)

    def moves(self, form: Form) -> list[Move]:
        """The moves that change a form, the least costly first."""
        found: dict[Move, float] = {}
        for measure in form:
            for changes in self._repaired({measure: 1}):
                move = Move(changes)
                if move.of(form):
                    found[move] = self._loss(move)
        ordered = sorted(found, key=lambda move: (found[move], move.changes))
        whole = [Move(changes) for changes in self._repaired(self._whole(form))[:1]]
        return list(dict.fromkeys([*ordered[:_MOST_MOVES], *(m for m in whole if m.of(form))]))

    def by_events(self, form: Form, events: Events, segment: str) -> Iterator[Move]:
        """Moves that change a form by an event more, or one of another kind than it was.

        Those that change the fewest rows come first. No part of theirs is more than its whole.
        """
        family = next(family_of(name) for name in form)
        place = {f"{family}.{name}[{segment}]": at for at, name in enumerate(events.measures)}
        changes = events.changes[events.changes @ _vector(form, place) != 0]
        loss = np.zeros(changes.shape[0], dtype=np.int64)
        for series in self.series:
            shown = np.stack([_vector(shown, place) for shown in series.forms], axis=1)
            loss += series.weight * (changes @ shown != 0).any(axis=1)
        for at in np.lexsort((np.abs(changes).sum(axis=1), loss)):
            start = {name: int(by) for name, by in zip(place, changes[at], strict=True) if by}
            yield from (Move(repaired) for repaired in self._repaired(start)[:1])

    def carried(self, move: Move, tight: Iterable[int]) -> Move:
        """The move of an ordinary event, where ordinary events count as usable.

        `tight` are the series whose coverage is mostly complete. One unanswered call less then
        means one usable unanswered call less as well, or the coverage would rise above one.
        """
        changes = dict(move.changes)
        bound = {name for identity in self.identities for name in identity}
        free = {name for series in self.series for name in series.known} - bound
        concerned = [self.series[index] for index in tight]
        for _ in range(len(concerned)):
            now = Move(tuple(changes.items()))
            options = [
                (
                    sorted((set(series.known) & free) - set(series.base) - set(dict(move.changes))),
                    by,
                )
                for series in concerned
                if (by := now.of(series.base) - now.of(series.known))
            ]
            single = [(names[0], by) for names, by in options if len(names) == 1]
            if not single:
                break
            name, by = single[0]
            changes[name] = changes.get(name, 0) + by
        return Move(tuple(sorted((name, by) for name, by in changes.items() if by)))

    def _loss(self, move: Move) -> float:
        return sum(self.series[index].weight for index in self.touched(move))

    def _repaired(self, start: Mapping[str, int]) -> list[tuple[tuple[str, int], ...]]:
        """Some changes, with the fewest others that all identities ask for.

        Identities may share measures, and count a measure more than once. Where nothing repairs
        them there is no such move.
        """
        found: list[tuple[tuple[str, int], ...]] = []
        todo, seen = deque([dict(start)]), set[tuple[tuple[str, int], ...]]()
        while todo and len(found) < _MOST_MOVES:
            changes = todo.popleft()
            key = tuple(sorted(changes.items()))
            if key in seen:
                continue
            seen.add(key)
            broken = self._broken(changes)
            if broken is None:
                found.append(key)
            elif len(changes) < _MOST_CHANGES + len(start):
                identity, missing = broken
                todo += [
                    {**changes, name: -missing // factor}
                    for name, factor in identity.items()
                    if name not in changes and missing % factor == 0
                ]
        return found

    def _broken(self, changes: Mapping[str, int]) -> tuple[Form, int] | None:
        """An identity that some changes break, and by how much."""
        for identity in self.identities:
            by = sum(identity.get(name, 0) * change for name, change in changes.items())
            if by:
                return identity, by
        return None

    def _whole(self, form: Form) -> dict[str, int]:
        """One event more in every measure that includes those of the form."""
        todo, found = [name for name, factor in form.items() if factor > 0], set[str]()
        while todo:
            measure = todo.pop()
            if measure not in found:
                found.add(measure)
                todo += self._wider.get(measure, ())
        return dict.fromkeys(sorted(found), 1)

    def _inclusions(self) -> dict[str, set[str]]:
        """Measure to the measures that count all its events and more, as definitions imply."""
        wider: dict[str, set[str]] = {}
        for series in self.series:
            pairs = [(series.known, series.base)]
            if series.kind in OF_WHOLE:
                pairs.append((series.numerator, series.denominator))
            for small, large in pairs:
                if len(small) == 1 and len(large) == 1 and set(small) != set(large):
                    wider.setdefault(next(iter(small)), set()).update(large)
        for identity in self.identities:
            total = {name for name, factor in identity.items() if factor > 0}
            for name, factor in identity.items():
                if factor < 0:
                    wider.setdefault(name, set()).update(total)
        return wider

    def _declared(self) -> Iterable[Form]:
        """The identities that the registry states, for each segment that they are about."""
        stated = set[tuple[tuple[str, int], ...]]()
        for family in self.families:
            for identity in self._registry.families[family].identities:
                for segment in self._segments[family]:
                    form = self._form(family, segment, identity)
                    key = tuple(sorted(form.items()))
                    if len(form) > 1 and key not in stated:
                        stated.add(key)
                        yield form

    def _series(self, kpi: Kpi, segment: str) -> Series:
        forms = {
            name: self._form(kpi.family, segment, form)
            for name, form in (
                ("numerator", kpi.numerator),
                ("denominator", kpi.denominator),
                ("n", kpi.n),
                ("known", kpi.known_form),
                ("base", kpi.base),
            )
        }
        return Series(
            kpi_id=kpi.id,
            version=kpi.version,
            segment=segment,
            family=kpi.family,
            kind=str(kpi.kind),
            levels=tuple(kpi.levels),
            **forms,
            percentile=kpi.percentile.at if kpi.percentile else None,
        )

    def _form(self, family: str, segment: str, form: Mapping[str, int]) -> dict[str, int]:
        """A form of a KPI or an identity in one segment. Of other families all segments count."""
        found: dict[str, int] = {}
        for name, factor in form.items():
            measure, of_segment = split_segment(name)
            owner, _, bare = measure.rpartition(".")
            if bare in PUBLIC_MEASURES:
                continue
            mine = [segment] if owner in ("", family) else self._segments_of(owner)
            for one in [of_segment] if of_segment else mine:
                found[f"{owner or family}.{bare}[{one}]"] = factor
        return found

    def _segments_of(self, family: str) -> list[str]:
        kpis = self._registry.families[family].kpis
        return sorted({segment for kpi in kpis for segment in kpi.segments})


def _vector(form: Form, place: Mapping[str, int]) -> Ints:
    """A form as one factor per measure; those that have no place are left out."""
    found = np.zeros(len(place), dtype=np.int64)
    for name in form.keys() & place.keys():
        found[place[name]] = form[name]
    return found


def family_of(name: str) -> str:
    """The family of a measure as forms name it."""
    return name.partition(".")[0]


def segment_of(name: str) -> str:
    """The segment of a measure as forms name it."""
    return name.rpartition("[")[2].removesuffix("]")


def groups(registry: Registry) -> list[tuple[str, ...]]:
    """Families that share measures belong together."""
    linked = {family: {family} for family in registry.families}
    for family, spec in registry.families.items():
        forms = [form for kpi in spec.kpis for form in kpi.forms]
        for form in [*forms, *spec.identities]:
            for name in form:
                if "." in name:
                    other = name.partition(".")[0]
                    merged = linked[family] | linked[other]
                    for member in merged:
                        linked[member] = merged
    return sorted({tuple(sorted(members)) for members in linked.values()})
