"""Figures over changes of geography, platform and definition, from extract files to release.

The new year of 2020 has it all: municipalities merge (Molde) and are split (Snillfjord). A central
changes platform, and the project is then built again with a municipality moved to another trust
and a new version of a definition, as their owners would change the tables.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ingestion.home import Home
from orchestration.paths import DBT_PROJECT
from orchestration.registry import load_registry
from orchestration.registry.export import MACRO, SEED, definitions_macro, registry_csv
from reporting import metrics
from tests.e2e.conftest import World, run_steps

pytestmark = pytest.mark.slow

DAYS = [dt.date(2019, 12, 29) + dt.timedelta(days=day) for day in range(8)]
DECEMBER, JANUARY = dt.date(2019, 12, 1), dt.date(2020, 1, 1)
CUTOVER, MOVE, REDEFINITION = dt.date(2020, 1, 2), dt.date(2020, 1, 3), dt.date(2020, 1, 4)
CENTRAL, REDEFINED = "lvs_5001", "c116117_within_2min"
# The versions that count before the redefinition, by KPI.
VERSIONS = {kpi.id: kpi.version for kpi in load_registry().kpis}
NEXT = VERSIONS[REDEFINED] + 1

SNILLFJORD = "5055+5056+5059"  # Heim, Hitra and Orkland
# Municipality code as stated, first and last day, red incidents a day, minutes to scene.
PLACES = [
    # Molde, Nesset and Midsund became Molde (1506).
    ("1502", DAYS[0], DAYS[2], 3, 10),
    ("1543", DAYS[0], DAYS[2], 2, 30),
    ("1545", DAYS[0], DAYS[2], 1, 30),
    ("1506", DAYS[3], DAYS[7], 4, 10),
    # Snillfjord was divided between Heim, Hitra and Orkland; Hemne became a part of Heim.
    ("5012", DAYS[0], DAYS[3], 2, 20),  # one day still with the old code
    ("5011", DAYS[0], DAYS[2], 3, 20),
    ("5055", DAYS[3], DAYS[7], 3, 20),
    ("5056", DAYS[3], DAYS[7], 4, 30),
    # Surnadal, which keeps its code when it changes trust.
    ("1566", DAYS[0], DAYS[7], 5, 20),
]


def alarm(number: int, day: dt.date, code: str, minutes: int) -> dict[str, Any]:
    """One ground ambulance on one incident, as the extract writes it."""
    received = dt.datetime.combine(day, dt.time(11, number % 60), dt.UTC)
    after = {"alerted": 1, "en_route": 2, "at_scene": minutes, "available": 60}
    return {
        "incident_no": number,
        "mission_no": number,
        "row_no": number,
        "rev": 1,
        "deleted": False,
        "unit_no": 1,
        "unit_type": 1,
        "station_no": 1,
        "amk": "amk_st_olav",
        "urgency_first": 1,
        "urgency_last": 1,
        "mission_type": 1,
        "municipality": int(code),
        "received": received,
        **{name: received + dt.timedelta(minutes=value) for name, value in after.items()},
        **dict.fromkeys(("acknowledged", "at_patient", "departed", "at_destination")),
        **dict.fromkeys(("handover", "cancelled", "cancel_reason", "result")),
        "quality": 1,
        "extracted": dt.datetime.combine(day + dt.timedelta(days=1), dt.time(3), dt.UTC),
    }


def write_alarms(inbox: Path) -> None:
    folder = inbox / "helse_midt_alarms"
    folder.mkdir(parents=True)
    number = 0
    for day in DAYS:
        rows = []
        for code, first, last, count, minutes in PLACES:
            for _ in range(count if first <= day <= last else 0):
                number += 1
                rows.append(alarm(number, day, code, minutes))
        stamps = [name for name, value in rows[0].items() if isinstance(value, dt.datetime)]
        empty = {name: pl.Datetime("ms", "UTC") for name, value in rows[0].items() if value is None}
        times = dict.fromkeys(stamps, pl.Datetime("ms", "UTC"))
        codes = dict.fromkeys(("cancel_reason", "result"), pl.Int32)
        frame = pl.DataFrame(rows, schema_overrides={**empty, **times, **codes})
        frame.write_parquet(folder / f"helse_midt_alarms_{day}.parquet")


def write_calls(inbox: Path) -> None:
    """Twelve calls a day: answered within 30 s on ICCS; half of them within 5 minutes on LifeX."""
    header = (
        "Anrops-ID;Revisjon;Slettet;Tjeneste;Kanal;Retning;Sentral;Hjemmesentral;Dato;Ringestart;"
        "Meny slutt;Kø inn;Besvart;Avsluttet;Utfall;Overført til;Overført kl;Foregående anrop;"
        "Kjede-ID;Innringer;Kommunenr;Grunnlag;Prøveanrop;Uttrekk"
    )
    for day in DAYS:
        local, later = f"{day:%d.%m.%Y}", f"{day + dt.timedelta(days=1):%d.%m.%Y}"
        old, new = [], []
        for number in range(12):
            old.append(
                f"IC{day:%m%d}{number};1;N;116117;TALE;INN;{CENTRAL};{CENTRAL};{local};"
                f"12:{number:02}:00.000;12:{number:02}:05.000;;12:{number:02}:35.000;"
                f"12:50:00.000;B;;;;;;;U;N;{later} 04:00:00"
            )
            minute, wait = f"{day}T11:{number:02}", 30 if number % 2 else 300
            answered = dt.datetime.fromisoformat(f"{minute}:05") + dt.timedelta(seconds=wait)
            new.append(
                {
                    "callId": f"LX{day:%m%d}{number}",
                    "revision": 1,
                    "deleted": False,
                    "extractedAt": f"{day + dt.timedelta(days=1)}T03:00:00.000Z",
                    "service": {"line": "116117", "channel": "voice"},
                    "direction": "inbound",
                    "central": {"id": CENTRAL, "home": CENTRAL},
                    "time": {
                        "ringStart": f"{minute}:00.000Z",
                        "menuEnd": f"{minute}:05.000Z",
                        "queueEnter": None,
                        "answered": f"{answered.isoformat()}.000Z",
                        "ended": f"{day}T11:50:00.000Z",
                        "transfer": None,
                    },
                    "outcome": "answered",
                    "transferTo": None,
                    "parentCallId": None,
                    "chainId": None,
                    "caller": None,
                    "location": {"municipality": None, "basis": "unknown"},
                    "flags": {"test": False, "exercise": False},
                }
            )
        if day < CUTOVER:
            path = inbox / "hdo_iccs_calls" / f"hdo_iccs_calls_{day}.csv"
            text = "\n".join([header, *old]) + "\n"
        else:
            path = inbox / "hdo_lifex_calls" / f"hdo_lifex_calls_{day}.jsonl"
            text = "".join(json.dumps(row) + "\n" for row in new)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "cp1252" if day < CUTOVER else "utf-8")


def change_seed(project: Path, name: str, change: Any) -> None:
    """Rewrite the rows of one reference table."""
    path = project / "seeds" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows = change(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def earlier_cutover(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [
        {**row, "cutover_on": CUTOVER.isoformat()} if row["central_id"] == CENTRAL else row
        for row in rows
    ]


def surnadal_moves(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    (before,) = (row for row in rows if row["municipality_code"] == "1566")
    after = {**before, "health_trust_code": "st_olavs_hospital", "valid_from": MOVE.isoformat()}
    return [row for row in rows if row is not before] + [
        {**before, "valid_to": MOVE.isoformat()},
        after,
    ]


def ten_minutes_are_soon_enough(project: Path) -> None:
    """A next version of the share within 2 minutes, and what is generated from the registry."""
    for path in (project / "kpis" / "calls_v1.yaml", project / "kpis" / "calls.yaml"):
        family = yaml.safe_load(path.read_text("utf-8"))
        (old,) = (kpi for kpi in family["kpis"] if kpi["id"] == REDEFINED)
        old["valid_from"] = dt.date(2010, 1, 1)
        if old["version"] == VERSIONS[REDEFINED]:
            formula = "100 * within 600 s / (answered with valid times + unanswered)"
            new = {"version": NEXT, "numerator": "within_600s", "formula": formula}
            family["kpis"].append({**old, **new, "valid_from": REDEFINITION})
        path.write_text(yaml.safe_dump(family, allow_unicode=True, sort_keys=False), "utf-8")
    registry = load_registry(project / "kpis")
    (project / "seeds" / SEED.name).write_text(registry_csv(registry), "utf-8")
    (project / "macros" / MACRO.name).write_text(definitions_macro(registry), "utf-8")


@dataclass(frozen=True)
class State:
    """What there is to see after a run."""

    figures: pl.DataFrame
    released: pl.DataFrame
    breaks: pl.DataFrame

    def counted(self, kpi_id: str, unit_id: str, grain: str = "month") -> dict[dt.date, int]:
        """What a unit's figures rest on, by start of the period; missing figures left out."""
        rows = self.figures.filter(
            pl.col("kpi_id") == kpi_id,
            pl.col("unit_id") == unit_id,
            pl.col("period_grain") == grain,
            pl.col("kpi_version") == VERSIONS[kpi_id],
            pl.col("status") != "no_data",
        ).sort("period_start")
        return dict(rows.select("period_start", "n").iter_rows())

    def cell(self, kpi_id: str, unit_id: str, start: dt.date, **keys: Any) -> dict[str, Any]:
        """One figure."""
        wanted = {
            "period_grain": "month",
            "kpi_version": VERSIONS[kpi_id],
            "period_start": start,
            **keys,
        }
        row = self.figures.filter(
            pl.col("kpi_id") == kpi_id,
            pl.col("unit_id") == unit_id,
            pl.col("period_start") == start,
            *(pl.col(name) == value for name, value in wanted.items()),
        )
        return row.row(0, named=True) if row.height == 1 else {}

    def broken(self, unit_id: str, kpi_id: str) -> dict[dt.date, str]:
        """The breaks in a unit's series, with their words in English."""
        rows = self.breaks.filter(
            pl.col("kpi_id") == kpi_id,
            pl.col("unit_id") == unit_id,
            pl.col("kpi_version") == VERSIONS[kpi_id],
        )
        return dict(rows.select("break_date", "text_en").iter_rows())


