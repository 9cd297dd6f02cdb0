"""dbt source properties: the columns of a lake table with type and description.

No data tests are attached: the intake has judged every row, and a test on the source would read
all of history at each run.
"""

from __future__ import annotations

from typing import Any

from contracts.columns import Column
from contracts.contract import Contract
from contracts.export.types import type_names
from contracts.export.yaml_text import yaml_text
from contracts.lineage import LINEAGE_COLUMNS


def dbt_source(contract: Contract) -> str:
    """The lake table of a contract as dbt source YAML."""
    columns = (*contract.columns.values(), *LINEAGE_COLUMNS)
    return yaml_text(
        {
            "version": 2,
            "sources": [
                {
                    "name": "lake",
                    "tables": [
                        {
                            "name": contract.name,
                            "description": f"{contract.description_en} / {contract.description_nb}",
                            "columns": [_column(column) for column in columns],
                        }
                    ],
                }
            ],
        }
    )


def _column(column: Column) -> dict[str, Any]:
    meta: dict[str, Any] = {"privacy": column.privacy, "required": column.required}
    if column.unit is not None:
        meta["unit"] = column.unit
    if column.codes is not None:
        meta["codes"] = list(column.codes)
    return {
        "name": column.name,
        "data_type": type_names(column.dtype).sql,
        "description": f"{column.description_en} / {column.description_nb}",
        "config": {"meta": meta},
    }
