"""The data dictionary: columns, code lists and rules of every record, in one language a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.columns import Column, Privacy
from contracts.contract import Contract
from contracts.export.types import type_names
from contracts.lineage import LINEAGE_COLUMNS
from contracts.rules import Level, Rule

Language = Literal["nb", "en"]


@dataclass(frozen=True)
class _Words:
    """The fixed text of a page."""

    title: str
    intro: str
    columns: str
    column_head: tuple[str, ...]
    codes: str
    code_head: tuple[str, ...]
    rules: str
    rule_head: tuple[str, ...]
    yes: str
    no: str
    files: str
    lineage: str
    lineage_intro: str
    prefix: str
    levels: dict[Level, str]
    privacy: dict[Privacy, str]


_WORDS: dict[Language, _Words] = {
    "nb": _Words(
        title="Datakatalog",
        intro="Laget av postmodellene i `contracts/`. Ikke rediger: kjør `akutt contract export`.\n"
        "Alle tidspunkter er UTC. En rad som bryter en radregel, går i karantene; en rad som\n"
        "bryter en varselregel, beholdes med koden på seg.",
        columns="Kolonner",
        column_head=("Kolonne", "Type", "Obligatorisk", "Enhet", "Personvern", "Beskrivelse"),
        codes="Kodelister",
        code_head=("Kolonne", "Kode", "Betydning"),
        rules="Regler",
        rule_head=("Kode", "Nivå", "Regelen er brutt når"),
        yes="ja",
        no="nei",
        files="Regler for hele filer",
        lineage="Sporingskolonner",
        lineage_intro="Innlastingen legger disse til hver rad i datasjøen.",
        prefix="Regelkodene begynner med",
        levels={"file": "fil", "row": "rad", "warning": "varsel"},
        privacy={
            "none": "ingen",
            "pseudonym": "pseudonym",
            "identifier": "identifikator",
            "indirect": "indirekte",
        },
    ),
    "en": _Words(
        title="Data dictionary",
        intro="Generated from the record models in `contracts/`. Do not edit: run\n"
        "`akutt contract export`. All timestamps are UTC. A row that breaks a row rule goes to\n"
        "quarantine; a row that breaks a warning rule is kept and carries the code.",
        columns="Columns",
        column_head=("Column", "Type", "Required", "Unit", "Privacy", "Description"),
        codes="Code lists",
        code_head=("Column", "Code", "Meaning"),
        rules="Rules",
        rule_head=("Code", "Level", "The rule is broken when"),
        yes="yes",
        no="no",
        files="Rules about whole files",
        lineage="Lineage columns",
        lineage_intro="The intake adds these to every row of the lake.",
        prefix="Rule codes start with",
        levels={"file": "file", "row": "row", "warning": "warning"},
        privacy={
            "none": "none",
            "pseudonym": "pseudonym",
            "identifier": "identifier",
            "indirect": "indirect",
        },
    ),
}


def dictionary(
    contracts: Sequence[Contract], file_rules: Sequence[Rule], language: Language
) -> str:
    """The whole dictionary page in one language."""
    words = _WORDS[language]
    parts = [f"# {words.title}", words.intro]
    for contract in contracts:
        parts += _contract(contract, language, words)
    parts += [
        f"## {words.lineage}",
        words.lineage_intro,
        _columns(LINEAGE_COLUMNS, language, words),
        f"## {words.files}",
        _rules(file_rules, language, words),
    ]
    return "\n\n".join(parts) + "\n"


def _contract(contract: Contract, language: Language, words: _Words) -> list[str]:
    nb = language == "nb"
    columns = tuple(contract.columns.values())
    return [
        f"## {contract.title_nb if nb else contract.title_en} (`{contract.name}`)",
        f"{contract.description_nb if nb else contract.description_en} "
        f"{words.prefix} `{contract.prefix}_`.",
        f"### {words.columns} (`{contract.name}`)",
        _columns(columns, language, words),
        f"### {words.codes} (`{contract.name}`)",
        _codes(columns, language, words),
        f"### {words.rules} (`{contract.name}`)",
        _rules(contract.rules, language, words),
    ]


def _columns(columns: Iterable[Column], language: Language, words: _Words) -> str:
    return _table(
        words.column_head,
        (
            (
                f"`{column.name}`",
                type_names(column.dtype).sql,
                words.yes if column.required else words.no,
                column.unit or "",
                words.privacy[column.privacy],
                column.description_nb if language == "nb" else column.description_en,
            )
            for column in columns
        ),
    )


def _codes(columns: Iterable[Column], language: Language, words: _Words) -> str:
    position = 0 if language == "nb" else 1
    return _table(
        words.code_head,
        (
            (f"`{column.name}`", f"`{code}`", labels[position])
            for column in columns
            for code, labels in (column.code_labels or {}).items()
        ),
    )


def _rules(rules: Iterable[Rule], language: Language, words: _Words) -> str:
    return _table(
        words.rule_head,
        (
            (
                f"`{rule.code}`",
                words.levels[rule.level],
                rule.message_nb if language == "nb" else rule.message_en,
            )
            for rule in rules
        ),
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
