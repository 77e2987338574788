"""What a filter of events means in SQL; a question of a known form is not built a second time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from astrodome import times

from . import spans
from .schema import events

COLUMNS = tuple(c for c in events.c if c.name not in ("full_event", "duration_class"))
DOCUMENT = sa.cast(events.c.full_event, sa.Text).label("text")
MONTH = sa.func.substr(sa.cast(events.c.event_starttime, sa.Text), 1, 7).label("month")
COUNT = sa.func.count().label("events")
FORMS = 256
"""Forms of questions that are kept."""


@dataclass(frozen=True)
class Filter:
    """Which events are meant: those that overlap [start, end] (UTC) and have these names.

    Names are compared without regard to case; ``channel`` is contained in the event's
    channel (``171`` finds ``171_193``).
    """

    start: datetime | None = None
    end: datetime | None = None
    event_types: Sequence[str] = ()
    observatory: str = ""
    instrument: str = ""
    channel: str = ""
    frm: str = ""

    def parameters(self) -> dict[str, Any]:
        """What the filter asks for, by the names of its parameters in SQL."""
        given = {
            "end": self.end and times.naive(self.end),
            "start": self.start and times.naive(self.start),
            "kinds": [name.upper() for name in self.event_types],
            "observatory": self.observatory.lower(),
            "instrument": self.instrument.lower(),
            "frm": self.frm.lower(),
            "channel": self.channel,
        }
        return {name: value for name, value in given.items() if value}


def overlapping(
    columns: tuple[Any, ...],
    wanted: Filter,
    dialect: str,
    *,
    limit: int | None = None,
    groups: tuple[Any, ...] = (),
) -> tuple[sa.Select[Any], dict[str, Any]]:
    """The question for these columns of the events that a filter means, and its parameters.

    In order of start, the first ``limit`` of them; or counted by ``groups``, in their order.
    """
    given = wanted.parameters()
    start, end = given.get("start"), given.get("end")
    near = start is not None and end is not None and end - start <= spans.LONGEST
    form = frozenset(given) if limit is None else frozenset(given) | {"limit"}
    question = _question(columns, groups, form, near, dialect)
    if near:
        given |= spans.bounds(given["start"], given["end"])
        del given["end"]
    return question, given if limit is None else given | {"limit": limit}


@lru_cache(FORMS)
def _question(
    columns: tuple[Any, ...],
    groups: tuple[Any, ...],
    given: frozenset[str],
    near: bool,
    dialect: str,
) -> sa.Select[Any]:
    c, query = events.c, sa.select(*columns)
    kind: sa.ColumnElement[str] = c.event_type
    ending: sa.ColumnElement[datetime] = c.event_endtime
    if near:
        query = spans.overlapping(query, dialect)
        # As expressions, so that no database takes the index over types or times instead.
        kind, ending = sa.func.upper(kind), sa.func.coalesce(ending, c.event_starttime)
    elif "end" in given:
        query = query.where(c.event_starttime <= sa.bindparam("end", type_=sa.DateTime))
    conditions = {
        "start": ending >= sa.bindparam("start", type_=sa.DateTime),
        "kinds": kind.in_(sa.bindparam("kinds", expanding=True, type_=sa.Text)),
        "observatory": sa.func.lower(c.obs_observatory) == sa.bindparam("observatory"),
        "instrument": sa.func.lower(c.obs_instrument) == sa.bindparam("instrument"),
        "frm": sa.func.lower(c.frm_name) == sa.bindparam("frm"),
        "channel": _contains(c.obs_channelid, "channel", dialect),
    }
    query = query.where(*(condition for name, condition in conditions.items() if name in given))
    if "limit" in given:
        query = query.limit(sa.bindparam("limit", type_=sa.Integer))
    order = groups or (c.event_starttime, c.kb_archivid)
    return query.group_by(*groups).order_by(*order)


def _contains(column: Any, name: str, dialect: str) -> sa.ColumnElement[bool]:
    """Whether a text contains a parameter, without regard to case."""
    place = sa.func.strpos if dialect == "postgresql" else sa.func.instr
    return place(sa.func.lower(column), sa.func.lower(sa.bindparam(name, type_=sa.Text))) > 0
