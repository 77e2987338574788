"""The store of HEK events in an SQL database."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from astrodome import AstrodomeError, compute
from astrodome_solar.times import parse_time

from .. import records
from ..client.windows import QueryWindow
from . import coverage, upsert
from .database import Database
from .queries import COLUMNS, COUNT, MONTH, RECORD, EventFilter, select_events
from .schema import events

if TYPE_CHECKING:
    import pandas as pd

SDO_CLI_TABLE = "hek_events"
"""Name of the table of sdo-cli."""
MAX_MATCHES = 5
"""Maximum number of ids in the error message about an ambiguous id."""


@dataclass
class AddResult(compute.Outcome):
    """Number and ids of the stored events, and the invalid records."""

    ids: list[str] = field(default_factory=list)


class EventStore:
    """A store of HEK events in SQLite or PostgreSQL.

    Parameters
    ----------
    url_or_path : str or os.PathLike, optional
        Address of the database (``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``),
        or path of an SQLite file. By default, the environment variable ``DB_CONNECTION_STRING``
        or, if it is not set, a file in the folder of ``sdo --home``.

    Raises
    ------
    AstrodomeError
        If the address is invalid. All methods raise it if the database cannot be used.

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

    def add(
        self, event_records: Iterable[Any], *, label: str = "", window: QueryWindow | None = None
    ) -> AddResult:
        """Add records of HEK in one transaction, replacing those with the same ``kb_archivid``.

        Parameters
        ----------
        event_records : iterable of dict
            Records with the fields of HEK, unchanged.
        label : str, optional
            Text before the names of invalid records in ``AddResult.failed``.
        window : QueryWindow, optional
            Time window that is complete with these records, unless one of them is invalid.

        Returns
        -------
        AddResult
            The number and ids of the stored events; ``failed`` contains the name of each
            invalid record and the reason. The other records are stored.
        """
        result, rows = AddResult(), {}
        for number, record in enumerate(event_records, start=1):
            try:
                row = records.to_row(record)
                row["full_event"] = records.to_json(record)
            except (ValueError, TypeError, RecursionError) as error:
                name = f"{label} {records.label(record, number)}".strip()
                result.failed.append((name, str(error)))
            else:
                rows[row["kb_archivid"]] = row
        records.add_corners(list(rows.values()))
        result.done, result.ids = len(rows), list(rows)
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
        event_types: Sequence[str] = (),
        *,
        observatory: str = "",
        instrument: str = "",
        channel: str = "",
        frm: str = "",
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return the events that overlap a time range, in order of their start.

        Parameters
        ----------
        start, end : str, datetime, numpy.datetime64, pandas.Timestamp or Time, optional
            Time range (UTC), both ends included. No limit by default.
        event_types : sequence of str, optional
            Codes of HEK such as ``AR`` or ``FL``. All types by default.
        observatory, instrument, frm : str, optional
            Observatory, instrument and feature recognition method, regardless of case.
        channel : str, optional
            Text that the channel contains, for example ``171``.
        limit : int, optional
            Maximum number of events.

        Returns
        -------
        pandas.DataFrame
            One row per event with the columns of the table ``hek_records``. Times are UTC;
            positions (``hpc_x``, ``hpc_y``, …) are helioprojective, in arcsec.

        Raises
        ------
        AstrodomeError
            If the store contains no events, or a time is invalid.
        """
        condition = EventFilter(
            _time(start),
            _time(end),
            event_types,
            observatory,
            instrument,
            channel,
            frm,
        )
        return to_frame(self.rows(condition, limit))

    def counts(
        self, start: Any = None, end: Any = None, event_types: Sequence[str] = ()
    ) -> pd.DataFrame:
        """Count events by month of their start and by type.

        Parameters
        ----------
        start, end, event_types
            See :meth:`query`.

        Returns
        -------
        pandas.DataFrame
            Columns ``month`` (``2012-01``), ``event_type`` and ``events``.
        """
        import pandas as pd

        rows = self.count_rows(EventFilter(_time(start), _time(end), event_types))
        return pd.DataFrame(rows, columns=["month", "event_type", "events"])

    def records(
        self, start: Any = None, end: Any = None, event_types: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Return the unchanged records of the events that overlap a time range (UTC).

        Parameters
        ----------
        start, end, event_types
            See :meth:`query`.

        Returns
        -------
        list of dict
            The records in order of their start, with all fields of HEK.
        """
        return self.full_records(EventFilter(_time(start), _time(end), event_types))

    def rows(self, condition: EventFilter, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the columns of the events that a filter matches, in order of start."""
        return self._select(select_events(COLUMNS, condition, limit=limit))

    def full_records(
        self, condition: EventFilter, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the records of the events that a filter matches, in order of start."""
        rows = self._select(select_events([RECORD], condition, limit=limit))
        return [json.loads(row["record"]) for row in rows]

    def count_rows(self, condition: EventFilter) -> list[dict[str, Any]]:
        """Return ``month``, ``event_type`` and number of ``events`` that a filter matches."""
        groups = (MONTH, events.c.event_type)
        return self._select(select_events([*groups, COUNT], condition, group_by=groups))

    def find(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the columns and the record of the event with this id or unique part of an id.

        Raises AstrodomeError if no event or several events match.
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
                    f"{count} events have '{name}' in their id:\n      {ids}",
                    "Pass a longer part of the id.",
                )
        raise AstrodomeError(
            f"Event '{name}' not found in {self}.", "List the ids: sdo events list --json"
        )

    def missing_windows(
        self, window: QueryWindow, settle: timedelta, fresh: timedelta
    ) -> list[QueryWindow]:
        """Return the parts of a time window that were not downloaded completely.

        See :func:`.coverage.missing_windows`; ``fresh`` is a duration before the current time.
        """
        fresh_since = datetime.now(UTC).replace(tzinfo=None) - fresh
        with self.database.reading() as connection:
            if connection is None:
                return [window]
            return coverage.missing_windows(connection, window, settle, fresh_since)

    def _select(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        with self.database.reading() as connection:
            if connection is not None:
                found = [dict(row) for row in connection.execute(query).mappings()]
                if found or connection.execute(sa.select(events.c.kb_archivid).limit(1)).first():
                    return found
        message = f"No events in {self}."
        if self.database.has_table(SDO_CLI_TABLE):
            raise AstrodomeError(
                f"{message} The database contains events of sdo-cli.",
                f"Import them: sdo events import --from-older {self}",
            )
        raise AstrodomeError(
            message,
            "Download events: sdo events get --start TIME --end TIME, or import files: "
            "sdo events import FILE",
        )


def to_frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return rows of the table ``hek_records`` as a DataFrame with datetime columns."""
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


def _time(value: Any) -> datetime | None:
    return None if value is None else parse_time(value)
