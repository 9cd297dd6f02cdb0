"""Writes accepted rows straight into a lake folder, so the warehouse can be tested alone.

A row is a dict of contract columns; what it leaves out gets a harmless default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from contracts import CONTRACTS, LINEAGE_COLUMNS

OSLO = ZoneInfo("Europe/Oslo")

Row = dict[str, Any]

ANCHORS = {
    "call": ("ring_start_at",),
    "alarm": ("received_at", "alerted_at"),
    "video_session": ("link_sent_at",),
    "lat_request": ("requested_at",),
    "lat_readiness": ("start_at",),
}

DEFAULTS: dict[str, dict[str, Any]] = {
    "call": {
        "source_system": "ICCS",
        "service_line": "113",
        "direction": "INBOUND",
        "channel": "VOICE",
        "central_id": "amk_oslo",
        "outcome": "ANSWERED",
        "municipality_basis": "UNKNOWN",
        "is_test": False,
    },
    "alarm": {
        "source_system": "AMKIKT",
        "unit_id": "A1",
        "unit_type": "CAR",
        "central_id": "amk_oslo",
        "urgency_first": "RED",
        "urgency_last": "RED",
        "urgency_changed": False,
        "mission_type": "ACUTE",
        "scene_municipality_code": "0301",
    },
    "video_session": {
        "source_system": "VIDEO_H113",
        "central_id": "amk_oslo",
        "status": "CONNECTED",
    },
    "lat_request": {
        "source_system": "LAT_OPS",
        "base_id": "heli_al",
        "resource_id": "heli_al_1",
        "vehicle": "HELI",
        "urgency": "RED",
        "outcome": "COMPLETED",
    },
    "lat_readiness": {
        "source_system": "LAT_OPS",
        "base_id": "heli_al",
        "resource_id": "heli_al_1",
        "vehicle": "HELI",
    },
}


def utc(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: float = 0
) -> datetime:
    """A naive UTC timestamp; seconds may have decimals."""
    return datetime(year, month, day, hour, minute) + timedelta(seconds=second)


def local_date(moment: datetime) -> date:
    """The Norwegian calendar date of a naive UTC timestamp."""
    return moment.replace(tzinfo=UTC).astimezone(OSLO).date()


def lake_schema(contract: str) -> dict[str, pl.DataType]:
    """Column types of a lake file, from the contract."""
    columns = [*CONTRACTS[contract].columns.values(), *LINEAGE_COLUMNS]
    return {column.name: column.dtype for column in columns}


def complete(contract: str, row: Mapping[str, Any], batch_id: str, number: int) -> dict[str, Any]:
    """A whole lake row from the given columns."""
    anchor = next(row[name] for name in ANCHORS[contract] if row.get(name) is not None)
    event_date = local_date(anchor)
    base = {
        "source_system": "TEST",
        "revision": 1,
        "deleted": False,
        "extract_at": anchor + timedelta(days=1),
        "ts_quality": "SYSTEM",
        "_source": f"test_{contract}",
        "_file_id": f"{batch_id:>16}"[-16:],
        "_row_number": number,
        "_batch_id": batch_id,
        "_delivered_on": event_date,
        "event_date": event_date,
        "has_order_warning": False,
        "has_missing_warning": False,
        "has_timing_warning": False,
    }
    return {**base, **DEFAULTS[contract], **row}


def write_batch(
    lake: Path, contract: str, batch_id: str, rows: Iterable[Mapping[str, Any]]
) -> Path:
    """One batch folder with its accepted rows."""
    schema = lake_schema(contract)
    completed = [complete(contract, row, batch_id, n) for n, row in enumerate(rows, start=1)]
    for name in ("_key_scope", "_unmapped"):  # batches of earlier versions have none
        schema.pop(name, None)
        if any(name in row for row in completed):
            schema[name] = pl.String()
    unknown = {name for row in completed for name in row} - set(schema)
    if unknown:
        raise ValueError(f"not columns of {contract}: {sorted(unknown)}")
    folder = lake / contract / batch_id
    folder.mkdir(parents=True)
    path = folder / "accepted.parquet"
    pl.DataFrame(completed, schema=schema).write_parquet(path)
    return path


def withdraw(
    lake: Path, contract: str, withdrawal_id: str, given: Iterable[tuple[str, str]]
) -> None:
    """A batch that takes back what files (batch id, file id) gave."""
    folder = lake / contract / withdrawal_id
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for batch_id, file_id in given:
        accepted = pl.read_parquet(lake / contract / batch_id / "accepted.parquet")
        of_file = accepted.filter(pl.col("_file_id") == file_id)
        rows.append(
            {
                "withdrawal_id": withdrawal_id,
                "contract": contract,
                "source": of_file["_source"][0],
                "batch_id": batch_id,
                "file_id": file_id,
                "delivered_on": of_file["_delivered_on"][0],
            }
        )
    pl.DataFrame(rows).write_parquet(folder / "withdrawn.parquet")
