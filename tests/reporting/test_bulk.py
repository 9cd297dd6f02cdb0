"""A whole release as files, and the description of a folder for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import fastexcel
import polars as pl
import pytest

from reporting.bulk import FORMATS, LAYOUTS, export_release
from reporting.columns import heading
from reporting.dimensions import QueryError
from reporting.reader import Release, open_current
from tests.reporting.frictionless import problems


@pytest.fixture(params=["releases", "fuller"])
def either(request: pytest.FixtureRequest) -> Iterator[Release]:
    folder: Path = request.getfixturevalue(request.param)
    with open_current(folder) as release:
        yield release


def test_the_release_folder_is_a_data_package(current: Release) -> None:
    assert problems(current.path) == []
    package = json.loads((current.path / "datapackage.json").read_text("utf-8"))
    described = {resource["path"] for resource in package["resources"]}
    files = {path.name for path in current.path.iterdir()}
    assert files - described == {"datapackage.json", "metadata.json", "checksums.json"}
    assert package["id"] == current.release_id


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fmt", FORMATS)
def test_an_exported_folder_is_a_data_package(
    either: Release, tmp_path: Path, fmt: str, layout: str
) -> None:
    files = export_release(either, tmp_path / "out", fmt, layout=layout)
    assert all(path.is_file() for path in files)
    assert problems(tmp_path / "out") == []
    about = json.loads((tmp_path / "out" / "metadata.json").read_text("utf-8"))
    assert about["release_id"] == either.release_id
    assert {kpi["kpi_id"] for kpi in about["kpis"]} >= {"calls_offered", "c113_within_10s"}


def test_a_break_in_a_description_is_found(current: Release, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    export_release(current, folder, layout="table")
    text = (folder / "units.csv").read_text("utf-8").splitlines()
    (folder / "units.csv").write_text("\n".join([*text, text[1]]), "utf-8")
    found = " ".join(problems(folder))
    assert "hash differs" in found
    assert "not unique" in found


def test_a_family_file_holds_the_months_with_names(current: Release, tmp_path: Path) -> None:
    export_release(current, tmp_path / "out")
    frame = pl.read_csv(tmp_path / "out" / "kpi_values_calls.csv", try_parse_dates=True)
    assert set(frame["period_grain"]) == {"month", "quarter"}
    assert "AMK Oslo" in frame["unit_name"]
    assert frame.schema["period_start"] == pl.Date


def test_days_are_given_when_asked_for(current: Release, tmp_path: Path) -> None:
    export_release(current, tmp_path / "out", layout="table", grains=["quarter"])
    frame = pl.read_csv(tmp_path / "out" / "kpi_values.csv")
    assert set(frame["period_grain"]) == {"quarter"}


def test_a_workbook_has_a_sheet_per_kpi(current: Release, tmp_path: Path) -> None:
    export_release(current, tmp_path / "out", "xlsx")
    assert "Innhold" in fastexcel.read_excel(tmp_path / "out" / "board_calls.xlsx").sheet_names
    reader = fastexcel.read_excel(tmp_path / "out" / "kpi_values_calls.xlsx")
    assert {"calls_offered", "c113_within_10s", "Om", "Definisjoner"} <= set(reader.sheet_names)
    sheet = reader.load_sheet("calls_offered").to_polars()
    assert 1234567.0 in sheet[heading("value")]


def test_a_folder_with_files_is_left_alone(current: Release, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(QueryError, match="not empty"):
        export_release(current, tmp_path)
    with pytest.raises(QueryError, match="parquet"):
        export_release(current, tmp_path / "new", "word")
