"""The intake: pending files of the inbox into batches of the lake.

A file is known by its content: the same bytes twice, under whatever name, are taken in once. Many
small files share one validation pass, because the cost of a pass is per pass and not per row.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from ingestion.delivery import Delivery
from ingestion.errors import FileRefusedError, refusal_of
from ingestion.home import Home
from ingestion.judge import judge
from ingestion.known import Known, Stamp, compared, known_files
from ingestion.lake import Batch, note_repeats, sweep, write_batch
from ingestion.lock import exclusive
from ingestion.manifest import (
    UNREAD,
    Manifest,
    check_content,
    check_rows,
    is_manifest,
    read_manifests,
)
from ingestion.privacy import Pseudonymiser, check_key, personal_text, safe
from ingestion.readers import RawFile
from ingestion.readers.isolated import Readers
from ingestion.shaping import shaped
from ingestion.sources.registry import load_sources
from ingestion.sources.spec import TYPED_FORMATS, SourceSpec

# Half a million rows of the widest source: enough to spread the cost of a pass, and well within
# memory for those that are read ahead while one is judged.
BATCH_BYTES = 100 * 1024**2
BATCH_FILES = 2_000
_READ_THREADS = 2
# Batches that are read and wait, of the formats of either kind: no core then waits for a file.
_GROUPS_AHEAD = 2
# How far ahead of the calendar the date of a delivery may lie: senders' clocks differ, by a day.
_DAYS_AHEAD = 2
# Names that programs use while they are still writing.
_UNFINISHED = (".part", ".partial", ".filepart", ".tmp", ".crdownload", ".writing")
# How much text a byte on disk becomes, to keep batches of packed formats as bounded as the others.
_GROWTH = {"gzip": 6, "zip": 6, "xlsx": 6, "parquet": 8}


@dataclass
class SourceReport:
    """Counts of one source in one run. `repeats` are files whose content was taken in before."""

    source: str
    contract: str
    files_read: int = 0
    files_refused: int = 0
    rows_read: int = 0
    accepted: int = 0
    rejected: int = 0
    exact_duplicates: int = 0
    left_out: int = 0
    batch_ids: list[str] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    repeats: list[str] = field(default_factory=list)

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
            self.left_out += receipt.left_out


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
    ctime_ns: int | None = None
    manifest: Manifest | None = None

    @property
    def name(self) -> str:
        """The name as it may be written: nothing personal, nothing that a terminal would obey."""
        return shown_name(self.path)

    @property
    def stamp(self) -> Stamp:
        return (self.name, self.size_bytes, self.mtime_ns, self.ctime_ns)

    @property
    def mark(self) -> str | None:
        """The manifest it came with, as a mark; another one is a reason to look again."""
        return None if self.manifest is None else self.manifest.mark

    @classmethod
    def of(cls, path: Path, spec: SourceSpec, manifest: Manifest | None = None) -> InboxFile:
        """A file as it lies there now."""
        status = path.stat()
        return cls(
            path,
            status.st_size,
            status.st_mtime_ns,
            spec.delivery_date(path.name),
            status.st_ctime_ns,
            manifest,
        )


def shown_name(path: Path) -> str:
    """A file's name as it may be written; bytes that are no text are shown as such."""
    name = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    # Ten years of daily files differ in their date only, which is looked at once.
    return name if _is_plain(_DAY_IN_NAME.sub("2000-01-01", name)) else safe(name)


_DAY_IN_NAME = re.compile(r"(?<!\d)(?:19|20)\d\d-[01]\d-[0-3]\d(?!\d)")


@functools.lru_cache(maxsize=4096)
def _is_plain(name: str) -> bool:
    return safe(name) == name


