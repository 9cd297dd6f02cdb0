"""The rules by which a release hides figures, in words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reporting.dimensions import LEVEL_NAMES

_GRAINS_NB = {"day": "dag", "week": "uke", "month": "måned", "quarter": "kvartal", "year": "år"}


def rules(policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What each rule of a release's suppression policy says: bokmål and English."""
    for name, value in policy.items():
        match name:
            case "min_count":
                yield f"Antall fra 1 til {value - 1}", f"Counts of 1 to {value - 1}"
            case "min_denominator":
                yield f"Tall av færre enn {value} tilfeller", f"Figures of fewer than {value} cases"
            case "min_beyond_percentile":
                yield (
                    f"Persentiler med færre enn {value} observasjoner utenfor",
                    f"Percentiles with fewer than {value} observations beyond them",
                )
            case "finest_grain":
                yield _shorter_than(value)
            case "finest_grain_of":
                for family, grains in value.items():
                    nb, en = _shorter_than(grains)
                    yield f"{family}: {nb}", f"{family}: {en}"
            case "finest_grain_unplaced":
                nb = f"Ukjent sted i kortere perioder enn {_GRAINS_NB.get(value, value)}"
                yield nb, f"Unknown places in periods shorter than a {value}"
            case _:
                yield f"{name}: {value}", f"{name}: {value}"


def _shorter_than(grains: Mapping[str, str]) -> tuple[str, str]:
    levels = [(*LEVEL_NAMES.get(level, (level, level)), grain) for level, grain in grains.items()]
    nb = ", ".join(f"{nb} per {_GRAINS_NB.get(grain, grain)}" for nb, _, grain in levels)
    en = ", ".join(f"{en} per {grain}" for _, en, grain in levels)
    return f"Kortere perioder enn {nb}", f"Periods shorter than {en}"
