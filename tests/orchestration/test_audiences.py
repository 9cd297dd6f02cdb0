"""Audiences: releases of one run for different readers, each seen by those who ask for it alone."""

from __future__ import annotations

import os
import stat
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from orchestration import release, release_files
from orchestration.audience_tables import write_tables
from orchestration.audiences import AudienceError, load_audiences
from orchestration.registry import load_registry
from orchestration.release import (
    BuildResult,
    build_release,
    list_releases,
    rollback,
    verify_release,
)
from reporting import metrics
from reporting.audience import AUDIENCE_VARIABLE
from reporting.columns import KEY
from reporting.export import write
from reporting.locked_sql import run_sql
from reporting.reader import (
    NotForThisAudienceError,
    close_shared,
    open_current,
    open_release,
    shared,
)
from tests.orchestration.fabricated import ordinary_values, receipts, write_warehouse
from tests.orchestration.test_release import START, Killed

INTERNAL = load_audiences()
NUMBERS = ("numerator", "denominator", "n", "value", "coverage")


@pytest.fixture(autouse=True)
def nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(AUDIENCE_VARIABLE, raising=False)
    close_shared()


def build(folder: Path, shift: float = 0.0, hour: int = 0, **options: object) -> BuildResult:
    warehouse = write_warehouse(
        folder / f"warehouse_{shift}.duckdb", ordinary_values(shift), audiences=INTERNAL
    )
    return build_release(
        warehouse,
        folder / "releases",
        receipts(),
        audiences=INTERNAL,
        now=START + timedelta(hours=hour),
        **options,  # type: ignore[arg-type]
    )


