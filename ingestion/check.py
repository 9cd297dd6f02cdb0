"""Dry run of one file against its source: what would be accepted, and exactly what would not."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from contracts import CONTRACTS, FILE_RULES, Evaluation, Rule, evaluate
from contracts.derived import EXTRACT_TOLERANCE, KEY
from contracts.helpers import KEY_REPEATED, ROW_ALIKE, unparsable
from ingestion.delivery import FILE_INDEX
from ingestion.errors import FileChangedError, FileRefusedError
from ingestion.intake import InboxFile, read_delivery, shown_name
from ingestion.judge import (
    judge,
    masked_raw_columns,
    reader_marks,
    reused_keys,
    with_marks,
    without_duplicates,
)
from ingestion.lake import Receipt
from ingestion.manifest import read_manifests
from ingestion.mapping import DELIVERED_ON, map_records
from ingestion.personal import column_uses, showable
from ingestion.privacy import MASK, Pseudonymiser
from ingestion.readers.isolated import Readers
from ingestion.readers.raw import LOST, ROW_CHARACTER_LOST, ROW_NUMBER, RawFile
from ingestion.sources.spec import SourceSpec

# Of the different texts in a column that are no codes, so many are shown.
_CODES_SHOWN = 20
_FILE_RULES = {rule.code: rule for rule in FILE_RULES}


@dataclass(frozen=True)
class Finding:
    """One rule that failed on one row (the first rows of each rule are shown).

    Attributes:
        note_nb, note_en: what is told of this row beyond the message of the rule.
    """

    code: str
    level: str
    row: int
    columns: str
    values: str
    message_nb: str
    message_en: str
    note_nb: str = ""
    note_en: str = ""


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
    raw = without_duplicates(delivery.raw)
    records = map_records(
        raw.with_columns(pl.lit(delivery.delivered_on, dtype=pl.Date).alias(DELIVERED_ON)),
        spec,
        pseudonymise,
        dt.datetime.now(dt.UTC),
    ).with_columns(pl.lit(0, dtype=pl.UInt32).alias(FILE_INDEX))
    repeated, alike = reused_keys(records)
    records = records.with_columns(repeated.alias(KEY_REPEATED), alike.alias(ROW_ALIKE))
    outcome = with_marks(
        evaluate(CONTRACTS[spec.contract], records), reader_marks([raw], [delivery])
    )
    codes, more = _unknown_codes(raw, records, spec)
    findings = [
        *_broken(delivery.raw, rows_per_rule),
        *_findings(raw, records, outcome, spec, rows_per_rule),
    ]
    return CheckResult(receipt, findings, codes, more)


def _broken(raw: RawFile, rows_per_rule: int) -> list[Finding]:
    """The first records that are no rows, and what is wrong with them where that is known."""
    by_code: dict[str, list[int]] = {}
    for number, code in raw.broken:
        by_code.setdefault(code, []).append(number)
    findings = []
    for code, numbers in by_code.items():
        rule = _FILE_RULES[code]
        for number in sorted(numbers)[:rows_per_rule]:
            note = raw.faults.get(number, ("", ""))
            findings.append(
                Finding(code, rule.level, number, "", "{}", rule.message_nb, rule.message_en, *note)
            )
    return findings


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
    raw: pl.DataFrame,
    records: pl.DataFrame,
    outcome: Evaluation,
    spec: SourceSpec,
    rows_per_rule: int,
) -> list[Finding]:
    contract = CONTRACTS[spec.contract]
    hidden, uses = masked_raw_columns(spec), column_uses(spec)
    findings = []
    # A rejected row is told why it is rejected; what else could be said of it follows from that.
    warnings = {code: mask & outcome.accepted_mask for code, mask in outcome.warnings.items()}
    for code, mask in {**outcome.row_failures, **warnings}.items():
        rule = _FILE_RULES.get(code) or contract.rule(code)
        places = mask.arg_true().head(rows_per_rule)
        rows, judged = raw[places], records[places]
        notes = _notes(rule, judged, raw, records, spec)
        shown = rows.with_columns(
            showable(rows[name], uses[name])
            for name in spec.mapped_columns()
            if rows.schema[name] == pl.String
        )
        for at, row in enumerate(shown.iter_rows(named=True)):
            names = _guilty_columns(rule, rows.row(at, named=True), judged, at, spec)
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
                    *notes[at],
                )
            )
    return findings


def _guilty_columns(
    rule: Rule, row: dict[str, object], judged: pl.DataFrame, at: int, spec: SourceSpec
) -> list[str]:
    """The raw columns a finding is about: the faulty ones where the row tells them apart.

    Args:
        row: the raw row as it stands in the file.
        judged, at: the records of the rows that are shown, and which of them it is.
    """
    if rule.code == ROW_CHARACTER_LOST:
        return [name for name in spec.mapped_columns() if LOST in str(row[name])]
    names: Sequence[str] = rule.columns
    if rule.code.endswith("_TIME_IN_FUTURE"):
        names = _after_extract(rule, judged.row(at, named=True), spec)
    elif rule.code.endswith("_TIME_PLACEHOLDER"):
        # What stands for 'no time' became none.
        names = [
            name
            for name in names
            if judged[name][at] is None
            and any(row[raw] is not None for raw in spec.raw_columns_of([name]))
        ]
    return spec.raw_columns_of(names) or spec.raw_columns_of(rule.columns)


def _after_extract(rule: Rule, record: dict[str, Any], spec: SourceSpec) -> list[str]:
    """The stamps of a record that are after its extract; planned ones may be."""
    columns, limit = CONTRACTS[spec.contract].columns, record["extract_at"]
    return [
        name
        for name in rule.columns
        if not columns[name].future_ok
        and None not in (record[name], limit)
        and record[name] > limit + EXTRACT_TOLERANCE
    ]


def _notes(
    rule: Rule, judged: pl.DataFrame, raw: pl.DataFrame, records: pl.DataFrame, spec: SourceSpec
) -> list[tuple[str, str]]:
    """What is told of each row that is shown, in both languages.

    Args:
        judged: the records of those rows.
        raw, records: all rows of the file.
    """
    if rule.kind == "key" and rule.columns == KEY:
        first = records.select(*KEY, raw[ROW_NUMBER]).group_by(KEY).agg(pl.col(ROW_NUMBER).min())
        numbers = judged.select(KEY).join(
            first, on=KEY, how="left", nulls_equal=True, maintain_order="left"
        )[ROW_NUMBER]
        return [(f"første gang i rad {n}", f"first in row {n}") for n in numbers]
    if rule.code.endswith("_TIME_IN_FUTURE"):
        return [
            _limit(record["extract_at"], spec) if _after_extract(rule, record, spec) else ("", "")
            for record in judged.iter_rows(named=True)
        ]
    return [("", "")] * judged.height


def _limit(extract_at: dt.datetime, spec: SourceSpec) -> tuple[str, str]:
    """Which moment a stamp had to be before, and what in the source file decides it."""
    zone = ZoneInfo(spec.clock.calendar)
    local = extract_at.replace(tzinfo=dt.UTC).astimezone(zone)
    at = f"{local:%Y-%m-%d %H:%M} ({spec.clock.calendar})"
    if names := spec.raw_columns_of(["extract_at"]):
        return (f"uttrekket er {at}, fra {names[0]}", f"the extract is of {at}, from {names[0]}")
    word = "extract_at: {hours_after_delivery: …}"
    return (
        f"uttrekket er satt til {at}; {word} i kildefilen endrer det",
        f"the extract is taken to be of {at}; {word} in the source file changes it",
    )


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
