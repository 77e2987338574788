"""What alembic runs: the versions, one after the other, on the connection that it is given."""

from __future__ import annotations

from alembic import context

from astrodome_hek_events.store import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.VERSION_TABLE,
)
context.run_migrations()
