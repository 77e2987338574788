"""Pieces of work that leave the interpreter, on the threads of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any


def chunks(count: int, size: int) -> Iterator[slice]:
    """So many items in pieces of ``size``, of which the last may be smaller."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def share(part: Callable[[Any], None], work: Sequence[Any], threads: int) -> None:
    """Do ``part`` of each piece, in this thread when there is but one of either."""
    if threads > 1 and len(work) > 1:
        for _ in _pool(threads).map(part, work):
            pass
    else:
        for item in work:
            part(item)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="scope")
