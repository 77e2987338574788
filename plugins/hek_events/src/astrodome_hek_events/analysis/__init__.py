"""Comparison of anomaly maps with HEK events."""
