"""Finding events at a time among millions, with an index that every database has.

An event belongs to the class k when it takes at most 2^k seconds (and more than half of
that). Those of class k that are on at a time began within the 2^k seconds before it: one
short range of an index over (class, start), and at least half of what is in there fits
whatever the events' durations are, be it minutes or months. All that take less than
2^FIRST share a class, and so do all that take more than 2^(LAST - 1).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa

SECOND = timedelta(seconds=1)
FIRST, LAST = 8, 24
"""About four minutes and half a year; a store's column depends on them."""
LONGEST = timedelta(days=366)
"""Up to how long a time the classes help; for a longer one the starts alone do."""


def duration_class(start: datetime, end: datetime) -> int:
    """The class of an event that takes from ``start`` to ``end``; the first if they are swapped."""
    seconds = -((start - end) // SECOND)
    return min(max(FIRST, (seconds - 1).bit_length()), LAST) if seconds > 0 else FIRST


def earliest(start: datetime) -> dict[str, str]:
    """Parameters of :func:`ranges`: since when events of each class may have begun."""
    return {f"e{k}": _stamp(start, 1 << k if k < LAST else None) for k in range(FIRST, LAST + 1)}


@cache
def ranges(dialect: str) -> sa.CTE:
    """The classes as a table of (class, earliest), with the parameters of :func:`earliest`."""
    cast = "CAST(:e{0} AS timestamp)" if dialect == "postgresql" else ":e{0}"
    lines = (f"SELECT {k} AS class, {cast.format(k)} AS earliest" for k in range(FIRST, LAST + 1))
    text = sa.text(" UNION ALL ".join(lines))
    columns = sa.column("class", sa.SmallInteger), sa.column("earliest", sa.DateTime)
    return text.columns(*columns).cte("spans")


def _stamp(time: datetime, seconds: int | None) -> str:
    try:
        time = time - timedelta(seconds=seconds) if seconds else datetime.min
    except OverflowError:
        time = datetime.min
    return time.isoformat(" ", "microseconds")
