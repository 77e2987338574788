"""Client for the HEK web service: queries, time windows and JSON responses."""
