"""Columns side by side: what is done to each alone is done to several of them at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_LEAST_ROWS = 20_000


def each(work: Callable[[Item], Result], items: Iterable[Item], rows: int) -> list[Result]:
    """The results of all items, in their order; what one raises is raised here.

    The engine and NumPy let go of the interpreter while they work. Of few rows the threads would
    cost more than they give.
    """
    todo = list(items)
    if rows < _LEAST_ROWS or len(todo) < 2:
        return [work(item) for item in todo]
    with ThreadPoolExecutor(min(len(todo), os.cpu_count() or 1), "beside") as pool:
        return list(pool.map(work, todo))
