"""Classifications: from a marshal to a table, and from a table to a marshal."""
