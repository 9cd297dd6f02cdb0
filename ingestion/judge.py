"""One validation pass over a batch of raw rows: map, judge by the contract, split, count.

Pure: frames in, frames and receipts out. Nothing is written and no file is read here. A delivery
that cannot be judged together with others is judged alone, and alone refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from contracts import CONTRACTS, TIMING_KINDS, Contract, Evaluation, enforce, evaluate
from contracts.helpers import KEY_REPEATED, ROW_ALIKE, unparsable
from ingestion.delivery import FILE_INDEX, Delivery
from ingestion.errors import FileRefusedError, refusal_of
from ingestion.lake import KEY_SCOPE, Batch, Receipt
from ingestion.mapping import DELIVERED_ON, UNKNOWN_CODE, Pseudonymise, map_records
from ingestion.personal import Screening, column_uses, screened, screened_values, showable
from ingestion.privacy import masked
from ingestion.readers.raw import ROW_NUMBER, RawFile
from ingestion.receipts import Counts, ReceiptMaker
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


@dataclass(frozen=True)
class Judged:
    """What became of deliveries that were judged together."""

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    receipts: list[Receipt]


@dataclass(frozen=True)
class _Occasion:
    """What is the same for every delivery of one call."""

    spec: SourceSpec
    batch_id: str
    pseudonymise: Pseudonymise
    ingested_at: dt.datetime
    maker: ReceiptMaker

    @property
    def contract(self) -> Contract:
        return CONTRACTS[self.spec.contract]


def judge(
    spec: SourceSpec,
    batch_id: str,
    deliveries: list[Delivery],
    pseudonymise: Pseudonymise,
    ingested_at: dt.datetime,
) -> Batch:
    """Judge the deliveries of one source.

    Every row of every delivery is accepted, rejected with its reasons, or an exact duplicate, or
    its file is refused. What one file causes changes nothing for another.
    """
    occasion = _Occasion(spec, batch_id, pseudonymise, ingested_at, ReceiptMaker(spec, ingested_at))
    readable, receipts = _sift(deliveries, occasion)
    parts = [judged for alike in _by_schema(readable) for judged in _judged_safely(alike, occasion)]
    accepted = [part.accepted for part in parts if part.accepted.height]
    rejected = [part.rejected for part in parts if part.rejected.height]
    return Batch(
        spec.contract,
        batch_id,
        pl.concat(accepted) if accepted else pl.DataFrame(),
        pl.concat(rejected) if rejected else _rejected_frame([]),
        receipts + [receipt for part in parts for receipt in part.receipts],
    )


def _sift(deliveries: list[Delivery], occasion: _Occasion) -> tuple[list[Delivery], list[Receipt]]:
    """The deliveries that have rows to judge, and receipts of the others."""
    readable: list[Delivery] = []
    receipts: list[Receipt] = []
    for delivery in deliveries:
        content = delivery.content
        least = occasion.spec.thresholds.min_rows
        if isinstance(content, RawFile) and content.rows_read + content.left_out < least:
            content = FileRefusedError("FILE_EMPTY", "ingen datarader", "no data rows")
        if isinstance(content, FileRefusedError):
            receipts.append(occasion.maker.refused(delivery, content))
        else:
            readable.append(delivery)
    return readable, receipts


def _by_schema(deliveries: list[Delivery]) -> list[list[Delivery]]:
    """Deliveries whose columns have the same types: no file changes how another is read."""
    groups: dict[tuple[tuple[str, str], ...], list[Delivery]] = {}
    for delivery in deliveries:
        schema = delivery.raw.frame.schema
        signature = tuple((name, str(dtype)) for name, dtype in sorted(schema.items()))
        groups.setdefault(signature, []).append(delivery)
    return list(groups.values())


def _judged_safely(deliveries: list[Delivery], occasion: _Occasion) -> list[Judged]:
    """Together when that goes well; else one by one, and what fails alone is refused."""
    try:
        return [_judged(deliveries, occasion)]
    except BaseException as error:
        refusal = refusal_of(error)
        if len(deliveries) > 1:
            return [one for item in deliveries for one in _judged_safely([item], occasion)]
        receipt = occasion.maker.refused(deliveries[0], refusal)
        return [Judged(pl.DataFrame(), _rejected_frame([]), [receipt])]


def _judged(
    deliveries: list[Delivery], occasion: _Occasion, known: Screening | None = None
) -> Judged:
    spec, contract, maker = occasion.spec, occasion.contract, occasion.maker
    fresh = [without_duplicates(delivery.raw) for delivery in deliveries]
    raw = _stack(fresh, deliveries)
    of_texts = screened(raw, spec) if known is None else known
    raw = of_texts.masked(raw)

    records = map_records(raw, spec, occasion.pseudonymise, occasion.ingested_at)
    unread = _unread_values(raw, records, spec)
    # Also of a file that its texts refuse: the sender hears of everything at once.
    screening = of_texts.joined(screened_values(unread, raw, spec))
    if refused := screening.refused:
        return _without(refused, of_texts, deliveries, occasion)

    repeated, alike = reused_keys(records.with_columns(raw[FILE_INDEX]))
    records = records.with_columns(
        raw[FILE_INDEX], raw[ROW_NUMBER], repeated.alias(KEY_REPEATED), alike.alias(ROW_ALIKE)
    )
    marks = reader_marks(fresh, deliveries)
    wanted = _to_be_judged(records, deliveries)
    if not wanted.all():
        raw, records = raw.filter(wanted), records.filter(wanted)
        marks = {code: mask.filter(wanted) for code, mask in marks.items()}

    outcome = with_marks(evaluate(contract, records), marks)
    distrusted = _distrusted_files(raw, outcome, spec, deliveries)
    accepted_mask = outcome.accepted_mask & ~raw[FILE_INDEX].is_in(list(distrusted))

    lineage = _lineage(deliveries, spec, occasion.batch_id)
    accepted = _accepted(records, outcome, accepted_mask, contract, lineage)
    enforce(contract, accepted.select(list(contract.columns)))
    rejected = _rejected(raw, outcome, accepted_mask, spec, lineage)
    broken = _broken_records(deliveries, spec, occasion.batch_id)
    to_account_for = {
        index: int(again) + len(deliveries[index].broken)
        for index, again in raw[FILE_INDEX].value_counts().iter_rows()
    }
    # Where only what is in quarantine is judged, duplicates were counted the first time.
    duplicates = {
        index: delivery.raw.frame.height - fresh[index].height
        for index, delivery in enumerate(deliveries)
        if not delivery.is_judged_in_part
    }
    counts = Counts(raw, outcome, accepted_mask, accepted, duplicates, contract)
    receipts = [
        maker.judged(
            delivery,
            index,
            counts,
            distrusted.get(index),
            screening.warnings.get(index, {}),
            # What the reader counted; else what is judged again.
            to_account_for.get(index, len(delivery.broken))
            if delivery.is_judged_in_part
            else delivery.raw.rows_read,
        )
        for index, delivery in enumerate(deliveries)
    ]
    return Judged(
        accepted.drop(FILE_INDEX),
        pl.concat([rejected, broken]) if broken.height else rejected,
        receipts,
    )


def _without(
    guilty: Mapping[int, FileRefusedError],
    screening: Screening,
    deliveries: list[Delivery],
    occasion: _Occasion,
) -> Judged:
    """The guilty files refused, and the others judged as if those had never come.

    Args:
        screening: of the texts of all of them; each file was looked at by itself.
    """
    receipts = [occasion.maker.refused(deliveries[at], error) for at, error in guilty.items()]
    innocent = [at for at in range(len(deliveries)) if at not in guilty]
    if not innocent:
        return Judged(pl.DataFrame(), _rejected_frame([]), receipts)
    rest = _judged([deliveries[at] for at in innocent], occasion, screening.of(innocent))
    return Judged(rest.accepted, rest.rejected, receipts + rest.receipts)


# --- what is refused whole ----------------------------------------------------------------------


def _distrusted_files(
    raw: pl.DataFrame, outcome: Evaluation, spec: SourceSpec, deliveries: list[Delivery]
) -> dict[int, FileRefusedError]:
    """Files in which too large a share failed, or everything: such a delivery is not believed.

    Records that could not be split into columns count like those that broke a rule.
    """
    failed = dict(raw[FILE_INDEX].filter(~outcome.accepted_mask).value_counts().iter_rows())
    total = dict(raw[FILE_INDEX].value_counts().iter_rows())
    limit = spec.thresholds
    found: dict[int, FileRefusedError] = {}
    for index, delivery in enumerate(deliveries):
        # Of old rejects a high share says nothing.
        if delivery.is_judged_in_part:
            continue
        bad = failed.get(index, 0) + len(delivery.broken)
        rows = total.get(index, 0) + len(delivery.broken)
        if rows >= limit.min_rows_for_share and bad > limit.max_reject_share * rows:
            share, most = round(100 * bad / rows), round(100 * limit.max_reject_share)
            found[index] = FileRefusedError(
                "FILE_TOO_MANY_REJECTS",
                f"{bad} av {rows} rader ({share} %) kan ikke godtas; grensen er {most} %",
                f"{bad} of {rows} rows ({share} %) cannot be accepted; the limit is {most} %",
            )
        elif rows and bad == rows:
            found[index] = FileRefusedError(
                "FILE_NO_ROW_ACCEPTED", f"{rows} rader, alle avvist", f"{rows} rows, all rejected"
            )
    return found


def _unread_values(
    raw: pl.DataFrame, records: pl.DataFrame, spec: SourceSpec
) -> dict[str, pl.Series]:
    """Per raw column, the rows whose value became no value of the contract.

    What was read as a time, a flag or a known code is one; anything else may be anything, and is
    looked at as text before it is shown to anybody.
    """
    unread: dict[str, pl.Series] = {}
    for name, column_map in spec.columns.items():
        flag = unparsable(name)
        if flag in records.columns:
            mask = records[flag]
        elif column_map.codes is not None:
            mask = (records[name] == UNKNOWN_CODE).fill_null(False)
        else:
            continue
        if mask.any():
            for raw_name in column_map.raw_columns():
                unread[raw_name] = unread[raw_name] | mask if raw_name in unread else mask
    return unread


# --- rows ---------------------------------------------------------------------------------------


def without_duplicates(raw: RawFile) -> pl.DataFrame:
    """The rows of a file but those equal to an earlier one in the whole raw record."""
    if raw.record_hash is None:
        return raw.frame
    return raw.frame.filter(raw.record_hash.is_first_distinct())


def _stack(frames: list[pl.DataFrame], deliveries: list[Delivery]) -> pl.DataFrame:
    """All rows, with the index and the delivery date of their file."""
    columns = frames[0].columns
    index_of = pl.Series(FILE_INDEX, range(len(frames)), dtype=pl.UInt32)
    day_of = pl.Series(DELIVERED_ON, [item.delivered_on for item in deliveries], dtype=pl.Date)
    # Without an expression per file, of which there are many.
    stacked = [
        frame[columns].hstack([of.new_from_index(index, frame.height) for of in (index_of, day_of)])
        for index, frame in enumerate(frames)
    ]
    # In one piece, as everything that follows goes through all of it many times.
    return pl.concat(stacked, how="vertical", rechunk=True)


def _to_be_judged(records: pl.DataFrame, deliveries: list[Delivery]) -> pl.Series:
    """All rows, but of a replayed file those that are in quarantine."""
    mask = pl.repeat(True, records.height, dtype=pl.Boolean, eager=True)
    for index, delivery in enumerate(deliveries):
        if delivery.quarantined is not None:
            mask &= (records[FILE_INDEX] != index) | records[ROW_NUMBER].is_in(
                list(delivery.quarantined)
            )
        if delivery.accepted_rows:
            rows = records.select(FILE_INDEX, ROW_NUMBER, "source_id")
            before = pl.DataFrame(
                sorted(delivery.accepted_rows),
                schema={ROW_NUMBER: pl.Int64, "source_id": pl.String},
                orient="row",
            ).with_columns(pl.lit(index, pl.UInt32).alias(FILE_INDEX), pl.lit(True).alias("known"))
            known = rows.join(
                before, on=[FILE_INDEX, ROW_NUMBER, "source_id"], how="left", maintain_order="left"
            )["known"].fill_null(False)
            mask &= ~known
    return mask


def reused_keys(records: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Masks of rows whose key stands earlier in their file: with other content, or with the same.

    The key is that of the contract, so that `1` and ` 1 ` are one.
    """
    none = pl.repeat(False, records.height, dtype=pl.Boolean, eager=True)
    key = [FILE_INDEX, "source_system", "source_id", "revision"]
    # By number, which is faster; two ids with one hash are told apart below.
    ids = records.select(FILE_INDEX, "source_id").hash_rows()
    at = (ids.is_duplicated() & records["source_id"].is_not_null()).arg_true()
    if not at.len():
        return none, none
    first_key, first_content = (
        records[at]
        .select(
            pl.struct(key).is_first_distinct().alias("key"),
            pl.struct(records.columns).is_first_distinct().alias("content"),
        )
        .get_columns()
    )
    return none.scatter(at, first_content & ~first_key), none.clone().scatter(at, ~first_content)


