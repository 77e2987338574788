"""Event filters, and the corresponding SQL queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from astrodome_solar.times import parse_range

from ..event_types import parse_codes
from ..records import DURATION_CLASSES
from .schema import events

COLUMNS = tuple(c for c in events.c if c.name not in ("full_event", "duration_class"))
RECORD = sa.cast(events.c.full_event, sa.Text).label("record")
MONTH = sa.func.substr(sa.cast(events.c.event_starttime, sa.Text), 1, 7).label("month")
COUNT = sa.func.count().label("events")
SHORT_RANGE = timedelta(days=366)
"""Maximum length of a time range for which the index on duration classes is used."""
TIME_MARGIN = timedelta(seconds=30)
"""Maximum time difference at which an image and an event count as simultaneous."""


@dataclass(frozen=True)
class EventFilter:
    """Conditions that an event must meet.

    The event must overlap the time range from ``start`` to ``end`` (UTC, inclusive), and match the
    given event types and names. ``start`` and ``end`` are times of any type. Names are
    case-insensitive. ``channel`` is a substring of the event's channel; for example, ``171``
    matches ``171_193``. ``frm`` is the name of the feature recognition method. Empty values and
    None match all events.
    """

    start: Any = None
    end: Any = None
    event_types: str | Sequence[str] | None = None
    observatory: str = ""
    instrument: str = ""
    channel: str = ""
    frm: str = ""

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return the SQL conditions, which must be combined with AND.

        Raises AstrodomeError if a time or an event type is invalid.
        """
        columns = events.c
        conditions = _overlap_conditions(*parse_range(self.start, self.end, optional=True))
        if codes := parse_codes(self.event_types or ()):
            # The expression prevents the database from using an index on the event type.
            conditions.append((columns.event_type + "").in_(codes))
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
    """Return the SQL conditions for events that overlap the time range."""
    columns, conditions = events.c, []
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
    """Return the earliest start time for which an event in a duration class can end at ``time``."""
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
    """Return an SQL query for the given columns of all events that match a filter.

    The result is sorted by start time. If ``group_by`` is given, the events are grouped, and the
    result is sorted by group instead.
    """
    order = group_by or (events.c.event_starttime, events.c.kb_archivid)
    query = sa.select(*columns).where(*condition.conditions()).group_by(*group_by)
    return query.order_by(*order).limit(limit)
