"""SDO ML v2: frames of 512 x 512 pixels in zarr arrays, a group a year, an array a channel."""

from __future__ import annotations
