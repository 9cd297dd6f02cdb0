"""One validation pass over a batch of raw rows: map, judge by the contract, split, count.

Pure: frames in, frames and receipts out. Nothing is written and no file is read here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from contracts import CONTRACTS, TIMING_KINDS, Contract, Evaluation, enforce, evaluate
from contracts.helpers import KEY_REPEATED
from ingestion.errors import FileRefusedError
from ingestion.lake import Batch, Receipt
from ingestion.mapping import DELIVERED_ON, Pseudonymise, map_records
from ingestion.privacy import (
    identity_number_rows,
    masked,
    may_hold_numbers,
    phone_number_rows,
)
from ingestion.readers.raw import ROW_NUMBER, RawFile
from ingestion.sources.spec import SourceSpec

ROW_UNREADABLE = "ROW_UNREADABLE"
FILE_INDEX = "_file"
_REJECTED_SCHEMA: dict[str, pl.DataType] = {
    "_source": pl.String(),
    "_file_id": pl.String(),
    "_file_name": pl.String(),
    "_row_number": pl.Int64(),
    "_delivered_on": pl.Date(),
    "_batch_id": pl.String(),
    "codes": pl.String(),
    "raw": pl.String(),
}


@dataclass(frozen=True)
class Delivery:
    """One file as it lies in the inbox, and what reading it gave."""

    file_name: str
    file_id: str
    size_bytes: int
    mtime_ns: int
    delivered_on: dt.date | None
    content: RawFile | FileRefusedError
    only_rows: frozenset[int] | None = None
    replay_of: str | None = None


def judge(
    spec: SourceSpec,
    batch_id: str,
    deliveries: list[Delivery],
    pseudonymise: Pseudonymise,
    ingested_at: dt.datetime,
) -> Batch:
    """Judge the deliveries of one source together.

    Every row of every delivery is accepted, rejected with its reasons, or an exact duplicate.
    """
    contract = CONTRACTS[spec.contract]
    maker = _ReceiptMaker(spec, ingested_at)
    readable, receipts = _sift(spec, deliveries, maker)
    raw = _stack(readable)
    if guilty := _privacy_breaches(spec, raw):
        receipts += [maker.refused(readable[index], error) for index, error in guilty.items()]
        readable = [item for index, item in enumerate(readable) if index not in guilty]
        raw = _stack(readable)
    if not readable:
        return Batch(contract.name, batch_id, pl.DataFrame(), _rejected_frame([]), receipts)

    unreadable = _unreadable_rows(readable, spec, batch_id)
    duplicate, repeated = _repeats(raw, readable, spec)
    duplicates = raw.filter(duplicate).group_by(FILE_INDEX).len()
    if duplicates.height:
        raw, repeated = raw.filter(~duplicate), repeated.filter(~duplicate)
    records = map_records(raw, spec, pseudonymise)
    records = records.with_columns(raw[FILE_INDEX], raw[ROW_NUMBER], repeated.alias(KEY_REPEATED))
    outcome = evaluate(contract, records)
    accepted_mask = outcome.accepted_mask & ~_in_distrusted_files(raw, outcome, spec, readable)

    lineage = _lineage(readable, spec, batch_id)
    accepted = _accepted(records, outcome, accepted_mask, contract, lineage)
    enforce(contract, accepted.select(list(contract.columns)))
    rejected = _rejected(raw, outcome, accepted_mask, spec, lineage)
    rejected_all = pl.concat([rejected, unreadable]) if unreadable.height else rejected

    counts = _Counts(raw, outcome, accepted_mask, accepted, duplicates, contract)
    receipts += [maker.accepted(delivery, index, counts) for index, delivery in enumerate(readable)]
    return Batch(contract.name, batch_id, accepted.drop(FILE_INDEX), rejected_all, receipts)


# --- what is refused whole ----------------------------------------------------------------------


def _sift(
    spec: SourceSpec, deliveries: list[Delivery], maker: _ReceiptMaker
) -> tuple[list[Delivery], list[Receipt]]:
    readable: list[Delivery] = []
    receipts: list[Receipt] = []
    for delivery in deliveries:
        content = delivery.content
        if isinstance(content, RawFile) and content.rows_read < spec.thresholds.min_rows:
            content = FileRefusedError("FILE_EMPTY", "ingen datarader", "no data rows")
        if isinstance(content, FileRefusedError):
            receipts.append(maker.refused(delivery, content))
        else:
            readable.append(delivery)
    return readable, receipts


def _privacy_breaches(spec: SourceSpec, raw: pl.DataFrame) -> dict[int, FileRefusedError]:
    """Files with an identity or phone number in a mapped text column, by index."""
    contract = CONTRACTS[spec.contract]
    guilty: dict[int, FileRefusedError] = {}
    for name, is_id in _columns_to_scan(spec, contract).items():
        if raw.schema.get(name) != pl.String:
            continue
        values = raw[name]
        if not may_hold_numbers(values):
            continue
        checks = {
            "FILE_PHONE_NUMBER": phone_number_rows(values, is_id=is_id),
            "FILE_IDENTITY_NUMBER": identity_number_rows(values),
        }
        for code, hits in checks.items():
            if not hits.any():
                continue
            found = raw.filter(hits).group_by(FILE_INDEX).agg(pl.col(ROW_NUMBER).min())
            for index, row in found.iter_rows():
                guilty[index] = FileRefusedError(
                    code, f"kolonne: {name}, første rad: {row}", f"column: {name}, first row: {row}"
                )
    return guilty


def _columns_to_scan(spec: SourceSpec, contract: Contract) -> dict[str, bool]:
    """Raw text columns that can carry text into the lake, and whether they hold ids."""
    scan: dict[str, bool] = {}
    for name, column_map in spec.columns.items():
        column = contract.columns[name]
        if not column.is_text or column_map.codes is not None or column_map.pseudonym:
            continue
        # The pieces of a key are numbers by design; in any other text eight digits are suspect.
        is_id = column.kind == "key"
        for raw_name in column_map.raw_columns():
            scan[raw_name] = scan.get(raw_name, True) and is_id
    return scan


def _in_distrusted_files(
    raw: pl.DataFrame, outcome: Evaluation, spec: SourceSpec, readable: list[Delivery]
) -> pl.Series:
    """Rows of files in which too large a share failed: the whole delivery is not believed."""
    shares = (
        raw.select(FILE_INDEX, (~outcome.accepted_mask).alias("failed"))
        .group_by(FILE_INDEX)
        .agg(pl.len(), pl.col("failed").mean().alias("share"))
        .filter(
            (pl.col("len") >= spec.thresholds.min_rows_for_share)
            & (pl.col("share") > spec.thresholds.max_reject_share)
        )
    )
    # A replay judges old rejects only, so a high share says nothing there.
    indexes = [index for index in shares[FILE_INDEX] if readable[index].only_rows is None]
    return raw[FILE_INDEX].is_in(indexes)


# --- rows ---------------------------------------------------------------------------------------


def _stack(readable: list[Delivery]) -> pl.DataFrame:
    """All rows, with the index and the delivery date of their file."""
    frames = []
    for index, delivery in enumerate(readable):
        assert isinstance(delivery.content, RawFile)
        frame = delivery.content.frame
        if delivery.only_rows is not None:
            frame = frame.filter(pl.col(ROW_NUMBER).is_in(sorted(delivery.only_rows)))
        frames.append(
            frame.with_columns(
                pl.lit(index, dtype=pl.UInt32).alias(FILE_INDEX),
                pl.lit(delivery.delivered_on, dtype=pl.Date).alias(DELIVERED_ON),
            )
        )
    if not frames:
        return pl.DataFrame()
    columns = frames[0].columns
    return pl.concat([frame.select(columns) for frame in frames], how="vertical_relaxed")


def _repeats(
    raw: pl.DataFrame, readable: list[Delivery], spec: SourceSpec
) -> tuple[pl.Series, pl.Series]:
    """Masks: rows equal to an earlier row of the file, and other rows that reuse its key."""
    key_columns = [
        name
        for column in ("source_system", "source_id", "revision")
        if column in spec.columns
        for name in spec.columns[column].raw_columns()
    ]
    id_columns = list(spec.columns["source_id"].raw_columns())
    key = pl.struct(FILE_INDEX, *dict.fromkeys(key_columns))
    none = pl.repeat(False, raw.height, dtype=pl.Boolean, eager=True)
    # Exact duplicates share their key, so whole rows are compared only where a key recurs, and
    # keys only in files where an id does.
    suspects = [i for i, delivery in enumerate(readable) if _has_recurring_id(delivery, id_columns)]
    if not suspects:
        return none, none
    in_suspects = raw[FILE_INDEX].is_in(suspects)
    recurring = raw.filter(in_suspects).select(key.is_duplicated().alias("again"))["again"]
    candidates = none.scatter(in_suspects.arg_true(), recurring)
    if not candidates.any():
        return none, none
    content = [name for name in raw.columns if name != ROW_NUMBER]
    some = (
        raw.with_row_index("_at")
        .filter(candidates)
        .select(
            "_at",
            pl.struct(content).is_first_distinct().alias("first_content"),
            key.is_first_distinct().alias("first_key"),
            pl.all_horizontal(pl.col(id_columns).is_not_null()).alias("has_key"),
        )
    )
    at = some["_at"]
    duplicate = none.scatter(at, ~some["first_content"])
    repeated = pl.repeat(False, raw.height, dtype=pl.Boolean, eager=True).scatter(
        at, some["first_content"] & ~some["first_key"] & some["has_key"]
    )
    return duplicate, repeated


def _has_recurring_id(delivery: Delivery, id_columns: list[str]) -> bool:
    assert isinstance(delivery.content, RawFile)
    ids = delivery.content.frame.select(id_columns)
    distinct = ids.to_series().n_unique() if len(id_columns) == 1 else ids.n_unique()
    return distinct < ids.height


def _lineage(readable: list[Delivery], spec: SourceSpec, batch_id: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            FILE_INDEX: pl.Series(range(len(readable)), dtype=pl.UInt32),
            "_source": [spec.name] * len(readable),
            "_file_id": [delivery.file_id for delivery in readable],
            "_file_name": [delivery.file_name for delivery in readable],
            "_batch_id": [batch_id] * len(readable),
            "_delivered_on": pl.Series([d.delivered_on for d in readable], dtype=pl.Date),
        }
    )


def joined_codes(masks: dict[str, pl.Series], height: int) -> pl.Series:
    """Per row, the codes whose mask is true as `|A|B|`; null where there is none."""
    if not masks:
        return pl.repeat(None, height, dtype=pl.String, eager=True)
    parts = [pl.when(mask).then(pl.lit(f"{code}|")) for code, mask in masks.items()]
    text = pl.concat_str(parts, ignore_nulls=True)
    return pl.select(pl.when(text != "").then(pl.lit("|") + text)).to_series()


def _any_of(masks: Iterable[pl.Series], height: int) -> pl.Series:
    result = pl.repeat(False, height, dtype=pl.Boolean, eager=True)
    for mask in masks:
        result = result | mask
    return result


def _accepted(
    records: pl.DataFrame,
    outcome: Evaluation,
    mask: pl.Series,
    contract: Contract,
    lineage: pl.DataFrame,
) -> pl.DataFrame:
    """Contract columns, lineage and warnings of the accepted rows."""
    height = records.height
    kinds = {code: contract.rule(code).kind for code in outcome.warnings}

    def flag(wanted: frozenset[str]) -> pl.Series:
        return _any_of(
            (series for code, series in outcome.warnings.items() if kinds[code] in wanted), height
        )

    flagged = records.select(
        *contract.columns,
        FILE_INDEX,
        ROW_NUMBER,
        "event_date",
        joined_codes(outcome.warnings, height).alias("warning_codes"),
        flag(frozenset({"order"})).alias("has_order_warning"),
        flag(frozenset({"missing"})).alias("has_missing_warning"),
        flag(frozenset(TIMING_KINDS)).alias("has_timing_warning"),
    )
    kept = flagged if mask.all() else flagged.filter(mask)
    return kept.hstack(lineage.drop(FILE_INDEX, "_file_name")[kept[FILE_INDEX]])


def _rejected(
    raw: pl.DataFrame,
    outcome: Evaluation,
    accepted_mask: pl.Series,
    spec: SourceSpec,
    lineage: pl.DataFrame,
) -> pl.DataFrame:
    """The rejected rows with every failing code and their raw values, masked by privacy class."""
    out = ~accepted_mask
    if not out.any():
        return _rejected_frame([])
    failures = {code: mask.filter(out) for code, mask in outcome.row_failures.items()}
    rows = raw.filter(out)
    codes = joined_codes(failures, rows.height).fill_null("|FILE_TOO_MANY_REJECTS|")
    shown = mask_raw(rows, spec)
    return (
        rows.select(FILE_INDEX, ROW_NUMBER)
        .with_columns(codes.alias("codes"), shown.alias("raw"))
        .join(lineage, on=FILE_INDEX, how="left", maintain_order="left")
        .select(list(_REJECTED_SCHEMA))
    )


def mask_raw(rows: pl.DataFrame, spec: SourceSpec) -> pl.Series:
    """Each row's mapped raw values as a JSON object; values of a privacy class are masked."""
    hidden = masked_raw_columns(spec)
    values = rows.select(
        pl.col(name).cast(pl.String).map_elements(masked, return_dtype=pl.String)
        if name in hidden
        else pl.col(name).cast(pl.String)
        for name in spec.raw_columns()
    )
    return values.select(pl.struct(pl.all()).struct.json_encode()).to_series()


