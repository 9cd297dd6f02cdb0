"""What the campaign mutates: the project's sources, and made-up ones for what those do not use."""

from __future__ import annotations

import datetime as dt
import functools
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.readers import RawFile, read_bytes
from ingestion.sources.registry import load_sources
from ingestion.sources.spec import SourceSpec
from tests.fuzz import write
from tests.fuzz.table import valid_table

KEY = b"only-for-tests-0123456789abcdefgh"
# Ordinary days, the two clock changes, and a day after the columns of one source are renamed.
DAYS = (
    dt.date(2026, 1, 15),
    dt.date(2026, 3, 29),
    dt.date(2025, 10, 26),
    dt.date(2026, 4, 14),
    dt.date(2025, 12, 31),
)


@dataclass(frozen=True, eq=False)
class Case:
    """A source whose files are mutated."""

    spec: SourceSpec
    extension: str

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def kind(self) -> str:
        """The format as the report names it."""
        form = self.spec.format
        return form.type if form.compression == "none" else f"{form.type}.{form.compression}"

    def file_name(self, day: dt.date, suffix: str) -> str:
        return f"{self.name}_{day.isoformat()}_{suffix}.{self.extension}"

    def valid_file(self, day: dt.date, count: int, rng: random.Random) -> bytes:
        """A file that must be read to the last value."""
        table = valid_table(self.spec, day, count, rng)
        renamed = header_on(self.spec, day)
        table.names = [renamed.get(name, name) for name in table.names]
        return write.packed(write.payload(table, self.spec), self.spec)


def header_on(spec: SourceSpec, day: dt.date) -> dict[str, str]:
    """Name in the map to the name in a file of this day."""
    names: dict[str, str] = {}
    for variant in spec.headers:
        begun = variant.valid_from is None or variant.valid_from <= day
        if begun and (variant.valid_to is None or day < variant.valid_to):
            names.update({new: old for old, new in variant.rename.items()})
    return names


_SPACE = "%Y-%m-%d %H:%M:%S%.3f"


def _call_columns(**changes: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "source_system": {"constant": "PROVE"},
        "source_id": "id",
        "revision": "rev",
        "deleted": {"from": "slettet", "codes": {"J": True, "N": False}},
        "service_line": "tjeneste",
        "direction": {"constant": "INBOUND"},
        "channel": {"from": "kanal", "codes": {"tale": "VOICE", "sms": "SMS", "*": "VOICE"}},
        "central_id": "sentral",
        "ring_start_at": {"from": "start", "format": _SPACE},
        "answered_at": {"from": "svar", "format": _SPACE},
        "ended_at": {"from": "slutt", "format": _SPACE},
        "outcome": {"from": "utfall", "codes": {"BÅ": "ANSWERED", "FØ": "ABANDONED"}},
        "parent_call_id": "forrige",
        "caller_pseudonym": {"from": "innringer", "pseudonym": True},
        "municipality_code": {"from": "kommune", "pad": 4},
        "is_test": {"constant": False},
    }
    columns.update(changes)
    return {name: column for name, column in columns.items() if column is not None}


def _made_up(
    name: str, extension: str, format: Mapping[str, Any], columns: dict[str, Any], **more: Any
) -> Case:
    data = {
        "name": name,
        "title": "Prøvekilde",
        "contract": "call",
        "owner": "Test",
        "files": rf"{name}_(?P<date>\d{{4}}-\d{{2}}-\d{{2}})(_\w+)?\.{extension}",
        "format": dict(format),
        "thresholds": {"min_rows": 0},
        "columns": columns,
    }
    data.update(more)
    return Case(SourceSpec.model_validate(data), extension.replace("\\", ""))


