"""Find changes that the code of a plugin makes to the process of a test."""

from __future__ import annotations

import locale
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..isolation import FINISH, current_directory, signal_handlers


@contextmanager
def observed() -> Iterator[list[str]]:
    """Yield a list to which a description of each change in the block is added.

    The working directory, the locale, the signal handlers and the threads are compared.
    """
    changes: list[str] = []
    directory, language = current_directory(), locale.setlocale(locale.LC_ALL)
    handlers, threads = signal_handlers(), set(threading.enumerate())
    yield changes
    if current_directory() != directory:
        changes.append("it changes the working directory")
    if locale.setlocale(locale.LC_ALL) != language:
        changes.append("it changes the locale")
    now = signal_handlers()
    changes += [
        f"it changes the signal handler for {signal.Signals(number).name}"
        for number, handler in handlers.items()
        if now[number] != handler
    ]
    for thread in set(threading.enumerate()) - threads:
        if not thread.daemon:
            thread.join(FINISH)
            if thread.is_alive():
                changes.append(f"it does not end the thread {thread.name}")
