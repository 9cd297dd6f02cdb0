"""Rejected rows and refused files: see them, send them back, judge them again.

A row is in quarantine as long as the latest judgement of it rejected it. A replay reads the
original file once more under the source's present map and judges only what is in quarantine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from contracts import CONTRACTS, FILE_RULES
from ingestion.delivery import Delivery
from ingestion.errors import FileRefusedError
from ingestion.home import Home
from ingestion.intake import SourceReport, batch_id, find_again, first_of_content
from ingestion.judge import judge
from ingestion.lake import ACCEPTED, REJECTED, batch_folders, read_receipts, write_batch
from ingestion.lock import exclusive
from ingestion.privacy import Pseudonymiser, check_key
from ingestion.readers.isolated import Readers
from ingestion.readers.raw import LOST, ROW_CHARACTER_LOST, ROW_NUMBER
from ingestion.sources.registry import load_sources, read_sources
from ingestion.sources.spec import SourceSpec
from ingestion.withdrawal import standing

_REJECT_SCHEMA: dict[str, pl.DataType] = {
    "source": pl.String(),
    "file_id": pl.String(),
    "batch_id": pl.String(),
    "file_name": pl.String(),
    "row": pl.Int64(),
    "codes": pl.String(),
    "raw": pl.String(),
}
ROW_COLUMNS = ["source", "file_name", "row", "code", "message_nb", "message_en", "raw"]


def latest_receipts(lake: Path) -> pl.DataFrame:
    """The last judgement of every delivered file; replays come after what they replay.

    What has been withdrawn waits for nobody, and is left out. The same content may have been
    refused under several names: each waits, until it is accepted under one.
    """
    receipts = standing(read_receipts(lake), lake).sort("ingested_at", maintain_order=True)
    file = ["source", "file_id"]
    accepted = pl.int_range(pl.len()).filter(pl.col("status") == "accepted").max().over(file)
    since = pl.int_range(pl.len()).over(file) >= accepted
    return receipts.filter(since | accepted.is_null()).unique(
        [*file, "file_name"], keep="last", maintain_order=True
    )


def summary(lake: Path, source: str | None = None) -> pl.DataFrame:
    """What is in quarantine: source, code, level, files, rows and the bokmål message."""
    latest = _of_source(latest_receipts(lake), source)
    rows = rejected_rows(lake, source)
    by_code = (
        rows.group_by("source", "code").agg(
            pl.col("file_name").n_unique().alias("files"), pl.len().alias("rows")
        )
    ).with_columns(pl.lit("row").alias("level"))
    refused = (
        latest.filter((pl.col("status") == "refused") & (pl.col("rows_read") == 0))
        .group_by("source", pl.col("refusal_code").alias("code"))
        .agg(pl.len().alias("files"), pl.lit(0, dtype=pl.UInt32).alias("rows"))
        .with_columns(pl.lit("file").alias("level"))
    )
    columns = ["source", "level", "code", "files", "rows"]
    found = pl.concat([refused.select(columns), by_code.select(columns)], how="vertical_relaxed")
    return found.join(messages(), on="code", how="left").sort("source", "level", "code")


def messages() -> pl.DataFrame:
    """Code, message_nb and message_en of every rule there is."""
    rules = [*FILE_RULES, *(rule for contract in CONTRACTS.values() for rule in contract.rules)]
    return pl.DataFrame(
        {
            "code": [rule.code for rule in rules],
            "message_nb": [rule.message_nb for rule in rules],
            "message_en": [rule.message_en for rule in rules],
        }
    ).unique("code", maintain_order=True)


def rejected_rows(
    lake: Path, source: str | None = None, file_name: str | None = None
) -> pl.DataFrame:
    """One row per rejected row and failing code, with messages and masked raw values."""
    rows = _of_source(_rejects(lake), source)
    if file_name is not None:
        rows = rows.filter((pl.col("file_name") == file_name) | (pl.col("file_id") == file_name))
    return (
        rows.with_columns(pl.col("codes").str.strip_chars("|").str.split("|").alias("code"))
        .explode("code")
        .join(messages(), on="code", how="left", maintain_order="left")
        .select(ROW_COLUMNS)
        .sort("source", "file_name", "row", "code")
    )


def with_sender_columns(
    rows: pl.DataFrame, specs: Mapping[str, SourceSpec] | None = None
) -> pl.DataFrame:
    """Rejected rows with what the sender calls the columns a rule is about, and what stood there.

    Args:
        rows: as `rejected_rows` gives them.
        specs: the source registry; the sources that can be used when not given.

    Returns:
        The rows with `columns` (`Dispatch DtTm, Unit ID`) and `values` (`Dispatch DtTm: 24:61`,
        masked as in `raw`, a dash where the field is empty); null where no column can be named.
    """
    known = read_sources().specs if specs is None else specs
    parts = [
        own.with_columns(_named(own["raw"], str(code), known.get(str(source))))
        for (source, code), own in rows.with_row_index("_at")
        .partition_by("source", "code", as_dict=True)
        .items()
    ]
    if not parts:
        none = pl.lit(None, dtype=pl.String)
        return rows.with_columns(none.alias("columns"), none.alias("values"))
    return pl.concat(parts).sort("_at").drop("_at")


def _named(raw: pl.Series, code: str, spec: SourceSpec | None) -> list[pl.Series]:
    """The columns and values of rows that one rule of a source rejected."""
    none = pl.repeat(None, len(raw), dtype=pl.String, eager=True)
    rules = CONTRACTS[spec.contract].rules if spec is not None else ()
    about = next((rule.columns for rule in rules if rule.code == code), ())
    names = spec.raw_columns_of(about) if spec is not None else []
    if spec is not None and code == ROW_CHARACTER_LOST:
        names = spec.mapped_columns()
    if not names:
        return [none.alias("columns"), none.alias("values")]
    fields = raw.str.json_decode(pl.Struct(dict.fromkeys(names, pl.String))).struct.unnest()
    told = {
        # Of lost characters the column is told by the row.
        name: pl.col(name).str.contains(LOST, literal=True).fill_null(False)
        if code == ROW_CHARACTER_LOST
        else pl.lit(True)
        for name in names
    }
    return fields.select(
        _listed([pl.when(hit).then(pl.lit(name)) for name, hit in told.items()], "columns"),
        _listed(
            [
                pl.when(hit).then(pl.lit(f"{name}: ") + pl.col(name).fill_null("–"))
                for name, hit in told.items()
            ],
            "values",
        ),
    ).get_columns()


def _listed(parts: list[pl.Expr], name: str) -> pl.Expr:
    text = pl.concat_str(parts, separator=", ", ignore_nulls=True)
    return pl.when(text != "").then(text).alias(name)


def _rejects(lake: Path) -> pl.DataFrame:
    """The rows that the latest judgement of their file rejected, one row each."""
    current = latest_receipts(lake).select("source", "file_id", "batch_id")
    frames = [
        pl.read_parquet(folder / REJECTED)
        for folder in batch_folders(lake)
        if (folder / REJECTED).exists()
    ]
    if not frames:
        return pl.DataFrame(schema=_REJECT_SCHEMA)
    names = {
        "_source": "source",
        "_file_id": "file_id",
        "_batch_id": "batch_id",
        "_file_name": "file_name",
        "_row_number": "row",
    }
    return (
        pl.concat(frames)
        .rename(names)
        .join(current, on=["source", "file_id", "batch_id"], how="semi")
        .select(list(_REJECT_SCHEMA))
    )


def refused_files(lake: Path, source: str | None = None) -> pl.DataFrame:
    """One row per file that is refused whole, with the rule and what was found."""
    return (
        _of_source(latest_receipts(lake), source)
        .filter(pl.col("status") == "refused")
        .select(
            "source",
            "file_name",
            "file_id",
            pl.col("refusal_code").alias("code"),
            "refusal_nb",
            "refusal_en",
        )
        .join(messages(), on="code", how="left", maintain_order="left")
        .sort("source", "file_name")
    )


def export_workbook(
    lake: Path,
    path: Path,
    source: str | None = None,
    specs: Mapping[str, SourceSpec] | None = None,
) -> Path:
    """A workbook for the sender: what was refused or rejected, and why, in bokmål.

    Args:
        specs: the source registry; the sources that can be used when not given.
    """
    import xlsxwriter

    rows = with_sender_columns(rejected_rows(lake, source), specs).select(
        pl.col("source").alias("Kilde"),
        pl.col("file_name").alias("Fil"),
        pl.col("row").alias("Rad"),
        pl.col("code").alias("Regel"),
        pl.col("columns").alias("Kolonner hos dere"),
        pl.col("values").alias("Står i dem"),
        pl.col("message_nb").alias("Hva som er galt"),
        pl.col("raw").alias("Verdier i raden"),
    )
    files = refused_files(lake, source).select(
        pl.col("source").alias("Kilde"),
        pl.col("file_name").alias("Fil"),
        pl.col("code").alias("Regel"),
        pl.col("message_nb").alias("Hva som er galt"),
        pl.col("refusal_nb").alias("Funnet"),
    )
    about = pl.DataFrame(
        {
            "Om arket": [
                "Rader: hver rad som ble avvist, med alle regler den brøt.",
                "Kolonner hos dere: navnene i filen; i teksten om hva som er galt står våre navn.",
                "Filer: hver fil som ble avvist som helhet.",
                "Rad 1 er første datarad under overskriften. Personnære verdier er skjult.",
                "Rett opp og send filen på nytt, eller send raden med høyere revisjon.",
            ]
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False}) as workbook:
        for name, frame in (("Les meg", about), ("Filer", files), ("Rader", rows)):
            frame.write_excel(workbook, worksheet=name, autofit=frame.height < 5_000)
    return path


def replay(
    home: Path,
    source: str,
    *,
    key: bytes,
    inbox: Path | None = None,
    specs: dict[str, SourceSpec] | None = None,
    force: bool = False,
) -> SourceReport:
    """Judge everything of a source that is in quarantine again, under its present map.

    What was last judged under this very map is left alone unless `force` is given.
    Files are read from the inbox once more and must have the same content as before; one that is
    gone is left in quarantine, and so are rows of a file that cannot be read under this map. Rows
    that are outside the source now (`where`) leave quarantine, and are counted as left out.
    Returns the counts of the replay.

    Raises:
        KeyError: an unknown source name.
    """
    layout = Home(home)
    spec = (specs if specs is not None else load_sources(home=layout))[source]
    report = SourceReport(source, spec.contract)
    with exclusive(layout.lake / ".lock"), Readers() as readers:
        latest = latest_receipts(layout.lake).filter(
            (pl.col("source") == source)
            & ((pl.col("rejected") > 0) | (pl.col("status") == "refused"))
            & (pl.lit(force) | (pl.col("map_version") != spec.map_version))
        )
        check_key(layout.lake, key)
        accepted = _accepted_rows(layout.lake, source)
        rejected = _rejected_numbers(layout.lake, source)
        read = find_again((inbox or layout.inbox) / source, spec, readers)
        deliveries = []
        for receipt in latest.iter_rows(named=True):
            delivery = read(receipt["file_name"], receipt["file_id"])
            if delivery is not None:
                if receipt["status"] == "accepted":
                    delivery = _in_part(delivery, rejected.get(receipt["file_id"], ()))
                known = frozenset(accepted.get(receipt["file_id"], ()))
                deliveries.append(
                    replace(delivery, accepted_rows=known, replay_of=receipt["batch_id"])
                )
        while deliveries:
            # The same content under another name is judged when it is refused under the first.
            fresh = first_of_content(deliveries)
            note = "replay of " + ",".join(sorted({d.replay_of or "" for d in fresh}))
            batch = judge(
                spec,
                batch_id(spec, fresh, note),
                fresh,
                Pseudonymiser(key).series,
                dt.datetime.now(dt.UTC),
            )
            report.add(batch)
            # What was judged before stands where the file cannot be read now.
            in_part = {item.file_id for item in fresh if item.is_judged_in_part}
            kept = [
                receipt
                for receipt in batch.receipts
                if receipt.status == "accepted" or receipt.file_id not in in_part
            ]
            if kept:
                write_batch(layout.lake, replace(batch, receipts=kept))
            done = {receipt.file_id for receipt in batch.receipts if receipt.status == "accepted"}
            judged = set(map(id, fresh))
            deliveries = [d for d in deliveries if id(d) not in judged and d.file_id not in done]
    return report


def _in_part(delivery: Delivery, rows: Iterable[int]) -> Delivery:
    """The delivery with only these rows to be judged; those that are gone are left out."""
    numbers, content = frozenset(rows), delivery.content
    if isinstance(content, FileRefusedError):
        return replace(delivery, quarantined=numbers)
    broken = tuple((number, code) for number, code in content.broken if number in numbers)
    there = {number for number, _ in broken}.union(content.frame[ROW_NUMBER])
    content = replace(content, broken=broken, left_out=len(numbers - there))
    return replace(delivery, content=content, quarantined=numbers)


def _rejected_numbers(lake: Path, source: str) -> dict[str, list[int]]:
    """The row numbers in quarantine, by file."""
    rows = _of_source(_rejects(lake), source).select("file_id", "row")
    return dict(rows.group_by("file_id").agg("row").iter_rows())


def _accepted_rows(lake: Path, source: str) -> dict[str, list[tuple[int, str]]]:
    """Number and id of every accepted row of a source's files that stands, by file."""
    receipts = standing(read_receipts(lake), lake).filter(pl.col("source") == source)
    stands = set(receipts.select("batch_id", "file_id").iter_rows())
    found: dict[str, list[tuple[int, str]]] = {}
    for folder in batch_folders(lake):
        path = folder / ACCEPTED
        if path.exists():
            rows = pl.read_parquet(
                path, columns=["_source", "_file_id", "_row_number", "source_id"]
            )
            for file, number, key in (
                rows.filter(pl.col("_source") == source).drop("_source").iter_rows()
            ):
                if (folder.name, file) in stands:
                    found.setdefault(file, []).append((number, key))
    return found


def _of_source(frame: pl.DataFrame, source: str | None) -> pl.DataFrame:
    return frame if source is None else frame.filter(pl.col("source") == source)
