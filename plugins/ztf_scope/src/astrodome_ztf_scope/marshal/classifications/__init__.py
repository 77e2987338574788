"""Download classifications from a marshal to a table, and upload them from a table."""