def run(world: World, project: Path) -> State:
    """From inbox to release, step by step as `akutt run`, with a project of its own."""
    run_steps(world.home.root, project)
    return State(
        world.sql("from kpi_values"),
        world.release("kpi_values"),
        world.sql("from kpi_series_breaks"),
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the dbt project with a cutover within these days."""
    folder = tmp_path_factory.mktemp("project") / "dbt_project"
    shutil.copytree(DBT_PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs"))
    change_seed(folder, "platform_cutovers", earlier_cutover)
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(Home(tmp_path_factory.mktemp("history")))
    write_alarms(made.home.inbox)
    write_calls(made.home.inbox)
    return made


@pytest.fixture(scope="module")
def first(world: World, project: Path) -> State:
    """The figures with the tables as they are."""
    return run(world, project)


@pytest.fixture(scope="module")
def second(world: World, project: Path, first: State) -> State:
    """The figures after the owners of the tables changed them."""
    change_seed(project, "municipality_health_trust", surnadal_moves)
    ten_minutes_are_soon_enough(project)
    return run(world, project)


def test_a_merger_carries_the_old_municipalities_into_the_new(first: State) -> None:
    assert first.counted("red_share", "1506") == {DECEMBER: 3 * (3 + 2 + 1), JANUARY: 5 * 4}
    assert first.cell("resp_median", "1506", DECEMBER)["value"] == 20
    assert first.cell("resp_median", "1506", JANUARY)["value"] == 10
    assert first.broken("1506", "resp_median") == {
        JANUARY: "New municipalities. Figures before this day are the sum of "
        "Midsund (1545), Molde (1502), Nesset (1543)."
    }
    assert not first.counted("red_share", "1502")


def test_the_parts_of_a_split_have_no_history_but_their_union_has(first: State) -> None:
    assert first.counted("red_share", SNILLFJORD) == {
        DECEMBER: 3 * (2 + 3),
        JANUARY: 2 + 5 * (3 + 4),
    }
    assert first.counted("red_share", "5055") == {JANUARY: 5 * 3}
    assert first.counted("red_share", "5056") == {JANUARY: 5 * 4}
    assert not first.cell("red_share", "5056", DECEMBER)
    assert first.cell("incidents_per_1000", "5059", JANUARY)["value"] == 0
    text = first.broken("5056", "red_share")[JANUARY]
    assert text.startswith("Snillfjord (5012) was split. Hitra has figures of its own")
    assert "split" not in first.broken(SNILLFJORD, "red_share")[JANUARY]
    # Known areas of a split code: all its successors lie in them.
    assert first.cell("dq_geo_unknown", "NO", JANUARY)["numerator"] == 0
    assert not first.counted("red_share", "UNKNOWN")
    assert first.counted("red_share", "50") == first.counted("red_share", SNILLFJORD)


def test_a_union_has_the_people_of_its_members(first: State) -> None:
    union = first.cell("incidents_per_1000", SNILLFJORD, JANUARY)
    members = [
        first.cell("incidents_per_1000", unit, JANUARY)["denominator"]
        for unit in SNILLFJORD.split("+")
    ]
    assert union["denominator"] == pytest.approx(sum(members))
    assert union["value"] == pytest.approx(1000 * union["numerator"] / sum(members))


def test_the_codes_of_the_event_date_are_kept(first: State, world: World) -> None:
    codes = world.sql(
        "select event_date < date '2020-01-01' as is_before, municipality_id,"
        " string_agg(distinct event_municipality_id, ' ' order by event_municipality_id) as codes"
        " from fct_incidents group by all"
    )
    assert {row[:2]: row[2] for row in codes.iter_rows()} == {
        (True, "1506"): "1502 1543 1545",
        (True, SNILLFJORD): "5011 5012",
        (True, "1566"): "1566",
        (False, "1506"): "1506",
        # The old code was no longer in force, and three took its place.
        (False, SNILLFJORD): "UNKNOWN",
        (False, "5055"): "5055",
        (False, "5056"): "5056",
        (False, "1566"): "1566",
    }


def test_figures_by_the_division_of_the_event_date(first: State, world: World) -> None:
    early = world.sql(
        "select unit_id, n, value from kpi_values_event_geography where kpi_id = 'resp_median'"
        " and period_grain = 'month' and period_start = '2019-12-01' and level = 'municipality'"
    )
    assert {row[0]: row[1:] for row in early.iter_rows()} == {
        "1502": (9, 10),
        "1543": (6, 30),
        "1545": (3, 30),
        "5011": (9, 20),
        "5012": (6, 20),
        "1566": (15, 20),
    }
    sums = world.sql(
        "select level, sum(n) as n from kpi_values_event_geography where kpi_id = 'red_share'"
        " and period_grain = 'year' and period_start = '2020-01-01' group by level"
    )
    everything = first.cell("red_share", "NO", JANUARY)["n"]
    assert dict(sums.iter_rows()) == {"municipality": everything, "county": everything}


def test_a_cutover_marks_the_series_of_its_central(first: State, world: World) -> None:
    for day in DAYS:
        cell = first.cell("c116117_within_2min", CENTRAL, day, period_grain="day")
        assert (cell["n"], cell["value"]) == (12, 100 if day < CUTOVER else 50)
    assert list(first.broken(CENTRAL, "c116117_within_2min")) == [CUTOVER]
    assert "from ICCS to LifeX" in first.broken(CENTRAL, "c116117_within_2min")[CUTOVER]
    assert list(first.broken(CENTRAL, "video_per_100_calls")) == [CUTOVER]
    assert not first.broken("midt", "c116117_within_2min")
    across = world.sql(
        f"from kpi_trends where unit_id = '{CENTRAL}' and kpi_id = 'c116117_within_2min'"
        f" and phase_start < date '{CUTOVER}' and period_start >= date '{CUTOVER}'"
    )
    assert across.is_empty()


def test_a_change_of_trust_changes_figures_from_its_day_only(first: State, second: State) -> None:
    keys = ["kpi_id", "kpi_version", "segment", "period_grain", "period_start", "level", "unit_id"]
    changed = (
        first.figures.join(second.figures, on=keys, how="full", coalesce=True, suffix="_after")
        .filter(pl.col("kpi_version") == pl.col("kpi_id").replace_strict(VERSIONS))
        .filter(
            pl.any_horizontal(
                pl.col(name).ne_missing(pl.col(f"{name}_after"))
                for name in ("numerator", "denominator", "n", "value", "status")
            )
        )
    )
    trusts = {"helse_more_og_romsdal", "st_olavs_hospital"}
    assert set(changed["unit_id"]) == trusts
    assert set(changed["level"]) == {"health_trust"}
    starts = changed.group_by("period_grain").agg(pl.col("period_start").unique().sort())
    assert dict(starts.iter_rows()) == {
        "day": [day for day in DAYS if day >= MOVE],
        "week": [dt.date(2019, 12, 30)],
        "month": [JANUARY],
        "quarter": [JANUARY],
        "tertial": [JANUARY],
        "year": [JANUARY],
        "ytd": [JANUARY],
    }
    before, after = 5 * 2, 5 * 3  # incidents in Surnadal
    others = {"helse_more_og_romsdal": 5 * 4, "st_olavs_hospital": 2 + 5 * (3 + 4)}
    for trust, surnadal in (("helse_more_og_romsdal", before), ("st_olavs_hospital", after)):
        assert second.counted("red_share", trust)[JANUARY] == others[trust] + surnadal
        assert (
            second.counted("red_share", trust)[DECEMBER]
            == first.counted("red_share", trust)[DECEMBER]
        )
    words = second.broken("st_olavs_hospital", "red_share")[MOVE]
    assert words.startswith("Municipalities that joined the area this day: Surnadal.")
    assert MOVE in second.broken("helse_more_og_romsdal", "red_share")
    assert MOVE not in first.broken("helse_more_og_romsdal", "red_share")


def test_a_move_takes_the_people_along_from_its_day(first: State, second: State) -> None:
    people = first.cell("incidents_per_1000", "1566", JANUARY)["denominator"] / 5  # a day
    for trust, sign in (("helse_more_og_romsdal", -1), ("st_olavs_hospital", 1)):
        old, new = (
            state.cell("incidents_per_1000", trust, JANUARY)["denominator"]
            for state in (first, second)
        )
        assert new - old == pytest.approx(sign * 3 * people)
    assert people == pytest.approx(surnadal_people() / 366)


def surnadal_people() -> int:
    """Inhabitants on 1 January 2020."""
    with (DBT_PROJECT / "seeds" / "municipality_population.csv").open(encoding="utf-8") as file:
        (row,) = (
            row
            for row in csv.DictReader(file)
            if row["municipality_code"] == "1566" and row["year"] == "2020"
        )
    return int(row["population"])


def test_versions_of_a_definition_stand_side_by_side(first: State, second: State) -> None:
    for day in DAYS:
        old = second.cell(REDEFINED, CENTRAL, day, period_grain="day")
        new = second.cell(REDEFINED, CENTRAL, day, period_grain="day", kpi_version=NEXT)
        assert old == first.cell(REDEFINED, CENTRAL, day, period_grain="day")
        assert (old["value"], new["value"]) == (100 if day < CUTOVER else 50, 100)
    assert second.broken(CENTRAL, REDEFINED) == {
        CUTOVER: first.broken(CENTRAL, REDEFINED)[CUTOVER],
        REDEFINITION: f"Version {NEXT} of the definition applies from this day.",
    }
    assert REDEFINITION not in second.broken(CENTRAL, "c116117_within_10min")
    shown = second.released.filter(
        pl.col("kpi_id") == REDEFINED, pl.col("level") == "national", pl.col("status") == "ok"
    )
    assert set(shown["kpi_version"]) >= {VERSIONS[REDEFINED], NEXT}


def test_the_official_series_passes_from_one_version_to_the_next(
    second: State, world: World
) -> None:
    folder = world.home.releases / (world.home.releases / "current").read_text("utf-8").strip()
    series = metrics.query(REDEFINED, level="national", grain="day", release=folder, no_data=False)
    assert dict(series.select("period_start", "kpi_version").iter_rows()) == {
        day: VERSIONS[REDEFINED] if day < REDEFINITION else NEXT for day in DAYS
    }
    assert dict(series.select("period_start", "value").iter_rows()) == {
        day: 50 if CUTOVER <= day < REDEFINITION else 100 for day in DAYS
    }


def test_the_release_shows_the_same_history(first: State, second: State, world: World) -> None:
    rows = first.released.filter(
        pl.col("kpi_id") == "resp_median", pl.col("level") == "municipality"
    )
    # The union of a few incidents may be hidden to protect its parts.
    assert {"1506", SNILLFJORD} <= set(rows["unit_id"])
    assert "1506" in set(rows.filter(pl.col("status") == "ok")["unit_id"])
    units = {row["unit_id"]: row for row in world.release("units").iter_rows(named=True)}
    assert units[SNILLFJORD]["unit_name"] == "Heim + Hitra + Orkland"
    assert units[SNILLFJORD]["health_trust_code"] == "st_olavs_hospital"
    assert units["1566"]["health_trust_code"] == "st_olavs_hospital"
    assert second.released.height
    assert world.release("kpi_series_breaks").sort(pl.all()).equals(second.breaks.sort(pl.all()))
