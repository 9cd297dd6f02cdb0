"""Writing files so that a reader, or a process killed at any moment, sees all or nothing."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

# Windows refuses to replace a file that a reader holds open for the length of a read; the reader
# holds it for microseconds, so a few short waits are enough.
_REPLACE_ATTEMPTS = 50
_REPLACE_WAIT_SECONDS = 0.02


def fsync_file(path: Path) -> None:
    """Push one file's content to disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_dir(path: Path) -> None:
    """Push a directory's entries to disk; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(source: Path, target: Path) -> None:
    """`os.replace`, patient with Windows readers."""
    for attempt in range(_REPLACE_ATTEMPTS):
        try:
            source.replace(target)
            return
        except PermissionError:
            if os.name != "nt" or attempt == _REPLACE_ATTEMPTS - 1:
                raise
            time.sleep(_REPLACE_WAIT_SECONDS)


def write_text(path: Path, text: str) -> None:
    """Replace a small text file in one step, synced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("w", encoding="utf-8", newline="\n") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    fsync_dir(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Replace a small JSON file in one step, synced, with stable key order."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any | None:
    """The JSON value of a file, or None when it is absent or unreadable."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
