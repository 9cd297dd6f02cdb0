"""Rules: one coded, positive assertion each, and the short forms records declare them with.

An assertion that is true or null holds: a rule speaks only about values that are there. A missing
value is the business of a presence rule, so that one fault gives one code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Literal

import polars as pl

from contracts.columns import Column
from contracts.helpers import ORDER_TOLERANCE

Level = Literal["file", "row", "warning"]
RuleKind = Literal[
    "missing",
    "order",
    "time",
    "batch",
    "code",
    "parse",
    "key",
    "plausibility",
    "structure",
    "privacy",
]
Assertion = Callable[[], pl.Expr]

# Warning kinds after which the intervals of a row cannot be trusted.
TIMING_KINDS: frozenset[RuleKind] = frozenset({"order", "time", "batch"})


@dataclass(frozen=True)
class Rule:
    """A coded rule. The fast evaluator and the pandera model both read `assertion` from here.

    File-level rules are judged by the reader, not on rows, and have no assertion.
    """

    code: str
    level: Level
    kind: RuleKind
    columns: tuple[str, ...]
    assertion: Assertion | None
    message_nb: str
    message_en: str

    def holds(self) -> pl.Expr:
        """The assertion as an expression: true or null where the rule holds."""
        if self.assertion is None:
            raise ValueError(f"{self.code} is not judged on rows")
        return self.assertion()


@dataclass(frozen=True)
class Scope:
    """What a declaration needs to know of its contract to become rules."""

    prefix: str
    columns: Mapping[str, Column]

    def code(self, column: str, ending: str) -> str:
        """The code of a rule about one column of this contract."""
        return f"{self.prefix}_{self.columns[column].stem}_{ending}"


Declaration = Callable[[Scope], tuple[Rule, ...]]


def all_of(expressions: list[pl.Expr]) -> pl.Expr:
    """Conjunction in which null is neither true nor false."""
    return reduce(and_, expressions)


def in_order(*stamps: str) -> Declaration:
    """Each stamp is not earlier than any of those before it in the list (one rule per stamp)."""

    def declare(scope: Scope) -> tuple[Rule, ...]:
        return tuple(
            rule
            for position, later in enumerate(stamps[1:], start=1)
            for rule in ordered(later, not_before=stamps[:position])(scope)
        )

    return declare


def ordered(
    stamp: str, *, not_before: tuple[str, ...] = (), not_after: tuple[str, ...] = ()
) -> Declaration:
    """One stamp lies between others, where they are present; equal is in order.

    Within the source's tolerance (`ORDER_TOLERANCE`, none by default) it is too.
    """

    def assertion() -> pl.Expr:
        # Pairwise comparisons: several times cheaper than a horizontal maximum.
        tolerance = pl.col(ORDER_TOLERANCE)
        return all_of(
            [pl.col(stamp) + tolerance >= pl.col(earlier) for earlier in not_before]
            + [pl.col(stamp) - tolerance <= pl.col(later) for later in not_after]
        )

    def declare(scope: Scope) -> tuple[Rule, ...]:
        nb = [f"tidligere enn {', '.join(not_before)}"] if not_before else []
        en = [f"earlier than {', '.join(not_before)}"] if not_before else []
        if not_after:
            nb.append(f"senere enn {', '.join(not_after)}")
            en.append(f"later than {', '.join(not_after)}")
        return (
            Rule(
                code=scope.code(stamp, "OUT_OF_ORDER"),
                level="warning",
                kind="order",
                columns=(stamp, *not_before, *not_after),
                assertion=assertion,
                message_nb=f"{stamp} er {' eller '.join(nb)}.",
                message_en=f"{stamp} is {' or '.join(en)}.",
            ),
        )

    return declare


def expected(
    column: str, *, when: Assertion | None = None, given: tuple[str, ...] = (), nb: str, en: str
) -> Declaration:
    """The column has a value, always or when a condition on the `given` columns is true."""

    def assertion() -> pl.Expr:
        present = pl.col(column).is_not_null()
        return present if when is None else present | ~when()

    def declare(scope: Scope) -> tuple[Rule, ...]:
        return (
            Rule(
                code=scope.code(column, "ABSENT"),
                level="warning",
                kind="missing",
                columns=(column, *given),
                assertion=assertion,
                message_nb=f"{column} mangler {nb}.",
                message_en=f"{column} is absent {en}.",
            ),
        )

    return declare


def unexpected(
    column: str, *, unless: Assertion, given: tuple[str, ...], nb: str, en: str
) -> Declaration:
    """The column has a value only when a condition on the `given` columns is true."""

    def assertion() -> pl.Expr:
        return pl.col(column).is_null() | unless()

    def declare(scope: Scope) -> tuple[Rule, ...]:
        return (
            Rule(
                code=scope.code(column, "UNEXPECTED"),
                level="warning",
                kind="missing",
                columns=(column, *given),
                assertion=assertion,
                message_nb=f"{column} har verdi {nb}.",
                message_en=f"{column} has a value {en}.",
            ),
        )

    return declare


def declared(
    ending: str,
    *,
    level: Level,
    kind: RuleKind,
    columns: tuple[str, ...],
    assertion: Assertion,
    nb: str,
    en: str,
) -> Declaration:
    """A rule of its own, for what the short forms do not say."""

    def declare(scope: Scope) -> tuple[Rule, ...]:
        return (Rule(f"{scope.prefix}_{ending}", level, kind, columns, assertion, nb, en),)

    return declare
