"""What came out of a file against what the oracle says of it."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from contracts import CONTRACTS
from ingestion.sources.spec import SourceSpec
from tests.fuzz.oracle.read import readings
from tests.fuzz.oracle.reading import Reading, Row, UndecidedError
from tests.fuzz.oracle.values import Expected, expected_row

_ANCHORS = {
    "call": ("ring_start_at",), "alarm": ("received_at", "alerted_at"),
    "video_session": ("link_sent_at",), "lat_request": ("requested_at",),
    "lat_readiness": ("start_at",),
}  # fmt: skip
_SOON = dt.timedelta(days=7)


@dataclass(frozen=True)
class Outcome:
    """What lies in the lake of one file. `accepted`: its rows, contract columns and number."""

    receipt: dict[str, Any]
    accepted: list[dict[str, Any]]
    rejected: int

    @property
    def refused(self) -> bool:
        return bool(self.receipt["status"] == "refused")


@dataclass
class Verdict:
    """The judgement of one mutant.

    Attributes:
        outcome: `as is`, `some rejected`, `all rejected`, `refused CODE`, `not taken`.
        judged: whether the oracle could tell what is right.
        faults: kind and detail of each violation.
    """

    outcome: str
    judged: bool = True
    faults: list[tuple[str, str]] = field(default_factory=list)
    cells: int = 0
    cells_unknown: int = 0

    def fault(self, kind: str, detail: str = "") -> None:
        self.faults.append((kind, detail))


def day_of(name: str, spec: SourceSpec) -> dt.date | None:
    found = re.fullmatch(spec.files, name)
    if found is None:
        return None
    try:
        return dt.datetime.strptime(found["date"], spec.date_format).date()
    except ValueError:
        return None


def judged(
    name: str, data: bytes, spec: SourceSpec, got: Outcome | None, *, untouched: bool
) -> Verdict:
    """Judge one file. `got` is None when the intake left no trace of it."""
    day = day_of(name, spec)
    if got is None:
        verdict = Verdict("not taken")
        waits = name.startswith((".", "~")) or re.search(r"\.(part|tmp|crdownload|filepart)$", name)
        if not waits:
            verdict.fault("no receipt")
        return verdict
    verdict = Verdict(_outcome(got))
    _identity(got, verdict)
    if got.refused:
        if untouched:
            verdict.fault("valid file refused", str(got.receipt["refusal_code"]))
        return verdict
    if day is None:
        verdict.fault("taken in under an impossible name")
        return verdict
    if got.accepted and not spec.first_date <= day <= dt.datetime.now(dt.UTC).date() + _SOON:
        verdict.fault("taken in under an impossible date", day.isoformat())
    try:
        found = readings(data, spec, day)
    except UndecidedError:
        verdict.judged = False
        return verdict
    _against(found, got, spec, day, verdict)
    if untouched and verdict.outcome != "as is" and not verdict.faults:
        codes = sorted(got.receipt.get("rejections", {}))
        if codes != ["CALL_ENDED_NONEXISTENT_TIME"]:
            verdict.fault("valid file not accepted in full", ", ".join(codes))
    return verdict


def _outcome(got: Outcome) -> str:
    if got.refused:
        return f"refused {got.receipt['refusal_code']}"
    if got.receipt["rejected"] == 0:
        return "as is"
    return "some rejected" if got.accepted else "all rejected"


def _identity(got: Outcome, verdict: Verdict) -> None:
    receipt = got.receipt
    stated = (receipt["rows_read"], receipt["accepted"], receipt["rejected"],
              receipt["exact_duplicates"])  # fmt: skip
    if stated[0] != sum(stated[1:]):
        verdict.fault("receipt does not add up", str(stated))
    if receipt["accepted"] != len(got.accepted) or receipt["rejected"] != got.rejected:
        verdict.fault(
            "stored rows are not those of the receipt",
            f"{stated}, stored {len(got.accepted)} and {got.rejected}",
        )


def _against(
    found: list[Reading], got: Outcome, spec: SourceSpec, day: dt.date, verdict: Verdict
) -> None:
    """Without fault if any legitimate reading explains all that came out."""
    tries: list[Verdict] = []
    for reading in found:
        one = Verdict(verdict.outcome)
        if reading.refused_for is not None:
            if got.accepted:
                one.fault("should be refused", reading.refused_for)
        else:
            _counts(reading, got, one)
            _rows(reading, got, spec, day, one)
        tries.append(one)
    best = min(tries, key=lambda one: len(one.faults))
    verdict.faults += best.faults
    verdict.cells, verdict.cells_unknown = best.cells, best.cells_unknown


def _counts(reading: Reading, got: Outcome, verdict: Verdict) -> None:
    receipt = got.receipt
    least = sum(not row.optional for row in reading.rows)
    most = len(reading.rows)
    read = receipt["rows_read"]
    if read < least:
        verdict.fault("records lost", f"{read} read, {least} in the file")
    if read > most:
        verdict.fault("records that are not there", f"{read} read, {most} in the file")
    twice = sum(count - 1 for count in Counter(row.key for row in reading.rows).values())
    if receipt["exact_duplicates"] > twice:
        verdict.fault(
            "called exact duplicates",
            f"{receipt['exact_duplicates']} dropped, {twice} equal in the whole record",
        )


def _rows(reading: Reading, got: Outcome, spec: SourceSpec, day: dt.date, verdict: Verdict) -> None:
    """Every accepted row is one of the records, each record at most once."""
    expected: dict[int, dict[str, Expected]] = {}
    # Blank lines may be counted or not, so a record has its place among all or among the others.
    before = list(itertools.accumulate((not row.optional for row in reading.rows), initial=0))
    unused = set(range(len(reading.rows)))

    def wrong(at: int, row: dict[str, Any]) -> tuple[str, str] | None:
        record: Row = reading.rows[at]
        if record.values is None:
            return "broken record accepted", ""
        if at not in expected:
            expected[at] = expected_row(record.values, spec, day)
        return _difference(expected[at], row, spec)

    for row in got.accepted:
        number = int(row["_row_number"])
        by_number = [at for at in unused if before[at] < number <= at + 1]
        match = next((at for at in by_number if wrong(at, row) is None), None)
        if match is None:
            match = next((at for at in sorted(unused) if wrong(at, row) is None), None)
            if match is not None and by_number and not spec.explode and not spec.where:
                verdict.fault("row number of another record", f"row {number}")
        if match is None:
            kind, detail = ("row of no record", "")
            if by_number:
                kind, detail = wrong(by_number[0], row) or (kind, detail)
            verdict.fault(kind, f"row {number}{detail}")
            continue
        unused.discard(match)
        verdict.cells += len(expected[match])
        verdict.cells_unknown += sum(item.unknown for item in expected[match].values())


def _difference(
    expected: dict[str, Expected], row: dict[str, Any], spec: SourceSpec
) -> tuple[str, str] | None:
    contract = CONTRACTS[spec.contract]
    for name, item in expected.items():
        got = row[name]
        if contract.columns[name].privacy == "pseudonym":
            if got is not None and not re.fullmatch("[0-9a-f]{32,64}", got):
                return "not a pseudonym", f", {name}"
            if got is None and not item.unknown and None not in item.values:
                return "wrong value", f", {name}: lost"
            continue
        if item.allows(got):
            continue
        kind = contract.columns[name].kind
        if item.never:
            return f"unusable {kind} accepted", f", {name}: {item.never}, got {got!r}"[:160]
        if got is None:
            return f"{kind} lost", f", {name}: expected {item.values!r}"[:160]
        return f"wrong {kind}", f", {name}: got {got!r}, expected {item.values!r}"[:200]
    anchor = next(
        (row[name] for name in _ANCHORS[spec.contract] if row.get(name) is not None), None
    )
    if anchor is not None:
        zone = ZoneInfo(spec.clock.calendar)
        try:
            date = anchor.replace(tzinfo=dt.UTC).astimezone(zone).date()
        except OverflowError:
            return None
        if row["event_date"] != date:
            return "wrong event date", f", {row['event_date']} for {anchor}"
    return None
