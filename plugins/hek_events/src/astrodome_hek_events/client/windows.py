"""Queries to HEK and the time windows in which they are sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

ALL_TYPES = "**"
"""Event type in HEK's query language that matches events of every type."""


@dataclass(frozen=True)
class HekQuery:
    """Search criteria besides the time; an empty string matches every value."""

    event_type: str = ALL_TYPES
    frm_name: str = ""
    observatory: str = ""

    def __str__(self) -> str:
        event_type = "all types" if self.event_type == ALL_TYPES else self.event_type
        return " ".join(name for name in (event_type, self.frm_name, self.observatory) if name)


@dataclass(frozen=True)
class QueryWindow:
    """A query for a time window (UTC); ``splits`` counts how often it was split after a failure."""

    query: HekQuery
    start: datetime
    end: datetime
    splits: int = 0

    def __str__(self) -> str:
        return f"{self.query} {self.start.isoformat()} to {self.end.isoformat()}"

    def split(self) -> tuple[QueryWindow, QueryWindow]:
        """Return the two halves of the window, which meet at a whole second."""
        middle = self.start + (self.end - self.start) // 2
        middle = max(middle.replace(microsecond=0), self.start)
        half = replace(self, splits=self.splits + 1)
        return replace(half, end=middle), replace(half, start=middle)

    def subtract(self, windows: Iterable[QueryWindow]) -> list[QueryWindow]:
        """Return the parts of this window that no given window of the same query covers."""
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
