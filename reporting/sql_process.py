"""The process that runs one statement of an analyst, so that it can be ended whatever it does.

A statement that builds one huge value answers no interrupt, and takes memory that the engine does
not count. A process can be ended, and has a limit of its own.

Reads a request as JSON on standard input. Answers with one line of JSON on standard output, and
after it, when there are rows, the rows as an Arrow file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reporting.audience import OPEN

if TYPE_CHECKING:
    import polars as pl

# What the engine counts (reader.py) and as much again for what it does not.
MEMORY_LIMIT_BYTES = 6 * 1024**3
# A process starts, and a client is given time to stop by itself, before it is ended.
_GRACE_SECONDS = 2.0


@dataclass(frozen=True)
class Failure:
    """Why a statement gave no rows: the kind of the exception, and its message."""

    kind: str
    message: str


def run_apart(
    folder: Path,
    statement: str,
    limit: int | None,
    seconds: float,
    memory_bytes: int = MEMORY_LIMIT_BYTES,
    audience: str = OPEN,
) -> pl.DataFrame | Failure:
    """The rows of a statement on the release in a folder, or why there are none.

    `limit` is the most rows to make, None where the statement cannot be limited.
    A `Failure` of kind `Stopped` was ended for its time, one of kind `Ended` by the system,
    most often for its memory.
    """
    import polars as pl

    request = {
        "folder": str(folder),
        "audience": audience,
        "statement": statement,
        "limit": limit,
        "seconds": seconds,
        "memory_bytes": memory_bytes,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "reporting.sql_process"],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        answer, _ = process.communicate(
            json.dumps(request).encode(), timeout=seconds + _GRACE_SECONDS
        )
    except subprocess.TimeoutExpired:
        return Failure("Stopped", "")
    finally:
        # Also when the caller is interrupted.
        process.kill()
        process.wait()
    head, _, rows = answer.partition(b"\n")
    if not head:
        return Failure("Ended", f"status {process.returncode}")
    said = json.loads(head)
    return Failure(**said) if said else pl.read_ipc(rows)


def main() -> None:
    """One request, one answer."""
    request = json.load(sys.stdin)
    _bound_memory(request["memory_bytes"])
    failure, frame = _answer(request)
    out = sys.stdout.buffer
    out.write(json.dumps(failure).encode() + b"\n")
    if frame is not None:
        frame.write_ipc(out)
    out.flush()


def _answer(request: dict[str, Any]) -> tuple[dict[str, str], pl.DataFrame | None]:
    import threading

    import duckdb
    from polars.exceptions import PolarsError

    from reporting.reader import NoReleaseError, open_release

    stopped = threading.Event()
    folder = Path(request["folder"])
    try:
        release = open_release(folder.parent, folder.name, request["audience"])
    except NoReleaseError as error:
        return {"kind": "NoRelease", "message": str(error)}, None
    with release, release.cursor() as cursor:

        def stop() -> None:
            stopped.set()
            cursor.interrupt()

        timer = threading.Timer(request["seconds"], stop)
        timer.daemon = True
        timer.start()
        try:
            relation = cursor.sql(request["statement"])
            if relation is None:
                return {"kind": "NoRows", "message": ""}, None
            if request["limit"] is not None:
                relation = relation.limit(request["limit"])
            return {}, relation.pl()
        except MemoryError:
            return {"kind": "OutOfMemoryException", "message": "std::bad_alloc"}, None
        except (PolarsError, duckdb.Error) as error:
            kind = "PolarsError" if isinstance(error, PolarsError) else type(error).__name__
            kind = "Stopped" if stopped.is_set() else kind
            return {"kind": kind, "message": str(error)}, None
        finally:
            timer.cancel()


def _bound_memory(size: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit; the engine's own holds
        return
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))


if __name__ == "__main__":
    main()