def reader_marks(frames: list[pl.DataFrame], deliveries: list[Delivery]) -> dict[str, pl.Series]:
    """Per code, the rows that the reader could split but says must be rejected."""
    codes = sorted({code for delivery in deliveries for code in delivery.raw.marks})
    return {
        code: pl.concat(
            [
                frame[ROW_NUMBER].is_in(list(delivery.raw.marks.get(code, ())))
                for frame, delivery in zip(frames, deliveries, strict=True)
            ]
        )
        for code in codes
    }


def with_marks(outcome: Evaluation, marks: Mapping[str, pl.Series]) -> Evaluation:
    marks = {code: mask for code, mask in marks.items() if mask.any()}
    if not marks:
        return outcome
    return Evaluation(
        accepted_mask=outcome.accepted_mask & ~_any_of(marks.values(), len(outcome.accepted_mask)),
        row_failures={**outcome.row_failures, **marks},
        warnings=outcome.warnings,
    )


def _lineage(deliveries: list[Delivery], spec: SourceSpec, batch_id: str) -> pl.DataFrame:
    count = len(deliveries)
    return pl.DataFrame(
        {
            FILE_INDEX: pl.Series(range(count), dtype=pl.UInt32),
            "_source": [spec.name] * count,
            "_file_id": [delivery.file_id for delivery in deliveries],
            "_file_name": [delivery.file_name for delivery in deliveries],
            "_batch_id": [batch_id] * count,
            "_delivered_on": pl.Series([d.delivered_on for d in deliveries], dtype=pl.Date),
            KEY_SCOPE: pl.Series(
                [spec.name if spec.id_scope == "source" else None] * count, dtype=pl.String
            ),
            "_unmapped": pl.Series([unmapped(spec)] * count, dtype=pl.String),
        }
    )


