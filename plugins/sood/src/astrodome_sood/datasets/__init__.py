"""Image sets: folders of images and SDO ML data sets."""
