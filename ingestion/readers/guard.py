"""Whatever a library does with a file becomes a refusal of that file."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ingestion.errors import FileRefusedError

P = ParamSpec("P")
T = TypeVar("T")


def caught(error: BaseException) -> str:
    """The class name of an error that says something of the file; others are raised again.

    A refusal, and what ends the program, go on. A panic of a Rust library is a `BaseException` and
    no `Exception`: it is an error of the file.
    """
    if isinstance(error, FileRefusedError | KeyboardInterrupt | SystemExit | GeneratorExit):
        raise error
    return type(error).__name__


def reader_failed(why_nb: str, why_en: str) -> FileRefusedError:
    """FILE_READER_FAILED, saying why without any value from the file."""
    return FileRefusedError("FILE_READER_FAILED", why_nb, why_en)


def guarded(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `read` gives, with any exception of any library as a refusal.

    Raises:
        FileRefusedError: of `read` itself, or FILE_READER_FAILED with the name of the exception,
            without its text, which may hold values.
    """
    try:
        return read(*args, **kwargs)
    except BaseException as error:
        kind = caught(error)
    # Outside the handler, so that the original is not kept as the context of this one.
    raise reader_failed(f"feil i leseren: {kind}", f"error in the reader: {kind}")
