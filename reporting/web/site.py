"""The pages as a folder of files, with relative links: it opens from a file share."""

from __future__ import annotations

import os
import posixpath
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context, parent_process
from pathlib import Path

from reporting.audience import keep_private
from reporting.reader import Release, open_release
from reporting.web import pages
from reporting.web.app import STATIC
from reporting.web.pages import View
from reporting.web.words import LANGUAGES

Progress = Callable[[int, int], None]
_MARK = ".akuttkjede-site"
# Pages that are written in one go: neighbours, which are read together.
_CHUNK = 250
_LOOK_SECONDS = 0.2


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
    chunks = [known[at : at + _CHUNK] for at in range(0, len(known), _CHUNK)]
    done = 0
    with workers(release, min(os.cpu_count() or 1, len(chunks))) as pool:
        for count in pool.map(_write, repeat(folder), chunks):
            done += count
            if progress is not None:
                progress(done, len(known) * len(LANGUAGES))
    return done


def workers(release: Release, count: int) -> ProcessPoolExecutor:
    """Processes that have the release open, and end when this one does, however it ends."""
    # Processes of their own kind: a fork of one that has an open database is no safe one.
    asked = release.path, release.audience
    return ProcessPoolExecutor(count, get_context("spawn"), _begin, asked)


_release: Release


def _begin(path: Path, audience: str) -> None:
    global _release
    threading.Thread(target=_end_with_parent).start()
    _release = open_release(path.parent, path.name, audience)


def _end_with_parent() -> None:
    """A process of a pool waits for work for ever when the one that gives it was killed."""
    parent = parent_process()
    assert parent is not None
    while threading.main_thread().is_alive():
        parent.join(_LOOK_SECONDS)
        if not parent.is_alive():
            # The main thread waits and cannot be told; what it has open is only read.
            os._exit(1)


def _write(folder: Path, known: list[str]) -> int:
    """Write these pages in both languages; returns how many."""
    written = 0
    for path in known:
        for language in LANGUAGES:
            own = file_of(path if language == "nb" else f"/en{path}")
            view = View(_release, language, path, _relative(own), is_file=True)
            target = folder / own
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(pages.page(view).html, "utf-8")
            written += 1
    return written


def file_of(path: str) -> str:
    """The file of an address: `/units` is `units.html`, `/` is `index.html`."""
    bare = path.strip("/")
    if bare in ("", "en"):
        return posixpath.join(bare, "index.html")
    return bare if bare.startswith("static/") else f"{bare}.html"


def _relative(own: str) -> Callable[[str], str]:
    up = "../" * own.count("/")
    return lambda path: up + file_of(path)
