"""What comes out equals the generator's truth, and every injected fault is found.

The truth is computed by the generator from its own records, without any code of the pipeline.
"""

from __future__ import annotations

import json
from collections import Counter

import polars as pl
import pytest

from tests.e2e.conftest import ROOT, World

KEY = ["kpi_id", "segment", "period_grain", "period_start", "level", "unit_id"]
FIGURES = ["numerator", "denominator", "n", "coverage", "value"]
SECONDS = 1e-6
# What is too small to be shown, in the words of docs/decisions/primary-suppression.md.
HOURS = pl.col("kind").is_in(["hours", "hours_count"])
COUNTED = pl.col("kind").is_in(["count", "rate"])
OF_PERSONS = (pl.col("sensitivity") == "person") | (
    (pl.col("sensitivity") == "activity") & (pl.col("level") == "municipality")
)
REST = pl.col("denominator") - pl.col("numerator")
TOO_SMALL = (
    (COUNTED & OF_PERSONS & pl.col("numerator").is_between(1, 4))
    | (COUNTED & ~OF_PERSONS & pl.col("numerator").is_between(1, 9))
    | (~COUNTED & ~HOURS & pl.col("n").is_between(1, 9))
    | (
        (pl.col("kind") == "share")
        & OF_PERSONS
        & (pl.col("numerator").is_between(1, 4) | REST.is_between(1, 4))
    )
)

pytestmark = pytest.mark.slow


def registry() -> pl.DataFrame:
    """The active KPIs."""
    seeds = ROOT / "dbt_project" / "seeds" / "kpi_registry.csv"
    return pl.read_csv(seeds, infer_schema=False).filter(pl.col("status") == "active")


def compared(world: World, released: bool) -> pl.DataFrame:
    """Truth and result side by side; `status` is null where only the truth has the cell.

    The truth is about the newest version of each KPI.
    """
    values = world.release("kpi_values") if released else world.sql("from kpi_values")
    newest = registry().group_by("kpi_id").agg(pl.col("version").cast(pl.Int32).max())
    values = values.join(
        newest, left_on=["kpi_id", "kpi_version"], right_on=["kpi_id", "version"], how="semi"
    )
    truth = world.truth("kpi_truth").with_columns(pl.lit(True).alias("in_truth"))
    dated = [frame.with_columns(pl.col("period_start").cast(pl.Date)) for frame in (truth, values)]
    return dated[0].join(dated[1], on=KEY, how="full", coalesce=True, suffix="_found")


def differs(name: str) -> pl.Expr:
    """Whether a figure differs: counts exactly, the rest within a millionth."""
    truth, found = pl.col(name).cast(pl.Float64), pl.col(f"{name}_found").cast(pl.Float64)
    if name in ("numerator", "n"):
        apart = (truth - found).abs() > SECONDS
    else:
        apart = (truth - found).abs() > SECONDS * pl.max_horizontal(1.0, truth.abs())
    return (truth.is_null() != found.is_null()) | apart.fill_null(False)


