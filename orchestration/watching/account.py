"""What a run came to, in codes and counts: the content of its record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestration.engine import Engine
from orchestration.watching.records import kinds, rule_outcomes, taken_in, warning
from orchestration.watching.releases import current_releases

if TYPE_CHECKING:
    import polars as pl

# Errors that say that the work was done and what came of it must not be released.
_GATES = frozenset({"GateError", "DagsterAssetCheckFailedError"})
# What holds a release back when the step before it does.
_KINDS = {"intake": "intake", "lake": "lake", "daily_profile": "quality"}
# Dagster's key of a step, where a record has a shorter name.
_NAMES = {"release__current": "release"}
_BROKEN_NODES = ("error", "runtime_error")


def account_of(
    engine: Engine, steps: Sequence[Mapping[str, Any]], since: datetime
) -> dict[str, Any]:
    """Fields of the record of a run that began at `since`.

    A home in which these cannot be read is not what a run ends with: its own error is.
    """
    account: dict[str, Any] = {"steps": [{**step, "counts": {}} for step in steps]}
    try:
        account |= _released(engine)
        account["warnings"] = list(_warnings(engine, since, did_work=bool(steps)))
        account["steps"] = _with_counts(engine, steps, since)
        account["held_back_by"] = _held_back_by(engine, steps)
    except Exception:
        account["warnings"] = [warning("record", "RECORD_INCOMPLETE", 1)]
    return account


def steps_of(stats: Iterable[Any], errors: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The steps that began, in the order they did.

    Args:
        stats: as Dagster's instance gives them for a run.
        errors: class of the error per step that failed.
    """
    began = [item for item in stats if item.start_time]
    for item in sorted(began, key=lambda item: item.start_time):
        is_done = item.end_time is not None
        yield {
            "step": _NAMES.get(item.step_key, item.step_key),
            "outcome": "failed" if item.step_key in errors or not is_done else "ok",
            "seconds": round(item.end_time - item.start_time, 3) if is_done else None,
            "error": errors.get(item.step_key),
        }


def is_held_back(engine: Engine, errors: Mapping[str, str]) -> bool:
    """Whether every step that failed did so because of what it found, not for its own sake."""
    return bool(errors) and all(
        error in _GATES or _only_tests_failed(engine, step) for step, error in errors.items()
    )


def class_of(error: Any) -> str:
    """The name of the class of what went wrong first: it quotes nothing, unlike the message."""
    while error is not None and error.cause is not None:
        error = error.cause
    return "unknown" if error is None else str(error.cls_name)


def _only_tests_failed(engine: Engine, step: str) -> bool:
    """Whether a dbt build ran to its end, and its tests say that the figures are wrong."""
    counts = engine.counts.get(step, {})
    return counts.get("fail", 0) > 0 and not any(counts.get(name) for name in _BROKEN_NODES)


def _held_back_by(engine: Engine, steps: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    if engine.reasons:
        return kinds(engine.reasons)
    found: dict[str, int] = {}
    for step in steps:
        name = step["step"]
        if step["outcome"] == "failed" and _only_tests_failed(engine, name):
            found["dbt"] = found.get("dbt", 0) + engine.counts[name]["fail"]
        elif step["error"] in _GATES:
            kind = _KINDS.get(name, name)
            found[kind] = found.get(kind, 0) + 1
    return found


def _with_counts(
    engine: Engine, steps: Sequence[Mapping[str, Any]], since: datetime
) -> list[dict[str, Any]]:
    counts = dict(engine.counts)
    if steps:
        counts["intake"] = taken_in(_receipts_since(engine, since))
    return [{**step, "counts": counts.get(step["step"], {})} for step in steps]


def _warnings(engine: Engine, since: datetime, *, did_work: bool) -> Iterator[dict[str, Any]]:
    from ingestion.attention import missing_days
    from orchestration import state

    if skipped := engine.skipped_sources():
        yield warning("source", "SOURCE_SKIPPED", len(skipped))
    if not did_work:
        return
    yield from rule_outcomes(_receipts_since(engine, since))
    if gaps := missing_days(engine.receipts()):
        yield warning("days", "DAYS_MISSING", sum(map(len, gaps.values())))
    builds = (state.read_warehouse(engine.home), state.read_disclosure(engine.home))
    if nodes := sum(len(build.warnings) for build in builds):
        yield warning("dbt", "DBT_WARNING", nodes)
    known = engine.checkpoint.known(engine.lake())
    names = [finding.name for finding in known.failed] if known is not None else []
    for name in sorted(set(names)):
        yield warning("expectation", name, names.count(name))


def _receipts_since(engine: Engine, moment: datetime) -> pl.DataFrame:
    """Of what was taken in from this moment on; receipts are stamped in UTC without saying so."""
    receipts = engine.receipts()
    return receipts.filter(receipts["ingested_at"] >= moment.replace(tzinfo=None))


def _released(engine: Engine) -> dict[str, Any]:
    current = current_releases(engine.home.releases)
    return {
        "release_id": next((item["release_id"] for item in current), None),
        "audiences": [item["audience"] for item in current],
    }
