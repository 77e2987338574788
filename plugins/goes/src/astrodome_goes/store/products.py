"""The data products from which the samples were read, and the scaling of their fluxes."""

from __future__ import annotations

PRODUCTS = ("csv", "fits", "netcdf", "gxrs-l2-irrad", "xrsf-l2-avg1m", "xrsf-l2-flx1s")
"""Names of the products, in ascending order of preference.

The product ``csv`` contains the data from sdo-cli CSV files, and ``fits`` contains the data from
NASA FITS files (up to GOES 15). All other products contain data from NOAA netCDF files.
"""

SCALED_SATELLITES = range(8, 16)
"""GOES numbers of the satellites whose operational fluxes contain scaling factors.

The factors are 0.85 for ``xrsa`` and 0.7 for ``xrsb``.
"""


def operational_scaling(satellite: int, product: str) -> bool | None:
    """Return whether the fluxes in a product contain the operational scaling factors.

    The result is None if this is unknown. Only the fluxes in NASA FITS files contain these
    factors. sdo-cli CSV files do not specify the product from which they were derived.
    """
    if product == "csv" and (satellite in SCALED_SATELLITES or not satellite):
        return None
    return product == "fits" and satellite in SCALED_SATELLITES
