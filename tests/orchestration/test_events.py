"""Events of an installation: what is accepted, and what is said of what is not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from ingestion.sources.registry import read_sources
from orchestration import state
from orchestration.diagnosis import diagnose
from orchestration.engine import Engine
from orchestration.events import EventsError, load_events, write_events
from orchestration.paths import DBT_PROJECT, Home
from orchestration.pipeline import run
from orchestration.registers import examine
from orchestration.registry.load import load_registry
from reporting.reader import open_current
from tests.orchestration.conftest import deliver


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> object:
    nothing = tmp_path_factory.mktemp("registers")
    return examine(DBT_PROJECT / "seeds", nothing, read_sources()).tables


def read(tmp_path: Path, tables: object, text: str) -> list[object]:
    path = tmp_path / "events.yaml"
    path.write_text(text, "utf-8")
    return list(load_events(path, load_registry(), tables))  # type: ignore[arg-type]


def test_events_are_read_one_per_series_they_name(tmp_path: Path, tables: object) -> None:
    found = read(
        tmp_path,
        tables,
        """
- date: 2026-03-01
  kpi: [c113_within_10s, answer_time_p90]
  level: central
  unit: [amk_oslo, amk_bergen]
  nb: Ny bemanningsplan
  en: New roster
  effect: rebase
- date: '2026-05-01'
  nb: Streik i   ambulansetjenesten
  en: Strike in the ambulance service
