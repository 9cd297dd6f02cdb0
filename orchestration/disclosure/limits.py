"""From how many observations on the limits of a percentile may be seen.

The limits are observations as well, further out than the percentile itself: of few observations
they are the smallest and the largest.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.registry.spec import Registry
from orchestration.suppression import SuppressionPolicy, few_beyond

SCHEMA = pl.Schema(
    {
        "kpi_id": pl.String,
        "kpi_version": pl.Int32,
        "level": pl.String,
        "lower_from": pl.Int64,
        "upper_from": pl.Int64,
    }
)
_Z_95 = 1.959963984540054
# With so many observations the limits lie so near that enough of them are beyond.
_MANY = 100_000


def limits_shown(registry: Registry, policy: SuppressionPolicy) -> pl.DataFrame:
    """kpi_limits: per percentile and level, the observations that its two limits need."""
    rows = [
        (kpi.id, kpi.version, level, *shown_from(kpi.percentile.at, beyond))
        for kpi in registry.kpis
        if kpi.percentile is not None
        for level in kpi.levels
        for beyond in [policy.of(kpi.sensitivity, level).min_beyond_percentile]
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@lru_cache
def shown_from(percentile: float, beyond: int) -> tuple[int, int]:
    """The observations from which on so many lie beyond the lower and beyond the upper limit."""
    n = np.arange(1, _MANY, dtype=np.float64)
    lower, upper = ranks(n, percentile)
    return _from(n, lower, beyond), _from(n, upper, beyond)


def ranks(
    n: npt.NDArray[np.float64], percentile: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Which of n sorted observations kpi_values takes as limits, NaN where there are none.

    The same as macro `percentile_rank` of dbt_project.
    """
    spread = _Z_95 * np.sqrt(n * percentile * (1 - percentile))
    middle = n * percentile + (_Z_95**2 - 1) * (1 - 2 * percentile) / 6 - 0.5
    lower, upper = np.ceil(middle - spread), np.ceil(middle + spread) + 1
    return np.where(lower >= 1, lower, np.nan), np.where(upper <= n, upper, np.nan)


def _from(n: npt.NDArray[np.float64], rank: npt.NDArray[np.float64], beyond: int) -> int:
    fraction = (rank - 1) / np.maximum(n - 1, 1)
    exposed = np.flatnonzero(few_beyond(n, fraction, beyond))
    return int(n[exposed[-1]]) + 1 if exposed.size else 0
