"""Files of the archives of GOES XRS data: search, download, read, import."""
