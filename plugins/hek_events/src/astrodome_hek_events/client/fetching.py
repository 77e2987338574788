"""Download of long time ranges in windows of adaptive length, several at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from astrodome import compute

from .hek_client import HekClient, HekResponse, HekUnreachableError
from .windows import QueryWindow

FIRST_LENGTH = timedelta(days=1)
SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=64)
MAX_SPLITS = 6
"""Number of times that a failing window is split before it is reported as failed."""
OUTAGE_FAILURES, OUTAGE_SPLITS = 8, 4
"""Consecutive failures, the last of a window split this often, after which HEK counts as down."""
FEW_PAGES, MANY_PAGES = 5, 20
"""Limits on the pages of a response for longer and shorter windows.

Smaller limits would not help: events that last for days are in the response of every window.
"""
SLOW = 20.0
"""Duration of a response, in seconds, above which windows become shorter."""


@dataclass
class WindowLength:
    """Length of the next windows: longer while HEK responds fast with a few pages."""

    length: timedelta = FIRST_LENGTH

    def update(self, response: HekResponse) -> None:
        """Adapt the length to a response."""
        if response.pages > MANY_PAGES or response.seconds > SLOW:
            self.length = max(self.length / 2, SHORTEST)
        elif response.pages <= FEW_PAGES and response.seconds < SLOW / 4:
            self.length = min(self.length * 2, LONGEST)

    def update_after_failure(self, window: QueryWindow) -> None:
        """Adapt the length to a window that failed."""
        self.length = max(min(self.length, (window.end - window.start) / 2), SHORTEST)

    def take_slices(self, queue: deque[QueryWindow]) -> Iterator[QueryWindow]:
        """Remove windows from the queue and yield them in slices of the current length."""
        while queue:
            window = queue.popleft()
            end = window.start + self.length
            if not window.splits and end < window.end:
                queue.appendleft(QueryWindow(window.query, end, window.end))
                window = QueryWindow(window.query, window.start, end)
            yield window


class WindowResult(NamedTuple):
    """The response for a window, or the error because of which its events are missing."""

    window: QueryWindow
    response: HekResponse | None = None
    error: str = ""


def fetch_windows(
    client: HekClient, windows: Sequence[QueryWindow], jobs: int = 4
) -> Generator[WindowResult]:
    """Download the events of time windows, with ``jobs`` requests at a time.

    Long windows are downloaded in slices, and a slice that fails is split and requested again.
    All requests end when HEK is unreachable; the remaining parts of the windows then fail.
    """
    queue, length = deque(windows), WindowLength()
    finished: list[QueryWindow] = []
    failures = 0

    def fetch(window: QueryWindow) -> HekResponse | HekUnreachableError:
        try:
            return client.fetch(window)
        except HekUnreachableError as error:
            return error

    while queue:
        slices = length.take_slices(queue)
        # A generator, which must be closed when it is left early, to end its threads.
        results: Any = compute.map(fetch, slices, jobs=jobs, threads=True)
        with closing(results):
            for result in results:
                window, response = result.item, result.value
                if isinstance(response, HekResponse):
                    failures = 0
                    length.update(response)
                    finished.append(window)
                    yield WindowResult(window, response)
                    continue
                failures += 1
                if response or (failures >= OUTAGE_FAILURES and window.splits >= OUTAGE_SPLITS):
                    error = response.message if response else result.error
                    for missing in windows:
                        yield from (
                            WindowResult(w, error=error) for w in missing.subtract(finished)
                        )
                    return
                length.update_after_failure(window)
                if window.splits < MAX_SPLITS and window.end - window.start >= timedelta(seconds=2):
                    queue.extendleft(reversed(window.split()))
                else:
                    finished.append(window)
                    yield WindowResult(window, error=result.error)
