"""Python API: functions that accept paths, and return tables and arrays."""
