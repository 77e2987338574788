"""Find and undo changes that the code of a plugin makes to the process of a test."""

from __future__ import annotations

import locale
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from ..isolation import FINISH, Isolated, current_directory, signal_handlers


def load(module: str) -> ModuleType:
    """Import a plugin module, and undo the changes that the import makes to the process."""
    with Isolated(strict=True):
        return import_module(module)


def files(*folders: Path) -> dict[Path, tuple[int, int]]:
    """Return the size and the modification time of each file in folders, keyed by path.

    Files with compiled Python code are ignored.
    """
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                stat = path.stat()
                found[path] = (stat.st_size, stat.st_mtime_ns)
    return found


@contextmanager
def observed() -> Iterator[list[str]]:
    """Yield a list to which a description of each change in the block is added.

    The working directory, the locale, the signal handlers and the threads are compared. The first
    three are restored.
    """
    changes: list[str] = []
    directory, language = current_directory(), locale.setlocale(locale.LC_ALL)
    handlers, threads = signal_handlers(), set(threading.enumerate())
    yield changes
    if current_directory() != directory:
        os.chdir(directory)
        changes.append("it changes the working directory")
    if locale.setlocale(locale.LC_ALL) != language:
        locale.setlocale(locale.LC_ALL, language)
        changes.append("it changes the locale")
    now = signal_handlers()
    for number, handler in handlers.items():
        if now[number] != handler:
            if handler is not None:
                signal.signal(number, handler)
            changes.append(f"it changes the signal handler for {signal.Signals(number).name}")
    for thread in set(threading.enumerate()) - threads:
        if not thread.daemon:
            thread.join(FINISH)
            if thread.is_alive():
                changes.append(f"it does not end the thread {thread.name}")
