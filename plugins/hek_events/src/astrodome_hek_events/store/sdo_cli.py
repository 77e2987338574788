"""Read events from the table ``hek_events`` in an sdo-cli database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from astrodome import AstrodomeError, errors

from .database import Database
from .event_store import SDO_CLI_TABLE

BATCH_SIZE = 2000
FIELDS = (
    "kb_archivid",
    "event_type",
    "event_starttime",
    "event_endtime",
    "obs_observatory",
    "obs_instrument",
    "obs_channelid",
    "hpc_bbox",
    "hpc_boundcc",
    "hpc_coord",
)
"""Columns that have the same name as a field of the HEK record in the column ``full_event``."""


def read_batches(address: str) -> Iterator[list[dict[str, Any]]]:
    """Yield batches of HEK records from the database at the given URL, sorted by ``event_id``.

    If a field is missing from the stored record, the value in the column with the same name is
    used. Raises AstrodomeError if the database cannot be read or the table does not exist.
    """
    database = Database(address)
    if database.is_missing():
        raise errors.not_found(str(database.file()))
    if not database.has_table(SDO_CLI_TABLE):
        raise AstrodomeError(
            f"sdo-cli table {SDO_CLI_TABLE} not found in {database}.",
            "Specify the value of DB_CONNECTION_STRING that was used with sdo-cli.",
        )
    last_id = None
    while True:
        with database.connect() as connection:
            table = sa.Table(SDO_CLI_TABLE, sa.MetaData(), autoload_with=connection)
            query = sa.select(table).order_by(table.c.event_id).limit(BATCH_SIZE)
            if last_id is not None:
                query = query.where(table.c.event_id > last_id)
            rows = connection.execute(query).mappings().all()
        if not rows:
            return
        yield [_record(row) for row in rows]
        last_id = rows[-1]["event_id"]


def _record(row: sa.RowMapping) -> dict[str, Any]:
    stored = row.get("full_event")
    if isinstance(stored, str):
        try:
            stored = json.loads(stored)
        except (ValueError, RecursionError):
            stored = None
    record = dict(stored) if isinstance(stored, dict) else {}
    for field in FIELDS:
        value = row.get(field)
        if record.get(field) is None and value is not None:
            record[field] = value.isoformat() if hasattr(value, "isoformat") else value
    return record
