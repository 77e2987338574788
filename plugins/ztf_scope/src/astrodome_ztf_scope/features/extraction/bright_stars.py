"""Find light curves near bright stars, whose photometry is affected by the stars.

The method is that of SCoPe. The radius of the affected region depends on the Tycho-2 magnitude and
color of the star, which are derived from Gaia EDR3 photometry (Riello et al. 2021, A&A 649, A3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from .crossmatch import positions_of

BRIGHTEST_EXCLUDED = 13.0
"""Only stars that are brighter than this magnitude (in G, and in B) are considered."""
LARGEST_RADIUS = 300.0
"""Maximum radius of the region around a star in which light curves are excluded, in arcseconds."""
SAME = 2.0
"""Maximum separation between a light curve and its own source, in arcseconds."""
B_FROM_G = (-0.004288, -0.8547, 0.1244, -0.9085, 0.4843, -0.06814)
V_FROM_G = (-0.01077, -0.0682, -0.2387, 0.02342)
"""Coefficients of G - B and G - V, in ascending powers of the color BP - RP."""
MAGNITUDE, COLOR = "phot_g_mean_mag", "bp_rp"


def exclusion_radius(g: ArrayLike, bp_rp: ArrayLike) -> NDArray[np.float64]:
    """Return the radius of the region that a star affects, in arcseconds.

    The radius is 0 if the star is not bright. ``g`` is the Gaia magnitude G, and ``bp_rp`` is the
    color BP - RP.
    """
    g, color = np.asarray(g, np.float64), np.asarray(bp_rp, np.float64)
    b = g - np.polynomial.polynomial.polyval(color, B_FROM_G)
    v = g - np.polynomial.polynomial.polyval(color, V_FROM_G)
    radius = (
        354.817
        - 53.27823 * b
        + 66.01137 * (b - v)
        + 2.1031286 * b**2
        + 7.6737066 * (b - v) ** 2
        - 6.164676 * b * (b - v)
    )
    return np.where((g < BRIGHTEST_EXCLUDED) & (b < BRIGHTEST_EXCLUDED), radius, 0.0)


def reasons(catalogue: Any, curves: pa.Table) -> list[str]:
    """Return why each light curve is excluded, or an empty string if it is not.

    The nearest Gaia source within 2 arcsec is the source itself, and does not exclude it.
    """
    ra, dec = positions_of(curves)
    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    found = [""] * len(curves)
    if not len(known):
        return found
    bright = {MAGNITUDE: {"$lt": BRIGHTEST_EXCLUDED}}
    near = catalogue.cone(
        "gaia", ra[known], dec[known], LARGEST_RADIUS, (MAGNITUDE, COLOR), where=bright
    )
    for row, stars in zip(known, near, strict=True):
        found[row] = _reason(stars)
    return found


def _reason(stars: list[dict[str, Any]]) -> str:
    """Return a reason if one of the stars, which are sorted by separation, is too near."""
    others = stars[1:] if stars and stars[0]["separation"] <= SAME else stars
    for star in others:
        if star[MAGNITUDE] is None or star[COLOR] is None:
            continue
        if star["separation"] < exclusion_radius(star[MAGNITUDE], star[COLOR]):
            return (
                f"within {star['separation']:.0f} arcsec of a star with G = {star[MAGNITUDE]:.1f}"
            )
    return ""
