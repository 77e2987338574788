"""The journal of the requests that changed a marshal, in a SQLite file.

Every request is written before it is sent and again with its result. A request that has begun and
not ended has an unknown outcome: the process was killed, or the response was lost.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, files, settings

SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (key TEXT PRIMARY KEY, verb TEXT, obj_id TEXT, request TEXT,
    state TEXT, attempts INTEGER, begun REAL, ended REAL, said TEXT, item TEXT);
CREATE INDEX IF NOT EXISTS calls_of ON calls (item);
CREATE TABLE IF NOT EXISTS items (key TEXT PRIMARY KEY, name TEXT, obj_id TEXT, state TEXT,
    ended REAL, said TEXT);
"""
BEGUN, DONE, FOUND, REFUSED = "begun", "done", "found", "refused"
"""States of a request; ``found``: its response was lost, but the marshal has the change."""


@dataclass
class WriteRequest:
    """A request that changes a marshal, or would change it in a dry run."""

    operation: str
    obj_id: str
    parameters: Mapping[str, Any]


def key(*parts: Any) -> str:
    """Return a hash of a request or an item."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def path_of(address: str) -> Path:
    """Return the path of the journal of a marshal, in the state folder of the user."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", address.split("//")[-1]).strip("-.")[-60:]
    return settings.home() / "scope" / "journal" / f"{words}-{key(address)[:8]}.db"


class RequestJournal:
    """The journal in the file ``path``. Every method writes to the disk before it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(path, timeout=60, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            self._connection.executescript(
                f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;{SCHEMA}"
            )
        except sqlite3.Error as error:
            raise AstrodomeError(
                f"Invalid journal {path}: {error}.",
                "Move the file away. The marshal is then queried for existing changes.",
            ) from error

    def close(self) -> None:
        self._connection.close()

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
        """Record the result of a request and the message of the marshal."""
        self._write(
            "UPDATE calls SET state = ?, ended = ?, said = ? WHERE key = ?",
            (state, time.time(), message[:1000], request_key),
        )

    def state(self, request_key: str) -> str:
        """Return the state of a request; empty if it was never sent."""
        found = self._read("SELECT state FROM calls WHERE key = ?", (request_key,))
        return found[0]["state"] if found else ""

    def unknown_since(self) -> float:
        """Return when the latest request with unknown outcome was sent (Unix time), or 0."""
        found = self._read("SELECT MAX(begun) AS latest FROM calls WHERE state = 'begun'")
        return float(found[0]["latest"] or 0)

    def calls(self, obj_id: str = "", state: str = "") -> list[dict[str, Any]]:
        """Return the requests in the order in which they were sent."""
        return self._read(
            "SELECT * FROM calls WHERE (? = '' OR obj_id = ?) AND (? = '' OR state = ?) "
            "ORDER BY begun, rowid",
            (obj_id, obj_id, state, state),
        )

    # Items of a batch, each with several requests

    def completed_source(self, item: str) -> str | None:
        """Return the ``obj_id`` of the source of a completed item, otherwise None."""
        found = self._read("SELECT obj_id FROM items WHERE key = ? AND state = 'done'", (item,))
        return found[0]["obj_id"] if found else None

    def end_item(self, item: str, name: str, obj_id: str, error: str = "") -> None:
        """Record that an item is completed, or its error.

        The requests of a completed item with unknown outcome are completed too.
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
            with self._lock, self._connection:
                self._connection.execute(query, values)
        except sqlite3.Error as error:
            raise OSError(f"Cannot write the journal {self.path}: {error}") from error

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        with self._lock:
            return [dict(row) for row in self._connection.execute(query, values)]


@contextmanager
def open_journal(address: str) -> Iterator[RequestJournal]:
    """Open the journal of a marshal and lock it.

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
