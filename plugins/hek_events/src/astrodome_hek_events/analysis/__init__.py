"""Compare anomaly maps with HEK events."""
