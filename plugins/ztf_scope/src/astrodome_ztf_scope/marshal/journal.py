"""A journal of all requests that change a marshal, stored in a SQLite file.

Every request is recorded before it is sent, and its result is added afterwards. The outcome of a
request without a recorded result is unknown: the process was killed, or the response was lost.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, files, settings

from .sqlite_file import SqliteFile

BEGUN, DONE, FOUND, REFUSED = "begun", "done", "found", "refused"
"""States of a request.

In the state ``begun``, the outcome is unknown. In the state ``done``, the change was made. In the
state ``found``, the response was lost, but the change was found on the marshal. In the state
``refused``, no change was made.
"""


@dataclass
class WriteRequest:
    """A request that modifies data on a marshal. In a dry run, it is not sent."""

    operation: str
    obj_id: str
    parameters: Mapping[str, Any]


def key(*parts: Any) -> str:
    """Return a SHA-256 hash that identifies a request or an item."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def path_of(address: str) -> Path:
    """Return the path of the journal file for a marshal, in the astrodome data folder."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", address.split("//")[-1]).strip("-.")[-60:]
    return settings.home() / "scope" / "journal" / f"{words}-{key(address)[:8]}.db"


class RequestJournal:
    """A request journal in the SQLite file ``path``.

    Every method that changes the journal writes to disk before it returns.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = SqliteFile(path, "journal.sql")
        except sqlite3.Error as error:
            raise AstrodomeError(
                f"Invalid journal {path}: {error}.",
                "To create a new journal, rename the file. Changes that already exist on the "
                "marshal are not repeated.",
            ) from error
        self._read, self.close = self._database.rows, self._database.close

    # Requests

    def begin(self, request_key: str, request: WriteRequest, item: str = "") -> None:
        """Record that a request is about to be sent."""
        parameters = json.dumps(request.parameters, default=str)
        self._write(
            "INSERT INTO calls VALUES (?, ?, ?, ?, 'begun', 1, ?, NULL, '', ?) ON CONFLICT (key) "
            "DO UPDATE SET state = 'begun', attempts = attempts + 1, begun = excluded.begun, "
            "item = excluded.item",
            (request_key, request.operation, request.obj_id, parameters, time.time(), item),
        )

    def end(self, request_key: str, state: str, message: str = "") -> None:
        """Record the result of a request and the message from the marshal."""
        self._write(
            "UPDATE calls SET state = ?, ended = ?, said = ? WHERE key = ?",
            (state, time.time(), message[:1000], request_key),
        )

    def state(self, request_key: str) -> str:
        """Return the state of a request, or an empty string if it was never sent."""
        found = self._read("SELECT state FROM calls WHERE key = ?", request_key)
        return found[0]["state"] if found else ""

    def unknown_since(self) -> float:
        """Return the time at which the latest request with an unknown outcome was sent.

        The time is in seconds since the Unix epoch, or 0 if the outcome of all requests is known.
        """
        found = self._read("SELECT MAX(begun) AS latest FROM calls WHERE state = 'begun'")
        return float(found[0]["latest"] or 0)

    def calls(self, obj_id: str = "", state: str = "") -> list[dict[str, Any]]:
        """Return the recorded requests in chronological order.

        If ``obj_id`` or ``state`` is given, only matching requests are returned.
        """
        return self._read(
            "SELECT * FROM calls WHERE ? IN ('', obj_id) AND ? IN ('', state) "
            "ORDER BY begun, rowid",
            obj_id,
            state,
        )

    # Items in a batch, each with several requests

    def completed_source(self, item: str) -> str | None:
        """Return the ``obj_id`` for a completed item, or None if the item is not completed."""
        found = self._read("SELECT obj_id FROM items WHERE key = ? AND state = 'done'", item)
        return found[0]["obj_id"] if found else None

    def end_item(self, item: str, name: str, obj_id: str, error: str = "") -> None:
        """Record that an item is completed or, if ``error`` is given, that it failed.

        When an item is completed, its requests with an unknown outcome are set to ``found``.
        """
        state, now = "failed" if error else "done", time.time()
        if not error:
            self._write(
                "UPDATE calls SET state = 'found', ended = ? WHERE item = ? AND state = 'begun'",
                (now, item),
            )
        values = (item, name, obj_id, state, now, error[:1000])
        self._write("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?)", values)

    def _write(self, query: str, values: tuple[Any, ...]) -> None:
        try:
            with self._database.transaction() as connection:
                connection.execute(query, values)
        except sqlite3.Error as error:
            raise OSError(f"Cannot write the journal {self.path}: {error}") from error


@contextmanager
def open_journal(address: str) -> Iterator[RequestJournal]:
    """Lock and open the journal of a marshal, and close it when the context manager exits.

    Raises
    ------
    AstrodomeError
        If another process is changing the same marshal.
    """
    path = path_of(address)
    with files.lock(path.with_suffix(".lock"), timeout=0):
        journal = RequestJournal(path)
        try:
            yield journal
        finally:
            journal.close()
