"""Limit the rate of requests to a service."""

from __future__ import annotations

import threading
import time


class RateLimiter:
    """A limiter for the number of requests per second, shared by all threads.

    Parameters
    ----------
    rate
        Maximum number of requests per second, or None for no limit.
    """

    def __init__(self, rate: float | None) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Block until the next request may be sent."""
        with self._lock:
            now = time.monotonic()
            start = max(self._next, now)
            self._next = start + self._interval
        time.sleep(start - now)