""",
    )
    assert len(found) == 5
    first, last = found[0], found[-1]
    assert (first.event_date, first.kpi_id, first.unit_id, first.effect) == (  # type: ignore[attr-defined]
        dt.date(2026, 3, 1), "c113_within_10s", "amk_oslo", "rebase",
    )  # fmt: skip
    assert (last.kpi_id, last.level, last.effect) == (None, None, "none")  # type: ignore[attr-defined]
    assert last.text_nb == "Streik i ambulansetjenesten"  # type: ignore[attr-defined]


def test_without_a_file_there_are_no_events(tmp_path: Path, tables: object) -> None:
    assert load_events(tmp_path / "events.yaml", load_registry(), tables) == []  # type: ignore[arg-type]
    assert read(tmp_path, tables, "") == []


GOOD = "date: 2026-03-01, nb: Ny plan, en: New plan"


@pytest.mark.parametrize(
    ("text", "rule", "said"),
    [
        ("- {date: 2026-03-01", "EVENTS_UNREADABLE", "er ikke gyldig YAML / is not valid YAML"),
        ("a: 1", "EVENTS_FORM", "skal være en liste"),
        ("- just text", "EVENT_FORM", "named fields"),
        ("- {" + GOOD + ", when: now}", "EVENT_FIELD", "ukjent felt"),
        ("- {date: soon, nb: Ny plan, en: New plan}", "EVENT_DATE", "som 2026-03-01"),
        ("- {date: 1926-03-01, nb: Ny plan, en: New plan}", "EVENT_DATE", "like 2026-03-01"),
        ("- {date: 2026-03-01, nb: Ny plan}", "EVENT_TEXT", "both languages"),
        ("- {" + GOOD + ", effect: forget}", "EVENT_EFFECT", "none, rebase, freeze"),
        ("- {" + GOOD + ", kpi: c113}", "EVENT_KPI", "ikke noe nøkkeltall c113"),
        ("- {" + GOOD + ", level: planet}", "EVENT_LEVEL", "national, region"),
        ("- {" + GOOD + ", unit: amk_oslo}", "EVENT_LEVEL", "trenger nivået"),
        ("- {" + GOOD + ", level: base, unit: amk_oslo}", "EVENT_UNIT", "ingen enhet amk_oslo"),
        (
            "- {" + GOOD + ", kpi: c113_within_10s, level: base}",
            "EVENT_LEVEL",
            "har ikke tall for base",
        ),
        ("- {date: 2026-02-30, nb: Ny plan, en: New plan}", "EVENT_DATE", "som 2026-03-01"),
        (
            "- {date: 2026-03-01, nb: Ny leder Kari Nordmann, en: New manager}",
            "EVENT_PERSONAL",
            "teksten blir utgitt",
        ),
        (
            "- {date: 2026-03-01, nb: 'Ring 22 33 44 55', en: New number}",
            "EVENT_PERSONAL",
            "a number",
        ),
        ("- {" + GOOD + ", kpi: 'Kari Nordmann'}", "EVENT_KPI", "akutt kpi list"),
    ],
)
def test_what_is_wrong_is_said_in_both_languages(
    tmp_path: Path, tables: object, text: str, rule: str, said: str
) -> None:
    with pytest.raises(EventsError) as raised:
        read(tmp_path, tables, text)
    assert {problem.rule for problem in raised.value.problems} == {rule}
    assert said in str(raised.value)
    assert " / " in str(raised.value)
    # What was found to be personal is not repeated.
    assert "Nordmann" not in str(raised.value)


def test_all_problems_of_all_events_are_told(tmp_path: Path, tables: object) -> None:
    with pytest.raises(EventsError) as raised:
        read(tmp_path, tables, "- {date: x, nb: Ny plan}\n- {" + GOOD + ", effect: y}\n")
    assert len(raised.value.problems) == 3
    assert "hendelse / event 2, effect" in str(raised.value)


def test_codes_of_every_level_are_known(tmp_path: Path, tables: object) -> None:
    text = "".join(
        f"- {{{GOOD}, level: {level}, unit: {unit}}}\n"
        for level, unit in (
            ("national", "NO"), ("county", "03"), ("municipality", "0301"),
            ("central", "amk_oslo"), ("central", "lvs_0301"),
        )
    )  # fmt: skip
    assert len(read(tmp_path, tables, text)) == 5


def test_events_are_written_in_the_place_of_the_earlier_ones(
    tmp_path: Path, tables: object
) -> None:
    warehouse = tmp_path / "akutt.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema other")
    for text in ("- {" + GOOD + "}\n- {" + GOOD + "}\n", "- {" + GOOD + ", effect: freeze}\n"):
        write_events(warehouse, read(tmp_path, tables, text))  # type: ignore[arg-type]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert connection.execute("select event_date, effect from site.events").fetchall() == [
            (dt.date(2026, 3, 1), "freeze")
        ]


def test_the_example_of_the_guide_is_accepted(tmp_path: Path, tables: object) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "comparison.md").read_text("utf-8")
    found = read(tmp_path, tables, guide.partition("```yaml events\n")[2].partition("```")[0])
    assert [(event.kpi_id, event.effect) for event in found] == [  # type: ignore[attr-defined]
        ("c113_within_10s", "freeze"), ("answer_time_p90", "freeze"), (None, "none"),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_release_has_the_events_and_goes_on_without_a_faulty_file(
    deliveries: Path, home: Home, make_engine: Callable[..., Engine]
) -> None:
    def events() -> list[tuple[object, ...]]:
        with open_current(home.releases) as release:
            return [tuple(row.values()) for row in release.rows("select * from kpi_events")]

    lines: list[str] = []
    deliver(deliveries, home, days=1)
    first = run(make_engine())
    assert events() == []

    home.events_file.write_text("- {" + GOOD + ", effect: forget}\n", "utf-8")
    faulty = run(make_engine(say=lines.append))
    assert faulty.release_id == first.release_id
    assert any("hendelse / event 1, effect" in line for line in lines)
    told = [finding for finding in diagnose(home) if finding.what == "Hendelser / events"]
    assert [finding.status for finding in told] == ["fail"]
    assert "hendelse / event 1, effect" in told[0].found

    home.events_file.write_text("- {" + GOOD + ", effect: freeze}\n", "utf-8")
    assert not make_engine().is_up_to_date()
    decided = state.read_disclosure(home)
    mended = run(make_engine(say=lines.append))
    assert mended.release_id != first.release_id
    assert events() == [(dt.date(2026, 3, 1), None, None, None, "freeze", "Ny plan", "New plan")]
    # Events are nothing that decides what may be seen.
    assert sum("Avsløringskontroll" in line for line in lines) == 0
    assert state.read_disclosure(home).policy == decided.policy
    assert not run(make_engine()).did_work

    home.events_file.unlink()
    assert run(make_engine()).release_id not in (mended.release_id, None)
    assert events() == []
