"""The release: atomic, idempotent, verifiable, and reversible."""

from __future__ import annotations

import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from orchestration import atomic, release, release_check, release_files
from orchestration.disclosure.step import DisclosureError
from orchestration.release import (
    build_release,
    get_release,
    list_releases,
    rollback,
    verify_release,
)
from orchestration.release_check import hash_content
from orchestration.suppression import load_policy
from reporting.changes import changes, counted
from reporting.reader import open_release
from tests.orchestration.fabricated import (
    ordinary_values,
    receipts,
    share,
    value,
    values,
    write_warehouse,
)

START = datetime(2026, 10, 1, 5, 0, tzinfo=UTC)


class Killed(BaseException):
    """Stands for SIGKILL: nothing handles it."""


def build(
    folder: Path, shift: float = 0.0, hour: int = 0, **options: object
) -> release.BuildResult:
    warehouse = write_warehouse(folder / f"warehouse_{shift}.duckdb", ordinary_values(shift))
    return build_release(
        warehouse,
        folder / "releases",
        receipts(),
        now=START + timedelta(hours=hour),
        **options,  # type: ignore[arg-type]
    )


def test_a_release_is_complete_and_verifies(tmp_path: Path) -> None:
    built = build(tmp_path)
    assert built.created
    assert (tmp_path / "releases" / "current").read_text().strip() == built.release_id
    assert {path.name for path in built.path.iterdir()} == {
        "akutt.duckdb",
        "kpi_values.parquet",
        "kpi_registry.parquet",
        "units.parquet",
        "geography.parquet",
        "data_coverage.parquet",
        "data_volume.parquet",
        "withdrawn.parquet",
        "kpi_sql.parquet",
        "release_changes.parquet",
        "metadata.json",
        "datapackage.json",
        "checksums.json",
    }
    assert verify_release(tmp_path / "releases") == []
    info = get_release(tmp_path / "releases")
    assert info.is_current
    assert info.metadata["source_coverage"]["hdo_iccs_calls"]["days_delivered"] == 3
    assert info.metadata["tables"]["geography"]["rows"] == 357
    assert not list((tmp_path / "releases").glob(".building-*"))


def test_the_database_is_written_for_older_clients(tmp_path: Path) -> None:
    built = build(tmp_path)
    connection = duckdb.connect(str(built.path / "akutt.duckdb"), read_only=True)
    tags = connection.execute("select tags from duckdb_databases() where not internal").fetchall()
    assert "v1.2.0" in str(tags)


def test_the_same_content_makes_no_new_release(tmp_path: Path) -> None:
    first = build(tmp_path)
    again = build(tmp_path, hour=1)
    assert (again.created, again.published) == (False, False)
    assert again.release_id == first.release_id
    assert len(list_releases(tmp_path / "releases")) == 1


def test_row_order_and_last_bits_are_not_content(tmp_path: Path) -> None:
    rows = ordinary_values()
    noisy = rows.reverse().with_columns(pl.col("numerator") + 1e-11)
    assert hash_content({"kpi_values": rows}) == hash_content({"kpi_values": noisy})
    other = rows.with_columns(pl.col("numerator") + 1e-5)
    assert hash_content({"kpi_values": rows}) != hash_content({"kpi_values": other})


def test_null_and_empty_text_are_different_content() -> None:
    null, empty = (pl.DataFrame({"a": [text]}, schema={"a": pl.String}) for text in (None, ""))
    assert hash_content({"t": null}) != hash_content({"t": empty})


def test_new_content_is_published_and_old_releases_are_pruned(tmp_path: Path) -> None:
    built = [build(tmp_path, shift, hour=int(shift), keep=2) for shift in range(4)]
    kept = [info.release_id for info in list_releases(tmp_path / "releases")]
    assert kept == [built[3].release_id, built[2].release_id]


