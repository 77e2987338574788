"""Report the progress of long operations.

Library functions call :func:`task`. By default, progress is not shown. The commands call
:func:`shown_with` to show it in the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol


class Task(Protocol):
    """Long operation that reports its progress."""

    def advance(self, steps: int = 1, detail: str = "") -> None:
        """Report completed steps and, optionally, a description of the current state."""


class SilentTask:
    """Task whose progress is not shown."""

    def advance(self, steps: int = 1, detail: str = "") -> None:
        pass


Start = Callable[..., AbstractContextManager[Task]]
"""Function that starts a task. It has the same arguments as :func:`task`."""
_start: ContextVar[Start | None] = ContextVar("start", default=None)


def task(
    label: str, total: int, unit: str = "images", *, resumes: bool = True
) -> AbstractContextManager[Task]:
    """Return a context manager for a task with ``total`` steps.

    ``resumes`` specifies whether the task can be resumed after an interruption.
    """
    start = _start.get()
    return start(label, total, unit, resumes=resumes) if start else nullcontext(SilentTask())


@contextmanager
def shown_with(start: Start) -> Iterator[None]:
    """Call ``start`` for each task that begins inside the ``with`` block."""
    token = _start.set(start)
    try:
        yield
    finally:
        _start.reset(token)
