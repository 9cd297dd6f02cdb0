"""Primary suppression: which numbers are too small to be shown, and the thresholds behind it.

This is the only place that says what is small. Which threshold applies follows from what the KPI
tells about (its sensitivity) and the level, which rule from its kind in the registry:

* `count`: the number itself; `rate`: its events, whatever the population.
* `share`, `excess` (the numerator is part of the denominator): what it rests on, the numerator, and
  the rest (denominator minus numerator): from 98 % of 100 anyone can compute the 2.
* `ratio`, `standardized` (the numerator is no part of the denominator): as a share, without a rest.
* `hours`, `hours_count` (hours, not events): only the hours that they are a part of; hours of what
  a service does, such as flights, also the number of times it did it.
* `interval`, `mean`: the observations, and of a percentile how many of them lie beyond it: the 90th
  percentile of ten lies between the two largest. Its limits are left out by the same rule.

A hidden cell loses every number, coverage too (it is a fraction of the same small number), and gets
the status `suppressed`. Cells without data keep their status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import polars as pl

from orchestration.registry.spec import Kind
from reporting.columns import UNPLACED

SUPPRESSED = "suppressed"
HIDDEN_COLUMNS = ("numerator", "denominator", "n", "value", "lower", "upper", "coverage")
# Longer ones last; the last two overlap each other: the year, and twelve months, up to a month.
GRAINS = ("day", "week", "month", "quarter", "tertial", "year", "ytd", "rolling12")
DEFAULT_FILE = Path(__file__).with_name("suppression.yaml")
SENSITIVITIES = ("service", "activity", "person")
# How a service works, the quality of its data included.
SERVICE = SENSITIVITIES[0]
# What is asked of a KPI that does not say what it tells about.
STRICTEST = "person"
# What has to be known of a KPI to tell which of its numbers are too small.
KINDS_SCHEMA = pl.Schema(
    {
        "kpi_id": pl.String,
        "kpi_version": pl.Int32,
        "kind": pl.String,
        "sensitivity": pl.String,
        "percentile": pl.Float64,
    }
)
# The numbers of a row that may be too small. `percentile` and `value` are not themselves small:
# they rest on few.
PARTS = ("numerator", "rest", "denominator", "n", "percentile", "value")


_NUMBERS = ("min_count", "min_denominator", "min_part", "min_beyond_percentile")


@dataclass(frozen=True)
class Thresholds:
    """What is too small of one kind of figures; zero asks for nothing."""

    min_count: int = 0
    min_denominator: int = 0
    min_part: int = 0
    min_beyond_percentile: int = 0
    # Whether a share's small denominator is hidden for itself, or only what is said of so few.
    is_basis_secret: bool = True
    # Levels at which the thresholds of another sensitivity count.
    at: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """What is asked for, ready for JSON."""
        found: dict[str, Any] = {name: n for name in _NUMBERS if (n := getattr(self, name))}
        found |= {} if self.is_basis_secret else {"is_basis_secret": False}
        return found | ({"at": dict(self.at)} if self.at else {})


_PERSON = Thresholds(5, 10, 5, 2)


@dataclass(frozen=True)
class SuppressionPolicy:
    """The thresholds, as `suppression.yaml` states them."""

    too_small: Mapping[str, Thresholds] = field(
        default_factory=lambda: dict.fromkeys(SENSITIVITIES, _PERSON)
    )
    # Per level, and per family and level where a family differs.
    finest_grain: Mapping[str, str] = field(default_factory=dict)
    finest_grain_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    finest_grain_unplaced: str = GRAINS[0]
    # Releases from before the rule protected what could not be placed as if it were a place.
    is_unplaced_shown: bool = True

    def __post_init__(self) -> None:
        named = [self.finest_grain, *self.finest_grain_of.values()]
        grains = {grain for item in named for grain in item.values()}
        unknown = {*grains, self.finest_grain_unplaced} - set(GRAINS)
        if unknown:
            raise ValueError(f"unknown grains in finest_grain: {sorted(unknown)}")
        others = {name for item in self.too_small.values() for name in item.at.values()}
        if set(self.too_small) != set(SENSITIVITIES) or others - set(SENSITIVITIES):
            raise ValueError(f"too_small: one entry for each of {', '.join(SENSITIVITIES)}")

    def of(self, sensitivity: str | None, level: str = "") -> Thresholds:
        """The thresholds for figures of a sensitivity at a level."""
        own = self.too_small[sensitivity or STRICTEST]
        return self.too_small[own.at[level]] if level in own.at else own

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
            "too_small": {name: item.describe() for name, item in self.too_small.items()},
            "finest_grain": dict(self.finest_grain),
            "finest_grain_of": {name: dict(g) for name, g in self.finest_grain_of.items()},
            "finest_grain_unplaced": self.finest_grain_unplaced,
        }

    @classmethod
    def from_description(cls, value: Mapping[str, Any]) -> SuppressionPolicy:
        """The inverse of `describe`.

        Earlier releases state one set of thresholds for all figures, and were made without the
        rules that they do not state.
        """
        stated = value.get("too_small")
        if stated is None:
            count, cases = int(value["min_count"]), int(value["min_denominator"])
            beyond = int(value.get("min_beyond_percentile") or 0)
            all_alike = Thresholds(count, cases, count, beyond)
            too_small = dict.fromkeys(SENSITIVITIES, all_alike)
        else:
            too_small = {name: Thresholds(**item) for name, item in stated.items()}
        return cls(
            too_small=too_small,
            finest_grain=dict(value.get("finest_grain") or {}),
            finest_grain_of=dict(value.get("finest_grain_of") or {}),
            finest_grain_unplaced=str(value.get("finest_grain_unplaced") or GRAINS[0]),
            is_unplaced_shown=stated is not None,
        )


def load_policy(path: Path = DEFAULT_FILE) -> SuppressionPolicy:
    """Read the policy file."""
    import yaml

    return SuppressionPolicy.from_description(yaml.safe_load(path.read_text(encoding="utf-8")))


def few_beyond(n: Any, percentile: Any, least: Any) -> Any:
    """True where fewer than `least` of n observations lie beyond a percentile, on its shorter side.

    Takes numbers, arrays or expressions.
    """
    side = 0.5 - abs(percentile - 0.5)
    # Products of fractions fall short of whole numbers by a little.
    return (n > 0) & (n * side < least - 1e-9)


def small_parts(policy: SuppressionPolicy) -> dict[str, pl.Expr]:
    """Per number of a row whether it is too small, never null.

    Needs the columns of kpi_values, and `kind`, `sensitivity` and `percentile` of the KPI.
    """
    kind, n = pl.col("kind"), pl.col("n")
    numerator, denominator = pl.col("numerator"), pl.col("denominator")
    count, cases, part, beyond = (_asked(policy, name) for name in _NUMBERS)
    is_secret = _asked(policy, "is_basis_secret")
    # A count may stand in any of the three number columns; all three are looked at.
    counted = few(pl.coalesce(n, numerator, pl.col("value")), count)
    of_whole = kind.is_in(["share", "excess"])
    of_others = kind.is_in(["ratio", "standardized"])
    durations = kind.is_in(["interval", "mean"])
    few_within = pl.when((kind != "count") & ~durations).then(few(denominator, cases))
    hours_of_events = (kind == "hours_count") & (pl.col("sensitivity") != SERVICE)
    few_observed = pl.when(durations | hours_of_events).then(few(n, cases))
    # Nothing may be expected of few.
    few_expected = (kind == "standardized") & (denominator == 0) & few(n, cases)
    small = {
        "numerator": pl.when(kind == "count")
        .then(counted)
        .when(kind == "rate")
        .then(few(numerator, count))
        .when(of_whole | of_others)
        .then(few(numerator, part)),
        "rest": pl.when(of_whole).then(few(denominator - numerator, part)),
        "denominator": few_within & is_secret,
        "n": (few_observed & is_secret).fill_null(False) | few_expected.fill_null(False),
        "percentile": pl.when(kind == "interval").then(few_beyond(n, pl.col("percentile"), beyond)),
        "value": pl.coalesce(few_within, few_observed) & ~is_secret,
    }
    placed = pl.lit(True) if not policy.is_unplaced_shown else pl.col("unit_id") != UNPLACED
    return {name: expression.fill_null(False) & placed for name, expression in small.items()}


def too_small(policy: SuppressionPolicy) -> pl.Expr:
    """True for the rows that must not be shown; a KPI of unknown kind is never shown."""
    is_known = pl.col("kind").is_in(get_args(Kind)).fill_null(False)
    small: pl.Expr = pl.any_horizontal(~is_known, *small_parts(policy).values())
    return small


def few(number: pl.Expr, least: pl.Expr | float) -> pl.Expr:
    """True where a number of events is above zero, and below a threshold."""
    return (number > 0) & (number < least)


def _asked(policy: SuppressionPolicy, name: str) -> pl.Expr:
    """A threshold per row."""
    found = pl.lit(getattr(policy.of(STRICTEST), name))
    for sensitivity in SENSITIVITIES:
        own = pl.lit(getattr(policy.of(sensitivity), name))
        for level in policy.too_small[sensitivity].at:
            there = getattr(policy.of(sensitivity, level), name)
            own = pl.when(pl.col("level") == level).then(there).otherwise(own)
        found = pl.when(pl.col("sensitivity") == sensitivity).then(own).otherwise(found)
    return found
