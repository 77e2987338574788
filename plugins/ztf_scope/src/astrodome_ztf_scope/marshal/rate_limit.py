"""Not more requests a second than a service wants, over all threads."""

from __future__ import annotations

import threading
import time


class Pace:
    """``wait()`` returns at most ``rate`` times a second; at once without a rate."""

    def __init__(self, rate: float | None) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        if not self._gap:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now)
            self._next = turn + self._gap
        time.sleep(turn - now)
