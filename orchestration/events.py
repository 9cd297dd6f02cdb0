"""Events of an installation: what happened to a service, and what its charts make of it.

`AKUTT_HOME/events.yaml` is a list. Each event has a date, a text in both languages, the series it
touches (KPIs, a level, units of it) and what becomes of their charts:

    - date: 2026-03-01
      level: central
      unit: amk_oslo
      kpi: [c113_within_10s, answer_time_p90]
      nb: Ny bemanningsplan
      en: New roster
      effect: rebase

`none` marks the day, `rebase` begins the chart anew, `freeze` keeps the limits of the time before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from orchestration.registers.files import Problem, Table
from orchestration.registry.spec import Registry
from orchestration.release_content import NATIONAL

FILE = "AKUTT_HOME/events.yaml"
EFFECTS = ("none", "rebase", "freeze")
SCHEMA, TABLE = "site", "events"
# Of the table, in the order of `Event`.
_COLUMNS = {
    "event_date": "date",
    "kpi_id": "varchar",
    "level": "varchar",
    "unit_id": "varchar",
    "effect": "varchar",
    "text_nb": "varchar",
    "text_en": "varchar",
}
_FIELDS = ("date", "kpi", "level", "unit", "nb", "en", "effect")
_FIRST = dt.date(2000, 1, 1)
_LONGEST = 300
# Register and column with the areas of each level.
_AREAS = {
    "region": ("rhf", "rhf_code"),
    "health_trust": ("health_trusts", "health_trust_code"),
    "county": ("counties", "county_code"),
    "municipality": ("municipalities", "municipality_code"),
}
_LEVELS = ("national", *_AREAS, "central", "base")


class EventsError(RuntimeError):
    """Events that cannot be used; the message names each of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"Hendelsene kan ikke brukes / the events cannot be used:\n{lines}")
        self.problems = problems


@dataclass(frozen=True)
class Event:
    """One event and one of the series it touches; None is all of them."""

    event_date: dt.date
    kpi_id: str | None
    level: str | None
    unit_id: str | None
    effect: str
    text_nb: str
    text_en: str


def load_events(path: Path, registry: Registry, tables: Mapping[str, Table]) -> list[Event]:
    """The events of an installation; none without a file.

    Raises:
        EventsError: the file cannot be read, or an event names what there is not.
    """
    if not path.is_file():
        return []
    events: list[Event] = []
    problems: list[Problem] = []
    levels = {kpi.id: frozenset(kpi.levels) for kpi in registry.active}
    known = _Known(levels, _units(tables))
    stated = _read(path, problems)
    for number, entry in enumerate(stated, start=1):
        found = list(known.problems(number, entry))
        problems += found
        if not found:
            events += _expanded(entry)
    if problems:
        raise EventsError(problems)
    return events


def write_events(warehouse: Path, events: Sequence[Event]) -> None:
    """Put the events where dbt reads them, in the place of the earlier ones."""
    import duckdb

    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("begin")
        connection.execute(f"create schema if not exists {SCHEMA}")
        columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
        connection.execute(f"create or replace table {SCHEMA}.{TABLE} ({columns})")
        if events:
            marks = ", ".join("?" * len(_COLUMNS))
            connection.executemany(
                f"insert into {SCHEMA}.{TABLE} values ({marks})", [astuple(e) for e in events]
            )
        connection.execute("commit")


def _read(path: Path, problems: list[Problem]) -> list[Any]:
    import yaml

    try:
        # All as text: a code keeps its zeros, and a day that is none is told as such.
        text = path.read_text(encoding="utf-8-sig")
        stated = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  (makes texts only)
    except (OSError, UnicodeDecodeError):
        nb, en = "kan ikke leses som UTF-8", "cannot be read as UTF-8"
        problems.append(Problem(FILE, None, None, "EVENTS_UNREADABLE", nb, en))
        return []
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        nb, en = "er ikke gyldig YAML", "is not valid YAML"
        problems.append(Problem(FILE, line, None, "EVENTS_UNREADABLE", nb, en))
        return []
    if not stated:
        return []
    if not isinstance(stated, list):
        nb, en = "skal være en liste av hendelser", "has to be a list of events"
        problems.append(Problem(FILE, None, None, "EVENTS_FORM", nb, en))
        return []
    return stated


