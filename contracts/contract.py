"""`Contract`: one record type with its columns and rules, as the rest of the system uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from contracts.columns import Column, columns_of
from contracts.helpers import helper_columns
from contracts.record import Record
from contracts.rules import Rule


@dataclass(frozen=True, eq=False)
class Contract:
    """A record type. Columns and rules are read from the model, never stated twice."""

    name: str
    title_nb: str
    title_en: str
    description_nb: str
    description_en: str
    anchor: Callable[[], pl.Expr]
    model: type[Record]
    # Semantic versioning: a new optional column raises the second number.
    version: str = "1.0.0"

    @property
    def prefix(self) -> str:
        """What every rule code of this contract starts with."""
        return self.model._prefix

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """The record columns by name, in order."""
        return columns_of(self.model.to_schema())

    @cached_property
    def helpers(self) -> Mapping[str, pl.DataType]:
        """The helper columns the intake may add before evaluation, with their types."""
        return helper_columns(self.columns.values())

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """All row and warning rules: the objects that the model's checks use too."""
        rules: tuple[Rule, ...] = self.model.to_schema().metadata["rules"]
        return rules

    @cached_property
    def row_rules(self) -> tuple[Rule, ...]:
        """Rules that send a row to quarantine."""
        return tuple(rule for rule in self.rules if rule.level == "row")

    @cached_property
    def warning_rules(self) -> tuple[Rule, ...]:
        """Rules that mark a row that is kept."""
        return tuple(rule for rule in self.rules if rule.level == "warning")

    @cached_property
    def polars_schema(self) -> dict[str, pl.DataType]:
        """Column name to polars type, for building frames."""
        return {name: column.dtype for name, column in self.columns.items()}

    def rule(self, code: str) -> Rule:
        """The rule with this code."""
        for rule in self.rules:
            if rule.code == code:
                return rule
        raise KeyError(code)
