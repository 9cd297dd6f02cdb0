"""The attack on what is about to be released: on what is new since the last release.

It costs by how much is new. An ordinary day hides some hundred numbers that the release before did
not, which takes seconds; a first release or the end of a year would take minutes, and is left to
`akutt release attack`, or to a run that is asked for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from orchestration import release_content
from orchestration.disclosure.history import History, last_release
from orchestration.disclosure.step import Audited
from orchestration.readiness.releasable import releasable_readiness
from orchestration.suppression import SuppressionPolicy
from reporting.columns import KEY

# Numbers that are bounded by linear programming, besides those whose bounds meet.
_SAMPLES = 20


def auditor(
    warehouse: Path, releases_dir: Path, policy: SuppressionPolicy, at_most: int | None
) -> Callable[[pl.DataFrame], Audited]:
    """Attacks figures as everyone would see them, beside the last release.

    Args:
        at_most: how many numbers may be hidden that the last release did not hide; beyond it
            nothing is attacked, and the report says how many were left. None: no limit.
    """
    import duckdb

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        relations = [
            release_content.relation(connection, name, required=False)
            for name in ("kpi_registry", "unit_hierarchy", "data_readiness")
        ]
        registry, hierarchy, ready = (
            connection.sql(f"select * from {name}").pl() if name else None for name in relations
        )
    last = last_release(releases_dir, policy)
    before = last.release_id

    def audit(shown: pl.DataFrame) -> Audited:
        new = _newly_hidden(shown, last)
        if at_most is not None and new > at_most:
            return Audited(None, {"since": before, "attacked": 0, "recovered": 0, "left": new})
        from audit import equations
        from audit.attack import attack

        started = time.perf_counter()
        if registry is None:
            raise LookupError("there is no table kpi_registry to attack the figures by")
        told = None if ready is None else releasable_readiness(ready, policy)
        release = equations.of_frames(shown, registry, hierarchy, policy.describe(), ready=told)
        earlier = equations.read(releases_dir / before) if before else None
        result = attack(release, earlier, _SAMPLES, changed_only=earlier is not None)
        keys = [(*key[:1], int(key[1]), *key[2:]) for key in result.keys]
        recovered = pl.DataFrame(keys, schema=list(KEY), orient="row") if keys else None
        report = {
            "since": before,
            "attacked": result.attacked,
            "recovered": result.recovered,
            "seconds": round(time.perf_counter() - started, 1),
        }
        return Audited(_typed(recovered, shown), report)

    return audit


def _newly_hidden(shown: pl.DataFrame, last: History) -> int:
    """How many numbers are hidden that the last release did not hide."""
    hidden = shown.filter(pl.col("status") == "suppressed").select(KEY)
    if last.values is None:
        return hidden.height
    before = last.values.filter(pl.col("status") == "suppressed").select(KEY)
    before = before.cast({name: hidden.schema[name] for name in KEY})
    return hidden.join(before, on=list(KEY), how="anti").height


def _typed(keys: pl.DataFrame | None, like: pl.DataFrame) -> pl.DataFrame | None:
    """Keys in the types of the figures."""
    if keys is None:
        return None
    dated = keys.with_columns(pl.col("period_start").str.to_date())
    return dated.cast({name: like.schema[name] for name in KEY})
