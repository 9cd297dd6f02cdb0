"""What is wrong with a source, told from its receipts alone. Pure functions.

How often a source delivers is `ingestion.attention.cadence`; what is usual of a weekday, and how
far from it is too far, is the profile and the suites of `orchestration.quality`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from ingestion.attention import WINDOW_DAYS, cadence
from orchestration.deliveries import net
from orchestration.quality.profile import volumes
from orchestration.quality.suites import Suites

FRESHNESS_LATE = "FRESHNESS_LATE"
VOLUME_LOW = "VOLUME_LOW"
VOLUME_HIGH = "VOLUME_HIGH"
NEVER_DELIVERED = "NEVER_DELIVERED"
DELIVERY_REFUSED = "DELIVERY_REFUSED"
SOURCE_SKIPPED = "SOURCE_SKIPPED"
# Code to what it says, in both languages.
ALARMS: Mapping[str, tuple[str, str]] = {
    FRESHNESS_LATE: ("leveransen er forsinket", "the delivery is late"),
    VOLUME_LOW: ("færre rader enn vanlig for ukedagen", "fewer rows than the weekday's usual"),
    VOLUME_HIGH: ("flere rader enn vanlig for ukedagen", "more rows than the weekday's usual"),
    NEVER_DELIVERED: ("ingen leveranse er tatt inn ennå", "no delivery was taken in yet"),
    DELIVERY_REFUSED: (
        "en fil er avvist, og ingen annen er kommet for den",
        "a file was refused, and no other came in its place",
    ),
    SOURCE_SKIPPED: ("kildefilen kan ikke brukes", "the source file cannot be used"),
}


@dataclass(frozen=True)
class Alarm:
    """One alarm. `since` is None where no day can be told."""

    code: str
    since: date | None

    def __post_init__(self) -> None:
        if self.code not in ALARMS:
            raise ValueError(self.code)


@dataclass(frozen=True)
class Watched:
    """A source to look at. `is_used`: somebody means to deliver it here."""

    name: str
    contract: str
    owner: str
    is_used: bool


@dataclass(frozen=True)
class Deliveries:
    """What a source has delivered. `rows` are those of its last day, `usual` of such a weekday."""

    last: date | None = None
    days_since: int | None = None
    cadence_days: int | None = None
    rows: int | None = None
    usual: float | None = None
    ratio: float | None = None


def look_at(
    source: Watched, receipts: pl.DataFrame, suites: Suites, today: date
) -> tuple[Deliveries, list[Alarm]]:
    """What a source has delivered, and what is wrong with that.

    Args:
        receipts: standing receipts (see `ingestion.lake.read_receipts`) of this source.
    """
    receipts = net(receipts)
    refused = _refused(receipts, today)
    dated = receipts.filter(pl.col("delivered_on").is_not_null())
    accepted = dated.filter(pl.col("status") == "accepted")
    last = accepted["delivered_on"].max()
    if not isinstance(last, date):
        taken = receipts.filter(pl.col("status") == "accepted").height
        never = [Alarm(NEVER_DELIVERED, None)] if source.is_used and not taken else []
        return Deliveries(), [*never, *refused]
    step = cadence(accepted["delivered_on"])
    days = volumes(dated, last, suites).filter(pl.col("files") > 0)
    of_last = days.row(-1, named=True)
    known = Deliveries(
        last=last,
        days_since=(today - last).days,
        cadence_days=step,
        rows=of_last["rows_read"],
        usual=of_last["usual_rows"],
        ratio=of_last["volume_ratio"],
    )
    late = _late(last, step, _limits(suites, source.name, "freshness"), today)
    volume = _volume(days, _limits(suites, source.name, "volume_against_history"))
    return known, [*late, *volume, *refused]


def _limits(suites: Suites, source: str, expectation: str) -> Mapping[str, Any]:
    """The arguments of an expectation on a source; none where the suites do not have it."""
    return next(
        (item.arguments for item in suites.of_source(source) if item.name == expectation), {}
    )


def _late(last: date, step: int | None, limits: Mapping[str, Any], today: date) -> Iterator[Alarm]:
    """Late from the day that is further from the expected one than the suites allow."""
    allowed = limits.get("max_value")
    if step is None or allowed is None:
        return
    since = last + timedelta(days=step + int(allowed) + 1)
    if today >= since:
        yield Alarm(FRESHNESS_LATE, since)


def _volume(days: pl.DataFrame, limits: Mapping[str, Any]) -> Iterator[Alarm]:
    """Of the last day delivered; since the first of the days in a row that are like it.

    Args:
        days: as `volumes` gives them, those with a delivery.
    """
    low, high = limits.get("min_value"), limits.get("max_value")

    def code_of(ratio: float | None) -> str | None:
        if ratio is None:
            return None
        if low is not None and ratio < low:
            return VOLUME_LOW
        return VOLUME_HIGH if high is not None and ratio > high else None

    code, since = None, None
    for day, ratio in reversed(list(days.select("delivered_on", "volume_ratio").iter_rows())):
        found = code_of(ratio)
        if since is None:
            code = found
        if code is None or found != code:
            break
        since = day
    if code is not None:
        yield Alarm(code, since)


def _refused(receipts: pl.DataFrame, today: date) -> Iterator[Alarm]:
    """Files refused of late that nothing was accepted in place of.

    In place of a file stands another for its day, or, where its day is not known, a later one.
    """
    taken = receipts.filter(pl.col("status") == "accepted")
    days = set(taken["delivered_on"].drop_nulls())
    last = taken["ingested_at"].max()
    since = None
    refused = receipts.filter(pl.col("status") == "refused")
    for day, at in refused.select("delivered_on", "ingested_at").iter_rows():
        is_replaced = day in days if day is not None else (last is not None and last > at)
        if not is_replaced and (today - at.date()).days <= WINDOW_DAYS:
            since = min(since or at.date(), at.date())
    if since is not None:
        yield Alarm(DELIVERY_REFUSED, since)
