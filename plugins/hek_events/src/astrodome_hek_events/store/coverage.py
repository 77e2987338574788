"""Record which time windows were completely downloaded from HEK for each query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from ..client.windows import ALL_TYPES, QueryWindow
from . import upsert
from .schema import completed_windows


def add_window(connection: sa.Connection, window: QueryWindow) -> None:
    """Record that all events in a window are stored, in the transaction that stores them."""
    query = window.query
    row = {
        "event_type": query.event_type,
        "frm_name": query.frm_name.lower(),
        "observatory": query.observatory.lower(),
        "window_start": window.start,
        "window_end": window.end,
        "fetched": datetime.now(UTC).replace(tzinfo=None),
    }
    upsert.upsert(connection, completed_windows, [row])


def missing_windows(
    connection: sa.Connection, window: QueryWindow, settle: timedelta, fresh_since: datetime
) -> list[QueryWindow]:
    """Return the time windows within a window that must be downloaded.

    Parts of the window that completed windows cover are omitted. HEK continues to receive events
    for some time after they occurred. A downloaded window therefore only counts as completed if it
    was downloaded at least ``settle`` after its end, or after ``fresh_since``. A completed window
    also covers more restrictive queries, for example for one observatory.
    """
    query, columns = window.query, completed_windows.c
    found = connection.execute(
        sa.select(columns.window_start, columns.window_end, columns.fetched).where(
            columns.event_type.in_({query.event_type, ALL_TYPES}),
            columns.frm_name.in_({query.frm_name.lower(), ""}),
            columns.observatory.in_({query.observatory.lower(), ""}),
            columns.window_end > window.start,
            columns.window_start < window.end,
        )
    )
    return window.subtract(
        QueryWindow(query, start, end)
        for start, end, fetched in found
        if fetched >= min(end + settle, fresh_since)
    )
