"""Profile a sample and draft its source file: what can be seen is filled in, the rest is named."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import json
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from contracts import CONTRACTS, Column

SAMPLE_ROWS = 2_000
MAX_CODES = 12
_DELIMITERS = (";", ",", "\t", "|")
_TIME_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%d.%m.%Y %H:%M:%S%.f",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y %H:%M:%S%.f",
)
# Words that senders use, Norwegian and English, for what the contract calls something else.
_WORDS: dict[str, tuple[str, ...]] = {
    "source_id": ("rad id", "row id", "id", "record id", "radnr", "anrops id", "request id"),
    "revision": ("rev", "revisjon", "version"),
    "deleted": ("slettet",),
    "extract_at": ("uttrekk", "extracted at", "extract", "extracted"),
    "central_id": ("sentral", "central", "amk", "legevakt"),
    "ring_start_at": ("ringestart", "ring start", "anrop start", "vru entry"),
    "answered_at": ("besvart", "answered", "svart"),
    "ended_at": ("avsluttet", "ended", "slutt"),
    "outcome": ("utfall",),
    "direction": ("retning",),
    "channel": ("kanal",),
    "service_line": ("tjeneste", "linje", "line"),
    "caller_pseudonym": ("innringer", "a nummer", "caller"),
    "incident_id": ("hendelse", "hendelse id", "incident number", "incident no"),
    "mission_id": ("oppdrag", "oppdrag id", "mission no", "call number"),
    "unit_id": ("enhet", "ressurs", "unit", "unit no", "enhet id"),
    "unit_type": ("enhetstype", "ressurstype"),
    "urgency_first": ("hastegrad forst", "hastegrad start", "original priority"),
    "urgency_last": ("hastegrad sist", "hastegrad slutt", "final priority"),
    "mission_type": ("oppdragstype",),
    "scene_municipality_code": ("kommune", "kommunenr", "municipality"),
    "municipality_code": ("kommune", "kommunenr", "municipality"),
    "received_at": ("mottatt", "received", "received dttm"),
    "alerted_at": ("varslet", "alerted", "dispatch", "dispatch dttm"),
    "acknowledged_at": ("kvittert", "acknowledged"),
    "en_route_at": ("rykker ut", "rykket ut", "en route", "response dttm"),
    "at_scene_at": ("framme", "fremme", "on scene", "on scene dttm", "at scene"),
    "at_patient_at": ("hos pasient", "at patient"),
    "departed_at": ("avreise", "avreist", "departed", "transport dttm"),
    "at_destination_at": ("levering", "leveringssted", "levert", "hospital dttm"),
    "handover_at": ("overlevert", "handover"),
    "available_at": ("ledig", "available", "available dttm"),
    "cancelled_at": ("avbrutt", "cancelled"),
    "result": ("resultat",),
    "base_id": ("base",),
    "resource_id": ("ressurs", "resource"),
    "vehicle": ("fartoy", "vehicle"),
    "state": ("tilstand",),
    "reason": ("arsak",),
    "attribution": ("ansvar",),
    "start_at": ("fra", "from", "start"),
    "end_at": ("til", "to", "slutt"),
    "link_sent_at": ("lenke sendt", "link sent"),
    "requested_at": ("forespurt", "requested"),
}


@dataclass(frozen=True)
class Profile:
    """What a sample shows of itself."""

    format: dict[str, Any]
    header: list[str]
    sample: pl.DataFrame
    time_formats: dict[str, str] = field(default_factory=dict)


def profile_sample(path: Path) -> Profile:
    """Look at a sample: format, encoding, delimiter, header row and time formats.

    Raises:
        ValueError: the file is in none of the formats the reader knows.
    """
    data = path.read_bytes()
    compression = "none"
    if data[:2] == b"\x1f\x8b":
        compression, data = "gzip", gzip.decompress(data)
    elif data[:4] == b"PK\x03\x04" and not _is_workbook(data):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            compression, data = "zip", archive.read(archive.namelist()[0])
    if data[:4] == b"PAR1":
        frame = pl.read_parquet(io.BytesIO(data), n_rows=SAMPLE_ROWS)
        return _with_times({"type": "parquet"}, frame.columns, frame)
    if data[:4] == b"PK\x03\x04":
        return _workbook(data)
    return _text(data, compression)


def _is_workbook(data: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return "[Content_Types].xml" in archive.namelist()


def _workbook(data: bytes) -> Profile:
    import fastexcel

    workbook = fastexcel.read_excel(data)
    sheet = workbook.sheet_names[0]
    cells = workbook.load_sheet(
        sheet, header_row=None, dtypes="string", n_rows=SAMPLE_ROWS
    ).to_polars()
    row = _header_row([list(row) for row in cells.head(10).iter_rows()])
    header = [str(name or "").strip() for name in cells.row(row)]
    frame = cells.slice(row + 1)
    frame.columns = _unique(header)
    return _with_times({"type": "xlsx", "sheet": sheet, "header_row": row + 1}, header, frame)


def _text(data: bytes, compression: str) -> Profile:
    try:
        text, encoding = data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = data.decode("cp1252"), "cp1252"
    packed = {} if compression == "none" else {"compression": compression}
    if text.lstrip().startswith("{"):
        lines = [line for line in text.splitlines()[:SAMPLE_ROWS] if line.strip()]
        records = [dict(_flat(json.loads(line))) for line in lines]
        header = list(dict.fromkeys(name for record in records for name in record))
        rows = [[_as_text(record.get(name)) for name in header] for record in records]
        frame = pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String), orient="row")
        return _with_times({"type": "jsonl", **packed}, header, frame)
    if "\x00" in text:
        raise ValueError(
            "ukjent format: ikke CSV, JSON-linjer, Excel eller Parquet / unknown format"
        )
    head = text.splitlines()[: SAMPLE_ROWS + 10]
    delimiter = max(_DELIMITERS, key=lambda mark: sum(line.count(mark) for line in head[:10]))
    table = list(csv.reader(head, delimiter=delimiter))
    row = _header_row(table[:10])
    header = [name.strip() for name in table[row]]
    body = [line for line in table[row + 1 :] if len(line) == len(header)]
    schema = dict.fromkeys(_unique(header), pl.String)
    frame = pl.DataFrame(body, schema=schema, orient="row")
    kind: dict[str, Any] = {
        "type": "csv",
        "delimiter": "tab" if delimiter == "\t" else delimiter,
        **packed,
    }
    if encoding != "utf-8":
        kind["encoding"] = encoding
    if row:
        kind["header_row"] = row + 1
    return _with_times(kind, header, frame)


def _flat(record: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _header_row(rows: Sequence[Sequence[str | None]]) -> int:
    """The last row near the top that is full of distinct words: what follows it is data."""
    best = 0
    for index, row in enumerate(rows[:4]):
        filled = [cell for cell in row if cell]
        worded = [cell for cell in filled if not re.match(r"^[\d.,:\-+ TZ]+$", cell)]
        if len(filled) == len(row) and len(set(filled)) == len(filled) and len(worded) == len(row):
            return index
        if len(worded) > len([cell for cell in rows[best] if cell]):
            best = index
    return best


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique


def _with_times(kind: dict[str, Any], header: list[str], frame: pl.DataFrame) -> Profile:
    formats = {}
    for name in frame.columns:
        if frame.schema[name] == pl.String and (found := time_format(frame[name])) is not None:
            formats[name] = found
    return Profile(kind, header, frame, formats)


def time_format(values: pl.Series) -> str | None:
    """The strftime format that reads every value present, or None."""
    texts = values.drop_nulls().filter(values.drop_nulls() != "").head(200)
    if texts.is_empty() or not texts.str.contains(r"\d.*:\d\d").all():
        return None
    for candidate in _TIME_FORMATS:
        try:
            parsed = texts.str.to_datetime(candidate, strict=False)
        except pl.exceptions.PolarsError:
            continue
        if parsed.null_count() == 0:
            return candidate
    return None


def draft_source(name: str, contract: str, path: Path, profile: Profile) -> str:
    """A source file for the sample, as YAML text. What a person must fill in is marked TODO."""
    definition = CONTRACTS[contract]
    used: set[str] = set()
    columns: dict[str, Any] = {"source_system": {"constant": "TODO"}}
    left: list[str] = []
    for column in definition.columns.values():
        if column.name == "source_system":
            continue
        match = _candidate(column, profile, used)
        if match is not None:
            used.add(match)
            columns[column.name] = _draft_column(column, match, profile)
        elif column.required and column.default is None and column.name != "extract_at":
            left.append(column.name)
    pattern = re.sub(r"\d{4}-\d{2}-\d{2}", "@", path.name)
    files = re.escape(pattern).replace("@", r"(?P<date>\d{4}-\d{2}-\d{2})")
    document = {
        "name": name,
        "title": "TODO",
        "contract": contract,
        "owner": "TODO",
        "files": files,
        "format": profile.format,
        "clock": {"zone": "Europe/Oslo"},
        "columns": columns,
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    unused = [name for name in profile.header if name not in used]
    notes = [
        "# Draft made from a sample. Replace every TODO, then run `akutt source check`.",
        f"# Required contract columns without a candidate: {', '.join(left) or 'none'}",
        f"# Raw columns not mapped (they never leave the reader): {', '.join(unused) or 'none'}",
    ]
    return "\n".join(notes) + "\n" + text


def _plain_words(name: str) -> str:
    lower = name.lower().translate(str.maketrans("æøå", "aoa"))
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower() if name != name.lower() else lower
    spaced = spaced.translate(str.maketrans("æøå", "aoa"))
    return re.sub(r"[^a-z0-9]+", " ", spaced).strip()


def _candidate(column: Column, profile: Profile, used: set[str]) -> str | None:
    """The raw column whose name is most like the contract's, if any is like it at all."""
    words = {column.name.removesuffix("_at").replace("_", " "), column.name.replace("_", " ")}
    words.update(_WORDS.get(column.name, ()))
    best, score = None, 0.84
    for raw in profile.header:
        if raw in used or (column.kind == "timestamp" and not _can_be_time(raw, profile)):
            continue
        last = _plain_words(raw.split(".")[-1])
        for word in words:
            ratio = max(
                difflib.SequenceMatcher(None, word, text).ratio()
                for text in (last, last.removeprefix("t ").removesuffix(" ms"))
            )
            if ratio > score:
                best, score = raw, ratio
    return best


