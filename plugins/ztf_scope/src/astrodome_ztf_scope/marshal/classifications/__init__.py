"""Classifications: download from a marshal to a table, and upload from a table to a marshal."""
