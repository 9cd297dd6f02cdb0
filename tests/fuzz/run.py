"""Take mutants in beside untouched files, and judge what became of all of them."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import os
import random
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ingestion.intake import ingest
from tests.fuzz.cases import KEY, Case, all_cases, specs
from tests.fuzz.mutate import Mutant
from tests.fuzz.oracle.verdict import Outcome, Verdict, judged

# One file before all mutants in order of date, one after them, and one of another source.
_NEIGHBOUR_DAYS = (dt.date(2025, 10, 1), dt.date(2026, 5, 20))
_OLD = 1_700_000_000
_VOLATILE = {"_batch_id", "_ingested_at"}


class UncaughtError(Exception):
    """The intake raised."""


@dataclass(frozen=True)
class Untouched:
    """A valid file that lies beside the mutants, and may not be affected by them."""

    case: Case
    name: str
    data: bytes


@dataclass
class Result:
    """One mutant's verdict."""

    seed: int
    case: str
    kind: str
    mutators: tuple[str, ...]
    verdict: Verdict


@dataclass
class Lake:
    """What one intake left: per source and file, its outcome."""

    files: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    names: dict[tuple[str, str], Outcome] = field(default_factory=dict)

    def of(self, case: Case, name: str, data: bytes) -> Outcome | None:
        file_id = hashlib.sha256(data).hexdigest()
        for (source, known), outcome in self.files.items():
            if source == case.name and file_id.startswith(known):
                return outcome
        return self.names.get((case.name, name))


def other_than(case: Case) -> Case:
    """A source that is taken in after the one under test."""
    cases = all_cases()
    return next(c for c in cases if c.name == ("lat_requests" if case.name != "lat_requests"
                                               else "bliksund_video"))  # fmt: skip


@functools.cache
def neighbours(case: Case) -> tuple[Untouched, ...]:
    files = []
    for number, day in enumerate(_NEIGHBOUR_DAYS):
        rng = random.Random(f"{case.name} {day}")
        name = case.file_name(day, f"nabo{number}")
        files.append(Untouched(case, name, case.valid_file(day, 6, rng)))
    other = other_than(case)
    day = _NEIGHBOUR_DAYS[0]
    rng = random.Random(f"{other.name} other")
    files.append(Untouched(other, other.file_name(day, "annen"), other.valid_file(day, 5, rng)))
    return tuple(files)


_undisturbed: dict[str, tuple[Any, ...]] = {}


def undisturbed(case: Case) -> tuple[Any, ...]:
    """What becomes of the untouched files alone."""
    if case.name not in _undisturbed:
        _undisturbed[case.name] = _of_neighbours(case, take_in({case: []}))
    return _undisturbed[case.name]


def take_in_untouched(cases: Iterable[Case]) -> None:
    """Find out what becomes of the untouched files of many sources, in one intake."""
    fresh = [case for case in cases if case.name not in _undisturbed]
    try:
        lake = take_in({case: [] for case in fresh})
    except UncaughtError:
        return  # one by one, where they are asked for
    _undisturbed.update({case.name: _of_neighbours(case, lake) for case in fresh})


def _of_neighbours(case: Case, lake: Lake) -> tuple[Any, ...]:
    return tuple(_settled(lake.of(item.case, item.name, item.data)) for item in neighbours(case))


@functools.cache
def case_problem(case: Case) -> str | None:
    """Why a source cannot be tried: its valid files are not taken in to the last value."""
    try:
        own = undisturbed(case)[:-1]
    except UncaughtError as error:
        return f"uncaught {error}"
    for item, settled in zip(neighbours(case), own, strict=False):
        lake_rows = 0 if settled is None else len(settled[1])
        if settled is None or settled[0]["status"] == "refused" or settled[2] or not lake_rows:
            kept = {} if settled is None else settled[0]
            return f"{item.name}: {kept.get('refusal_code') or kept.get('rejections')}"
    return None


def _settled(outcome: Outcome | None) -> Any:
    """An outcome without what differs from run to run."""
    if outcome is None:
        return None
    receipt = outcome.receipt
    kept = {
        name: receipt.get(name)
        for name in ("status", "rows_read", "accepted", "rejected", "exact_duplicates",
                     "rejections", "refusal_code")
    }  # fmt: skip
    rows = [
        {name: value for name, value in row.items() if name not in _VOLATILE}
        for row in outcome.accepted
    ]
    rows.sort(key=lambda row: row["_row_number"])
    return kept, rows, outcome.rejected


def take_in(groups: Mapping[Case, Sequence[Mutant]]) -> Lake:
    """One intake of mutants by their sources, with the untouched files of each."""
    home = Path(tempfile.mkdtemp(prefix="fuzz-", dir=os.environ.get("FUZZ_SCRATCH")))
    try:
        sources = [case.name for case in groups]
        for case, mutants in groups.items():
            for item in neighbours(case):
                _deliver(home, item.case, item.name, item.data)
            for mutant in mutants:
                _deliver(home, case, mutant.name, mutant.data)
            sources.append(other_than(case).name)
        try:
            ingest(home, list(dict.fromkeys(sources)), key=KEY, specs=specs())
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise UncaughtError(_place(error)) from error
        return read_lake(home / "lake")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _deliver(home: Path, case: Case, name: str, data: bytes) -> None:
    path = home / "inbox" / case.name / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (_OLD, _OLD))


