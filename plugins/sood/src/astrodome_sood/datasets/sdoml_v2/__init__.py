"""Build and read SDO ML v2 stores.

An SDO ML v2 store is a zarr store with one group per year. Each group contains one array per
channel.
"""
