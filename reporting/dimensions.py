"""The small tables of a release, read once per open release: definitions and units.

Names in a query are checked against these, never against the millions of values.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from reporting.periods import GRAINS
from reporting.reader import Release, once

if TYPE_CHECKING:
    import polars as pl

# Level to its name in bokmål and English.
LEVEL_NAMES = {
    "national": ("land", "national"),
    "region": ("region", "region"),
    "health_trust": ("helseforetak", "health trust"),
    "county": ("fylke", "county"),
    "municipality": ("kommune", "municipality"),
    "central": ("sentral", "central"),
    "base": ("base", "base"),
    "source_system": ("kildesystem", "source system"),
}
LEVELS = tuple(LEVEL_NAMES)
# What people call a level, besides its name in bokmål.
_LEVEL_WORDS = {
    "nasjonal": "national",
    "nasjonalt": "national",
    "norge": "national",
    "rhf": "region",
    "helseregion": "region",
    "foretak": "health_trust",
    "hf": "health_trust",
    "amk": "central",
    "amk-sentral": "central",
    "legevakt": "central",
    "legevaktsentral": "central",
}
_ALIASES = {nb: level for level, (nb, _) in LEVEL_NAMES.items()} | _LEVEL_WORDS
NO_SOURCE = "no_source"


class QueryError(ValueError):
    """The release does not know a name in the query, or the query cannot be answered."""


class UnknownNameError(QueryError):
    """The release has no such KPI, unit, level or other name; the message says what there is."""


@dataclass(frozen=True)
class Version:
    """One version of a KPI and the periods it is the official one for."""

    number: int
    first: date | None
    before: date | None


@dataclass(frozen=True)
class Dimensions:
    """Definitions by KPI (oldest version first), unit names by level and id, segments."""

    kpis: Mapping[str, Sequence[Mapping[str, Any]]]
    units: Mapping[tuple[str, str], str]
    segments: frozenset[str]

    def definition(self, kpi_id: str, version: int | None = None) -> Mapping[str, Any]:
        """The registry's row of one version; the newest one if not told which."""
        self.check_kpis([kpi_id])
        found = self.kpis[kpi_id]
        if version is None:
            return found[-1]
        for row in found:
            if row["version"] == version:
                return row
        raise UnknownNameError(
            f"{kpi_id}: ingen versjon / no version {version}; "
            + ", ".join(str(row["version"]) for row in found)
        )

    def in_force(self, kpi_id: str) -> list[Version]:
        """Per version the periods for which it is the official one.

        That is the highest version that is valid on the period's first day; before all of them the
        one that is valid first. A correction has the date of what it corrects and replaces it.
        """
        found: list[Version] = []
        before: date | None = None
        for row in reversed(self.kpis[kpi_id]):
            first = as_date(row["valid_from"])
            if before is None or (first is not None and first < before):
                found.append(Version(row["version"], first, before))
                before = first
        found[-1] = replace(found[-1], first=None)
        return found[::-1]

    def without_source(self, kpis: Iterable[str]) -> list[Mapping[str, Any]]:
        """Those of the KPIs that no source carries data for yet."""
        newest = (self.kpis[kpi][-1] for kpi in kpis)
        return [row for row in newest if row["status"] == NO_SOURCE]

    def unit_ids(self, wanted: Sequence[str], levels: Sequence[str]) -> list[str]:
        """Ids of units given by id or by name, in any mix of upper and lower case for names."""
        here = {key: name for key, name in self.units.items() if not levels or key[0] in levels}
        ids = {unit_id for _, unit_id in here}
        by_name: dict[str, set[str]] = {}
        for (_, unit_id), name in here.items():
            by_name.setdefault(name.casefold(), set()).add(unit_id)
        found: list[str] = []
        for unit in wanted:
            if unit in ids:
                found.append(unit)
            elif unit.casefold() in by_name:
                found += sorted(by_name[unit.casefold()])
            else:
                near = self.units_with(unit, [level for level, _ in here])
                raise unknown("unit", unit, {*ids, *here.values()}, near)
        return found

    def units_with(self, text: str, levels: Collection[str]) -> list[str]:
        """The units of the levels whose name contains the text, as `name (id)`."""
        return sorted(
            f"{name} ({unit_id})"
            for (level, unit_id), name in self.units.items()
            if level in levels and text.casefold() in name.casefold()
        )

    def kpis_with(self, words: str) -> list[Mapping[str, Any]]:
        """The newest version of each KPI that has all the words in its names and definition."""
        wanted = words.casefold().split()
        found = []
        for versions in self.kpis.values():
            text = " ".join(str(versions[-1].get(name) or "") for name in _SEARCHED).casefold()
            if all(word in text for word in wanted):
                found.append(versions[-1])
        return found

    def check_kpis(self, names: Iterable[str]) -> None:
        """Raise when one is no KPI, with those that are near it and those that its words find."""
        for name in names:
            if name in self.kpis:
                continue
            near = difflib.get_close_matches(name, self.kpis, n=_HINTS, cutoff=0.6)
            found = self.kpis_with(name)
            found.sort(key=lambda row: name.casefold() not in str(row["name_nb"]).casefold())
            hits = [str(row["kpi_id"]) for row in found]
            error = unknown("KPI", name, self.kpis, list(dict.fromkeys([*near, *hits])))
            search = f"akutt kpi list {name}" if hits else "akutt kpi list"
            raise UnknownNameError(f"{error} Søk med / search with `{search}`.")

    @staticmethod
    def check(what: str, names: Iterable[str], valid: Collection[str]) -> None:
        """Raise with near names when one is not valid."""
        for name in names:
            if name not in valid:
                raise unknown(what, name, valid)


