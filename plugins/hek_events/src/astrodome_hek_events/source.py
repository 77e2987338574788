"""The source of kind ``events`` for other plugins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .store.event_store import EventStore


class HekEvents:
    """Events in the store at ``url``, by default the local store."""

    def __init__(self, url: str = "") -> None:
        self.store = EventStore(url)

    def search(
        self, start: datetime, end: datetime, event_types: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Return the events that overlap [start, end] (UTC) as unchanged records of HEK.

        Raises AstrodomeError if the store is empty or the database cannot be used.
        """
        return self.store.records(start, end, event_types)
