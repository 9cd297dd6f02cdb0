"""Audiences: who a release is for, and which cells they see in full. Read from data.

`open` sees what disclosure control leaves. Another audience sees cells beyond that: everything, or
those of some regions, some families of KPIs, or both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestration.registry.spec import Registry
from reporting.audience import OPEN

DEFAULT_FILE = Path(__file__).with_name("audiences.yaml")
EVERYTHING = "everything"
# Schemas of the warehouse with what an audience reads begin like this.
SCHEMA_OF_AUDIENCES = "audience_"
Unit = tuple[str, str]


class AudienceError(ValueError):
    """An audience is not described so that it can be used; the message says where."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sight(_Strict):
    """Cells that an audience sees in full: of these regions, of these families, or of both."""

    regions: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


class Audience(_Strict):
    """One audience besides `open`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name_nb: str = Field(min_length=1)
    name_en: str = Field(min_length=1)
    sees: Literal["everything"] | tuple[Sight, ...]

    @property
    def sees_everything(self) -> bool:
        return self.sees == EVERYTHING

    @property
    def schema_name(self) -> str:
        """The schema of the warehouse with what the audience reads."""
        return f"{SCHEMA_OF_AUDIENCES}{self.name}"

    def describe(self) -> dict[str, Any]:
        """The form that goes into a release's metadata."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def seen(
        self, registry: Registry, units: Iterable[Unit], parents: Mapping[Unit, Iterable[Unit]]
    ) -> set[tuple[str, str, str]]:
        """KPI, level and unit of the cells seen in full; not asked where everything is."""
        found: set[tuple[str, str, str]] = set()
        if isinstance(self.sees, str):
            return found
        everywhere = list(units)
        for sight in self.sees:
            kpis = {k.id for k in registry.kpis if not sight.families or k.family in sight.families}
            inside = [
                unit
                for unit in everywhere
                if not sight.regions or _regions(unit, parents) <= set(sight.regions)
            ]
            found |= {(kpi, level, unit) for kpi in kpis for level, unit in inside}
        return found

    @cached_property
    def families(self) -> frozenset[str]:
        """The families that are named."""
        sights = () if isinstance(self.sees, str) else self.sees
        return frozenset(name for sight in sights for name in sight.families)


def load_audiences(own: Path | None = None) -> tuple[Audience, ...]:
    """The audiences of the project, and of an installation's own file where there is one.

    Raises:
        AudienceError: a file is not of this form.
    """
    import yaml

    found: dict[str, Audience] = {}
    for path in (DEFAULT_FILE, own):
        if path is None or not path.is_file():
            continue
        try:
            stated = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            for name, entry in stated.items():
                if name == OPEN or name in found:
                    raise AudienceError(f"{path}: {name} finnes fra før / is there already")
                found[name] = Audience(name=name, **entry)
        except (yaml.YAMLError, ValidationError, TypeError, AttributeError) as error:
            raise AudienceError(f"{path}: {error}") from error
    return tuple(found.values())


def _regions(unit: Unit, parents: Mapping[Unit, Iterable[Unit]]) -> set[str]:
    """The regions that a unit lies in; a stand-in for all of them where it lies in none."""
    todo, found = [unit], set[str]()
    while todo:
        level, name = todo.pop()
        if level == "region":
            found.add(name)
        else:
            todo += parents.get((level, name), ())
    return found or {""}
