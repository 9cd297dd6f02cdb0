"""Load source files from a folder, with errors that name the file and the place in it."""

from __future__ import annotations

import functools
from pathlib import Path

import yaml
from pydantic import ValidationError

from ingestion.errors import SourceFileError
from ingestion.sources.spec import SourceSpec

SOURCES_DIR = Path(__file__).parent


def load_source(path: Path) -> SourceSpec:
    """One source file.

    Raises:
        SourceFileError: the file is not readable YAML or does not fit the model.
    """
    return _load_cached(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _load_cached(path: Path, _mtime_ns: int) -> SourceSpec:
    try:
        data = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
        spec = SourceSpec.model_validate(data)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SourceFileError(path, [str(error)]) from error
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in item['loc']) or 'file'}: {item['msg']}"
            for item in error.errors()
        ]
        raise SourceFileError(path, problems) from error
    if spec.name != path.stem:
        raise SourceFileError(path, [f"name: '{spec.name}' differs from the file name"])
    return spec


def load_sources(folder: Path | None = None) -> dict[str, SourceSpec]:
    """Every source of a folder by name, in name order."""
    paths = sorted((folder or SOURCES_DIR).glob("*.yaml"))
    return {path.stem: load_source(path) for path in paths}
