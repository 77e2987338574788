"""Progress of long work, reported to the observer that the caller sets.

Library functions report through :func:`task` and :func:`message`. By default nothing is shown;
the commands set an observer that writes to the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol


class Task(Protocol):
    """Work in progress."""

    def advance(self, steps: int = 1, detail: str = "") -> None:
        """Report completed steps and, optionally, a text about the current state."""


class SilentTask:
    """A task without an observer."""

    def advance(self, steps: int = 1, detail: str = "") -> None:
        pass


class Observer:
    """Receives the progress of tasks. This base class ignores it."""

    def task(
        self, label: str, total: int, unit: str, *, resumes: bool = True
    ) -> AbstractContextManager[Task]:
        """Begin a task of ``total`` steps; ``resumes`` tells whether it can be continued later."""
        return nullcontext(SilentTask())

    def message(self, text: str) -> None:
        """Receive a text for the log, for example the losses of an epoch."""


_observer: ContextVar[Observer] = ContextVar("observer", default=Observer())  # noqa: B039


def task(
    label: str, total: int, unit: str = "images", *, resumes: bool = True
) -> AbstractContextManager[Task]:
    """Begin a task and return a context manager for it."""
    return _observer.get().task(label, total, unit, resumes=resumes)


def message(text: str) -> None:
    """Report a text."""
    _observer.get().message(text)


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Report the progress of the enclosed calls to an observer."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)
