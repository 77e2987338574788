"""Import files, resize images, extract patches, and calibrate AIA level 1 data."""
