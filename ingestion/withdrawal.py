"""What was accepted can be taken back: withdraw deliveries, or read them again under today's map.

A withdrawal is a batch of its own, `lake/<contract>/<withdrawal_id>/` with `withdrawn.parquet`: one
row per batch and file whose rows no longer count, with the reason, who decided and when. Nothing
else in the lake changes: the rows and receipts stay as evidence, and the file stays known. A remap
is one folder with both: what it takes back and the rows that the same files give now.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from contracts import CONTRACTS, LINEAGE
from ingestion.delivery import Delivery
from ingestion.home import Home
from ingestion.intake import BATCH_BYTES, BATCH_FILES, batch_id, find_again
from ingestion.judge import judge
from ingestion.lake import ACCEPTED, WITHDRAWN, Batch, batch_folders, read_receipts, write_batch
from ingestion.lock import exclusive
from ingestion.privacy import Pseudonymiser, check_key, personal_text
from ingestion.readers.isolated import Readers
from ingestion.sources.registry import load_sources
from ingestion.sources.spec import SourceSpec

Dates = tuple[dt.date, dt.date]

SCHEMA: dict[str, pl.DataType] = {
    "withdrawal_id": pl.String(),
    "contract": pl.String(),
    "source": pl.String(),
    "batch_id": pl.String(),
    "file_id": pl.String(),
    "file_name": pl.String(),
    "delivered_on": pl.Date(),
    "accepted": pl.Int64(),
    "rejected": pl.Int64(),
    "reason": pl.String(),
    "who": pl.String(),
    "withdrawn_at": pl.Datetime("us"),
}
_PAIR = ["contract", "batch_id", "source", "file_id"]
_ROW = ["_file_id", "_row_number"]
# Where a row was read says nothing of what it says.
_NOT_COMPARED = {
    "_source",
    "_file_id",
    "_row_number",
    "_batch_id",
    "_delivered_on",
    "_unmapped",
    "_key_scope",
}


class WithdrawalError(Exception):
    """What was asked for cannot be withdrawn; the message says why, in both languages."""


@dataclass(frozen=True)
class Touched:
    """What a withdrawal takes out of the figures: `files` has one row per file and batch.

    Attributes:
        files: SCHEMA without reason, who and time; `rows` and `values` are those accepted, `first`
            and `last` the event dates they span.
        months: first day of every month in which a row falls, in order.
    """

    files: pl.DataFrame
    months: list[dt.date]

    @property
    def rows(self) -> int:
        return int(self.files["rows"].sum())

    @property
    def values(self) -> int:
        return int(self.files["values"].sum())


@dataclass
class RemapReport:
    """What reading a source's files again gives, against what they gave before.

    Attributes:
        unread: files that are not in the inbox, or not with the content they had.
        refused: file name to the code it is refused with under the present map.
        added, removed: rows accepted only now, only before.
        changed_rows, changed: rows accepted both times with another value, and how many per column.
        batch_ids: the batches written; none in a dry run.
    """

    source: str
    files: int = 0
    unread: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    rows_before: int = 0
    rows_now: int = 0
    added: int = 0
    removed: int = 0
    changed_rows: int = 0
    changed: dict[str, int] = field(default_factory=dict)
    batch_ids: list[str] = field(default_factory=list)


# --- what stands --------------------------------------------------------------------------------


def withdrawn(lake: Path) -> pl.DataFrame:
    """Everything that has been taken back: SCHEMA, one row per withdrawal, batch and file."""
    files = [folder / WITHDRAWN for folder in batch_folders(lake)]
    frames = [pl.read_parquet(path) for path in files if path.is_file()]
    return pl.concat(frames) if frames else pl.DataFrame(schema=SCHEMA)


def standing(receipts: pl.DataFrame, lake: Path) -> pl.DataFrame:
    """The receipts (see `read_receipts`) of what has not been withdrawn."""
    taken_back = withdrawn(lake)
    if taken_back.is_empty():
        return receipts
    return receipts.join(taken_back, on=_PAIR, how="anti", maintain_order="left")


# --- withdraw -----------------------------------------------------------------------------------


def choose(
    lake: Path,
    *,
    files: Sequence[str] = (),
    source: str | None = None,
    dates: Dates | None = None,
) -> pl.DataFrame:
    """The standing receipts of some files (names or ids), of a source, of a span of delivery dates.

    What is not given does not limit.

    Raises:
        WithdrawalError: nothing is given, or there is no such delivery.
    """
    if not files and source is None and dates is None:
        raise WithdrawalError(
            "si hva som skal trekkes tilbake: filer, --source eller --from/--to / "
            "say what to withdraw: files, --source or --from/--to"
        )
    chosen = standing(read_receipts(lake), lake)
    if source is not None:
        chosen = chosen.filter(pl.col("source") == source)
    if dates is not None:
        chosen = chosen.filter(pl.col("delivered_on").is_between(*dates))
    if files:
        named = pl.col("file_name").is_in(files) | pl.col("file_id").is_in(files)
        known = {*chosen["file_name"], *chosen["file_id"]}
        if unknown := [name for name in files if name not in known]:
            raise WithdrawalError(
                f"ikke levert, eller trukket tilbake alt / not delivered, or withdrawn already: "
                f"{', '.join(unknown)}"
            )
        chosen = chosen.filter(named)
    if chosen.is_empty():
        raise WithdrawalError("ingen leveranse å trekke tilbake / no delivery to withdraw")
    return chosen


def touched(lake: Path, chosen: pl.DataFrame) -> Touched:
    """What withdrawing these receipts would take out. Reads the rows; writes nothing."""
    rows = []
    months: set[dt.date] = set()
    for (contract, batch), group in chosen.group_by("contract", "batch_id", maintain_order=True):
        path = lake / str(contract) / str(batch) / ACCEPTED
        if not path.is_file():
            continue
        columns = list(CONTRACTS[str(contract)].columns)
        given = pl.scan_parquet(path).filter(pl.col("_file_id").is_in(group["file_id"].to_list()))
        rows.append(
            given.group_by(pl.lit(batch).alias("batch_id"), pl.col("_file_id").alias("file_id"))
            .agg(
                pl.len().alias("rows"),
                pl.sum_horizontal(pl.col(columns).is_not_null().sum()).alias("values"),
                pl.col("event_date").min().alias("first"),
                pl.col("event_date").max().alias("last"),
            )
            .collect()
        )
        months.update(
            given.select(pl.col("event_date").dt.truncate("1mo").unique()).collect()["event_date"]
        )
    counted = (
        pl.concat(rows)
        if rows
        else pl.DataFrame(
            schema={
                "batch_id": pl.String,
                "file_id": pl.String,
                "rows": pl.UInt32,
                "values": pl.UInt32,
                "first": pl.Date,
                "last": pl.Date,
            }
        )
    )
    files = chosen.select(*_PAIR, "file_name", "delivered_on", "accepted", "rejected").join(
        counted, on=["batch_id", "file_id"], how="left", maintain_order="left"
    )
    return Touched(files.with_columns(pl.col("rows", "values").fill_null(0)), sorted(months))


def withdraw(home: Path, chosen: pl.DataFrame, *, reason: str, who: str) -> list[str]:
    """Take back what these receipts gave; returns the withdrawal's batch ids, one per record type.

    Args:
        chosen: receipts, as `choose` gives them.
        reason: why, in a sentence; it is kept beside the lake, so without anything personal.
        who: who decided: a role or initials.

    Raises:
        WithdrawalError: no reason, nobody who decided, or a number of a person in either.
        LockBusyError: an intake into this lake is running.
    """
    check_words(reason, who)
    layout = Home(home)
    written = []
    with exclusive(layout.lake / ".lock"):
        still = standing(chosen, layout.lake)
        now = dt.datetime.now(dt.UTC)
        for (contract,), group in still.group_by("contract", maintain_order=True):
            name = _withdrawal_id(group)
            record = _record(name, group, reason, who, now)
            empty = pl.DataFrame()
            write_batch(layout.lake, Batch(str(contract), name, empty, empty, [], record))
            written.append(name)
    return written


def check_words(reason: str, who: str) -> None:
    """Refuse empty words, and numbers that identify a person: the words are kept.

    Raises:
        WithdrawalError: with what is wrong, and never the words themselves.
    """
    for option, text in (("--reason", reason), ("--who", who)):
        if not text.strip():
            raise WithdrawalError(f"{option} kan ikke være tom / cannot be empty")
        if personal_text(text) is not None:
            raise WithdrawalError(
                f"{option} har et tall som kan være et fødselsnummer eller telefonnummer: skriv "
                "det uten / has a number that may be an identity or phone number: write it without"
            )


def _withdrawal_id(receipts: pl.DataFrame) -> str:
    """A name made from what is withdrawn, so that the same withdrawal twice is one."""
    lines = sorted("/".join(row) for row in receipts.select(_PAIR).iter_rows())
    return f"withdrawal_{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:12]}"


def _record(
    withdrawal_id: str, receipts: pl.DataFrame, reason: str, who: str, at: dt.datetime
) -> pl.DataFrame:
    return receipts.with_columns(
        pl.lit(withdrawal_id).alias("withdrawal_id"),
        pl.lit(reason.strip()).alias("reason"),
        pl.lit(who.strip()).alias("who"),
        pl.lit(at.replace(tzinfo=None)).cast(pl.Datetime("us")).alias("withdrawn_at"),
    ).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


# --- remap --------------------------------------------------------------------------------------


def remap(
    home: Path,
    source: str,
    dates: Dates,
    *,
    key: bytes,
    reason: str = "",
    who: str = "",
    write: bool = False,
    force: bool = False,
    withdrawn_too: bool = False,
    inbox: Path | None = None,
    specs: dict[str, SourceSpec] | None = None,
) -> RemapReport:
    """Read a source's files of a span of delivery dates again, under its present source file.

    What was judged under this very map alone is left as it is unless `force` is given. Files that
    are no longer in the inbox with the content they had keep what they gave, and are named. Without
    `write` nothing is written. A file that has been withdrawn stays so, unless `withdrawn_too`.

    Raises:
        KeyError: an unknown source name.
        WithdrawalError: to write without a reason, or without who decided.
        LockBusyError: an intake into this lake is running.
    """
    if write:
        check_words(reason, who)
    layout = Home(home)
    spec = (specs if specs is not None else load_sources(home=layout))[source]
    report = RemapReport(source)
    with exclusive(layout.lake / ".lock"), Readers() as readers:
        if write:
            check_key(layout.lake, key)
        ever = read_receipts(layout.lake).filter(
            (pl.col("source") == source) & pl.col("delivered_on").is_between(*dates)
        )
        mine = standing(ever, layout.lake)
        gone = ever.join(mine, on="file_id", how="anti")
        last = mine.sort("ingested_at", maintain_order=True).unique("file_id", keep="last")
        # A replay judges a part of a file under today's map; the rest may stand under another.
        old_map = pl.col("map_version") != spec.map_version
        in_part = mine.filter(old_map & (pl.col("accepted") > 0))["file_id"]
        stale = last.filter(pl.lit(force) | old_map | pl.col("file_id").is_in(in_part.implode()))
        if withdrawn_too:
            stale = pl.concat([stale, gone.unique("file_id", keep="last")])
        folder = (inbox or layout.inbox) / source
        for deliveries in _read_again(folder, stale, spec, readers, report.unread):
            old = mine.filter(pl.col("file_id").is_in([d.file_id for d in deliveries]))
            name = batch_id(spec, deliveries, _note(ever, deliveries))
            now = dt.datetime.now(dt.UTC)
            batch = judge(spec, name, deliveries, Pseudonymiser(key).series, now)
            _compare(layout.lake, old, batch, report)
            if write:
                record = None if old.is_empty() else _record(name, old, reason, who, now)
                write_batch(layout.lake, replace(batch, withdrawn=record))
                report.batch_ids.append(name)
    return report


def _note(ever: pl.DataFrame, deliveries: list[Delivery]) -> str:
    """Every batch these files were judged in: a remap back to an earlier map is another batch."""
    files = [delivery.file_id for delivery in deliveries]
    before = ever.filter(pl.col("file_id").is_in(files))["batch_id"]
    return "remap of " + ",".join(sorted(set(before)))


def _read_again(
    folder: Path, receipts: pl.DataFrame, spec: SourceSpec, readers: Readers, unread: list[str]
) -> Iterator[list[Delivery]]:
    """The files of these receipts as they are now, in runs that stay within one batch."""
    group: list[Delivery] = []
    size = 0
    read = find_again(folder, spec, readers)
    for receipt in receipts.sort("delivered_on", "file_name").iter_rows(named=True):
        delivery = read(receipt["file_name"], receipt["file_id"])
        if delivery is None:
            unread.append(receipt["file_name"])
            continue
        if group and (size + delivery.size_bytes > BATCH_BYTES // 8 or len(group) >= BATCH_FILES):
            yield group
            group, size = [], 0
        group.append(delivery)
        size += delivery.size_bytes
    if group:
        yield group


def _compare(lake: Path, old: pl.DataFrame, batch: Batch, report: RemapReport) -> None:
    """Add to the report how the rows of some files differ from what they were."""
    before = _accepted_rows(lake, old)
    now = batch.accepted
    report.files += len(batch.receipts)
    report.refused.update(
        {
            item.file_name: item.refusal_code or ""
            for item in batch.receipts
            if item.status == "refused"
        }
    )
    report.rows_before += before.height
    report.rows_now += now.height
    if before.is_empty() or now.is_empty():
        report.removed += before.height
        report.added += now.height
        return
    report.removed += before.join(now, on=_ROW, how="anti").height
    report.added += now.join(before, on=_ROW, how="anti").height
    names = [
        *CONTRACTS[batch.contract].columns,
        *(name for name in LINEAGE if name not in _NOT_COMPARED),
    ]
    both = before.join(now, on=_ROW, how="inner", suffix="__now")
    differs = both.select(
        pl.col(name).ne_missing(pl.col(f"{name}__now")).alias(name)
        for name in names
        if name in before.columns and name in now.columns
    )
    report.changed_rows += int(differs.select(pl.any_horizontal(pl.all()).sum()).item())
    for name, count in differs.sum().row(0, named=True).items():
        if count:
            report.changed[name] = report.changed.get(name, 0) + int(count)


def _accepted_rows(lake: Path, receipts: pl.DataFrame) -> pl.DataFrame:
    """The accepted rows that these receipts count."""
    frames = []
    for (contract, batch), group in receipts.group_by("contract", "batch_id", maintain_order=True):
        path = lake / str(contract) / str(batch) / ACCEPTED
        if path.is_file():
            mine = pl.col("_file_id").is_in(group["file_id"].to_list())
            frames.append(pl.scan_parquet(path).filter(mine).collect())
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()