def told(built: release.BuildResult) -> tuple[object, list[dict[str, object]]]:
    """The release that it is compared with, and its table of what changed."""
    with open_release(built.path.parent, built.release_id) as opened:
        since = opened.metadata["changes_since"]
        return since, opened.table("release_changes").to_dicts()


def test_a_release_tells_what_changed_since_the_one_that_readers_had(tmp_path: Path) -> None:
    first, second, third = (build(tmp_path, shift, hour=int(shift)) for shift in range(3))
    assert told(first) == (None, [])
    since, rows = told(third)
    assert since == second.release_id and rows
    assert {row["earlier_release"] for row in rows} == {second.release_id}
    folder = tmp_path / "releases"
    with (
        open_release(folder, second.release_id) as old,
        open_release(folder, third.release_id) as new,
    ):
        expected = counted(changes(old, new)).to_dicts()
    assert [{k: v for k, v in row.items() if k != "earlier_release"} for row in rows] == expected
    rollback(tmp_path / "releases", first.release_id)
    assert told(build(tmp_path, 3.0, hour=3))[0] == first.release_id
    assert verify_release(tmp_path / "releases") == []


def test_what_changed_tells_of_hidden_figures_only_that_they_are_hidden(tmp_path: Path) -> None:
    """What stays hidden is nowhere, whatever happens to it; what is hidden now is one cell more."""
    month = {"period_grain": "month", "level": "central"}

    def released(hour: int, *rows: dict[str, object]) -> release.BuildResult:
        frame = pl.concat([ordinary_values(), values(*rows)])
        warehouse = write_warehouse(tmp_path / f"{hour}.duckdb", frame)
        at = START + timedelta(hours=hour)
        return build_release(warehouse, tmp_path / "releases", receipts(), now=at)

    hidden = share(1, 3, unit_id="amk_bodo", **month)
    released(0, hidden, share(900, 1000, unit_id="amk_forde", **month))
    second = released(1, share(2, 3, unit_id="amk_bodo", **month),
                      share(2, 3, unit_id="amk_forde", **month))  # fmt: skip
    _, rows = told(second)
    assert [{k: v for k, v in row.items() if k != "earlier_release"} for row in rows] == [
        {
            "kpi_id": "c113_within_10s", "level": "central", "period_grain": "month",
            "change_kind": "hidden", "change_reason": "disclosure", "cells": 1,
        }
    ]  # fmt: skip


def test_a_release_that_cannot_be_compared_with_holds_nothing_up(tmp_path: Path) -> None:
    first = build(tmp_path)
    (first.path / "akutt.duckdb").write_bytes(b"no database")
    second = build(tmp_path, 1.0, hour=1)
    assert second.published and told(second) == (None, [])


def test_pruning_never_removes_the_current_release(tmp_path: Path) -> None:
    first, *_ = [build(tmp_path, shift, hour=int(shift)) for shift in range(3)]
    rollback(tmp_path / "releases", first.release_id)
    release.prune(tmp_path / "releases", keep=1)
    kept = {info.release_id for info in list_releases(tmp_path / "releases")}
    assert first.release_id in kept
    assert len(kept) == 2


@pytest.mark.parametrize("moment", ["write", "rename", "pointer"])
def test_killed_at_any_step_the_old_release_stays_and_the_next_build_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    old = build(tmp_path)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        match moment:
            case "write":
                patch.setattr(release_files, "_write_database", die)
            case "rename":
                patch.setattr(Path, "rename", die)
            case _:
                patch.setattr(release, "_point_at", die)
        with pytest.raises(Killed):
            build(tmp_path, shift=1, hour=1)
    assert get_release(tmp_path / "releases").release_id == old.release_id
    assert verify_release(tmp_path / "releases") == []
    finished = build(tmp_path, shift=1, hour=2)
    assert finished.published
    assert get_release(tmp_path / "releases").content_hash == finished.content_hash
    assert verify_release(tmp_path / "releases") == []
    assert len(list_releases(tmp_path / "releases")) == 2
    assert not [p for p in (tmp_path / "releases").iterdir() if p.name.startswith(".b")]


