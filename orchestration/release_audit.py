"""The attack on what is about to be released: on what is new since the last release."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from orchestration import release_content
from orchestration.disclosure.history import last_release
from orchestration.disclosure.step import Audited
from orchestration.suppression import SuppressionPolicy
from reporting.columns import KEY

# Numbers that are bounded by linear programming, besides those whose bounds meet.
_SAMPLES = 20


def auditor(
    warehouse: Path, releases_dir: Path, policy: SuppressionPolicy
) -> Callable[[pl.DataFrame], Audited]:
    """Attacks figures as everyone would see them, beside the last release.

    Of figures of which there is no release yet it attacks everything.
    """
    import duckdb

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        relations = [
            release_content.relation(connection, name, required=False)
            for name in ("kpi_registry", "unit_hierarchy")
        ]
        registry, hierarchy = (
            connection.sql(f"select * from {name}").pl() if name else None for name in relations
        )
    before = last_release(releases_dir, policy).release_id

    def audit(shown: pl.DataFrame) -> Audited:
        from audit import equations
        from audit.attack import attack

        started = time.perf_counter()
        if registry is None:
            raise LookupError("there is no table kpi_registry to attack the figures by")
        release = equations.of_frames(shown, registry, hierarchy, policy.describe())
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


def _typed(keys: pl.DataFrame | None, like: pl.DataFrame) -> pl.DataFrame | None:
    """Keys in the types of the figures."""
    if keys is None:
        return None
    dated = keys.with_columns(pl.col("period_start").str.to_date())
    return dated.cast({name: like.schema[name] for name in KEY})
