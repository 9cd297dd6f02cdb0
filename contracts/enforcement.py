"""The gate before the lake: the accepted frame must satisfy its pandera model in full."""

from __future__ import annotations

import polars as pl
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaError, SchemaErrorReason

from contracts.contract import Contract
from contracts.lineage import LINEAGE

_COLUMN_REASONS = (
    SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME,
    SchemaErrorReason.COLUMN_NOT_IN_SCHEMA,
)


class ContractBreach(Exception):
    """Rows that were accepted do not satisfy the contract.

    Names the contract and the first finding (a rule code, or a column and what is wrong with it),
    never a value.
    """

    def __init__(self, contract: str, finding: str) -> None:
        self.contract = contract
        self.finding = finding
        super().__init__(
            f"Aksepterte rader bryter kontrakten {contract}: {finding} / "
            f"Accepted rows break the contract {contract}: {finding}"
        )


def enforce(contract: Contract, accepted: pl.DataFrame) -> None:
    """Validate an eager frame with the model; lineage columns are set aside first.

    Raises `ContractBreach`. Stops at the first finding: rows that `evaluate` accepted break the
    contract only when something is wrong with the intake itself.
    """
    if not isinstance(accepted, pl.DataFrame):
        raise TypeError("enforce needs an eager frame: pandera does not check values lazily")
    finding = _first_finding(contract, accepted.drop(LINEAGE, strict=False))
    # Raised here and not where it is caught: pandera's own error carries the failing values.
    if finding is not None:
        raise ContractBreach(contract.name, finding)


def _first_finding(contract: Contract, records: pl.DataFrame) -> str | None:
    # Depth is set because an environment variable could otherwise turn the gate off.
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        try:
            contract.model.validate(records)
        except SchemaError as error:
            return _name(error)
    return None


def _name(error: SchemaError) -> str:
    check = getattr(error.check, "name", None) or str(error.check)
    column = error.column_name
    if error.reason_code in _COLUMN_REASONS:
        # The one case where pandera's failure case is a column name and not a value.
        column = str(error.failure_cases)
    return f"{column}: {check}" if column else str(check)
