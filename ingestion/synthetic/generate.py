"""The synthetic national extract: files as the sources send them, and the truth about them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from ingestion.synthetic.broken import add_broken_files
from ingestion.synthetic.clock import date_of, day_number
from ingestion.synthetic.files import FileEntry, Writer
from ingestion.synthetic.frames import CONTRACT_SOURCES, Counters, make_clean
from ingestion.synthetic.injection import Injector
from ingestion.synthetic.reference import SEEDS, load_reference

GENERATOR_VERSION = 2
MAX_SCALE = 4.0
# Keys of different months never meet: a month has fewer records than this.
_RECORDS_PER_PART = 10**9


@dataclass(frozen=True)
class Manifest:
    """What was generated."""

    start: str
    days: int
    scale: float
    seed: int
    fault_rate: float
    generator_version: int
    files: tuple[FileEntry, ...]

    @property
    def rows(self) -> int:
        """Rows in all good files."""
        return sum(entry.rows for entry in self.files)


def months(start_day: int, days: int) -> list[range]:
    """The span in local days, month by month."""
    parts: list[range] = []
    day, end = start_day, start_day + days
    while day < end:
        date = date_of(day)
        following = dt.date(date.year + date.month // 12, date.month % 12 + 1, 1)
        stop = min(end, day_number(following))
        parts.append(range(day, stop))
        day = stop
    return parts


def generate(
    out: Path,
    start: dt.date,
    days: int,
    scale: float,
    seed: int,
    *,
    progress: Callable[[str, int, int], object] | None = None,
    faults: bool | float = 1.0,
    truth: bool = True,
    seeds: Path = SEEDS,
) -> Manifest:
    """Write a synthetic national extract below `out`, the same for the same arguments.

    Args:
        out: the files go to `out/inbox/<source>/`, the truth to `out/truth/`; `synthetic.json` says
            that they are made up, also in releases made from them.
        start: first local date.
        days: number of local dates.
        scale: share of the national volume; 1.0 is the whole country.
        seed: decides everything that is random.
        progress: called with what was done, how many steps are done, and how many there are.
        faults: multiplies every fault rate; 0 or False gives faultless extracts.
        truth: also write what the pipeline should come to.
        seeds: folder with the reference tables.
    """
    if days < 1 or not 0 < scale <= MAX_SCALE:
        raise ValueError(f"days must be at least 1 and scale above 0 and at most {MAX_SCALE}")
    from ingestion.synthetic.truth import Truth

    rate = float(faults)
    ref = load_reference(seeds)
    start_day = day_number(start)
    last_day = start_day + days - 1
    parts = months(start_day, days)
    injector = Injector(ref, seed, rate, last_day)
    counters = Counters(start_day)
    writer = Writer(out / "inbox")
    book = Truth(out / "truth", seeds, start, date_of(last_day)) if truth else None
    steps = len(parts) + 1 + bool(truth)
    for number, part in enumerate(parts):
        frames = make_clean(ref, part, last_day, scale, seed, counters)
        if book:
            book.add_links(frames.pop("links"))
        until = last_day if number == len(parts) - 1 else part.stop - 1
        for contract, sources in CONTRACT_SOURCES.items():
            clean = frames.pop(contract).with_columns(pl.col("_rid") + number * _RECORDS_PER_PART)
            result = injector.inject(contract, clean, number)
            for source in sources:
                writer.write(source, result.emitted.filter(pl.col("_source") == source), until)
            if book:
                book.add(contract, clean, result)
        if progress:
            progress(f"{date_of(part.start):%Y-%m}", number + 1, steps)
    broken, file_faults = add_broken_files(out / "inbox", writer.files, start_day, days, seed, rate)
    if progress:
        progress("ødelagte filer / broken files", len(parts) + 1, steps)
    manifest = Manifest(
        start=start.isoformat(),
        days=days,
        scale=scale,
        seed=seed,
        fault_rate=rate,
        generator_version=GENERATOR_VERSION,
        files=(*writer.files, *broken),
    )
    made = {"start": start.isoformat(), "days": days, "scale": scale, "seed": seed}
    (out / "synthetic.json").write_text(json.dumps(made) + "\n", encoding="utf-8")
    if book:
        book.finish(writer.places, file_faults)
        text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
        (out / "truth" / "manifest.json").write_text(text + "\n", encoding="utf-8")
        if progress:
            progress("fasit / truth", steps, steps)
    return manifest
