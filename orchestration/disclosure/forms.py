"""What each KPI tells about its cell, as linear forms over measures, and the moves that change it.

A row of kpi_values shows its numerator, denominator and number of observations, and through the
coverage the usable part and what it is part of. All of these are sums of measures of the family, so
two KPIs of one cell can give away a third: answered calls follow from offered and unanswered ones.

A *move* is a change of the measures by whole events that no identity of the registry forbids, such
as one call more within ten seconds, or one answered call that was unanswered. What a move changes
cannot be worked out from numbers that it does not change. Hiding a number therefore comes down to
choosing a move that changes it, and hiding everything else that the move changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestration.registry.spec import Kpi, Registry

Form = Mapping[str, int]
"""Measure to coefficient. Measures carry their family's name: `calls.offered`."""

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
    }
)
# Kinds whose numerator is a part of the denominator.
OF_WHOLE = frozenset({"share", "hours", "excess"})
# Kinds whose numbers are sums of time; a move may be as small as one likes.
HOURS = frozenset({"hours", "hours_count"})


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
    """A change of measures in one segment of a family, by one event each."""

    family: str
    segment: str
    changes: tuple[tuple[str, int], ...]

    def of(self, form: Form) -> int:
        """By how much the move changes a form."""
        return sum(form.get(name, 0) * change for name, change in self.changes)


class Forms:
    """The series of some families that share measures, and the moves that protect their numbers."""

    def __init__(
        self, registry: Registry, families: Iterable[str], kpis: set[tuple[str, int]]
    ) -> None:
        self._same = _same_measures(registry)
        self._touched: dict[Move, list[int]] = {}
        self.families = tuple(sorted(families))
        self.series = tuple(
            self._series(kpi, segment)
            for kpi in registry.kpis
            if kpi.family in self.families and kpi.key in kpis
            for segment in kpi.segments
        )
        self._identities = [
            self._form(family, identity)
            for family in self.families
            for identity in registry.families[family].identities
            if len(_hidden(identity)) > 2  # coefficients are 1 and -1 in all of them
        ]
        self._segments = {
            family: sorted({s.segment for s in self.series if s.family == family})
            for family in self.families
        }
        self._wider = self._inclusions()

    def touched(self, move: Move) -> list[int]:
        """Series whose rows a move changes: their numbers, or what their coverage tells."""
        if move not in self._touched:
            self._touched[move] = [
                index
                for index, series in enumerate(self.series)
                if self._concerns(move, series) and any(move.of(form) for form in series.forms)
            ]
        return self._touched[move]

    def moves(self, series: Series, form: Form) -> list[Move]:
        """The moves that change a form of a series, the least costly first."""
        found: dict[Move, float] = {}
        for measure in form:
            family = measure.partition(".")[0]
            segments = self._segments.get(family, []) or [ALL_SEGMENTS]
            if series.segment in segments:
                segments = [series.segment]
            for segment in segments:
                for changes in self._elementary(measure):
                    move = Move(family, segment, changes)
                    if move.of(form):
                        found[move] = self._loss(move)
        ordered = sorted(found, key=lambda move: (found[move], move.changes, move.segment))
        whole = [
            Move(move.family, move.segment, changes)
            for move in ordered[:1]
            for changes in [self._whole(form)]
            if Move(move.family, move.segment, changes).of(form)
        ]
        return list(dict.fromkeys([*ordered, *whole]))

    def carried(self, move: Move, tight: Iterable[int]) -> Move:
        """The move of an ordinary event, where ordinary events count as usable.

        `tight` are the series whose coverage is mostly complete. One unanswered call less then
        means one usable unanswered call less as well, or the coverage would rise above one.
        """
        changes = dict(move.changes)
        free = {
            name
            for series in self.series
            for name in series.known
            if not any(name in identity for identity in self._identities)
        }
        concerned = [self.series[i] for i in tight if self._concerns(move, self.series[i])]
        for _ in range(len(concerned)):
            now = Move(move.family, move.segment, tuple(changes.items()))
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
        found = tuple(sorted((name, by) for name, by in changes.items() if by))
        return Move(move.family, move.segment, found)

    def _loss(self, move: Move) -> float:
        return sum(self.series[index].weight for index in self.touched(move))

    def _concerns(self, move: Move, series: Series) -> bool:
        """A measure of a segmented family is part of what other families show over all segments."""
        if series.segment == move.segment:
            return True
        return series.family != move.family and series.segment == ALL_SEGMENTS

    def _elementary(self, measure: str) -> list[tuple[tuple[str, int], ...]]:
        """One event more in a measure, with the fewest other changes that identities ask for."""
        identity = next((i for i in self._identities if measure in i), None)
        if identity is None:
            return [((measure, 1),)]
        return [
            tuple(sorted(((measure, 1), (other, -identity[measure] * identity[other]))))
            for other in identity
            if other != measure
        ]

    def _whole(self, form: Form) -> tuple[tuple[str, int], ...]:
        """One event more in every measure that includes those of the form."""
        todo, found = [name for name, factor in form.items() if factor > 0], set[str]()
        while todo:
            measure = todo.pop()
            if measure not in found:
                found.add(measure)
                todo += self._wider.get(measure, ())
        for identity in self._identities:
            total = [name for name, factor in identity.items() if factor > 0]
            parts = [name for name, factor in identity.items() if factor < 0]
            if found & set(total) and not found & set(parts):
                found.add(parts[0])
        return tuple(sorted((name, 1) for name in found))

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
        for identity in self._identities:
            total = {name for name, factor in identity.items() if factor > 0}
            for name, factor in identity.items():
                if factor < 0:
                    wider.setdefault(name, set()).update(total)
        return wider

    def _series(self, kpi: Kpi, segment: str) -> Series:
        family = kpi.family
        return Series(
            kpi_id=kpi.id,
            version=kpi.version,
            segment=segment,
            family=family,
            kind=str(kpi.kind),
            levels=tuple(kpi.levels),
            numerator=self._form(family, kpi.numerator),
            denominator=self._form(family, kpi.denominator),
            n=self._form(family, kpi.n),
            known=self._form(family, kpi.known_form),
            base=self._form(family, kpi.base),
            percentile=kpi.percentile.at if kpi.percentile else None,
        )

    def _form(self, family: str, form: Form) -> dict[str, int]:
        found = {}
        for name, factor in form.items():
            full = name if "." in name else f"{family}.{name}"
            if full.partition(".")[2] not in PUBLIC_MEASURES:
                found[self._same.get(full, full)] = factor
        return found


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


def _same_measures(registry: Registry) -> dict[str, str]:
    """Measures that an identity of two says are one."""
    same = {}
    for family, spec in registry.families.items():
        for identity in map(_hidden, spec.identities):
            names = sorted(n if "." in n else f"{family}.{n}" for n in identity)
            if len(names) == 2 and sum(identity.values()) == 0:
                same[names[0]] = names[1]
    return same


def _hidden(form: Form) -> dict[str, int]:
    """The part of a form that is not known to everyone."""
    return {n: factor for n, factor in form.items() if n.rpartition(".")[2] not in PUBLIC_MEASURES}
