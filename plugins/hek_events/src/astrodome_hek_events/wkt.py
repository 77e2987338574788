"""Parse the WKT shapes in HEK records, which are polygons and points."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

SUPPORTED = re.compile(r"\s*(?:POINT|(?:MULTI)?POLYGON)\s*(?:Z|M|ZM)?\s*\(", re.IGNORECASE)
"""Pattern for supported geometry types.

Geometry collections are not supported, because nested collections can cause a stack overflow in
GEOS.
"""
NOT_FINITE = re.compile("nan|inf", re.IGNORECASE)
MAX_COORDINATE = 1_000_000
"""Upper limit for the absolute value of coordinates, in arcsec."""


def parse(texts: Sequence[Any] | NDArray[np.object_]) -> NDArray[np.object_]:
    """Parse an array of WKT strings, and return an array of shapely geometries with the same shape.

    An element is None if the string is missing or invalid, if its geometry type is not supported,
    or if its coordinates are not finite or not below ``MAX_COORDINATE``.
    """
    array = np.array(texts, object)
    usable = np.array([_is_usable(text) for text in array.flat], bool).reshape(array.shape)
    shapes = np.full(array.shape, None, object)
    with np.errstate(all="ignore"):
        shapes[usable] = shapely.from_wkt(array[usable], on_invalid="ignore")
        shapes[~(np.abs(shapely.bounds(shapes)) < MAX_COORDINATE).all(-1)] = None
    return shapes


def _is_usable(text: Any) -> bool:
    return bool(isinstance(text, str) and SUPPORTED.match(text) and not NOT_FINITE.search(text))
