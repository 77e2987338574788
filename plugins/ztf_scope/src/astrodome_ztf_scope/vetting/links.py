"""Links to web pages about a position on the sky."""

from __future__ import annotations

import math
from urllib.parse import urlencode

RADIUS = 5.0
"""Search radius, in arcsec."""


def of_position(ra: float | None, dec: float | None) -> dict[str, str]:
    """Return the URLs of pages about a position in degrees, keyed by the name of the service.

    The result is empty if the position is unknown.
    """
    if ra is None or dec is None or not (math.isfinite(ra) and math.isfinite(dec)):
        return {}
    place = f"{ra:.6f} {dec:+.6f}"
    simbad = urlencode({"Coord": place, "Radius": RADIUS, "Radius.unit": "arcsec"})
    vizier = urlencode({"-c": place, "-c.rs": RADIUS})
    aladin = urlencode({"target": place, "fov": 0.03, "survey": "CDS/P/PanSTARRS/DR1/color-z-zg-g"})
    irsa = urlencode({"POS": f"CIRCLE {ra:.6f} {dec:.6f} {RADIUS / 3600:.6f}", "FORMAT": "csv"})
    return {
        "SIMBAD": f"https://simbad.cds.unistra.fr/simbad/sim-coo?{simbad}",
        "VizieR": f"https://vizier.cds.unistra.fr/viz-bin/VizieR?{vizier}",
        "Aladin Lite": f"https://aladin.cds.unistra.fr/AladinLite/?{aladin}",
        "ZTF light curves": "https://irsa.ipac.caltech.edu/cgi-bin/ZTF/nph_light_curves?" + irsa,
    }
