"""Real extracts go in through a source file alone, and nothing of them is lost.

The figures to compare with are computed here from the raw files with the standard library only.
The extracts are not part of the project; without them these tests are skipped.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import shutil
import statistics
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from ingestion.intake import ingest
from ingestion.lake import iter_receipts
from ingestion.sources import load_sources
from tests.ingestion.conftest import KEY

ROOT = Path(__file__).parents[2]
EXTRACTS = Path(os.environ.get("AKUTT_REAL_EXTRACTS", ROOT.parent / "shared" / "data"))
FIRE = EXTRACTS / "sf_fire" / "sf_fire_calls_2016-12-31_2017-01-07.csv"
BANK = EXTRACTS / "callcenter_1999" / "calls_february_1999.txt"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not (FIRE.exists() and BANK.exists()),
        reason="real extracts are not here (set AKUTT_REAL_EXTRACTS to their folder)",
    ),
]


def take_in(home: Path, source: str, file: Path) -> tuple[dict[str, object], pl.DataFrame]:
    """The receipt and the accepted rows of one real file."""
    folder = home / "inbox" / source
    folder.mkdir(parents=True)
    shutil.copy(file, folder)
    specs = load_sources(Path(__file__).parent / "sources")
    ingest(home, [source], key=KEY, specs=specs)
    (receipt,) = [receipt for _, receipt in iter_receipts(home / "lake")]
    frames = [pl.read_parquet(path) for path in home.glob("lake/*/*/accepted.parquet")]
    return receipt, pl.concat(frames)


def quantiles(values: list[float]) -> tuple[float, float]:
    """Median and 90th percentile by linear interpolation (Hyndman–Fan type 7)."""
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return statistics.median(values), tenths[8]


def intervals(rows: pl.DataFrame, start: str, end: str) -> list[float]:
    """Seconds between two stamps, where both are there."""
    seconds = rows.select((pl.col(end) - pl.col(start)).dt.total_seconds(fractional=True))
    return seconds.to_series().drop_nulls().to_list()


def raw_seconds(rows: list[dict[str, dt.datetime | None]], start: str, end: str) -> list[float]:
    return [
        (row[end] - row[start]).total_seconds()  # type: ignore[operator]
        for row in rows
        if row[start] is not None and row[end] is not None
    ]


def count_faults(rows: list[dict[str, dt.datetime | None]], order: list[str]) -> Counter[str]:
    """Stamps earlier than any stamp before them in the list."""
    found: Counter[str] = Counter()
    for row in rows:
        for position, name in enumerate(order):
            stamp = row[name]
            earlier = [row[other] for other in order[:position] if row[other] is not None]
            if stamp is not None and any(stamp < other for other in earlier):  # type: ignore[operator]
                found[name] += 1
    return found


def test_fire_department_calls(tmp_path: Path) -> None:
    with FIRE.open(encoding="utf-8", newline="") as file:
        raw = list(csv.DictReader(file))
    names = {
        "received": "Received DtTm",
        "alerted": "Dispatch DtTm",
        "en_route": "Response DtTm",
        "at_scene": "On Scene DtTm",
        "departed": "Transport DtTm",
        "at_destination": "Hospital DtTm",
        "available": "Available DtTm",
    }
    stamps: list[dict[str, dt.datetime | None]] = [
        {
            name: dt.datetime.strptime(row[column], "%m/%d/%Y %I:%M:%S %p") if row[column] else None
            for name, column in names.items()
        }
        for row in raw
    ]
    receipt, rows = take_in(tmp_path, "sf_fire_calls", FIRE)

    assert receipt["rows_read"] == len(raw) == 7_704
    assert receipt["rows_read"] == sum(
        int(str(receipt[name])) for name in ("accepted", "rejected", "exact_duplicates")
    )
    for start, end in [
        ("received", "alerted"),
        ("alerted", "en_route"),
        ("en_route", "at_scene"),
        ("received", "at_scene"),
        ("alerted", "available"),
    ]:
        expected = quantiles(raw_seconds(stamps, start, end))
        assert quantiles(intervals(rows, f"{start}_at", f"{end}_at")) == pytest.approx(
            expected, abs=1e-9
        )

    order = count_faults(stamps, list(names))
    assert order
    conveyed = [
        row["Call Final Disposition"] in ("Code 2 Transport", "Code 3 Transport") for row in raw
    ]
    absent = Counter(
        {
            name: sum(row[name] is None for row in stamps)
            for name in ("received", "en_route", "at_scene", "available")
        }
    )
    for name in ("departed", "at_destination"):
        absent[name] = sum(
            row[name] is None and hit for row, hit in zip(stamps, conveyed, strict=True)
        )
    expected_codes = {f"ALARM_{name.upper()}_OUT_OF_ORDER": count for name, count in order.items()}
    expected_codes |= {
        f"ALARM_{name.upper()}_ABSENT": count for name, count in absent.items() if count
    }
    batch = sum(
        row["at_scene"] is not None and row["at_scene"] == row["available"] for row in stamps
    )
    assert receipt["warnings"] == expected_codes | {"ALARM_STATUS_BATCH_PRESSED": batch}


def test_call_centre_log(tmp_path: Path) -> None:
    with BANK.open(encoding="utf-8", newline="") as file:
        raw = list(csv.DictReader(file, delimiter="\t"))

    def stamp(row: dict[str, str], column: str) -> dt.datetime | None:
        if row[column] == "0:00:00" and column != "vru_entry":
            return None
        clock = dt.datetime.strptime(f"{row['date']} {row[column]}", "%y%m%d %H:%M:%S")
        entry = dt.datetime.strptime(f"{row['date']} {row['vru_entry']}", "%y%m%d %H:%M:%S")
        return clock + dt.timedelta(days=1) if clock < entry - dt.timedelta(hours=12) else clock

    stamps: list[dict[str, dt.datetime | None]] = [
        {
            "ring_start": stamp(row, "vru_entry"),
            "menu_end": stamp(row, "vru_exit"),
            "queue_enter": stamp(row, "q_start"),
            "answered": stamp(row, "ser_start"),
            "ended": stamp(row, "ser_exit") or stamp(row, "q_exit") or stamp(row, "vru_exit"),
        }
        for row in raw
    ]
    receipt, rows = take_in(tmp_path, "callcenter_1999", BANK)

    assert receipt["rows_read"] == len(raw) == 33_344
    assert receipt["rows_read"] == sum(
        int(str(receipt[name])) for name in ("accepted", "rejected", "exact_duplicates")
    )
    for start, end in [
        ("ring_start", "menu_end"),
        ("ring_start", "answered"),
        ("queue_enter", "answered"),
        ("answered", "ended"),
    ]:
        expected = quantiles(raw_seconds(stamps, start, end))
        assert quantiles(intervals(rows, f"{start}_at", f"{end}_at")) == pytest.approx(
            expected, abs=1e-9
        )

    answered = [row["outcome"] == "AGENT" for row in raw]
    expected_codes = {
        f"CALL_{name.upper()}_OUT_OF_ORDER": count
        for name, count in count_faults(
            stamps, ["ring_start", "menu_end", "queue_enter", "answered", "ended"]
        ).items()
    }
    pairs = list(zip(stamps, answered, strict=True))
    presence = {
        "CALL_ANSWERED_ABSENT": sum(row["answered"] is None and hit for row, hit in pairs),
        "CALL_ANSWERED_UNEXPECTED": sum(
            row["answered"] is not None and not hit for row, hit in pairs
        ),
        "CALL_ENDED_ABSENT": sum(row["ended"] is None for row in stamps),
    }
    expected_codes |= {code: count for code, count in presence.items() if count}
    assert receipt["warnings"] == expected_codes


@pytest.mark.parametrize(
    ("source", "file", "private"),
    [
        ("sf_fire_calls", FIRE, ("Address", "Location", "Zipcode of Incident")),
        ("callcenter_1999", BANK, ("customer_id", "server")),
    ],
)
def test_private_columns_never_reach_the_lake(
    tmp_path: Path, source: str, file: Path, private: tuple[str, ...]
) -> None:
    delimiter = "\t" if file == BANK else ","
    with file.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter=delimiter))
    secrets = {row[name] for row in rows[:500] for name in private if len(row[name]) > 4}
    _, lake = take_in(tmp_path, source, file)
    text = json.dumps(lake.head(500).to_dicts(), default=str)
    assert not [secret for secret in secrets if f'"{secret}"' in text]
