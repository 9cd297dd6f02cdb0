"""Registers: units, areas and coverage, the project's seeds and an installation's own rows.

`AKUTT_HOME/registers/NAME.csv` has the columns of the seed NAME. A row there is added to the
seed's, or takes the place of the one with the same key. Both are validated together before dbt sees
them.
"""

from orchestration.registers.files import Problem, Table
from orchestration.registers.merge import (
    Examined,
    RegisterError,
    examine,
    registers_fingerprint,
    seeds_for_dbt,
)
from orchestration.registers.tables import REGISTERS, Register

__all__ = [
    "REGISTERS",
    "Examined",
    "Problem",
    "Register",
    "RegisterError",
    "Table",
    "examine",
    "registers_fingerprint",
    "seeds_for_dbt",
]
