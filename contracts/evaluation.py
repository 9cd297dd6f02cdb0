"""Judge a frame by its contract: which rows are accepted, and which rules fail where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from contracts.contract import Contract
from contracts.helpers import absent_helpers, date_only
from contracts.rules import Rule


@dataclass(frozen=True)
class Evaluation:
    """The outcome for one frame. Masks are true where the rule fails; only failed codes appear."""

    accepted_mask: pl.Series
    row_failures: dict[str, pl.Series]
    warnings: dict[str, pl.Series]


def evaluate(contract: Contract, frame: pl.DataFrame) -> Evaluation:
    """Apply every row and warning rule to the frame.

    One pass asks of each rule only whether it holds everywhere. Masks are built in a second pass,
    for the few rules that do not.
    """
    complete = frame.with_columns(absent_helpers(contract.helpers, frame.columns))
    timed = _without_days(frame, complete)
    failed: list[Rule] = []
    masks: dict[str, pl.Series] = {}
    for judged, rules in _by_frame(contract.rules, complete, timed):
        broken = _failed(judged, rules)
        failed += broken
        masks |= judged.select(
            (~rule.holds().fill_null(True)).alias(rule.code) for rule in broken
        ).to_dict()
    row_failures = {rule.code: masks[rule.code] for rule in failed if rule.level == "row"}
    return Evaluation(
        accepted_mask=_accepted(row_failures, frame.height),
        row_failures=row_failures,
        warnings={rule.code: masks[rule.code] for rule in failed if rule.level == "warning"},
    )


def _without_days(frame: pl.DataFrame, complete: pl.DataFrame) -> pl.DataFrame:
    """The frame without stamps that are a date only: a day says nothing of order within it."""
    ending = date_only("")
    stamps = [name.removesuffix(ending) for name in frame.columns if name.endswith(ending)]
    if not stamps:
        return complete
    return complete.with_columns(
        pl.when(~pl.col(date_only(name))).then(pl.col(name)).alias(name) for name in stamps
    )


def _by_frame(
    rules: Sequence[Rule], complete: pl.DataFrame, timed: pl.DataFrame
) -> list[tuple[pl.DataFrame, list[Rule]]]:
    """Which rules are judged on which frame."""
    if timed is complete:
        return [(complete, list(rules))]
    parts = [
        (complete, [rule for rule in rules if not _is_order(rule)]),
        (timed, [rule for rule in rules if _is_order(rule)]),
    ]
    return [part for part in parts if part[1]]


def _is_order(rule: Rule) -> bool:
    return rule.level == "warning" and rule.kind == "order"


def _failed(frame: pl.DataFrame, rules: Sequence[Rule]) -> list[Rule]:
    outcome = frame.select(
        rule.holds().all(ignore_nulls=True).alias(rule.code) for rule in rules
    ).row(0, named=True)
    return [rule for rule in rules if not outcome[rule.code]]


def _accepted(row_failures: dict[str, pl.Series], height: int) -> pl.Series:
    name = "accepted"
    if not row_failures:
        return pl.repeat(True, height, dtype=pl.Boolean, eager=True).alias(name)
    return pl.DataFrame(list(row_failures.values())).select(
        (~pl.any_horizontal(pl.all())).alias(name)
    )[name]
