"""Reads the registry's YAML files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from orchestration.paths import DBT_PROJECT
from orchestration.registry.spec import Family, Registry

KPI_FOLDER = DBT_PROJECT / "kpis"


class RegistryError(ValueError):
    """A registry file that is not valid; the message names the file and the place in it."""


@lru_cache(maxsize=4)
def load_registry(folder: Path = KPI_FOLDER) -> Registry:
    """The registry of a folder of YAML files, one family a file."""
    import yaml
    from pydantic import ValidationError

    families: dict[str, Family] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            family = Family.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (ValidationError, yaml.YAMLError) as error:
            raise RegistryError(f"{path.name}: {error}") from error
        if family.family != path.stem:
            raise RegistryError(f"{path.name}: holds the family {family.family}")
        families[family.family] = family
    try:
        return Registry(families)
    except ValueError as error:
        raise RegistryError(str(error)) from error
