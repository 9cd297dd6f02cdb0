"""The page of the chain: where the time goes from the first ring to a unit at the scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reporting.dimensions import dimensions
from reporting.query import KpiQuery
from reporting.reader import Release, once
from reporting.web import charts
from reporting.web.figures import PAGED, Place, Row, When, in_order, rows_of
from reporting.web.words import Speech

LEVELS = ("national", "region", "health_trust", "county", "central")


@dataclass(frozen=True)
class Part:
    """A part of the time: its name, and the KPIs and segments of its median and 90th percentile."""

    name: tuple[str, str]
    median: tuple[str, str] | None
    p90: tuple[str, str] | None


# In the order of the chain. The registry has a median of some parts, a 90th percentile of others.
PARTS = (
    Part(("Fra ring til svar, 113", "From ring to answer, 113"),
         ("answer_time_median", "113"), ("answer_time_p90", "113")),
    Part(("Fra legevaktsvar til AMK-svar", "From out-of-hours answer to AMK answer"),
         ("chain_handover_delay", "all"), None),
    Part(("Fra melding til varsling", "From enquiry to alert"), ("dispatch_interval", "all"), None),
    Part(("Fra varsling til utrykning", "From alert to en route"), None, ("turnout_p90", "all")),
    Part(("Kjøring til stedet", "Driving to the scene"), ("travel_median", "all"), None),
)  # fmt: skip
WHOLE = (
    Part(("Fra melding til framme", "From enquiry to at scene"),
         ("resp_median", "all"), ("resp_p90", "all")),
    Part(("Fra første ring til framme", "From first ring to at scene"),
         None, ("chain_ring_to_scene_p90", "all")),
)  # fmt: skip
AREAS = (("resp_urban_12", "all"), ("resp_rural_25", "all"), ("resp_unclassed", "all"))
LINKED = (
    ("chain_link_rate", "all"), ("chain_contacts_per_incident", "all"), ("resp_coverage", "all"),
)  # fmt: skip
Key = tuple[str, str]


@dataclass(frozen=True)
class Told:
    """One KPI of a part of the time, or of what stands beside the times, which is no part."""

    part: tuple[str, str] | None
    row: Row
    definition: Row


@dataclass(frozen=True)
class Chain:
    """The figures of a unit: parts and the whole, by area, how much is linked, and the picture."""

    times: Sequence[Told]
    areas: Sequence[Told]
    linked: Sequence[Told]
    chart: Markup


def all_keys() -> list[Key]:
    """KPIs and segments of the page, in its order."""
    of_parts = [key for part in (*PARTS, *WHOLE) for key in (part.median, part.p90) if key]
    return [*of_parts, *AREAS, *LINKED]


def wanted(release: Release, place: Place, when: When) -> KpiQuery:
    """Every figure of the page, of the KPIs that the release has."""
    known = dimensions(release).kpis
    kpis = dict.fromkeys(kpi_id for kpi_id, _ in all_keys() if kpi_id in known)
    return KpiQuery(
        kpis=tuple(kpis), levels=(place.level,), units=(place.unit_id,), segments=("113", "all"),
        grain=when.grain, start_from=when.start, start_to=when.start, peers=True, trends=True,
    )  # fmt: skip


def chain(
    release: Release, place: Place, when: When, say: Speech, *, is_all: bool = False
) -> Chain:
    """What the page shows; empty where there is nothing of the unit and period.

    `is_all` reads all periods at once, for whoever makes all pages.
    """
    known = dimensions(release)
    segments = {"113", "all"} <= known.segments
    found: dict[Key, Row] = {}
    if segments:
        rows = rows_of(release, wanted(release, place, when), "period_start" if is_all else None)
        found = {(row["kpi_id"], row["segment"]): row for row in rows if row["unit_id"]}

    def told(part: tuple[str, str] | None, key: Key | None) -> list[Told]:
        row = found.get(key) if key else None
        if row is None:
            return []
        return [Told(part, row, known.definition(row["kpi_id"], row["kpi_version"]))]

    times = [
        one
        for part in (*PARTS, *WHOLE)
        for key in (part.median, part.p90)
        for one in told(part.name, key)
    ]
    return Chain(
        times,
        [one for key in AREAS for one in told(None, key)],
        [one for key in LINKED for one in told(None, key)],
        _drawn(found, say),
    )


def _drawn(found: Mapping[Key, Row], say: Speech) -> Markup:
    def minutes(key: Key | None) -> tuple[float | None, str]:
        row = found.get(key) if key else None
        if row is None:
            return None, ""
        if row["value"] is None:
            return None, say(row["status"])
        unit = str(row["measure_unit"])
        return row["value"] / (60 if unit == "s" else 1), say.number(row["value"], unit)

    spans = [
        charts.Span(say.of(part.name), *minutes(part.median), *minutes(part.p90), part in WHOLE)
        for part in (*PARTS, *WHOLE)
        if found.get(part.median or ("", "")) or found.get(part.p90 or ("", ""))
    ]
    return charts.spans(
        spans,
        title=say("where_time_goes"),
        description=say("spans_mean"),
        axis=lambda value, places: say.number(value, "min", places),
    )


@once
def pages(release: Release) -> Mapping[str, Mapping[str, Sequence[When]]]:
    """Per level the units that have figures of the chain, with the periods that can be chosen."""
    listed = ", ".join(f"'{kpi_id}'" for kpi_id, _ in all_keys())
    rows = release.rows(
        "select distinct level, unit_id, period_grain, period_start from kpi_values"
        f" where kpi_id in ({listed}) and {PAGED} and unit_id <> 'UNKNOWN'"
        f" and level in ({', '.join(repr(level) for level in LEVELS)})"
        " and status <> 'no_data' and geography_version <> 'event' order by all"
    )
    found: dict[str, dict[str, list[When]]] = {level: {} for level in LEVELS}
    for row in rows:
        when = When(row["period_grain"], row["period_start"])
        found[row["level"]].setdefault(row["unit_id"], []).append(when)
    return {
        level: {unit: in_order(periods) for unit, periods in units.items()}
        for level, units in found.items()
        if units
    }