def find_again(
    folder: Path, spec: SourceSpec, readers: Readers
) -> Callable[[str, str], Delivery | None]:
    """What reads a file of a source once more, by the name and the id that its receipt has.

    Two files may be shown by one name, so the content decides. A manifest is held against it again.
    """
    paths: dict[str, list[Path]] = {}
    files = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    manifests = read_manifests(files)
    for path in files:
        paths.setdefault(shown_name(path), []).append(path)

    def read(name: str, file_id: str) -> Delivery | None:
        for path in paths.get(name, []):
            file = InboxFile.of(path, spec, manifests.get(path.name))
            delivery = read_delivery(file, spec, readers)
            if delivery is not None and delivery.file_id == file_id:
                return delivery
        return None

    return read


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
    with exclusive(layout.lake / ".lock"), Readers() as readers:
        sweep(layout.lake)
        known = known_files(layout.lake)
        pending = {
            name: pending_files(
                (inbox or layout.inbox) / name,
                registry[name],
                known.setdefault(name, Known()),
                dates,
            )
            for name in names
        }
        if any(pending.values()):
            check_key(layout.lake, key)
        if any(
            files and registry[name].format.type in TYPED_FORMATS for name, files in pending.items()
        ):
            readers.start()
        pseudonymise = Pseudonymiser(key).series
        report.sources = {name: SourceReport(name, registry[name].contract) for name in names}
        done = dict.fromkeys(names, 0)
        groups = (group for name in names for group in _groups(pending[name], registry[name]))
        for group, deliveries in _read_ahead(groups, readers):
            spec, name = group.spec, group.spec.name
            seen, counts = known[name], report.sources[name]
            waiting = [delivery for delivery in deliveries if not seen.has_content(delivery)]
            judged: set[int] = set()
            # The same content under two names is judged once, unless the first name is refused.
            while fresh := first_of_content(waiting):
                judged.update(map(id, fresh))
                batch = judge(
                    spec, batch_id(spec, fresh), fresh, pseudonymise, dt.datetime.now(dt.UTC)
                )
                batch = compared(batch, fresh, spec, seen)
                write_batch(layout.lake, batch)
                counts.add(batch)
                seen.add(batch)
                waiting = [
                    delivery
                    for delivery in waiting
                    if id(delivery) not in judged and not seen.has_content(delivery)
                ]
            repeated = {
                (name, item.file_name, item.size_bytes, item.mtime_ns, item.ctime_ns)
                for item in deliveries
                if id(item) not in judged
            }
            note_repeats(layout.lake, repeated)
            counts.repeats += sorted(item[1] for item in repeated)
            done[name] += len(group.files)
            if progress is not None:
                elapsed = time.perf_counter() - started
                progress(Progress(name, done[name], len(pending[name]), counts.rows_read, elapsed))
    report.seconds = time.perf_counter() - started
    return report


def pending_files(
    folder: Path,
    spec: SourceSpec,
    known: Known,
    dates: tuple[dt.date, dt.date] | None = None,
) -> list[InboxFile]:
    """Files of a source folder whose name, size or time the lake does not know, oldest first.

    Files whose name says that they are still being written wait for their real name.
    """
    if not folder.is_dir():
        return []
    paths = list(folder.iterdir())
    manifests = read_manifests(paths)
    files = []
    for path in paths:
        if path.name.startswith(".") or path.name.lower().endswith(_UNFINISHED):
            continue
        if is_manifest(path.name):
            continue
        try:
            if not path.is_file():
                continue
            file = InboxFile.of(path, spec, manifests.get(path.name))
        except OSError:
            continue  # renamed or taken away since the folder was listed
        if known.has_file(file.stamp, file.mark):
            continue
        day = file.delivered_on
        if dates is not None and (day is None or not dates[0] <= day <= dates[1]):
            continue
        files.append(file)
    return sorted(files, key=lambda file: (file.delivered_on or dt.date.min, file.name))


def read_delivery(file: InboxFile, spec: SourceSpec, readers: Readers) -> Delivery | None:
    """Read one file; a file that must be refused comes back with the reason as its content.

    Args:
        readers: reads it, in a process of its own where native code parses the format.

    Returns:
        None for a file that is gone or was changed while it was read: it waits for the next run.
    """
    content: RawFile | FileRefusedError
    try:
        data = file.path.read_bytes()
        if _has_moved(file):
            return None
    except FileNotFoundError:
        return None
    except OSError as error:
        # Without the content the entry itself is what the refusal is about.
        data = repr(file.stamp).encode()
        content = FileRefusedError(
            "FILE_UNREADABLE",
            f"filen kan ikke åpnes ({error.strerror}); rett rettighetene",
            f"the file cannot be opened ({error.strerror}); mend its permissions",
        )
    else:
        content = _content(file, data, spec, readers)
    return Delivery(
        file.name,
        _file_id(data, content, file.delivered_on),
        file.size_bytes,
        file.mtime_ns,
        file.delivered_on,
        content,
        ctime_ns=file.ctime_ns,
        manifest=file.mark,
    )


def _file_id(data: bytes, content: RawFile | FileRefusedError, delivered_on: dt.date | None) -> str:
    """What a file is known by: its content, and its day too where there is no record in it.

    Every quiet day's file has the same header, and says of another day that it was quiet.
    """
    if isinstance(content, FileRefusedError):
        is_empty = content.code == "FILE_EMPTY"
    else:
        is_empty = content.rows_read + content.left_out == 0
    day = f"{delivered_on}".encode() if is_empty else b""
    return hashlib.sha256(data + day).hexdigest()[:16]


def _has_moved(file: InboxFile) -> bool:
    """Whether size or time are others than when the file was found: somebody is writing it."""
    status = file.path.stat()
    return (status.st_size, status.st_mtime_ns) != (file.size_bytes, file.mtime_ns)


def _content(
    file: InboxFile, data: bytes, spec: SourceSpec, readers: Readers
) -> RawFile | FileRefusedError:
    """The rows of a file, or why it is refused; no exception of any library gets past."""
    try:
        day = _believable_date(file, spec)
        check_content(file.manifest, data)
        raw = readers.read(data, spec, day)
        check_rows(file.manifest, raw.rows_read + raw.left_out)
        if file.manifest is not None and file.manifest.unread:
            raw = replace(raw, findings={**raw.findings, UNREAD: 1})
        return shaped(raw, spec)
    except BaseException as error:
        return refusal_of(error)


