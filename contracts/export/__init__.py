"""Files generated from the record models, committed, and checked for drift.

`render_all` is pure; `write_all` and `drift` are the only parts that touch the disk.
"""

from __future__ import annotations

from pathlib import Path

from contracts import CONTRACTS, FILE_RULES
from contracts.export.dbt import dbt_source
from contracts.export.dictionary import dictionary
from contracts.export.json_schema import json_schema
from contracts.export.odcs import odcs
from contracts.export.readiness import readiness_macro
from contracts.export.rules_csv import rules_csv

EXPORTS = "contracts/exports"
RULES_SEED = "dbt_project/seeds/contract_rules.csv"
READINESS_MACRO = "dbt_project/macros/readiness_fields.sql"


def render_all() -> dict[str, str]:
    """Every generated file as text, by its path in the repository."""
    contracts = tuple(CONTRACTS.values())
    files = {}
    for contract in contracts:
        files[f"{EXPORTS}/odcs/{contract.name}.odcs.yaml"] = odcs(contract)
        files[f"{EXPORTS}/json_schema/{contract.name}.schema.json"] = json_schema(contract)
        files[f"{EXPORTS}/dbt/{contract.name}.yml"] = dbt_source(contract)
    files[f"{EXPORTS}/dictionary.nb.md"] = dictionary(contracts, FILE_RULES, "nb")
    files[f"{EXPORTS}/dictionary.en.md"] = dictionary(contracts, FILE_RULES, "en")
    files[RULES_SEED] = rules_csv(contracts, FILE_RULES)
    files[READINESS_MACRO] = readiness_macro(contracts)
    return files


def write_all(root: Path) -> list[Path]:
    """Write every generated file under the repository root, and remove those no longer made."""
    files = render_all()
    for path in _stale(root, files):
        path.unlink()
    written = []
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written


def drift(root: Path) -> list[str]:
    """One line for each committed file that is absent, differs from the models, or is left over."""
    files = render_all()
    found = []
    for name, text in files.items():
        path = root / name
        if not path.is_file():
            found.append(f"{name}: mangler / missing")
        elif path.read_bytes() != text.encode("utf-8"):
            found.append(f"{name}: avviker fra kontraktene / differs from the contracts")
    found += [
        f"{path.relative_to(root).as_posix()}: lages ikke lenger / no longer generated"
        for path in _stale(root, files)
    ]
    return found


def _stale(root: Path, files: dict[str, str]) -> list[Path]:
    return sorted(
        path
        for path in (root / EXPORTS).rglob("*")
        if path.is_file() and path.relative_to(root).as_posix() not in files
    )
