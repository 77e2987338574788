"""Samples of XRS as one NumPy record array, and the rules for which of them are kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DTYPE = np.dtype(
    [
        ("timestamp", "M8[us]"),  # UTC
        ("xrsa", "f4"),  # 0.5-4 angstrom, W/m2; NaN where the instrument gave none
        ("xrsb", "f4"),  # 1-8 angstrom, W/m2
        ("xrsa_quality", "i4"),  # 0 good, NO_FLAGS where the file has no flags
        ("xrsb_quality", "i4"),
        ("satellite", "u1"),  # GOES number, 0 where it is not known
        ("product", "u1"),  # index into PRODUCTS
    ]
)
NO_FLAGS = -1
PRODUCTS = ("csv", "fits", "netcdf", "gxrs-l2-irrad", "xrsf-l2-avg1m", "xrsf-l2-flx1s")
"""What the archives offer, the preferred last. ``fits`` (NASA, GOES 15 and older) has operational
fluxes: those of GOES 8-15 carry the factors 0.85 (xrsa) and 0.7 (xrsb), which the science
products of NOAA, all the others, do without. ``csv`` is the tree of the older tool."""

SCALED = range(8, 16)
"""Numbers of the GOES satellites whose operational fluxes contain these factors."""

Samples = NDArray[np.void]
"""Records of ``DTYPE``, shape (N,)."""
Times = NDArray[np.datetime64]


def good(samples: Samples) -> NDArray[np.bool_]:
    """Which samples hold a 1-8 angstrom flux to rely on: positive, and no flag against it."""
    with np.errstate(invalid="ignore"):
        positive: NDArray[np.bool_] = samples["xrsb"] > 0
    return positive & (samples["xrsb_quality"] <= 0)


def operational_scaling(satellite: int, product: str) -> bool | None:
    """Return whether fluxes contain the operational factors (0.85 and 0.7); None if unknown.

    The CSV files of sdo-cli do not specify the product from which they were derived.
    """
    if product == "csv" and (satellite in SCALED or not satellite):
        return None
    return product == "fits" and satellite in SCALED


def merged(old: Samples, new: Samples) -> Samples:
    """The samples of both, in order of time, as the store keeps them.

    Of those within one minute stay the ones of the highest-numbered satellite that
    has a good one (or, if none has, of the highest), and of its best product in
    the order of ``PRODUCTS``. Of two samples at the same time, the new one stays.
    """
    both = np.concatenate([old, new])
    both = both[np.argsort(both["timestamp"], kind="stable")]
    if not len(both):
        return both
    origin = both["satellite"] * np.int64(len(PRODUCTS)) + both["product"]
    beyond = 256 * len(PRODUCTS)
    rank = origin + beyond * good(both)
    first = starts(both["timestamp"].astype("M8[m]"))
    best = np.maximum.reduceat(rank, first) % beyond
    both = both[origin == np.repeat(best, np.diff(np.r_[first, len(both)]))]
    times = both["timestamp"]
    kept: Samples = both[np.r_[times[1:] != times[:-1], True]]
    return kept


def starts(values: NDArray[np.generic]) -> NDArray[np.intp]:
    """Indices at which a run of equal values begins; ``values`` has at least one."""
    return np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
