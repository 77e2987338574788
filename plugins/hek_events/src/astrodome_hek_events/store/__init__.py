"""Store HEK events in SQLite or PostgreSQL databases."""
