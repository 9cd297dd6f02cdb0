"""What a valid file is made from: records of a contract as the cells that a source would write.

The cells are worked out backwards from the source file: the raw code of a contract code, the text
of a stamp in the format the source names. So every source, present and future, has valid files.
"""

from __future__ import annotations

import datetime as dt
import random
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from contracts import CONTRACTS
from ingestion.sources.spec import ColumnMap, SourceSpec

Cell = None | str | int | float | bool | Decimal | dt.datetime | dt.date | dt.time

EXTRA = ("tillegg_tekst", "tillegg_tall")
_WORDS = (
    "alfa",
    "bravo",
    "delta",
    "ekko",
    "fokstrot",
    "golf",
    'hotell "india"',
    "juliett; kilo, lima",
)
# In the order in which things happen, per contract.
_ORDER = {
    "call": ("ring_start_at", "menu_end_at", "queue_enter_at", "answered_at", "transfer_at",
             "ended_at"),
    "alarm": ("received_at", "alerted_at", "acknowledged_at", "en_route_at", "at_scene_at",
              "at_patient_at", "departed_at", "at_destination_at", "handover_at", "available_at"),
    "video_session": ("link_sent_at", "opened_at", "consented_at", "connected_at", "ended_at"),
    "lat_request": ("requested_at", "airborne_at", "at_scene_at", "left_scene_at",
                    "at_destination_at", "left_destination_at", "landed_at"),
    "lat_readiness": ("start_at", "end_at"),
}  # fmt: skip
_UNITS = {
    "central_id": ("amk_oslo", "amk_bergen", "lv_asker"),
    "home_central_id": ("amk_oslo", "amk_fonna"),
    "transferred_to": ("lv_asker", "amk_bergen"),
    "unit_id": ("4711", "4712", "4801"),
    "station_id": ("311", "312"),
    "base_id": ("base_dombas", "base_forde"),
    "resource_id": ("r1", "r2"),
}


@dataclass
class Table:
    """Named columns of cells; several columns may have one name once it is mutated."""

    names: list[str]
    rows: list[list[Cell]]
    notes: list[str] = field(default_factory=list)

    def copy(self) -> Table:
        return Table(list(self.names), [list(row) for row in self.rows], list(self.notes))


def valid_table(spec: SourceSpec, day: dt.date, count: int, rng: random.Random) -> Table:
    """`count` records that the source could have sent on a day."""
    first = rng.randrange(100_000, 900_000)
    records = [_record(spec, day, first + number, rng) for number in range(count)]
    raws = [_raw_cells(spec, record, rng) for record in records]
    names = list(dict.fromkeys([*spec.mapped_columns(), *spec.where, *spec.where_not]))
    rows: list[list[Cell]] = [[raw.get(name) for name in names] for raw in raws]
    for row in rows:
        row.extend([rng.choice(_WORDS), rng.randrange(1000)])
    table = Table([*names, *EXTRA], rows)
    return _widened(table, spec) if spec.explode else table


def _widened(table: Table, spec: SourceSpec) -> Table:
    """The columns that `explode` makes stand in the file once per unit of the wide row."""
    made = [name for name in spec.explode[0] if name in table.names]
    plain = [name for name in table.names if name not in made]
    at = {name: index for index, name in enumerate(table.names)}
    names = plain + [unit[name] for unit in spec.explode for name in made]
    rows: list[list[Cell]] = []
    group = len(spec.explode)
    for start in range(0, len(table.rows), group):
        units = table.rows[start : start + group]
        row = [units[0][at[name]] for name in plain]
        for place in range(group):
            row += [units[place][at[name]] if place < len(units) else None for name in made]
        rows.append(row)
    return Table(names, rows)


def _record(spec: SourceSpec, day: dt.date, number: int, rng: random.Random) -> dict[str, Any]:
    """One record of the contract: stamps are naive UTC."""
    contract = CONTRACTS[spec.contract]
    zone = ZoneInfo(spec.clock.zone)
    late = rng.random() < 0.15
    clock = dt.time(23, 58, 30) if late else dt.time(rng.randrange(4, 23), rng.randrange(60))
    now = dt.datetime.combine(day, clock, zone).astimezone(dt.UTC).replace(tzinfo=None)
    record: dict[str, Any] = {"source_id": str(number), "revision": rng.randrange(1, 4)}
    for name in _ORDER[spec.contract]:
        record[name] = now
        now += dt.timedelta(seconds=rng.randrange(1, 200), milliseconds=rng.randrange(1000))
    if spec.contract == "lat_readiness":
        record["end_at"] = record["start_at"] + dt.timedelta(hours=3)
    for name, column in contract.columns.items():
        if name in record:
            continue
        if column.codes is not None:
            record[name] = rng.choice(_known_codes(spec.columns.get(name)) or column.codes)
        elif name in _UNITS:
            record[name] = rng.choice(_UNITS[name])
        elif column.kind == "number":
            record[name] = rng.randrange(-1, 23)
        elif column.kind == "flag":
            record[name] = False if name == "deleted" else rng.random() < 0.1
        elif "municipality_code" in name:
            record[name] = rng.choice(("0301", "1103", "4601", "5001"))
        elif name == "caller_pseudonym":
            record[name] = f"9{rng.randrange(1_000_000, 9_999_999)}"
        elif column.kind == "key":
            record[name] = str(rng.randrange(100_000, 900_000))
    record["extract_at"] = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(4))
    for name, column in contract.columns.items():
        optional = not column.required and name not in ("ring_start_at", "received_at")
        if optional and rng.random() < 0.15:
            record[name] = None
    for name, column_map in spec.columns.items():
        if column_map.constant is not None:
            record[name] = column_map.constant
    return record


