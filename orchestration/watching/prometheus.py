"""The present state in Prometheus' text format, for node_exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from orchestration.watching.alarms import ALARMS
from orchestration.watching.records import SUCCESSFUL
from orchestration.watching.status import ZONE

Sample = tuple[Mapping[str, str], float]

# Name of a metric to what it is. All are gauges.
METRICS: Mapping[str, str] = {
    "akuttkjede_release_age_seconds": "Seconds since the current release was made.",
    "akuttkjede_source_last_delivery_timestamp_seconds": "Start of the last day delivered.",
    "akuttkjede_source_pending_files": "Files in the inbox that were not taken in yet.",
    "akuttkjede_source_alarm": "1 while the source has this alarm, else 0.",
    "akuttkjede_run_in_progress": "1 while a run goes on, else 0.",
    "akuttkjede_last_run_start_timestamp_seconds": "When the last run that has ended began.",
    "akuttkjede_last_run_seconds": "Seconds that the last run took.",
    "akuttkjede_last_run_success": "1 when the release was up to date after the last run, else 0.",
    "akuttkjede_last_run_peak_memory_bytes": "Most memory of the run's process, and of the largest "
    "process it had started.",
}


def exposition(status: Mapping[str, Any]) -> str:
    """The text of a state as `orchestration.watching.status` gives it."""
    samples: dict[str, list[Sample]] = {name: [] for name in METRICS}
    for name, labels, value in _samples(status):
        samples[name].append((labels, value))
    lines = []
    for name, about in METRICS.items():
        lines += [f"# HELP {name} {_escaped(about)}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples[name]]
    return "\n".join(lines) + "\n"


def _samples(status: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for release in status["releases"]:
        if release["age_seconds"] is not None:
            labels = {"audience": release["audience"]}
            yield "akuttkjede_release_age_seconds", labels, release["age_seconds"]
    for source in status["sources"]:
        name = {"source": source["source"]}
        if source["last_delivery"]:
            midnight = datetime.fromisoformat(source["last_delivery"]).replace(tzinfo=ZONE)
            at = midnight.timestamp()
            yield "akuttkjede_source_last_delivery_timestamp_seconds", name, at
        if not source["is_used"]:
            continue
        yield "akuttkjede_source_pending_files", name, source["pending_files"]
        raised = {alarm["code"] for alarm in source["alarms"]}
        for code in ALARMS:
            yield "akuttkjede_source_alarm", {**name, "code": code}, code in raised
    yield "akuttkjede_run_in_progress", {}, status["running"] is not None
    yield from _last_run(status["last_run"])


def _last_run(run: Mapping[str, Any] | None) -> Iterator[tuple[str, Mapping[str, str], float]]:
    if run is None:
        return
    began = datetime.fromisoformat(run["started_at"]).timestamp()
    yield "akuttkjede_last_run_start_timestamp_seconds", {}, began
    if run["seconds"] is not None:
        yield "akuttkjede_last_run_seconds", {}, run["seconds"]
    yield "akuttkjede_last_run_success", {}, run["status"] in SUCCESSFUL
    for process, most in run["peak_memory_bytes"].items():
        if most is not None:
            yield "akuttkjede_last_run_peak_memory_bytes", {"process": process}, most


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    quoted = (f'{name}="{_escaped(value, quoted=True)}"' for name, value in labels.items())
    return "{" + ",".join(quoted) + "}"


def _escaped(text: str, *, quoted: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quoted else text


def _number(value: float) -> str:
    whole = float(value)
    return str(int(whole)) if whole.is_integer() else repr(whole)
