"""The events that sdo-cli kept: its table ``hek_events``, as records for the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from astrodome import AstrodomeError

from .database import Database
from .event_store import OLDER_TABLE

AT_ONCE = 2000
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
"""Columns of the older table; the rest of a record is in its ``full_event``."""


def batches(url: str) -> Iterator[list[dict[str, Any]]]:
    """The older tool's events at ``url``, some thousands at a time, in the order they were stored.

    A field that its JSON lacks is taken from its column. Raises AstrodomeError when the
    database cannot be had or has no such table.
    """
    database = Database(url)
    if database.missing():
        raise AstrodomeError(f"There is no file {database.url.database}.")
    last = None
    while True:
        with database.plain() as connection:
            if last is None and not sa.inspect(connection).has_table(OLDER_TABLE):
                raise AstrodomeError(
                    f"There is no table {OLDER_TABLE} of sdo-cli in {database}.",
                    "Give the address that DB_CONNECTION_STRING had for it.",
                )
            table = sa.Table(OLDER_TABLE, sa.MetaData(), autoload_with=connection)
            query = sa.select(table).order_by(table.c.event_id).limit(AT_ONCE)
            if last is not None:
                query = query.where(table.c.event_id > last)
            rows = connection.execute(query).mappings().all()
        if not rows:
            return
        yield [_record(row) for row in rows]
        last = rows[-1]["event_id"]


def _record(row: sa.RowMapping) -> Any:
    record = row.get("full_event")
    if isinstance(record, str):
        try:
            record = json.loads(record)
        except (ValueError, RecursionError):
            record = None
    known = dict(record) if isinstance(record, dict) else {}
    for field in FIELDS:
        value = row.get(field)
        if known.get(field) is None and value is not None:
            known[field] = value.isoformat() if hasattr(value, "isoformat") else value
    return known
