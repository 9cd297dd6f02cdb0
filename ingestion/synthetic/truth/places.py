"""Units and geography as the truth needs them: code to code, straight from the seeds."""

from __future__ import annotations

import calendar
import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.synthetic.truth.rollup import NATIONAL, UNKNOWN, in_periods

GEOGRAPHY = {
    "national": None,
    "region": "region",
    "health_trust": "health_trust",
    "county": "county",
    "municipality": "municipality",
    "central": "central",
}
_BEGINNING, _END = dt.date(1900, 1, 1), dt.date(9999, 1, 1)
_AGREED = ("county", "health_trust", "region", "is_urban", "centrality", "amk")


@dataclass(frozen=True)
class Places:
    """Lookup frames.

    `scenes` has every municipality code of any year, by the dates from which it means something
    new: the municipality of today it leads to, or the union of all of them where they are several.
    """

    scenes: pl.DataFrame
    centrals: pl.DataFrame
    bases: pl.DataFrame
    population: pl.DataFrame
    catchments: pl.DataFrame

    def at_scene(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the units of the scene on the date, and of the AMK; what is not known is UNKNOWN."""
        placed = _dated(rows, self.scenes, "scene_municipality_code").with_columns(
            pl.col("municipality", "county", "health_trust", "region").fill_null(UNKNOWN)
        )
        known = pl.col("central_id").is_in(self.centrals["central_id"].to_list())
        return placed.with_columns(
            pl.when(known).then("central_id").otherwise(pl.lit(UNKNOWN)).alias("central")
        )

    def at_central(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the central and its region."""
        return rows.join(
            self.centrals.select("central_id", "region"), on="central_id", how="left"
        ).with_columns(
            pl.when(pl.col("region").is_not_null())
            .then("central_id")
            .otherwise(pl.lit(UNKNOWN))
            .alias("central"),
            pl.col("region").fill_null(UNKNOWN),
        )

    def at_base(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the base and its region."""
        return rows.join(
            self.bases.select("base_id", "region"), on="base_id", how="left"
        ).with_columns(
            pl.when(pl.col("region").is_not_null())
            .then("base_id")
            .otherwise(pl.lit(UNKNOWN))
            .alias("base"),
            pl.col("region").fill_null(UNKNOWN),
        )


def _dated(rows: pl.DataFrame, scenes: pl.DataFrame, code: str) -> pl.DataFrame:
    """What a code means on the date of each row."""
    return rows.sort("date").join_asof(
        scenes.rename({"code": code}),
        left_on="date",
        right_on="valid_from",
        by=code,
        strategy="backward",
        check_sortedness=False,
    )


def load_places(seeds: Path) -> Places:
    """Read the seeds."""

    def read(name: str) -> pl.DataFrame:
        return pl.read_csv(seeds / f"{name}.csv", infer_schema=False)

    units = read("units").select(
        "unit_id", "unit_kind", pl.col("rhf_code").alias("region"), "base_kind"
    )
    population = read("municipality_population").select(
        "municipality_code",
        pl.col("year").cast(pl.Int32),
        pl.col("population").cast(pl.Float64).fill_null(0.0),
    )
    catchments = read("central_catchments").with_columns(
        pl.col("valid_from").str.to_date(), pl.col("valid_to").str.to_date().fill_null(_END)
    )
    return Places(
        scenes=_scenes(
            read("municipalities").join(
                read("urban_municipalities").select("municipality_code", "is_urban"),
                on="municipality_code",
                how="left",
            ),
            read("municipality_changes"),
            read("municipality_health_trust"),
            read("health_trusts"),
        ),
        centrals=units.filter(pl.col("unit_kind") != "LAT_BASE").rename({"unit_id": "central_id"}),
        bases=units.filter(pl.col("unit_kind") == "LAT_BASE").rename({"unit_id": "base_id"}),
        population=population,
        catchments=catchments,
    )


def _scenes(
    municipalities: pl.DataFrame,
    changes: pl.DataFrame,
    memberships: pl.DataFrame,
    trusts: pl.DataFrame,
) -> pl.DataFrame:
    """Every code, from each date on which its meaning changes."""
    facts = {row["municipality_code"]: row for row in municipalities.iter_rows(named=True)}
    region = dict(trusts.select("health_trust_code", "rhf_code").iter_rows())
    served: dict[str, list[tuple[dt.date, dt.date, str]]] = defaultdict(list)
    columns = ("municipality_code", "health_trust_code", "valid_from", "valid_to")
    for code, trust, begin, end in memberships.select(columns).iter_rows():
        until = dt.date.fromisoformat(end) if end else _END
        served[code].append((dt.date.fromisoformat(begin), until, trust))
    leads_to = _targets(set(facts), changes)
    split_on = _splits(leads_to, changes)
    union_of = {member: union for union in split_on for member in union.split("+")}

    def meaning(code: str, day: dt.date) -> dict[str, Any]:
        targets = sorted(leads_to[code])
        at = [_on_day(facts[target], served[target], region, day) for target in targets]
        agreed = {name: at[0][name] if _same(at, name) else None for name in _AGREED}
        union = "+".join(targets) if len(targets) > 1 else union_of.get(targets[0])
        # A part of a split municipality has no history of its own before the split.
        own = len(targets) == 1 and (union is None or day >= split_on[union])
        return {
            "code": code,
            "valid_from": day,
            "municipality": targets[0] if own else union,
            "union": union if own else None,
            **agreed,
        }

    rows: list[dict[str, Any]] = []
    for code, targets in leads_to.items():
        days = {_BEGINNING} | {begin for target in targets for begin, _, _ in served[target]}
        days |= {split_on[union_of[target]] for target in targets if target in union_of}
        rows.extend(meaning(code, day) for day in sorted(days))
    return pl.DataFrame(
        rows,
        schema={
            "code": pl.String,
            "valid_from": pl.Date,
            "municipality": pl.String,
            "union": pl.String,
            "county": pl.String,
            "health_trust": pl.String,
            "region": pl.String,
            "is_urban": pl.Boolean,
            "centrality": pl.Int64,
            "amk": pl.String,
        },
    ).sort("valid_from", "code")


def _on_day(
    fact: Mapping[str, Any],
    served: list[tuple[dt.date, dt.date, str]],
    region: Mapping[str, str],
    day: dt.date,
) -> dict[str, Any]:
    trust = next((name for begin, end, name in served if begin <= day < end), None)
    return {
        "county": fact["county_code"],
        "health_trust": trust,
        "region": region.get(trust) if trust else None,
        "is_urban": None if fact["is_urban"] is None else fact["is_urban"] == "1",
        "centrality": None if fact["centrality_class"] is None else int(fact["centrality_class"]),
        "amk": fact["amk_code"],
    }


def _same(rows: list[dict[str, Any]], name: str) -> bool:
    return len({row[name] for row in rows}) == 1


def _targets(current: set[str], changes: pl.DataFrame) -> dict[str, set[str]]:
    """The codes of today that each code of any year leads to."""
    following: dict[str, set[str]] = defaultdict(set)
    for old, new in changes.select("old_code", "new_code").iter_rows():
        if old != new:
            following[old].add(new)

    def ends(code: str) -> set[str]:
        if code in current:
            return {code}
        return set().union(*(ends(successor) for successor in following.get(code, ())))

    found = {code: ends(code) for code in sorted(current | set(following))}
    return {code: targets for code, targets in found.items() if targets}


def _splits(leads_to: Mapping[str, set[str]], changes: pl.DataFrame) -> dict[str, dt.date]:
    """The unions, and when the municipality they come from was split."""
    found: dict[str, dt.date] = {}
    split = changes.filter(pl.col("kind") == "split")
    for day, old in split.select("change_date", "old_code").iter_rows():
        targets = leads_to.get(old, set())
        if len(targets) > 1:
            found["+".join(sorted(targets))] = dt.date.fromisoformat(day)
    return found


def person_years(
    places: Places, first: dt.date, last: dt.date, columns: Mapping[str, str | None]
) -> pl.DataFrame:
    """Person-years per level, unit and period: each day counts the people of 1 January.

    Where a municipality moves to another trust within a year, its people move on that day, as the
    events do. `columns` says by level which column of the place the units are in: those of the
    scene, `amk`, or `lvs` (the catchments of 1 January).
    """
    latest = int(places.population["year"].max() or 0)  # type: ignore[arg-type]  # integers
    days = _days(places, first, last, latest)
    people = _people(places, days.select("year", "since").unique())
    parts = []
    for level, column in columns.items():
        unit = pl.lit(NATIONAL) if column is None else pl.col(column)
        units = people.with_columns(unit.alias("unit_id"))
        if level == "municipality":
            united = people.filter(pl.col("union").is_not_null())
            units = pl.concat([units, united.with_columns(pl.col("union").alias("unit_id"))])
        counted = (
            units.filter(pl.col("unit_id").is_not_null())
            .group_by("unit_id", "year", "since")
            .agg(pl.col("population").sum())
        )
        for grain, part in in_periods(days):
            share = part.group_by("period_start", "year", "since").agg(
                (1.0 / pl.col("length")).sum().alias("years")
            )
            parts.append(
                share.join(counted, on=["year", "since"])
                .sort("unit_id", "period_start", "since")
                .group_by("unit_id", "period_start", maintain_order=True)
                .agg((pl.col("years") * pl.col("population")).sum().alias("denominator"))
                .with_columns(pl.lit(grain).alias("period_grain"), pl.lit(level).alias("level"))
            )
    return pl.concat(parts)


def _days(places: Places, first: dt.date, last: dt.date, latest: int) -> pl.DataFrame:
    """Dates with the year of the people, the length of the year, and since when areas are so."""
    changes = places.scenes["valid_from"].unique().sort()
    days = pl.date_range(first, last, eager=True).alias("date").to_frame()
    calendar_year = pl.col("date").dt.year()
    return days.join_asof(
        changes.alias("changed").to_frame(), left_on="date", right_on="changed"
    ).select(
        "date",
        pl.min_horizontal(calendar_year, pl.lit(latest)).cast(pl.Int32).alias("year"),
        calendar_year.map_elements(
            lambda year: 366.0 if calendar.isleap(year) else 365.0, pl.Float64
        ).alias("length"),
        pl.max_horizontal("changed", pl.date(calendar_year, 1, 1)).alias("since"),
    )


def _people(places: Places, times: pl.DataFrame) -> pl.DataFrame:
    """The people of each code in a year, with the units of the code from a date on."""
    people = _dated(
        places.population.join(times, on="year").with_columns(pl.col("since").alias("date")),
        places.scenes,
        "municipality_code",
    ).filter(pl.col("municipality").is_not_null())
    new_year = pl.date(pl.col("since").dt.year(), 1, 1)
    served = (
        people.select("municipality_code", "since", new_year.alias("new_year"))
        .join(places.catchments.rename({"valid_from": "begins"}), on="municipality_code")
        .filter(pl.col("new_year").is_between("begins", "valid_to", closed="left"))
        .select("municipality_code", "since", pl.col("central_id").alias("lvs"))
    )
    return people.join(served, on=["municipality_code", "since"], how="left")
