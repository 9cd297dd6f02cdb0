"""The rule register as a dbt seed: what each code on a row or a receipt means."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from contracts.contract import Contract
from contracts.export.readiness import WHOLE_ROW, field_of_rule
from contracts.rules import Rule

HEADER = ("code", "contract", "level", "kind", "field", "message_nb", "message_en")
FILE_CONTRACT = "file"


def rules_csv(contracts: Sequence[Contract], file_rules: Sequence[Rule]) -> str:
    """Every rule, those about whole files first."""
    rows = [(FILE_CONTRACT, WHOLE_ROW, rule) for rule in file_rules]
    rows += [
        (contract.name, field_of_rule(contract, rule.code), rule)
        for contract in contracts
        for rule in contract.rules
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(
        (rule.code, contract, rule.level, rule.kind, field, rule.message_nb, rule.message_en)
        for contract, field, rule in rows
    )
    return text.getvalue()
