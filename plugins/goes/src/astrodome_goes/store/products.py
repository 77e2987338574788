"""The data products from which the samples were read, and the scaling of their fluxes."""

from __future__ import annotations

PRODUCTS = ("csv", "fits", "netcdf", "gxrs-l2-irrad", "xrsf-l2-avg1m", "xrsf-l2-flx1s")
"""Names of the products, in ascending order of preference.

``csv`` stands for sdo-cli files and ``fits`` for NASA files (up to GOES 15). All other products
are NOAA netCDF files.
"""

SCALED_SATELLITES = range(8, 16)
"""GOES numbers of the satellites whose operational fluxes contain scaling factors.

The factors are 0.85 for ``xrsa`` and 0.7 for ``xrsb``.
"""


def operational_scaling(satellite: int, product: str) -> bool | None:
    """Return whether the fluxes contain the operational scaling factors, or None if unknown.

    Only the fluxes in NASA FITS files contain these factors. sdo-cli CSV files do not specify
    the product from which they were derived.
    """
    if product == "csv" and (satellite in SCALED_SATELLITES or not satellite):
        return None
    return product == "fits" and satellite in SCALED_SATELLITES
