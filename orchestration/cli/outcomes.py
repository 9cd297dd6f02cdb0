"""What became of files, as data with stable fields: the `--format json` of intake commands.

    {"files": [{"file", "source", "rows_read", "accepted", "rejected", "exact_duplicates", "status",
                "refusal": null | {"code", "message_nb", "message_en", "detail_nb", "detail_en"},
                "findings": [{"code", "level", "rows", "first_row", "message_nb", "message_en",
                              "examples": [{"row", "columns", "values"}]}]}],
     "skipped_sources": [{"source", "file", "problems"}]}

Fields are only added, never renamed or taken away. Values in examples are masked as in the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ingestion.check import Finding
    from ingestion.errors import SourceFileError


class OutputFormat(StrEnum):
    """How a command says what it found."""

    TABLE = "table"
    JSON = "json"


def file_outcome(receipt: Mapping[str, Any], examples: Sequence[Finding] = ()) -> dict[str, Any]:
    """One file, from its receipt and the rows that a dry run found."""
    code = receipt["refusal_code"]
    messages = _messages(receipt["contract"])
    refusal = None
    if code:
        nb, en = messages.get(code, ("", ""))
        refusal = {
            "code": code,
            "message_nb": nb,
            "message_en": en,
            "detail_nb": receipt.get("refusal_nb"),
            "detail_en": receipt.get("refusal_en"),
        }
    findings = []
    for level, tally in (("row", receipt["rejections"]), ("warning", receipt["warnings"])):
        for name, rows in sorted(tally.items(), key=lambda item: (-item[1], item[0])):
            nb, en = messages.get(name, ("", ""))
            findings.append(
                {
                    "code": name,
                    "level": level,
                    "rows": rows,
                    "first_row": receipt["first_rows"].get(name),
                    "message_nb": nb,
                    "message_en": en,
                    "examples": [
                        {"row": item.row, "columns": item.columns, "values": _values(item.values)}
                        for item in examples
                        if item.code == name
                    ],
                }
            )
    return {
        "file": receipt["file_name"],
        "source": receipt["source"],
        "rows_read": receipt["rows_read"],
        "accepted": receipt["accepted"],
        "rejected": receipt["rejected"],
        "exact_duplicates": receipt["exact_duplicates"],
        "status": receipt["status"],
        "refusal": refusal,
        "findings": findings,
    }


def print_outcomes(
    files: Sequence[Mapping[str, Any]], skipped: Iterable[SourceFileError] = ()
) -> None:
    """The whole answer on stdout, and nothing else."""
    sources = [
        {"source": error.path.stem, "file": str(error.path), "problems": error.problems}
        for error in skipped
    ]
    answer = {"files": list(files), "skipped_sources": sources}
    typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))


def _messages(contract: str) -> dict[str, tuple[str, str]]:
    from contracts import CONTRACTS, FILE_RULES

    rules = (*FILE_RULES, *CONTRACTS[contract].rules)
    return {rule.code: (rule.message_nb, rule.message_en) for rule in rules}


def _values(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
