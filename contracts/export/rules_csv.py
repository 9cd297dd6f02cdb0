"""The rule register as a dbt seed: what each code on a row or a receipt means."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from contracts.contract import Contract
from contracts.rules import Rule

HEADER = ("code", "contract", "level", "kind", "message_nb", "message_en")
FILE_CONTRACT = "file"


def rules_csv(contracts: Sequence[Contract], file_rules: Sequence[Rule]) -> str:
    """Every rule, those about whole files first."""
    rows = [(FILE_CONTRACT, rule) for rule in file_rules]
    rows += [(contract.name, rule) for contract in contracts for rule in contract.rules]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(
        (rule.code, contract, rule.level, rule.kind, rule.message_nb, rule.message_en)
        for contract, rule in rows
    )
    return text.getvalue()
