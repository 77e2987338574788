"""Events in SQL: what is put in, and how it is found again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from astrodome import AstrodomeError, compute, times

from . import bulk, documents, records, spans, windows
from .database import ENVIRONMENT, Database
from .schema import events

__all__ = ["AROUND", "ENVIRONMENT", "EventStore", "Filter"]

AROUND = timedelta(seconds=30)
"""How far from the time of a question an event may end or begin."""
COLUMNS = [c for c in events.c if c.name not in ("full_event", "duration_class")]
TEXT = sa.cast(events.c.full_event, sa.Text)
OLDER_TABLE = "hek_events"
"""The table of sdo-cli."""


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


@dataclass
class Stored(compute.Outcome):
    """What became of some records; ``ids`` are those of the events stored."""

    ids: list[str] = field(default_factory=list)


class EventStore:
    """The events in one database, as :class:`~.database.Database` finds it.

    Raises AstrodomeError in every method when the database cannot be had.
    """

    def __init__(self, url: str = "") -> None:
        self.database = Database(url)
        self.url = self.database.url

    def __str__(self) -> str:
        return str(self.database)

    def put(
        self, found: Iterable[Any], label: str = "", window: windows.Window | None = None
    ) -> Stored:
        """Store records, all in one transaction; one with a known ``kb_archivid`` replaces it.

        A record is a mapping, or a :class:`~.documents.Raw` whose text is kept as it is. A
        malformed one is named in the outcome (after ``label``) and left out; without any such,
        ``window`` is complete in the same transaction.
        """
        outcome, rows = Stored(), {}
        for number, raw in enumerate(documents.raw(found), start=1):
            try:
                row = records.row(raw.record)
                row["full_event"] = raw.text or documents.compact(raw.record)
                rows[row["kb_archivid"]] = row
            except (ValueError, TypeError, RecursionError) as error:
                name = f"{label} {records.name(raw.record, number)}".strip()
                outcome.failed.append((name, f"it {error}"))
        records.add_corners(list(rows.values()))
        outcome.done, outcome.ids = len(rows), list(rows)
        complete = window if not outcome.failed else None
        if rows or complete:
            with self.database.writing() as connection:
                if rows:
                    bulk.upsert(connection, events, list(rows.values()))
                if complete:
                    windows.mark(connection, complete)
        return outcome

    def missing(
        self, wanted: windows.Window, settle: timedelta, fresh: timedelta
    ) -> list[windows.Window]:
        """The parts of a window of HEK that are not complete here; see :func:`.windows.missing`."""
        since = datetime.now(UTC).replace(tzinfo=None) - fresh
        with self.database.reading() as connection:
            return windows.missing(connection, wanted, settle, since)

    def search(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        event_types: Sequence[str] = (),
        observatory: str = "",
        instrument: str = "",
        channel: str = "",
        limit: int | None = None,
        *,
        frm: str = "",
    ) -> list[dict[str, Any]]:
        """The typed columns of the events that :class:`Filter` describes, in order of start.

        Raises AstrodomeError when the store is empty.
        """
        wanted = Filter(start, end, event_types, observatory, instrument, channel, frm)
        return self.select(wanted, limit)

    def select(self, wanted: Filter, limit: int | None = None) -> list[dict[str, Any]]:
        """The typed columns of the events that a filter describes, in order of start."""
        return [dict(row) for row in self._rows(sa.select(*COLUMNS).limit(limit), wanted)]

    def events_at(
        self,
        time: datetime,
        event_types: Sequence[str] = (),
        observatory: str = "",
        instrument: str = "",
        channel: str = "",
        margin: timedelta = AROUND,
    ) -> list[dict[str, Any]]:
        """The typed columns of the events within ``margin`` of a time (UTC); see :meth:`search`."""
        at = times.naive(time)
        return self.search(at - margin, at + margin, event_types, observatory, instrument, channel)

    def records(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        event_types: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """The untouched records of events that overlap [start, end] (UTC), in order of start."""
        return [json.loads(text) for text in self.texts(Filter(start, end, event_types))]

    def texts(self, wanted: Filter, limit: int | None = None) -> list[str]:
        """The same as the JSON texts that HEK sent."""
        query = sa.select(TEXT.label("text")).limit(limit)
        return [row["text"] for row in self._rows(query, wanted)]

    def find(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The typed columns and the untouched record of one event.

        ``name`` is its ``kb_archivid`` or any part of it that no other event has. Raises
        AstrodomeError when there is no such event, or several.
        """
        key = events.c.kb_archivid
        query = sa.select(*COLUMNS, TEXT.label("full_event"))
        for condition in (
            key == name,
            key.endswith(name, autoescape=True),
            key.contains(name, autoescape=True),
        ):
            some = sa.select(key).where(condition).order_by(key).limit(6).subquery()
            found = self._rows(query.where(key.in_(sa.select(some))), Filter())
            if len(found) > 1:
                names = "\n      ".join(row["kb_archivid"] for row in found[:5])
                raise AstrodomeError(
                    f"{'More than five' if len(found) > 5 else len(found)} events have '{name}' "
                    f"in their id:\n      {names}",
                    "Give more of it.",
                )
            if found:
                row = dict(found[0])
                return row, json.loads(row.pop("full_event"))
        raise AstrodomeError(
            f"There is no event '{name}' in {self}.", "See the ids: sdo events list --json"
        )

    def counts(self, wanted: Filter) -> list[dict[str, Any]]:
        """How many events begin in a month: ``month``, ``event_type``, ``events``."""
        month = sa.func.substr(sa.cast(events.c.event_starttime, sa.Text), 1, 7).label("month")
        query = sa.select(month, events.c.event_type, sa.func.count().label("events"))
        groups = (month, events.c.event_type)
        return [dict(row) for row in self._rows(query.group_by(*groups), wanted, order=groups)]

    def _rows(
        self,
        query: sa.Select[Any],
        wanted: Filter,
        order: Sequence[Any] = (events.c.event_starttime, events.c.kb_archivid),
    ) -> Sequence[Mapping[str, Any]]:
        with self.database.reading() as connection:
            if connection is not None:
                limited, given = _within(query, wanted, connection.dialect.name)
                found = connection.execute(limited.order_by(*order), given).mappings().all()
                if found or connection.execute(sa.select(events.c.kb_archivid).limit(1)).first():
                    return found
            raise self._empty(connection)

    def _empty(self, connection: sa.Connection | None) -> AstrodomeError:
        what = f"There are no events in {self}."
        if connection is None and not self.database.missing() and self._has_older():
            return AstrodomeError(
                f"{what} There are some of sdo-cli, though.",
                f"Bring them over: sdo events import --from-older {self}",
            )
        return AstrodomeError(
            what,
            "Bring some there: sdo events get --start TIME --end TIME, or sdo events import FILE",
        )

    def _has_older(self) -> bool:
        with self.database.plain() as connection:
            return sa.inspect(connection).has_table(OLDER_TABLE)


