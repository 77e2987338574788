"""Shapes in the records of HEK: polygons and points in WKT, in helioprojective arcsec."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

SHAPE = re.compile(r"\s*(?:POINT|(?:MULTI)?POLYGON)\s*(?:Z|M|ZM)?\s*\(", re.IGNORECASE)
"""Supported geometries. GEOS recurses into nested collections until its stack overflows."""
NOT_FINITE = re.compile("nan|inf", re.IGNORECASE)


def parse(texts: Sequence[Any] | NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the polygons and points of WKT texts, as an array of the same shape.

    The result is None for texts that are missing or invalid, contain another geometry, or have
    coordinates that are not finite.
    """
    given = np.array(texts, object)
    usable = np.array([_is_usable(text) for text in given.flat], bool).reshape(given.shape)
    found = np.full(given.shape, None, object)
    with np.errstate(all="ignore"):
        found[usable] = shapely.from_wkt(given[usable], on_invalid="ignore")
        found[~np.isfinite(shapely.bounds(found)).all(-1)] = None
    return found


def _is_usable(text: Any) -> bool:
    return bool(isinstance(text, str) and SHAPE.match(text) and not NOT_FINITE.search(text))