def masked_raw_columns(spec: SourceSpec) -> frozenset[str]:
    """Raw columns whose values are not shown to anyone: they identify a person."""
    contract = CONTRACTS[spec.contract]
    return frozenset(
        raw
        for name, column_map in spec.columns.items()
        if column_map.pseudonym or contract.columns[name].privacy == "pseudonym"
        for raw in column_map.raw_columns()
    )


def _unreadable_rows(readable: list[Delivery], spec: SourceSpec, batch_id: str) -> pl.DataFrame:
    rows = []
    for delivery in readable:
        assert isinstance(delivery.content, RawFile)
        for number in unreadable_of(delivery):
            rows.append(
                {
                    "_source": spec.name,
                    "_file_id": delivery.file_id,
                    "_file_name": delivery.file_name,
                    "_row_number": number,
                    "_delivered_on": delivery.delivered_on,
                    "_batch_id": batch_id,
                    "codes": f"|{ROW_UNREADABLE}|",
                    "raw": None,
                }
            )
    return _rejected_frame(rows)


def unreadable_of(delivery: Delivery) -> list[int]:
    """Row numbers that could not be split into columns, among those to be judged."""
    assert isinstance(delivery.content, RawFile)
    wanted = delivery.only_rows
    return [n for n in delivery.content.unreadable if wanted is None or n in wanted]


