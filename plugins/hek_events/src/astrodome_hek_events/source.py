"""Data source of the kind ``events``, which other plugins can use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .store.event_store import EventStore


class HekEvents:
    """HEK events from the database at ``url``, or from the default database."""

    def __init__(self, url: str = "") -> None:
        self.store = EventStore(url)

    def search(
        self, start: datetime, end: datetime, event_types: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Return the unmodified HEK records of all events that overlap a time range.

        ``start`` and ``end`` are in UTC, and both are inclusive. Raises AstrodomeError if the
        store is empty or the database is not accessible.
        """
        return self.store.records(start, end, event_types)