@pytest.mark.parametrize("name", ["faultless", "autumn", "spring"])
def test_every_figure_equals_the_truth(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    cells = compared(world, released=False)
    both = cells.filter(pl.col("in_truth") & (pl.col("status") != "no_data"))
    assert set(both["kpi_id"]) == set(registry()["kpi_id"])
    for figure in FIGURES:
        wrong = both.filter(differs(figure))
        assert wrong.is_empty(), (figure, wrong.head(5).to_dicts())
    # What only one side has says nothing: no activity, or every record of the cell was lost. Where
    # nothing is expected there is nothing to compare with, however many cases there were.
    lost = cells.filter(pl.col("in_truth") & (pl.col("status") == "no_data").fill_null(True))
    some = (pl.col("n").fill_null(0) > 0) & pl.col("denominator").ne_missing(0.0)
    assert lost.filter(some | pl.col("value").is_not_null()).is_empty()
    extra = cells.filter(pl.col("in_truth").is_null() & (pl.col("status") != "no_data"))
    found = pl.any_horizontal(pl.col("numerator_found", "n_found").fill_null(0) != 0)
    assert extra.filter(found).is_empty()


def test_without_faults_the_documented_treatment_changes_nothing(faultless: World) -> None:
    truth = faultless.truth("kpi_truth")
    same = truth["value"].eq_missing(truth["value_clean"])
    assert truth.height > 50_000
    assert same.all()


def test_faults_touch_some_cells_and_leave_most_alone(autumn: World) -> None:
    truth = autumn.truth("kpi_truth")
    assert 0.01 < truth["touched"].mean() < 0.5  # type: ignore[operator]
    untouched = truth.filter(~pl.col("touched"))
    assert untouched["value"].eq_missing(untouched["value_clean"]).all()


@pytest.mark.parametrize("name", ["autumn", "spring"])
def test_released_values_are_the_truth_or_suppressed_by_rule(
    name: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(name)
    cells = compared(world, released=True)
    assert set(cells["status"].drop_nulls()) <= {"ok", "suppressed", "no_data", "no_denominator"}
    # Rows may be missing: grains and periods that are not released.
    released = cells.filter(pl.col("in_truth") & pl.col("status").is_not_null())
    assert 1_000 < released.height < cells.filter("in_truth").height
    shown = released.filter(pl.col("status").is_in(["ok", "no_denominator"]))
    assert shown.height > 1_000
    for figure in FIGURES:
        assert shown.filter(differs(figure)).is_empty(), figure
    nothing = released.filter(pl.col("status") == "no_data")
    some = (pl.col("n") > 0) & pl.col("denominator").ne_missing(0.0)
    assert nothing.filter(some | pl.col("value_found").is_not_null()).is_empty()
    hidden = cells.filter(pl.col("status") == "suppressed")
    numbers = ("numerator_found", "denominator_found", "n_found", "value_found", "lower", "upper")
    assert hidden.height > 1_000
    assert hidden.select(pl.col(numbers).null_count()).row(0) == (hidden.height,) * len(numbers)
    # What is too small for its kind and for what it tells about is never shown; what could not be
    # placed points at nobody.
    kinds = registry().select(
        "kpi_id",
        pl.col("version").cast(pl.Int32).alias("kpi_version"),
        pl.col("measure").alias("kind"),
        "sensitivity",
    )
    placed = shown.filter(pl.col("unit_id") != "UNKNOWN").join(kinds, on=["kpi_id", "kpi_version"])
    assert placed.filter(TOO_SMALL).is_empty()
    # And nothing is hidden for its own sake that is not: how a service works, from ten cases on.
    reasons = world.sql("select * from disclosure.kpi_hidden where reason = 'primary'")
    key = ["kpi_id", "kpi_version", "segment", "period_grain", "period_start", "level", "unit_id"]
    small = cells.join(reasons, on=key, how="semi").join(kinds, on=["kpi_id", "kpi_version"])
    assert small.height > 1_000
    large = (pl.col("sensitivity") == "service") & (pl.col("n") >= 10) & ~HOURS
    assert small.filter(large).is_empty()


@pytest.mark.parametrize("name", ["autumn", "spring"])
def test_a_split_code_belongs_to_the_union(name: str, request: pytest.FixtureRequest) -> None:
    """Missions under the code of a divided municipality have a place: the union of its parts."""
    world: World = request.getfixturevalue(name)
    united = world.sql(
        "select source_id, municipality_id, region_id from fct_missions "
        "where municipality_id like '%+%'"
    )
    expected = injected(world, "union")
    assert sorted(united["source_id"]) == sorted(expected["source_id"])
    assert united.height > 0
    # The parts of every divided municipality are in one region.
    assert "UNKNOWN" not in set(united["region_id"])
    values = compared(world, released=False).filter(
        (pl.col("kpi_id") == "missions_per_1000")
        & (pl.col("level") == "municipality")
        & (pl.col("period_grain") == "month")
        & pl.col("unit_id").str.contains("+", literal=True)
    )
    unions = {unit: unit.split("+") for unit in values["unit_id"]}
    assert len(unions) == 4
    # A union has the missions of its parts and those under the divided code; and their people.
    people = world.sql(
        "select unit_id, period_start, denominator from kpi_values where period_grain = 'month' "
        "and kpi_id = 'missions_per_1000' and level = 'municipality'"
    )
    for unit, start, denominator in values.select(
        "unit_id", "period_start", "denominator_found"
    ).iter_rows():
        parts = people.filter(
            pl.col("unit_id").is_in(unions[unit]) & (pl.col("period_start").cast(pl.Date) == start)
        )
        assert denominator == pytest.approx(parts["denominator"].sum())


# --- faults -------------------------------------------------------------------------------------


def injected(world: World, finding: str) -> pl.DataFrame:
    faults = world.truth("faults")
    return faults.filter(pl.col("expected_finding") == finding)


@pytest.mark.parametrize("name", ["autumn", "spring"])
def test_every_rule_finds_exactly_the_injected_rows(
    name: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(name)
    expected: Counter[tuple[str, str]] = Counter()
    rules = world.truth("faults").filter(pl.col("expected_finding").str.starts_with("rule:"))
    for source, finding in rules.select("source", "expected_finding").iter_rows():
        expected[source, finding.removeprefix("rule:")] += 1
    found: Counter[tuple[str, str]] = Counter()
    for row in world.receipts().iter_rows(named=True):
        for tally in (json.loads(row["warnings"]), json.loads(row["rejections"])):
            for code, count in tally.items():
                found[row["source"], code] += count
    assert expected
    assert found == expected


@pytest.mark.parametrize("name", ["autumn", "spring"])
def test_broken_files_and_duplicates_are_counted(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    faults, receipts = world.truth("faults"), world.receipts()
    broken = faults.filter(pl.col("expected_finding").str.starts_with("file:")).select(
        "source", pl.col("expected_finding").str.strip_prefix("file:").alias("refusal_code")
    )
    refused = receipts.filter(pl.col("status") == "refused").select("source", "refusal_code")
    assert sorted(refused.rows()) == sorted(broken.rows())
    assert len(broken) > 0
    duplicates = injected(world, "duplicate").group_by("source").len()
    counted = receipts.group_by("source").agg(pl.col("exact_duplicates").sum())
    assert dict(counted.filter(pl.col("exact_duplicates") > 0).rows()) == dict(duplicates.rows())
    identity = receipts.select(
        (pl.col("accepted") + pl.col("rejected") + pl.col("exact_duplicates")).alias("accounted"),
        "rows_read",
    )
    assert identity["accounted"].equals(identity["rows_read"])


@pytest.mark.parametrize("name", ["autumn", "spring"])
def test_late_corrected_and_deleted_rows(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    staged = " union all ".join(
        f"select _source, source_system, source_id, revision, deleted, event_date, _delivered_on "
        f"from stg_lake__{entity}"
        for entity in ("calls", "alarms", "video_sessions", "lat_requests", "lat_readiness")
    )
    later = world.sql(
        f"select deleted, count(*) as found from ({staged}) where revision > 1 group by deleted"
    )
    found = dict(later.rows())
    assert found.get(False, 0) == injected(world, "superseded").height > 0
    assert found.get(True, 0) == injected(world, "deleted").height > 0
    late = world.sql(
        f"select count(*) from ({staged}) where revision = 1 and _delivered_on - event_date >= 2"
    ).item()
    assert late == injected(world, "late").height > 0


def test_calls_in_both_systems_are_counted_once(autumn: World) -> None:
    expected = injected(autumn, "cross_system_duplicate").height
    evidence = autumn.sql("from int_calls__duplicates")
    assert evidence.height == expected > 0
    removed = autumn.sql("select count(*) from fct_calls where is_duplicate").item()
    assert removed == expected


@pytest.mark.parametrize("name", ["autumn", "spring"])
def test_units_and_places_that_are_not_registered(
    name: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(name)
    units = world.sql(
        " union all ".join(
            f"select source_id from {table} where {column} = 'UNKNOWN'"
            for table, column in [
                ("fct_calls", "central_id"),
                ("fct_missions", "central_id"),
                ("fct_video_sessions", "central_id"),
                ("fct_lat_requests", "base_id"),
            ]
        )
    )
    readiness = injected(world, "unknown_unit").filter(pl.col("contract") == "lat_readiness")
    expected = injected(world, "unknown_unit").height - readiness.height
    assert units.height == expected
    places = world.sql("select count(*) from fct_missions where municipality_id = 'UNKNOWN'").item()
    assert places == injected(world, "unknown_geo").height


def test_older_codes_and_lost_zeros_are_recovered(autumn: World) -> None:
    recovered = injected(autumn, "recovered").filter(pl.col("contract") == "alarm")
    truth = autumn.truth("records_alarm").select("source_id", "scene_municipality_code")
    found = autumn.sql("select source_id, municipality_id from fct_missions")
    joined = recovered.join(truth, on="source_id").join(found, on="source_id")
    assert joined.height == recovered.height > 0
    assert joined["scene_municipality_code"].equals(joined["municipality_id"])


def test_days_of_23_and_25_hours(autumn: World, spring: World) -> None:
    query = "select hours_in_day from dim_date where date_day = date '{}'"
    assert autumn.sql(query.format("2025-10-26")).item() == 25
    assert spring.sql(query.format("2026-03-29")).item() == 23
    planned = (
        "select max(denominator) from kpi_values where kpi_id = 'lat_readiness' and level = 'base' "
        "and unit_id = 'heli_al' and segment = 'HELI' and period_grain = 'day' "
        "and period_start = date '{}'"
    )
    assert autumn.sql(planned.format("2025-10-26")).item() == pytest.approx(25)
    assert spring.sql(planned.format("2026-03-29")).item() == pytest.approx(23)
