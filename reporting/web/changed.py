"""The page of what changed since the release before: counts by kind and reason, what moved most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reporting.changes import CHANGES, REASONS, changes, release_before, summary
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
        frame: the cells, as `reporting.changes.changes` gives them.
    """

    before: str
    frame: pl.DataFrame

    def of(self, kpi_id: str | None) -> pl.DataFrame:
        """The cells of one KPI; all where none is named."""
        return self.frame if kpi_id is None else self.frame.filter(kpi_id=kpi_id)


@once
def changed(release: Release) -> Changed | None:
    """What changed since the release before; None where no earlier one is kept."""
    import polars as pl

    try:
        before = release_before(release.path)
        with open_release(release.path.parent, before, release.audience) as old:
            frame = changes(old, release)
    except NoReleaseError:
        return None
    shown = pl.col("period_grain").is_in(GRAINS) & (
        pl.col("geography_version") != EVENT_GEOGRAPHY
    ).fill_null(True)
    return Changed(before, frame.filter(shown))


def kpis(release: Release) -> list[str]:
    """The KPIs with changes, each of which has a page."""
    found = changed(release)
    return [] if found is None else sorted(found.frame["kpi_id"].unique())


def by_reason(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """How many cells changed, by kind and reason, with both in words of both languages."""
    return [
        {**row, "kind": _kind(row["change"]), "why": REASONS[row["reason"]]}
        for row in summary(frame)
    ]


def by_kpi(frame: pl.DataFrame) -> list[tuple[str, dict[str, int]]]:
    """Per KPI how many cells changed, by kind; those with most revised cells first."""
    found: dict[str, dict[str, int]] = {}
    for kpi_id, change, cells in frame.group_by("kpi_id", "change").len().iter_rows():
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
