"""Formats that are parsed by native code are read in processes of their own.

An abort, a hang or a hunger for memory in a library then costs one file, and no other. A process
starts at the first such file and serves the whole run, because its start takes half a second. It
ends with the program that started it, however that ends.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from ingestion.errors import FileRefusedError, refusal_of
from ingestion.readers import RawFile, read_bytes
from ingestion.sources.spec import TYPED_FORMATS, SourceSpec

SECONDS_VARIABLE = "AKUTT_READER_SECONDS"
MEMORY_VARIABLE = "AKUTT_READER_MEMORY_MB"
_SECONDS = 600.0
_LEAST_MEMORY = 2 * 1024**3
# Not for a process that reads what others have written.
_KEPT_FROM_IT = ("AKUTT_PSEUDONYM_KEY",)
_PROGRAM = "from ingestion.readers.isolated import serve; serve()"


class Readers:
    """Reads deliveries; the typed formats in processes of their own. Threads may share one.

    Args:
        seconds: how long one file may take; `AKUTT_READER_SECONDS`, else ten minutes.
        memory: bytes a process may use; `AKUTT_READER_MEMORY_MB`, else half of the machine's.
        processes: how many there are at most; two, but one where the program itself needs the
            cores. One starts when a thread finds none that is idle.
    """

    def __init__(
        self,
        seconds: float | None = None,
        memory: int | None = None,
        processes: int | None = None,
    ) -> None:
        self._seconds = seconds or float(os.environ.get(SECONDS_VARIABLE, _SECONDS))
        self._memory = memory or _memory_limit()
        self._places = threading.Semaphore(processes or (2 if (os.cpu_count() or 1) > 2 else 1))
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start a process without waiting for it, so that it is ready when it is needed."""
        with self._lock:
            if not self._idle and not self._busy:
                self._idle.append(_Worker(self._seconds, self._memory))

    def close(self) -> None:
        """End the processes; a thread that waits for one gets a refusal."""
        with self._lock:
            for worker in self._busy:
                worker.kill()
            for worker in self._idle:
                worker.end()
            self._idle.clear()

    def read(self, data: bytes, spec: SourceSpec, day: dt.date) -> RawFile:
        """As `read_bytes`; a file can raise nothing but a refusal, nor end the program.

        Raises:
            FileRefusedError: a file-level rule failed, or FILE_READER_FAILED.
        """
        if spec.format.type not in TYPED_FORMATS:
            return _guarded(data, spec, day)
        request = pickle.dumps((data, spec, day), protocol=pickle.HIGHEST_PROTOCOL)
        with self._places:
            answer = self._answer(request)
        if isinstance(answer, FileRefusedError):
            raise answer
        return answer

    def _answer(self, request: bytes) -> RawFile | FileRefusedError:
        worker = self._take()
        healthy = False
        try:
            try:
                worker.send(request)
            except OSError:
                # It had ended since its last file, which is no fault of this one.
                self._give_back(worker, healthy=False)
                worker = self._take()
                worker.send(request)
            answer = worker.answer(self._seconds)
            # Whatever state a failure left it in, no other file shall meet.
            healthy = getattr(answer, "code", None) != "FILE_READER_FAILED"
            return answer
        except (EOFError, OSError) as error:
            return worker.how_it_ended(error)
        finally:
            # Also when interrupted with an answer on its way, which the next must not get.
            self._give_back(worker, healthy=healthy)

    def _take(self) -> _Worker:
        with self._lock:
            worker = self._idle.pop() if self._idle else _Worker(self._seconds, self._memory)
            self._busy.append(worker)
            return worker

    def _give_back(self, worker: _Worker, *, healthy: bool) -> None:
        with self._lock:
            self._busy.remove(worker)
            if healthy:
                self._idle.append(worker)
            else:
                worker.end()


class _Worker:
    """The process, seen from the program that started it."""

    def __init__(self, seconds: float, memory: int) -> None:
        self._seconds = seconds
        ours, theirs = socket.socketpair()
        path = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109 - a path as text
        environment = {key: v for key, v in os.environ.items() if key not in _KEPT_FROM_IT}
        with theirs:
            # Nothing it prints is kept: a panic may quote a value.
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-c",
                    _PROGRAM,
                    str(theirs.fileno()),
                    str(seconds),
                    str(memory),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={
                    **environment,
                    "PYTHONPATH": os.pathsep.join(path),
                    # Files are small and many, and the program has the other cores.
                    "POLARS_MAX_THREADS": "1",
                },
            )
        self._connection = Connection(ours.detach())

    def send(self, request: bytes) -> None:
        self._connection.send_bytes(request)

    def answer(self, seconds: float) -> RawFile | FileRefusedError:
        """What it made of the request.

        Raises:
            TimeoutError, EOFError, OSError: it did not answer.
        """
        if not self._connection.poll(seconds):
            raise TimeoutError
        answer = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - of our own process
        return FileRefusedError(*answer) if isinstance(answer, tuple) else answer

    def how_it_ended(self, error: BaseException) -> FileRefusedError:
        """Why there is no answer, as a refusal of the file."""
        if isinstance(error, TimeoutError):
            limit = f"{self._seconds:g}"
            return _failed(f"ikke lest på {limit} s", f"not read in {limit} s")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.returncode
        how = signal.Signals(-code).name if code is not None and code < 0 else f"{code}"
        return _failed(f"leseprosessen stanset: {how}", f"the reading process ended: {how}")

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._connection.close()


def _guarded(data: bytes, spec: SourceSpec, day: dt.date) -> RawFile:
    """As `read_bytes`, with any exception of any library as a refusal."""
    try:
        return read_bytes(data, spec, day)
    except BaseException as error:
        refusal = refusal_of(error)
    # Outside the handler, so that the original is not kept as the context of this one.
    raise refusal


def _failed(why_nb: str, why_en: str) -> FileRefusedError:
    return FileRefusedError("FILE_READER_FAILED", why_nb, why_en)


def _memory_limit() -> int:
    said = os.environ.get(MEMORY_VARIABLE)
    if said:
        return int(said) * 1024**2
    return max(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2, _LEAST_MEMORY)


# --- in the process -----------------------------------------------------------------------------


def serve() -> None:
    """Answer requests until the program that started this process closes its end, or is gone."""
    descriptor, seconds, memory = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory(memory)
    threading.Thread(target=_end_with_parent, args=[descriptor], daemon=True).start()
    connection = Connection(descriptor)
    with contextlib.suppress(EOFError, OSError):
        while True:
            request = connection.recv_bytes()
            # The system ends this process should it hang with nobody left to end it.
            signal.alarm(int(seconds) + 10)
            answer = pickle.dumps(_read(request), protocol=pickle.HIGHEST_PROTOCOL)
            del request
            signal.alarm(0)
            connection.send_bytes(answer)


def _read(request: bytes) -> RawFile | tuple[str, str, str]:
    try:
        return read_bytes(*pickle.loads(request))  # noqa: S301 - of our own program
    except BaseException as error:
        refusal = refusal_of(error)
        return refusal.code, refusal.detail_nb, refusal.detail_en


def _limit_memory(memory: int) -> None:
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        limit = memory if most == resource.RLIM_INFINITY else min(memory, most)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _end_with_parent(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # a hang-up is always told
    poll.poll()
    os._exit(0)
