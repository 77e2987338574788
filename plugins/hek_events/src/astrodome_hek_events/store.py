"""Events in SQL: one table, on SQLite or PostgreSQL."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from astrodome import AstrodomeError, compute, settings, times
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from . import records

ENVIRONMENT = "DB_CONNECTION_STRING"
SCHEMA_LOCK = 0x4845_4B
"""Key of the lock under which PostgreSQL makes the table: two processes may want to at once."""

AROUND = timedelta(seconds=30)
"""How far from the time of a question an event may end or begin."""

metadata = sa.MetaData()
events = sa.Table(
    "hek_records",
    metadata,
    sa.Column("kb_archivid", sa.Text, primary_key=True),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("event_starttime", sa.DateTime, nullable=False, comment="UTC"),
    sa.Column("event_endtime", sa.DateTime, nullable=False, comment="UTC"),
    sa.Column("event_peaktime", sa.DateTime, comment="UTC"),
    *(sa.Column(name, sa.Text) for name in records.TEXTS),
    sa.Column("ar_noaanum", sa.Integer, comment="number of the active region"),
    *(sa.Column(name, sa.Float(53)) for name in records.NUMBERS),
    *(sa.Column(name, sa.Float(53), comment="arcsec") for name in records.CORNERS),
    sa.Column("full_event", sa.JSON, nullable=False, comment="the record as HEK gave it"),
)
sa.Index("hek_records_time", events.c.event_starttime, events.c.event_endtime)
sa.Index("hek_records_end", events.c.event_endtime)
sa.Index("hek_records_type", events.c.event_type, events.c.event_starttime)

COLUMNS = [column for column in events.c if column.name != "full_event"]


class EventStore:
    """The events in one database.

    ``url`` is an SQLAlchemy address, ``postgresql://…`` in the older spelling included;
    without one it comes from ``DB_CONNECTION_STRING``, or is a file in the folder of
    all state. Raises AstrodomeError, here and in every method, when the database
    cannot be had; a password is never part of the message.
    """

    def __init__(self, url: str = "") -> None:
        self.url = _address(url or os.environ.get(ENVIRONMENT, ""))
        try:
            self.engine = sa.create_engine(
                self.url,
                json_serializer=_dumps,
                connect_args={"timeout": 60} if self.url.get_backend_name() == "sqlite" else {},
            )
        except ImportError as error:
            raise AstrodomeError(
                f"A {self.url.get_backend_name()} database needs a driver: {error}.",
                "pip install 'astrodome-hek-events[postgresql]'",
            ) from error

    def put(self, found: Iterable[Any], label: str = "") -> compute.Outcome:
        """Store records, all in one transaction; one with a known ``kb_archivid`` replaces it.

        A malformed record is named in the outcome (after ``label``) and left out.
        """
        outcome, rows = compute.Outcome(), {}
        for number, record in enumerate(found, start=1):
            try:
                row = records.row(record)
                rows[row["kb_archivid"]] = row
            except ValueError as error:
                name = f"{label} {records.name(record, number)}".strip()
                outcome.failed.append((name, f"it {error}"))
        records.add_corners(list(rows.values()))
        outcome.done = len(rows)
        if rows:
            self._create()
            with self._begin() as connection:
                connection.execute(self._upsert(), list(rows.values()))
        return outcome

    def search(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        event_types: Sequence[str] = (),
        observatory: str = "",
        instrument: str = "",
        channel: str = "",
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """The typed columns of events that overlap [start, end] (UTC), in order of start.

        Names are compared without regard to case; ``channel`` is contained in the
        event's channel (``171`` finds ``171_193``). Raises AstrodomeError when the
        store is empty.
        """
        query = sa.select(*COLUMNS).limit(limit)
        names = (
            (events.c.obs_observatory, observatory),
            (events.c.obs_instrument, instrument),
        )
        for column, wanted in names:
            if wanted:
                query = query.where(sa.func.lower(column) == wanted.lower())
        if channel:
            query = query.where(events.c.obs_channelid.icontains(channel, autoescape=True))
        return [dict(row) for row in self._rows(_overlapping(query, start, end, event_types))]

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
        query = _overlapping(sa.select(events.c.full_event), start, end, event_types)
        return [row["full_event"] for row in self._rows(query)]

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        database = self.url.database
        if self.url.get_backend_name() == "sqlite" and database and not Path(database).exists():
            raise self._empty()  # opening it would make the file
        with self._begin() as connection:
            if sa.inspect(connection).has_table(events.name):
                found = connection.execute(query).mappings().all()
                if found or connection.execute(sa.select(events.c.kb_archivid).limit(1)).first():
                    return found
        raise self._empty()

    def _empty(self) -> AstrodomeError:
        return AstrodomeError(
            f"There are no events in {self}.", "Bring some there: sdo events import FILE"
        )

    def _create(self) -> None:
        if self.url.get_backend_name() == "sqlite" and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        with self._begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
            connection.execute(CreateTable(events, if_not_exists=True))
            for index in sorted(events.indexes, key=lambda index: str(index.name)):
                connection.execute(CreateIndex(index, if_not_exists=True))

    def _upsert(self) -> Any:
        dialect = postgresql if self.engine.dialect.name == "postgresql" else sqlite
        insert = dialect.insert(events)
        new = {column.name: insert.excluded[column.name] for column in events.c}
        return insert.on_conflict_do_update(index_elements=[new.pop("kb_archivid").name], set_=new)

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        try:
            with self.engine.begin() as connection:
                yield connection
        except exc.DBAPIError as error:
            why = str(error.orig).strip().partition("\n")[0].rstrip(".")
            raise AstrodomeError(
                f"The database {self} does not do its part: {why}.",
                "Check that it runs and that its address is right.",
            ) from error

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)


def _overlapping(
    query: sa.Select[Any], start: datetime | None, end: datetime | None, event_types: Sequence[str]
) -> sa.Select[Any]:
    if end is not None:
        query = query.where(events.c.event_starttime <= times.naive(end))
    if start is not None:
        query = query.where(events.c.event_endtime >= times.naive(start))
    if event_types:
        query = query.where(events.c.event_type.in_([name.upper() for name in event_types]))
    return query.order_by(events.c.event_starttime, events.c.kb_archivid)


def _address(text: str) -> sa.URL:
    if not text:
        return sa.URL.create("sqlite", database=str(settings.home() / "hek_events.sqlite"))
    try:
        url = sa.make_url(text)
    except (exc.ArgumentError, ValueError) as error:
        raise AstrodomeError(  # without the text: a password may be in it
            "The connection string is no database address.",
            "Write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
            exit_code=2,
        ) from error
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg2"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise AstrodomeError(
            f"Events are kept in SQLite or PostgreSQL, not in {url.drivername}.", exit_code=2
        )
    return url


_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def _dumps(record: Any) -> str:
    try:
        return _encode(record)
    except ValueError:  # NaN is no JSON, and PostgreSQL refuses it
        return _encode(json.loads(json.dumps(record), parse_constant=lambda _: None))
