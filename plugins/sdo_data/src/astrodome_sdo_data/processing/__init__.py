"""Import files, resize images, cut patches and calibrate AIA level 1 data."""
