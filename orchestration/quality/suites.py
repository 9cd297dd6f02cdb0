"""The expectations as `suites.yaml` states them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

DEFAULT_FILE = Path(__file__).with_name("suites.yaml")
RECONCILIATION = "reconciliation"


class SuiteFileError(ValueError):
    """The suite file says something that cannot be meant."""


@dataclass(frozen=True)
class Expected:
    """One expectation on one column of a profile; `text` says it in English."""

    name: str
    expectation: str
    column: str
    arguments: Mapping[str, Any]
    blocking: bool
    text: str
    text_nb: str

    def describe(self) -> dict[str, Any]:
        """A form that can be sent to another process."""
        return asdict(self)


@dataclass(frozen=True)
class Suites:
    """All expectations, and how the profile that they look at is made."""

    window_days: int
    history_weeks: int
    min_rows: int
    every_source: Sequence[Expected]
    reconciliation: Sequence[Expected]
    exceptions: Mapping[str, Mapping[str, Mapping[str, Any]]]

    def of_source(self, source: str) -> list[Expected]:
        """The expectations of one source, its exceptions applied."""
        exceptions = self.exceptions.get(source, {})
        return [replace(item, **exceptions.get(item.name, {})) for item in self.every_source]


def load_suites(path: Path = DEFAULT_FILE, sources: Sequence[str] = ()) -> Suites:
    """Read the file; names that nothing answers to are errors, not silence."""
    import yaml

    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    every_source = _expectations(data["every_source"])
    exceptions = data.get("sources") or {}
    names = {item.name for item in every_source}
    changeable = {"arguments", "blocking", "text", "text_nb"}
    for source, changes in exceptions.items():
        if sources and source not in sources:
            raise SuiteFileError(f"{path.name}: no source {source!r}")
        for name, change in changes.items():
            if name not in names:
                raise SuiteFileError(f"{path.name}: {source}: no expectation {name!r}")
            if set(change) - changeable:
                raise SuiteFileError(f"{path.name}: {source}.{name}: {sorted(change)}")
    return Suites(
        window_days=int(data["window_days"]),
        history_weeks=int(data["history_weeks"]),
        min_rows=int(data["min_rows"]),
        every_source=every_source,
        reconciliation=_expectations(data["reconciliation"]),
        exceptions=exceptions,
    )


def _expectations(data: Mapping[str, Mapping[str, Any]]) -> list[Expected]:
    found = []
    for name, item in data.items():
        if not isinstance(item.get("blocking"), bool):
            raise SuiteFileError(f"{name}: blocking must be true or false")
        found.append(Expected(name=name, **item))
    return found
