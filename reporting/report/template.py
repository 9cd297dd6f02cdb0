"""What a report holds, as data: `reporting/reports/*.yaml`, or a file of one's own."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reporting.dimensions import LEVELS, Dimensions, QueryError
from reporting.web.words import PARTS

FOLDER = Path(__file__).parent.parent / "reports"
# In a template: every segment of the KPI.
ANY = "*"
Key = tuple[str, str]


class TemplateError(QueryError):
    """A report template says what cannot be; the message names the file and the place in it."""


@dataclass(frozen=True)
class Template:
    """The KPIs of a kind of unit.

    Attributes:
        name: that of the file.
        title: in bokmål and English.
        level, unit_kind: the units it is for; None is any kind of the level.
        sections: per part of the chain, KPI and segment (`*` is each) in their order.
        charts: KPI and segment of the series that are drawn.
    """

    name: str
    title: tuple[str, str]
    level: str
    unit_kind: str | None
    sections: Mapping[str, Sequence[Key]]
    charts: Sequence[Key]


def templates() -> list[Template]:
    """Those that come with the project."""
    return [read(path) for path in sorted(FOLDER.glob("*.yaml"))]


@functools.cache
def levels_reported() -> frozenset[str]:
    """Levels whose units have a report."""
    return frozenset(one.level for one in templates())


def template_for(level: str, unit_kind: str | None) -> Template | None:
    """The one for a kind of unit: of that very kind, else of the level."""
    fitting = [one for one in templates() if one.level == level]
    exact = [one for one in fitting if one.unit_kind == unit_kind and unit_kind is not None]
    return next(iter(exact or [one for one in fitting if one.unit_kind is None]), None)


def read(path: Path) -> Template:
    """A template from its file.

    Raises:
        TemplateError: it is no YAML, a field is missing or unknown, or says what cannot be.
    """
    import yaml

    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        at = getattr(error, "problem_mark", None)
        line = f":{at.line + 1}" if at is not None else ""
        raise TemplateError(
            f"{path}{line}: kan ikke leses som YAML / cannot be read as YAML"
        ) from error
    if not isinstance(data, dict):
        raise _wrong(path, "", "ventet felter", "expected fields")
    known = {"title", "level", "unit_kind", "sections", "charts"}
    if unknown := sorted(map(str, data.keys() - known)):
        raise _wrong(path, unknown[0], f"kjenner bare {_list(known)}", f"known are {_list(known)}")
    level = data.get("level")
    if level not in LEVELS:
        raise _wrong(path, "level", f"er ett av {_list(LEVELS)}", f"is one of {_list(LEVELS)}")
    return Template(
        path.stem,
        _title(path, data.get("title")),
        level,
        None if data.get("unit_kind") is None else str(data["unit_kind"]),
        _sections(path, data.get("sections")),
        _keys(path, "charts", data.get("charts") or []),
    )


def check(template: Template, known: Dimensions) -> None:
    """See to it that the release has the KPIs and segments of a template.

    Raises:
        TemplateError: one is unknown, or is not told for the level.
    """
    for kpi_id, segment in [*(k for keys in template.sections.values() for k in keys),
                            *template.charts]:  # fmt: skip
        versions = known.kpis.get(kpi_id)
        if versions is None:
            words = known.kpis_with(kpi_id.replace("_", " "))[:5]
            near = ", ".join(str(row["kpi_id"]) for row in words)
            raise TemplateError(
                f"{template.name}: ukjent nøkkeltall / unknown KPI {kpi_id}"
                + (f" ({near})" if near else "")
            )
        segments = str(versions[-1]["segments"]).split("|")
        levels = str(versions[-1]["levels"]).split("|")
        if segment != ANY and segment not in segments:
            raise TemplateError(f"{template.name}: {kpi_id}/{segment}: {_list(segments)}")
        if template.level not in levels:
            raise TemplateError(
                f"{template.name}: {kpi_id} finnes ikke på nivå / is not told for "
                f"{template.level}: {_list(levels)}"
            )


def _title(path: Path, title: Any) -> tuple[str, str]:
    if not isinstance(title, dict) or not {"nb", "en"} <= title.keys():
        raise _wrong(path, "title", "trenger nb og en", "needs nb and en")
    return str(title["nb"]), str(title["en"])


def _sections(path: Path, sections: Any) -> dict[str, list[Key]]:
    parts = [part for part, _, _ in PARTS]
    if not isinstance(sections, dict) or not sections:
        raise _wrong(path, "sections", "trenger nøkkeltall", "needs KPIs")
    for part in sections:
        if part not in parts:
            raise _wrong(path, f"sections.{part}", f"kjenner {_list(parts)}", _list(parts))
    return {part: _keys(path, f"sections.{part}", keys) for part, keys in sections.items()}


def _keys(path: Path, place: str, keys: Any) -> list[Key]:
    if not isinstance(keys, list):
        raise _wrong(path, place, "er en liste av kpi/segment", "is a list of kpi/segment")
    found = []
    for key in keys:
        kpi_id, mark, segment = str(key).partition("/")
        if not mark or not kpi_id or not segment:
            raise _wrong(path, f"{place}: {key}", "skrives kpi/segment", "is written kpi/segment")
        found.append((kpi_id, segment))
    return found


def _list(names: Any) -> str:
    return ", ".join(sorted(map(str, names)))


def _wrong(path: Path, place: str, nb: str, en: str) -> TemplateError:
    return TemplateError(f"{path}: {place}: {nb} / {en}")