def read_lake(lake: Path) -> Lake:
    found = Lake()
    for folder in sorted(path.parent for path in lake.glob("*/*/receipts.json")):
        accepted = _by_file(folder / "accepted.parquet")
        rejected = _by_file(folder / "rejected.parquet")
        for receipt in json.loads((folder / "receipts.json").read_text("utf-8")):
            file_id = receipt["file_id"]
            outcome = Outcome(receipt, accepted.get(file_id, []), len(rejected.get(file_id, [])))
            found.files[receipt["source"], file_id] = outcome
            found.names[receipt["source"], receipt["file_name"]] = outcome
    return found


def _by_file(path: Path) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    if path.exists():
        for row in pq.read_table(path).to_pylist():
            rows.setdefault(row["_file_id"], []).append(row)
    return rows


def run_group(
    case: Case, mutants: Sequence[Mutant], phase: Callable[[str], None] = lambda _: None
) -> list[Result]:
    """Judge the mutants of one source; those that stop or change others are found by halving."""
    phase("intake")
    try:
        lake = take_in({case: mutants})
    except UncaughtError as error:
        return _halved(case, mutants, phase, "uncaught", str(error))
    return judge_group(case, mutants, lake, phase)


def judge_group(
    case: Case, mutants: Sequence[Mutant], lake: Lake, phase: Callable[[str], None]
) -> list[Result]:
    """Judge the mutants of one source by what an intake left of them."""
    now = _of_neighbours(case, lake)
    if mutants and now != undisturbed(case):
        return _halved(case, mutants, phase, "another file changed", _changed(now, case))
    phase("oracle")
    results = [_result(mutant, _verdict(case, mutant, lake)) for mutant in mutants]
    return [_again(case, result, mutant) for result, mutant in zip(results, mutants, strict=True)]


def _verdict(case: Case, mutant: Mutant, lake: Lake) -> Verdict:
    untouched = mutant.mutators == ("untouched",)
    got = lake.of(case, mutant.name, mutant.data)
    try:
        return judged(mutant.name, mutant.data, case.spec, got, untouched=untouched)
    except Exception as error:
        verdict = Verdict("oracle failed", judged=False)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        verdict.fault("oracle failed", f"{type(error).__name__} at {place}: {error}"[:160])
        return verdict


_confirmed: Counter[tuple[str, str]] = Counter()
_CONFIRM = 6


def _again(case: Case, result: Result, mutant: Mutant) -> Result:
    """A violation must stand when the mutant is taken in without the others.

    Tried for the first few of a kind: it takes as long as judging fifty mutants.
    """
    if not result.verdict.faults or _confirmed[case.name, result.verdict.faults[0][0]] >= _CONFIRM:
        return result
    _confirmed[case.name, result.verdict.faults[0][0]] += 1
    try:
        alone = _verdict(case, mutant, take_in({case: [mutant]}))
    except UncaughtError as error:
        alone = Verdict("uncaught")
        alone.fault("uncaught", str(error))
    if alone.faults:
        result.verdict = alone
    else:
        result.verdict.faults = [(f"only together: {k}", d) for k, d in result.verdict.faults]
    return result


def _halved(
    case: Case, mutants: Sequence[Mutant], phase: Callable[[str], None], kind: str, detail: str
) -> list[Result]:
    if len(mutants) <= 1:
        if not mutants:
            raise RuntimeError(f"{case.name}: untouched files alone: {detail}")
        verdict = Verdict(kind)
        verdict.fault(kind, detail)
        return [_result(mutants[0], verdict)]
    middle = len(mutants) // 2
    results = [*run_group(case, mutants[:middle], phase), *run_group(case, mutants[middle:], phase)]
    if not any(result.verdict.faults for result in results):
        results[0].verdict.fault(f"only together: {kind}", detail)
    return results


def _result(mutant: Mutant, verdict: Verdict) -> Result:
    return Result(mutant.seed, mutant.case.name, mutant.case.kind, mutant.mutators, verdict)


def _place(error: BaseException) -> str:
    """The kind of an exception and the last place of the project that it came through."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__)
        if "/ingestion/" in frame.filename or "/contracts/" in frame.filename
    ]  # fmt: skip
    at = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{at}: {str(error)[:120]}"


def _changed(now: tuple[Any, ...], case: Case) -> str:
    files = neighbours(case)
    names = [
        f"{item.case.name}: {_briefly(after)}, alone {_briefly(before)}"
        for item, after, before in zip(files, now, undisturbed(case), strict=True)
        if after != before
    ]
    return "; ".join(names)


def _briefly(settled: Any) -> str:
    if settled is None:
        return "no receipt"
    kept = settled[0]
    return f"{kept['status']} {kept['accepted']}/{kept['rows_read']}"
