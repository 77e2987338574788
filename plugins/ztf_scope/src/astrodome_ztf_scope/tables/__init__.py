"""Tables and data sets of sources in CSV, Parquet and HDF5 files."""
