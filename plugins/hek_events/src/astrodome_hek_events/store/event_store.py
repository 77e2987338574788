"""Events in SQL: what is put in, and how it is found again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from astrodome import AstrodomeError, compute, times

from .. import records
from ..client import responses
from ..client.windows import Window
from . import coverage, upsert
from .database import ENVIRONMENT, Database
from .queries import COLUMNS, COUNT, DOCUMENT, MONTH, Filter, overlapping
from .schema import events

__all__ = ["AROUND", "ENVIRONMENT", "EventStore", "Filter"]

AROUND = timedelta(seconds=30)
"""How far from the time of a question an event may end or begin."""
OLDER_TABLE = "hek_events"
"""The table of sdo-cli."""
ANY = sa.select(events.c.kb_archivid).limit(1)


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
        self._filled = False

    def __str__(self) -> str:
        return str(self.database)

    def put(self, found: Iterable[Any], label: str = "", window: Window | None = None) -> Stored:
        """Store records, all in one transaction; one with a known ``kb_archivid`` replaces it.

        A record is a mapping, or a :class:`~.documents.Raw` whose text is kept as it is. A
        malformed one is named in the outcome (after ``label``) and left out; without any such,
        ``window`` is complete in the same transaction.
        """
        outcome, rows = Stored(), {}
        for number, raw in enumerate(responses.raw(found), start=1):
            try:
                row = records.row(raw.record)
                row["full_event"] = raw.text or responses.compact(raw.record)
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
                    upsert.upsert(connection, events, list(rows.values()))
                if complete:
                    coverage.mark(connection, complete)
        return outcome

    def missing(self, wanted: Window, settle: timedelta, fresh: timedelta) -> list[Window]:
        """The parts of a window of HEK that are not complete here; see :func:`.coverage.missing`."""
        since = datetime.now(UTC).replace(tzinfo=None) - fresh
        with self.database.reading() as connection:
            return coverage.missing(connection, wanted, settle, since)

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
        return [dict(row) for row in self._overlapping(COLUMNS, wanted, limit=limit)]

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
        return [row["text"] for row in self._overlapping((DOCUMENT,), wanted, limit=limit)]

    def find(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The typed columns and the untouched record of one event.

        ``name`` is its ``kb_archivid`` or any part of it that no other event has. Raises
        AstrodomeError when there is no such event, or several.
        """
        key = events.c.kb_archivid
        query = sa.select(*COLUMNS, DOCUMENT).order_by(events.c.event_starttime, key)

        def those(
            condition: sa.ColumnElement[bool], _: str
        ) -> tuple[sa.Select[Any], dict[str, Any]]:
            some = sa.select(key).where(condition).order_by(key).limit(6).subquery()
            return query.where(key.in_(sa.select(some))), {}

        for condition in (
            key == name,
            key.endswith(name, autoescape=True),
            key.contains(name, autoescape=True),
        ):
            found = self._rows(partial(those, condition))
            if len(found) > 1:
                names = "\n      ".join(row["kb_archivid"] for row in found[:5])
                raise AstrodomeError(
                    f"{'More than five' if len(found) > 5 else len(found)} events have '{name}' "
                    f"in their id:\n      {names}",
                    "Give more of it.",
                )
            if found:
                row = dict(found[0])
                return row, json.loads(row.pop("text"))
        raise AstrodomeError(
            f"There is no event '{name}' in {self}.", "See the ids: sdo events list --json"
        )

    def counts(self, wanted: Filter) -> list[dict[str, Any]]:
        """How many events begin in a month: ``month``, ``event_type``, ``events``."""
        groups = (MONTH, events.c.event_type)
        return [dict(row) for row in self._overlapping((*groups, COUNT), wanted, groups=groups)]

    def _overlapping(
        self, columns: tuple[Any, ...], wanted: Filter, **options: Any
    ) -> Sequence[sa.RowMapping]:
        return self._rows(lambda dialect: overlapping(columns, wanted, dialect, **options))

    def _rows(
        self, question: Callable[[str], tuple[sa.Select[Any], dict[str, Any]]]
    ) -> Sequence[sa.RowMapping]:
        """The answer to a question, which may depend on the dialect; none of an empty store."""
        with self.database.reading() as connection:
            if connection is not None:
                found = connection.execute(*question(connection.dialect.name)).mappings().all()
                self._filled = self._filled or bool(found or connection.execute(ANY).first())
                if self._filled:
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
