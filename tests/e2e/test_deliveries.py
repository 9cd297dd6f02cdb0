"""The order and number of deliveries do not matter; a corrected file changes exactly its rows."""

from __future__ import annotations

import datetime as dt
import random
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ingestion.home import Home
from ingestion.synthetic import generate
from tests.e2e.conftest import World, akutt, run_steps

pytestmark = pytest.mark.slow
NUMBER = re.compile(rb"\+47\d{8}")
CELL = ["kpi_id", "kpi_version", "segment", "period_grain", "period_start", "level", "unit_id"]


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine days around the doubled hour, with faults: corrections, deletions and late rows."""
    folder = tmp_path_factory.mktemp("extracts")
    generate(folder, start=dt.date(2025, 10, 22), days=9, scale=0.01, seed=3, faults=5.0)
    return folder


@pytest.fixture(scope="module")
def at_once(extracts: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Everything delivered before one run."""
    folder = tmp_path_factory.mktemp("at_once")
    shutil.copytree(extracts / "inbox", folder / "inbox")
    akutt(folder, "run")
    return World(Home(folder))


def values(world: World) -> pl.DataFrame:
    return world.sql("from kpi_values").sort(CELL)


def test_any_order_of_deliveries_gives_the_same_figures(
    extracts: Path, at_once: World, tmp_path: Path
) -> None:
    files = sorted(path for path in (extracts / "inbox").glob("*/*") if path.is_file())
    random.Random(5).shuffle(files)
    half = len(files) // 2
    for portion in (files[:half], files[half:]):
        for path in portion:
            target = tmp_path / "inbox" / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        run_steps(tmp_path)
    shuffled = World(Home(tmp_path))
    assert_frame_equal(values(shuffled), values(at_once), abs_tol=1e-9)
    # What an earlier release hid stays hidden, so each history hides its own cells; the cells are
    # the same, and so is every figure that both show.
    one, other = (world.release("kpi_values").sort(CELL) for world in (shuffled, at_once))
    assert_frame_equal(one.select(CELL), other.select(CELL))
    shown = (one["status"] != "suppressed") & (other["status"] != "suppressed")
    assert shown.sum() > 1_000
    assert_frame_equal(one.filter(shown), other.filter(shown), abs_tol=1e-9)


def test_the_same_files_twice_change_nothing(at_once: World) -> None:
    home = at_once.home
    before = values(at_once)
    release = (home.releases / "current").read_text("utf-8")
    for path in list(home.inbox.glob("*/*")):
        path.touch()
    akutt(home.root, "run")
    assert (home.releases / "current").read_text("utf-8") == release
    assert_frame_equal(values(at_once), before)


def test_a_corrected_file_changes_exactly_its_rows(at_once: World) -> None:
    home = at_once.home
    before_calls = at_once.sql("from fct_calls").sort("source_system", "source_id")
    source = home.inbox / "hdo_iccs_calls" / "hdo_iccs_calls_2025-10-24.csv"
    header, *rows = source.read_text("cp1252").splitlines()
    fields = header.split(";")
    place = {name: fields.index(name) for name in fields}
    chosen = []
    for row in rows:
        cells = row.split(";")
        plain = cells[place["Tjeneste"]] == "116117" and cells[place["Utfall"]] == "F"
        if plain and cells[place["Revisjon"]] == "1" and cells[place["Slettet"]] == "N":
            cells[place["Revisjon"]] = "9"
            cells[place["Sentral"]] = "lvs_0301"
            chosen.append((cells[place["Anrops-ID"]], ";".join(cells)))
    chosen = [
        (call, row)
        for call, row in chosen
        if before_calls.filter(pl.col("source_id") == call).height == 1
    ][:3]
    assert len(chosen) == 3
    corrected = source.with_name("hdo_iccs_calls_2025-10-24_rettet.csv")
    corrected.write_text("\n".join([header, *(row for _, row in chosen)]) + "\n", "cp1252")
    run_steps(home.root)

    after_calls = at_once.sql("from fct_calls").sort("source_system", "source_id")
    assert after_calls.height == before_calls.height
    lineage = ["_batch_id", "_file_id", "_row_number"]
    changed = after_calls.join(
        before_calls.drop(lineage),
        on=before_calls.drop(lineage).columns,
        how="anti",
        nulls_equal=True,
    )
    assert sorted(changed["source_id"]) == sorted(call for call, _ in chosen)
    assert set(changed["reported_central_id"]) == {"lvs_0301"}
    assert set(changed["revision"]) == {9}


def test_every_load_keeps_the_row_identity(at_once: World) -> None:
    receipts = at_once.receipts().filter(pl.col("status") == "accepted")
    assert (
        receipts["rows_read"]
        == receipts["accepted"] + receipts["rejected"] + receipts["exact_duplicates"]
    ).all()
    loaded = at_once.sql("select batch_id, sum(row_count) as loaded from ops.load_log group by all")
    accepted = (
        receipts.group_by("batch_id").agg(pl.col("accepted").sum()).filter(pl.col("accepted") > 0)
    )
    joined = accepted.join(loaded, on="batch_id", how="full", coalesce=True)
    assert joined.filter(pl.col("accepted").ne_missing(pl.col("loaded").cast(pl.UInt64))).is_empty()


def test_nothing_personal_is_written_anywhere(at_once: World) -> None:
    numbers: set[str] = set()
    for path in (at_once.home.inbox / "hdo_iccs_calls").glob("*_2025-10-2?.csv"):
        for row in path.read_text("cp1252", errors="replace").splitlines()[1:200]:
            cells = row.split(";")
            if len(cells) > 19 and cells[19].startswith("+47"):
                numbers.add(cells[19])
    assert len(numbers) > 20
    assert all(NUMBER.fullmatch(number.encode()) for number in numbers)
    looked_into = set()
    for path in at_once.home.root.rglob("*"):
        if not path.is_file() or path.is_relative_to(at_once.home.inbox):
            continue
        looked_into.add(path.suffix)
        # The values of Parquet are compressed; of all other files the bytes are searched.
        is_parquet = path.suffix == ".parquet"
        content = pl.read_parquet(path).write_ndjson().encode() if is_parquet else path.read_bytes()
        found = numbers & {number.decode() for number in NUMBER.findall(content)}
        assert not found, path.name
    assert {".parquet", ".duckdb", ".log", ".json"} <= looked_into
