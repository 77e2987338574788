"""Insert rows into a table, and replace existing rows with the same primary key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, and replace existing rows with the same primary key.

    The keys in ``rows`` must be unique.
    """
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table)
    keys = [column.name for column in table.primary_key]
    updated = {name: value for name, value in insert.excluded.items() if name not in keys}
    # All transactions insert rows in the same order. Otherwise, a deadlock could occur.
    ordered = sorted(rows, key=lambda row: tuple(row[key] for key in keys))
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=updated), ordered)
