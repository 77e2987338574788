"""Report the progress of long operations to an observer.

Library functions call :func:`task` and :func:`message`. By default, the reports are ignored. The
commands set an observer that shows them in the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol


class Task(Protocol):
    """Long operation that reports its progress."""

    def advance(self, steps: int = 1, detail: str = "") -> None:
        """Report completed steps and, optionally, a description of the current state."""


class SilentTask:
    """Task that ignores its progress."""

    def advance(self, steps: int = 1, detail: str = "") -> None:
        pass


class Observer:
    """Receiver of progress reports. The base class ignores all reports."""

    def task(
        self, label: str, total: int, unit: str, *, resumes: bool = True
    ) -> AbstractContextManager[Task]:
        """Return a context manager for a task with ``total`` steps.

        ``resumes`` specifies whether the task can be resumed after an interruption.
        """
        return nullcontext(SilentTask())

    def message(self, text: str) -> None:
        """Handle a log message, for example the losses of an epoch."""


_observer: ContextVar[Observer] = ContextVar("observer", default=Observer())  # noqa: B039


def task(
    label: str, total: int, unit: str = "images", *, resumes: bool = True
) -> AbstractContextManager[Task]:
    """Return a context manager for a task of the current observer."""
    return _observer.get().task(label, total, unit, resumes=resumes)


def message(text: str) -> None:
    """Send a log message to the current observer."""
    _observer.get().message(text)


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Send the progress reports inside the ``with`` block to an observer."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)
