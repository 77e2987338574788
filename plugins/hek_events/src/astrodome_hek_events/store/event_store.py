"""The event store: HEK events in an SQL database."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from astrodome import AstrodomeError, compute

from .. import records
from ..client.windows import QueryWindow
from . import coverage, upsert
from .database import Database
from .queries import COLUMNS, COUNT, MONTH, RECORD, EventFilter, select_events
from .schema import completed_windows, events

if TYPE_CHECKING:
    import pandas as pd

SDO_CLI_TABLE = "hek_events"
"""Name of the event table in an sdo-cli database."""
MAX_MATCHES = 5
"""Maximum number of matching ids that are listed in the error message for an ambiguous id."""


@dataclass
class AddResult(compute.Outcome):
    """Result of adding records to a store.

    ``done`` is the number of stored events, and ``ids`` contains their ids. ``failed`` contains
    each invalid record with the error message.
    """

    ids: list[str] = field(default_factory=list)


def check_records(
    event_records: pd.DataFrame | Mapping[str, Any] | Iterable[Any], label: str = ""
) -> AddResult:
    """Return the result that :meth:`EventStore.add` would return, without storing any event."""
    return _rows(event_records, label)[0]


def _rows(
    event_records: pd.DataFrame | Mapping[str, Any] | Iterable[Any], label: str
) -> tuple[AddResult, dict[str, dict[str, Any]]]:
    """Return the valid and invalid records, and the table rows of the valid records by id."""
    result, rows = AddResult(), {}
    for number, record in enumerate(records.to_list(event_records), start=1):
        try:
            row = records.to_row(record)
            row["full_event"] = records.to_json(record)
        except (ValueError, TypeError, RecursionError) as error:
            name = f"{label} {records.label(record, number)}".strip()
            result.failed.append((name, str(error)))
        else:
            rows[row["kb_archivid"]] = row
    result.done, result.ids = len(rows), list(rows)
    return result, rows


class EventStore:
    """A store for HEK events in an SQLite or PostgreSQL database.

    Parameters
    ----------
    url_or_path : str or os.PathLike, optional
        Database URL (``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``) or path of
        an SQLite file. The default is the value of the environment variable
        ``DB_CONNECTION_STRING`` or, if it is not set, a file in the ``sdo --home`` folder.

    Raises
    ------
    AstrodomeError
        If the URL is invalid. All methods also raise AstrodomeError if the database is not
        accessible.

    Examples
    --------
    >>> store = EventStore("events.sqlite")
    >>> result = store.add([
    ...     {
    ...         "kb_archivid": "ivo://helio-informatics.org/FL_1",
    ...         "event_type": "FL",
    ...         "event_starttime": "2012-01-01T08:10:00",
    ...         "event_endtime": "2012-01-01T08:35:00",
    ...         "fl_goescls": "C2.4",
    ...     }
    ... ])
    >>> result.done
    1
    >>> store.query("2012-01-01", "2012-01-02", ["FL"])["fl_goescls"].tolist()
    ['C2.4']
    """

    def __init__(self, url_or_path: str | os.PathLike[str] = "") -> None:
        self.database = Database(url_or_path)

    def __str__(self) -> str:
        return str(self.database)

    def __repr__(self) -> str:
        return f"EventStore('{self}')"

    def add(
        self,
        event_records: pd.DataFrame | Mapping[str, Any] | Iterable[Any],
        *,
        label: str = "",
        window: QueryWindow | None = None,
    ) -> AddResult:
        """Add HEK records in a single transaction.

        Stored events with the same ``kb_archivid`` are replaced. Invalid records are skipped.

        Parameters
        ----------
        event_records : dict, iterable of dict or pandas.DataFrame
            One or more HEK records, or a table with the fields of HEK records as columns.
        label : str, optional
            Prefix for the names of invalid records in ``AddResult.failed``.
        window : QueryWindow, optional
            Time window that contains the events in ``event_records``. The window is marked as
            complete, unless one of the records is invalid.

        Returns
        -------
        AddResult
            The number and ids of the stored events. ``failed`` contains the name of each invalid
            record and the error message.
        """
        result, rows = _rows(event_records, label)
        records.add_corners(list(rows.values()))
        completed = window if not result.failed else None
        if rows or completed:
            with self.database.writing() as connection:
                if rows:
                    upsert.upsert(connection, events, list(rows.values()))
                if completed:
                    coverage.add_window(connection, completed)
        return result

    def query(
        self,
        start: Any = None,
        end: Any = None,
        event_types: str | Sequence[str] = (),
        *,
        observatory: str = "",
        instrument: str = "",
        channel: str = "",
        frm: str = "",
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return the events that overlap a time range, sorted by start time.

        Parameters
        ----------
        start, end : str, datetime, numpy.datetime64, pandas.Timestamp or Time, optional
            Start and end time (UTC), both inclusive. If the end time is a date without a time of
            day, the whole day is included. By default, the time range is not limited.
        event_types : str or sequence of str, optional
            HEK event type codes, for example ``AR`` or ``FL``. The default is all event types.
        observatory, instrument, frm : str, optional
            Observatory, instrument and feature recognition method (case-insensitive).
        channel : str, optional
            Substring of the channel, for example ``171``.
        limit : int, optional
            Maximum number of events.

        Returns
        -------
        pandas.DataFrame
            One row per event, with columns from the table ``hek_records``. Times are in UTC.
            Positions such as ``hpc_x`` and ``hpc_y`` are helioprojective coordinates in arcsec.

        Raises
        ------
        AstrodomeError
            If the store contains no events, if a time or an event type is invalid, or if the end
            time is before the start time.
        """
        condition = EventFilter(start, end, event_types, observatory, instrument, channel, frm)
        return to_frame(self.rows(condition, limit))

    def counts(
        self, start: Any = None, end: Any = None, event_types: str | Sequence[str] = ()
    ) -> pd.DataFrame:
        """Count the events for each month and event type.

        An event is counted in the month of its start time.

        Parameters
        ----------
        start, end, event_types
            See :meth:`query`.

        Returns
        -------
        pandas.DataFrame
            Table with the columns ``month`` (for example ``2012-01``), ``event_type`` and
            ``events`` (number of events).
        """
        import pandas as pd

        rows = self.count_rows(EventFilter(start, end, event_types))
        return pd.DataFrame(rows, columns=["month", "event_type", "events"])

    def records(
        self, start: Any = None, end: Any = None, event_types: str | Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Return the unmodified HEK records of all events that overlap a time range.

        Parameters
        ----------
        start, end, event_types
            See :meth:`query`.

        Returns
        -------
        list of dict
            HEK records with all fields, sorted by start time.
        """
        return self.full_records(EventFilter(start, end, event_types))

    def rows(self, condition: EventFilter, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the table rows of all events that match a filter, sorted by start time."""
        return self._select(select_events(COLUMNS, condition, limit=limit))

    def full_records(
        self, condition: EventFilter, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the HEK records of all events that match a filter, sorted by start time."""
        rows = self._select(select_events([RECORD], condition, limit=limit))
        return [json.loads(row["record"]) for row in rows]

    def count_rows(self, condition: EventFilter) -> list[dict[str, Any]]:
        """Count the events that match a filter, for each month and event type."""
        groups = (MONTH, events.c.event_type)
        return self._select(select_events([*groups, COUNT], condition, group_by=groups))

    def find(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Find an event by its id or by a unique substring of its id.

        Returns the table row and the HEK record of the event. Raises AstrodomeError if no event
        or more than one event matches.
        """
        key = events.c.kb_archivid
        for condition in (
            key == name,
            key.endswith(name, autoescape=True),
            key.contains(name, autoescape=True),
        ):
            query = (
                sa.select(*COLUMNS, RECORD).where(condition).order_by(key).limit(MAX_MATCHES + 1)
            )
            found = self._select(query)
            if len(found) == 1:
                return found[0], json.loads(found[0].pop("record"))
            if found:
                ids = "\n      ".join(row["kb_archivid"] for row in found[:MAX_MATCHES])
                count = len(found) if len(found) <= MAX_MATCHES else f"More than {MAX_MATCHES}"
                raise AstrodomeError(
                    f"{count} events have ids that contain '{name}':\n      {ids}",
                    "Specify a longer substring of the id.",
                )
        raise AstrodomeError(
            f"Event '{name}' not found in {self}.", "The command 'sdo events list' lists the ids."
        )

    def missing_windows(
        self, window: QueryWindow, settle: timedelta, fresh: timedelta
    ) -> list[QueryWindow]:
        """Return the parts of a time window that are not completely downloaded.

        Windows that were downloaded within the duration ``fresh`` before the current time count
        as complete, and windows that were downloaded at least ``settle`` after their end.
        """
        fresh_since = datetime.now(UTC).replace(tzinfo=None) - fresh
        with self.database.reading(completed_windows) as connection:
            if connection is None:
                return [window]
            return coverage.missing_windows(connection, window, settle, fresh_since)

    def _select(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        with self.database.reading(events) as connection:
            if connection is not None:
                found = [dict(row) for row in connection.execute(query).mappings()]
                if found or connection.execute(sa.select(events.c.kb_archivid).limit(1)).first():
                    return found
        message = f"No events found in {self}."
        if self.database.has_table(SDO_CLI_TABLE):
            raise AstrodomeError(
                f"{message} The database contains events from sdo-cli.",
                f"Import these events with 'sdo events import --from-older {self}'.",
            )
        raise AstrodomeError(
            message,
            "Download events with 'sdo events get' or astrodome_hek_events.download, or import "
            "files with 'sdo events import'.",
        )


def to_frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Convert rows of the table ``hek_records`` to a DataFrame with typed columns."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=[column.name for column in COLUMNS])
    for column in COLUMNS:
        if isinstance(column.type, sa.DateTime):
            frame[column.name] = pd.to_datetime(frame[column.name])
        elif isinstance(column.type, sa.Integer):
            frame[column.name] = frame[column.name].astype("Int64")
        elif isinstance(column.type, sa.Float):
            frame[column.name] = frame[column.name].astype(float)
    return frame
