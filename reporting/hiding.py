"""The rules by which a release hides figures, in words for people."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reporting.dimensions import LEVEL_NAMES

_GRAINS_NB = {"day": "dag", "week": "uke", "month": "måned", "quarter": "kvartal", "year": "år"}


def in_words(
    policy: Mapping[str, Any], families: Collection[str] | None = None
) -> list[dict[str, str]]:
    """The rules of `rules`, ready for JSON."""
    return [{"nb": nb, "en": en} for nb, en in rules(policy, families)]


def rules(
    policy: Mapping[str, Any], families: Collection[str] | None = None
) -> Iterator[tuple[str, str]]:
    """What each rule of a release's suppression policy says: bokmål and English.

    `families`: those of the KPIs in question; all when not given.
    """
    of_families = policy.get("finest_grain_of") or {}
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
                if families is None or set(families) - set(of_families):
                    yield _shortest(value)
            case "finest_grain_of":
                shared = policy.get("finest_grain") or {}
                for family, grains in value.items():
                    if families is None or family in families:
                        nb, en = _shortest({**shared, **grains})
                        named = "" if len(families or ()) == 1 else f"{family}: "
                        yield f"{named}{nb}", f"{named}{en}"
            case "finest_grain_unplaced":
                nb = f"Ukjent sted i kortere perioder enn {_GRAINS_NB.get(value, value)}"
                yield nb, f"Unknown places in periods shorter than a {value}"
            case _:
                yield f"{name}: {value}", f"{name}: {value}"


def _shortest(grains: Mapping[str, str]) -> tuple[str, str]:
    levels = [(*LEVEL_NAMES.get(level, (level, level)), grain) for level, grain in grains.items()]
    nb = ", ".join(f"{nb} per {_GRAINS_NB.get(grain, grain)}" for nb, _, grain in levels)
    en = ", ".join(f"{en} per {grain}" for _, en, grain in levels)
    return f"Alt som er kortere enn {nb}", f"Everything shorter than {en}"
