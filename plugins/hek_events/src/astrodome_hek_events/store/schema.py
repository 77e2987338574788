"""Tables in an event database. They are the same in SQLite and PostgreSQL databases."""

from __future__ import annotations

import sqlalchemy as sa
from astrodome import AstrodomeError

from .. import records

CREATION_LOCK = 0x4845_4B
"""Key of the PostgreSQL lock that is held while tables are created."""

metadata = sa.MetaData()
events = sa.Table(
    "hek_records",
    metadata,
    sa.Column("kb_archivid", sa.Text, primary_key=True, comment="HEK identifier of the event"),
    sa.Column("event_type", sa.Text, nullable=False, comment="HEK event type code"),
    sa.Column("event_starttime", sa.DateTime, nullable=False, comment="start time in UTC"),
    sa.Column("event_endtime", sa.DateTime, nullable=False, comment="end time in UTC"),
    sa.Column("event_peaktime", sa.DateTime, comment="peak time in UTC"),
    *(sa.Column(name, sa.Text, comment=text) for name, text in records.TEXT_COLUMNS.items()),
    sa.Column("ar_noaanum", sa.Integer, comment="NOAA number of the active region"),
    *(sa.Column(name, sa.Float(53), comment=text) for name, text in records.NUMBER_COLUMNS.items()),
    *(
        sa.Column(name, sa.Float(53), comment="limit of the bounding box of hpc_bbox, in arcsec")
        for name in records.CORNER_COLUMNS
    ),
    sa.Column("full_event", sa.JSON, nullable=False, comment="complete HEK record"),
    sa.Column(
        "duration_class",
        sa.SmallInteger,
        nullable=False,
        comment="exponent of the power of two that limits the duration",
    ),
)
sa.Index("hek_records_time", events.c.event_starttime, events.c.event_endtime)
sa.Index(
    "hek_records_duration",
    events.c.duration_class,
    events.c.event_starttime,
    events.c.event_endtime,
)

completed_windows = sa.Table(
    "hek_windows",
    metadata,
    sa.Column("event_type", sa.Text, primary_key=True, comment="** means all types"),
    sa.Column("frm_name", sa.Text, primary_key=True, comment="empty means all methods"),
    sa.Column("observatory", sa.Text, primary_key=True, comment="empty means all observatories"),
    sa.Column("window_start", sa.DateTime, primary_key=True, comment="UTC"),
    sa.Column("window_end", sa.DateTime, primary_key=True, comment="UTC"),
    sa.Column("fetched", sa.DateTime, nullable=False, comment="UTC"),
)


def table_exists(connection: sa.Connection, table: sa.Table) -> bool:
    """Return whether a table exists.

    Raises AstrodomeError if the existing table lacks a column.
    """
    inspector = sa.inspect(connection)
    if not inspector.has_table(table.name):
        return False
    columns = {column["name"] for column in inspector.get_columns(table.name)}
    if absent := [column.name for column in table.c if column.name not in columns]:
        raise AstrodomeError(
            f"Unsupported schema: table {table.name} has no column {', '.join(absent)}.",
            "Use another database.",
        )
    return True


def create_tables(connection: sa.Connection) -> None:
    """Create all tables that do not exist."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CREATION_LOCK)))
    missing = [table for table in metadata.sorted_tables if not table_exists(connection, table)]
    metadata.create_all(connection, missing)
