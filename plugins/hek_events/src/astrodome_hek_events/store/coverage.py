"""The time windows of each query that were downloaded from HEK completely."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from ..client.windows import ALL, Window
from . import upsert
from .schema import windows


def mark(connection: sa.Connection, window: Window) -> None:
    """Note in the transaction of its events that a window is complete."""
    query = window.query
    row = {
        "event_type": query.event_type,
        "frm_name": query.frm_name.lower(),
        "observatory": query.observatory.lower(),
        "window_start": window.start,
        "window_end": window.end,
        "fetched": datetime.now(UTC).replace(tzinfo=None),
    }
    upsert.upsert(connection, windows, [row])


def missing(
    connection: sa.Connection | None, wanted: Window, settle: timedelta, since: datetime
) -> list[Window]:
    """The parts of ``wanted`` that are not complete.

    A window is complete for good when it was fetched ``settle`` after its end, for HEK
    goes on to receive events for a while; one fetched earlier counts if that was after ``since``.
    What was fetched with fewer conditions covers what is asked with more.
    """
    if connection is None:
        return [wanted]
    query, c = wanted.query, windows.c
    known = connection.execute(
        sa.select(c.window_start, c.window_end, c.fetched).where(
            c.event_type.in_({query.event_type, ALL}),
            c.frm_name.in_({query.frm_name.lower(), ""}),
            c.observatory.in_({query.observatory.lower(), ""}),
            c.window_end > wanted.start,
            c.window_start < wanted.end,
        )
    )
    good = [
        Window(query, start, end)
        for start, end, fetched in known
        if fetched >= min(end + settle, since)
    ]
    return wanted.without(good)
