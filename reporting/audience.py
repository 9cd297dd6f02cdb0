"""Whom a release is for. Without being asked for another, tools read the one that is for everyone.

The release of another audience lies in a folder of its own, has the same id as the open one of the
same run, and is opened only by who asks for that audience.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

OPEN = "open"
AUDIENCE_VARIABLE = "AKUTT_AUDIENCE"
FOLDER = "audiences"


def chosen(audience: str | None = None) -> str:
    """The audience asked for: by name, else by AKUTT_AUDIENCE, else `open`."""
    return audience or os.environ.get(AUDIENCE_VARIABLE) or OPEN


def releases_of(releases_dir: Path, audience: str) -> Path:
    """Where the releases of an audience lie, given where those for everyone do."""
    return releases_dir if audience == OPEN else releases_dir.parent / FOLDER / audience


def not_asked_for(release_id: str, audience: str, asked: str) -> str:
    """What to tell who opens a release that is for others than were asked for."""
    return (
        f"Utgivelse {release_id} er for «{audience}», og det ble bedt om «{asked}». Be om den med "
        f"--audience {audience} eller {AUDIENCE_VARIABLE}={audience}. / Release {release_id} is "
        f"for `{audience}`, and `{asked}` was asked for. Ask with --audience {audience} or "
        f"{AUDIENCE_VARIABLE}={audience}."
    )


def labelled(release_id: str, audience: str) -> str:
    """A release and whom it is for, as it stands on tables, pages and exports."""
    return f"{release_id} ({audience})"


def keep_private(paths: Iterable[Path], audience: str) -> None:
    """Leave files and folders of what is not for everyone to their owner alone."""
    if audience != OPEN:
        for path in paths:
            path.chmod(0o700 if path.is_dir() else 0o600)


def warning(audience: str) -> str:
    """What is said above figures that are not for everyone; nothing where they are."""
    if audience == OPEN:
        return ""
    return (
        f"Kun for «{audience}»: tall der is_small er sann, skal ikke deles videre. / "
        f"For `{audience}` only: figures where is_small is true must not be passed on."
    )
