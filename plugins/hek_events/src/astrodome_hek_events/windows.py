"""Which times of which query to HEK are complete, and what is left to ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from . import bulk
from .schema import windows

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


def mark(connection: sa.Connection, window: Window) -> None:
    """Note in the transaction of its events that a window is complete."""
    query = window.query
    row = {
        "event_type": query.event_type,
        "frm_name": query.frm_name.lower(),
        "observatory": query.observatory.lower(),
        "window_start": window.start,
        "window_end": window.end,
        "fetched": datetime.now(UTC).replace(tzinfo=None),
    }
    bulk.upsert(connection, windows, [row])


def missing(
    connection: sa.Connection | None, wanted: Window, settle: timedelta, since: datetime
) -> list[Window]:
    """The parts of ``wanted`` that are not complete.

    A window is complete for good when it was fetched ``settle`` after its end, for HEK
    goes on to receive events for a while; one fetched earlier counts if that was after ``since``.
    What was fetched with fewer conditions covers what is asked with more.
    """
    if connection is None:
        return [wanted]
    query, c = wanted.query, windows.c
    known = connection.execute(
        sa.select(c.window_start, c.window_end, c.fetched).where(
            c.event_type.in_({query.event_type, ALL}),
            c.frm_name.in_({query.frm_name.lower(), ""}),
            c.observatory.in_({query.observatory.lower(), ""}),
            c.window_end > wanted.start,
            c.window_start < wanted.end,
        )
    )
    good = [
        Window(query, start, end)
        for start, end, fetched in known
        if fetched >= min(end + settle, since)
    ]
    return wanted.without(good)


def _gaps(whole: Span, known: Iterable[Span]) -> Iterator[Span]:
    at, last = whole
    for start, end in sorted(known):
        if start > at:
            yield at, min(start, last)
        at = max(at, end)
        if at >= last:
            return
    yield at, last