_SEARCHED = (
    *("kpi_id", "name_nb", "name_en", "definition_nb", "definition_en", "segments", "number"),
    *("numerator", "numerator_nb", "why_nb", "why_en"),
)
_HINTS = 5
_LISTED = 12


def unknown(
    what: str, name: str, valid: Iterable[str], near: Sequence[str] = ()
) -> UnknownNameError:
    """The error for a name that does not exist, with those that it may stand for.

    `near` is what the caller found; without it, aliases of levels and names that are spelt alike.
    """
    known = sorted(set(valid))
    near = [*near] or _near(name, known)
    shown = near[:_HINTS] if near else known[:_LISTED]
    more = " …" if len(near or known) > len(shown) else ""
    asks = "Mener du / did you mean" if near else "Det finnes / there are"
    return UnknownNameError(
        f"Ukjent {what} / unknown {what}: {name!r}. {asks}: {', '.join(shown)}{more}."
    )


def _near(name: str, known: Sequence[str]) -> list[str]:
    meant = {word: level for word, level in _ALIASES.items() if level in known}
    if name.casefold() in meant:
        return [meant[name.casefold()]]
    found = difflib.get_close_matches(name, [*known, *meant], n=_HINTS, cutoff=0.5)
    return list(dict.fromkeys(meant.get(word, word) for word in found))


@once
def dimensions(release: Release) -> Dimensions:
    """The definitions and units of an open release."""
    kpis: dict[str, list[dict[str, Any]]] = {}
    rows = release.rows(
        "select * replace (cast(version as integer) as version) from kpi_registry"
        " order by cast(number as integer), kpi_id, cast(version as integer)"
    )
    for row in rows:
        # An empty cell of the registry is nothing, whichever way it was read in.
        row = {key: None if value == "" else value for key, value in row.items()}
        reasons = (row.pop("status_reason_nb", None), row.pop("status_reason_en", None))
        row["target"] = None if row["target"] is None else float(row["target"])
        row["status_reason"] = " / ".join(filter(None, reasons)) or None
        kpis.setdefault(row["kpi_id"], []).append(row)
    units = release.rows(
        "select level, unit_id, coalesce(any_value(unit_name), unit_id) as unit_name from units"
        " group by level, unit_id"
    )
    segments = {
        segment for row in rows for segment in str(row["segments"] or "").split("|") if segment
    }
    return Dimensions(
        kpis,
        {(row["level"], row["unit_id"]): row["unit_name"] for row in units},
        frozenset(segments),
    )


SERIES = ("kpi_id", "kpi_version", "segment", "level", "unit_id")


@dataclass(frozen=True)
class SmallTables:
    """Names and definitions by key, and one row per series and date of a break, as frames."""

    kpis: pl.DataFrame
    units: pl.DataFrame
    breaks: pl.DataFrame


def breaks_table(release: Release) -> str | None:
    """The table with one row per series and break; releases made before there was one have none."""
    name = "kpi_series_breaks"
    return name if release.has(name, *SERIES, "break_date", "kind") else None


@once
def small_tables(release: Release) -> SmallTables:
    """What is joined to the values of an open release."""
    import polars as pl

    known = dimensions(release)
    taken = ("kpi_id", "version", "name_nb", "name_en", "unit", "direction", "target")
    kpis = [
        (*(row[name] for name in taken), None)
        for versions in known.kpis.values()
        for row in versions
    ]
    text = pl.String
    table = breaks_table(release)
    breaks = release.sql(
        f"""
        select {", ".join(SERIES)}, cast(break_date as date) as break_date,
            string_agg(distinct kind, ', ' order by kind) as break_kind,
            string_agg(distinct text_nb, '; ' order by text_nb) as break_nb,
            string_agg(distinct text_en, '; ' order by text_en) as break_en
        from {table} group by all
        """
        if table
        else """
        select kpi_id, kpi_version, segment, level, unit_id, cast(null as date) as break_date,
            '' as break_kind, '' as break_nb, '' as break_en
        from kpi_values limit 0
        """
    )
    return SmallTables(
        pl.DataFrame(
            kpis,
            schema={
                "kpi_id": text,
                "kpi_version": pl.Int32,
                "kpi_name": text,
                "kpi_name_en": text,
                "measure_unit": text,
                "direction": text,
                "target": pl.Float64,
                "status_reason": text,
            },
            orient="row",
        ),
        pl.DataFrame(
            [(*key, name) for key, name in known.units.items()],
            schema={"level": text, "unit_id": text, "unit_name": text},
            orient="row",
        ),
        breaks,
    )


def check_segments(release: Release, wanted: Sequence[str]) -> None:
    """Segments are named by the registry; the values are asked only for one that is not there."""
    known = dimensions(release).segments
    if set(wanted) <= known:
        return
    present = {row["segment"] for row in release.rows("select distinct segment from kpi_values")}
    Dimensions.check("segment", wanted, known | present)


def check_grain(grain: str | None) -> None:
    """Raise when it is no grain."""
    Dimensions.check("grain", [grain] if grain else [], GRAINS)


def as_date(value: object) -> date | None:
    """A date that a release holds as a date or as text."""
    if value is None or isinstance(value, date):
        return value
    return date.fromisoformat(str(value)[:10])
