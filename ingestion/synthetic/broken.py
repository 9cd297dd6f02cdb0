"""Whole deliveries that are broken, each made from the good file of the same day."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import numpy as np
import polars as pl

from ingestion.synthetic.chance import Rng, stream
from ingestion.synthetic.clock import date_of
from ingestion.synthetic.faults import FILE_FAULT_EVERY_DAYS, FILE_FAULTS, FILE_REFUSED, FileFault
from ingestion.synthetic.files import FileEntry, file_name
from ingestion.synthetic.frames import CONTRACT_SOURCES
from ingestion.synthetic.wire import FORMATS

_WEIGHTS = ((3, 7, 6, 1, 8, 9, 4, 5, 2), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2))
EMPTY = "tom"
# A number series that is used for nobody's telephone in the extracts.
_PHONE = "+47 99 99 99 99"


def add_broken_files(
    inbox: Path, good: list[FileEntry], start_day: int, days: int, seed: int, rate: float
) -> tuple[list[FileEntry], pl.DataFrame]:
    """Write broken deliveries beside good ones, and list them as faults."""
    rng = stream(seed, "broken files")
    have = {(entry.source, entry.day) for entry in good}
    entries: list[FileEntry] = []
    faults: list[dict[str, object]] = []
    rounds = max(1, round(days / FILE_FAULT_EVERY_DAYS * rate)) if rate > 0 else 0
    for fault in FILE_FAULTS:
        days_with_file = [
            day
            for day in range(start_day, start_day + days)
            if (fault.source, date_of(day).isoformat()) in have
        ]
        # Empty files are all the same content, and the same content is one delivery.
        count = min(1 if fault.suffix == EMPTY else rounds, rounds, len(days_with_file))
        chosen = rng.permutation(np.array(days_with_file, dtype=np.int64))[:count].tolist()
        for day in sorted(chosen):
            name = file_name(fault.source, day, fault.suffix)
            original = (inbox / fault.source / file_name(fault.source, day)).read_bytes()
            data = spoil(rng, fault, original)
            (inbox / fault.source / name).write_bytes(data)
            date = date_of(day).isoformat()
            entries.append(FileEntry(fault.source, date, name, 0, len(data), is_broken=True))
            faults.append(
                {
                    "fault_kind": f"file_{fault.suffix}",
                    "source": fault.source,
                    "contract": _contract(fault.source),
                    "file_name": name,
                    "event_date": date_of(day),
                    "expected_finding": fault.finding,
                    "treatment": FILE_REFUSED,
                }
            )
    return entries, pl.DataFrame(faults, schema_overrides={"event_date": pl.Date})


def _contract(source: str) -> str:
    return next(name for name, sources in CONTRACT_SOURCES.items() if source in sources)


def spoil(rng: Rng, fault: FileFault, original: bytes) -> bytes:
    """The broken version of a good file."""
    form = FORMATS[fault.source]
    match fault.suffix:
        case "avkuttet":
            return original[: max(20, len(original) * 3 // 5)]
        case suffix if suffix == EMPTY:
            return b""
        case "utf16":
            return original.decode(form.encoding).encode("utf-16")
        case "rusk":
            return rng.bytes(4096)
        case _:
            packed = form.extension.endswith(".gz")
            text = (gzip.decompress(original) if packed else original).decode(form.encoding)
            changed = _changed_text(rng, fault.suffix, text, form.separator)
            data = changed.encode(form.encoding)
            return gzip.compress(data, compresslevel=3, mtime=0) if packed else data


def _changed_text(rng: Rng, suffix: str, text: str, separator: str) -> str:
    table = [line.split(separator) for line in text.splitlines()]
    names = table[0]
    match suffix:
        case "kolonne_mangler":
            place = names.index("enhet")
            table = [[*row[:place], *row[place + 1 :]] for row in table]
        case "kolonne_dobbel":
            place = names.index("central")
            table = [[*row, row[place]] for row in table]
        case _:
            place = next(i for i, name in enumerate(names) if name in ("stasjon", "station"))
            secret = identity_number(rng) if suffix == "fnr" else _PHONE
            row = 1 + int(rng.integers(0, len(table) - 1))
            table[row][place] = secret
    return "\n".join(separator.join(row) for row in table) + "\n"


def identity_number(rng: Rng) -> str:
    """A synthetic fødselsnummer: month + 80, so that it can be no one's; control digits right."""
    while True:
        born = dt.date(1950, 1, 1) + dt.timedelta(days=int(rng.integers(0, 18_000)))
        digits = f"{born.day:02d}{born.month + 80:02d}{born.year % 100:02d}"
        digits += f"{int(rng.integers(0, 500)):03d}"
        for weights in _WEIGHTS:
            total = sum(w * int(d) for w, d in zip(weights, digits, strict=True))
            control = (11 - total % 11) % 11
            if control == 10:  # no number has these nine digits
                break
            digits += str(control)
        else:
            return digits
