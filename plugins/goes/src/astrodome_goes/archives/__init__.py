"""Search, download, read and import files from the archives of GOES XRS data."""
