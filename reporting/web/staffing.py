"""When it rings: the week of a central hour by hour, beside how the calls were answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reporting.periods import label
from reporting.profiles import HOURS, WEEKDAYS, busiest, periods, profile
from reporting.reader import Release, once
from reporting.web.figures import Row, When
from reporting.web.heatmap import Cell, heat_map
from reporting.web.words import Speech

if TYPE_CHECKING:
    import polars as pl

TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("Uken time for time", "The week hour by hour"),
    "link": ("Når det ringer: time for time gjennom uken", "When it rings: the week hour by hour"),
    "calls_per_hour": ("Anrop i timen", "Calls per hour"),
    "in_time_113": ("Besvart innen 10 sekunder, % av besvarte", "Within 10 seconds, % of answered"),
    "in_time_116117": ("Besvart innen 2 minutter, % av anropene", "Within 2 minutes, % of calls"),
    "unanswered_share": ("Ubesvart, % av anropene", "Unanswered, % of calls"),
    "answer_median": ("Svartid, median (s)", "Answer time, median (s)"),
    "answer_p90": ("Svartid, 90-persentil (s)", "Answer time, 90th percentile (s)"),
    "talk_median": ("Samtaletid, median (s)", "Talk time, median (s)"),
    "calls": ("Anrop", "Calls"),
    "hours": ("Timer levert", "Hours delivered"),
    "weekday": ("Ukedag", "Weekday"),
    "hour": ("Time", "Hour"),
    "mean": (
        "Ukene i perioden er slått sammen. Anrop i timen er regnet av timene som er levert. "
        "Mørkere er mer. «:» er skjult, fordi det var få anrop eller for ikke å røpe en slik time; "
        "«..» er ikke levert.",
        "The weeks of the period are put together. Calls per hour are of the hours that were "
        "delivered. Darker is more. “:” is hidden, as there were few calls or not to give such an "
        "hour away; “..” was not delivered.",
    ),
    "few": (
        "Ingen time kan vises: anropene er for få i så korte perioder. Velg et år.",
        "No hour can be shown: there are too few calls in periods so short. Choose a year.",
    ),
    "table": ("Alle timene i tall", "All hours in numbers"),
}
# What has a map, and what the table has besides.
MAPS = ("calls_per_hour", "in_time_share", "unanswered_share")
COLUMNS = ("hours", "calls", *MAPS, "answer_median", "answer_p90", "talk_median")
_DECIMALS = dict.fromkeys(COLUMNS, 0) | {"calls_per_hour": 1, "answer_median": 1}
_HIDDEN, _NO_DATA = ":", ".."


@dataclass(frozen=True)
class Week:
    """One service of a unit: the busiest hour in words, maps with their headings, all rows."""

    segment: str
    busiest: str
    maps: Sequence[tuple[str, Markup]]
    headings: Mapping[str, str]
    rows: Sequence[Mapping[str, str]]
    days: str


def link(release: Release, level: str, unit_id: str, say: Speech) -> tuple[str, str] | None:
    """Address and text of the page of a unit; None where it has none."""
    offered = choices(release, level, unit_id)
    if not offered:
        return None
    period = label(offered[0].grain, offered[0].start)
    return f"/staffing/{level}/{unit_id}/{period}", say.of(TEXTS["link"])


def choices(release: Release, level: str, unit_id: str) -> list[When]:
    """The periods in which some hour of the unit is shown: the one that ended last first."""
    return [when for when, units in _shown(release).items() if (level, unit_id) in units]


def paths(release: Release) -> Iterator[str]:
    """Every page there is, for a folder of files."""
    for when, units in _shown(release).items():
        for level, unit_id in sorted(units):
            yield f"/staffing/{level}/{unit_id}/{label(when.grain, when.start)}"


@once
def _shown(release: Release) -> Mapping[When, set[tuple[str, str]]]:
    """Per period, the one that ended last first, the units of which some hour is shown."""
    found: dict[When, set[tuple[str, str]]] = {When(*at): set() for at in periods(release)}
    rows = (
        release.rows(
            f"select distinct period_grain, period_start, level, unit_id from {HOURS}"
            " where status = 'ok'"
        )
        if found
        else []
    )
    for row in rows:
        at = When(row["period_grain"], row["period_start"])
        found[at].add((row["level"], row["unit_id"]))
    return found


def frame_of(release: Release, level: str, unit_id: str, when: When) -> pl.DataFrame:
    """The rows behind the page."""
    period = label(when.grain, when.start)
    return profile(release, levels=[level], units=[unit_id], period=period)


def weeks(frame: pl.DataFrame, name: str, say: Speech) -> list[Week]:
    """The page of a unit, one part per service."""
    return [_week(part, name, say) for part in frame.partition_by("segment", maintain_order=True)]


def _week(hours: pl.DataFrame, name: str, say: Speech) -> Week:
    rows = list(hours.iter_rows(named=True))
    segment, first = str(rows[0]["segment"]), rows[0]
    headings = {
        column: say.of(TEXTS[f"in_time_{segment}" if column == "in_time_share" else column])
        for column in COLUMNS
    }
    days = [say.of(names).capitalize() for names in WEEKDAYS]
    at = {(row["hour"], row["weekday"]): row for row in rows}
    period = say.period(first["period_grain"], first["period_start"])
    told = _busiest(hours, say)
    maps = [
        (
            headings[column],
            heat_map(
                [[_cell(at[hour, day], column, say) for day in range(1, 8)] for hour in range(24)],
                [day[:3] for day in days],
                title=f"{headings[column]}, {name}, {period}",
                description=told or say.of(TEXTS["few"]),
            ),
        )
        for column in MAPS
    ]
    table = [
        {
            "weekday": days[row["weekday"] - 1],
            "hour": _clock(row["hour"]),
            **{column: _cell(row, column, say).text for column in COLUMNS},
        }
        for row in rows
    ]
    delivered = (
        f"{first['days_covered']} {say('of')} {first['days_in_period']} {say('days')}"
        if first["is_partial"]
        else ""
    )
    return Week(segment, told, maps, headings, table, delivered)


def _busiest(hours: pl.DataFrame, say: Speech) -> str:
    row: Row | None = busiest(hours)
    if row is None:
        return ""
    day, clock = say.of(WEEKDAYS[int(row["weekday"]) - 1]), _clock(row["hour"])
    rate = say.number(row["calls_per_hour"], decimals=1)
    return say.of(
        (
            f"Travlest er {day} {clock}, med {rate} anrop i timen.",
            f"{day} {clock} is busiest, with {rate} calls per hour.",
        )
    )


def _clock(hour: Any) -> str:
    return f"{int(hour):02}–{int(hour) + 1:02}"


def _cell(row: Mapping[str, Any], column: str, say: Speech) -> Cell:
    value = row[column]
    if value is not None:
        return Cell(float(value), say.number(value, decimals=_DECIMALS[column]))
    return Cell(None, _HIDDEN if row["status"] == "suppressed" else _NO_DATA)
