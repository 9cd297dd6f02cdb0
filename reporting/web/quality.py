"""Pages of data quality: what can be collected and coordinated, and what each owner should do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reporting import findings
from reporting.findings import NoReadinessError
from reporting.reader import Release


def sources(release: Release) -> list[str]:
    """The sources there is a page of."""
    if not release.has("data_readiness"):
        return []
    return [name for name, _ in findings.source_names(release)]


def overview(release: Release) -> dict[str, Any]:
    """The study's answer: sources by dimension, links between the steps, breaks.

    Returns:
        `period`, `answer` (bokmål and English), `dimensions`, `matrix` (one row per source with a
        grade per dimension), `steps`, `breaks`; nothing where the release has no readiness tables.
    """
    if not release.has("data_readiness"):
        return {}
    try:
        period = findings.latest_period(release)
    except NoReadinessError:
        return {}
    return {
        "period": period.label,
        "answer": findings.answer_words(release, period),
        "dimensions": findings.DIMENSIONS,
        "matrix": findings.matrix(release, period).to_dicts(),
        "steps": findings.steps(release, period).to_dicts(),
        "breaks": findings.breaks(release).to_dicts(),
    }


def of_source(release: Release, source: str) -> dict[str, Any]:
    """What the owner of one source can act on: grades with reasons, findings, deliveries."""
    period = findings.latest_period(release)
    found = [
        {
            **row,
            "examples": findings.examples(row),
            "kind": _kind(row),
            "share": None if row["value"] is None else 100 - row["value"],
        }
        for row in findings.findings(release, source).iter_rows(named=True)
    ]
    return {
        "period": period.label,
        "dimensions": findings.DIMENSIONS,
        "grades": findings.deciding(release, source, period).to_dicts(),
        "serious": [row for row in found if (row["grade"] or "A") != "A"],
        "minor": [row for row in found if (row["grade"] or "A") == "A"],
        "units": findings.weak_units(release, source, period).to_dicts(),
        "months": findings.months(release, source).to_dicts(),
    }


def _kind(row: Mapping[str, Any]) -> str:
    """What a finding counts."""
    if row["is_of_rows"]:
        return "rows"
    return "days" if row["measure"] == "days_delivered" else "files"
