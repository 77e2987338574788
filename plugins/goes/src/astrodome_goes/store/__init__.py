"""The local store of samples: Parquet files and lookups by time."""
