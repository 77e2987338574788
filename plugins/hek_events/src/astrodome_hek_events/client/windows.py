"""Which times of which query to HEK are complete, and what is left to ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

ALL = "**"
"""HEK's own word for events of every type."""
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Query:
    """What is asked of HEK besides the time; empty names are all of them."""

    event_type: str
    frm_name: str = ""
    observatory: str = ""

    def __str__(self) -> str:
        names = [self.frm_name, self.observatory]
        kind = "all types" if self.event_type == ALL else self.event_type
        return " ".join([kind, *(name for name in names if name)])


@dataclass(frozen=True)
class Window:
    """A query over a time (UTC); ``tries`` counts how often it was cut because it failed."""

    query: Query
    start: datetime
    end: datetime
    tries: int = 0

    def __str__(self) -> str:
        return f"{self.query} {self.start.isoformat()} to {self.end.isoformat()}"

    def halves(self) -> tuple[Window, Window]:
        middle = self.start + (self.end - self.start) // 2
        middle = max(middle.replace(microsecond=0), self.start)
        again = replace(self, tries=self.tries + 1)
        return replace(again, end=middle), replace(again, start=middle)

    def without(self, done: Iterable[Window]) -> list[Window]:
        """What is left of this window when those of the same query are taken out."""
        spans = [(window.start, window.end) for window in done if window.query == self.query]
        gaps = _gaps((self.start, self.end), spans)
        return [replace(self, start=start, end=end, tries=0) for start, end in gaps]


def _gaps(whole: Span, known: Iterable[Span]) -> Iterator[Span]:
    at, last = whole
    for start, end in sorted(known):
        if start > at:
            yield at, min(start, last)
        at = max(at, end)
        if at >= last:
            return
    yield at, last
