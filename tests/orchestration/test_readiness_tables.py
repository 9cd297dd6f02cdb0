"""What receipts tell the warehouse, and what a release may show of readiness."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingestion.lake import _RECEIPT_SCHEMA
from orchestration.readiness.releasable import releasable_findings, releasable_readiness
from orchestration.readiness.tallies import covered_days, deliveries, rule_hits, write_tallies
from orchestration.suppression import load_policy

POLICY = load_policy()


def receipt(**columns: Any) -> dict[str, Any]:
    """One receipt of a file that was read; unnamed columns get ordinary contents."""
    row: dict[str, Any] = {
        "source": "lat_requests",
        "contract": "lat_request",
        "file_name": "a.csv",
        "file_id": "f1",
        "batch_id": "b1",
        "delivered_on": date(2026, 9, 1),
        "status": "accepted",
        "map_version": "m1",
        "rows_read": 100,
        "accepted": 97,
        "rejected": 3,
        "exact_duplicates": 0,
        "warnings": {},
        "rejections": {},
        "first_rows": {},
        "null_counts": {},
        "size_bytes": 1,
        "ingested_at": datetime(2026, 9, 2),
    }
    row |= columns
    return {
        name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()
    }


def receipts(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=_RECEIPT_SCHEMA)


FIRST = receipt(
    warnings={"LATREQ_REASON_ABSENT": 2},
    rejections={"LATREQ_BASE_ID_MISSING": 3},
    first_rows={"LATREQ_REASON_ABSENT": 7, "LATREQ_BASE_ID_MISSING": 4},
)
REPLAY = receipt(
    batch_id="b2",
    map_version="m2",
    replay_of="b1",
    rows_read=3,
    accepted=2,
    rejected=1,
    warnings={"LATREQ_REASON_ABSENT": 1},
    rejections={"LATREQ_BASE_ID_MISSING": 1},
    first_rows={"LATREQ_REASON_ABSENT": 5, "LATREQ_BASE_ID_MISSING": 6},
    ingested_at=datetime(2026, 9, 3),
)


def test_a_replay_takes_rows_out_of_the_rejected() -> None:
    summed = deliveries(receipts(FIRST, REPLAY)).select(
        pl.col("rows_read", "accepted", "rejected").sum()
    )
    assert summed.row(0) == (100, 99, 1)


def test_rejections_are_those_of_the_last_judgement_and_warnings_of_all() -> None:
    hits = rule_hits(receipts(FIRST, REPLAY)).select("code", "row_count", "first_row")
    assert sorted(hits.iter_rows()) == [
        ("LATREQ_BASE_ID_MISSING", 1, 6),
        ("LATREQ_REASON_ABSENT", 3, 5),
    ]


def test_a_refused_file_is_one_hit_without_a_row() -> None:
    refused = receipt(
        status="refused", refusal_code="FILE_EMPTY", rows_read=0, accepted=0, rejected=0
    )
    hits = rule_hits(receipts(refused)).select("code", "row_count", "first_row")
    assert hits.rows() == [("FILE_EMPTY", 0, None)]


def test_the_files_for_the_warehouse_are_whole_and_alone(tmp_path: Path) -> None:
    write_tallies(tmp_path, receipts(FIRST))
    (tmp_path / ".rule_hits.parquet.left_by_a_killed_run").touch()
    write_tallies(tmp_path, receipts(FIRST, REPLAY))
    assert {path.name for path in tmp_path.iterdir()} == {
        "deliveries.parquet",
        "rule_hits.parquet",
        "covered_days.parquet",
    }
    assert pl.read_parquet(tmp_path / "deliveries.parquet").height == 2


def test_a_file_of_several_days_covers_each_of_them() -> None:
    days = ["2026-08-30", "2026-08-31", "2026-09-01"]
    several = receipt(covered_dates=json.dumps(days))
    found = covered_days(receipts(several, receipt(covered_dates="[]", file_id="f2")))
    assert [day.isoformat() for day in found["covered_on"]] == days
    assert set(found["source"]) == {"lat_requests"}


def measured(part: int, whole: int, *, of_rows: bool = True) -> dict[str, Any]:
    return {
        "contract": "alarm",
        "measure": "present",
        "is_of_rows": of_rows,
        "is_decisive": True,
        "part": part,
        "whole": whole,
        "value": 100 * part / whole,
        "grade": "B",
        "reason_nb": "nb",
        "reason_en": "en",
    }


@pytest.mark.parametrize(
    ("part", "whole", "band", "value"),
    [
        (9, 9, ":", None),  # rests on too few
        (50, 99, "10+", None),  # ten rows are more than a tenth of it
        (96, 100, "100+", None),  # neither everything nor to be told apart from it
        (4, 100, "100+", None),
        (95, 100, "100+", None),
        (94, 100, "100+", 90.0),  # to the nearest ten rows
        (100, 100, "100+", 100.0),
        (0, 100, "100+", 0.0),
        (0, 12, "10+", None),
        (1_234, 5_000, "1 000+", 24.6),  # 24.68: ten of 5000 rows are 0.2 %
        (123_000, 123_456, "100 000+", 99.63),
    ],
)
def test_a_share_that_tells_a_small_number_is_left_out(
    part: int, whole: int, band: str, value: float | None
) -> None:
    row = releasable_readiness(pl.DataFrame([measured(part, whole)]), POLICY).row(0, named=True)
    assert (row["part"], row["whole"], row["row_band"]) == (None, None, band)
    assert row["value"] == value
    assert row["is_suppressed"] == (value is None)
    assert row["grade"] == "B"


def test_days_and_files_are_shown() -> None:
    frame = pl.DataFrame([measured(29, 30, of_rows=False)])
    row = releasable_readiness(frame, POLICY).row(0, named=True)
    assert (row["part"], row["whole"], row["row_band"], row["is_suppressed"]) == (
        29,
        30,
        None,
        False,
    )


def finding(affected: int, of_total: int) -> dict[str, Any]:
    examples = {
        f"example_{position}_{part}": value
        for position in (1, 2, 3)
        for part, value in (("file", f"{position}.csv"), ("row", position))
    }
    return {
        "code": "ALARM_AT_SCENE_ABSENT",
        "is_of_rows": True,
        "affected": affected,
        "of_total": of_total,
        "value": 100 - 100 * affected / of_total,
        "grade": "C",
        "file_count": affected,
        **examples,
    }


def test_findings_of_few_rows_give_one_example_and_no_number() -> None:
    few, many = releasable_findings(
        pl.DataFrame([finding(9, 200), finding(40, 200)]), POLICY
    ).iter_rows(named=True)
    assert (few["affected"], few["value"], few["file_count"]) == (":", None, None)
    assert (few["example_1_file"], few["example_2_file"], few["example_3_row"]) == (
        "1.csv",
        None,
        None,
    )
    assert (many["affected"], many["value"], many["example_3_file"]) == ("10+", 80.0, "3.csv")
    assert "of_total" not in few
