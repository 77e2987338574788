"""Events at a time through an index by duration, and the windows that are complete."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

AT_ONCE = 10_000


def upgrade() -> None:
    op.add_column(
        "hek_records",
        sa.Column(
            "duration_class",
            sa.SmallInteger,
            nullable=False,
            server_default="8",
            comment="the event takes at most 2 to this power seconds; 24 has no end",
        ),
    )
    _classify(op.get_bind())
    op.create_index(
        "hek_records_duration",
        "hek_records",
        ["duration_class", "event_starttime", "event_endtime"],
    )
    op.create_table(
        "hek_windows",
        sa.Column("event_type", sa.Text, primary_key=True, comment="HEK's code, ** for all"),
        sa.Column("frm_name", sa.Text, primary_key=True, comment="empty for all"),
        sa.Column("observatory", sa.Text, primary_key=True, comment="empty for all"),
        sa.Column("window_start", sa.DateTime, primary_key=True, comment="UTC"),
        sa.Column("window_end", sa.DateTime, primary_key=True, comment="UTC"),
        sa.Column("fetched", sa.DateTime, nullable=False, comment="UTC"),
    )


def downgrade() -> None:
    op.drop_table("hek_windows")
    op.drop_index("hek_records_duration", "hek_records")
    op.drop_column("hek_records", "duration_class")


def _classify(connection: sa.Connection) -> None:
    """Fill the column, some rows at a time: a store may hold millions."""
    table = sa.table(
        "hek_records",
        sa.column("kb_archivid", sa.Text),
        sa.column("event_starttime", sa.DateTime),
        sa.column("event_endtime", sa.DateTime),
        sa.column("duration_class", sa.SmallInteger),
    )
    key = table.c.kb_archivid
    some = (
        sa.select(key, table.c.event_starttime, table.c.event_endtime).order_by(key).limit(AT_ONCE)
    )
    change = (
        sa.update(table)
        .where(key == sa.bindparam("id"))
        .values(duration_class=sa.bindparam("class"))
    )
    last = ""
    while rows := connection.execute(some.where(key > last)).all():
        connection.execute(
            change, [{"id": name, "class": _class(end - start)} for name, start, end in rows]
        )
        last = rows[-1][0]


def _class(duration: timedelta) -> int:
    seconds = -(-duration // timedelta(seconds=1))
    return min(max(8, (seconds - 1).bit_length()), 24) if seconds > 0 else 8
