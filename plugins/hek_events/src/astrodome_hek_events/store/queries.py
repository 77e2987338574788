"""Filters of events, and the SQL queries for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from astrodome import times

from ..records import DURATION_CLASSES
from .schema import events

COLUMNS = tuple(c for c in events.c if c.name not in ("full_event", "duration_class"))
RECORD = sa.cast(events.c.full_event, sa.Text).label("record")
MONTH = sa.func.substr(sa.cast(events.c.event_starttime, sa.Text), 1, 7).label("month")
COUNT = sa.func.count().label("events")
SHORT_RANGE = timedelta(days=366)
"""Maximum length of a time range for which the index over duration classes is used."""
TIME_MARGIN = timedelta(seconds=30)
"""Time before and after an image in which events count as simultaneous."""


@dataclass(frozen=True)
class EventFilter:
    """Conditions on events: they overlap [start, end] (UTC) and have the given names.

    Names are compared without regard to case; ``channel`` is contained in the channel of the
    event (``171`` matches ``171_193``). ``frm`` is the feature recognition method.
    """

    start: datetime | None = None
    end: datetime | None = None
    event_types: Sequence[str] = ()
    observatory: str = ""
    instrument: str = ""
    channel: str = ""
    frm: str = ""

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return the SQL conditions, all of which must hold."""
        columns, conditions = events.c, _overlap_conditions(self.start, self.end)
        if self.event_types:
            # An expression instead of a column, so that only indexes over time are used.
            code = columns.event_type + ""
            conditions.append(code.in_([name.upper() for name in self.event_types]))
        for column, name in (
            (columns.obs_observatory, self.observatory),
            (columns.obs_instrument, self.instrument),
            (columns.frm_name, self.frm),
        ):
            if name:
                conditions.append(sa.func.lower(column) == name.lower())
        if self.channel:
            conditions.append(columns.obs_channelid.icontains(self.channel, autoescape=True))
        return conditions


def _overlap_conditions(
    start: datetime | None, end: datetime | None
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions for events that overlap [start, end]."""
    columns, conditions = events.c, []
    start, end = start and times.naive(start), end and times.naive(end)
    if start:
        conditions.append(columns.event_endtime >= start)
    if start and end and end - start <= SHORT_RANGE:
        classes = (
            (columns.duration_class == number)
            & columns.event_starttime.between(_earliest_start(start, number), end)
            for number in DURATION_CLASSES
        )
        conditions.append(sa.or_(*classes))
    elif end:
        conditions.append(columns.event_starttime <= end)
    return conditions


def _earliest_start(time: datetime, duration_class: int) -> datetime:
    """Return the earliest start of an event of this class that lasts until a time."""
    longest = timedelta(seconds=2**duration_class)
    if duration_class == DURATION_CLASSES[-1] or time - datetime.min < longest:
        return datetime.min
    return time - longest


def select_events(
    columns: Sequence[sa.ColumnElement[Any]],
    condition: EventFilter,
    *,
    limit: int | None = None,
    group_by: Sequence[sa.ColumnElement[Any]] = (),
) -> sa.Select[Any]:
    """Return a query for columns of the events that a filter matches, in order of start.

    With ``group_by``, events are grouped, and ordered by group.
    """
    order = group_by or (events.c.event_starttime, events.c.kb_archivid)
    query = sa.select(*columns).where(*condition.conditions()).group_by(*group_by)
    return query.order_by(*order).limit(limit)
