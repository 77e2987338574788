"""One database: its address, its transactions, and its failures as sentences."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from astrodome import AstrodomeError, settings
from astrodome.errors import from_os_error
from sqlalchemy import exc

from . import schema

ENVIRONMENT = "DB_CONNECTION_STRING"
BUSY = 60
"""Seconds to wait for another process that writes into the same SQLite file."""
CACHE = "PRAGMA cache_size=-65536"
"""KiB of an SQLite file that are kept in memory, so that a large import is not written twice."""

ELSEWHERE = "Change the permissions, or choose another database with --db-connection-string."
SERVER = "Check that the server is running, and check the address, user and password."
FAILURES = {
    "CANTOPEN": ("Cannot open the event database {name}: {why}.", ELSEWHERE),
    "IOERR": (
        "Reading or writing the event database {name} failed: {why}.",
        "Check the disk, and that the file system has free space and supports locks.",
    ),
    "BUSY": (
        "The event database {name} has been locked by another process for {seconds} seconds.",
        "Run the same command again when the other process has ended.",
    ),
    "NOTADB": (
        "The file {name} is not an SQLite database.",
        "Choose another file with --db-connection-string.",
    ),
    "CORRUPT": (
        "The event database {name} is damaged: {why}.",
        "Restore a backup, or store the events in a new file with --db-connection-string.",
    ),
}
"""Message and hint for each kind of failure, by the name of the result code of SQLite."""

LZ4 = """
SELECT set_config(name, 'lz4', false) FROM pg_settings
WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)
"""


class Database:
    """The database at ``url``, an SQLAlchemy address or the older spelling ``postgresql://…``.

    Without one it comes from ``DB_CONNECTION_STRING``, or is a file in the folder of all
    state. Raises AstrodomeError, here and in every method, when the database cannot be
    had; a password is never part of the message.
    """

    def __init__(self, url: str = "") -> None:
        self.url = address(url or os.environ.get(ENVIRONMENT, ""))
        self.sqlite = self.url.get_backend_name() == "sqlite"
        try:
            self.engine = sa.create_engine(
                self.url, connect_args={"timeout": BUSY} if self.sqlite else {}
            )
        except ImportError as error:
            raise AstrodomeError(
                f"A {self.url.get_backend_name()} database needs a driver: {error}.",
                "pip install 'astrodome-hek-events[postgresql]'",
            ) from error
        if self.sqlite:
            sa.event.listen(self.engine, "connect", _by_hand)
            sa.event.listen(self.engine, "begin", _begin)
        else:
            sa.event.listen(self.engine, "connect", _quick)
        self._reader = (  # a question of one statement needs no more trips to a server than that
            self.engine
            if self.sqlite
            else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        self._writer = self.engine.execution_options(begins="BEGIN IMMEDIATE")
        self._current = False

    def file(self) -> Path | None:
        """Return the SQLite file; None for a server, a database in memory or a URI (``file:…``)."""
        name = self.url.database
        if not self.sqlite or not name or name == ":memory:" or name.startswith("file:"):
            return None
        return Path(name)

    def missing(self) -> bool:
        """Return whether this is an SQLite file that does not exist; opening it would create it."""
        file = self.file()
        return file is not None and not file.exists()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection | None]:
        """A connection to read on, of tables of the current version; None without tables."""
        if not self._current:
            if self.missing():
                yield None
                return
            with self._transaction(self._reader) as connection:
                found = schema.version(connection)
            if not found:
                yield None
                return
            self._upgrade(found)
        with self._transaction(self._reader) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction to write in; the tables are made, or brought to the current version."""
        if not self._current:
            self._make_folder()
            self._upgrade("")
        with self._transaction(self._writer) as connection:
            yield connection

    @contextmanager
    def plain(self) -> Iterator[sa.Connection]:
        """A connection to read on, whatever tables there are."""
        with self._transaction(self._reader) as connection:
            yield connection

    def _make_folder(self) -> None:
        file = self.file()
        if file is None:
            return
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AstrodomeError(
                f"Cannot create the folder {file.parent} of the event database: {error.strerror}.",
                ELSEWHERE,
            ) from error

    def _upgrade(self, found: str) -> None:
        if found != schema.HEAD:
            with self._transaction(self._writer) as connection:
                schema.upgrade(connection)
        self._current = True

    @contextmanager
    def _transaction(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except exc.DBAPIError as error:
            raise self.failure(error.orig or error) from error
        except Exception as error:
            if isinstance(error, getattr(self.engine.dialect.loaded_dbapi, "Error", ())):
                raise self.failure(error) from error
            raise

    def failure(self, error: BaseException) -> AstrodomeError:
        """Return the error for an exception of the database driver."""
        path = self.url.database or "" if self.sqlite else str(self)
        if number := _errno(error, Path(path).parent):
            return from_os_error(OSError(number, os.strerror(number), path))
        why = str(error).strip().partition("\n")[0].rstrip(".")
        code = str(getattr(error, "sqlite_errorname", "") or "").removeprefix("SQLITE_")
        message, hint = FAILURES.get(
            code.partition("_")[0],
            ("Accessing the event database {name} failed: {why}.", "" if self.sqlite else SERVER),
        )
        name = self.file() or self
        return AstrodomeError(message.format(name=name, why=why, seconds=BUSY), hint)

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)


def _errno(error: BaseException, folder: Path) -> int:
    """Return the number of a system error that the driver has wrapped; 0 for other errors."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or getattr(error, "sqlstate", "") == "53100":
        return errno.ENOSPC
    if code == sqlite3.SQLITE_READONLY:
        return errno.EROFS
    if code == sqlite3.SQLITE_CANTOPEN and folder.is_dir() and not os.access(folder, os.W_OK):
        return errno.EACCES
    return 0


def _by_hand(connection: Any, _: Any) -> None:
    """Leave it to :func:`_begin` when a transaction begins: Python's driver begins late."""
    connection.isolation_level = None
    connection.execute(CACHE)


def _quick(connection: Any, _: Any) -> None:
    """Compress long texts with LZ4 where the server has it: twice as many records a second."""
    connection.execute(LZ4)
    connection.commit()


def _begin(connection: sa.Connection) -> None:
    """Whoever will write says so at once; two that read first could never both go on."""
    connection.exec_driver_sql(connection.get_execution_options().get("begins", "BEGIN"))


def address(text: str) -> sa.URL:
    """What a connection string means; without one, the file in the folder of all state."""
    if not text:
        return sa.URL.create("sqlite", database=str(settings.home() / "hek_events.sqlite"))
    try:
        url = sa.make_url(text)
    except (exc.ArgumentError, ValueError) as error:
        raise AstrodomeError(  # without the text: a password may be in it
            "The connection string is no database address.",
            "Write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
            exit_code=2,
        ) from error
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg2"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise AstrodomeError(
            f"Events are kept in SQLite or PostgreSQL, not in {url.drivername}.", exit_code=2
        )
    return url