def test_a_torn_release_folder_is_not_taken_into_use(tmp_path: Path) -> None:
    old = build(tmp_path)
    new = build(tmp_path, shift=1, hour=1)
    atomic.write_text(tmp_path / "releases" / "current", old.release_id)
    (new.path / "kpi_values.parquet").write_bytes(b"torn")
    rebuilt = build(tmp_path, shift=1, hour=2)
    assert rebuilt.created
    assert verify_release(tmp_path / "releases") == []


def test_rollback_goes_one_back_and_stays_until_the_content_changes(tmp_path: Path) -> None:
    built = [build(tmp_path, shift, hour=int(shift)) for shift in range(3)]
    releases = tmp_path / "releases"
    assert rollback(releases).release_id == built[1].release_id
    assert rollback(releases).release_id == built[0].release_id
    nightly = build(tmp_path, shift=2, hour=4)
    assert (nightly.created, nightly.published) == (False, False)
    assert get_release(releases).release_id == built[0].release_id
    assert build(tmp_path, shift=7, hour=5).published
    # Content that was rolled back once may come back by itself later, after other content.
    assert not (releases / release.HELD).exists()


def test_rollback_forward_again(tmp_path: Path) -> None:
    built = [build(tmp_path, shift, hour=int(shift)) for shift in range(2)]
    rollback(tmp_path / "releases")
    rollback(tmp_path / "releases", built[1].release_id)
    assert get_release(tmp_path / "releases").release_id == built[1].release_id


def test_rollback_refuses_a_damaged_or_missing_release(tmp_path: Path) -> None:
    first = build(tmp_path)
    with pytest.raises(release.ReleaseError, match="no earlier release"):
        rollback(tmp_path / "releases")
    second = build(tmp_path, shift=1, hour=1)
    (first.path / "units.parquet").write_bytes(b"damaged")
    with pytest.raises(release.ReleaseError, match="damaged"):
        rollback(tmp_path / "releases")
    with pytest.raises(release.ReleaseError, match="does not exist"):
        rollback(tmp_path / "releases", "2001")
    assert get_release(tmp_path / "releases").release_id == second.release_id


@pytest.mark.parametrize("damage", ["change", "remove", "add"])
def test_verify_sees_every_change_of_files(tmp_path: Path, damage: str) -> None:
    built = build(tmp_path)
    target = built.path / "kpi_values.parquet"
    match damage:
        case "change":
            target.write_bytes(target.read_bytes() + b"x")
        case "remove":
            target.unlink()
        case _:
            (built.path / "extra.txt").write_text("not ours")
    problems = verify_release(tmp_path / "releases")
    assert len(problems) == 1


def rewrite(folder: Path, table: str, frame: pl.DataFrame) -> None:
    """Tamper with a release consistently: new file, matching checksums."""
    frame.write_parquet(folder / f"{table}.parquet")
    files = [path for path in folder.iterdir() if path.name != "checksums.json"]
    atomic.write_json(
        folder / "checksums.json", {path.name: release_files.sha256(path) for path in files}
    )


def test_verify_compares_rows_and_content_behind_valid_checksums(tmp_path: Path) -> None:
    built = build(tmp_path)
    frame = pl.read_parquet(built.path / "kpi_values.parquet")
    rewrite(built.path, "kpi_values", frame.head(5))
    problems = " ".join(verify_release(tmp_path / "releases"))
    assert "5 rows in parquet" in problems
    rewrite(built.path, "kpi_values", frame.with_columns(pl.col("value") + 1))
    problems = " ".join(verify_release(tmp_path / "releases"))
    assert "differs between Parquet and DuckDB" in problems
    assert "content hash" in problems


def test_verify_finds_small_numbers_and_leaking_cells() -> None:
    from tests.orchestration.fabricated import registry

    seen = values(share(3, 9), share(500, 1000), value(status="suppressed", value=None, n=3))
    problems = release_check.suppression_problems(seen, registry(), load_policy())
    assert problems == ["1 cells show a small number", "1 suppressed cells still carry a number"]


