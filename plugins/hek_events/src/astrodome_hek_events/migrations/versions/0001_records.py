"""A record of HEK in each row: typed columns, and the record itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXTS = "obs_observatory obs_instrument obs_channelid frm_name fl_goescls hpc_coord hpc_bbox"
CORNERS = "hpc_x_min hpc_y_min hpc_x_max hpc_y_max"


def upgrade() -> None:
    op.create_table(
        "hek_records",
        sa.Column("kb_archivid", sa.Text, primary_key=True),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("event_starttime", sa.DateTime, nullable=False, comment="UTC"),
        sa.Column("event_endtime", sa.DateTime, nullable=False, comment="UTC"),
        sa.Column("event_peaktime", sa.DateTime, comment="UTC"),
        *(sa.Column(name, sa.Text) for name in [*TEXTS.split(), "hpc_boundcc"]),
        sa.Column("ar_noaanum", sa.Integer, comment="number of the active region"),
        *(sa.Column(name, sa.Float(53)) for name in ("hpc_x", "hpc_y", "event_probability")),
        *(sa.Column(name, sa.Float(53), comment="arcsec") for name in CORNERS.split()),
        sa.Column("full_event", sa.JSON, nullable=False, comment="the record as HEK gave it"),
    )
    op.create_index("hek_records_time", "hek_records", ["event_starttime", "event_endtime"])
    op.create_index("hek_records_end", "hek_records", ["event_endtime"])
    op.create_index("hek_records_type", "hek_records", ["event_type", "event_starttime"])


def downgrade() -> None:
    op.drop_table("hek_records")
