"""Shapes in HEK records: polygons and points as WKT."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

SUPPORTED = re.compile(r"\s*(?:POINT|(?:MULTI)?POLYGON)\s*(?:Z|M|ZM)?\s*\(", re.IGNORECASE)
"""Supported geometries. GEOS recurses into nested collections until its stack overflows."""
NOT_FINITE = re.compile("nan|inf", re.IGNORECASE)


def parse(texts: Sequence[Any] | NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the polygons and points of WKT texts, as an array of the same shape.

    The result is None for texts that are missing or invalid, contain another geometry, or have
    coordinates that are not finite.
    """
    array = np.array(texts, object)
    usable = np.array([_is_usable(text) for text in array.flat], bool).reshape(array.shape)
    shapes = np.full(array.shape, None, object)
    with np.errstate(all="ignore"):
        shapes[usable] = shapely.from_wkt(array[usable], on_invalid="ignore")
        shapes[~np.isfinite(shapely.bounds(shapes)).all(-1)] = None
    return shapes


def _is_usable(text: Any) -> bool:
    return bool(isinstance(text, str) and SUPPORTED.match(text) and not NOT_FINITE.search(text))
