"""The page of what changed since the release before: counts by kind and reason, what moved most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reporting.changes import CHANGES, REASONS, TABLE, changes, counted, release_before, summed
from reporting.query import EVENT_GEOGRAPHY
from reporting.reader import NoReleaseError, Release, once, open_release
from reporting.web.figures import GRAINS

if TYPE_CHECKING:
    import polars as pl

# Rows of a table on the page of all KPIs, and on that of one.
MOST, MOST_OF_KPI = 20, 100


@dataclass(frozen=True)
class Changed:
    """What differs from the release before, in months and longer periods.

    Attributes:
        before: the id of the release before.
        counts: how many cells, as `reporting.changes.counted` gives them.
        frame: the cells, as `reporting.changes.changes` gives them; None where the release before
            is kept no longer.
    """

    before: str
    counts: pl.DataFrame
    frame: pl.DataFrame | None

    def of(self, kpi_id: str) -> Changed:
        """The changes of one KPI."""
        frame = None if self.frame is None else self.frame.filter(kpi_id=kpi_id)
        return Changed(self.before, self.counts.filter(kpi_id=kpi_id), frame)


@once
def changed(release: Release) -> Changed | None:
    """What changed since the release before; None where there is no earlier one to compare with."""
    import polars as pl

    told = _told(release)
    shown = pl.col("period_grain").is_in(GRAINS)
    try:
        before = _before(release)
        with open_release(release.path.parent, before, release.audience) as old:
            frame = changes(old, release)
    except NoReleaseError:
        if told is None:
            return None
        return Changed(told[0], told[1].filter(shown), None)
    counts = told[1] if told else counted(frame)
    once_each = (pl.col("geography_version") != EVENT_GEOGRAPHY).fill_null(True)
    return Changed(before, counts.filter(shown), frame.filter(shown & once_each))


def _before(release: Release) -> str:
    """The release that this one was compared with when it was made, or else the one before it."""
    return str(release.metadata.get("changes_since") or release_before(release.path))


def _told(release: Release) -> tuple[str, pl.DataFrame] | None:
    """What the release says itself, where all of it may be seen."""
    before = release.metadata.get("changes_since")
    if before is None or release.permitted is not None or not release.has(TABLE):
        return None
    return str(before), release.table(TABLE)


def kpis(release: Release) -> list[str]:
    """The KPIs with changes, each of which has a page."""
    found = changed(release)
    return [] if found is None else sorted(found.counts["kpi_id"].unique())


def by_reason(counts: pl.DataFrame) -> list[dict[str, Any]]:
    """How many cells changed, by kind and reason, with both in words of both languages."""
    rows = counts.select("change_kind", "change_reason", "cells").iter_rows()
    return [
        {**row, "kind": _kind(row["change"]), "why": REASONS[row["reason"]]} for row in summed(rows)
    ]


def by_kpi(counts: pl.DataFrame) -> list[tuple[str, dict[str, int]]]:
    """Per KPI how many cells changed, by kind; those with most revised cells first."""
    import polars as pl

    found: dict[str, dict[str, int]] = {}
    sums = counts.group_by("kpi_id", "change_kind").agg(pl.col("cells").sum())
    for kpi_id, change, cells in sums.iter_rows():
        found.setdefault(kpi_id, {})[change] = cells
    return sorted(
        found.items(), key=lambda item: (-item[1].get("revised", 0), -sum(item[1].values()), item)
    )


def largest(frame: pl.DataFrame, change: str, most: int) -> list[dict[str, Any]]:
    """The cells that changed in one way, the largest difference to the old value first."""
    return [
        {**row, "why": REASONS[row["reason"]]}
        for row in frame.filter(change=change).head(most).iter_rows(named=True)
    ]


def kinds() -> dict[str, tuple[str, str]]:
    """Kinds of change in words."""
    return {change: _kind(change) for change in CHANGES}


def _kind(change: str) -> tuple[str, str]:
    return CHANGES[change], change
