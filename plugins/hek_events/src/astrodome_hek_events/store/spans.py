"""Finding the events at a time in SQL, through the index over the classes of their durations."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from .durations import FIRST, LAST
from .schema import events

LONGEST = timedelta(days=366)
"""Up to how long a time the classes help; for a longer one the starts alone do."""


def bounds(start: datetime, end: datetime) -> dict[str, str]:
    """Parameters of :func:`overlapping`: when events that overlap begin."""
    return {
        "begin": _stamp(start, 0),
        "latest": _stamp(end, 0),
        **{f"e{k}": _stamp(start, 1 << k if k < LAST else None) for k in range(FIRST, LAST + 1)},
    }


def overlapping(query: sa.Select[Any], dialect: str) -> sa.Select[Any]:
    """The query over ``hek_records``, for what may overlap; with the parameters of :func:`bounds`.

    What it finds began early enough; whether it also ended late enough is left to ask.
    """
    if dialect == "postgresql":
        return query.where(_one_by_one())
    spans, c = _spans(), events.c
    return query.select_from(spans).join(
        events,
        sa.and_(
            c.duration_class == spans.c["class"],
            c.event_starttime >= spans.c.earliest,
            c.event_starttime <= spans.c.latest,
        ),
    )


@cache
def _spans() -> sa.CTE:
    names = ("class", "earliest", "latest")
    listed = ", ".join(f"column{place} AS {name}" for place, name in enumerate(names, start=1))
    text = sa.text(f"SELECT {listed} FROM (VALUES {_values(':{0}')})")
    types = (sa.SmallInteger, sa.DateTime, sa.DateTime)
    return text.columns(*map(sa.column, names, types)).cte("spans")


@cache
def _one_by_one() -> sa.TextClause:
    """Leaves PostgreSQL one way, through the index once for each class (hence OFFSET 0).

    From a join it takes some other way as soon as it has statistics: it has none of how
    the ends of events depend on their starts.
    """
    return sa.text(
        "hek_records.kb_archivid = ANY(ARRAY("
        "SELECT found.id FROM (VALUES "
        f"{_values('CAST(:{0} AS timestamp)')}) AS spans (class, earliest, latest) "
        "CROSS JOIN LATERAL (SELECT r.kb_archivid AS id FROM hek_records AS r "
        "WHERE r.duration_class = spans.class "
        "AND r.event_starttime BETWEEN spans.earliest AND spans.latest "
        "AND r.event_endtime >= CAST(:begin AS timestamp) OFFSET 0) AS found))"
    )


def _values(time: str) -> str:
    latest = time.format("latest")
    return ", ".join(f"({k}, {time.format(f'e{k}')}, {latest})" for k in range(FIRST, LAST + 1))


def _stamp(time: datetime, seconds: int | None) -> str:
    try:
        time = time - timedelta(seconds=seconds) if seconds is not None else datetime.min
    except OverflowError:
        time = datetime.min
    return time.isoformat(" ", "microseconds")
