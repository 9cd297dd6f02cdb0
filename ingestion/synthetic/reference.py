"""The seeds of the warehouse as plain arrays: who lives where, and who answers for whom."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ingestion.synthetic.clock import Bools, Floats, Ints, day_number

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
NEVER = 10**6
RHF_SOURCE = {
    "nord": "helse_nord_alarms",
    "midt": "helse_midt_alarms",
    "vest": "helse_vest_alarms",
    "sorost": "helse_sorost_alarms",
}
CAR_KIND = "CAR"


@dataclass(frozen=True)
class Resource:
    """One air ambulance resource on readiness."""

    resource_id: str
    base_id: str
    vehicle: str


@dataclass(frozen=True)
class Reference:
    """Geography and units. Municipality and central indexes point into the lists here."""

    municipalities: tuple[str, ...]
    population: Floats
    centrality: Ints
    is_urban: Bools
    latitude: Floats
    longitude: Floats
    municipality_amk: Ints
    municipality_lvs: Ints
    centrals: tuple[str, ...]
    is_amk: np.ndarray
    central_rhf: tuple[str, ...]
    neighbour: Ints
    cutover_day: Ints
    bases: tuple[str, ...]
    base_kind: tuple[str, ...]
    base_latitude: Floats
    base_longitude: Floats
    resources: tuple[Resource, ...]
    older_codes: dict[str, tuple[str, ...]]
    split_codes: tuple[str, ...]

    def weights(self, *, amk: bool) -> Floats:
        """Share of the population behind each central, over the AMK or the LVS centrals."""
        owner = self.municipality_amk if amk else self.municipality_lvs
        total = np.bincount(owner, weights=self.population, minlength=len(self.centrals))
        share: Floats = total / total.sum()
        return share


def _read(seeds: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(seeds / f"{name}.csv", infer_schema=False)


def load_reference(seeds: Path = SEEDS) -> Reference:
    """Read the seeds; the population is the latest one known.

    Extracts are made up for the regions of `RHF_SOURCE`. Units of other regions, and municipalities
    that no such central answers for or whose place is not known, are left out.
    """
    units = _read(seeds, "units").unique("unit_id", keep="last", maintain_order=True)
    units = units.filter(pl.col("rhf_code").is_in(list(RHF_SOURCE)))
    catchments = _read(seeds, "central_catchments").filter(pl.col("valid_to").is_null())
    lvs_of = dict(
        catchments.join(
            units.filter(pl.col("unit_kind") == "LVS"),
            left_on="central_id",
            right_on="unit_id",
            how="semi",
        )
        .select("municipality_code", "central_id")
        .iter_rows()
    )
    amks = units.filter(pl.col("unit_kind") == "AMK")["unit_id"].to_list()
    municipalities = (
        _read(seeds, "municipalities")
        .filter(
            pl.col("amk_code").is_in(amks),
            pl.col("municipality_code").is_in(list(lvs_of)),
            pl.all_horizontal(pl.col("latitude", "longitude", "centrality_class").is_not_null()),
        )
        .sort("municipality_code")
    )
    codes = municipalities["municipality_code"].to_list()
    position = {code: index for index, code in enumerate(codes)}
    people = (
        _read(seeds, "municipality_population")
        .with_columns(pl.col("population").cast(pl.Float64), pl.col("year").cast(pl.Int32))
        .filter(pl.col("population").is_not_null())
        .sort("year")
        .group_by("municipality_code")
        .agg(pl.col("population").last())
    )
    population = dict(people.iter_rows())

    centrals = units.filter(pl.col("unit_kind").is_in(["AMK", "LVS"])).sort("unit_kind", "unit_id")
    central_ids = centrals["unit_id"].to_list()
    central_at = {unit: index for index, unit in enumerate(central_ids)}
    is_amk = (centrals["unit_kind"] == "AMK").to_numpy()
    rhf = centrals["rhf_code"].to_list()
    cutovers = {
        unit: day_number(dt.date.fromisoformat(day))
        for unit, day in _read(seeds, "platform_cutovers")
        .select("central_id", "cutover_on")
        .iter_rows()
    }
    bases = units.filter(
        pl.col("unit_kind") == "LAT_BASE",
        pl.col("base_kind").is_in(["HELI", "PLANE"]),
        pl.col("municipality_code").is_in(codes),
    ).sort("unit_id")
    base_municipality = [position[code] for code in bases["municipality_code"]]
    latitude = municipalities["latitude"].cast(pl.Float64).to_numpy()
    longitude = municipalities["longitude"].cast(pl.Float64).to_numpy()
    older, split = _older_codes(_read(seeds, "municipality_changes"), set(codes))
    return Reference(
        municipalities=tuple(codes),
        population=np.array([population.get(code, 0.0) for code in codes]),
        centrality=municipalities["centrality_class"].cast(pl.Int64).to_numpy(),
        is_urban=np.isin(codes, _urban(seeds)),
        latitude=latitude,
        longitude=longitude,
        municipality_amk=np.array([central_at[unit] for unit in municipalities["amk_code"]]),
        municipality_lvs=np.array([central_at[lvs_of[code]] for code in codes]),
        centrals=tuple(central_ids),
        is_amk=is_amk,
        central_rhf=tuple(rhf),
        neighbour=_neighbours(is_amk.tolist(), rhf),
        cutover_day=np.array([cutovers.get(unit, NEVER) for unit in central_ids]),
        bases=tuple(bases["unit_id"]),
        base_kind=tuple(bases["base_kind"]),
        base_latitude=latitude[base_municipality],
        base_longitude=longitude[base_municipality],
        resources=_resources(bases),
        older_codes=older,
        split_codes=split,
    )


def _urban(seeds: Path) -> list[str]:
    """Municipalities with a part of a large settlement."""
    rows = _read(seeds, "urban_municipalities").filter(pl.col("is_urban") == "1")
    return rows["municipality_code"].to_list()


def _neighbours(is_amk: list[bool], rhf: list[str]) -> Ints:
    """For each central the next one of its kind in its region: it takes the overflow."""
    groups: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for index, group in enumerate(zip(is_amk, rhf, strict=True)):
        groups[group].append(index)
    following = np.arange(len(rhf), dtype=np.int64)
    for members in groups.values():
        for place, index in enumerate(members):
            following[index] = members[(place + 1) % len(members)]
    return following


def _resources(bases: pl.DataFrame) -> tuple[Resource, ...]:
    resources: list[Resource] = []
    for base, kind, count in bases.select("unit_id", "base_kind", "aircraft_count").iter_rows():
        resources.extend(
            Resource(f"{base}_{number}", base, kind) for number in range(1, int(count or 1) + 1)
        )
        if kind == "HELI":
            resources.append(Resource(f"{base}_bil", base, CAR_KIND))
    return tuple(resources)


def _older_codes(
    changes: pl.DataFrame, current: set[str]
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Retired codes by the one current code they lead to, and those that lead to several."""
    targets: dict[str, set[str]] = defaultdict(set)
    for old, new in changes.select("old_code", "new_code").iter_rows():
        if old != new:
            targets[old].add(new)

    def ends(code: str) -> set[str]:
        if code in current:
            return {code}
        return {end for successor in targets[code] for end in ends(successor)}

    older: dict[str, list[str]] = defaultdict(list)
    split: list[str] = []
    for old in sorted(targets):
        if old in current:
            continue
        reached = ends(old)
        if len(reached) == 1:
            older[reached.pop()].append(old)
        elif reached:
            split.append(old)
    return {code: tuple(codes) for code, codes in older.items()}, tuple(split)
