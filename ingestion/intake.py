"""The intake: pending files of the inbox into batches of the lake.

A file is known by its content: the same bytes twice, under whatever name, are taken in once. Many
small files share one validation pass, because the cost of a pass is per pass and not per row.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from ingestion.delivery import Delivery
from ingestion.errors import FileRefusedError
from ingestion.home import Home
from ingestion.judge import judge
from ingestion.lake import Batch, iter_receipts, note_repeats, repeats, sweep, write_batch
from ingestion.lock import exclusive
from ingestion.privacy import Pseudonymiser
from ingestion.readers import RawFile, read_bytes
from ingestion.readers.container import unpack
from ingestion.readers.jsonl_file import check_fields, plain_paths, read_jsonl_files
from ingestion.readers.text import to_utf8
from ingestion.sources.registry import load_sources
from ingestion.sources.spec import SourceSpec

# About a million rows of the widest source: enough to spread the cost of a pass, and well within
# memory for two batches at a time (one being read while one is judged).
BATCH_BYTES = 160 * 1024**2
BATCH_FILES = 2_000
_READ_THREADS = 2
# How much text a byte on disk becomes, to keep batches of packed formats as bounded as the others.
_GROWTH = {"gzip": 6, "zip": 6, "xlsx": 6, "parquet": 8}


@dataclass
class SourceReport:
    """Counts of one source in one run."""

    source: str
    contract: str
    files_read: int = 0
    files_refused: int = 0
    rows_read: int = 0
    accepted: int = 0
    rejected: int = 0
    exact_duplicates: int = 0
    batch_ids: list[str] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)

    def add(self, batch: Batch) -> None:
        """Count one written batch."""
        self.batch_ids.append(batch.batch_id)
        for receipt in batch.receipts:
            self.files_read += 1
            if receipt.status == "refused":
                self.files_refused += 1
                code = receipt.refusal_code or ""
                self.refusals[code] = self.refusals.get(code, 0) + 1
            self.rows_read += receipt.rows_read
            self.accepted += receipt.accepted
            self.rejected += receipt.rejected
            self.exact_duplicates += receipt.exact_duplicates


@dataclass
class IngestReport:
    """What one run took in, per source."""

    sources: dict[str, SourceReport] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rows_read(self) -> int:
        return sum(report.rows_read for report in self.sources.values())

    @property
    def files_read(self) -> int:
        return sum(report.files_read for report in self.sources.values())

    @property
    def batch_ids(self) -> list[str]:
        return [batch for report in self.sources.values() for batch in report.batch_ids]


@dataclass(frozen=True)
class Progress:
    """A step of a run, for whoever shows it."""

    source: str
    files_done: int
    files_total: int
    rows: int
    seconds: float


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class InboxFile:
    """A file in the inbox that is not in the lake under this name, size and time."""

    path: Path
    size_bytes: int
    mtime_ns: int
    delivered_on: dt.date | None

    @property
    def name(self) -> str:
        return self.path.name


@dataclass
class Known:
    """What the lake has already judged of one source."""

    stamps: set[tuple[str, int, int]] = field(default_factory=set)
    file_ids: set[str] = field(default_factory=set)


def ingest(
    home: Path,
    sources: Sequence[str] | None = None,
    *,
    key: bytes,
    inbox: Path | None = None,
    dates: tuple[dt.date, dt.date] | None = None,
    specs: dict[str, SourceSpec] | None = None,
    progress: ProgressCallback | None = None,
) -> IngestReport:
    """Take every pending file into the lake.

    Args:
        home: the installation's folder (`AKUTT_HOME`).
        sources: names of sources; all when not given.
        key: the secret behind caller pseudonyms.
        inbox: where the source folders are; `home/inbox` when not given.
        dates: first and last delivery date (inclusive) to take; all when not given.
        specs: the source registry; the project's and the home's when not given.

    Returns:
        Counts per source. Refused files are counted, and never stop the others.

    Raises:
        BusyError: another intake into this lake is running.
        KeyError: an unknown source name.
    """
    layout = Home(home)
    registry = specs if specs is not None else load_sources(home=layout)
    names = list(sources) if sources is not None else list(registry)
    started = time.perf_counter()
    report = IngestReport()
    with exclusive(layout.lake / ".lock"):
        sweep(layout.lake)
        known = known_files(layout.lake)
        pseudonymise = Pseudonymiser(key).series
        for name in names:
            spec = registry[name]
            folder = (inbox or layout.inbox) / name
            files = pending_files(folder, spec, known.get(name, Known()), dates)
            counts = SourceReport(name, spec.contract)
            report.sources[name] = counts
            done = 0
            repeated: set[tuple[str, str, int, int]] = set()
            for group, deliveries in _read_ahead(_groups(files, spec), spec):
                fresh = _not_yet_known(deliveries, known.setdefault(name, Known()))
                repeated |= {
                    (name, item.file_name, item.size_bytes, item.mtime_ns)
                    for item in deliveries
                    if item not in fresh
                }
                done += len(group)
                if fresh:
                    batch = judge(
                        spec, batch_id(spec, fresh), fresh, pseudonymise, dt.datetime.now(dt.UTC)
                    )
                    write_batch(layout.lake, batch)
                    counts.add(batch)
                if progress is not None:
                    elapsed = time.perf_counter() - started
                    progress(Progress(name, done, len(files), counts.rows_read, elapsed))
            note_repeats(layout.lake, repeated)
    report.seconds = time.perf_counter() - started
    return report


def known_files(lake: Path) -> dict[str, Known]:
    """What the lake has judged, per source."""
    known: dict[str, Known] = {}
    for _, receipt in iter_receipts(lake):
        entry = known.setdefault(receipt["source"], Known())
        entry.stamps.add((receipt["file_name"], receipt["size_bytes"], receipt["mtime_ns"]))
        entry.file_ids.add(receipt["file_id"])
    for source, name, size, mtime in repeats(lake):
        known.setdefault(source, Known()).stamps.add((name, size, mtime))
    return known


def pending_files(
    folder: Path,
    spec: SourceSpec,
    known: Known,
    dates: tuple[dt.date, dt.date] | None = None,
) -> list[InboxFile]:
    """Files of a source folder whose name, size or time the lake does not know, oldest first."""
    if not folder.is_dir():
        return []
    files = []
    for path in folder.iterdir():
        if path.name.startswith(".") or not path.is_file():
            continue
        status = path.stat()
        if (path.name, status.st_size, status.st_mtime_ns) in known.stamps:
            continue
        day = spec.delivery_date(path.name)
        if dates is not None and (day is None or not dates[0] <= day <= dates[1]):
            continue
        files.append(InboxFile(path, status.st_size, status.st_mtime_ns, day))
    return sorted(files, key=lambda file: (file.delivered_on or dt.date.min, file.name))


def read_delivery(file: InboxFile, spec: SourceSpec) -> Delivery:
    """Read one file; a file that must be refused comes back with the reason as its content."""

    def read(data: bytes, day: dt.date) -> RawFile:
        return read_bytes(data, spec, day)

    return _deliver(file, spec, read)


def read_deliveries(
    files: list[InboxFile], spec: SourceSpec, pool: ThreadPoolExecutor
) -> list[Delivery]:
    """Read the files of one batch, in order."""
    if spec.format.type != "jsonl" or spec.format.compression != "none" or spec.headers:
        return list(pool.map(lambda file: read_delivery(file, spec), files))
    paths = plain_paths(spec)
    unread = RawFile(pl.DataFrame())

    def check(data: bytes, _: dt.date) -> RawFile:
        payload = to_utf8(unpack(data, "none"), spec.format.encoding)
        check_fields(payload, spec, paths)
        return unread

    checked = list(pool.map(lambda file: _deliver(file, spec, check), files))
    good = [
        (index, file.path)
        for index, (file, delivery) in enumerate(zip(files, checked, strict=True))
        if delivery.content is unread
    ]
    contents = read_jsonl_files([path for _, path in good], spec) if good else []
    if contents is None:
        return list(pool.map(lambda file: read_delivery(file, spec), files))
    for (index, _), content in zip(good, contents, strict=True):
        checked[index] = replace(checked[index], content=content)
    return checked


def _deliver(
    file: InboxFile, spec: SourceSpec, read: Callable[[bytes, dt.date], RawFile]
) -> Delivery:
    data = file.path.read_bytes()
    file_id = hashlib.sha256(data).hexdigest()[:16]
    content: RawFile | FileRefusedError
    try:
        if file.delivered_on is None:
            raise FileRefusedError(
                "FILE_NAME_PATTERN", f"ventet {spec.files}", f"expected {spec.files}"
            )
        content = read(data, file.delivered_on)
    except FileRefusedError as error:
        content = error
    return Delivery(file.name, file_id, file.size_bytes, file.mtime_ns, file.delivered_on, content)


def batch_id(spec: SourceSpec, deliveries: list[Delivery], note: str = "") -> str:
    """A name made from content: the source, the first and last date, and a hash of the files."""
    days = sorted(d.delivered_on.isoformat() for d in deliveries if d.delivered_on is not None)
    text = "\n".join([spec.name, spec.map_version, note, *(d.file_id for d in deliveries)])
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    span = f"{days[0]}_{days[-1]}_" if days else ""
    return f"{spec.name}_{span}{digest}"


def _groups(files: list[InboxFile], spec: SourceSpec) -> Iterator[list[InboxFile]]:
    """Runs of files that together stay within one batch."""
    growth = max(_GROWTH.get(spec.format.compression, 1), _GROWTH.get(spec.format.type, 1))
    group: list[InboxFile] = []
    size = 0
    for file in files:
        weight = file.size_bytes * growth
        if group and (size + weight > BATCH_BYTES or len(group) >= BATCH_FILES):
            yield group
            group, size = [], 0
        group.append(file)
        size += weight
    if group:
        yield group


def _read_ahead(
    groups: Iterator[list[InboxFile]], spec: SourceSpec
) -> Iterator[tuple[list[InboxFile], list[Delivery]]]:
    """Read the next group on other threads while the caller judges this one."""
    with (
        ThreadPoolExecutor(_READ_THREADS, thread_name_prefix="read") as pool,
        ThreadPoolExecutor(1, thread_name_prefix="ahead") as ahead,
    ):
        waiting: tuple[list[InboxFile], Future[list[Delivery]]] | None = None
        for group in groups:
            future = ahead.submit(read_deliveries, group, spec, pool)
            if waiting is not None:
                yield waiting[0], waiting[1].result()
            waiting = (group, future)
        if waiting is not None:
            yield waiting[0], waiting[1].result()


def _not_yet_known(deliveries: list[Delivery], known: Known) -> list[Delivery]:
    fresh = []
    for delivery in deliveries:
        if delivery.file_id not in known.file_ids:
            known.file_ids.add(delivery.file_id)
            fresh.append(delivery)
    return fresh
