"""The page of the air ambulance: all bases beside each other, by kind of aircraft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reporting.dimensions import dimensions
from reporting.query import KpiQuery, query
from reporting.reader import Release
from reporting.web import charts
from reporting.web.figures import Row, When
from reporting.web.words import Speech

# What a base is told by, in the order of the page.
KPIS = (
    "lat_requests", "lat_completed", "lat_declined", "lat_declined_weather",
    "lat_declined_concurrency", "lat_declined_unready", "lat_aborted", "lat_response_median",
    "lat_readiness", "lat_readiness_operator", "lat_weather_down_h",
)  # fmt: skip
REASONS = ("lat_declined_weather", "lat_declined_concurrency", "lat_declined_unready")
AIRCRAFT = ("HELI", "PLANE", "CAR")


@dataclass(frozen=True)
class Aircraft:
    """One kind of aircraft: the country, the bases by name, and why requests were declined."""

    segment: str
    country: Mapping[str, Row]
    bases: Sequence[tuple[str, str, Mapping[str, Row]]]
    chart: Markup


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
    """The figures by kind of aircraft; kinds without any are left out."""
    known = names(release, say)
    if not known:
        return []
    found: dict[tuple[str, str, str, str], dict[str, Row]] = {}
    rows = query(release, wanted(release, when))
    for row in rows.iter_rows(named=True):
        if row["unit_id"] is not None and row["status"] != "no_data":
            key = row["segment"], row["level"], row["unit_id"], row["unit_name"]
            found.setdefault(key, {})[row["kpi_id"]] = row
    made = []
    for segment in AIRCRAFT:
        bases = sorted(
            (
                (unit_id, name, figures)
                for (of, level, unit_id, name), figures in found.items()
                if (of, level) == (segment, "base") and unit_id != "UNKNOWN"
            ),
            key=lambda base: base[1],
        )
        country = next(
            (figures for (of, level, _, _), figures in found.items()
             if (of, level) == (segment, "national")),
            {},
        )  # fmt: skip
        if country or bases:
            made.append(Aircraft(segment, country, bases, _reasons(bases, say, known)))
    return made


def _reasons(
    bases: Sequence[tuple[str, str, Mapping[str, Row]]], say: Speech, known: Mapping[str, str]
) -> Markup:
    """Shares declined by reason; a base with a hidden one has no bar, as it would be short."""
    rows: list[tuple[str, list[tuple[float, str]]]] = []
    common = _common([name for _, name, _ in bases])
    for _, name, figures in bases:
        values = [_value(figures, kpi_id) for kpi_id in REASONS]
        if all(value is not None for value in values):
            rows.append((
                name.removeprefix(common),
                [
                    (value or 0.0, f"{known[kpi_id]} {say.number(value, '%')}")
                    for kpi_id, value in zip(REASONS, values, strict=True)
                ],
            ))  # fmt: skip
    return charts.stacked_bars(
        rows,
        title=say("reasons"),
        description=say("reasons_mean"),
        axis=lambda value, places: say.number(value, "%", places),
    )


def _common(names: Sequence[str]) -> str:
    """The word that all names begin with, which a chart has no room for."""
    first = {name.partition(" ")[0] for name in names}
    return f"{first.pop()} " if len(first) == 1 and len(names) > 1 else ""


def _value(figures: Mapping[str, Row], kpi_id: str) -> float | None:
    row: Any = figures.get(kpi_id)
    return None if row is None or row["value"] is None else float(row["value"])
