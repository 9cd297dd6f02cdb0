"""What is quiet and should not be: files that no source will take, and days without a delivery.

How often a source delivers is told from its own history, here and nowhere else.
"""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections.abc import Collection, Iterable
from itertools import pairwise
from pathlib import Path

import polars as pl

from ingestion.intake import shown_name
from ingestion.manifest import is_manifest

# Days before the newest delivery of any source in which a missing one is worth a word.
WINDOW_DAYS = 60
# A source that has delivered this often, a day apart as a rule, is expected every day.
_LEAST_DELIVERIES = 7
# A source's steps are told from its latest days; two of them are the fewest that can agree.
_STEPS, _LEAST_STEPS = 30, 2


def misplaced(inbox: Path, sources: Collection[str]) -> list[str]:
    """Files and folders of the inbox that belong to no source, by the name they may be shown by."""
    if not inbox.is_dir():
        return []
    found = []
    for path in sorted(inbox.iterdir()):
        if path.name.startswith(".") or is_manifest(path.name):
            continue
        if path.is_dir() and path.name in sources:
            continue
        found.append(shown_name(path) + ("/" if path.is_dir() else ""))
    return found


def cadence(days: Iterable[dt.date]) -> int | None:
    """Days from one delivery to the next, as a rule; None when there are too few to tell.

    Args:
        days: dates of what a source has delivered; a date that comes again counts once.
    """
    steps = [(b - a).days for a, b in pairwise(sorted(set(days)))][-_STEPS:]
    return math.ceil(statistics.median(steps)) if len(steps) >= _LEAST_STEPS else None


def missing_days(receipts: pl.DataFrame) -> dict[str, list[dt.date]]:
    """Days without a delivery that was taken in, per source that delivers every day.

    Args:
        receipts: as `ingestion.lake.read_receipts` gives them.
    """
    taken = receipts.filter((pl.col("status") == "accepted") & pl.col("delivered_on").is_not_null())
    newest = taken["delivered_on"].max()
    if not isinstance(newest, dt.date):
        return {}
    first_of_all = newest - dt.timedelta(days=WINDOW_DAYS)
    missing: dict[str, list[dt.date]] = {}
    for (source,), rows in taken.sort("source").partition_by("source", as_dict=True).items():
        days = sorted(set(rows["delivered_on"]))
        if len(days) < _LEAST_DELIVERIES or cadence(days) != 1:
            continue
        start = max(days[0], first_of_all)
        span = (start + dt.timedelta(days=n) for n in range((days[-1] - start).days + 1))
        if gaps := [day for day in span if day not in set(days)]:
            missing[str(source)] = gaps
    return missing
