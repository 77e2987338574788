"""The local store for XRS samples: Parquet files, and functions to read them."""