def _believable_date(file: InboxFile, spec: SourceSpec) -> dt.date:
    """The delivery date in the file's name.

    Raises:
        FileRefusedError: the name has something personal, no date, or one that cannot be.
    """
    code = personal_text(file.path.name)
    if code is not None:
        raise FileRefusedError(
            code,
            "i filnavnet; gi filen et annet navn",
            "in the file name; give the file another name",
        )
    day = file.delivered_on
    if day is None:
        raise FileRefusedError(
            "FILE_NAME_PATTERN", f"ventet {spec.files}", f"expected {spec.files}"
        )
    today = dt.datetime.now(ZoneInfo(spec.clock.calendar)).date()
    if not spec.first_date <= day <= today + dt.timedelta(days=_DAYS_AHEAD):
        raise FileRefusedError(
            "FILE_DATE_IMPLAUSIBLE",
            f"{day.isoformat()} er ikke mellom {spec.first_date.isoformat()} og i dag",
            f"{day.isoformat()} is not between {spec.first_date.isoformat()} and today",
        )
    return day


def batch_id(spec: SourceSpec, deliveries: list[Delivery], note: str = "") -> str:
    """A name made from content: the source, the first and last date, and a hash of the files."""
    days = sorted(d.delivered_on.isoformat() for d in deliveries if d.delivered_on is not None)
    # Under another manifest it is another judgement.
    files = (" ".join(filter(None, (d.file_id, d.file_name, d.manifest))) for d in deliveries)
    text = "\n".join([spec.name, spec.map_version, note, *files])
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    span = f"{days[0]}_{days[-1]}_" if days else ""
    return f"{spec.name}_{span}{digest}"


@dataclass(frozen=True)
class _Group:
    """Files of one source that together stay within one batch."""

    spec: SourceSpec
    files: list[InboxFile]


def _groups(files: list[InboxFile], spec: SourceSpec) -> Iterator[_Group]:
    growth = max(_GROWTH.get(spec.format.compression, 1), _GROWTH.get(spec.format.type, 1))
    group: list[InboxFile] = []
    size = 0
    for file in files:
        weight = file.size_bytes * growth
        if group and (size + weight > BATCH_BYTES or len(group) >= BATCH_FILES):
            yield _Group(spec, group)
            group, size = [], 0
        group.append(file)
        size += weight
    if group:
        yield _Group(spec, group)


def _read_all(group: _Group, pool: ThreadPoolExecutor, readers: Readers) -> list[Delivery]:
    """The files of one batch, in order, without those that wait."""
    read = pool.map(lambda file: read_delivery(file, group.spec, readers), group.files)
    return [delivery for delivery in read if delivery is not None]


def _read_ahead(
    groups: Iterable[_Group], readers: Readers
) -> Iterator[tuple[_Group, list[Delivery]]]:
    """Read the next groups, of any source, on other threads while the caller judges one.

    Formats with a process of their own are read beside the others, which come in their order.
    """
    lanes: tuple[list[_Group], list[_Group]] = ([], [])
    for group in groups:
        lanes[group.spec.format.type in TYPED_FORMATS].append(group)
    with ExitStack() as stack:
        reading = [stack.enter_context(_Lane(lane, readers)) for lane in lanes]
        while ahead := [lane for lane in reading if lane.ahead]:
            wait([lane.ahead[0][1] for lane in ahead], return_when=FIRST_COMPLETED)
            for lane in ahead:
                group, future = lane.ahead[0]
                if future.done():
                    lane.ahead.popleft()
                    lane.read_on()
                    yield group, future.result()


class _Lane:
    """Groups that are read one after the other, ahead of whoever takes them from `ahead`."""

    def __init__(self, groups: Iterable[_Group], readers: Readers) -> None:
        self._groups = iter(groups)
        self._readers = readers
        self._one = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._pool = ThreadPoolExecutor(_READ_THREADS, thread_name_prefix="read")
        self.ahead: deque[tuple[_Group, Future[list[Delivery]]]] = deque()

    def __enter__(self) -> Self:
        self.read_on()
        return self

    def __exit__(self, *_: object) -> None:
        self._one.shutdown(cancel_futures=True)
        self._pool.shutdown()

    def read_on(self) -> None:
        """Start reading the next groups, as far ahead as memory allows."""
        for group in islice(self._groups, _GROUPS_AHEAD - len(self.ahead)):
            future = self._one.submit(_read_all, group, self._pool, self._readers)
            self.ahead.append((group, future))


def first_of_content(deliveries: list[Delivery]) -> list[Delivery]:
    """The first delivery of every content."""
    first: dict[str, Delivery] = {}
    for delivery in deliveries:
        first.setdefault(delivery.file_id, delivery)
    return list(first.values())
