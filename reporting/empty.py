"""Why a query has no rows, and what would give some."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from reporting.dimensions import LEVELS, Dimensions, as_date, dimensions
from reporting.periods import GRAINS, label, last_date
from reporting.query import EVENT_GEOGRAPHY, KpiQuery
from reporting.reader import Release

# What each column of the rows is called, and the order in which values of it are listed.
_COLUMNS: Mapping[str, tuple[str, str, Sequence[str]]] = {
    "geography_version": ("kommuneinndeling", "geography", ()),
    "level": ("nivå", "level", LEVELS),
    "segment": ("segment", "segment", ()),
    "period_grain": ("periodetype", "grain", GRAINS),
}
_LISTED = 5

Held = Sequence[Mapping[str, Any]]


def why_empty(release: Release, wanted: KpiQuery) -> str:
    """What to tell about a query without rows. Asks the release, so only for one that has none."""
    known = dimensions(release)
    kpis = ", ".join("?" for _ in wanted.kpis)
    held = release.rows(
        "select geography_version, level, segment, period_grain, min(period_start) as first_start,"
        " max(period_start) as last_start from kpi_values"
        f" where {f'kpi_id in ({kpis})' if kpis else 'true'} group by all",
        [*wanted.kpis],
    )
    days = [as_date(release.metadata.get(name)) for name in ("period_start", "period_end")]
    return "\n".join(reasons(known, held, wanted, days[0], days[1]))


def reasons(
    known: Dimensions,
    held: Held,
    wanted: KpiQuery,
    first_day: date | None = None,
    last_day: date | None = None,
) -> list[str]:
    """One line per choice that nothing answers to, given the choices that something does.

    `held` is what the release has for the KPIs: one row per division, level, segment and grain,
    with the first and the last date on which a period begins.
    """
    who = _listed(wanted.kpis) or "utgivelsen / the release"
    if not held:
        return [f"Utgivelsen har ingen tall for / the release has no figures for: {who}."]
    lines = []
    for column, values in _choices(held, wanted):
        kept = [row for row in held if row[column] in values]
        if kept:
            held = kept
        else:
            lines.append(_nothing_with(column, values, held, who))
    lines += _units(known, held, wanted, who)
    lines += _periods(held, wanted, first_day, last_day)
    if not lines:
        lines.append(
            "Utgivelsen har hvert av valgene, men ikke i samme rad: velg færre. / "
            "The release has each of the choices, but not in one row: choose less."
        )
        if not wanted.with_no_data:
            lines.append("Celler uten data er utelatt. / Cells without data are left out.")
    return lines


def _choices(held: Held, wanted: KpiQuery) -> Iterator[tuple[str, Collection[str]]]:
    others = {row["geography_version"] for row in held} - {EVENT_GEOGRAPHY}
    for column, values in (
        ("geography_version", [wanted.geography] if wanted.geography else others),
        ("level", wanted.levels),
        ("segment", wanted.segments),
        ("period_grain", [wanted.grain] if wanted.grain else []),
    ):
        if values:
            yield column, values


def _nothing_with(column: str, values: Collection[str], held: Held, who: str) -> str:
    nb, en, order = _COLUMNS[column]
    found = {row[column] for row in held}
    there = [name for name in order if name in found] or sorted(found)
    return (
        f"Ingen rader med {nb} / no rows with {en} {_listed(values)}. "
        f"{who} har / has: {', '.join(there)}."
    )


def _units(known: Dimensions, held: Held, wanted: KpiQuery, who: str) -> Iterator[str]:
    """Units of other levels than those there are figures for, with units of a like name."""
    levels = {row["level"] for row in held}
    for unit in wanted.units:
        ids = known.unit_ids([unit], wanted.levels)
        keys = [key for key in known.units if key[1] in ids]
        own = [level for level in LEVELS if level in {level for level, _ in keys}]
        if levels & {*own}:
            continue
        near = {hit for key in keys for hit in known.units_with(known.units[key], levels)}
        hint = f" Mener du / did you mean: {_listed(sorted(near))}?" if near else ""
        yield (
            f"{unit} er på nivå / is at level {_listed(own)}; {who} har / has: "
            f"{_listed([level for level in LEVELS if level in levels])}.{hint}"
        )


def _periods(
    held: Held, wanted: KpiQuery, first_day: date | None, last_day: date | None
) -> Iterator[str]:
    first = min(row["first_start"] for row in held)
    last = max(row["last_start"] for row in held)
    if not (
        (wanted.start_to is not None and wanted.start_to < first)
        or (wanted.start_from is not None and wanted.start_from > last)
    ):
        return
    grains = {row["period_grain"] for row in held}
    shown = ""
    if len(grains) == 1:
        (grain,) = grains
        shown = f" ({grain}: {label(grain, first)} – {label(grain, last)})"
        first_day, last_day = first_day or first, last_day or last_date(grain, last)
    yield (
        f"Utgivelsen går fra / the release is from {first_day or first} "
        f"til / to {last_day or last}{shown}."
    )


def _listed(names: Collection[str]) -> str:
    more = f" … ({len(names)})" if len(names) > _LISTED else ""
    return ", ".join([*names][:_LISTED]) + more
