"""Figures as JSON-stat 2: one cube, with the reason for every cell that has no number.

Dimensions are kpi, segment, unit, period and measure; version and geography are among them only
where the same figure is there in several. https://json-stat.org/full/
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from reporting.api.problems import ProblemError
from reporting.columns import COLUMNS, PARTIAL, PROVISIONAL, STATUSES
from reporting.dimensions import LEVEL_NAMES, LEVELS
from reporting.periods import GRAINS, label

if TYPE_CHECKING:
    import polars as pl

MEASURES = ("value", "lower", "upper", "numerator", "denominator", "n", "coverage")
MOST_CELLS = 200_000
# Of cells without a number whose figure has one, and of those that no row of the release is about.
NO_NUMBER, NOT_IN_RELEASE = "no_number", "not_in_release"
_MARKS = {
    "partial": PARTIAL,
    "provisional": PROVISIONAL,
    "not_open": (COLUMNS["is_small"].meaning_nb, COLUMNS["is_small"].meaning_en),
    NO_NUMBER: (
        "tallet finnes, men ikke dette målet på det",
        "there is a figure, but not this measure of it",
    ),
    NOT_IN_RELEASE: ("utgivelsen har ingen rad her", "the release has no row here"),
}

Row = Mapping[str, Any]


def cube(frame: pl.DataFrame, about: Mapping[str, Any], more: Sequence[str] = ()) -> bytes:
    """The rows of a query as a cube. `more`: columns of numbers besides those of every figure.

    Raises:
        ProblemError: the rows lie so scattered that the cube would be mostly empty.
    """
    import polars as pl

    # A decimal is no number of JSON.
    frame = frame.with_columns(pl.selectors.decimal().cast(pl.Float64))
    rows = [row for row in frame.iter_rows(named=True) if row["period_start"] is not None]
    measures = [*MEASURES, *more]
    keys = _keys(rows)
    axes = {name: _categories(rows, key, order) for name, (key, order) in keys.items()}
    size = [*(len(axis) for axis in axes.values()), len(measures)]
    if math.prod(size) > MOST_CELLS:
        raise ProblemError(
            "too-many-rows",
            f"{len(rows):,} rows make a cube of {' x '.join(str(n) for n in size)} cells, more "
            f"than {MOST_CELLS:,}. Ask for fewer KPIs, units or periods, or for another format.",
        )
    values: list[float | int | None] = [None] * math.prod(size)
    statuses = [NOT_IN_RELEASE] * len(values)
    for row in rows:
        at = 0
        for name, axis in axes.items():
            at = at * len(axis) + axis[keys[name][0](row)]
        for position, measure in enumerate(measures, start=at * len(measures)):
            values[position] = row[measure]
            statuses[position] = _status(row, row[measure])
    document = {
        "version": "2.0",
        "class": "dataset",
        "label": "Akuttkjede",
        "source": "Akuttkjede",
        "updated": about.get("created_at"),
        "id": [*axes, "measure"],
        "size": size,
        "role": {"time": ["period"], "geo": ["unit"], "metric": ["kpi"]},
        "dimension": _dimensions(rows, keys, axes, measures),
        "value": values,
        "status": {str(at): status for at, status in enumerate(statuses) if status},
        "extension": {
            **about,
            "status_meanings": {
                name: {"nb": nb, "en": en} for name, (nb, en) in {**STATUSES, **_MARKS}.items()
            },
            "without_source": [
                {"kpi_id": row["kpi_id"], "reason": row["status_reason"]}
                for row in frame.iter_rows(named=True)
                if row["period_start"] is None
            ],
        },
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def _status(row: Row, number: float | None) -> str:
    """Why there is no number, or what must be known of it; nothing where it is plain."""
    if number is None:
        return NO_NUMBER if row["status"] == "ok" else str(row["status"])
    marks = {
        "partial": row["is_partial"],
        "provisional": row["maturity"] == "provisional",
        "not_open": row["is_small"],
    }
    return " ".join(name for name, is_so in marks.items() if is_so)


Key = Callable[[Row], str]
Order = Callable[[Row], Any]


def _keys(rows: Sequence[Row]) -> dict[str, tuple[Key, Order]]:
    """Per dimension what names a row's category, and what categories are ordered by."""
    keys: dict[str, tuple[Key, Order]] = {
        "kpi": (lambda row: str(row["kpi_id"]), lambda row: row["kpi_id"]),
        "segment": (lambda row: str(row["segment"]), lambda row: row["segment"]),
        "unit": (unit_of, lambda row: (LEVELS.index(row["level"]), row["unit_id"])),
        "period": (
            period_of,
            lambda row: (GRAINS.index(row["period_grain"]), row["period_start"]),
        ),
    }
    several: dict[str, tuple[Key, Order]] = {
        "version": (lambda row: str(row["kpi_version"]), lambda row: row["kpi_version"]),
        "geography": (
            lambda row: str(row["geography_version"]),
            lambda row: str(row["geography_version"]),
        ),
    }
    for name, pair in several.items():
        if len({tuple(key(row) for key, _ in keys.values()) for row in rows}) < len(rows):
            keys[name] = pair
    return keys


