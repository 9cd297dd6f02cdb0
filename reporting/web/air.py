"""The page of the air ambulance: all bases beside each other, by kind of aircraft."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reporting.dimensions import dimensions
from reporting.query import KpiQuery, query
from reporting.reader import Release
from reporting.web import charts
from reporting.web.figures import Row, When
from reporting.web.words import LEVELS, Speech

AIRCRAFT = ("HELI", "PLANE", "CAR")


@dataclass(frozen=True)
class Topic:
    """What one table tells.

    Attributes:
        name: the word for its heading, and for its chart where it has one.
        kpis: its columns, in order; those that are parts of a whole make up the chart.
        parts: how many of the last columns are such parts.
        cases: the word for what the numerators count, where they are told beside the shares.
    """

    name: str
    kpis: tuple[str, ...]
    parts: int = 0
    cases: str = ""

    @property
    def drawn(self) -> tuple[str, ...]:
        """The KPIs of the chart."""
        return self.kpis[len(self.kpis) - self.parts :]


# What a base is told by, in the order of the page.
TOPICS = (
    Topic("air_activity", (
        "lat_missions", "lat_patients", "lat_flights", "lat_flight_hours", "lat_response_median",
    )),
    Topic("air_types", (
        "lat_primary_missions", "lat_secondary_missions", "lat_search_rescue_missions",
        "lat_other_missions",
    ), parts=4, cases="air_missions"),
    Topic("air_declined", (
        "lat_requests", "lat_completed", "lat_declined", "lat_declined_weather",
        "lat_declined_concurrency", "lat_declined_unready", "lat_declined_not_indicated",
        "lat_declined_other_resource", "lat_declined_other",
    ), parts=6),
    Topic("air_aborted", (
        "lat_aborted", "lat_aborted_weather", "lat_aborted_unready", "lat_aborted_not_indicated",
        "lat_aborted_other",
    ), parts=4),
    Topic("air_hours_by_reason", (
        "lat_readiness", "lat_down_h", "lat_weather_down_h", "lat_technical_down_h",
        "lat_crew_down_h", "lat_duty_time_down_h", "lat_other_down_h", "lat_unexplained_down_h",
    ), parts=6),
    Topic("air_hours_by_attribution", (
        "lat_readiness_operator", "lat_operator_attributed_h", "lat_health_trust_attributed_h",
        "lat_weather_attributed_h", "lat_authority_attributed_h", "lat_planned_attributed_h",
        "lat_unattributed_h",
    ), parts=6),
)  # fmt: skip
KPIS = tuple(kpi_id for topic in TOPICS for kpi_id in topic.kpis)


@dataclass(frozen=True)
class Base:
    """A base, or the country, which has no id here; its figures by KPI."""

    unit_id: str | None
    name: str
    figures: Mapping[str, Row]


@dataclass(frozen=True)
class Table:
    """The columns of a topic that there are figures of, and its chart; empty without one."""

    topic: Topic
    kpis: Sequence[str]
    chart: Markup

    @property
    def legend(self) -> Sequence[str]:
        """What the parts of the chart are, in their order."""
        return self.topic.drawn if self.chart else ()


@dataclass(frozen=True)
class Aircraft:
    """One kind of aircraft: the country, the bases by name, and what is told of them."""

    segment: str
    rows: Sequence[Base]
    tables: Sequence[Table]


def wanted(release: Release, when: When) -> KpiQuery:
    """Every figure of the page, of the KPIs that the release has."""
    known = dimensions(release).kpis
    return KpiQuery(
        kpis=tuple(kpi_id for kpi_id in KPIS if kpi_id in known), levels=("national", "base"),
        grain=when.grain, start_from=when.start, start_to=when.start, peers=True, trends=True,
    )  # fmt: skip


def names(release: Release, say: Speech) -> dict[str, str]:
    """The KPIs that the release has, in the language of the page."""
    known = dimensions(release).kpis
    return {
        kpi_id: say.field(known[kpi_id][-1], "name_nb", "name_en")
        for kpi_id in KPIS
        if kpi_id in known
    }


def aircraft(release: Release, when: When, say: Speech) -> list[Aircraft]:
    """The figures by kind of aircraft; kinds and topics without any are left out."""
    known = names(release, say)
    if not known:
        return []
    found: dict[tuple[str, str, str, str], dict[str, Row]] = {}
    rows = query(release, wanted(release, when))
    for row in rows.iter_rows(named=True):
        if row["unit_id"] not in (None, "UNKNOWN") and row["status"] != "no_data":
            key = row["segment"], row["level"], row["unit_id"], row["unit_name"]
            found.setdefault(key, {})[row["kpi_id"]] = row
    made = []
    for segment in AIRCRAFT:
        country = [
            Base(None, say.of(LEVELS["national"]), figures)
            for (of, level, _, _), figures in found.items()
            if (of, level) == (segment, "national")
        ]
        bases = [
            Base(unit_id, name, figures)
            for (of, level, unit_id, name), figures in found.items()
            if (of, level) == (segment, "base")
        ]
        there = [*country, *sorted(bases, key=lambda base: base.name)]
        if there:
            made.append(Aircraft(segment, there, list(_tables(there, say, known))))
    return made


def _tables(rows: Sequence[Base], say: Speech, known: Mapping[str, str]) -> Iterator[Table]:
    told = {kpi_id for base in rows for kpi_id in base.figures}
    for topic in TOPICS:
        kpis = [kpi_id for kpi_id in topic.kpis if kpi_id in told]
        if kpis:
            chart = _chart(topic, rows, say, known) if topic.parts else Markup("")
            yield Table(topic, kpis, chart)


def _chart(topic: Topic, rows: Sequence[Base], say: Speech, known: Mapping[str, str]) -> Markup:
    """The parts of each base; one of which a part is not shown has no bar, as it would be short."""
    bars: list[tuple[str, list[tuple[float, str]]]] = []
    common = _common([base.name for base in rows if base.unit_id])
    unit = ""
    for base in rows:
        shown = [base.figures.get(kpi_id) for kpi_id in topic.drawn]
        parts = [row for row in shown if row is not None and row["value"] is not None]
        whole = sum(row["value"] for row in parts)
        if topic.parts == len(parts) and whole > 0:
            # The hours of the country are those of all bases: a bar would dwarf theirs.
            unit = str(parts[0]["measure_unit"])
            if base.unit_id is None and unit == "h":
                continue
            bars.append((
                base.name.removeprefix(common),
                [
                    (row["value"],
                     f"{known[row['kpi_id']]} {say.number(row['value'], row['measure_unit'])}")
                    for row in parts
                ],
            ))  # fmt: skip
    return charts.stacked_bars(
        bars,
        title=say(topic.name),
        description=say(f"{topic.name}_mean"),
        axis=lambda value, places: say.number(value, unit, places),
    )


def _common(names: Sequence[str]) -> str:
    """The word that all names begin with, which a chart has no room for."""
    first = {name.partition(" ")[0] for name in names}
    return f"{first.pop()} " if len(first) == 1 and len(names) > 1 else ""