def test_an_unregistered_kpi_stops_the_release(tmp_path: Path) -> None:
    with pytest.raises(DisclosureError, match="made_up"):
        write_warehouse(tmp_path / "w.duckdb", values(value("made_up", n=100)))
    warehouse = tmp_path / "w.duckdb"
    with pytest.raises(release.ReleaseError, match="disclosure control"):
        build_release(warehouse, tmp_path / "releases", receipts())
    assert list_releases(tmp_path / "releases") == []


def test_coverage_tells_row_counts_roughly_and_no_small_ones(tmp_path: Path) -> None:
    from orchestration.release_content import coverage_tables, with_rough_counts

    counted = coverage_tables(receipts(days=1, rejected=3, accepted=107))
    tables = with_rough_counts(counted, load_policy(), in_full=False)
    (month,) = tables["data_volume"].to_dicts()
    assert (month["rejected"], month["is_suppressed"]) == (None, True)
    # To the nearest ten: what is left out does not follow from the rest.
    assert (month["rows_read"], month["accepted"], month["exact_duplicates"]) == (110, 110, 0)
    assert "rows_read" not in tables["data_coverage"].columns
    (full,) = with_rough_counts(counted, load_policy(), in_full=True)["data_volume"].to_dicts()
    assert (full["rows_read"], full["accepted"], full["rejected"]) == (110, 107, 3)
    assert full["is_small"]


def test_refused_files_are_counted_as_refused_not_delivered() -> None:
    from orchestration.release_content import coverage_summary, coverage_tables

    both = pl.concat(
        [receipts(days=3), receipts(days=1, status="refused", accepted=0, rejected=0, rows_read=0)],
        how="vertical_relaxed",
    ).filter(~((pl.col("status") == "accepted") & (pl.col("delivered_on").dt.day() == 29)))
    tables = coverage_tables(both)
    assert coverage_summary(tables["data_coverage"])["hdo_iccs_calls"] == {
        "first_delivered_on": "2026-09-28",
        "last_delivered_on": "2026-09-30",
        "days_delivered": 2,
        "days_missing": 1,
        "files_refused": 1,
    }


def poll(releases: str, stop: object, seen: object) -> None:
    """A reader in a process of its own: open, query, compare with the release's own metadata."""
    from reporting.reader import open_current

    while not stop.is_set():  # type: ignore[attr-defined]
        try:
            with open_current(Path(releases)) as current:
                rows = current.sql("select count(*) as n from kpi_values")["n"][0]
                assert rows == current.metadata["tables"]["kpi_values"]["rows"]
                seen.put(current.release_id)  # type: ignore[attr-defined]
        except BaseException as error:
            seen.put(f"FAILED {error!r}")  # type: ignore[attr-defined]
            return


def test_readers_never_fail_while_releases_are_swapped_and_pruned(tmp_path: Path) -> None:
    first = write_warehouse(tmp_path / "a.duckdb", ordinary_values(0))
    second = write_warehouse(tmp_path / "b.duckdb", ordinary_values(1))
    releases = tmp_path / "releases"
    build_release(first, releases, receipts(), keep=1)
    spawn = multiprocessing.get_context("spawn")
    stop, seen = spawn.Event(), spawn.Queue()
    reader = spawn.Process(target=poll, args=(str(releases), stop, seen))
    reader.start()
    observed = {seen.get(timeout=60)}
    swaps = 0
    until = time.monotonic() + 3
    while time.monotonic() < until or swaps < 4:
        for warehouse in (second, first):
            build_release(warehouse, releases, receipts(), keep=1)
            swaps += 1
    stop.set()
    while reader.is_alive() or not seen.empty():
        try:
            observed.add(seen.get(timeout=0.2))
        except Exception:
            reader.join(timeout=0.2)
    assert not [entry for entry in observed if entry.startswith("FAILED")]
    assert len(observed) >= 2
