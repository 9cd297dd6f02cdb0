"""The base of every record: the common columns, and how a model comes to carry its rules."""

from __future__ import annotations

from typing import Any, ClassVar

import pandera.polars as pa
import polars as pl

from contracts.columns import Column, Instant, column, columns_of
from contracts.derived import derived_rules
from contracts.helpers import absent_helpers, helper_columns
from contracts.rules import Declaration, Rule, Scope

TS_QUALITY = {
    "SYSTEM": ("Satt av systemet", "Set by the system"),
    "MANUAL": ("Ført manuelt", "Entered by hand"),
    "IMPUTED": ("Beregnet eller antatt", "Computed or assumed"),
}


class Record(pa.DataFrameModel):  # type: ignore[misc]  # pandera is untyped here
    """Columns every record has: where it comes from, which version it is, when it was extracted."""

    _prefix: ClassVar[str]
    _declarations: ClassVar[tuple[Declaration, ...]]

    source_system: pl.String = column(
        "key",
        "System som raden kommer fra.",
        "System the row comes from.",
        required=True,
    )
    source_id: pl.String = column(
        "key",
        "Radens identifikator i kildesystemet.",
        "Identifier of the row in the source system.",
        required=True,
        privacy="identifier",
    )
    revision: pl.Int32 = column(
        "number",
        "Versjon av raden; den høyeste gjelder.",
        "Version of the row; the highest one is in force.",
        required=True,
        default=1,
        unit="1",
    )
    deleted: pl.Boolean = column(
        "flag",
        "Sann når kilden har slettet raden.",
        "True when the source has deleted the row.",
        required=True,
        default=False,
    )
    extract_at: Instant = column(
        "timestamp",
        "Når kilden tok uttrekket.",
        "When the source took the extract.",
        required=True,
        unit="UTC",
    )
    ts_quality: pl.String = column(
        "code",
        "Hvordan tidspunktene er satt.",
        "How the timestamps were set.",
        required=True,
        default="SYSTEM",
        codes=TS_QUALITY,
    )

    class Config:
        strict = True

    @classmethod
    def build_schema_(cls, **kwargs: Any) -> pa.DataFrameSchema:
        """The pandera schema: record columns, optional helper columns, one check per row rule."""
        plain = super().build_schema_(**kwargs)
        columns = columns_of(plain)
        helpers = helper_columns(columns.values())
        optional = {
            name: pa.Column(dtype, required=False, nullable=True, name=name)
            for name, dtype in helpers.items()
        }
        rules = rules_of(cls._prefix, columns, cls._declarations)
        schema = plain.add_columns(optional)
        schema.checks = [_check(rule, helpers) for rule in rules if rule.level == "row"]
        schema.metadata = {"rules": rules}
        return schema


def rules_of(
    prefix: str, columns: dict[str, Column], declarations: tuple[Declaration, ...]
) -> tuple[Rule, ...]:
    """All rules of a record: the generated ones, then the declared ones."""
    scope = Scope(prefix, columns)
    return (*derived_rules(scope), *(rule for declare in declarations for rule in declare(scope)))


def _check(rule: Rule, helpers: dict[str, pl.DataType]) -> pa.Check:
    """One rule as a pandera dataframe check named by its code.

    The check answers with a single boolean, not one per row: pandera then has no failing rows to
    join, sort out and put into its error, which would carry their values. Which rows fail is known
    from `evaluate`, by the same rule object.
    """

    def holds_everywhere(data: pa.PolarsData) -> bool:
        holds = rule.holds()
        present = data.lazyframe.collect_schema().names()
        needed = {name: helpers[name] for name in holds.meta.root_names() if name in helpers}
        answer = (
            data.lazyframe.with_columns(absent_helpers(needed, present))
            .select(holds.all(ignore_nulls=True))
            .collect()
            .item()
        )
        return bool(answer)

    return pa.Check(holds_everywhere, name=rule.code, error=rule.code)
