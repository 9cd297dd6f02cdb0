"""The fault list is exact: every row has the finding it says, and no other row has any."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from contracts import CONTRACTS, FILE_RULES
from ingestion.intake import ingest
from ingestion.privacy import is_identity_number
from ingestion.synthetic import FAULTS, FILE_FAULTS, generate
from ingestion.synthetic.broken import identity_number
from tests.ingestion.synthetic.conftest import Run

KEY = b"only-for-tests-0123456789abcdefgh"


def _lake(run: Run, home: Path) -> tuple[pl.DataFrame, list[dict[str, object]]]:
    """Take a run in, and return (file, row, code) of everything found, and the receipts."""
    ingest(home, key=KEY, inbox=run.out / "inbox")
    receipts: list[dict[str, object]] = []
    for path in (home / "lake").rglob("receipts.json"):
        written = json.loads(path.read_text(encoding="utf-8"))
        receipts += written if isinstance(written, list) else written["receipts"]
    names = {str(r["file_id"]): str(r["file_name"]) for r in receipts}
    found = []
    for name, column in (("accepted", "warning_codes"), ("rejected", "rule_codes")):
        for path in (home / "lake").rglob(f"{name}.parquet"):
            rows = pl.read_parquet(path)
            if column not in rows.columns:
                column = next(c for c in rows.columns if c.endswith("codes"))
            codes = pl.col(column).cast(pl.String).str.strip_chars("|").str.split("|")
            found.append(
                rows.filter(pl.col(column).is_not_null()).select(
                    pl.col("_file_id").replace_strict(names).alias("file_name"),
                    pl.col("_row_number").cast(pl.Int64).alias("row_number"),
                    codes.alias("code"),
                )
            )
    return pl.concat(found).explode("code"), receipts


@pytest.fixture(scope="module")
def taken_in(
    faulty: Run, tmp_path_factory: pytest.TempPathFactory
) -> tuple[pl.DataFrame, list[dict[str, object]]]:
    return _lake(faulty, tmp_path_factory.mktemp("home"))


def _triples(frame: pl.DataFrame) -> Counter[tuple[object, ...]]:
    return Counter(frame.select("file_name", "row_number", "code").rows())


def test_the_intake_finds_what_was_put_in_and_nothing_else(
    faulty: Run, taken_in: tuple[pl.DataFrame, list[dict[str, object]]]
) -> None:
    found, _ = taken_in
    rules = faulty.faults.filter(pl.col("expected_finding").str.starts_with("rule:"))
    expected = rules.with_columns(pl.col("expected_finding").str.slice(5).alias("code"))
    assert expected.height > 60
    assert _triples(found) == _triples(expected)


def test_broken_deliveries_are_refused_for_their_reason(
    faulty: Run, taken_in: tuple[pl.DataFrame, list[dict[str, object]]]
) -> None:
    _, receipts = taken_in
    refused = {r["file_name"]: f"file:{r['refusal_code']}" for r in receipts if r["refusal_code"]}
    files = faulty.faults.filter(pl.col("expected_finding").str.starts_with("file:"))
    assert refused == dict(files.select("file_name", "expected_finding").iter_rows())
    assert len(refused) == len(FILE_FAULTS)


def test_exact_duplicates_are_counted(
    faulty: Run, taken_in: tuple[pl.DataFrame, list[dict[str, object]]]
) -> None:
    _, receipts = taken_in
    expected = faulty.faults.filter(pl.col("expected_finding") == "duplicate").height
    assert sum(int(str(r["exact_duplicates"])) for r in receipts) == expected > 0


def test_faultless_extracts_have_only_the_natural_finding(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("natural")
    run = Run(out, generate(out, dt.date(2025, 10, 25), 3, 0.02, 4, faults=0))
    kinds = set(run.faults["fault_kind"])
    assert kinds == {"ambiguous_hour"}
    found, receipts = _lake(run, tmp_path)
    expected = run.faults.with_columns(pl.col("expected_finding").str.slice(5).alias("code"))
    assert _triples(found) == _triples(expected)
    assert {r["status"] for r in receipts} == {"accepted"}
    # Figures differ from the faultless ones only through that hour.
    touched = run.figures.filter("touched")
    day_only = touched.filter(pl.col("period_grain") == "day")["period_start"].unique().to_list()
    assert day_only == [dt.date(2025, 10, 26)]


def test_without_faults_and_change_of_clock_nothing_is_listed(faultless: Run) -> None:
    assert faultless.faults.height == 0
    assert not faultless.figures["touched"].any()
    same = faultless.figures.filter(pl.col("value") != pl.col("value_clean"))
    assert same.height == 0


def test_nearly_every_fault_occurs_even_in_a_small_run(faulty: Run) -> None:
    kinds = set(faulty.faults["fault_kind"])
    # No day of the change to summer time, and no patient from Oslo, in these two weeks.
    assert {fault.kind for fault in FAULTS} - kinds <= {"nonexistent_time", "lost_leading_zero"}


def test_a_row_has_one_fault(faulty: Run) -> None:
    rows = faulty.faults.filter(pl.col("row_number").is_not_null())
    ambiguous = rows.filter(pl.col("fault_kind") == "ambiguous_hour")
    single = rows.filter(pl.col("fault_kind") != "ambiguous_hour")
    assert not single.select("file_name", "row_number").is_duplicated().any()
    both = single.join(ambiguous, on=["file_name", "row_number"])
    assert both.height == 0


def test_late_and_corrected_rows_come_in_a_later_file(faulty: Run) -> None:
    delivered = pl.col("file_name").str.extract(r"(\d{4}-\d{2}-\d{2})").str.to_date()
    faults = faulty.faults.with_columns((delivered - pl.col("event_date")).alias("delay"))
    late = faults.filter(pl.col("fault_kind").is_in(["late", "tombstone"]))
    assert late.height > 3
    assert late["delay"].is_between(dt.timedelta(days=2), dt.timedelta(days=10)).all()
    others = faults.filter(pl.col("fault_kind").is_in(["corrected", "clock_skew"]))
    assert (others["delay"] == dt.timedelta(0)).all()


def test_every_finding_is_a_rule_of_the_contracts() -> None:
    codes = {rule.code for c in CONTRACTS.values() for rule in (*c.row_rules, *c.warning_rules)}
    codes |= {rule.code for rule in FILE_RULES}
    for fault in (*FAULTS, *FILE_FAULTS):
        kind, _, code = fault.finding.partition(":")
        if code:
            assert code in codes, fault
        else:
            assert kind in {
                "duplicate",
                "cross_system_duplicate",
                "superseded",
                "deleted",
                "recovered",
                "late",
                "unknown_geo",
                "union",
                "unknown_unit",
                "coverage",
            }


def test_the_rate_multiplies(tmp_path: Path) -> None:
    counts = []
    for rate in (0.5, 4.0):
        out = tmp_path / str(rate)
        generate(out, dt.date(2026, 1, 5), 5, 0.02, 3, faults=rate)
        listed = pl.read_parquet(out / "truth" / "faults.parquet")
        counts.append(listed.filter(pl.col("fault_kind") == "overlapping_shift").height)
    assert counts[1] > 4 * counts[0] > 0


def test_cross_system_duplicates_are_the_same_call_twice(faulty: Run) -> None:
    pairs = faulty.faults.filter(pl.col("fault_kind") == "cross_system_duplicate")
    calls = faulty.records("call")
    assert pairs.height > 0
    for source, double, record in pairs.select("source", "source_id", "record_id").iter_rows():
        original = calls.row(by_predicate=pl.col("source_id") == record, named=True)
        assert double != record
        assert source == (
            "hdo_lifex_calls" if original["source_system"] == "ICCS" else "hdo_iccs_calls"
        )


def test_identity_numbers_are_synthetic_and_have_right_control_digits() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        number = identity_number(rng)
        assert is_identity_number(number)
        assert 81 <= int(number[2:4]) <= 92


def test_a_broken_delivery_stands_beside_the_good_one(faulty: Run) -> None:
    broken = [entry for entry in faulty.manifest.files if entry.is_broken]
    assert len(broken) == len(FILE_FAULTS)
    for entry in broken:
        folder = faulty.out / "inbox" / entry.source
        suffix = entry.name.removeprefix(f"{entry.source}_{entry.day}_").split(".")[0]
        good = folder / entry.name.replace(f"_{suffix}", "")
        assert good.is_file()
        assert (folder / entry.name).read_bytes() != good.read_bytes()
        if suffix == "avkuttet":
            with pytest.raises(EOFError):
                gzip.decompress((folder / entry.name).read_bytes())
