"""The gate before the lake: the accepted frame must satisfy its pandera model in full."""

from __future__ import annotations

import polars as pl
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaErrors

from contracts.contract import Contract
from contracts.lineage import LINEAGE


class ContractBreach(Exception):
    """Rows that were accepted do not satisfy the contract.

    Names the contract and what failed (rule codes or column findings), never a value.
    """

    def __init__(self, contract: str, findings: tuple[str, ...]) -> None:
        self.contract = contract
        self.findings = findings
        listed = ", ".join(findings)
        super().__init__(
            f"Aksepterte rader bryter kontrakten {contract}: {listed} / "
            f"Accepted rows break the contract {contract}: {listed}"
        )


def enforce(contract: Contract, accepted: pl.DataFrame) -> None:
    """Validate an eager frame with the model; lineage columns are set aside first.

    Depth is set here because pandera silently checks the schema alone on lazy frames, and because
    an environment variable could otherwise turn the gate off.
    """
    if not isinstance(accepted, pl.DataFrame):
        raise TypeError("enforce needs an eager frame: pandera does not check values lazily")
    records = accepted.drop(LINEAGE, strict=False)
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        try:
            contract.model.validate(records, lazy=True)
        except SchemaErrors as breach:
            # `from None`: pandera's own error carries the failing values.
            raise ContractBreach(contract.name, _findings(breach)) from None


def _findings(breach: SchemaErrors) -> tuple[str, ...]:
    found = dict.fromkeys(_finding(error) for error in breach.schema_errors)
    return tuple(found)


def _finding(error: object) -> str:
    check = getattr(error, "check", None)
    name = getattr(check, "name", None) or str(check)
    column = getattr(error, "column_name", None)
    return f"{column}: {name}" if column else str(name)