def tables_of(folder: Path, release_id: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The figures of both releases, in the order of their keys."""
    paths = (folder / "releases", folder / "audiences" / "internal")
    first, second = (
        pl.read_parquet(path / release_id / "kpi_values.parquet").sort(KEY) for path in paths
    )
    return first, second


def test_both_audiences_have_the_same_cells_and_the_same_open_figures(tmp_path: Path) -> None:
    built = build(tmp_path)
    everyone, internal = tables_of(tmp_path, built.release_id)
    assert_frame_equal(internal.select(KEY), everyone.select(KEY))
    hidden = everyone["status"] == "suppressed"
    assert hidden.sum() > 0
    assert (internal["status"] != "suppressed").all()
    assert (internal["is_small"] == hidden).all()
    told = internal.filter(~pl.col("is_small")).drop("is_small")
    assert_frame_equal(told, everyone.filter(~hidden))
    assert 3.0 in internal.filter("is_small")["numerator"].to_list()
    assert "is_small" not in everyone.columns


def test_the_release_of_an_audience_is_its_owners_alone(tmp_path: Path) -> None:
    built = build(tmp_path)
    folder = tmp_path / "audiences" / "internal" / built.release_id
    for path in (tmp_path / "audiences", folder.parent, folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert verify_release(folder.parent) == []
    (folder / "units.parquet").chmod(0o644)
    assert verify_release(folder.parent) == ["units.parquet can be read by others than its owner"]


def test_only_who_asks_for_an_audience_reads_its_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build(tmp_path)
    folder = tmp_path / "audiences" / "internal" / built.release_id
    with pytest.raises(NotForThisAudienceError, match="--audience internal"):
        open_release(folder.parent, folder.name)
    with pytest.raises(NotForThisAudienceError):
        metrics.query(kpis="c113_within_10s", release=folder)
    with pytest.raises(NotForThisAudienceError, match="`internal` was asked for"):
        metrics.query(release=built.path, audience="internal")
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    everyone = metrics.query(kpis="c113_within_10s", units="amk_tromso")
    assert everyone.select("value", "is_small", "audience").row(0) == (None, False, "open")
    asked = metrics.query(kpis="c113_within_10s", units="amk_tromso", audience="internal")
    assert asked.select("is_small", "audience").row(0) == (True, "internal")
    assert asked["value"][0] == pytest.approx(100 / 3)
    assert asked["release_id"].to_list() == everyone["release_id"].to_list()
    monkeypatch.setenv(AUDIENCE_VARIABLE, "internal")
    assert_frame_equal(metrics.query(kpis="c113_within_10s", units="amk_tromso"), asked)
    # Open in this process already, and still not given to who does not ask.
    monkeypatch.delenv(AUDIENCE_VARIABLE)
    with pytest.raises(NotForThisAudienceError):
        shared(folder)


def test_own_sql_runs_on_the_release_asked_for_and_on_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path)
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    counted = "select count(value) as n from kpi_values where unit_id = 'amk_tromso'"
    with open_current() as everyone, open_current(audience="internal") as internal:
        shown = [run_sql(opened, counted).frame["n"][0] for opened in (everyone, internal)]
        assert shown[1] == shown[0] + 1
        file = internal.path / "akutt.duckdb"
        for statement in (f"attach '{file}'", f"select * from '{file}'"):
            with pytest.raises(ValueError, match=r"les|read|allow|lock"):
                run_sql(everyone, statement)


def test_every_table_and_export_says_whom_it_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reporting.bulk import export_release
    from reporting.describe import describe

    build(tmp_path)
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path))
    for audience in ("open", "internal"):
        with open_current(audience=audience) as opened:
            told = opened.rows("select comment from duckdb_tables() where comment is not null")
            assert {row["comment"] for row in told} == {
                f"release_id: {opened.release_id}, audience: {audience}"
            }
            frame = metrics.query(release=opened)
            about = describe(opened, frame, "a query")
            text = tmp_path / f"{audience}.txt"
            write(frame, "table", about, text)
            assert opened.label in text.read_text()
            assert ("ikke deles videre" in text.read_text()) == (audience == "internal")
            mode = stat.S_IMODE(text.stat().st_mode)
            assert (mode == 0o600) == (audience == "internal")
            for path in export_release(opened, tmp_path / f"all_{audience}", "csv"):
                if path.suffix == ".csv" and audience == "internal":
                    assert set(pl.read_csv(path, infer_schema=False)["audience"]) <= {"internal"}
        for path in opened.path.glob("*.parquet"):
            assert pl.read_parquet_metadata(path)["audience"] == audience


@pytest.mark.parametrize("moment", ["database", "between", "pointer"])
def test_killed_between_the_audiences_both_are_whole_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    old = build(tmp_path)
    releases, internal = tmp_path / "releases", tmp_path / "audiences" / "internal"
    calls = iter(range(10))

    def die(*arguments: object) -> None:
        if next(calls) == 1:  # the first audience is done, the second is not
            raise Killed
        real(*arguments)  # type: ignore[operator]

    with monkeypatch.context() as patch:
        where, name = {
            "database": (release_files, "_write_database"),
            "between": (release, "_write"),
            "pointer": (release, "_point_at"),
        }[moment]
        real = getattr(where, name)
        patch.setattr(where, name, die)
        with pytest.raises(Killed):
            build(tmp_path, shift=1, hour=1)
    assert release.get_release(releases).release_id == old.release_id
    finished = build(tmp_path, shift=1, hour=2)
    for folder in (releases, internal):
        assert (folder / "current").read_text().strip() == finished.release_id
        assert verify_release(folder) == []
        assert len(list_releases(folder)) == 2
    again = build(tmp_path, shift=1, hour=3)
    assert (again.created, again.release_id) == (False, finished.release_id)


def test_going_back_and_pruning_take_all_audiences_along(tmp_path: Path) -> None:
    built = [build(tmp_path, shift, hour=int(shift), keep=2) for shift in range(3)]
    folders = (tmp_path / "releases", tmp_path / "audiences" / "internal")
    for folder in folders:
        assert [i.release_id for i in list_releases(folder)] == [
            built[2].release_id, built[1].release_id,
        ]  # fmt: skip
    rollback(folders[0])
    for folder in folders:
        assert (folder / "current").read_text().strip() == built[1].release_id


def test_an_installation_adds_audiences_and_cannot_change_those_there_are(tmp_path: Path) -> None:
    own = tmp_path / "audiences.yaml"
    own.write_text(
        "lat: {name_nb: a, name_en: b, sees: [{families: [lat_requests, lat_readiness]}]}\n"
        "nord: {name_nb: a, name_en: b, sees: [{regions: [nord]}]}\n"
    )
    internal, lat, nord = load_audiences(own)
    assert internal.sees_everything
    registry = load_registry()
    units = [("base", "base_bodo"), ("base", "base_bergen"), ("region", "nord"), ("national", "NO")]
    parents = {units[0]: [("region", "nord")], units[1]: [("region", "vest")]}
    seen = lat.seen(registry, units, parents)
    assert ("lat_requests", "base", "base_bergen") in seen
    assert not [key for key in seen if key[0] == "calls_offered"]
    assert {key[1:] for key in nord.seen(registry, units, parents)} == {units[0], units[2]}
    for text in (
        "internal: {name_nb: a, name_en: b, sees: everything}",
        "open: {name_nb: a, name_en: b, sees: everything}",
        "x: {name_nb: a, name_en: b, sees: [{places: [nord]}]}",
        "x: {name_nb: a, sees: everything}",
        "X!: {name_nb: a, name_en: b, sees: everything}",
        "x: 3",
    ):
        own.write_text(text)
        with pytest.raises(AudienceError, match="audiences"):
            load_audiences(own)


def test_a_part_of_the_cells_is_seen_in_full_and_the_rest_as_by_everyone(tmp_path: Path) -> None:
    own = tmp_path / "audiences.yaml"
    own.write_text("nord: {name_nb: a, name_en: b, sees: [{regions: [nord]}]}\n")
    nord = [audience for audience in load_audiences(own) if audience.name == "nord"]
    frame = ordinary_values()
    small = frame.filter(pl.col("unit_id") == "amk_tromso", pl.col("denominator") > 0)
    elsewhere = small.with_columns(
        pl.lit("amk_oslo").alias("unit_id"), pl.lit(date(2026, 9, 1)).alias("period_start")
    )
    values = pl.concat([frame.join(elsewhere, on=KEY, how="anti"), elsewhere])
    warehouse = write_warehouse(tmp_path / "w.duckdb", values, audiences=nord)
    built = build_release(warehouse, tmp_path / "releases", receipts(), audiences=nord, now=START)
    folder = tmp_path / "audiences" / "nord"
    assert verify_release(folder) == []
    seen = pl.read_parquet(folder / built.release_id / "kpi_values.parquet")
    by_unit = dict(
        seen.filter(pl.col("denominator").is_null() | (pl.col("denominator") < 10))
        .filter(kpi_id="c113_within_10s")
        .select("unit_id", "status")
        .iter_rows()
    )
    assert by_unit["amk_tromso"] == "ok"
    assert by_unit["amk_oslo"] == "suppressed"
    assert os.environ.get(AUDIENCE_VARIABLE) is None


def test_hours_and_classes_are_those_that_the_audience_sees(tmp_path: Path) -> None:
    own = tmp_path / "audiences.yaml"
    own.write_text("nord: {name_nb: a, name_en: b, sees: [{regions: [nord]}]}\n")
    audiences = load_audiences(own)
    warehouse = write_warehouse(tmp_path / "w.duckdb", ordinary_values(), audiences=audiences)
    model = """
        select p.period_grain, p.unit_id, p.weekday, case when h.item is null then p.n end as n
        from parts as p left join "w"."disclosure"."part_hidden" as h
            on h.unit_id = p.unit_id and h.item = p.weekday
    """
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"""
            create table parts as from (values ('year', 'amk_oslo', 1, 4::double),
                ('year', 'amk_tromso', 1, 5), ('year', 'amk_tromso', 2, 90))
                as v(period_grain, unit_id, weekday, n);
            insert into disclosure.part_hidden by name
                select 'hour_profile' as subject, unit_id, 1 as item from parts where weekday = 1;
            insert into audience_nord.part_hidden by name
                select 'hour_profile' as subject, 'amk_oslo' as unit_id, 1 as item;
            create table hour_profiles as {model};
        """)
    write_tables(warehouse, {"hour_profiles": model}.__getitem__, audiences)
    with duckdb.connect(str(warehouse)) as connection:
        seen = {
            audience.name: connection.execute(
                f"select unit_id, weekday, n, is_small from {audience.schema_name}.hour_profiles"
                " order by all"
            ).fetchall()
            for audience in audiences
        }
    assert seen["internal"] == [
        ("amk_oslo", 1, 4.0, True),
        ("amk_tromso", 1, 5.0, True),
        ("amk_tromso", 2, 90.0, False),
    ]
    assert seen["nord"] == [
        ("amk_oslo", 1, None, False),
        ("amk_tromso", 1, 5.0, True),
        ("amk_tromso", 2, 90.0, False),
    ]
