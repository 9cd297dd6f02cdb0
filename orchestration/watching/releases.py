"""What each audience reads now. Only pointers and metadata are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestration import atomic
from reporting.audience import FOLDER, OPEN, releases_of

_POINTER = "current"
_METADATA = "metadata.json"


def current_releases(releases_dir: Path) -> list[dict[str, Any]]:
    """The current release per audience, the open one first.

    Audiences whose folders this user may not read, or that have no release, are left out.
    """
    found = []
    for audience in [OPEN, *_others(releases_dir.parent / FOLDER)]:
        folder = releases_of(releases_dir, audience)
        try:
            release_id = (folder / _POINTER).read_text(encoding="utf-8").strip()
        except OSError:
            continue
        metadata = atomic.read_json(folder / release_id / _METADATA)
        if not release_id or not isinstance(metadata, dict):
            continue
        found.append(
            {
                "audience": audience,
                "release_id": release_id,
                "created_at": metadata.get("created_at"),
                "last_day": metadata.get("period_end"),
            }
        )
    return found


def _others(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if path.name[:1] != ".")
    except OSError:
        return []
