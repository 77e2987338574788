"""A SQLite file that can be used by several threads of a process."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

sqlite3.register_converter("JSON", json.loads)
sqlite3.register_converter("BOOLEAN", lambda value: value == b"1")


class SqliteFile:
    """The SQLite database at ``path``.

    ``schema`` is the name of a file in this package with the SQL definitions of the tables. Values
    in columns of the declared type ``JSON`` are read as Python objects.
    """

    def __init__(self, path: Path | str, schema: str) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            path, timeout=60, check_same_thread=False, detect_types=sqlite3.PARSE_DECLTYPES
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
        tables = resources.files(__package__).joinpath(schema).read_text("utf-8")
        self._connection.executescript(tables)

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Return the rows in the result of a query as dictionaries."""
        with self._lock:
            return [dict(row) for row in self._connection.execute(query, values)]

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection, and commit the changes at the end of the ``with`` block."""
        with self._lock, self._connection:
            yield self._connection

    def close(self) -> None:
        self._connection.close()