def _known_codes(column_map: ColumnMap | None) -> list[Any]:
    if column_map is None or not isinstance(column_map.codes, dict):
        return []
    return [code for raw, code in column_map.codes.items() if raw not in ("", "*")]


# --- contract value to raw cells --------------------------------------------------------------


def _raw_cells(spec: SourceSpec, record: dict[str, Any], rng: random.Random) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for name, column_map in spec.columns.items():
        for raw, cell in _origin(spec, name, column_map, record, rng).items():
            cells.setdefault(raw, cell)
    for name in spec.where:
        cells[name] = spec.where[name][0]
        if rng.random() < 0.15:
            cells[name] = "annet"
    return cells


def _origin(
    spec: SourceSpec,
    name: str,
    column_map: ColumnMap,
    record: dict[str, Any],
    rng: random.Random,
) -> dict[str, Cell]:
    value = record.get(name)
    if column_map.any_of:
        at = rng.randrange(len(column_map.any_of))
        return {raw: bool(value) and place == at for place, raw in enumerate(column_map.any_of)}
    if column_map.coalesce:
        first, *others = column_map.coalesce
        rest = {raw: None for part in others for raw in part.raw_columns()}
        return {**_origin(spec, name, first, record, rng), **rest}
    if not column_map.from_:
        return {}
    if value is None:
        return dict.fromkeys(column_map.from_)
    if isinstance(value, dt.datetime):
        return _stamp_cells(spec, column_map, value, record)
    if isinstance(column_map.codes, dict):
        raws = [raw for raw, code in column_map.codes.items() if code == value and raw != "*"]
        value = (raws[0] or None) if raws else None
    if column_map.pad and rng.random() < 0.5:
        value = str(value).lstrip("0")
    if column_map.extract and value is not None:
        value = f"x-{value}-y"
    parts = column_map.from_
    if len(parts) == 1:
        return {parts[0]: value}
    text = str(value)
    cut = max(1, len(text) // len(parts))
    pieces: list[Cell] = [text[at * cut : (at + 1) * cut] for at in range(len(parts) - 1)]
    return dict(zip(parts, [*pieces, text[(len(parts) - 1) * cut :]], strict=True))


def _stamp_cells(
    spec: SourceSpec, column_map: ColumnMap, utc: dt.datetime, record: dict[str, Any]
) -> dict[str, Cell]:
    raw = column_map.from_[0]
    if column_map.after is not None:
        reference = record.get(column_map.after)
        if reference is None:
            return {raw: None}
        return {raw: _duration(spec, column_map, utc - reference)}
    if column_map.epoch is not None:
        seconds = (utc - dt.datetime(1970, 1, 1)) / dt.timedelta(seconds=1)
        factor = {"s": 1, "ms": 1_000, "us": 1_000_000}[column_map.epoch]
        return {raw: str(round(seconds * factor))}
    local = utc.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(spec.clock.zone))
    typed = spec.format.type in ("xlsx", "xls", "ods", "parquet")
    if typed and len(column_map.from_) == 1:
        if column_map.utc:
            return {raw: utc.replace(tzinfo=dt.UTC)}
        whole = 0 if spec.format.type != "parquet" else local.microsecond
        return {raw: local.replace(tzinfo=None, microsecond=whole)}
    if typed:
        plain = local.replace(tzinfo=None, microsecond=0)
        return {raw: plain.date(), column_map.from_[1]: plain.time()}
    stamp = utc.replace(tzinfo=dt.UTC) if column_map.utc else local
    text = written(stamp, column_map.format[0])
    if len(column_map.from_) == 1:
        return {raw: text}
    return dict(zip(column_map.from_, text.split(" ", 1), strict=True))


def written(stamp: dt.datetime, pattern: str) -> str:
    """A stamp in a strftime format, with the fractions (`%.3f`) that polars knows."""
    milli = f".{stamp.microsecond // 1000:03d}"
    pattern = pattern.replace("%.3f", milli).replace("%.f", milli).replace("%:z", "%z")
    text = stamp.strftime(pattern)
    return re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text) if "%z" in pattern else text


def _duration(spec: SourceSpec, column_map: ColumnMap, length: dt.timedelta) -> str:
    seconds = Decimal(length // dt.timedelta(milliseconds=1)) / 1000
    if column_map.unit == "clock":
        whole = int(seconds)
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    per = {"s": Decimal(1), "ms": Decimal("0.001"), "min": Decimal(60), "h": Decimal(3600)}
    value = seconds / per[column_map.unit]
    mark = column_map.decimal or spec.format.decimal
    return f"{value:.3f}".replace(".", mark)
