"""HEK queries, and the time windows for which they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

ALL_TYPES = "**"
"""Wildcard in the HEK query language that matches all event types."""


@dataclass(frozen=True)
class HekQuery:
    """Search criteria other than the time range. An empty string matches all values."""

    event_type: str = ALL_TYPES
    frm_name: str = ""
    observatory: str = ""

    def __str__(self) -> str:
        event_type = "all types" if self.event_type == ALL_TYPES else self.event_type
        return " ".join(name for name in (event_type, self.frm_name, self.observatory) if name)


@dataclass(frozen=True)
class QueryWindow:
    """A query with a time window (UTC).

    ``splits`` is the number of times that the original window was split after failed requests.
    """

    query: HekQuery
    start: datetime
    end: datetime
    splits: int = 0

    def __str__(self) -> str:
        return f"{self.query} {self.start.isoformat()} to {self.end.isoformat()}"

    def divide(self, length: timedelta) -> Iterator[QueryWindow]:
        """Divide the window into consecutive windows with at most the given length."""
        start = self.start
        while self.end - start > length:
            yield replace(self, start=start, end=start + length)
            start += length
        yield replace(self, start=start)

    def split(self) -> tuple[QueryWindow, QueryWindow]:
        """Split the window into two halves at a whole second."""
        middle = self.start + (self.end - self.start) // 2
        middle = max(middle.replace(microsecond=0), self.start)
        half = replace(self, splits=self.splits + 1)
        return replace(half, end=middle), replace(half, start=middle)

    def subtract(self, windows: Iterable[QueryWindow]) -> list[QueryWindow]:
        """Return the parts of the window that are not covered by the given windows.

        Given windows with a different query are ignored.
        """
        parts, start = [], self.start
        for other_start, other_end in sorted(
            (w.start, w.end) for w in windows if w.query == self.query
        ):
            if other_start > start:
                parts.append(QueryWindow(self.query, start, min(other_start, self.end)))
            start = max(start, other_end)
            if start >= self.end:
                return parts
        return [*parts, QueryWindow(self.query, start, self.end)]
