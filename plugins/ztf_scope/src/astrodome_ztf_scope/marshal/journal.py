"""The journal of what was sent to a marshal: written before and after, and safe from a kill.

A call that has begun and not ended is one whose outcome nobody knows: the process was killed, or
the answer was lost. It is looked up at the marshal before it is made again.
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
"""What is known of a call; ``found``: done, as the marshal showed when it was looked up."""


def key(*parts: Any) -> str:
    """A name for what is to be done: the same for the same parts."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def place(address: str) -> Path:
    """The file of the journal of a marshal, in the folder of all state."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", address.split("//")[-1]).strip("-.")[-60:]
    return settings.home() / "scope" / "journal" / f"{words}-{key(address)[:8]}.db"


class Journal:
    """The journal in ``path``; every entry is on the disk before the next thing is done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        try:
            self._base = sqlite3.connect(path, timeout=60, check_same_thread=False)
            self._base.row_factory = sqlite3.Row
            self._base.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;{SCHEMA}")
        except sqlite3.Error as error:
            raise AstrodomeError(
                f"The journal {path} cannot be used: {error}.",
                "Move it away; what is on the marshal is looked up there.",
            ) from error

    def close(self) -> None:
        self._base.close()

    # Calls

    def begin(
        self, call: str, verb: str, obj_id: str, request: Mapping[str, Any], item: str = ""
    ) -> None:
        """Write that this is about to be sent, for an item."""
        self._write(
            "INSERT INTO calls VALUES (?, ?, ?, ?, 'begun', 1, ?, NULL, '', ?) ON CONFLICT (key) "
            "DO UPDATE SET state = 'begun', attempts = attempts + 1, begun = excluded.begun, "
            "item = excluded.item",
            (call, verb, obj_id, json.dumps(request, default=str), time.time(), item),
        )

    def end(self, call: str, state: str, said: str = "") -> None:
        """Write what became of it."""
        values = (state, time.time(), said[:1000], call)
        self._write("UPDATE calls SET state = ?, ended = ?, said = ? WHERE key = ?", values)

    def state(self, call: str) -> str:
        """What is known of a call, ``""`` when it was never made."""
        found = self._read("SELECT state FROM calls WHERE key = ?", (call,))
        return found[0]["state"] if found else ""

    def unknown_since(self) -> float:
        """When the latest call began whose outcome is not known (Unix time); 0: there is none."""
        found = self._read("SELECT MAX(begun) AS latest FROM calls WHERE state = 'begun'")
        return float(found[0]["latest"] or 0)

    def calls(self, obj_id: str = "", state: str = "") -> list[dict[str, Any]]:
        """The calls, the first first."""
        return self._read(
            "SELECT * FROM calls WHERE (? = '' OR obj_id = ?) AND (? = '' OR state = ?) "
            "ORDER BY begun, rowid",
            (obj_id, obj_id, state, state),
        )

    # Items: rows of a file, each of several calls

    def finished(self, item: str) -> str | None:
        """The source of an item that is wholly done, None when it is not."""
        found = self._read("SELECT obj_id FROM items WHERE key = ? AND state = 'done'", (item,))
        return found[0]["obj_id"] if found else None

    def finish(self, item: str, name: str, obj_id: str, said: str = "") -> None:
        """Write that an item is wholly done, or what it failed of.

        When it is done, so are its calls whose outcome was not known.
        """
        state, now = "failed" if said else "done", time.time()
        if not said:
            self._write(
                "UPDATE calls SET state = 'found', ended = ? WHERE item = ? AND state = 'begun'",
                (now, item),
            )
        values = (item, name, obj_id, state, now, said[:1000])
        self._write("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?)", values)

    def _write(self, query: str, values: tuple[Any, ...]) -> None:
        with self._lock:
            try:
                with self._base:
                    self._base.execute(query, values)
            except sqlite3.Error as error:
                raise OSError(f"The journal {self.path} cannot be written: {error}") from error

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        with self._lock:
            return [dict(row) for row in self._base.execute(query, values).fetchall()]


@contextmanager
def opened(address: str, path: Path | None = None) -> Iterator[Journal]:
    """The journal of a marshal, held against other processes that would change it too.

    Raises AstrodomeError when another one is at work there.
    """
    where = path or place(address)
    with files.lock(where.with_suffix(".lock"), timeout=0):
        journal = Journal(where)
        try:
            yield journal
        finally:
            journal.close()
