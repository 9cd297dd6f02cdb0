"""Events of a series as a page tells of them: numbered in its chart, in words beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from reporting.events import EFFECTS, events_of
from reporting.periods import first_date, last_date
from reporting.reader import Release
from reporting.web.charts import Mark
from reporting.web.figures import Row
from reporting.web.words import Speech


@dataclass(frozen=True)
class Event:
    """One event within the periods that are shown.

    Attributes:
        at: the number of its period among them, from 0.
        mark: how the chart shows it.
    """

    number: int
    day: date
    text: str
    effect: str
    at: int
    mark: Mark

    def sentence(self, say: Speech) -> str:
        """What happened, when, and what the chart makes of it."""
        ended = self.text if self.text.endswith((".", "!", "?")) else f"{self.text}."
        return f"{say.day(self.day)}: {ended} {self.effect}".strip()


def events(say: Speech, release: Release, rows: Sequence[Row]) -> list[Event]:
    """The events of the series of these rows, which are of one unit, oldest first."""
    if not rows:
        return []
    found: list[Event] = []
    for row in events_of(release, rows[0]["kpi_id"], rows[0]["level"], rows[0]["unit_id"]):
        day = row["event_date"]
        for at, period in enumerate(rows):
            first = first_date(period["period_grain"], period["period_start"])
            last = last_date(period["period_grain"], period["period_start"])
            if first <= day <= last:
                number, text = len(found) + 1, say.field(row, "text_nb", "text_en")
                # Points stand in the middle of their period.
                place = at - 0.5 + (day - first).days / ((last - first).days + 1)
                effect = say.of(EFFECTS[row["effect"]])
                mark = Mark(place, str(number), text)
                found.append(Event(number, day, text, effect, at, mark))
                break
    return found
