"""Starting the Great Expectations process, giving it the profile, and reading its result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from orchestration import atomic
from orchestration.paths import Home
from orchestration.quality.profile import profiles
from orchestration.quality.suites import DEFAULT_FILE, RECONCILIATION, Suites, load_suites
from orchestration.state import file_fingerprint

_TIMEOUT_SECONDS = 600


class QualityError(RuntimeError):
    """The checkpoint could not be run."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one expectation on one source."""

    suite: str
    name: str
    blocking: bool
    success: bool
    column: str
    days_looked_at: int
    days_unexpected: int
    examples: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None

    @property
    def sentence(self) -> str:
        """One line for people."""
        days = f"{self.days_unexpected} av / of {self.days_looked_at} dager / days"
        shown = "; ".join(
            f"{example['delivered_on']}: {example.get(self.column)}" for example in self.examples
        )
        return f"{self.suite}.{self.name}: {self.error or days}" + (f" ({shown})" if shown else "")


@dataclass(frozen=True)
class Quality:
    """The result of one checkpoint."""

    findings: list[Finding]
    docs: Path

    @property
    def failed(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.success]

    @property
    def blocking(self) -> list[Finding]:
        return [finding for finding in self.failed if finding.blocking]

    def told(self) -> Iterator[str]:
        """What was expected and is not so: name, what it says, and the sources it is about."""
        suites = load_suites()
        texts = {item.name: item for item in (*suites.every_source, *suites.reconciliation)}
        about: dict[str, list[str]] = {}
        for finding in self.failed:
            about.setdefault(finding.name, []).append(finding.suite)
        for name, sources in about.items():
            item = texts.get(name)
            said = f" ({item.text_nb} / {item.text})" if item is not None else ""
            yield f"{name}{said}: {', '.join(sources)}"


class Checkpoint:
    """The checkpoint of one home. `start` early, `result` when the intake is done."""

    def __init__(self, home: Home, suites_file: Path = DEFAULT_FILE) -> None:
        self._home = home
        self._suites_file = suites_file
        self._process: subprocess.Popen[str] | None = None
        self._asked_for: str | None = None

    @property
    def docs(self) -> Path:
        """The folder of Data Docs."""
        return self._home.gx / "data_docs"

    @property
    def _result_file(self) -> Path:
        return self._home.gx / "result.json"

    def start(self) -> None:
        """Let the process import its libraries while other work goes on."""
        if self._process is not None:
            return
        self._home.logs.mkdir(parents=True, exist_ok=True)
        self._home.gx.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"GX_ANALYTICS_ENABLED": "False"}
        # The key is not this process's business.
        environment.pop("AKUTT_PSEUDONYM_KEY", None)
        with (self._home.logs / "quality.log").open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "orchestration.quality.worker"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                text=True,
            )

    def known(self, lake: str) -> Quality | None:
        """The result for this state of the lake, when the checkpoint has already been run on it."""
        answer = atomic.read_json(self._result_file)
        if not isinstance(answer, dict) or not self.docs.is_dir():
            return None
        if (answer.get("lake"), answer.get("suites")) != (lake, self._suites()):
            return None
        return Quality([Finding(**item) for item in answer["results"]], self.docs)

    def ask(self, lake: str, receipts: pl.DataFrame) -> None:
        """Send the profile; the process works on while the caller does something else."""
        if self._asked_for == lake or self.known(lake) is not None:
            return
        self.start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        # Through a file: a pipe would make this process wait until the other has imported.
        request = self._home.gx / "request.json"
        request.write_text(json.dumps(self._request(lake, receipts), default=str), encoding="utf-8")
        try:
            process.stdin.write(str(request))
            process.stdin.close()
        except BrokenPipeError as error:
            raise self._failed(process) from error
        self._asked_for = lake

    def result(self, lake: str, receipts: pl.DataFrame) -> Quality:
        """The result for this state of the lake; waits for it, or runs the checkpoint now."""
        known = self.known(lake)
        if known is not None:
            return known
        self.ask(lake, receipts)
        process = self._process
        assert process is not None
        try:
            process.wait(timeout=_TIMEOUT_SECONDS)
        finally:
            self.stop()
        found = self.known(lake)
        if process.returncode != 0 or found is None:
            raise self._failed(process)
        return found

    def stop(self) -> None:
        """End the process, also when it was never asked."""
        process, self._process, self._asked_for = self._process, None, None
        if process is None:
            return
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()
        if process.poll() is None:
            process.kill()
        process.wait()

    def _suites(self) -> str:
        return file_fingerprint(self._suites_file, Path(__file__).with_name("profile.py"))

    def _request(self, lake: str, receipts: pl.DataFrame) -> dict[str, Any]:
        suites = load_suites(self._suites_file)
        frames = profiles(receipts, suites)
        return {
            "docs": str(self.docs),
            "result": str(self._result_file),
            "answer": {"lake": lake, "suites": self._suites()},
            "frames": {
                name: {
                    "columns": frame.columns,
                    "rows": frame.rows(),
                    "expectations": [item.describe() for item in _expected(name, suites)],
                }
                for name, frame in frames.items()
            },
        }

    def _failed(self, process: subprocess.Popen[str]) -> QualityError:
        log = self._home.logs / "quality.log"
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        return QualityError(
            f"Great Expectations ended with status {process.poll()}; see {log}: " + " | ".join(tail)
        )


def _expected(name: str, suites: Suites) -> list[Any]:
    return list(suites.reconciliation if name == RECONCILIATION else suites.of_source(name))
