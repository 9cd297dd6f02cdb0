"""Dry run of one file against its source: what would be accepted, and exactly what would not."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from contracts import CONTRACTS, evaluate
from contracts.helpers import unparsable
from ingestion.errors import FileChangedError, FileRefusedError
from ingestion.intake import InboxFile, read_delivery, shown_name
from ingestion.judge import judge, masked_raw_columns
from ingestion.lake import Receipt
from ingestion.manifest import read_manifests
from ingestion.mapping import map_records
from ingestion.personal import column_uses, showable
from ingestion.privacy import MASK, Pseudonymiser
from ingestion.readers.isolated import Readers
from ingestion.readers.raw import ROW_NUMBER
from ingestion.sources.spec import SourceSpec

# Of the different texts in a column that are no codes, so many are shown.
_CODES_SHOWN = 20


@dataclass(frozen=True)
class Finding:
    """One rule that failed on one row (the first rows of each rule are shown)."""

    code: str
    level: str
    row: int
    columns: str
    values: str
    message_nb: str
    message_en: str


@dataclass(frozen=True)
class UnknownCode:
    """A text of a coded column that is no code, as it may be shown, and how many rows have it."""

    column: str
    raw: str
    value: str
    rows: int


@dataclass(frozen=True)
class CheckResult:
    """Counts of the dry run, the findings, and the codes to be added to the source file.

    Attributes:
        unknown_codes: the most frequent of each column first.
        more_codes: per contract column, how many different ones there are beyond those.
    """

    receipt: Receipt
    findings: list[Finding] = field(default_factory=list)
    unknown_codes: list[UnknownCode] = field(default_factory=list)
    more_codes: dict[str, int] = field(default_factory=dict)


def check_file(path: Path, spec: SourceSpec, *, rows_per_rule: int = 5) -> CheckResult:
    """Judge a file without writing anything.

    The pseudonym key does not matter for the outcome, so a throw-away one is used.
    """
    pseudonymise = Pseudonymiser(secrets.token_bytes(32)).series
    with Readers() as readers:
        manifest = read_manifests(path.parent.iterdir()).get(path.name)
        delivery = read_delivery(InboxFile.of(path, spec, manifest), spec, readers)
    if delivery is None:
        raise FileChangedError(shown_name(path))
    batch = judge(spec, "check", [delivery], pseudonymise, dt.datetime.now(dt.UTC))
    receipt = batch.receipts[0]
    if isinstance(delivery.content, FileRefusedError) or not receipt.rows_read:
        return CheckResult(receipt)
    raw = delivery.raw.frame
    records = map_records(
        raw.with_columns(pl.lit(delivery.delivered_on, dtype=pl.Date).alias("_delivered_on")),
        spec,
        Pseudonymiser(secrets.token_bytes(32)).series,
        dt.datetime.now(dt.UTC),
    )
    codes, more = _unknown_codes(raw, records, spec)
    return CheckResult(receipt, _findings(raw, records, spec, rows_per_rule), codes, more)


def _unknown_codes(
    raw: pl.DataFrame, records: pl.DataFrame, spec: SourceSpec
) -> tuple[list[UnknownCode], dict[str, int]]:
    """Texts of coded columns that no code is known for, with the number of their rows."""
    contract = CONTRACTS[spec.contract]
    hidden, uses = masked_raw_columns(spec), column_uses(spec)
    found: list[UnknownCode] = []
    more: dict[str, int] = {}
    for name, column_map in spec.columns.items():
        column = contract.columns[name]
        names = [raw_name for raw_name in column_map.raw_columns() if raw_name not in hidden]
        if column.codes is not None:
            unknown = ~records[name].is_in(list(column.codes))
        elif column_map.codes is not None and unparsable(name) in records.columns:
            unknown = records[unparsable(name)]
        else:
            continue
        if not names or not (unknown := unknown.fill_null(False)).any():
            continue
        counted = (
            raw.filter(unknown)
            .select(pl.col(names).cast(pl.String))
            .group_by(names)
            .agg(pl.len().alias("\x1frows"))
            .sort("\x1frows", *names, descending=[True, *([False] * len(names))])
        )
        first = counted.head(_CODES_SHOWN)
        values = first.select(showable(first[n], uses[n]) for n in names).select(
            pl.concat_str(pl.all(), separator=" + ", ignore_nulls=True)
        )
        found += [
            UnknownCode(name, " + ".join(names), value or "", rows)
            for value, rows in zip(values.to_series(), first["\x1frows"], strict=True)
        ]
        if counted.height > _CODES_SHOWN:
            more[name] = counted.height - _CODES_SHOWN
    return found, more


def _findings(
    raw: pl.DataFrame, records: pl.DataFrame, spec: SourceSpec, rows_per_rule: int
) -> list[Finding]:
    contract = CONTRACTS[spec.contract]
    outcome = evaluate(contract, records)
    hidden, uses = masked_raw_columns(spec), column_uses(spec)
    findings = []
    # A rejected row is told why it is rejected; what else could be said of it follows from that.
    warnings = {code: mask & outcome.accepted_mask for code, mask in outcome.warnings.items()}
    for code, mask in {**outcome.row_failures, **warnings}.items():
        rule = contract.rule(code)
        names = spec.raw_columns_of(rule.columns)
        shown = raw.filter(mask).head(rows_per_rule)
        shown = shown.with_columns(
            showable(shown[name], uses[name]) for name in names if shown.schema[name] == pl.String
        )
        for row in shown.iter_rows(named=True):
            values = {
                name: MASK if name in hidden and row[name] is not None else _plain(row[name])
                for name in names
            }
            findings.append(
                Finding(
                    code,
                    rule.level,
                    row[ROW_NUMBER],
                    ", ".join(names) or ", ".join(rule.columns),
                    json.dumps(values, ensure_ascii=False),
                    rule.message_nb,
                    rule.message_en,
                )
            )
    return findings


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
