"""Finding events at a time among millions, with an index that every database has.

An event belongs to the class k when it takes at most 2^k seconds (and more than half of
that). Those of class k that are on at a time began within the 2^k seconds before it: one
short range of an index over (class, start), and at least half of what is in there fits
whatever the events' durations are, be it minutes or months. All that take less than
2^FIRST share a class, and so do all that take more than 2^(LAST - 1).
"""

from __future__ import annotations

from datetime import datetime, timedelta

SECOND = timedelta(seconds=1)
FIRST, LAST = 8, 24
"""About four minutes and half a year; a store's column depends on them."""


def duration_class(start: datetime, end: datetime) -> int:
    """The class of an event that takes from ``start`` to ``end``; the first if they are swapped."""
    seconds = -((start - end) // SECOND)
    return min(max(FIRST, (seconds - 1).bit_length()), LAST) if seconds > 0 else FIRST
