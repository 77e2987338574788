"""SDO ML v2: frames of 512 × 512 pixels in zarr arrays, a group per year, an array per channel."""
