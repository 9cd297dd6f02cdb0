"""A second process for a part of the work. It is started early: it takes a while to be ready."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

_Answer = TypeVar("_Answer")


class Assistant(Generic[_Answer]):
    """A process that waits for the arguments of one call, and ends with its answer.

    It also ends when nobody is left to ask or to hear it.
    """

    def __init__(self, function: Callable[..., _Answer]) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_assist, args=(theirs, function), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, *arguments: object) -> None:
        """Let the process begin; one that has ended is noticed by who waits for its answer."""
        with suppress(OSError):
            self._pipe.send(arguments)

    def answer(self) -> _Answer:
        """Wait for what the call returns; what it raises is raised again."""
        try:
            answer: _Answer | Exception = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            raise RuntimeError(
                "the process that decides what may be seen ended with status"
                f" {self._process.exitcode}"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def dismiss(self) -> None:
        """End the process, whatever it is doing."""
        self._pipe.close()
        # Not asked to end: whoever began us may have told us not to listen.
        self._process.kill()
        self._process.join()


@contextmanager
def assistant(
    function: Callable[..., _Answer], *, wanted: bool
) -> Iterator[Assistant[_Answer] | None]:
    """A process ready for one call; None where it is not wanted, or has nothing to run on."""
    if not wanted or current_process().daemon or (os.cpu_count() or 1) < 2:
        yield None
        return
    found = Assistant(function)
    try:
        yield found
    finally:
        found.dismiss()


def _assist(pipe: Connection, function: Callable[..., object]) -> None:
    try:
        arguments = pipe.recv()
    except (EOFError, OSError):
        return
    try:
        answer = function(*arguments)
    except Exception as error:  # it is raised again where the answer is waited for
        answer = error
    with suppress(OSError):
        pipe.send(answer)