def _rejected_frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=_REJECTED_SCHEMA)


# --- receipts -----------------------------------------------------------------------------------


class _Counts:
    """Per file: how many rows ended where, and why."""

    def __init__(
        self,
        raw: pl.DataFrame,
        outcome: Evaluation,
        accepted_mask: pl.Series,
        accepted: pl.DataFrame,
        duplicates: pl.DataFrame,
        contract: Contract,
    ) -> None:
        files = raw[FILE_INDEX]
        out = ~accepted_mask
        self.rejected = _tally(files.filter(out))
        self.accepted = _tally(accepted[FILE_INDEX])
        self.duplicates = dict(duplicates.iter_rows())
        self.rejections = {
            code: _tally(files.filter(mask)) for code, mask in outcome.row_failures.items()
        }
        distrusted = out & outcome.accepted_mask
        if distrusted.any():
            self.rejections["FILE_TOO_MANY_REJECTS"] = _tally(files.filter(distrusted))
        self.warnings = {
            code: _tally(files.filter(mask & accepted_mask))
            for code, mask in outcome.warnings.items()
        }
        profile = accepted.group_by(FILE_INDEX).agg(
            pl.col(*contract.columns).null_count(),
            pl.col("event_date").min().alias("_first"),
            pl.col("event_date").max().alias("_last"),
        )
        self.profile = {row[FILE_INDEX]: row for row in profile.iter_rows(named=True)}


