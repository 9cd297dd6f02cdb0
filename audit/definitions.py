"""What the published definitions of counts say about each other.

A count of calls answered within two minutes is a part of the one within ten, and none of those that
were not answered: whoever reads the definitions knows. Read from their conditions alone.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

Form = dict[str, int]
_KPIS = Path(__file__).resolve().parents[1] / "dbt_project" / "kpis"
_LIMIT = re.compile(r"(\w+) (<=|<|>=|>) (\d+)")
_EQUALS = re.compile(r"(\w+) = '(\w+)'")
_IN = re.compile(r"(\w+) in \(([^)]*)\)")
_FILLED = re.compile(r"(\w+) is not null")
_MS_PER_UNIT = {"s": 1_000, "min": 60_000, "h": 3_600_000}


@dataclass(frozen=True)
class Percentile:
    """A percentile, and counts of the same times within a limit, in the unit of its values."""

    at: float
    within: dict[str, float]


@functools.cache
def families() -> dict[str, dict[str, Any]]:
    """The published definitions, by family."""
    specs = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(_KPIS.glob("*.yaml"))]
    return {spec["family"]: spec for spec in specs}


@functools.cache
def parts(family: str) -> list[tuple[Form, Form]]:
    """Wholes and what is a part of them, one measure or two that have no event in common."""
    conditions = {
        f"{family}.{name}": frozenset(measure["sql"].split(" and "))
        for name, measure in families()[family]["measures"].items()
        if measure.get("sql")
    }
    inside: dict[str, list[str]] = {
        whole: [
            part for part, narrow in conditions.items() if part != whole and _implies(narrow, wide)
        ]
        for whole, wide in conditions.items()
    }
    found: list[tuple[Form, Form]] = []
    for whole, held in inside.items():
        apart = [p for p in combinations(held, 2) if _apart(conditions[p[0]], conditions[p[1]])]
        alone = [part for part in held if all(part not in pair for pair in apart)]
        found += [({whole: 1}, dict.fromkeys(pair, 1)) for pair in apart]
        found += [({whole: 1}, {part: 1}) for part in alone]
    return found


@functools.cache
def percentile(family: str, kpi_id: str, version: int) -> Percentile | None:
    """What a KPI says about counts within a limit, where it is a percentile of these times."""
    spec = families().get(family, {})
    for kpi in spec.get("kpis", ()):
        told = kpi.get("percentile")
        if (kpi["id"], kpi.get("version", 1)) == (kpi_id, version) and told:
            unit = _MS_PER_UNIT[kpi["unit"]]
            limits = {
                f"{family}.{name}": _LIMIT.fullmatch(measure.get("sql") or "")
                for name, measure in spec["measures"].items()
            }
            within = {
                name: int(limit[3]) / unit
                for name, limit in limits.items()
                if limit and limit[1] == told["column"] and limit[2] == "<="
            }
            return Percentile(told["at"], within) if within else None
    return None


def _implies(narrow: frozenset[str], wide: frozenset[str]) -> bool:
    """Whether rows of which one set of conditions holds have all of another."""
    return all(
        condition == "true" or any(_says(mine, condition) for mine in narrow) for condition in wide
    )


def _says(one: str, other: str) -> bool:
    if one == other:
        return True
    mine, theirs = _LIMIT.fullmatch(one), _LIMIT.fullmatch(other)
    if mine and theirs and mine[1] == theirs[1] and mine[2][0] == theirs[2][0]:
        less = int(mine[3]) < int(theirs[3])
        return less if mine[2][0] == "<" else not less and mine[3] != theirs[3]
    filled, chosen = _FILLED.fullmatch(other), _values(one)
    if filled:
        return bool((mine and mine[1] == filled[1]) or (chosen and chosen[0] == filled[1]))
    wider = _values(other)
    return bool(chosen and wider and chosen[0] == wider[0] and chosen[1] <= wider[1])


def _apart(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether no row can have both sets of conditions."""
    return any(_excludes(a, b) or _excludes(b, a) for a in one for b in other)


def _excludes(one: str, other: str) -> bool:
    if other == f"not {one}":
        return True
    mine, theirs = _LIMIT.fullmatch(one), _LIMIT.fullmatch(other)
    if mine and theirs and mine[1] == theirs[1]:
        return mine[2][0] == "<" and theirs[2] == ">" and int(mine[3]) <= int(theirs[3])
    chosen, others = _values(one), _values(other)
    return bool(chosen and others and chosen[0] == others[0] and not chosen[1] & others[1])


def _values(condition: str) -> tuple[str, frozenset[str]] | None:
    equals, among = _EQUALS.fullmatch(condition), _IN.fullmatch(condition)
    if equals:
        return equals[1], frozenset({equals[2]})
    if among:
        return among[1], frozenset(value.strip(" '") for value in among[2].split(","))
    return None
