"""Download long time ranges in time windows, in parallel."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any, NamedTuple

from astrodome import compute

from .hek_client import HekClient, HekUnreachableError
from .windows import QueryWindow

MAX_LENGTH = timedelta(days=16)
"""Maximum length of a time window, which limits the number of response pages."""
MAX_SPLITS = 8
"""Maximum number of splits, after which a window with a failed request is not split again."""
OUTAGE_FAILURES, OUTAGE_SPLITS = 8, 6
"""HEK is considered unavailable after this number of consecutive failures.

In addition, the window that failed last must have been split at least ``OUTAGE_SPLITS`` times.
"""


class WindowResult(NamedTuple):
    """The HEK records in a time window, or the error message if the request failed."""

    window: QueryWindow
    records: list[Any] | None = None
    error: str = ""


def fetch_windows(
    client: HekClient, windows: Sequence[QueryWindow], jobs: int = 4
) -> Generator[WindowResult]:
    """Download the events in time windows, with ``jobs`` simultaneous requests.

    Windows that are longer than ``MAX_LENGTH`` are divided. If the request for a window fails, the
    window is split into two halves, which are requested separately. If HEK is unreachable, no more
    requests are sent, and all windows that have not been downloaded are reported as failed.
    """
    queue = deque(part for window in windows for part in window.divide(MAX_LENGTH))
    finished: list[QueryWindow] = []
    failures = 0

    def pending() -> Iterator[QueryWindow]:
        while queue:
            yield queue.popleft()

    def fetch(window: QueryWindow) -> list[Any] | HekUnreachableError:
        try:
            return client.fetch(window)
        except HekUnreachableError as error:
            return error

    while queue:
        # If the loop ends early, the generator must be closed to stop its threads.
        results: Any = compute.map(fetch, pending(), jobs=jobs, threads=True)
        with closing(results):
            for result in results:
                window, response = result.item, result.value
                if isinstance(response, list):
                    failures = 0
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
                if window.splits < MAX_SPLITS and window.end - window.start >= timedelta(seconds=2):
                    queue.extendleft(reversed(window.split()))
                else:
                    finished.append(window)
                    yield WindowResult(window, error=result.error)
