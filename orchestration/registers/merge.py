"""The seeds that dbt reads: the project's, or with an installation's own rows among them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import atomic, state
from orchestration.registers.files import Problem, Row, Table, csv_text, read_rows
from orchestration.registers.rules import check
from orchestration.registers.tables import REGISTERS, Register

if TYPE_CHECKING:
    from ingestion.sources.registry import Sources

_SHOWN = 20


class RegisterError(RuntimeError):
    """Registers that cannot be used; the message names every file and row."""

    def __init__(self, problems: list[Problem]) -> None:
        lines = [f"  - {problem}" for problem in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            lines.append(f"  … {len(problems) - _SHOWN} til / more: akutt unit check")
        super().__init__(
            "Registrene kan ikke brukes / the registers cannot be used:\n" + "\n".join(lines)
        )
        self.problems = problems


@dataclass(frozen=True)
class Examined:
    """The registers of an installation, and what is wrong in them."""

    tables: Mapping[str, Table]
    problems: list[Problem]


def examine(
    seeds: Path,
    registers: Path,
    sources: Sources,
    more: Mapping[str, list[dict[str, str | None]]] | None = None,
) -> Examined:
    """Read the seeds and an installation's own rows, and check them together.

    Args:
        seeds: the project's seeds.
        registers: the installation's folder; it need not exist.
        sources: the sources that coverage may name.
        more: rows per register to try, as if they stood last in the installation's file, in the
            place of its rows with their key where those are counts.
    """
    tables: dict[str, Table] = {}
    problems = _strangers(registers)
    for name, register in REGISTERS.items():
        columns, rows, wrong = read_rows(seeds / f"{name}.csv", f"seeds/{name}.csv", own=False)
        problems += wrong
        own: list[Row] = []
        path = registers / f"{name}.csv"
        if path.is_file():
            _, own, wrong = read_rows(path, _label(name), own=True, columns=columns)
            problems += wrong
        line = max((row.line for row in own), default=1)
        for offset, values in enumerate((more or {}).get(name, []), start=1):
            full = {column: values.get(column) for column in columns}
            own.append(Row(_label(name), line + offset, full, True))
        for row in own:
            for column, value in register.defaults.items():
                row.values[column] = row.values.get(column) or value
        tables[name] = _merged(columns, register, rows, own, line)
    if not problems:
        contracts = {name: spec.contract for name, spec in sources.specs.items()}
        problems = check(tables, contracts, frozenset(sources.skipped_names))
    return Examined(tables, problems)


def _label(name: str) -> str:
    return f"AKUTT_HOME/registers/{name}.csv"


def _strangers(registers: Path) -> list[Problem]:
    known = ", ".join(REGISTERS)
    return [
        Problem(
            f"AKUTT_HOME/registers/{path.name}",
            None,
            None,
            "REGISTER_UNKNOWN",
            f"er ikke et register; de heter {known}",
            f"is no register; they are {known}",
        )
        for path in sorted(registers.glob("*.csv"))
        if path.stem not in REGISTERS
    ]


def _merged(
    columns: tuple[str, ...], register: Register, rows: list[Row], own: list[Row], last: int
) -> Table:
    """Own rows in the place of the seed's, and those to be added, below line `last`, of both."""

    def of(row: Row) -> tuple[str | None, ...]:
        return tuple(row.values.get(column) for column in register.key)

    added = {of(row) for row in own if row.line > last and register.counted}
    mine = {of(row) for row in own}
    seeds = [row for row in rows if of(row) in mine]
    corrected = [row for row in own if row.line <= last and of(row) in added]
    kept = [row for row in rows if of(row) not in mine]
    kept += [row for row in own if row not in corrected]
    return Table(columns, kept, [*seeds, *corrected])


def registers_fingerprint(registers: Path) -> str | None:
    """The content of an installation's registers; None when it has none."""
    files = sorted(registers.glob("*.csv"))
    if not files:
        return None
    names = ",".join(path.name for path in files)
    return f"{names}:{state.file_fingerprint(*files)}"


def seeds_for_dbt(seeds: Path, registers: Path, sources: Sources, work: Path) -> Path:
    """The folder of seeds to build from.

    That is the project's own, when the installation has no rows. Else it is a folder below `work`
    named by its content, which is written once and never changes.

    Raises:
        RegisterError: a seed or a register is wrong.
    """
    if not (seeds / "units.csv").is_file():
        return seeds  # a project without these registers
    found = examine(seeds, registers, sources)
    if found.problems:
        raise RegisterError(found.problems)
    if registers_fingerprint(registers) is None:
        return seeds
    merged = {
        f"{name}.csv": csv_text(table.columns, (row.values for row in table.rows))
        for name, table in found.tables.items()
        if table.own
    }
    own = "\n".join(f"{name}\n{text}" for name, text in sorted(merged.items()))
    target = work / state.text_fingerprint(f"{state.tree_fingerprint(seeds)}\n{own}")[:12]
    if not target.is_dir():
        _write(seeds, merged, target)
    return target


def _write(seeds: Path, merged: Mapping[str, str], target: Path) -> None:
    aside = target.with_name(f".{target.name}-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(seeds, aside)
    for name, text in merged.items():
        (aside / name).write_text(text, "utf-8")
    # What was merged before is of no more use.
    for old in target.parent.iterdir():
        if old != aside:
            shutil.rmtree(old, ignore_errors=True)
    atomic.replace(aside, target)
