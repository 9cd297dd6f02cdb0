"""The pages as a folder of files, with relative links: it opens from a file share."""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Callable
from pathlib import Path

from reporting.audience import keep_private
from reporting.reader import Release
from reporting.web import pages
from reporting.web.app import STATIC
from reporting.web.pages import View
from reporting.web.words import LANGUAGES

Progress = Callable[[int, int], None]
_MARK = ".akuttkjede-site"


class NotEmptyError(RuntimeError):
    """The folder holds something that is no earlier site."""


def write(release: Release, folder: Path, progress: Progress | None = None) -> int:
    """Write every page in both languages; returns the number of pages.

    A folder that holds an earlier site is written anew.

    Raises:
        NotEmptyError: the folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).is_file():
            raise NotEmptyError(
                f"{folder} er ikke tom; velg en ny mappe. / "
                f"{folder} is not empty; choose a new one."
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # Before the first page: what is not for everyone is nobody else's while it is written either.
    keep_private([folder], release.audience)
    (folder / _MARK).write_text(release.release_id, "utf-8")
    shutil.copytree(STATIC, folder / "static")
    known = list(dict.fromkeys(pages.paths(release)))
    written = 0
    for path in known:
        for language in LANGUAGES:
            own = file_of(path if language == "nb" else f"/en{path}")
            view = View(release, language, path, _relative(own), is_file=True)
            target = folder / own
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(pages.page(view).html, "utf-8")
            written += 1
        if progress is not None:
            progress(written, len(known) * len(LANGUAGES))
    return written


def file_of(path: str) -> str:
    """The file of an address: `/units` is `units.html`, `/` is `index.html`."""
    bare = path.strip("/")
    if bare in ("", "en"):
        return posixpath.join(bare, "index.html")
    return bare if bare.startswith("static/") else f"{bare}.html"


def _relative(own: str) -> Callable[[str], str]:
    here = posixpath.dirname(own)
    return lambda path: posixpath.relpath(file_of(path), here or ".")
