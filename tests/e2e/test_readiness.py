"""Readiness counts exactly what the generator put in, and its pages can be acted on safely.

The faults are the generator's own list; nothing here looks at how the pipeline found them.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import fastexcel
import polars as pl
import pytest
from markupsafe import escape

from contracts import CONTRACTS
from orchestration.registry import load_registry
from reporting import findings, findings_pages
from reporting.reader import open_current
from reporting.web import pages
from reporting.web.pages import NoPageError, View
from tests.e2e.conftest import World, akutt

pytestmark = pytest.mark.slow
WORLDS = pytest.mark.parametrize("name", ["autumn", "spring"])
MIN_COUNT, MIN_DENOMINATOR = 5, 10


def lacking(world: World, measure: str) -> Counter[tuple[str, str]]:
    """(source, field) and how many rows or files are not good, over all months."""
    frame = world.sql(
        "select source, field, sum(whole - part)::bigint as bad from data_readiness"
        f" where level = 'source' and period_grain = 'month' and measure = '{measure}'"
        " group by all"
    )
    return Counter({(source, field): bad for source, field, bad in frame.iter_rows() if bad})


def injected(world: World, *, by_field: bool = False, **wanted: str) -> Counter[tuple[str, str]]:
    """(source, field) and how many faults of the kind there are."""
    faults = world.truth("faults").filter(
        pl.all_horizontal(pl.col(name).str.contains(pattern) for name, pattern in wanted.items())
    )
    fields = faults["column"] if by_field else ["*"] * faults.height
    return Counter(zip(faults["source"], fields, strict=True))


def injected_rows(world: World, finding: str) -> Counter[tuple[str, str]]:
    """Rows with at least one of the findings: the doubled hour may put several on a row."""
    faults = world.truth("faults").filter(pl.col("expected_finding").str.contains(finding))
    rows = faults.unique(["source", "file_name", "row_number"])
    return Counter((source, "*") for source in rows["source"])


@WORLDS
def test_conformity_counts_the_rejected_rows(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    rejected = injected(world, treatment="row rejected|the other is rejected")
    assert rejected
    assert lacking(world, "rows_accepted") == rejected
    assert lacking(world, "no_duplicates") == injected(world, expected_finding="^duplicate$")
    assert lacking(world, "files_accepted") == injected(world, expected_finding="^file:")


@WORLDS
def test_conformity_names_the_field(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    measured = {
        (contract, field)
        for contract, field in world.sql(
            "select distinct contract, field from data_readiness where measure = 'valid'"
        ).iter_rows()
    }
    faults = world.truth("faults").filter(
        pl.col("fault_kind").is_in(
            ["value_missing", "unknown_code", "unparsable_time", "nonexistent_time"]
        )
        & pl.struct("contract", "column").map_elements(
            lambda row: (row["contract"], row["column"]) in measured, return_dtype=pl.Boolean
        )
    )
    assert faults.height
    assert lacking(world, "valid") == Counter(faults.select("source", "column").iter_rows())


@WORLDS
def test_timeliness_counts_the_late_rows(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    late = injected(world, expected_finding="^late$")
    assert late
    assert lacking(world, "within_48h") == late


@WORLDS
def test_every_day_is_delivered(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    assert not lacking(world, "days_delivered")


@WORLDS
def test_completeness_counts_the_absent_values(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    absent = injected(world, by_field=True, expected_finding="_ABSENT$")
    assert absent
    assert lacking(world, "present") == absent


@WORLDS
def test_what_is_expected_is_what_the_contract_says(
    name: str, request: pytest.FixtureRequest
) -> None:
    """The SQL condition against the contract's own expression on the rows in force."""
    world: World = request.getfixturevalue(name)
    compared = 0
    for contract in CONTRACTS.values():
        files = sorted((world.home.lake / contract.name).glob("*/accepted.parquet"))
        rows = (
            pl.concat([pl.read_parquet(path) for path in files], how="diagonal_relaxed")
            .sort("revision", "extract_at", "_file_id", "_row_number")
            .unique(["source_system", "source_id"], keep="last")
            .filter(~pl.col("deleted"))
        )
        for rule in contract.warning_rules:
            if not rule.code.endswith("_ABSENT") or rule.kind != "missing":
                continue
            field = rule.columns[0]
            blank = rows.with_columns(pl.lit(None, dtype=rows.schema[field]).alias(field))
            expected = blank.filter(~rule.holds()).height
            found = world.sql(
                "select sum(whole)::bigint from data_readiness where level = 'source'"
                f" and period_grain = 'month' and measure = 'present'"
                f" and contract = '{contract.name}' and field = '{field}'"
            ).item()
            assert found == expected, (contract.name, field)
            compared += 1
    assert compared > 10