def _tally(files: pl.Series) -> dict[int, int]:
    return dict(files.value_counts().iter_rows())


class _ReceiptMaker:
    """Receipts of one source and run."""

    def __init__(self, spec: SourceSpec, ingested_at: dt.datetime) -> None:
        self._spec = spec
        self._ingested_at = ingested_at.replace(tzinfo=None).isoformat(timespec="microseconds")

    def refused(self, delivery: Delivery, error: FileRefusedError) -> Receipt:
        return Receipt(
            source=self._spec.name,
            contract=self._spec.contract,
            file_name=delivery.file_name,
            file_id=delivery.file_id,
            size_bytes=delivery.size_bytes,
            mtime_ns=delivery.mtime_ns,
            delivered_on=_iso(delivery.delivered_on),
            status="refused",
            map_version=self._spec.map_version,
            ingested_at=self._ingested_at,
            refusal_code=error.code,
            refusal_nb=error.detail_nb or None,
            refusal_en=error.detail_en or None,
            replay_of=delivery.replay_of,
        )

    def accepted(self, delivery: Delivery, index: int, counts: _Counts) -> Receipt:
        unreadable = len(unreadable_of(delivery))
        accepted = counts.accepted.get(index, 0)
        rejected = counts.rejected.get(index, 0) + unreadable
        duplicates = counts.duplicates.get(index, 0)
        profile = counts.profile.get(index, {})
        rejections = _of_file(counts.rejections, index)
        if unreadable:
            rejections[ROW_UNREADABLE] = unreadable
        distrusted = "FILE_TOO_MANY_REJECTS" in rejections
        return Receipt(
            source=self._spec.name,
            contract=self._spec.contract,
            file_name=delivery.file_name,
            file_id=delivery.file_id,
            size_bytes=delivery.size_bytes,
            mtime_ns=delivery.mtime_ns,
            delivered_on=_iso(delivery.delivered_on),
            status="refused" if distrusted else "accepted",
            map_version=self._spec.map_version,
            ingested_at=self._ingested_at,
            refusal_code="FILE_TOO_MANY_REJECTS" if distrusted else None,
            rows_read=self._rows(delivery),
            accepted=accepted,
            rejected=rejected,
            exact_duplicates=duplicates,
            warnings=_of_file(counts.warnings, index),
            rejections=rejections,
            null_counts={
                name: count for name, count in profile.items() if not name.startswith("_") and count
            },
            first_event_date=_iso(profile.get("_first")),
            last_event_date=_iso(profile.get("_last")),
            replay_of=delivery.replay_of,
        )

    @staticmethod
    def _rows(delivery: Delivery) -> int:
        assert isinstance(delivery.content, RawFile)
        if delivery.only_rows is None:
            return delivery.content.rows_read
        return len(delivery.only_rows)


def _of_file(tallies: dict[str, dict[int, int]], index: int) -> dict[str, int]:
    return {code: tally[index] for code, tally in tallies.items() if index in tally}


def _iso(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()
