"""Database connections: URLs, transactions and error messages."""

from __future__ import annotations

import errno
import os
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from astrodome import AstrodomeError, InvalidInputError, settings
from astrodome.errors import from_os_error
from sqlalchemy import exc

from . import schema

ENVIRONMENT = "DB_CONNECTION_STRING"
BUSY_TIMEOUT = 60
"""Maximum time to wait for a lock on the SQLite file, in seconds."""
CACHE = "PRAGMA cache_size=-65536"
"""Set the SQLite page cache to 64 MiB, so that large imports do not write pages repeatedly."""

CHECK_FILE = (
    "Check the permissions of the file and its folder, and whether another process is using the "
    "file, or choose another database."
)
CHECK_SERVER = (
    "Check that the server is running, and check the host name, the user name, the password and "
    "the privileges of the user."
)


class Database:
    """A connection to the event database.

    ``url_or_path`` is a database URL or the path of an SQLite file. The default is the value of
    the environment variable ``DB_CONNECTION_STRING`` or, if it is not set, a file in the
    ``--home`` folder. The constructor and all methods raise AstrodomeError if the database is not
    accessible. Error messages never contain passwords.
    """

    def __init__(self, url_or_path: str | os.PathLike[str] = "") -> None:
        self.url = parse_address(url_or_path or os.environ.get(ENVIRONMENT, ""))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        try:
            self.engine = sa.create_engine(
                self.url,
                connect_args={"timeout": BUSY_TIMEOUT} if self.is_sqlite else {},
                json_serializer=lambda text: text,  # All values are JSON strings.
            )
        except ImportError as error:
            raise AstrodomeError(
                f"The {self.url.get_backend_name()} driver is not installed: {error}.",
                "pip install 'astrodome-hek-events[postgresql]'",
            ) from error
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _configure_sqlite)
            sa.event.listen(self.engine, "begin", _begin)
        # Close the connections of a store that is no longer used.
        weakref.finalize(self, self.engine.dispose)
        self._writer = self.engine.execution_options(begin="BEGIN IMMEDIATE")
        self._has_tables = False
        self._existing: set[str] = set()

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)

    def file(self) -> Path | None:
        """Return the path of the SQLite file.

        Returns None for a PostgreSQL server, an in-memory database or a ``file:`` URI.
        """
        name = self.url.database
        if not self.is_sqlite or not name or name == ":memory:" or name.startswith("file:"):
            return None
        return Path(name)

    def is_missing(self) -> bool:
        """Return whether the SQLite file does not exist. Opening the database would create it."""
        file = self.file()
        return file is not None and not file.exists()

    def has_table(self, name: str) -> bool:
        """Return whether the database contains a table with the given name."""
        if self.is_missing():
            return False
        with self.connect() as connection:
            return sa.inspect(connection).has_table(name)

    @contextmanager
    def reading(self, table: sa.Table) -> Iterator[sa.Connection | None]:
        """Open a connection to read a table, or yield None if the table does not exist."""
        if self.is_missing():
            yield None
            return
        with self.connect() as connection:
            if table.name not in self._existing and schema.table_exists(connection, table):
                self._existing.add(table.name)
            yield connection if table.name in self._existing else None

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a transaction to write events. Missing tables are created."""
        if not self._has_tables:
            self._create_folder()
            with self._transaction(self._writer) as connection:
                schema.create_tables(connection)
            self._has_tables = True
        with self._transaction(self._writer) as connection:
            yield connection

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """Open a connection to read any table."""
        with self._transaction(self.engine) as connection:
            yield connection

    def _create_folder(self) -> None:
        file = self.file()
        if file is None:
            return
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AstrodomeError(
                f"Cannot create the folder {file.parent} of the event database: {error.strerror}.",
                CHECK_FILE,
            ) from error

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
        """Convert an exception from the database driver to an AstrodomeError."""
        path = self.url.database or "" if self.is_sqlite else str(self)
        if number := _errno(error):
            return from_os_error(OSError(number, os.strerror(number), path))
        why = str(error).strip().partition("\n")[0].rstrip(".")
        return AstrodomeError(
            f"Cannot access the event database {self.file() or self}: {why}.",
            CHECK_FILE if self.is_sqlite else CHECK_SERVER,
        )


def _errno(error: BaseException) -> int:
    """Return the errno that corresponds to a database driver error, or 0 if it is unknown."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or getattr(error, "sqlstate", "") == "53100":
        return errno.ENOSPC
    if code == sqlite3.SQLITE_READONLY:
        return errno.EROFS
    return 0


def _configure_sqlite(connection: Any, _: Any) -> None:
    """Disable the implicit transactions of the driver, which start too late; see :func:`_begin`."""
    connection.isolation_level = None
    connection.execute(CACHE)


def _begin(connection: sa.Connection) -> None:
    """Start a transaction. Write transactions acquire the write lock immediately.

    Otherwise, two transactions that both read before they request the write lock would block each
    other.
    """
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def parse_address(url_or_path: str | os.PathLike[str]) -> sa.URL:
    """Convert a database URL or the path of an SQLite file to a SQLAlchemy URL.

    If the argument is empty, the URL of the default SQLite file is returned. Raises AstrodomeError
    if the URL is invalid. The error message does not contain the URL, because the URL can contain
    a password.
    """
    if not url_or_path:
        return sa.URL.create("sqlite", database=str(settings.home() / "hek_events.sqlite"))
    text = os.fspath(url_or_path)
    if not isinstance(url_or_path, str) or ":" not in text:
        return sa.URL.create("sqlite", database=str(Path(text).expanduser()))
    try:
        url = sa.make_url(text)
    except (exc.ArgumentError, ValueError) as error:
        raise InvalidInputError(
            "Invalid database URL.",
            "Expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE.",
        ) from error
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg2"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise InvalidInputError(
            f"Unsupported database {url.drivername}: expected SQLite or PostgreSQL."
        )
    if url.drivername == "sqlite" and url.database and url.database.startswith("~"):
        return url.set(database=str(Path(url.database).expanduser()))
    return url