def _renamed(columns: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The same map with other raw names."""
    done = {}
    for column, item in columns.items():
        if isinstance(item, str):
            done[column] = names.get(item, item)
        elif isinstance(item.get("from"), str):
            done[column] = {**item, "from": names.get(item["from"], item["from"])}
        else:
            done[column] = item
    return done


def _wide() -> dict[str, Any]:
    return {
        "source_system": {"constant": "PROVE"},
        "source_id": {"from": ["hendelse", "enhet"], "join": "-"},
        "incident_id": "hendelse",
        "mission_id": "hendelse",
        "unit_id": "enhet",
        "unit_type": {"from": "type", "codes": {"BIL": "CAR", "BÅT": "BOAT"}},
        "central_id": "amk",
        "urgency_first": {"from": "grad", "codes": {"A": "RED", "H": "YELLOW", "": "UNKNOWN"}},
        "urgency_last": {"from": "grad", "codes": {"A": "RED", "H": "YELLOW", "": "UNKNOWN"}},
        "mission_type": {"from": "oppdrag", "codes": {"AKUTT": "ACUTE"}},
        "received_at": {"from": "mottatt", "format": "%Y-%m-%dT%H:%M:%S%.f%z"},
        "alerted_at": {"from": "varslet", "after": "received_at", "unit": "clock"},
        "at_scene_at": {"from": "fremme", "after": "received_at", "unit": "min"},
    }


_FIXED = {
    "id": (1, 10), "rev": (11, 13), "slettet": (14, 14), "tjeneste": (16, 23), "kanal": (24, 28),
    "sentral": (29, 44), "start": (45, 68), "svar": (69, 92), "slutt": (93, 116),
    "utfall": (117, 119), "forrige": (120, 130), "innringer": (131, 144), "kommune": (145, 149),
    "slutt_merke": (150, 156),
}  # fmt: skip
_PATHS = {
    "id": "@id", "start": "tid/start", "svar": "tid/svar", "slutt": "tid/slutt",
    "sentral": "sentral/kode",
}  # fmt: skip


def _made_up_cases() -> list[Case]:
    typed = {"format": []}
    excel = {
        "ring_start_at": {"from": ["dato", "start"], "format": "%Y-%m-%d %H:%M:%S"},
        "answered_at": {"from": "svar", **typed},
        "ended_at": {"from": "slutt", **typed},
    }
    several = {"format": ["%Y-%m-%d %H:%M:%S%.3f", "%d.%m.%Y %H:%M"]}
    nested = {"start": "tid.start", "svar": "tid.svar", "slutt": "tid.slutt", "id": "hode.id"}
    return [
        _made_up("fz_multiline", "csv",
                 {"type": "csv", "delimiter": ",", "multiline": True}, _call_columns()),
        _made_up("fz_unquoted", "txt",
                 {"type": "csv", "delimiter": "tab", "quoting": "none", "encoding": "latin-1"},
                 _call_columns(), nulls=["", "NULL", "-"]),
        _made_up("fz_utf16", "csv", {"type": "csv", "encoding": "utf-16"}, _call_columns()),
        _made_up("fz_cp865", "csv", {"type": "csv", "encoding": "cp865", "header_row": 2},
                 _call_columns()),
        _made_up("fz_zip", "zip", {"type": "csv", "compression": "zip"},
                 _call_columns(ring_start_at={"from": "start", **several})),
        _made_up("fz_members", "zip",
                 {"type": "csv", "compression": "zip", "members": r"del_\d+\.csv"},
                 _call_columns()),
        _made_up("fz_where", "csv", {"type": "csv", "delimiter": "|"},
                 _call_columns(central_id={"from": "sentral", "extract": "x-(.+)-y"},
                               parent_call_id={"from": ["forrige", "del"], "join": "/",
                                               "join_nulls": "skip"},
                               chain_id={"hash_of": ["id", "start"]}),
                 where={"etat": ["ambulanse", "lege"]}),
        _made_up("fz_wide", "csv", {"type": "csv", "decimal": ",", "thousands": "."}, _wide(),
                 contract="alarm",
                 explode=[{"enhet": f"enhet_{n}", "type": f"type_{n}", "varslet": f"varslet_{n}",
                           "fremme": f"fremme_{n}"} for n in (1, 2)]),
        _made_up("fz_fixed", "txt", {"type": "fixed", "encoding": "cp1252", "fields": _FIXED},
                 _call_columns()),
        _made_up("fz_jsonl_gz", r"jsonl\.gz", {"type": "jsonl", "compression": "gzip"},
                 _renamed(_call_columns(), nested)),
        _made_up("fz_json", "json", {"type": "json"}, _renamed(_call_columns(), nested)),
        _made_up("fz_json_inside", "json", {"type": "json", "record": "svar.anrop"},
                 _call_columns()),
        _made_up("fz_xml", "xml", {"type": "xml", "record": "Melding/Anrop"},
                 _renamed(_call_columns(), _PATHS)),
        _made_up("fz_excel", "xlsx", {"type": "xlsx", "header_row": 3}, _call_columns(**excel)),
        _made_up("fz_ods", "ods", {"type": "ods", "sheet": "Anrop"}, _call_columns(**excel)),
        _made_up("fz_xls", "xls", {"type": "xls"}, _call_columns(**excel)),
        _made_up("fz_parquet", "parquet", {"type": "parquet"},
                 _call_columns(ring_start_at={"from": "start", "utc": True},
                               answered_at={"from": "svar"}, ended_at={"from": "slutt"})),
    ]  # fmt: skip


_EXTENSIONS = {"helse_sorost_alarms": "csv.gz"}


@functools.cache
def all_cases() -> tuple[Case, ...]:
    """Every case, in an order that decides what a seed means."""
    known = [
        Case(spec, _EXTENSIONS.get(name, spec.format.type)) for name, spec in load_sources().items()
    ]
    return (*known, *_made_up_cases())


def specs() -> dict[str, SourceSpec]:
    return {case.name: case.spec for case in all_cases()}


@functools.cache
def without_reader() -> frozenset[str]:
    """Formats of the source language that nothing reads yet."""
    absent = set()
    for case in all_cases():
        try:
            data = case.valid_file(DAYS[0], 5, random.Random(0))
            if not isinstance(read_bytes(data, case.spec, DAYS[0]), RawFile):
                absent.add(case.spec.format.type)
        except NotImplementedError:
            absent.add(case.spec.format.type)
        except Exception:
            continue
    return frozenset(absent)
