"""What the installation tells of the services behind the figures: the table `kpi_events`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reporting.reader import Release, once

# What becomes of the chart, in words.
EFFECTS: Mapping[str, tuple[str, str]] = {
    "none": ("", ""),
    "rebase": ("Grensene regnes på nytt herfra.", "The limits are computed anew from here."),
    "freeze": (
        "Grensene er fra tiden før: det som følger, vurderes mot dem og flytter dem ikke.",
        "The limits are of the time before: what follows is judged by them and does not move them.",
    ),
}
_SERIES = ("kpi_id", "level", "unit_id")


def events_of(release: Release, kpi_id: str, level: str, unit_id: str) -> list[dict[str, Any]]:
    """The events that touch a series, oldest first, each once, as rows of `kpi_events`."""
    of = dict(zip(_SERIES, (kpi_id, level, unit_id), strict=True))
    touching = [
        row for row in _events(release) if all(row[name] in (None, of[name]) for name in _SERIES)
    ]
    by_what_is_said = {
        (row["event_date"], row["effect"], row["text_nb"], row["text_en"]): row for row in touching
    }
    return list(by_what_is_said.values())


@once
def _events(release: Release) -> Sequence[dict[str, Any]]:
    if not release.has("kpi_events"):
        return []
    return release.rows("select * from kpi_events order by event_date, text_nb, effect")
