"""Exports say the same in every format, and each says which release it is from."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import fastexcel
import polars as pl
import pytest

from reporting.columns import PARTIAL, PERIOD, PROVISIONAL, heading
from reporting.describe import describe
from reporting.export import FORMATS, render, write
from reporting.query import KpiQuery, query
from reporting.reader import Release, open_current


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_release_id_is_in_every_export(current: Release, fmt: str) -> None:
    frame = query(current, KpiQuery())
    data = render(frame, fmt, describe(current, frame, "alt"))
    if fmt == "xlsx":
        reader = fastexcel.read_excel(data)
        assert reader.sheet_names == ["KPI", "Om", "Definisjoner", "Kolonner"]
        about = reader.load_sheet("Om", header_row=None).to_polars()
        assert current.release_id in about.to_series(1).to_list()
    else:
        assert current.release_id.encode() in data


def test_machine_formats_give_the_frame_back(current: Release) -> None:
    frame = query(current, KpiQuery(levels=["central"]))
    csv = pl.read_csv(render(frame, "csv", current.metadata), schema=frame.schema)
    parquet = pl.read_parquet(io.BytesIO(render(frame, "parquet", current.metadata)))
    assert csv.equals(frame)
    assert parquet.equals(frame)
    document = json.loads(render(frame, "json", current.metadata))
    assert [row["value"] for row in document["rows"]] == frame["value"].to_list()
    reader = fastexcel.read_excel(render(frame, "xlsx", current.metadata))
    sheet = reader.load_sheet("KPI").to_polars()
    assert sorted(sheet.columns) == sorted(heading(name) for name in frame.columns)
    assert sheet.columns[3] == heading("unit_name")
    for name in ("value", "n", "coverage"):
        assert sheet[heading(name)].to_list() == frame[name].to_list()
    # Excel has no dates without a clock.
    dates = sheet[heading("period_start")]
    assert isinstance(dates.dtype, pl.Datetime)
    assert dates.cast(pl.Date).to_list() == frame["period_start"].to_list()


def test_a_part_of_a_period_is_never_shown_as_a_whole(fuller: Path) -> None:
    with open_current(fuller) as release:
        frame = query(release, KpiQuery(kpis=["c113_within_10s"]))
        about = describe(release, frame, "alt")
    assert frame["is_partial"].any()
    lines = render(frame, "table", about).decode().splitlines()
    august = next(line for line in lines if "2026-08" in line and "OSLO" in line.upper())
    assert "17 av 31 dager" in august
    assert "foreløpig" in next(line for line in lines if "2026-Q3" in line)
    notes = "\n".join(lines)
    for text in (*PARTIAL, *PROVISIONAL):
        assert text in notes
    counts = {item["heading"]: item["rows"] for item in about["periods"]}
    assert counts["Ufullstendig / partial"] == frame["is_partial"].sum()
    sheet = fastexcel.read_excel(render(frame, "xlsx", about)).load_sheet("Om", header_row=None)
    assert any(PARTIAL[1] in str(cell) for cell in sheet.to_polars().to_series(1))


def test_a_release_from_before_the_marks_is_read_without_them(current: Release) -> None:
    frame = query(current, KpiQuery())
    assert frame.select(PERIOD).null_count().row(0) == (frame.height,) * len(PERIOD)
    assert "foreløpig" not in render(frame, "table", describe(current, frame, "alt")).decode()


def test_every_sheet_has_headings_in_bokmål(current: Release) -> None:
    frame = query(current, KpiQuery())
    reader = fastexcel.read_excel(render(frame, "xlsx", describe(current, frame, "alt")))
    for name in set(reader.sheet_names) - {"Om"}:
        headings = reader.load_sheet(name).to_polars().columns
        assert [text for text in headings if " / " not in text] == [], name


@pytest.mark.parametrize("fmt", ["table", "xlsx", "json", "parquet"])
def test_synthetic_figures_say_so(current: Release, fmt: str) -> None:
    frame = query(current, KpiQuery())
    made_up = replace(current, metadata={**current.metadata, "is_synthetic": True})
    found = [render(frame, fmt, describe(r, frame, "alt")) for r in (current, made_up)]
    if fmt == "xlsx":
        sheets = [fastexcel.read_excel(data).load_sheet("Om", header_row=None) for data in found]
        found = [sheet.to_polars().write_csv().encode() for sheet in sheets]
    mark = b'"is_synthetic": true' if fmt in ("json", "parquet") else b"Syntetiske data"
    assert [mark in data for data in found] == [False, True]


def test_text_that_looks_like_a_formula_stays_text(current: Release) -> None:
    frame = query(current, KpiQuery(segments=["=call"]))
    reader = fastexcel.read_excel(render(frame, "xlsx", current.metadata))
    assert reader.load_sheet("KPI").to_polars()[heading("segment")].to_list() == ["=call"]


def test_a_csv_file_has_its_description_beside_it(current: Release, tmp_path: Path) -> None:
    frame = query(current, KpiQuery(units=["amk_bergen", "amk_oslo"]))
    about = describe(current, frame, "akutt kpi query")
    files = write(frame, "csv", about, tmp_path / "out" / "tall.csv")
    assert [path.name for path in files] == ["tall.csv", "tall.metadata.json"]
    beside = json.loads(files[1].read_text("utf-8"))
    assert beside["release_id"] == current.release_id
    assert beside["query"] == "akutt kpi query"
    kpis = {kpi["kpi_id"]: kpi for kpi in beside["kpis"]}
    assert kpis["c113_within_10s"]["target"] == 90
    assert kpis["c113_within_10s"]["coverage_lowest"] == 0.9
    hidden = frame.filter(pl.col("status") == "suppressed").height
    assert {item["status"]: item["rows"] for item in beside["statuses"]}["suppressed"] == hidden > 0
    assert [column["name"] for column in beside["columns"]] == frame.columns
    assert all("en" in column for column in beside["columns"])


def test_the_table_is_written_for_norwegian_readers(current: Release) -> None:
    text = render(query(current, KpiQuery()), "table", current.metadata).decode()
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    assert any("1 234 567" in line for line in text.splitlines())
    assert any(
        "2026-08" in line and "95,0" in line and "950 av 1 000" in line
        for line in text.splitlines()
    )
    hidden = next(line for line in text.splitlines() if "AMK Bergen" in line)
    assert " :  " in hidden
    assert "1 000" not in hidden
    assert ".." in lines["answer_time_p90"]
    assert "skjult (små tall" in text


def test_what_is_the_same_in_every_row_of_a_table_is_said_once(current: Release) -> None:
    frame = query(current, KpiQuery(kpis=["c113_within_10s"], units=["amk_oslo"]))
    text = render(frame, "table", current.metadata).decode()
    assert text.startswith("c113_within_10s, ")
    assert text.count("c113_within_10s") == 1


def test_an_empty_result_is_a_table_without_rows(current: Release) -> None:
    frame = query(current, KpiQuery(units=["amk_bodo"], kpis=["calls_offered"]))
    assert "0 rader" in render(frame, "table", current.metadata).decode()


@pytest.mark.parametrize("fmt", [fmt for fmt in FORMATS if fmt != "table"])
def test_lists_and_structures_can_be_exported(current: Release, fmt: str) -> None:
    frame = current.sql("select {'a': 1} as s, [1, 2] as l, null as nothing, 'æ' as t")
    data = render(frame, fmt, describe(current, frame, "sql"))
    if fmt == "csv":
        assert pl.read_csv(data)["l"].to_list() == ["[1, 2]"]
