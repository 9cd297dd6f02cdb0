"""What changed between two releases, and why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from orchestration.cli.main import app
from reporting.changes import as_table, changes, summary
from reporting.reader import METADATA, POINTER, open_release
from tests.reporting.conftest import NEXT, VERSION

OLD, NEW = "20260901T000000Z-old", "20261001T000000Z-new"


@pytest.fixture
def two(releases: Path, tmp_path: Path) -> Path:
    """The same release twice, under two names."""
    folder = tmp_path / "releases"
    (only,) = [path.parent for path in releases.glob(f"*/{METADATA}")]
    for name in (OLD, NEW):
        shutil.copytree(only, folder / name)
    (folder / POINTER).write_text(NEW, encoding="utf-8")
    return folder


def _change(folder: Path, release: str, statement: str) -> None:
    with duckdb.connect(str(folder / release / "akutt.duckdb")) as connection:
        connection.execute(statement)


def _found(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    with open_release(folder, OLD) as old, open_release(folder, NEW) as new:
        rows = changes(old, new).iter_rows(named=True)
        return {
            (row["kpi_id"], f"{row['unit_id']} {row['period_grain']} {row['period_start']}"): (
                row["change"],
                row["reason"],
            )
            for row in rows
        }


AUGUST = "unit_id = 'amk_oslo' and kpi_id = 'c113_within_10s' and period_start = date '2026-08-01'"
CELL = ("c113_within_10s", "amk_oslo month 2026-08-01")


def test_equal_releases_differ_in_nothing(two: Path) -> None:
    assert _found(two) == {}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (f"update kpi_values set numerator = 951, denominator = 1001, n = 1001, value = 95.005 "
         f"where {AUGUST}", ("revised", "late rows")),
        (f"update kpi_values set numerator = 940, value = 94 where {AUGUST}",
         ("revised", "correction")),
        # The value alone tells of no change in numbers.
        (f"update kpi_values set value = value + 1e-12 where {AUGUST}", None),
        (f"delete from kpi_values where {AUGUST}", ("withdrawn", "correction")),
        (f"update kpi_values set status = 'suppressed', value = null, numerator = null, "
         f"denominator = null, n = null where {AUGUST}", ("hidden", "disclosure")),
        (f"update kpi_values set numerator = 940, value = 94 where {AUGUST}; "
         f"update kpi_registry set version = '{NEXT}' "
         f"where kpi_id = 'c113_within_10s' and version = '{VERSION}'",
         ("revised", "definition")),
        (f"update kpi_values set numerator = 940, value = 94 where {AUGUST}; "
         "update geography set amk_code = 'amk_oslo' where municipality_code = "
         "(select min(municipality_code) from geography where amk_code <> 'amk_oslo')",
         ("revised", "geography")),
        (f"update kpi_values set numerator = 940, denominator = 990, n = 990, value = 94.9 "
         f"where {AUGUST}; update data_volume set accepted = accepted - 10, is_suppressed = false",
         ("revised", "taken back")),
    ],
)  # fmt: skip
def test_what_changed_and_why(two: Path, statement: str, expected: tuple[str, str] | None) -> None:
    # The data of both end well after the month.
    for name in (OLD, NEW):
        path = two / name / METADATA
        told = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**told, "period_end": "2026-12-31"}), encoding="utf-8")
    _change(two, OLD, "update data_volume set accepted = 1000")
    _change(two, NEW, "update data_volume set accepted = 1000")
    _change(two, NEW, statement)
    found = _found(two)
    assert found == ({CELL: expected} if expected else {})


def test_a_period_that_was_not_over_went_on_and_one_after_it_is_new(two: Path) -> None:
    path = two / OLD / METADATA
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**told, "period_end": "2026-08-20"}), encoding="utf-8")
    _change(
        two,
        NEW,
        f"update kpi_values set numerator = 1, n = 2000, denominator = 2000 where {AUGUST}",
    )
    _change(two, OLD, "delete from kpi_values where unit_id = 'amk_oslo' "
            "and kpi_id = 'c113_within_10s' and period_start = date '2026-09-01'")  # fmt: skip
    assert _found(two) == {
        CELL: ("revised", "period went on"),
        ("c113_within_10s", "amk_oslo month 2026-09-01"): ("new", "new period"),
    }


def test_the_command_tells_and_writes(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKUTT_HOME", str(two.parent))
    _change(two, NEW, f"update kpi_values set numerator = 940, value = 94 where {AUGUST}")
    shown = CliRunner().invoke(app, ["release", "diff"])
    assert shown.exit_code == 0, shown.output
    assert "endret / revised" in shown.output and "94,00" in shown.output
    target = two / "diff.csv"
    written = CliRunner().invoke(app, ["release", "diff", OLD, NEW, "--output", str(target)])
    assert written.exit_code == 0 and len(target.read_text("utf-8").splitlines()) == 2
    none = CliRunner().invoke(app, ["release", "diff", "--level", "region"])
    assert "No cells changed" in none.output
    first = CliRunner().invoke(app, ["release", "diff", "", OLD])
    assert first.exit_code == 1 and "No release before" in first.output


def test_the_summary_counts_by_kind_and_reason(two: Path) -> None:
    _change(two, NEW, f"update kpi_values set numerator = 940, value = 94 where {AUGUST}")
    with open_release(two, OLD) as old, open_release(two, NEW) as new:
        frame = changes(old, new)
    assert [row["cells"] for row in summary(frame)] == [1]
    assert "largest revisions" in as_table(frame)
