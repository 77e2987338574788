"""Validate sky positions, compute separations and clusters, and derive source names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from astrodome import InvalidInputError
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

LIMITS = {"ra": (0.0, 360.0), "dec": (-90.0, 90.0)}
"""Valid ranges of the coordinates, in degrees."""
GEOJSON = "coordinates.radec_geojson.coordinates"
DOCUMENT_COLUMNS = ("ra", "dec", GEOJSON)
"""Columns in Kowalski documents from which :func:`of_document` reads the position."""
SLACK = 5.5e-10
"""Maximum rounding error of a coordinate, in degrees. :func:`mean` rounds to 1e-9 degrees."""


def columns(names: Sequence[Any]) -> dict[str, str]:
    """Map ``ra`` and ``dec`` to the matching column names in a table, ignoring case."""
    found: dict[str, str] = {}
    for coordinate in LIMITS:
        same = [str(name) for name in names if str(name).strip().lower() == coordinate]
        if same:
            found[coordinate] = coordinate if coordinate in same else same[0]
    return found


def coordinates(
    table: pd.DataFrame, origin: object
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the RA and Dec of all rows in degrees, with NaN for empty cells.

    Returns None if the table does not have both columns. Raises AstrodomeError if a value is not a
    valid coordinate in degrees. The error message contains the file (``origin``), the column and
    the first invalid row.
    """
    named = columns(list(table.columns))
    if len(named) < len(LIMITS):
        return None
    ra, dec = (_degrees(table[named[key]], key, origin) for key in LIMITS)
    return ra, dec


def _degrees(cells: pd.Series[Any], coordinate: str, origin: object) -> NDArray[np.float64]:
    import pandas as pd

    numbers = pd.to_numeric(cells, errors="coerce")
    values: NDArray[np.float64] = numbers.to_numpy(np.float64, na_value=np.nan)
    empty = cells.isna().to_numpy()
    if cells.dtype == object or isinstance(cells.dtype, pd.StringDtype):
        empty = empty | (cells.astype(str).str.strip() == "").to_numpy()
    low, high = LIMITS[coordinate]
    wrong = ~empty & ~((values >= low) & (values <= high))
    if not wrong.any():
        return values
    row = int(np.flatnonzero(wrong)[0])
    text = str(cells.iloc[row])
    others = f", and {wrong.sum() - 1} more rows" if wrong.sum() > 1 else ""
    hint = f"Correct the row: expected a value in degrees from {low:g} to {high:g}."
    if re.search(r"\d\s*[:hd°]|\d\s+\d", text):
        hint = (
            "Convert sexagesimal values to decimal degrees, for example with "
            "astropy.coordinates.SkyCoord(ra, dec, unit=('hourangle', 'deg'))."
        )
    raise InvalidInputError(
        f"{origin}: invalid coordinate '{text}' in column '{cells.name}', row {row}{others}.",
        f"{hint} Rows are counted from 0.",
    )


def of_document(document: Mapping[str, Any]) -> tuple[float, float]:
    """Return the position in a Kowalski document, in degrees, or NaN if it has no position.

    The longitude in the MongoDB index is the RA minus 180 degrees.
    """
    if document.get("ra") is not None and document.get("dec") is not None:
        return float(document["ra"]), float(document["dec"])
    longitude, latitude = nested_value(document, GEOJSON) or (np.nan, np.nan)
    return (float(longitude) + 180) % 360, float(latitude)


def nested_value(document: Any, name: str) -> Any:
    """Return the value of a column or of a nested column such as ``a.b``.

    Returns None if the column does not exist.
    """
    if isinstance(document, Mapping) and name in document:
        return document[name]
    for part in name.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return document


def validated(ra: float, dec: float) -> tuple[float, float]:
    """Validate a position in degrees, and return it. An RA of 360 is replaced with 0.

    Raises AstrodomeError if the position is invalid.
    """
    if not (0 <= ra <= 360 and -90 <= dec <= 90):
        raise InvalidInputError(
            f"Invalid position ({ra:g}, {dec:g}): expected RA from 0 to 360 and Dec from -90 to "
            "90 deg."
        )
    return ra % 360, dec


