"""Detect and undo changes that plugin code makes to the current process."""

from __future__ import annotations

import io
import locale
import os
import signal
import sys
import textwrap
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

from .interpreter_state import InterpreterState

LONGEST = 60
"""Maximum length of captured text in a message, in characters."""
FINISH = 0.1
"""Time to wait for new threads to end after the import, in seconds."""


class Isolated:
    """A context manager that runs plugin code and undoes its changes to the process.

    ``faults`` contains a description of each change. Standard output is captured. The working
    directory, the locale and the signal handlers are restored. ``os._exit`` raises RuntimeError.
    New threads become daemon threads, so that they cannot prevent the process from ending. The
    context manager works only in the main thread, because all threads share this state.

    If ``strict`` is True, the state of the interpreter is also restored, for example environment
    variables. This is not done for modules that import libraries, because libraries may need them.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.faults: list[str] = []
        self.strict = strict
        self.main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Isolated:
        if not self.main:
            return self
        self._process = os.getpid()
        self._state = InterpreterState() if self.strict else None
        self._directory = current_directory()
        self._locale = locale.setlocale(locale.LC_ALL)
        self._signals = signal_handlers()
        self._stdout, self._captured = sys.stdout, io.StringIO()
        self._descriptor = _stdout_to_stderr()
        self._start = threading.Thread.start
        self._threads: list[threading.Thread] = []
        self._exit = os._exit
        os._exit = self._refuse_exit()
        threading.Thread.start = self._start_as_daemon()  # type: ignore[method-assign]
        sys.stdout = self._captured
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.main:
            return
        sys.stdout = self._stdout
        os._exit = self._exit
        if os.getpid() != self._process:  # A forked process must not run the command, too.
            os._exit(1)
        if self._descriptor is not None:
            os.dup2(self._descriptor, 1)
            os.close(self._descriptor)
        threading.Thread.start = self._start  # type: ignore[method-assign]
        self._find_text()
        self._find_state()
        if self._state:
            self.faults += self._state.restore()
        for thread in self._threads:
            thread.join(FINISH)  # Matplotlib's timer thread ends in this time.
            if thread.is_alive():
                self.faults.append(f"it starts a thread that is not a daemon ({thread.name})")
                break

    def _find_text(self) -> None:
        if text := " ".join(self._captured.getvalue().split()):
            shown = textwrap.shorten(text, LONGEST, placeholder="...")
            self.faults.append(f"it prints {shown!r} when it is imported")

    def _find_state(self) -> None:
        if self._directory and current_directory() != self._directory:
            os.chdir(self._directory)
            self.faults.append("it changes the working directory")
        if locale.setlocale(locale.LC_ALL) != self._locale:
            with suppress(locale.Error):
                locale.setlocale(locale.LC_ALL, self._locale)
            self.faults.append("it changes the locale")
        now = signal_handlers()
        changed = [number for number, handler in self._signals.items() if now[number] != handler]
        for number in changed:
            # The value is None if the handler was not set from Python.
            if self._signals[number] is not None:
                signal.signal(number, self._signals[number])
        if changed:
            names = ", ".join(signal.Signals(number).name for number in changed)
            self.faults.append(f"it changes the signal handler for {names}")

    def _refuse_exit(self) -> Any:
        process, leave = os.getpid(), self._exit

        def refuse_exit(status: int) -> None:
            if os.getpid() != process:  # a forked process
                leave(status)
            raise RuntimeError(f"it calls os._exit({status}) when it is imported")

        return refuse_exit

    def _start_as_daemon(self) -> Any:
        threads, start = self._threads, self._start

        def start_as_daemon(thread: threading.Thread) -> None:
            unsafe = not thread.daemon
            thread.daemon = True
            start(thread)
            if unsafe:
                threads.append(thread)

        return start_as_daemon


def current_directory() -> str:
    """Return the working directory, or an empty string if it was deleted."""
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:
        return ""


_SIGNALS = [
    getattr(signal, f"SIG{name}")
    for name in ("INT", "TERM", "HUP", "PIPE", "ALRM", "CHLD", "QUIT", "USR1", "USR2", "WINCH")
]


def signal_handlers() -> dict[int, Any]:
    """Return the handlers of the signals that libraries often handle, keyed by signal number."""
    return {number: signal.getsignal(number) for number in _SIGNALS}


def _stdout_to_stderr() -> int | None:
    """Redirect file descriptor 1 to standard error, and return a duplicate of the original.

    Return None if standard output is closed.
    """
    with suppress(Exception):
        sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # standard output is closed
        return None
    os.dup2(2, 1)
    return kept
