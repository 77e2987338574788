"""Download long time ranges in time windows with adaptive length, in parallel."""

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
"""Maximum number of times that a window is split. If it fails again, it is reported as failed."""
OUTAGE_FAILURES, OUTAGE_SPLITS = 8, 4
"""HEK is considered unavailable after this number of consecutive failures.

In addition, the window that failed last must have been split at least ``OUTAGE_SPLITS`` times.
"""
FEW_PAGES, MANY_PAGES = 5, 20
"""Numbers of response pages that control the window length.

Windows become longer after responses with at most ``FEW_PAGES`` pages, and shorter after responses
with more than ``MANY_PAGES`` pages. Smaller values have no advantage, because events that last for
several days are returned for every window.
"""
SLOW = 20.0
"""Response time in seconds above which windows become shorter."""


@dataclass
class WindowLength:
    """Adaptive length of time windows.

    The length increases while HEK responds fast and with few pages. Otherwise, it decreases.
    """

    length: timedelta = FIRST_LENGTH

    def update(self, response: HekResponse) -> None:
        """Update the length after a successful response."""
        if response.pages > MANY_PAGES or response.seconds > SLOW:
            self.length = max(self.length / 2, SHORTEST)
        elif response.pages <= FEW_PAGES and response.seconds < SLOW / 4:
            self.length = min(self.length * 2, LONGEST)

    def update_after_failure(self, window: QueryWindow) -> None:
        """Reduce the length after the request for a window has failed."""
        self.length = max(min(self.length, (window.end - window.start) / 2), SHORTEST)

    def take_slices(self, queue: deque[QueryWindow]) -> Iterator[QueryWindow]:
        """Remove windows from the queue, and yield them in slices with the current length.

        Windows that were split after a failure are not sliced.
        """
        while queue:
            window = queue.popleft()
            end = window.start + self.length
            if not window.splits and end < window.end:
                queue.appendleft(QueryWindow(window.query, end, window.end))
                window = QueryWindow(window.query, window.start, end)
            yield window


class WindowResult(NamedTuple):
    """The response for a time window, or the error message if the request failed."""

    window: QueryWindow
    response: HekResponse | None = None
    error: str = ""


def fetch_windows(
    client: HekClient, windows: Sequence[QueryWindow], jobs: int = 4
) -> Generator[WindowResult]:
    """Download the events in time windows, with ``jobs`` simultaneous requests.

    Long windows are downloaded in slices. If the request for a slice fails, the slice is split and
    requested again. If HEK is unreachable, no more requests are sent, and all parts of the windows
    that have not been downloaded are reported as failed.
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
        # If the loop ends early, the generator must be closed to stop its threads.
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
