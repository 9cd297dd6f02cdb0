"""Judge a frame by its contract: which rows are accepted, and which rules fail where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from contracts.contract import Contract
from contracts.helpers import absent_helpers
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
    failed = _failed(complete, contract.rules)
    masks = (
        complete.select(
            (~rule.holds().fill_null(True)).alias(rule.code) for rule in failed
        ).to_dict()
        if failed
        else {}
    )
    row_failures = {rule.code: masks[rule.code] for rule in failed if rule.level == "row"}
    return Evaluation(
        accepted_mask=_accepted(row_failures, frame.height),
        row_failures=row_failures,
        warnings={rule.code: masks[rule.code] for rule in failed if rule.level == "warning"},
    )


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