def separations(
    ra: float, dec: float, other_ra: ArrayLike, other_dec: ArrayLike
) -> NDArray[np.float64]:
    """Return the separations between a position and other positions, in arcseconds.

    All positions are in degrees.
    """
    from astropy.coordinates import angular_separation

    radians = (np.radians(np.asarray(x, np.float64)) for x in (ra, dec, other_ra, other_dec))
    found: NDArray[np.float64] = np.degrees(angular_separation(*radians)) * 3600
    return np.atleast_1d(found)


def mean(ra: ArrayLike, dec: ArrayLike) -> tuple[float, float]:
    """Return the mean position in degrees. The mean is correct near RA 0 and at the poles."""
    mean_ra, mean_dec = means(ra, dec, np.zeros(np.shape(ra), np.intp))
    return float(mean_ra[0]), float(mean_dec[0])


def means(
    ra: ArrayLike, dec: ArrayLike, groups: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean position of each group in degrees, as arrays with shape (M,).

    ``groups`` contains the group of each position, from 0 to M - 1. Positions that are not finite
    are ignored. The mean of a group without positions is NaN.
    """
    ra, dec = np.radians(np.asarray(ra, np.float64)), np.radians(np.asarray(dec, np.float64))
    groups = np.asarray(groups, np.intp)
    known, count = np.isfinite(ra) & np.isfinite(dec), int(groups.max(initial=-1)) + 1
    ra, dec, groups = ra[known], dec[known], groups[known]
    vectors = (np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec))
    x, y, z = (np.bincount(groups, component, count) for component in vectors)
    empty = np.bincount(groups, minlength=count) == 0
    # Remove the rounding error of the mean by rounding to 4 µas. Otherwise, the error would be
    # visible in a truncated name.
    mean_ra = np.round(np.degrees(np.arctan2(y, x)) % 360, 9) % 360
    mean_dec = np.round(np.degrees(np.arctan2(z, np.hypot(x, y))), 9)
    return np.where(empty, np.nan, mean_ra), np.where(empty, np.nan, mean_dec)


def clusters(ra: ArrayLike, dec: ArrayLike, radius: float) -> NDArray[np.intp]:
    """Return a cluster number for each position.

    The positions are in degrees. Two positions are in the same cluster if their separation is at
    most ``radius`` arcseconds, or if they are connected by a chain of such positions. Each
    non-finite position is a separate cluster.
    """
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ra, dec = np.asarray(ra, np.float64), np.asarray(dec, np.float64)
    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    sky = SkyCoord(ra[known], dec[known], unit="deg")
    first, second, _, _ = sky.search_around_sky(sky, radius * u.arcsec)
    links = (np.ones(len(first), bool), (known[first], known[second]))
    graph = coo_array(links, shape=(len(ra), len(ra)))
    return np.asarray(connected_components(graph, directed=False)[1], np.intp)


def iau_name(ra: float, dec: float, prefix: str = "ZTFJ") -> str:
    """Return the IAU name ``ZTFJHHMMSS.ss±DDMMSS.s`` for a position in degrees.

    The coordinates are truncated, as recommended by the IAU, whereas astropy rounds them. If a
    coordinate is at most :data:`SLACK` below a multiple of 0.01 s of time or 0.1 arcsec, that
    multiple is used, because most of these multiples cannot be represented exactly in degrees.

    Raises AstrodomeError if the position is invalid.
    """
    ra, dec = validated(ra, dec)
    hundredths = int((ra + SLACK) * 24_000) % 8_640_000  # in units of 0.01 s of time
    tenths = int((abs(dec) + SLACK) * 36_000)  # in units of 0.1 arcsec
    hms = f"{hundredths // 360_000:02}{hundredths // 6_000 % 60:02}{hundredths % 6_000 / 100:05.2f}"
    dms = f"{tenths // 36_000:02}{tenths // 600 % 60:02}{tenths % 600 / 10:04.1f}"
    return f"{prefix}{hms}{'-' if dec < 0 else '+'}{dms}"
