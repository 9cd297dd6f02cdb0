"""What became of files, as data with stable fields: the `--format json` of intake commands.

    {"files": [{"file", "source", "rows_read", "accepted", "rejected", "exact_duplicates", "status",
                "refusal": null | {"code", "message_nb", "message_en", "detail_nb", "detail_en"},
                "findings": [{"code", "level", "rows", "first_row", "message_nb", "message_en",
                              "columns",
                              "examples": [{"row", "columns", "values", "note_nb", "note_en"}]}],
                "unknown_codes": [{"column", "raw", "value", "rows"}], "more_codes"}],
     "skipped_sources": [{"source", "file", "problems"}],
     "repeats": {source: [file whose content was taken in before]}}

Fields are only added, never renamed or taken away. Values are masked as in the tables. The codes
are of a dry run alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ingestion.check import CheckResult
    from ingestion.errors import SourceFileError


_HIDDEN_NB = "Raden er vurdert uten teksten, som er erstattet med •••."
_HIDDEN_EN = "The row was judged without the text, which is replaced by •••."


class OutputFormat(StrEnum):
    """How a command says what it found."""

    TABLE = "table"
    JSON = "json"


def account(counts: Any) -> str:
    """What became of the rows that were read, in a sentence.

    Args:
        counts: a receipt or a report: whatever counts rows.
    """
    from reporting.numbers import spaced

    return (
        f"{spaced(counts.rows_read)} rader lest / rows read = "
        f"{spaced(counts.accepted)} godtatt / accepted + "
        f"{spaced(counts.rejected)} avvist / rejected + "
        f"{spaced(counts.exact_duplicates)} helt like / exact duplicates"
    )


def file_outcome(receipt: Mapping[str, Any], checked: CheckResult | None = None) -> dict[str, Any]:
    """One file, from its receipt and what a dry run found in its rows."""
    from ingestion.personal import OPTIONAL as HIDDEN_TEXTS

    examples = checked.findings if checked is not None else []
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
            if name in HIDDEN_TEXTS:
                nb, en = f"{nb} {_HIDDEN_NB}", f"{en} {_HIDDEN_EN}"
            findings.append(
                {
                    "code": name,
                    "level": level,
                    "rows": rows,
                    "first_row": receipt["first_rows"].get(name),
                    "columns": receipt.get("warning_columns", {}).get(name, {}),
                    "message_nb": nb,
                    "message_en": en,
                    "examples": [
                        {
                            "row": item.row,
                            "columns": item.columns,
                            "values": _values(item.values),
                            "note_nb": item.note_nb,
                            "note_en": item.note_en,
                        }
                        for item in examples
                        if item.code == name
                    ],
                }
            )
    outcome = {
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
    if checked is not None:
        outcome["unknown_codes"] = [asdict(code) for code in checked.unknown_codes]
        outcome["more_codes"] = checked.more_codes
    return outcome


def print_outcomes(
    files: Sequence[Mapping[str, Any]],
    skipped: Iterable[SourceFileError] = (),
    repeats: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """The whole answer on stdout, and nothing else."""
    sources = [
        {"source": error.path.stem, "file": str(error.path), "problems": error.problems}
        for error in skipped
    ]
    answer = {"files": list(files), "skipped_sources": sources, "repeats": dict(repeats or {})}
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
