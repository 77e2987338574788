"""Storage of HEK events in SQLite or PostgreSQL."""
