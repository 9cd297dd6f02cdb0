"""The rows that a new region, trust, county, municipality, unit or coverage takes, per register.

Pure; `write` alone touches files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ingestion.lock import exclusive
from orchestration import atomic
from orchestration.registers.files import csv_text, read_rows
from orchestration.registers.tables import REGISTERS

Values = dict[str, str | None]
Rows = dict[str, list[Values]]
START = "2010-01-01"
# As long ago as the calendar goes: a membership has no gap before it.
ALWAYS = "2000-01-01"


def region(code: str, name: str) -> Rows:
    """A region (regional health authority)."""
    return {"rhf": [{"rhf_code": code, "rhf_name": name}]}


def health_trust(code: str, name: str, region: str) -> Rows:
    """A health trust of a region."""
    return {
        "health_trusts": [
            {"health_trust_code": code, "health_trust_name": name, "rhf_code": region}
        ]
    }


def county(code: str, name: str, valid_from: str) -> Rows:
    """A county."""
    return {"counties": [{"county_code": code, "county_name": name, "valid_from": valid_from}]}


def municipality(
    code: str,
    name: str,
    *,
    county: Mapping[str, str | None],
    trust: Mapping[str, str | None],
    amk: str | None,
    is_urban: bool,
    population: Mapping[int, int],
    lvs: str | None,
    centrality_class: int | None,
) -> Rows:
    """A municipality and the areas it belongs to; `county` and `trust` are rows of registers."""
    trust_code = trust["health_trust_code"]
    rows: Rows = {
        "municipalities": [
            {
                "municipality_code": code,
                "municipality_name": name,
                "county_code": county["county_code"],
                "county_name": county["county_name"],
                "health_trust_code": trust_code,
                "rhf_code": trust["rhf_code"],
                "centrality_class": None if centrality_class is None else str(centrality_class),
                "valid_from": ALWAYS,
                "name_unique": name,
                "amk_code": amk,
            }
        ],
        "municipality_health_trust": [
            {"municipality_code": code, "health_trust_code": trust_code, "valid_from": ALWAYS}
        ],
        "urban_municipalities": [{"municipality_code": code, "is_urban": str(int(is_urban))}],
    }
    if population:
        rows["municipality_population"] = [
            {"municipality_code": code, "year": str(year), "population": str(people)}
            for year, people in sorted(population.items())
        ]
    if lvs is not None:
        rows["central_catchments"] = [
            {"municipality_code": code, "central_id": lvs, "valid_from": ALWAYS}
        ]
    return rows


def unit(
    unit_id: str,
    name: str,
    kind: str,
    *,
    region: str,
    valid_from: str,
    trust: str | None = None,
    municipality: str | None = None,
    base_kind: str | None = None,
    aircraft: int | None = None,
) -> Rows:
    """A central (AMK, LVS) or a base (LAT_BASE)."""
    return {
        "units": [
            {
                "unit_id": unit_id,
                "unit_name": name,
                "unit_kind": kind,
                "health_trust_code": trust,
                "rhf_code": region,
                "municipality_code": municipality,
                "base_kind": base_kind,
                "aircraft_count": None if aircraft is None else str(aircraft),
                "valid_from": valid_from,
            }
        ]
    }


def coverage(
    source: str,
    contract: str,
    *,
    unit_kind: str | None = None,
    region: str | None = None,
    platform: str | None = None,
) -> Rows:
    """What a source delivers for; None is any."""
    return {
        "source_coverage": [
            {
                "source": source,
                "contract": contract,
                "unit_kind": unit_kind,
                "region_id": region,
                "platform": platform,
            }
        ]
    }


def cutover(central: str, from_system: str, to_system: str, on: str) -> Rows:
    """The day a central changes source system."""
    return {
        "platform_cutovers": [
            {
                "central_id": central,
                "from_system": from_system,
                "to_system": to_system,
                "cutover_on": on,
            }
        ]
    }


def write(registers: Path, rows: Rows, columns: Mapping[str, Sequence[str]]) -> list[Path]:
    """Add rows to an installation's registers, counts in the place of those with their key.

    Each file is replaced in one step.

    Raises:
        LockBusyError: another process adds rows.
    """
    written = []
    with exclusive(registers / ".lock", what=str(registers)):
        for name, new in rows.items():
            path = registers / f"{name}.csv"
            old: list[Values] = []
            if path.is_file():
                _, found, _ = read_rows(path, path.name, own=True, columns=columns[name])
                register = REGISTERS[name]
                again = [[row.get(column) for column in register.key] for row in new]
                old = [
                    row.values
                    for row in found
                    if not register.counted
                    or [row.values.get(column) for column in register.key] not in again
                ]
            atomic.write_text(path, csv_text(columns[name], [*old, *new]))
            written.append(path)
    return written