@dataclass(frozen=True)
class _Known:
    """What an event may name."""

    levels: Mapping[str, frozenset[str]]
    units: Mapping[str, set[str]]

    def problems(self, number: int, entry: Any) -> Iterator[Problem]:
        """What is wrong with an event; nothing that may be personal is repeated."""
        from ingestion.privacy import safe

        def wrong(field: str | None, rule: str, nb: str, en: str) -> Problem:
            place = f"hendelse / event {number}" + (f", {field}" if field else "")
            return Problem(f"{FILE}, {place}", None, None, rule, nb, en)

        if not isinstance(entry, dict):
            yield wrong(None, "EVENT_FORM", "skal ha felt med navn", "has to have named fields")
            return
        fields = ", ".join(_FIELDS)
        for name in entry:
            if name not in _FIELDS:
                nb, en = f"ukjent felt; de er {fields}", f"unknown field; they are {fields}"
                yield wrong(safe(str(name)), "EVENT_FIELD", nb, en)
        if _date(entry.get("date")) is None:
            nb, en = "skal være en dag, som 2026-03-01", "has to be a day, like 2026-03-01"
            yield wrong("date", "EVENT_DATE", nb, en)
        for language in ("nb", "en"):
            yield from (wrong(language, *found) for found in _text_problems(entry.get(language)))
        level, units = entry.get("level") or None, _listed(entry.get("unit"))
        if str(entry.get("effect") or "none") not in EFFECTS:
            choices = ", ".join(EFFECTS)
            nb, en = f"skal være en av {choices}", f"has to be one of {choices}"
            yield wrong("effect", "EVENT_EFFECT", nb, en)
        for name in _listed(entry.get("kpi")):
            told = safe(str(name))
            if str(name) not in self.levels:
                nb = f"det finnes ikke noe nøkkeltall {told}; se akutt kpi list"
                en = f"there is no KPI {told}; see akutt kpi list"
                yield wrong("kpi", "EVENT_KPI", nb, en)
            elif level in _LEVELS and level not in self.levels[str(name)]:
                nb, en = f"{told} har ikke tall for {level}", f"{told} has no figures of {level}"
                yield wrong("level", "EVENT_LEVEL", nb, en)
        if level is not None and str(level) not in _LEVELS:
            levels = ", ".join(_LEVELS)
            nb, en = f"skal være en av {levels}", f"has to be one of {levels}"
            yield wrong("level", "EVENT_LEVEL", nb, en)
        elif units and level is None:
            nb, en = "trenger nivået enhetene er av", "needs the level that the units are of"
            yield wrong("level", "EVENT_LEVEL", nb, en)
        else:
            for name in units:
                if str(name) not in self.units.get(str(level), set()):
                    told = safe(str(name))
                    nb = f"det finnes ingen enhet {told} på nivået {level}"
                    en = f"there is no unit {told} of level {level}"
                    yield wrong("unit", "EVENT_UNIT", nb, en)


def _text_problems(value: Any) -> Iterator[tuple[str, str, str]]:
    from ingestion.privacy import MASK, safe

    if not isinstance(value, str) or not value.strip():
        yield "EVENT_TEXT", "mangler; begge språk trengs", "is missing; both languages are needed"
    elif len(value) > _LONGEST:
        yield "EVENT_TEXT", f"er lengre enn {_LONGEST} tegn", f"is over {_LONGEST} characters long"
    elif MASK in safe(value, len(value)):
        yield (
            "EVENT_PERSONAL",
            "ser ut til å nevne en person, et nummer eller en adresse; teksten blir utgitt",
            "seems to name a person, a number or an address; the text is released",
        )


def _expanded(entry: Mapping[str, Any]) -> Iterator[Event]:
    on = _date(entry["date"])
    assert on is not None
    for kpi_id, unit_id in product(
        _listed(entry.get("kpi")) or [None], _listed(entry.get("unit")) or [None]
    ):
        yield Event(
            event_date=on,
            kpi_id=kpi_id,
            level=entry.get("level") or None,
            unit_id=unit_id,
            effect=entry.get("effect") or "none",
            text_nb=" ".join(entry["nb"].split()),
            text_en=" ".join(entry["en"].split()),
        )


def _listed(value: Any) -> list[Any]:
    if not value:
        return []
    return value if isinstance(value, list) else [value]


def _date(value: Any) -> dt.date | None:
    """A day from 2000 on."""
    try:
        day = dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return day if day >= _FIRST else None


def _units(tables: Mapping[str, Table]) -> dict[str, set[str]]:
    """The units of every level that an event may name."""
    found = {
        level: {str(row.values[column]) for row in tables[register].rows}
        for level, (register, column) in _AREAS.items()
    }
    for row in tables["units"].rows:
        level = "base" if row.values["unit_kind"] == "LAT_BASE" else "central"
        found.setdefault(level, set()).add(str(row.values["unit_id"]))
    return {"national": {NATIONAL}, **found}
