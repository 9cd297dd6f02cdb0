"""What became a signal since the release before, per unit, as text to send."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import escape

from reporting.news import news
from reporting.periods import label
from reporting.reader import Release
from reporting.web.words import SEGMENTS

FORMATS = ("md", "html", "json")
Format = Literal["md", "html", "json"]
# A signal that goes on is no news again, though its period is another one.
_SIGNAL = ("kpi_id", "segment", "level", "unit_id", "change")
_FIELDS = (
    "kpi_id", "kpi_name", "kpi_name_en", "segment", "period", "change", "recent_value",
    "expected_value", "measure_unit", "news_nb", "news_en",
)  # fmt: skip


@dataclass(frozen=True)
class Digest:
    """What is new about one unit.

    Attributes:
        signals: the news that the release before did not have, the surest first, with the columns
            of `reporting.news.news`, and `period` as people write it.
        before: the id of the release before; None where there is none, and all news are new.
    """

    level: str
    unit_id: str
    unit_name: str
    signals: Sequence[Mapping[str, Any]]
    release_id: str
    before: str | None
    is_synthetic: bool

    @property
    def name(self) -> str:
        """What its file is called, without the ending."""
        return f"{self.level}_{self.unit_id}"


def digests(
    release: Release, before: Release | None, *, units: Sequence[str] = (), grain: str = "month"
) -> list[Digest]:
    """One digest per unit that has something new, by level and name.

    Args:
        units: ids or names; all when empty.

    Raises:
        QueryError: no such unit, or the release has no table of news.
    """
    known = set()
    if before is not None and before.has("kpi_news"):
        known = set(news(before, grain=grain).select(_SIGNAL).iter_rows())
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in news(release, grain=grain, units=units).iter_rows(named=True):
        if tuple(row[name] for name in _SIGNAL) not in known:
            told = {**row, "period": label(row["period_grain"], row["period_start"])}
            found.setdefault((row["level"], row["unit_id"]), []).append(told)
    made = [
        Digest(
            level, unit_id, rows[0]["unit_name"], rows, release.release_id,
            None if before is None else before.release_id,
            bool(release.metadata.get("is_synthetic")),
        )
        for (level, unit_id), rows in found.items()
    ]  # fmt: skip
    return sorted(made, key=lambda one: (one.level, one.unit_name, one.unit_id))


def render(digest: Digest, fmt: Format) -> str:
    """The digest as Markdown, as HTML or as JSON; the first two in both languages."""
    return {"md": _markdown, "html": _html, "json": _json}[fmt](digest)


def _markdown(digest: Digest) -> str:
    lines = [f"# {_plain(digest.unit_name)}", "", *(f"{line}\n" for line in _opening(digest))]
    for row in digest.signals:
        lines += [
            f"- **{_plain(_title(row))}**, {row['period']}: {row['news_nb']}",
            f"  *{row['kpi_name_en']}: {row['news_en']}*",
        ]
    return "\n".join([*lines, "", _closing(digest), ""])


def _html(digest: Digest) -> str:
    signals = "".join(
        f"<li><strong>{escape(_title(row))}</strong>, {row['period']}: {escape(row['news_nb'])}<br>"
        f'<em lang="en">{escape(row["kpi_name_en"])}: {escape(row["news_en"])}</em></li>\n'
        for row in digest.signals
    )
    name = escape(digest.unit_name)
    opening = "".join(f"<p>{escape(line)}</p>\n" for line in _opening(digest))
    return (
        '<!doctype html>\n<html lang="nb"><head><meta charset="utf-8">'
        f"<title>{name}</title></head>\n<body>\n<h1>{name}</h1>\n{opening}"
        f"<ul>\n{signals}</ul>\n<p>{escape(_closing(digest))}</p>\n</body></html>\n"
    )


def _json(digest: Digest) -> str:
    told = {
        "release_id": digest.release_id,
        "release_before": digest.before,
        "is_synthetic": digest.is_synthetic,
        "level": digest.level,
        "unit_id": digest.unit_id,
        "unit_name": digest.unit_name,
        "signals": [{name: row[name] for name in _FIELDS} for row in digest.signals],
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def _opening(digest: Digest) -> list[str]:
    since = (
        f"Nytt siden utgivelse {digest.before} / New since release {digest.before}"
        if digest.before
        else "Ingen tidligere utgivelse: alt er nytt / No earlier release: everything is new"
    )
    made_up = "Syntetiske data, sier ingenting om noen tjeneste. / Synthetic data."
    return [f"{since}.", *([made_up] if digest.is_synthetic else [])]


def _closing(digest: Digest) -> str:
    return (
        f"Utgivelse / release {digest.release_id}. Endringer ut over det tilfeldige; høyst "
        "én av ti er tilfeldig likevel. / Changes beyond chance; at most one in ten is chance."
    )


def _title(row: Mapping[str, Any]) -> str:
    segment, _ = SEGMENTS.get(row["segment"], (row["segment"], ""))
    return str(row["kpi_name"]) + (f" ({segment})" if segment else "")


def _plain(text: str) -> str:
    """A name without what Markdown would take for marks."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#" else letter for letter in text)
