"""The source of kind ``events`` that other plugins use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .store.event_store import EventStore


class HekEvents:
    """Events of the local store, or of the database at ``url``."""

    def __init__(self, url: str = "") -> None:
        self.store = EventStore(url)

    def search(
        self, start: datetime, end: datetime, event_types: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Events that overlap [start, end] (UTC), as untouched records of HEK.

        Raises AstrodomeError when the store is empty or cannot be reached.
        """
        return self.store.records(start, end, event_types)
