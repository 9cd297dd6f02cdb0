"""What an installation looks like now, as data with stable fields. Reads only, and takes no lock
that keeps a run from starting, so it may be asked at any time.

    {"schema", "at", "home", "alarms": number,
     "releases": [{"audience", "release_id", "created_at", "age_seconds", "last_day"}],
     "running": null | {"run_id", "started_at"},
     "last_run": null | a record (`orchestration.watching.records`),
     "pending": {source: files},
     "sources": [{"source", "contract", "owner", "is_used", "last_delivery", "days_since",
                  "cadence_days", "rows", "usual_rows", "volume_ratio", "pending_files",
                  "alarms": [{"code", "since", "message_nb", "message_en"}]}]}

Fields are only added, never renamed or taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from ingestion.errors import SourceFileError
from ingestion.intake import pending_files
from ingestion.known import Known, known_files
from ingestion.lake import read_receipts
from ingestion.lock import is_held
from ingestion.sources.registry import Sources, read_sources
from ingestion.withdrawal import standing
from orchestration.paths import Home
from orchestration.quality.suites import Suites, load_suites
from orchestration.watching import records
from orchestration.watching.alarms import (
    ALARMS,
    SOURCE_SKIPPED,
    Alarm,
    Deliveries,
    Watched,
    look_at,
)
from orchestration.watching.releases import current_releases

SCHEMA = 1
# Deliveries are dated by the day in Norway.
ZONE = ZoneInfo("Europe/Oslo")


class HomeUnreadableError(RuntimeError):
    """There is nothing to look at; the message says why."""


def status_of(home: Home, now: datetime | None = None) -> dict[str, Any]:
    """The present state.

    Raises:
        HomeUnreadableError: the home is not there, or may not be read.
    """
    now = now or datetime.now(UTC)
    try:
        next(home.root.iterdir(), None)
        sources = read_sources(home=home)
        receipts = standing(read_receipts(home.lake), home.lake)
        pending = _pending(home, sources)
        running, last_run = runs(home)
    except OSError as error:
        raise HomeUnreadableError(
            f"AKUTT_HOME kan ikke leses / cannot be read: {home.root} ({error.strerror})"
        ) from error
    told = describe(
        watched(home, sources, set(receipts["source"])),
        sources.skipped,
        receipts,
        pending,
        load_suites(),
        now.astimezone(ZONE).date(),
    )
    return {
        "schema": SCHEMA,
        "at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "home": str(home.root),
        "alarms": sum(len(source["alarms"]) for source in told),
        "releases": [
            {**release, "age_seconds": _age(release["created_at"], now)}
            for release in current_releases(home.releases)
        ],
        "running": running,
        "last_run": last_run,
        "pending": {name: count for name, count in pending.items() if count},
        "sources": told,
    }


def describe(
    sources: Iterable[Watched],
    skipped: Iterable[SourceFileError],
    receipts: pl.DataFrame,
    pending: Mapping[str, int],
    suites: Suites,
    today: date,
) -> list[dict[str, Any]]:
    """Every source by name: what it has delivered, and its alarms."""
    found = []
    for source in sources:
        mine = receipts.filter(pl.col("source") == source.name)
        known, alarms = look_at(source, mine, suites, today)
        found.append(_source(source, known, alarms, pending.get(source.name, 0)))
    for error in skipped:
        lost = Watched(error.path.stem, "", "", is_used=True)
        found.append(_source(lost, Deliveries(), [Alarm(SOURCE_SKIPPED, None)], 0))
    return sorted(found, key=lambda source: str(source["source"]))


def watched(home: Home, sources: Sources, delivered: set[str]) -> list[Watched]:
    """The sources; of those nobody has made a folder for or delivered, nothing is expected.

    A source file of the installation's own says that it is meant to be delivered.
    """
    return [
        Watched(
            name,
            spec.contract,
            spec.owner,
            is_used=name in delivered
            or (home.inbox / name).is_dir()
            or (home.sources / f"{name}.yaml").is_file(),
        )
        for name, spec in sources.specs.items()
    ]


def runs(home: Home) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The run that goes on, if any, and the record of the last one that has ended.

    One that no process works on any more was interrupted.
    """
    last = records.latest(home.runs)
    if last is not None and last["status"] == records.RUNNING:
        if is_held(home.run_lock):
            running = {"run_id": last["run_id"], "started_at": last["started_at"]}
            return running, records.latest(home.runs, before=last["run_id"])
        # It may have ended since it was read.
        last = records.latest(home.runs)
        if last is not None and last["status"] == records.RUNNING:
            last = {**last, "status": records.INTERRUPTED}
    return None, last


def _pending(home: Home, sources: Sources) -> dict[str, int]:
    known = known_files(home.lake)
    return {
        name: len(pending_files(home.inbox / name, spec, known.get(name, Known())))
        for name, spec in sources.specs.items()
    }


def _source(
    source: Watched, known: Deliveries, alarms: Iterable[Alarm], pending: int
) -> dict[str, Any]:
    return {
        "source": source.name,
        "contract": source.contract or None,
        "owner": source.owner or None,
        "is_used": source.is_used,
        "last_delivery": None if known.last is None else known.last.isoformat(),
        "days_since": known.days_since,
        "cadence_days": known.cadence_days,
        "rows": known.rows,
        "usual_rows": known.usual,
        "volume_ratio": None if known.ratio is None else round(known.ratio, 4),
        "pending_files": pending,
        "alarms": [
            {
                "code": alarm.code,
                "since": None if alarm.since is None else alarm.since.isoformat(),
                "message_nb": ALARMS[alarm.code][0],
                "message_en": ALARMS[alarm.code][1],
            }
            for alarm in alarms
        ],
    }


def _age(created_at: str | None, now: datetime) -> int | None:
    if not created_at:
        return None
    return int((now - datetime.fromisoformat(created_at)).total_seconds())
