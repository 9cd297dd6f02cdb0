"""An installation's own registers: what is refused, and where; what dbt reads."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from ingestion.home import Home
from ingestion.sources import Sources, read_sources
from orchestration.cli.main import app
from orchestration.paths import DBT_PROJECT
from orchestration.paths import Home as FullHome
from orchestration.registers import (
    REGISTERS,
    Examined,
    RegisterError,
    examine,
    registers_fingerprint,
    seeds_for_dbt,
)
from orchestration.registers.tables import KINDS
from orchestration.warehouse import Warehouse

SEEDS = DBT_PROJECT / "seeds"
UNIT = "unit_id,unit_name,unit_kind,rhf_code,base_kind,valid_from,valid_to\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("AKUTT_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


def put(home: Home, name: str, text: str) -> None:
    home.registers.mkdir(parents=True, exist_ok=True)
    (home.registers / name).write_text(text, "utf-8")


def look(home: Home) -> Examined:
    return examine(SEEDS, home.registers, read_sources(home=home))


def akutt(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_the_seeds_of_the_project_hold_every_rule(home: Home) -> None:
    assert look(home).problems == []


def test_types_are_those_of_the_seeds() -> None:
    seeds = yaml.safe_load((DBT_PROJECT / "models" / "seeds.yml").read_text("utf-8"))["seeds"]
    stated = {seed["name"]: seed["config"]["column_types"] for seed in seeds if "config" in seed}
    names = {"date": "date", "integer": "whole", "double": "number"}
    for register in REGISTERS:
        with (SEEDS / f"{register}.csv").open(encoding="utf-8") as file:
            header = next(csv.reader(file))
        assert {c: names.get(t) for c, t in stated[register].items()} == {
            column: KINDS.get(column) for column in header
        }, register


@pytest.mark.parametrize(
    ("register", "text", "line", "column", "rule"),
    [
        # The row that once ended as `not_null_kpi_values_unit_id: Got 38937 results`.
        ("units", UNIT + "amk_x,X,AMK,,,2010-01-01,\n", 2, "rhf_code", "REGISTER_VALUE_MISSING"),
        ("units", UNIT + "amk_x,X,AMK,far,,2010-01-01,\n", 2, "rhf_code", "REGISTER_REFERENCE"),
        ("units", UNIT + "amk_x,X,AKM,nord,,2010-01-01,\n", 2, "unit_kind", "REGISTER_CODE"),
        ("units", UNIT + "amk_x,X,AMK,nord,,1.1.2010,\n", 2, "valid_from", "REGISTER_VALUE_FORM"),
        ("units", UNIT + "amk_x,X,AMK,nord,HELI,2010-01-01,\n", 2, "base_kind", "REGISTER_CODE"),
        ("units", UNIT + "b,B,LAT_BASE,nord,,2010-01-01,\n", 2, "base_kind", "REGISTER_CODE"),
        ("units", UNIT + "UNKNOWN,X,AMK,nord,,2010-01-01,\n", 2, "unit_id", "REGISTER_CODE"),
        (
            "units",
            UNIT + "a,A,AMK,nord,,2010-01-01,\n\na,A,AMK,nord,,2010-01-01,2011-01-01\n",
            4,
            "unit_id, valid_from",
            "REGISTER_ROW_REPEATED",
        ),
        (
            "units",
            UNIT + "amk_oslo,O,AMK,sorost,,2020-01-01,\n",
            2,
            "valid_from",
            "REGISTER_PERIODS",
        ),
        (
            "units",
            UNIT + "a,A,AMK,nord,,2020-01-01,2020-01-01\n",
            2,
            "valid_to",
            "REGISTER_PERIOD",
        ),
        ("units", UNIT + "a,A,AMK,nord,,2020-01-01,,,x\n", 2, None, "REGISTER_CELLS"),
        ("rhf", "rhf_code,name\nx,X\n", 1, "name", "REGISTER_COLUMN"),
        ("rhf", 'rhf_code,rhf_name\nx,"X\n', 2, None, "REGISTER_UNREADABLE"),
        ("unit", "unit_id\na\n", None, None, "REGISTER_UNKNOWN"),
        (
            "source_coverage",
            "source,contract\nnobody,alarm\n",
            2,
            "source",
            "REGISTER_REFERENCE",
        ),
        (
            "source_coverage",
            "source,contract\nlat_requests,alarm\n",
            2,
            "contract",
            "REGISTER_REFERENCE",
        ),
        (
            "municipalities",
            "municipality_code,municipality_name,county_code,name_unique,valid_from\n"
            "9901,Byen,03,Byen,2000-01-01\n",
            2,
            "municipality_code",
            "REGISTER_INCOMPLETE",
        ),
        (
            "municipality_health_trust",
            "municipality_code,health_trust_code,valid_from\n0301,ous,2025-01-01\n",
            2,
            "valid_from",
            "REGISTER_PERIODS",
        ),
        (
            "municipality_population",
            "municipality_code,year,population\n0301,2030,-4\n",
            2,
            "population",
            "REGISTER_VALUE_FORM",
        ),
    ],
)
def test_a_wrong_row_is_named(
    home: Home, register: str, text: str, line: int | None, column: str | None, rule: str
) -> None:
    put(home, f"{register}.csv", text)
    problems = look(home).problems
    found = problems[0]
    assert (found.file, found.line, found.column, found.rule) == (
        f"AKUTT_HOME/registers/{register}.csv",
        line,
        column,
        rule,
    )
    assert found.nb and found.en and found.nb != found.en


def test_a_wrong_row_of_a_seed_is_named_too(tmp_path: Path) -> None:
    import shutil

    seeds = tmp_path / "seeds"
    shutil.copytree(SEEDS, seeds)
    with (seeds / "units.csv").open("a", encoding="utf-8") as file:
        file.write("amk_x,AMK X,AMK,,,,,,2010-01-01,,0,\n")
    lines = len((seeds / "units.csv").read_text("utf-8").splitlines())
    with pytest.raises(RegisterError, match=rf"seeds/units.csv, linje / line {lines}, .*rhf_code"):
        seeds_for_dbt(seeds, tmp_path / "none", Sources({}), tmp_path / "work")


def test_own_rows_are_added_and_take_the_place_of_others(home: Home, tmp_path: Path) -> None:
    put(home, "rhf.csv", "rhf_name,rhf_code\nUtlandet,utland\nNord,nord\n")
    folder = seeds_for_dbt(SEEDS, home.registers, read_sources(home=home), tmp_path / "work")
    with (folder / "rhf.csv").open(encoding="utf-8") as file:
        names = {row["rhf_code"]: row["rhf_name"] for row in csv.DictReader(file)}
    assert names["utland"] == "Utlandet"
    assert names["nord"] == "Nord"
    assert names["vest"] == "Helse Vest RHF"
    assert (folder / "units.csv").read_bytes() == (SEEDS / "units.csv").read_bytes()
    # A change gives another folder, and the old one goes.
    put(home, "rhf.csv", "rhf_name,rhf_code\nUtlandet,utland\n")
    other = seeds_for_dbt(SEEDS, home.registers, read_sources(home=home), tmp_path / "work")
    assert other != folder
    assert [path.name for path in (tmp_path / "work").iterdir()] == [other.name]


def test_without_own_rows_dbt_reads_the_seeds_themselves(home: Home, tmp_path: Path) -> None:
    assert registers_fingerprint(home.registers) is None
    folder = seeds_for_dbt(SEEDS, home.registers, read_sources(home=home), tmp_path / "work")
    assert folder == SEEDS
    assert not (tmp_path / "work").exists()


def test_a_change_of_a_register_is_a_change_of_the_project(home: Home) -> None:
    warehouse = Warehouse(FullHome(home.root))
    before = warehouse.project()
    assert warehouse.environment()["AKUTT_SEEDS"] == "seeds"
    put(home, "rhf.csv", "rhf_code,rhf_name\nutland,Utlandet\n")
    with_region = warehouse.project()
    assert with_region != before
    assert Path(warehouse.environment()["AKUTT_SEEDS"], "rhf.csv").is_file()
    put(home, "rhf.csv", "rhf_code,rhf_name\nutland,Abroad\n")
    assert warehouse.project() not in (before, with_region)
    put(home, "units.csv", UNIT + "amk_x,X,AMK,,,2010-01-01,\n")
    with pytest.raises(RegisterError, match="rhf_code"):
        warehouse.environment()


def test_coverage_of_a_source_that_is_skipped_is_no_problem(home: Home) -> None:
    home.sources.mkdir(parents=True)
    (home.sources / "draft.yaml").write_text("name: draft\n", "utf-8")
    put(home, "source_coverage.csv", "source,contract\ndraft,alarm\n")
    assert look(home).problems == []


def test_add_is_a_dry_run_until_it_is_told_to_write(home: Home) -> None:
    tried = akutt("unit", "add", "region", "utland", "Utlandet")
    assert tried.exit_code == 0, tried.output
    assert "utland" in tried.output and "--write" in tried.output
    assert not home.registers.exists()
    early = akutt("unit", "add", "central", "amk_x", "AMK X", "--region", "utland", "--write")
    assert early.exit_code == 1
    assert "units.csv, linje / line 2, kolonne / column rhf_code" in early.output
    assert not home.registers.exists()


def test_a_new_region_is_added_step_by_step(home: Home) -> None:
    steps = [
        ("region", "utland", "Utlandet"),
        ("health-trust", "ht_x", "HT X", "--region", "utland"),
        ("county", "99", "Fylke X"),
        ("central", "amk_x", "AMK X", "--region", "utland"),
        ("central", "lvs_x", "LVS X", "--region", "utland", "--kind", "LVS"),
        ("municipality", "9901", "Byen", "--county", "99", "--health-trust", "ht_x", "--amk",
         "amk_x", "--lvs", "lvs_x", "--population", "2025=1000", "--urban"),
        ("base", "heli_x", "Base X", "--region", "utland", "--aircraft", "1"),
        ("coverage", "lat_requests", "--region", "utland"),
        ("cutover", "lvs_x", "--from-system", "A", "--to-system", "B", "--on", "2026-01-01"),
    ]  # fmt: skip
    for step in steps:
        outcome = akutt("unit", "add", *step, "--write")
        assert outcome.exit_code == 0, outcome.output
    checked = akutt("unit", "check")
    assert checked.exit_code == 0, checked.output
    listed = akutt("unit", "list", "--own").stdout
    assert {"amk_x", "lvs_x", "heli_x"} <= set(listed.split())
    again = akutt("unit", "add", "base", "heli_x", "Base X", "--region", "utland", "--write")
    assert again.exit_code == 1
    assert "REGISTER_ROW_REPEATED" in again.output
    assert akutt("unit", "list", "--own").stdout == listed
    covered = akutt("unit", "list", "--register", "source_coverage", "--own").stdout
    assert "lat_requests" in covered and "lat_request " in covered


def test_a_municipality_is_given_again_with_another_population(home: Home) -> None:
    def add(population: str) -> str:
        outcome = akutt(
            "unit", "add", "municipality", "9901", "Town", "--county", "03", "--health-trust",
            "unn", "--population", population, "--write",
        )  # fmt: skip
        assert outcome.exit_code == 0, outcome.output
        return outcome.output

    add("2026=36500")
    assert "Alt er der fra før" in add("2026=36500")
    assert add("2027=37000").count(".csv") == 2  # the table shown, and the file written
    assert "replaces line 2 of AKUTT_HOME/registers/municipality_population" in add("2026=36600")
    text = (home.registers / "municipality_population.csv").read_text("utf-8")
    assert text.splitlines()[1:] == ["9901,2027,37000,", "9901,2026,36600,"]
    assert akutt("unit", "check").exit_code == 0


def test_check_ends_with_one_and_doctor_tells(home: Home) -> None:
    put(home, "units.csv", UNIT + "amk_x,X,AMK,,,2010-01-01,\n")
    for words in (("unit", "check"), ("doctor",), ("run",)):
        outcome = akutt(*words)
        assert outcome.exit_code == 1, outcome.output
        assert "units.csv, linje / line 2, kolonne / column rhf_code" in outcome.output
        assert "Traceback" not in outcome.output


def test_the_generator_leaves_out_what_it_has_no_source_for(home: Home, tmp_path: Path) -> None:
    from ingestion.synthetic import generate

    put(home, "rhf.csv", "rhf_code,rhf_name\nutland,Utlandet\n")
    put(home, "health_trusts.csv",
        "health_trust_code,health_trust_name,rhf_code\nht_x,HT X,utland\n")  # fmt: skip
    put(home, "counties.csv", "county_code,county_name,valid_from\n99,X,2000-01-01\n")
    put(
        home,
        "units.csv",
        UNIT
        + "amk_x,AMK X,AMK,utland,,2010-01-01,\n"
        + "amk_new,New,AMK,nord,,2010-01-01,\n"
        + "lvs_new,New,LVS,nord,,2010-01-01,\n"
        + "heli_x,Base X,LAT_BASE,utland,HELI,2010-01-01,\n"
        + "heli_new,New,LAT_BASE,nord,HELI,2010-01-01,\n",
    )
    put(
        home,
        "municipalities.csv",
        "municipality_code,municipality_name,county_code,name_unique,valid_from,amk_code\n"
        "9901,Byen,99,Byen,2000-01-01,amk_x\n9902,Bygda,99,Bygda,2000-01-01,\n",
    )
    put(home, "municipality_health_trust.csv",
        "municipality_code,health_trust_code,valid_from\n"
        "9901,ht_x,2000-01-01\n9902,ht_x,2000-01-01\n")  # fmt: skip
    put(home, "urban_municipalities.csv", "municipality_code,is_urban\n9901,1\n9902,0\n")
    seeds = seeds_for_dbt(SEEDS, home.registers, read_sources(home=home), tmp_path / "work")
    import datetime as dt

    made = generate(tmp_path / "made", dt.date(2026, 3, 2), 1, 0.001, 5, seeds=seeds)
    assert made.rows > 0
