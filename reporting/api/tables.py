"""The rows behind the addresses that are not figures: units, KPIs, readiness, releases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reporting.api.parameters import Readiness
from reporting.api.problems import ProblemError
from reporting.audience import OPEN
from reporting.dimensions import unknown
from reporting.reader import POINTER, Release, published

if TYPE_CHECKING:
    import polars as pl

_READINESS = {
    "grades": "readiness_grades",
    "measures": "data_readiness",
    "findings": "readiness_findings",
}
# Parameter to column.
_FILTERS = {
    "contract": "contract",
    "source": "source",
    "level": "level",
    "unit": "unit_id",
    "grain": "period_grain",
}
_OF_A_RELEASE = (
    "release_id",
    "audience",
    "created_at",
    "period_start",
    "period_end",
    "content_hash",
    "is_synthetic",
)


def readiness(release: Release, asked: Readiness) -> pl.DataFrame:
    """The rows of a readiness table, in a fixed order.

    Raises:
        ProblemError: the release has no such table, or the table no such column.
        UnknownNameError: no row has a name that was asked for.
    """
    table = _READINESS[asked.table]
    if not release.has(table):
        there = [name for name, known in _READINESS.items() if release.has(known)]
        raise ProblemError(
            "unknown-name",
            f"This release has no {table}; it has: {', '.join(there) or 'no readiness tables'}.",
        )
    conditions, parameters = ["true"], []
    for parameter, column in _FILTERS.items():
        names: list[str] = getattr(asked, parameter)
        if not names:
            continue
        if not release.has(table, column):
            can = [name for name, known in _FILTERS.items() if release.has(table, known)]
            raise ProblemError(
                "bad-parameter",
                f"{asked.table} cannot be filtered by {parameter}; it can by: {', '.join(can)}.",
            )
        there = [
            str(row["name"])
            for row in release.rows(f"select distinct {column} as name from {table}")
        ]
        for name in names:
            if name not in there:
                raise unknown(parameter, name, there)
        conditions.append(f"list_contains(?::varchar[], {column})")
        parameters.append(names)
    return release.sql(
        f"select * from {table} where {' and '.join(conditions)} order by all", parameters
    )


def releases(releases_dir: Path, audience: str | None) -> pl.DataFrame:
    """The releases of an audience, the newest first."""
    import polars as pl

    found = [_row(releases_dir, metadata) for metadata in published(releases_dir, audience)]
    text = dict.fromkeys(_OF_A_RELEASE, pl.String)
    schema = {**text, "is_synthetic": pl.Boolean, "is_current": pl.Boolean}
    return pl.DataFrame(found, schema=schema, orient="row")


def _row(releases_dir: Path, metadata: Mapping[str, Any]) -> dict[str, Any]:
    try:
        current = (releases_dir / POINTER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        current = ""
    row = {name: metadata.get(name) for name in _OF_A_RELEASE}
    row["audience"] = row["audience"] or OPEN
    row["is_synthetic"] = bool(row["is_synthetic"])
    return {**row, "is_current": metadata["release_id"] == current}
