"""Functions of the public Python API, which accept paths and return tables and arrays."""
