"""The tables of the store, and how a database gets to their current version.

The versions are alembic's, in ``migrations``; which one a database has stands in
its table ``hek_records_version``. SQLite and PostgreSQL have the same tables.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from astrodome import AstrodomeError

from .. import records

HEAD = "0002"
"""The newest version; a database that has it needs no alembic, which takes time to import."""
VERSION_TABLE = "hek_records_version"
SCHEMA_LOCK = 0x4845_4B
"""Key of the lock under which PostgreSQL changes its tables: two processes may want to at once."""

metadata = sa.MetaData()
events = sa.Table(
    "hek_records",
    metadata,
    sa.Column("kb_archivid", sa.Text, primary_key=True),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("event_starttime", sa.DateTime, nullable=False, comment="UTC"),
    sa.Column("event_endtime", sa.DateTime, nullable=False, comment="UTC"),
    sa.Column("event_peaktime", sa.DateTime, comment="UTC"),
    *(sa.Column(name, sa.Text) for name in records.TEXTS),
    sa.Column("ar_noaanum", sa.Integer, comment="number of the active region"),
    *(sa.Column(name, sa.Float(53)) for name in records.NUMBERS),
    *(sa.Column(name, sa.Float(53), comment="arcsec") for name in records.CORNERS),
    sa.Column("full_event", sa.JSON, nullable=False, comment="the record as HEK gave it"),
    sa.Column(
        "duration_class",
        sa.SmallInteger,
        nullable=False,
        server_default="8",
        comment="the event takes at most 2 to this power seconds; 24 has no end",
    ),
)
sa.Index("hek_records_time", events.c.event_starttime, events.c.event_endtime)
sa.Index("hek_records_end", events.c.event_endtime)
sa.Index("hek_records_type", events.c.event_type, events.c.event_starttime)
sa.Index(
    "hek_records_duration",
    events.c.duration_class,
    events.c.event_starttime,
    events.c.event_endtime,
)

windows = sa.Table(
    "hek_windows",
    metadata,
    sa.Column("event_type", sa.Text, primary_key=True, comment="HEK's code, ** for all"),
    sa.Column("frm_name", sa.Text, primary_key=True, comment="empty for all"),
    sa.Column("observatory", sa.Text, primary_key=True, comment="empty for all"),
    sa.Column("window_start", sa.DateTime, primary_key=True, comment="UTC"),
    sa.Column("window_end", sa.DateTime, primary_key=True, comment="UTC"),
    sa.Column("fetched", sa.DateTime, nullable=False, comment="UTC"),
)


def version(connection: sa.Connection) -> str:
    """The version of the tables; ``0001`` where they are older than versions, empty for none.

    Raises AstrodomeError when a newer astrodome made them.
    """
    inspector = sa.inspect(connection)
    if not inspector.has_table(VERSION_TABLE):
        return "0001" if inspector.has_table(events.name) else ""
    found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    if found is not None and found > HEAD:
        raise AstrodomeError(
            f"The events are in version {found} of the tables, and this astrodome knows {HEAD}.",
            "pip install --upgrade astrodome-hek-events",
        )
    return str(found or "")


def upgrade(connection: sa.Connection) -> None:
    """Bring the tables to ``HEAD``, in the transaction of ``connection``, which has to write."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
    found = version(connection)
    if found == HEAD:
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    config.attributes["connection"] = connection
    if found == "0001" and not sa.inspect(connection).has_table(VERSION_TABLE):
        command.stamp(config, found)
    command.upgrade(config, "head")