def unit_of(row: Row) -> str:
    """The category of a unit: ids are unique within a level only."""
    return f"{row['level']}:{row['unit_id']}"


def period_of(row: Row) -> str:
    """The category of a period, as people write it; it tells the grain as well."""
    start = row["period_start"]
    assert isinstance(start, date)
    return label(row["period_grain"], start)


def _categories(rows: Iterable[Row], key: Key, order: Order) -> dict[str, int]:
    found: dict[str, Any] = {}
    for row in rows:
        found.setdefault(key(row), order(row))
    return {name: at for at, name in enumerate(sorted(found, key=lambda name: found[name]))}


def _dimensions(
    rows: Sequence[Row],
    keys: Mapping[str, tuple[Key, Order]],
    axes: Mapping[str, Mapping[str, int]],
    measures: Sequence[str],
) -> dict[str, Any]:
    labels: dict[str, dict[str, str]] = {name: {} for name in axes}
    units: dict[str, Any] = {}
    for row in rows:
        for name, (key, _) in keys.items():
            labels[name].setdefault(key(row), _label(name, row, key(row)))
        units[str(row["kpi_id"])] = {"label": row["measure_unit"]}
    found: dict[str, Any] = {
        name: {
            "label": _NAMES[name],
            "category": {"index": list(axis), "label": _told_apart(axis, labels[name])},
        }
        for name, axis in axes.items()
    }
    found["kpi"]["category"]["unit"] = {name: units[name] for name in axes["kpi"]}
    found["measure"] = {
        "label": _NAMES["measure"],
        "category": {
            "index": list(measures),
            "label": {name: COLUMNS[name].nb for name in measures},
        },
    }
    return found


_NAMES = {
    "kpi": COLUMNS["kpi_id"].nb,
    "segment": COLUMNS["segment"].nb,
    "unit": COLUMNS["unit_name"].nb,
    "period": "Periode",
    "version": COLUMNS["kpi_version"].nb,
    "geography": COLUMNS["geography_version"].nb,
    "measure": "Mål på tallet",
}


def _label(name: str, row: Row, category: str) -> str:
    match name:
        case "kpi":
            return str(row["kpi_name"])
        case "unit":
            return f"{row['unit_name']} ({LEVEL_NAMES[row['level']][0]})"
        case _:
            return category


def _told_apart(axis: Iterable[str], labels: Mapping[str, str]) -> dict[str, str]:
    """Labels of categories; where two have the same, the category stands with it."""
    taken = Counter(labels.values())
    return {
        name: labels[name] if taken[labels[name]] == 1 else f"{labels[name]} {name}"
        for name in axis
    }
