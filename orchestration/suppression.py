"""Primary suppression: which numbers are too small to be shown, and the thresholds behind it.

Which rule applies follows from the KPI's kind in the registry:

* `count`: the number itself is hidden when it is 1 to `min_count` - 1.
* `share` (numerator is part of the denominator): hidden when it rests on fewer than
  `min_denominator` cases, when the numerator is small, or when the rest (denominator minus
  numerator) is: from a share of 98 % of 100 anyone can compute the 2.
* `rate` (numerator is not part of the denominator): as `share`, without the rest.
* `hours` (hours of hours, not events): only the rule of `min_denominator`.
* `statistic` (percentile, median, mean): hidden when it rests on fewer than `min_denominator`
  cases. A percentile also when fewer than `min_beyond_percentile` observations lie beyond it: the
  90th percentile of ten lies between the two largest. Its limits are left out by the same rule.

A hidden cell loses every number, coverage too (it is a fraction of the same small number), and gets
the status `suppressed`. Cells without data keep their status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

SUPPRESSED = "suppressed"
HIDDEN_COLUMNS = ("numerator", "denominator", "n", "value", "lower", "upper", "coverage")
GRAINS = ("day", "week", "month", "quarter", "year")
DEFAULT_FILE = Path(__file__).with_name("suppression.yaml")


@dataclass(frozen=True)
class SuppressionPolicy:
    """The thresholds, as `suppression.yaml` states them."""

    min_count: int = 5
    min_denominator: int = 10
    min_beyond_percentile: int = 2
    # Per level, and per family and level where a family differs.
    finest_grain: Mapping[str, str] = field(default_factory=dict)
    finest_grain_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    finest_grain_unplaced: str = GRAINS[0]

    def __post_init__(self) -> None:
        named = [self.finest_grain, *self.finest_grain_of.values()]
        grains = {grain for item in named for grain in item.values()}
        unknown = {*grains, self.finest_grain_unplaced} - set(GRAINS)
        if unknown:
            raise ValueError(f"unknown grains in finest_grain: {sorted(unknown)}")

    def grains(self, family: str, level: str, *, unplaced: bool = False) -> tuple[str, ...]:
        """The grains that are released for a level of a family."""
        default = self.finest_grain.get(level, GRAINS[0])
        finest = self.finest_grain_of.get(family, {}).get(level, default)
        first = GRAINS.index(finest)
        if unplaced:
            first = max(first, GRAINS.index(self.finest_grain_unplaced))
        return GRAINS[first:]

    def describe(self) -> dict[str, object]:
        """The form that goes into a release's metadata."""
        return {
            "min_count": self.min_count,
            "min_denominator": self.min_denominator,
            "min_beyond_percentile": self.min_beyond_percentile,
            "finest_grain": dict(self.finest_grain),
            "finest_grain_of": {name: dict(g) for name, g in self.finest_grain_of.items()},
            "finest_grain_unplaced": self.finest_grain_unplaced,
        }

    @classmethod
    def from_description(cls, value: Mapping[str, Any]) -> SuppressionPolicy:
        """The inverse of `describe`. Releases that do not state a rule were made without it."""
        return cls(
            min_count=int(str(value["min_count"])),
            min_denominator=int(str(value["min_denominator"])),
            min_beyond_percentile=int(str(value.get("min_beyond_percentile") or 0)),
            finest_grain=dict(value.get("finest_grain") or {}),
            finest_grain_of=dict(value.get("finest_grain_of") or {}),
            finest_grain_unplaced=str(value.get("finest_grain_unplaced") or GRAINS[0]),
        )


def load_policy(path: Path = DEFAULT_FILE) -> SuppressionPolicy:
    """Read the policy file."""
    import yaml

    stated = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {"min_beyond_percentile": SuppressionPolicy.min_beyond_percentile}
    return SuppressionPolicy.from_description({**known, **stated})


def small(column: pl.Expr, policy: SuppressionPolicy) -> pl.Expr:
    """True where a number of events is 1 to `min_count` - 1."""
    return (column > 0) & (column < policy.min_count)


def few_beyond(n: Any, percentile: Any, policy: SuppressionPolicy) -> Any:
    """True where too few of n observations lie beyond a percentile, on its shorter side.

    Takes numbers, arrays or expressions.
    """
    side = 0.5 - abs(percentile - 0.5)
    # Products of fractions fall short of whole numbers by a little.
    return (n > 0) & (n * side < policy.min_beyond_percentile - 1e-9)


def too_small(policy: SuppressionPolicy) -> pl.Expr:
    """True for the rows that must not be shown.

    Needs the columns of kpi_values, `kind`, and the `percentile` of KPIs that are one.
    """
    kind, n = pl.col("kind"), pl.col("n")
    numerator, denominator = pl.col("numerator"), pl.col("denominator")
    thin = (denominator > 0) & (denominator < policy.min_denominator)
    few = small(numerator, policy)
    rest = small(denominator - numerator, policy)
    # A count may stand in any of the three number columns; all three are looked at.
    counted = small(pl.coalesce(n, numerator, pl.col("value")), policy)
    rested_on_few = (n > 0) & (n < policy.min_denominator)
    return (
        pl.when(kind == "count")
        .then(counted)
        .when(kind == "share")
        .then(thin.fill_null(False) | few.fill_null(False) | rest.fill_null(False))
        .when(kind == "rate")
        .then(
            thin.fill_null(False)
            | few.fill_null(False)
            | ((denominator == 0) & rested_on_few).fill_null(False)
        )
        .when(kind == "hours")
        .then(thin)
        .when(kind == "statistic")
        .then(
            rested_on_few.fill_null(False)
            | few_beyond(n, pl.col("percentile"), policy).fill_null(False)
        )
        .otherwise(True)  # an unknown kind is never shown
        .fill_null(False)
    )
