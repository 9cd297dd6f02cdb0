"""Which counts are parts of which: found in the events that are counted, not taken on trust.

A call answered within two minutes is answered within ten, and none of those that hung up in the
menu. Whoever knows the definitions knows that 12 calls, of which 11 were answered and 1 hung up,
leave none, so a world in which there is one more is no other world. What the definitions come to is
seen in the events: a count holds others when no event counts in them more than in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from orchestration import release_content
from orchestration.registry.spec import Family, Registry

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Events:
    """The kinds of events of a family: a line per kind, with 1 for the measures it counts in."""

    measures: tuple[str, ...]
    counts: Ints

    def of(self, form: Mapping[str, int]) -> Ints | None:
        """How much each kind counts in a sum of measures; None where one is not among them."""
        if not set(form) <= set(self.measures):
            return None
        found = np.zeros(self.counts.shape[0], dtype=np.int64)
        for name, factor in form.items():
            found += factor * self.counts[:, self.measures.index(name)]
        return found

    @cached_property
    def changes(self) -> Ints:
        """What an event more changes, and one that is of another kind than it was."""
        kinds = np.concatenate([np.zeros_like(self.counts[:1]), self.counts])
        first, second = np.triu_indices(kinds.shape[0], 1)
        found: Ints = np.unique(kinds[second] - kinds[first], axis=0)
        return found[found.any(axis=1)]


def read(warehouse: Path, registry: Registry) -> dict[str, Events]:
    """Per family the kinds of events that its fact has; without those of which there is no fact."""
    import duckdb

    found = {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for name, family in registry.families.items():
            fact = release_content.relation(connection, family.fact, required=False)
            columns = {} if fact is None else _columns(connection, fact, family)
            if columns:
                # One bit per measure: a number is told from others faster than many columns.
                bits = " + ".join(
                    f"({c})::bigint * {1 << at}" for at, c in enumerate(columns.values())
                )
                scope = family.scope or "true"
                rows = connection.execute(f"select distinct {bits} from {fact} where {scope}")
                kinds = np.array(sorted(rows.fetchall()), dtype=np.int64).reshape(-1, 1)
                found[name] = Events(tuple(columns), kinds >> np.arange(len(columns)) & 1)
    return found


def _columns(connection: Any, fact: str, family: Family) -> dict[str, str]:
    """Measures that count rows of the fact, and whether a row counts.

    Without those that take more than the fact, as what came of the caller's next call does.
    """
    import duckdb

    found = {}
    for name, measure in family.measures.items():
        if measure.sql is None:
            continue
        column = f"coalesce({measure.sql}, false)"
        try:
            connection.execute(f"select {column} from {fact} limit 0")
        except duckdb.BinderException:
            continue
        found[name] = column
    return found


def parts_of_wholes(counts: Sequence[Ints]) -> list[tuple[int, tuple[int, ...]]]:
    """Which sums hold which others that have no event in common, by their numbers.

    `counts` says per sum how much each kind of event counts in it. Each whole comes with as many
    parts as it holds side by side; what follows from two others is left out.
    """
    some = [at for at, own in enumerate(counts) if own.any() and (own >= 0).all()]
    holds = {
        (whole, part)
        for whole in some
        for part in some
        if whole != part
        and (counts[whole] >= counts[part]).all()
        and (counts[whole] > counts[part]).any()
    }
    found: list[tuple[int, tuple[int, ...]]] = []
    for whole in some:
        inside = [part for part in some if (whole, part) in holds]
        for parts in _side_by_side(counts[whole], [(part, counts[part]) for part in inside]):
            if not _follows(whole, parts, counts, holds):
                found.append((whole, parts))
    return found


def _side_by_side(room: Ints, parts: Sequence[tuple[int, Ints]]) -> Iterator[tuple[int, ...]]:
    """Sets of parts that fit into a whole together, and to which none can be added."""

    def grown(chosen: tuple[int, ...], left: Ints, start: int) -> Iterator[tuple[int, ...]]:
        fitting = [at for at, (_, own) in enumerate(parts) if at not in chosen and fits(own, left)]
        if not fitting and chosen:
            yield tuple(parts[at][0] for at in chosen)
        for at in fitting:
            if at >= start:
                yield from grown((*chosen, at), left - parts[at][1], at + 1)

    def fits(own: Ints, left: Ints) -> bool:
        return bool((own <= left).all())

    yield from grown((), room, 0)


def _follows(
    whole: int, parts: tuple[int, ...], counts: Sequence[Ints], holds: set[tuple[int, int]]
) -> bool:
    """Whether a larger part, or a smaller whole, says more."""
    total = sum((counts[part] for part in parts), start=np.zeros_like(counts[whole]))
    if (
        any(
            (whole, other) in holds and other not in parts and (total <= counts[other]).all()
            for other in range(len(counts))
        )
        and len(parts) > 1
    ):
        return True
    if len(parts) == 1 and any(
        (whole, other) in holds and (other, parts[0]) in holds for other in range(len(counts))
    ):
        return True
    return any(
        (other, part) in holds
        and other != whole
        and (total - counts[part] + counts[other] <= counts[whole]).all()
        for part in parts
        for other in range(len(counts))
        if other not in parts
    )
