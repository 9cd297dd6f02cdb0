"""dbt, run inside this process: a `dbt` command of its own would cost over ten seconds a run."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration import atomic, state
from orchestration.paths import DBT_PROJECT, Home
from orchestration.registers import registers_fingerprint, seeds_for_dbt

RawEvent = Mapping[str, Any]
# The events that say what became of a node; everything else dbt reports is not collected.
RESULT_EVENTS = frozenset({"LogModelResult", "LogSeedResult", "LogSnapshotResult", "LogTestResult"})
# Built after disclosure control, from what may be seen.
COMPARISON = "tag:comparison"
_NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
_NORMAL_LOAD = (
    *_NO_UNIT_TESTS,
    *("--exclude-resource-type", "seed"),
    *("--exclude", "tag:reference", "tag:expensive", COMPARISON),
)
_FULL_LOAD = ("--full-refresh", *_NO_UNIT_TESTS, "--exclude", COMPARISON)
_NORMAL_COMPARISON = (*_NO_UNIT_TESTS, "--select", COMPARISON, "--exclude", "tag:expensive")
_FULL_COMPARISON = ("--full-refresh", *_NO_UNIT_TESTS, "--select", COMPARISON)


class WarehouseError(RuntimeError):
    """dbt could not parse or build the project."""


@dataclass(frozen=True)
class BuildOutcome:
    """What a build came to. `failures` are the nodes whose error or failed test stops a release."""

    full_refresh: bool
    counts: Mapping[str, int]
    failures: Sequence[str] = ()
    warnings: Sequence[str] = ()
    seconds: float = 0.0
    slowest: Sequence[tuple[str, float]] = field(default_factory=tuple)


class Warehouse:
    """The dbt project of one home."""

    def __init__(
        self, home: Home, project_dir: Path = DBT_PROJECT, sources_dir: Path | None = None
    ) -> None:
        self._home = home
        self.project_dir = project_dir
        self._sources_dir = sources_dir
        self._seeds: tuple[str | None, Path] | None = None
        self._project: str | None = None
        self._parsed: Any = None
        self._preparation: threading.Thread | None = None

    @property
    def manifest_file(self) -> Path:
        return self._home.dbt_target / "manifest.json"

    def project(self) -> str:
        """The fingerprint of the dbt project, and of the installation's registers if any."""
        if self._project is None:
            self._project = state.tree_fingerprint(self.project_dir)
        own = registers_fingerprint(self._home.registers)
        return self._project if own is None else state.text_fingerprint(f"{self._project}\n{own}")

    def seeds(self) -> Path:
        """The folder of seeds that dbt reads, checked, with the installation's rows among them.

        Raises:
            RegisterError: a seed or a register of the installation is wrong.
        """
        from ingestion.sources.registry import read_sources

        project = self.project()
        if self._seeds is None or self._seeds[0] != project or not self._seeds[1].is_dir():
            folder = seeds_for_dbt(
                self.project_dir / "seeds",
                self._home.registers,
                read_sources(self._sources_dir, home=self._home),
                self._home.dbt_seeds,
            )
            self._seeds = (project, folder)
        return self._seeds[1]

    def is_fresh(self, lake: str) -> bool:
        """True when the warehouse holds every batch, built by this project, and nothing failed."""
        known = state.read_warehouse(self._home)
        return (
            self._home.warehouse.is_file()
            and (known.project, known.lake) == (self.project(), lake)
            and not known.failures
        )

    def manifest(self) -> dict[str, Any]:
        """The project as dbt sees it; parsed again only when the project has changed."""
        if not self._manifest_is_fresh():
            self._wait()
        if not self._manifest_is_fresh() or not self.manifest_file.is_file():
            self._stamp.unlink(missing_ok=True)
            self._parse()
        return dict(json.loads(self.manifest_file.read_text(encoding="utf-8")))

    def _wait(self) -> None:
        if self._preparation is not None and self._preparation is not threading.current_thread():
            self._preparation.join()

    def prepare(self) -> None:
        """Import dbt and parse the project on another thread, while the caller does other work.

        dbt takes seconds before the first statement; the intake does not need it in the meantime.
        """
        if self._preparation is None:
            self._preparation = threading.Thread(target=self._prepare, name="dbt", daemon=True)
            self._preparation.start()

    def _prepare(self) -> None:
        # What goes wrong here goes wrong again, and is reported, when dbt is really called.
        with suppress(Exception):
            self._parse()

    def _parse(self) -> None:
        """Parse, and write the manifest when the one on disk is not of this project."""
        if self._manifest_is_fresh():
            self._parsed = self._invoke("parse", "--no-write-json")
        else:
            self._stamp.unlink(missing_ok=True)
            self._parsed = self._invoke("parse")
            atomic.write_text(self._stamp, self.project())

    def _manifest_is_fresh(self) -> bool:
        with suppress(OSError):
            return self._stamp.read_text(encoding="utf-8") == self.project()
        return False

    def compiled(self, model: str) -> str:
        """The SQL of a model as it was last built."""
        (path,) = (self._home.dbt_target / "compiled").rglob(f"{model}.sql")
        return path.read_text(encoding="utf-8")

    @property
    def _stamp(self) -> Path:
        return self._home.dbt_target / "manifest.project"

    def build(
        self,
        lake: str,
        *,
        on_event: Callable[[RawEvent], None] | None = None,
        select: Sequence[str] = (),
    ) -> BuildOutcome:
        """Load what is new, or everything when the project has changed since the last build.

        The models that compare figures are left to `compare`, after disclosure control.
        `select` builds a part of the project by hand; the state of the whole then stays unknown.
        """
        known = state.read_warehouse(self._home)
        full = not self._home.warehouse.is_file() or known.project != self.project()
        project = None if full else known.project
        state.write_warehouse(self._home, state.WarehouseState(project=project))
        arguments = (*(("--full-refresh",) if full else ()), *select) if select else ()
        result = self._invoke(
            "build",
            "--no-write-json",
            *(arguments or (_FULL_LOAD if full else _NORMAL_LOAD)),
            on_event=on_event,
        )
        outcome = _outcome(result, full_refresh=full)
        if not select:
            state.write_warehouse(
                self._home,
                state.WarehouseState(
                    project=self.project() if not outcome.failures else project,
                    lake=lake,
                    failures=list(outcome.failures),
                    warnings=list(outcome.warnings),
                ),
            )
        return outcome

    def compare(
        self,
        *,
        full: bool,
        on_event: Callable[[RawEvent], None] | None = None,
        select: Sequence[str] = (),
    ) -> BuildOutcome:
        """Build what is made from releasable figures; all its tests too when `full`."""
        arguments = (*(("--full-refresh",) if full else ()), *select) if select else ()
        result = self._invoke(
            "build",
            "--no-write-json",
            *(arguments or (_FULL_COMPARISON if full else _NORMAL_COMPARISON)),
            on_event=on_event,
        )
        return _outcome(result, full_refresh=full)

    def _invoke(
        self, command: str, *arguments: str, on_event: Callable[[RawEvent], None] | None = None
    ) -> Any:
        self._wait()
        from dbt.cli.main import dbtRunner
        from dbt_common.events.functions import msg_to_dict

        os.environ.update(self.environment())
        self._home.warehouse.parent.mkdir(parents=True, exist_ok=True)
        callbacks = []
        if on_event is not None:
            callbacks.append(
                lambda event: (
                    on_event(msg_to_dict(event)) if event.info.name in RESULT_EVENTS else None
                )
            )
        outcome = dbtRunner(manifest=self._parsed, callbacks=callbacks).invoke(
            [
                *("--quiet", "--no-use-colors", "--log-level-file", "info"),
                command,
                *self.flags(),
                *arguments,
            ]
        )
        _close_connections()
        if outcome.exception is not None:
            raise WarehouseError(f"dbt {command}: {outcome.exception}") from outcome.exception
        return outcome.result

    def environment(self) -> dict[str, str]:
        """What the project reads from the environment.

        Raises:
            RegisterError: a seed or a register of the installation is wrong.
        """
        seeds = self.seeds()
        own = self.project_dir / "seeds"
        return {
            "AKUTT_WAREHOUSE": str(self._home.warehouse),
            "AKUTT_SEEDS": "seeds" if seeds == own else str(seeds),
            "DO_NOT_TRACK": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }

    def flags(self) -> list[str]:
        """The flags that every command needs; the same each time, or dbt parses anew."""
        return [
            *("--project-dir", str(self.project_dir)),
            *("--profiles-dir", str(self.project_dir)),
            *("--target-path", str(self._home.dbt_target)),
            *("--log-path", str(self._home.logs)),
            *("--vars", json.dumps({"lake_path": str(self._home.lake)})),
        ]


def _outcome(result: Any, *, full_refresh: bool) -> BuildOutcome:
    counts: dict[str, int] = {}
    failures, warnings, times = [], [], []
    for item in result.results:
        status = str(item.status)
        name = str(item.node.name)
        counts[status] = counts.get(status, 0) + 1
        times.append((name, float(item.execution_time)))
        if status in ("error", "fail", "runtime error"):
            failures.append(f"{name}: {' '.join(str(item.message).split())}")
        elif status == "warn":
            warnings.append(f"{name}: {' '.join(str(item.message).split())}")
    return BuildOutcome(
        full_refresh=full_refresh,
        counts=counts,
        failures=tuple(failures),
        warnings=tuple(warnings),
        seconds=float(result.elapsed_time),
        slowest=tuple(sorted(times, key=lambda pair: -pair[1])[:5]),
    )


def _close_connections() -> None:
    """Let go of the warehouse file: dbt-duckdb keeps it open for the life of the process."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()