def _within(
    query: sa.Select[Any], wanted: Filter, dialect: str
) -> tuple[sa.Select[Any], dict[str, str]]:
    """The query with the conditions of a filter, and parameters for it."""
    c, given = events.c, {}
    kind, ending = c.event_type, c.event_endtime
    start = None if wanted.start is None else times.naive(wanted.start)
    end = None if wanted.end is None else times.naive(wanted.end)
    if start is not None and end is not None and end - start <= spans.LONGEST:
        query, given = spans.overlapping(query, dialect), spans.bounds(start, end)
        # As expressions, so that no database takes the index over types or times instead.
        kind, ending = sa.func.upper(kind), sa.func.coalesce(ending, c.event_starttime)
    elif end is not None:
        query = query.where(c.event_starttime <= end)
    if start is not None:
        query = query.where(ending >= start)
    if wanted.event_types:
        query = query.where(kind.in_([name.upper() for name in wanted.event_types]))
    names = (
        (c.obs_observatory, wanted.observatory),
        (c.obs_instrument, wanted.instrument),
        (c.frm_name, wanted.frm),
    )
    for column, name in names:
        if name:
            query = query.where(sa.func.lower(column) == name.lower())
    if wanted.channel:
        query = query.where(c.obs_channelid.icontains(wanted.channel, autoescape=True))
    return query, given