@WORLDS
def test_plausibility_counts_the_broken_times(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    disordered = injected_rows(world, "_OUT_OF_ORDER$")
    assert disordered
    assert lacking(world, "in_order") == disordered
    assert lacking(world, "not_batch_pressed") == injected_rows(world, "_BATCH_PRESSED$")
    kinds = ("OUT_OF_ORDER", "BATCH_PRESSED", "TIME_AMBIGUOUS", "FLIGHT_TIME_IMPLAUSIBLE")
    broken = injected_rows(world, "|".join(f"_{kind}$" for kind in kinds))
    assert lacking(world, "times_trusted") == broken


@WORLDS
def test_unknown_units_and_places_are_counted(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    assert lacking(world, "unit_registered") == injected(
        world, by_field=True, expected_finding="^unknown_unit$"
    )
    assert lacking(world, "place_known") == injected(
        world, by_field=True, fault_kind="^unknown_municipality_code$"
    )


@WORLDS
def test_lost_references_are_counted(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    lost = injected(world, by_field=True, fault_kind="^link_lost$")
    found = lacking(world, "has_reference")
    sources = [key for key in lost if key[1] == "call_source_id"]
    assert sources
    assert {key: found[key] for key in sources} == {key: lost[key] for key in sources}


@WORLDS
def test_every_released_value_carries_the_grade_of_its_month_or_longer_period(
    name: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(name)
    values = world.release("kpi_values").with_columns(pl.col("period_start").cast(pl.Date))
    shown = values.filter(pl.col("status") == "ok")
    assert shown.height > 1_000
    assert set(values["grade"].unique()) <= {"A", "B", "C", "D"}
    grades = world.release("readiness_grades").with_columns(pl.col("period_start").cast(pl.Date))
    of_alarms = {kpi.id for kpi in load_registry().kpis if kpi.family == "missions"}
    short = shown.filter(
        pl.col("kpi_id").is_in(of_alarms) & pl.col("period_grain").is_in(["day", "month"])
    ).with_columns(pl.col("period_start").dt.truncate("1mo").alias("month"))
    joined = short.join(
        grades.filter((pl.col("contract") == "alarm") & (pl.col("period_grain") == "month")),
        left_on=["level", "unit_id", "month"],
        right_on=["level", "unit_id", "period_start"],
        suffix="_expected",
    )
    assert joined.height == short.height > 0
    # A part of a period is graded by the days there are too: B from 96 % of them, C from 90 %.
    there = pl.col("days_covered") / pl.col("days_in_period")
    of_days = (
        pl.when(there == 1).then(pl.lit("A")).when(there >= 0.96).then(pl.lit("B"))
        .when(there >= 0.9).then(pl.lit("C")).otherwise(pl.lit("D"))
    )  # fmt: skip
    expected = joined.select(pl.max_horizontal("grade_expected", of_days)).to_series()
    assert set(joined["is_partial"]) == {True, False}
    assert joined["grade"].to_list() == expected.to_list()


@WORLDS
def test_the_release_shows_no_small_number_of_rows(
    name: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(name)
    key = ["contract", "source", "level", "unit_id", "period_grain", "period_start", "field",
           "measure"]  # fmt: skip
    released = world.release("data_readiness").with_columns(pl.col("period_start").cast(pl.Date))
    plain = world.sql("from data_readiness").with_columns(pl.col("period_start").cast(pl.Date))
    joined = plain.join(released, on=key, suffix="_shown")
    assert joined.height == plain.height == released.height
    rows = joined.filter(pl.col("is_of_rows"))
    assert rows["part_shown"].null_count() == rows["whole_shown"].null_count() == rows.height
    shown = rows.filter(pl.col("value_shown").is_not_null())
    assert shown.height > 100
    for count in (pl.col("part"), pl.col("whole") - pl.col("part")):
        assert shown.filter((count > 0) & (count < MIN_COUNT)).is_empty()
    assert shown["whole"].min() >= MIN_DENOMINATOR  # type: ignore[operator]
    pages = world.release("readiness_findings").filter(pl.col("is_of_rows"))
    assert set(pages["affected"].unique()) <= {
        "0", ":", "5+", "10+", "100+", "1 000+", "10 000+", "100 000+",
    }  # fmt: skip
    few = pages.filter(pl.col("affected") == ":")
    assert few.height > 0
    assert few["example_2_file"].null_count() == few["file_count"].null_count() == few.height


@WORLDS
def test_examples_point_at_the_faulty_rows(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    faults = world.truth("faults").with_columns(
        pl.col("expected_finding").str.strip_prefix("rule:").alias("code")
    )
    known = set(faults.select("source", "code", "file_name", "row_number").iter_rows())
    files = world.receipts().select("source", "file_id", "file_name")
    names = {(source, file): name for source, file, name in files.iter_rows()}
    pages = world.release("readiness_findings")
    checked = 0
    for row in pages.iter_rows(named=True):
        for position in (1, 2, 3):
            file, number = row[f"example_{position}_file"], row[f"example_{position}_row"]
            if number is not None:
                found_in = names[row["source"], file]
                assert (row["source"], row["code"], found_in, number) in known
                checked += 1
    assert checked > 20


@WORLDS
def test_pages_for_owners(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    world: World = request.getfixturevalue(name)
    listed = akutt(world.home.root, "readiness", "list")
    assert "helse_nord_alarms" in listed
    akutt(world.home.root, "readiness", "export", str(tmp_path))
    sources = {path.name for path in world.home.inbox.iterdir()}
    assert {path.stem for path in tmp_path.glob("*.md")} == sources | {findings_pages.OVERVIEW}
    assert {path.stem for path in tmp_path.glob("*.xlsx")} == sources | {findings_pages.OVERVIEW}
    for path in tmp_path.glob("*.md"):
        text = path.read_text("utf-8")
        assert "Utgivelse / release" in text
        assert not re.search(r"(?<![\w-])\d{8}(?![\w-])", text)
    page = (tmp_path / "helse_sorost_alarms.md").read_text("utf-8")
    assert "ALARM_AT_SCENE_ABSENT" in page
    assert re.search(r"\b[0-9a-f]{16}:\d+", page)  # files by id, rows by number
    assert "helse_sorost_alarms_20" not in page
    sheets = fastexcel.read_excel(tmp_path / "helse_sorost_alarms.xlsx")
    assert sheets.sheet_names == [
        "Les meg", "Karakterer", "Funn", "Mindre funn", "Enheter", "Leveranser",
    ]  # fmt: skip
    found = sheets.load_sheet("Funn", header_row=2).to_polars()
    assert "ALARM_AT_SCENE_ABSENT" in found["Regel / rule"].to_list()
    overview = (tmp_path / "samlet.md").read_text("utf-8")
    with open_current(world.home.releases) as release:
        period = findings.latest_period(release)
        answer = findings.answer(release, period)
        assert f"{answer['sources_good']} av {answer['sources']} kilder" in overview
        assert answer["sources"] == len(sources)
        assert answer["sources_good"] + answer["sources_partly"] + answer["sources_poor"] <= 10


@WORLDS
def test_the_page_of_a_source_tells_what_the_release_does(
    name: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(name)
    with open_current(world.home.releases) as release:
        period = findings.latest_period(release)
        sources = [source for source, _ in findings.source_names(release)]
        nb, en = findings.answer_words(release, period)
        for language, answer in (("nb", nb), ("en", en)):
            html = pages.page(View(release, language, "/quality", lambda path: path)).html
            assert answer in html
            assert all(f'/quality/{source}"' in html for source in sources)
        for source in sources:
            assert f"/quality/{source}" in set(pages.paths(release))
            html = pages.page(View(release, "nb", f"/quality/{source}", lambda path: path)).html
            told = findings.findings(release, source)
            for row in told.iter_rows(named=True):
                assert str(escape(row["action_nb"])) in html
                assert all(place in html for place in findings.examples(row))
            with pytest.raises(NoPageError):
                pages.page(View(release, "nb", f"/quality/{source}x", lambda path: path))


def test_without_faults_every_source_is_good(faultless: World) -> None:
    with open_current(faultless.home.releases) as release:
        period = findings.latest_period(release)
        grades = findings.matrix(release, period)
        for dimension in ("delivered", "timeliness", "completeness", "conformity"):
            assert set(grades[dimension].drop_nulls().unique()) == {"A"}, dimension
        rules = findings.findings(release).filter(pl.col("code").str.contains("^[A-Z_]+$"))
    assert rules.is_empty()


@WORLDS
@pytest.mark.parametrize(
    ("kpi_id", "measure", "field"),
    [
        ("dq_late", "within_48h", "*"),
        ("dq_order", "in_order", "*"),
        ("dq_geo_unknown", "place_known", "scene_municipality_code"),
        ("dq_round_times", "to_the_second", "at_scene_at"),
    ],
)
def test_readiness_and_the_quality_kpis_are_one_number(
    name: str, kpi_id: str, measure: str, field: str, request: pytest.FixtureRequest
) -> None:
    """The KPIs are held against the generator's truth; what they count is counted alike here."""
    world: World = request.getfixturevalue(name)
    kpis = world.sql(
        "select segment, period_start, numerator::bigint as bad, denominator::bigint as rows"
        f" from kpi_values where kpi_id = '{kpi_id}' and level = 'national'"
        " and period_grain = 'month' and status = 'ok'"
    )
    found = world.sql(
        "select contract as segment, period_start, sum(whole - part)::bigint as bad,"
        " sum(whole)::bigint as rows from data_readiness where level = 'source'"
        f" and period_grain = 'month' and measure = '{measure}' and field = '{field}' group by all"
    )
    # The order of an interval's ends is a row rule of the readiness contract, not a warning.
    both = set(kpis["segment"]) & set(found["segment"])
    assert both
    kpis, found = (frame.filter(pl.col("segment").is_in(list(both))) for frame in (kpis, found))
    assert sorted(kpis.rows()) == sorted(found.rows())
