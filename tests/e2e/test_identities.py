"""Every sum that the figures of a world obey is one that disclosure control knows.

The numbers of all families side by side, per level, have no more sums that are always zero than
follow from the identities that are stated or were found. What links two groups of families that
are decided apart would show here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from audit import definitions
from orchestration.disclosure import events, protect, step
from orchestration.disclosure.forms import HOURS, PUBLIC_MEASURES
from orchestration.disclosure.history import History
from orchestration.disclosure.scope import last_delivered
from orchestration.disclosure.table import Table
from orchestration.registry import load_registry
from orchestration.registry.spec import split_segment
from orchestration.suppression import load_policy
from tests.e2e.conftest import World

PRIME = 1_000_003
pytestmark = pytest.mark.slow


def rank(rows: npt.NDArray[np.int64]) -> int:
    """Rank modulo a prime, by plain elimination.

    Of many rows, as many random sums of them as there are columns, and some: they have the same
    rank but for one chance in a million.
    """
    matrix, found = rows % PRIME, 0
    enough = rows.shape[1] + 20
    if rows.shape[0] > 2 * enough:
        # A million squared times the rows stays far within 64 bits.
        assert rows.shape[0] < 5_000_000
        weights = np.random.default_rng(1).integers(0, PRIME, (enough, rows.shape[0]))
        matrix = weights @ matrix % PRIME
    for column in range(matrix.shape[1]):
        places = np.flatnonzero(matrix[found:, column])
        if not places.size:
            continue
        chosen = found + int(places[0])
        matrix[[found, chosen]] = matrix[[chosen, found]]
        matrix[found] = matrix[found] * pow(int(matrix[found, column]), PRIME - 2, PRIME) % PRIME
        below = matrix[found + 1 :]
        below -= below[:, [column]] * matrix[found] % PRIME
        below %= PRIME
        found += 1
        if found == matrix.shape[0]:
            break
    return found


def shown_measures() -> dict[str, set[tuple[str, str]]]:
    """Per family the measures with their segments that some KPI shows; sums of time left out."""
    registry = load_registry()
    found: dict[str, set[tuple[str, str]]] = {name: set() for name in registry.families}
    for kpi in registry.active:
        if kpi.kind in HOURS:
            continue
        for form in (kpi.numerator if kpi.kind != "mean" else {}, kpi.denominator, kpi.n):
            for name in form:
                measure, of_segment = split_segment(name)
                owner, _, bare = measure.rpartition(".")
                family = owner or kpi.family
                there = {s for other in registry.families[family].kpis for s in other.segments}
                mine = there if family != kpi.family else set(kpi.segments)
                if bare not in PUBLIC_MEASURES:
                    found[family] |= {(bare, s) for s in ([of_segment] if of_segment else mine)}
    return found


def test_what_definitions_say_of_parts_holds_for_all_events(autumn: World) -> None:
    """And what the decision finds in the events is no less than what an attacker reads."""
    registry = load_registry()
    kinds = events.read(autumn.home.warehouse, registry)
    assert {"calls", "incidents", "missions", "lat_requests", "video"} <= set(kinds)
    checked = 0
    for family, found in kinds.items():
        for whole, parts in definitions.parts(family):
            large, small = (
                found.of({name.partition(".")[2]: by for name, by in form.items()})
                for form in (whole, parts)
            )
            if large is None or small is None:
                continue
            checked += 1
            assert (large >= small).all(), (whole, parts)
    assert checked > 20


def side_by_side(world: World, level: str) -> pl.DataFrame:
    """Every measure of every segment as `family.measure[segment]`, a row per unit and period."""
    key = ["period_grain", "period_start", "unit_id"]
    whole: pl.DataFrame | None = None
    for family, measures in shown_measures().items():
        spec = load_registry().families[family]
        stored = sorted({name for name, _ in measures if spec.measures[name].is_stored})
        if level not in spec.units or not stored:
            continue
        segment = "segment" if spec.segment else "'all' as segment"
        frame = world.sql(
            f"select {', '.join(key)}, {segment}, {', '.join(stored)} from {spec.aggregate}"
            f" where level = '{level}' and unit_id <> 'UNKNOWN'"
        )
        for (name,), part in frame.partition_by(["segment"], as_dict=True).items():
            mine = [m for m in stored if (m, name) in measures]
            if mine:
                named = part.select(*key, *(pl.col(m).alias(f"{family}.{m}[{name}]") for m in mine))
                whole = (
                    named if whole is None else whole.join(named, on=key, how="full", coalesce=True)
                )
    assert whole is not None
    return whole.drop(key).fill_null(0)


@pytest.fixture(scope="module")
def known(autumn: World) -> Mapping[str, Iterable[Mapping[str, int]]]:
    """The identities that the decision on the world used, per level."""
    found: dict[str, list[Mapping[str, int]]] = {}
    learn = Table.learn

    def listening(table: Table) -> None:
        learn(table)
        for level, own in table.bound_at.items():
            found.setdefault(level, []).extend([*own, *table.forms.identities])

    registry, delivered = load_registry(), last_delivered(autumn.receipts())
    policy = load_policy()
    values, parents = step._read(autumn.home.warehouse, registry, delivered, policy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "learn", listening)
        # They are learnt before anything is hidden, which takes a minute.
        patch.setattr(protect, "_protect", lambda _: [])
        patch.setattr(protect, "climb", lambda *_: ([], 0))
        step.decide(values, parents, registry, delivered, policy, History(None, "the first"))
    return found


# The missions of incidents and those of which it is known whether they were cancelled are the same
# number nearly everywhere, and the two families are decided apart. No definition says so: an
# incident may have a mission that does not count, or one of a source that is silent, so it cannot
# be stated; and to find it, the families of chains, incidents and missions had to be one group,
# whose decision is most of the work, in one process instead of two.
APART = pytest.mark.xfail(strict=True, reason="missions and incidents are decided apart")


@pytest.mark.parametrize(
    "level",
    [
        "region",
        "health_trust",
        "county",
        "municipality",
        pytest.param("central", marks=APART),
        "base",
    ],
)
def test_the_figures_obey_nothing_that_is_not_known(
    autumn: World, known: Mapping[str, Iterable[Mapping[str, int]]], level: str
) -> None:
    frame = side_by_side(autumn, level)
    often = [name for name in frame.columns if (frame[name] != 0).sum() >= 60]
    cells = frame.select(often).to_numpy().astype(np.int64)
    assert cells.shape[0] > 2 * cells.shape[1] > 10
    at = {name: index for index, name in enumerate(often)}
    stated = np.zeros((0, len(often)), dtype=np.int64)
    for identity in known[level]:
        if set(identity) <= set(at):
            row = np.zeros((1, len(often)), dtype=np.int64)
            row[0, [at[name] for name in identity]] = list(identity.values())
            stated = np.concatenate([stated, row])
    obeyed = [row for row in stated if not (cells @ row).any()]
    free = len(often) - rank(cells)
    assert free == (rank(np.stack(obeyed)) if obeyed else 0), (
        [name for at, name in enumerate(often) if rank(np.delete(cells, at, 1)) == rank(cells)],
        known[level],
    )
