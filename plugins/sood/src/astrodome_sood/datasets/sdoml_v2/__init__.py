"""Build and read SDO ML v2 stores: zarr stores with a group per year and an array per channel."""
