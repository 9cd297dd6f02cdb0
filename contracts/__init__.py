"""The shared data definitions: record types, their columns, code lists and coded rules."""

from __future__ import annotations

from contracts.alarm import ALARM
from contracts.call import CALL
from contracts.columns import Column
from contracts.contract import Contract
from contracts.enforcement import ContractBreach, enforce
from contracts.evaluation import Evaluation, evaluate
from contracts.files import FILE_RULES
from contracts.lat_readiness import LAT_READINESS
from contracts.lat_request import LAT_REQUEST
from contracts.lineage import LINEAGE, LINEAGE_COLUMNS
from contracts.rules import TIMING_KINDS, Rule
from contracts.video_session import VIDEO_SESSION

CONTRACTS: dict[str, Contract] = {
    contract.name: contract for contract in (CALL, ALARM, VIDEO_SESSION, LAT_REQUEST, LAT_READINESS)
}

__all__ = [
    "CONTRACTS",
    "FILE_RULES",
    "LINEAGE",
    "LINEAGE_COLUMNS",
    "TIMING_KINDS",
    "Column",
    "Contract",
    "ContractBreach",
    "Evaluation",
    "Rule",
    "enforce",
    "evaluate",
]
