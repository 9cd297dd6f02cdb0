"""What the registers are: keys, values that must be there, and what they refer to.

The columns of a register are those of its seed. Types go by the name of a column, so that it
means the same in every register; a test holds them against `dbt_project/models/seeds.yml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["date", "whole", "number"]

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("valid_from", "valid_to", "change_date", "cutover_on"), "date"),
    **dict.fromkeys(
        (
            "aircraft_count",
            "centrality_class",
            "centrality_index",
            "is_current",
            "is_synthetic",
            "is_urban",
            "municipality_count",
            "new_code_sources",
            "old_code_targets",
            "population",
            "year",
        ),
        "whole",
    ),
    **dict.fromkeys(("latitude", "longitude"), "number"),
}
FLAG = ("0", "1")


@dataclass(frozen=True)
class Register:
    """One register.

    Attributes:
        key: the columns that tell one row from another.
        required: columns that have a value on every row.
        codes: the values a column may have.
        references: column to the register and column its value must stand in.
        dated: column whose rows, one after another by `valid_from`, may not overlap.
        unbroken: those rows may not leave a day out either.
        defaults: what an empty cell of the installation's own rows means.
        counted: rows are counts, which are corrected by counting again: a row that is added takes
            the place of an own one with its key. Of other registers that is a row given twice.
    """

    key: tuple[str, ...]
    required: tuple[str, ...]
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    dated: str | None = None
    unbroken: bool = False
    defaults: Mapping[str, str] = field(default_factory=dict)
    counted: bool = False


_MUNICIPALITY = ("municipalities", "municipality_code")
_TRUST = ("health_trusts", "health_trust_code")
_REGION = ("rhf", "rhf_code")
_UNIT = ("units", "unit_id")

REGISTERS: Mapping[str, Register] = {
    "rhf": Register(("rhf_code",), ("rhf_code", "rhf_name")),
    "health_trusts": Register(
        ("health_trust_code",),
        ("health_trust_code", "health_trust_name", "rhf_code"),
        references={"rhf_code": _REGION, "amk_code": _UNIT},
        defaults={"kind": "health_trust"},
    ),
    "counties": Register(
        ("county_code", "valid_from"),
        ("county_code", "county_name", "valid_from", "is_current"),
        codes={"is_current": FLAG},
        dated="county_code",
        defaults={"is_current": "1"},
    ),
    "units": Register(
        ("unit_id", "valid_from"),
        ("unit_id", "unit_name", "unit_kind", "rhf_code", "valid_from", "is_synthetic"),
        codes={
            "unit_kind": ("AMK", "LVS", "LAT_BASE"),
            "base_kind": ("HELI", "PLANE", "SAR"),
            "is_synthetic": FLAG,
        },
        references={
            "rhf_code": _REGION,
            "health_trust_code": _TRUST,
            "municipality_code": _MUNICIPALITY,
        },
        dated="unit_id",
        defaults={"is_synthetic": "0"},
    ),
    "municipalities": Register(
        ("municipality_code",),
        ("municipality_code", "municipality_name", "county_code", "name_unique", "valid_from"),
        references={
            "county_code": ("counties", "county_code"),
            "health_trust_code": _TRUST,
            "rhf_code": _REGION,
            "amk_code": _UNIT,
        },
    ),
    "municipality_health_trust": Register(
        ("municipality_code", "valid_from"),
        ("municipality_code", "health_trust_code", "valid_from", "basis"),
        codes={"basis": ("source", "background")},
        references={"municipality_code": _MUNICIPALITY, "health_trust_code": _TRUST},
        dated="municipality_code",
        unbroken=True,
        defaults={"basis": "source"},
    ),
    "municipality_population": Register(
        ("municipality_code", "year"), ("municipality_code", "year"), counted=True
    ),
    "municipality_changes": Register(
        ("change_date", "old_code", "new_code"), ("change_date", "old_code", "new_code", "kind")
    ),
    "urban_municipalities": Register(
        ("municipality_code",),
        ("municipality_code", "is_urban"),
        codes={"is_urban": FLAG},
        references={"municipality_code": _MUNICIPALITY},
    ),
    "central_catchments": Register(
        ("municipality_code", "central_id", "valid_from"),
        ("municipality_code", "central_id", "valid_from"),
        references={"municipality_code": _MUNICIPALITY, "central_id": _UNIT},
        dated="municipality_code",
    ),
    "platform_cutovers": Register(
        ("central_id",),
        ("central_id", "from_system", "to_system", "cutover_on", "is_synthetic"),
        codes={"is_synthetic": FLAG},
        references={"central_id": _UNIT},
        defaults={"is_synthetic": "0"},
    ),
    "source_coverage": Register(
        ("source", "contract", "unit_kind", "region_id", "platform"),
        ("source", "contract"),
        codes={"unit_kind": ("AMK", "LVS", "LAT_BASE")},
        references={"region_id": _REGION},
    ),
    "kostra_groups": Register(
        ("municipality_code", "valid_from"),
        ("municipality_code", "group_code", "group_name", "valid_from"),
        dated="municipality_code",
    ),
}
