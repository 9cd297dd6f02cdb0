"""One validation pass over a batch of raw rows: map, judge by the contract, split, count.

Pure: frames in, frames and receipts out. Nothing is written and no file is read here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import polars as pl

from contracts import CONTRACTS, TIMING_KINDS, Contract, Evaluation, enforce, evaluate
from contracts.helpers import KEY_REPEATED
from ingestion.delivery import FILE_INDEX, Delivery
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
from ingestion.receipts import ROW_UNREADABLE, Counts, ReceiptMaker
from ingestion.sources.spec import SourceSpec

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
    maker = ReceiptMaker(spec, ingested_at)
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

    counts = Counts(raw, outcome, accepted_mask, accepted, duplicates, contract)
    receipts += [maker.accepted(delivery, index, counts) for index, delivery in enumerate(readable)]
    return Batch(contract.name, batch_id, accepted.drop(FILE_INDEX), rejected_all, receipts)


# --- what is refused whole ----------------------------------------------------------------------


def _sift(
    spec: SourceSpec, deliveries: list[Delivery], maker: ReceiptMaker
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
        frames.append(
            _rows_of(delivery).with_columns(
                pl.lit(index, dtype=pl.UInt32).alias(FILE_INDEX),
                pl.lit(delivery.delivered_on, dtype=pl.Date).alias(DELIVERED_ON),
            )
        )
    if not frames:
        return pl.DataFrame()
    columns = frames[0].columns
    return pl.concat([frame.select(columns) for frame in frames], how="vertical_relaxed")


def _rows_of(delivery: Delivery) -> pl.DataFrame:
    """The rows of a delivery that are to be judged."""
    frame = delivery.raw.frame
    if delivery.only_rows is None:
        return frame
    return frame.filter(pl.col(ROW_NUMBER).is_in(sorted(delivery.only_rows)))


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
    # Exact duplicates share their key, so whole rows are compared only where an id recurs.
    candidates = pl.concat([_recurring_ids(delivery, id_columns) for delivery in readable])
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


def _recurring_ids(delivery: Delivery, id_columns: list[str]) -> pl.Series:
    """Rows of a file whose id stands on another of its rows too."""
    ids = _rows_of(delivery).select(id_columns)
    values = ids.to_series() if len(id_columns) == 1 else ids.to_struct()
    return values.is_duplicated()


def _lineage(readable: list[Delivery], spec: SourceSpec, batch_id: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            FILE_INDEX: pl.Series(range(len(readable)), dtype=pl.UInt32),
            "_source": [spec.name] * len(readable),
            "_file_id": [delivery.file_id for delivery in readable],
            "_file_name": [delivery.file_name for delivery in readable],
            "_batch_id": [batch_id] * len(readable),
            "_delivered_on": pl.Series([d.delivered_on for d in readable], dtype=pl.Date),
            "_unmapped": pl.Series([unmapped(spec)] * len(readable), dtype=pl.String),
        }
    )


def unmapped(spec: SourceSpec) -> str | None:
    """The contract columns that the source does not map, as `|a|b|`: nobody knows them there."""
    names = [name for name in CONTRACTS[spec.contract].columns if name not in spec.columns]
    return f"|{'|'.join(names)}|" if names else None


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
        for number in delivery.unreadable:
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


def _rejected_frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=_REJECTED_SCHEMA)
