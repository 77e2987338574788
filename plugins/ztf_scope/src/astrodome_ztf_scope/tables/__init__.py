"""Read and write source tables and data sets in CSV, Parquet and HDF5 files."""
