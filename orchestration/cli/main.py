"""The `akutt` command: a root that loads each group of commands only when it is called.

Importing Dagster, dbt or Great Expectations takes seconds; `akutt --help` must not.
"""

from __future__ import annotations

import atexit
import importlib
import os
import sys
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup


@dataclass(frozen=True)
class LazyCommand:
    """Where a command lives and the one line that the root help prints for it."""

    module: str
    help: str


COMMANDS: dict[str, LazyCommand] = {
    "demo": LazyCommand(
        "orchestration.cli.demo", "Generate three months, run everything, show KPIs."
    ),
    "run": LazyCommand("orchestration.cli.run", "Everything pending, from inbox to release."),
    "generate": LazyCommand("orchestration.cli.generate", "Write synthetic national extracts."),
    "ingest": LazyCommand("orchestration.cli.ingest", "Take pending files into the lake."),
    "source": LazyCommand("orchestration.cli.source", "List, check and draft source files."),
    "unit": LazyCommand("orchestration.cli.unit", "Add and check units, areas and coverage."),
    "contract": LazyCommand("orchestration.cli.contract", "Show and export the data contracts."),
    "geography": LazyCommand("orchestration.cli.geography", "Load KOSTRA groups from KLASS."),
    "quarantine": LazyCommand("orchestration.cli.quarantine", "See, export and replay rejects."),
    "lake": LazyCommand("orchestration.cli.lake", "Take back or read again what was accepted."),
    "kpi": LazyCommand("orchestration.cli.kpi", "Query released KPIs and their definitions."),
    "readiness": LazyCommand("orchestration.cli.readiness", "Grades and findings per source."),
    "reconcile": LazyCommand("orchestration.cli.reconcile", "Published figures beside ours."),
    "sql": LazyCommand("orchestration.cli.sql", "Your own SQL on a release, read-only."),
    "release": LazyCommand(
        "orchestration.cli.release", "List, show, verify, export, roll back releases."
    ),
    "serve": LazyCommand("orchestration.cli.serve", "Pages of the release in a browser."),
    "site": LazyCommand("orchestration.cli.site", "The same pages as a folder of files."),
    "report": LazyCommand("orchestration.cli.report", "A unit's report for the board: PDF, DOCX."),
    "digest": LazyCommand(
        "orchestration.cli.digest", "Per unit what became a signal since the last release."
    ),
    "privacy": LazyCommand(
        "orchestration.cli.privacy", "A draft for the DPIA and the risk analysis: DOCX, Markdown."
    ),
    "docs": LazyCommand("orchestration.cli.docs", "Build the documentation and dictionaries."),
    "status": LazyCommand(
        "orchestration.cli.status", "Releases, pending files, the last run, alarms per source."
    ),
    "backup": LazyCommand(
        "orchestration.cli.backup", "Copy what cannot be made again; list the copies."
    ),
    "restore": LazyCommand("orchestration.cli.restore", "Check a copy, or put it back."),
    "doctor": LazyCommand("orchestration.cli.doctor", "Say what is missing or wrong here."),
}


class LazyGroup(TyperGroup):
    """A group whose sub-commands are imported on first use."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        command = typer.main.get_command(importlib.import_module(lazy.module).app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])

    def format_help(self, ctx: Any, formatter: Any) -> None:
        # Typer's rich help would import every command to print one line of each.
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_options(ctx, formatter)


app = typer.Typer(
    cls=LazyGroup,
    name="akutt",
    help="Akuttkjede: one warehouse for the emergency chain. AKUTT_HOME (default ./data) holds "
    "everything that is written.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def root() -> None:
    """Akuttkjede: one warehouse for the emergency chain."""


def main() -> None:
    """Entry point of the `akutt` script."""
    for stream in (sys.stdout, sys.stderr):
        # Norwegian text must not fail where the terminal's code page is narrow.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        app()
    except SystemExit as ended:
        if "dagster" in sys.modules and isinstance(ended.code, int | None):
            _end_at_once(ended.code or 0)
        raise


def _end_at_once(status: int) -> None:
    """End the process without taking its objects apart.

    After Dagster and dbt there are millions of them, which the interpreter spends seconds on.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
