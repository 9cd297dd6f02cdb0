"""The rules by which a release hides figures, in words for people."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reporting.dimensions import LEVEL_NAMES

# What KPIs tell about, as the registry has it.
_SENSITIVITIES = {
    "service": ("Tall om driften", "Figures on how services work"),
    "activity": ("Tall om aktiviteten", "Figures on activity"),
    "person": ("Tall om pasientene", "Figures on patients"),
}
_GRAINS_NB = {
    "day": "dag",
    "week": "uke",
    "month": "måned",
    "quarter": "kvartal",
    "tertial": "tertial",
    "year": "år",
}


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
            case "too_small":
                for sensitivity, thresholds in value.items():
                    yield _of_kind(sensitivity, thresholds)
            case "min_count" | "min_denominator" | "min_beyond_percentile":
                yield _threshold(name, value)
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


def _of_kind(sensitivity: str, thresholds: Mapping[str, Any]) -> tuple[str, str]:
    """What is hidden of figures that tell about the same."""
    found = [
        _threshold(name, value) for name, value in thresholds.items() if name != "is_basis_secret"
    ]
    return (
        f"{_SENSITIVITIES[sensitivity][0]}: {'; '.join(nb[0].lower() + nb[1:] for nb, _ in found)}",
        f"{_SENSITIVITIES[sensitivity][1]}: {'; '.join(en[0].lower() + en[1:] for _, en in found)}",
    )


def _threshold(name: str, value: Any) -> tuple[str, str]:
    match name:
        case "min_count":
            return f"Antall fra 1 til {value - 1}", f"Counts of 1 to {value - 1}"
        case "min_denominator":
            return f"Tall av færre enn {value} tilfeller", f"Figures of fewer than {value} cases"
        case "min_part":
            return (
                f"Andeler der telleren eller resten er fra 1 til {value - 1}",
                f"Shares whose numerator or rest is 1 to {value - 1}",
            )
        case "min_beyond_percentile":
            return (
                f"Persentiler med færre enn {value} observasjoner utenfor",
                f"Percentiles with fewer than {value} observations beyond them",
            )
        case "at":
            places = [
                (*LEVEL_NAMES.get(level, (level, level)), as_) for level, as_ in value.items()
            ]
            return (
                ", ".join(
                    f"per {nb} som {_SENSITIVITIES[as_][0].lower()}" for nb, _, as_ in places
                ),
                ", ".join(f"per {en} as {_SENSITIVITIES[as_][1].lower()}" for _, en, as_ in places),
            )
    return f"{name}: {value}", f"{name}: {value}"


def _shortest(grains: Mapping[str, str]) -> tuple[str, str]:
    levels = [(*LEVEL_NAMES.get(level, (level, level)), grain) for level, grain in grains.items()]
    nb = ", ".join(f"{nb} per {_GRAINS_NB.get(grain, grain)}" for nb, _, grain in levels)
    en = ", ".join(f"{en} per {grain}" for _, en, grain in levels)
    return f"Alt som er kortere enn {nb}", f"Everything shorter than {en}"
