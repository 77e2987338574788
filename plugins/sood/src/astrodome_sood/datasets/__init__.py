"""Image data sets: folders of image files, and SDO ML data."""
