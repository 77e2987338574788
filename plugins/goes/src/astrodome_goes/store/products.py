"""The products from which samples come, and the scaling of their fluxes."""

from __future__ import annotations

PRODUCTS = ("csv", "fits", "netcdf", "gxrs-l2-irrad", "xrsf-l2-avg1m", "xrsf-l2-flx1s")
"""Names of the products, the preferred one last.

``csv`` are files of sdo-cli, ``fits`` files of NASA (GOES 15 and older), and the others netCDF
files of NOAA.
"""

SCALED_SATELLITES = range(8, 16)
"""GOES numbers whose operational fluxes contain the factors 0.85 (xrsa) and 0.7 (xrsb)."""


def operational_scaling(satellite: int, product: str) -> bool | None:
    """Return whether fluxes contain the operational factors (0.85 and 0.7); None if unknown.

    Only NASA's FITS files contain them. The CSV files of sdo-cli do not specify the product from
    which they were derived.
    """
    if product == "csv" and (satellite in SCALED_SATELLITES or not satellite):
        return None
    return product == "fits" and satellite in SCALED_SATELLITES
