"""Writing many rows at once: past SQLAlchemy's work on each, into SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows, all columns of ``table``; one whose key is known replaces the old one.

    No two rows may have the same key.
    """
    names = [column.name for column in table.c]
    keys = [column.name for column in table.primary_key]
    # In one order for everybody: two that lock the same rows in different orders never end.
    ordered = sorted(rows, key=lambda row: tuple(row[key] for key in keys))
    if connection.dialect.name == "postgresql":
        _postgresql(connection, table.name, names, keys, ordered)
    else:
        _sqlite(connection, table.name, names, keys, ordered)


def _sqlite(
    connection: sa.Connection,
    table: str,
    names: list[str],
    keys: list[str],
    rows: Iterable[dict[str, Any]],
) -> None:
    marks = ", ".join("?" * len(names))
    sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) {_conflict(names, keys)}"
    values = [
        tuple(
            value.isoformat(" ", "microseconds") if isinstance(value, datetime) else value
            for value in map(row.__getitem__, names)
        )
        for row in rows
    ]
    connection.exec_driver_sql(sql, values)


def _postgresql(
    connection: sa.Connection,
    table: str,
    names: list[str],
    keys: list[str],
    rows: Iterable[dict[str, Any]],
) -> None:
    """COPY into a table of this connection's own, and from there in one statement."""
    listed = ", ".join(names)
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE IF NOT EXISTS {table}_incoming (LIKE {table}) ON COMMIT DELETE ROWS"
    )
    driver: Any = connection.connection.driver_connection
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table}_incoming ({listed}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row([row[name] for name in names])
    connection.exec_driver_sql(
        f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {table}_incoming "
        f"ORDER BY {', '.join(keys)} {_conflict(names, keys)}"
    )
    connection.exec_driver_sql(f"DELETE FROM {table}_incoming")


def _conflict(names: list[str], keys: list[str]) -> str:
    new = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {new}"