def _can_be_time(raw: str, profile: Profile) -> bool:
    dtype = profile.sample.schema[raw]
    return raw in profile.time_formats or isinstance(dtype, pl.Datetime) or _is_epoch(raw, profile)


def _is_epoch(raw: str, profile: Profile) -> bool:
    values = profile.sample[raw].cast(pl.String).drop_nulls()
    values = values.filter(values != "")
    return not values.is_empty() and bool(values.str.contains(r"^\d{13}$").all())


def _draft_column(column: Column, raw: str, profile: Profile) -> Any:
    if column.name == "caller_pseudonym":
        return {"from": raw, "pseudonym": True}
    if column.kind == "timestamp":
        if raw in profile.time_formats:
            found = profile.time_formats[raw]
            utc = {"utc": True} if found.endswith("Z") else {}
            return {"from": raw, "format": found, **utc}
        return {"from": raw, "epoch": "ms"} if _is_epoch(raw, profile) else raw
    if "municipality_code" in column.name:
        return {"from": raw, "pad": 4}
    if column.codes is not None or column.dtype == pl.Boolean:
        return _draft_codes(column, raw, profile)
    return raw


def _draft_codes(column: Column, raw: str, profile: Profile) -> Any:
    values = profile.sample[raw].cast(pl.String).drop_nulls().unique().sort()
    values = values.filter(values != "")
    if column.dtype == pl.Boolean:
        known = {"true", "false", "0", "1", "ja", "nei", "j", "n", "yes", "no", "y"}
        if set(values.str.to_lowercase()) <= known:
            return raw
    codes = column.codes or ()
    if set(values) <= set(codes):
        return raw
    by_upper = {code.upper(): code for code in codes}
    shown = values.head(MAX_CODES)
    return {"from": raw, "codes": {v: by_upper.get(v.upper(), "TODO") for v in shown}}
