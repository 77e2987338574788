"""Import observations, resize images, cut patches and calibrate level 1 data."""