def unmapped(spec: SourceSpec) -> str | None:
    """The contract columns that the source does not map, as `|a|b|`: nobody knows them there."""
    names = [name for name in CONTRACTS[spec.contract].columns if name not in spec.columns]
    return f"|{'|'.join(names)}|" if names else None


def joined_codes(masks: dict[str, pl.Series], height: int) -> pl.Series:
    """Per row, the codes whose mask is true as `|A|B|`; null where there is none."""
    none = pl.repeat(None, height, dtype=pl.UInt32, eager=True)
    rows = _any_of(masks.values(), height).arg_true()
    if not rows.len():
        return none.cast(pl.String)
    # Few rows have any, and only their texts are made.
    parts = [pl.when(mask.gather(rows)).then(pl.lit(f"{code}|")) for code, mask in masks.items()]
    texts = pl.select("|" + pl.concat_str(parts, ignore_nulls=True)).to_series()
    return texts.gather(none.scatter(rows, pl.int_range(rows.len(), dtype=pl.UInt32, eager=True)))


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
    hidden, uses = masked_raw_columns(spec), column_uses(spec)
    values = rows.select(
        pl.col(name).cast(pl.String).map_elements(masked, return_dtype=pl.String)
        if name in hidden
        else showable(rows[name].cast(pl.String), uses[name])
        for name in spec.mapped_columns()
    )
    return values.select(pl.struct(pl.all()).struct.json_encode()).to_series()


def masked_raw_columns(spec: SourceSpec) -> frozenset[str]:
    """Raw columns whose values are not shown to anyone: they identify a person."""
    contract = CONTRACTS[spec.contract]
    return frozenset(
        raw
        for name, column_map in spec.columns.items()
        if contract.columns[name].privacy == "pseudonym"
        or any(part.pseudonym for part in [column_map, *column_map.coalesce])
        for raw in column_map.raw_columns()
    )


def _broken_records(deliveries: list[Delivery], spec: SourceSpec, batch_id: str) -> pl.DataFrame:
    return _rejected_frame(
        [
            {
                "_source": spec.name,
                "_file_id": delivery.file_id,
                "_file_name": delivery.file_name,
                "_row_number": number,
                "_delivered_on": delivery.delivered_on,
                "_batch_id": batch_id,
                "codes": f"|{code}|",
                "raw": None,
            }
            for delivery in deliveries
            for number, code in delivery.broken
        ]
    )


def _rejected_frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=_REJECTED_SCHEMA)
