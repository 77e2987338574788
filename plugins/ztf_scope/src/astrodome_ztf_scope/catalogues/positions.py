"""Positions on the sky: separations, sources that are one, names after the position."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from astrodome import AstrodomeError
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

LIMITS = {"ra": (0.0, 360.0), "dec": (-90.0, 90.0)}
"""Valid coordinates (deg)."""
SLACK = 5.5e-10
"""Maximum rounding error of a position, in degrees; :func:`mean` rounds to 1e-9."""


def columns(names: Sequence[Any]) -> dict[str, str]:
    """Return which of these columns hold ``ra`` and ``dec``; ``RA`` and ``Dec`` are accepted."""
    found: dict[str, str] = {}
    for coordinate in LIMITS:
        same = [str(name) for name in names if str(name).strip().lower() == coordinate]
        if same:
            found[coordinate] = coordinate if coordinate in same else same[0]
    return found


def coordinates(
    table: pd.DataFrame, origin: object
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return RA and Dec (deg) of every row, with NaN for empty cells.

    Returns None if the table has no such columns. For a value that is not a valid coordinate in
    degrees, raises an AstrodomeError that names the file ``origin``, the column and the first
    such row.
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
    hint = f"Correct the row: the column must contain degrees from {low:g} to {high:g}."
    if re.search(r"\d\s*[:hd°]|\d\s+\d", text):
        hint = (
            "Convert sexagesimal values to decimal degrees, for example with "
            "astropy.coordinates.SkyCoord(ra, dec, unit=('hourangle', 'deg'))."
        )
    raise AstrodomeError(
        f"{origin}: invalid coordinate '{text}' in column '{cells.name}', row {row}{others}.",
        f"{hint} Rows are counted from 0.",
        exit_code=2,
    )


def unit_vectors(ra: ArrayLike, dec: ArrayLike) -> NDArray[np.float64]:
    """Directions of positions (deg), shape (N, 3); right for any RA and at the poles."""
    a, d = (np.radians(np.atleast_1d(np.asarray(x, np.float64))) for x in (ra, dec))
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)


def separations(one: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles (arcsec) between a direction and others."""
    chords = np.linalg.norm(np.reshape(others, (-1, 3)) - one, axis=1)
    found: NDArray[np.float64] = np.degrees(2 * np.arcsin(np.minimum(chords / 2, 1))) * 3600
    return found


def chord(radius: float) -> float:
    """The distance of two directions that are ``radius`` (arcsec) apart."""
    return float(2 * np.sin(np.radians(radius / 3600) / 2))


def mean(ra: ArrayLike, dec: ArrayLike) -> tuple[float, float]:
    """The mean position (deg), also across RA 0 and at the poles."""
    x, y, z = unit_vectors(ra, dec).mean(axis=0)
    # Rounded to 4 µas: a name, which truncates, would show the last bit of a sum.
    mean_ra = round(float(np.degrees(np.arctan2(y, x))) % 360, 9)
    mean_dec = round(float(np.degrees(np.arctan2(z, np.hypot(x, y)))), 9)
    return mean_ra if mean_ra < 360 else 0.0, mean_dec


def clusters(ra: ArrayLike, dec: ArrayLike, radius: float) -> NDArray[np.int64]:
    """A number for each position (deg): the same for those linked by steps within ``radius``.

    A position that is not finite is alone. ``radius`` is in arcsec.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    a, d = np.asarray(ra, np.float64), np.asarray(dec, np.float64)
    known = np.flatnonzero(np.isfinite(a) & np.isfinite(d))
    pairs = np.empty((0, 2), np.int64)
    if len(known):
        tree = cKDTree(unit_vectors(a[known], d[known]))
        pairs = known[tree.query_pairs(chord(radius), output_type="ndarray")]
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(a), len(a)))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def iau_name(ra: float, dec: float, prefix: str = "ZTFJ") -> str:
    """Return the name of a position (deg), ``ZTFJHHMMSS.ss±DDMMSS.s``, truncated by the IAU rules.

    A position at most :data:`SLACK` below an exact hundredth of a second of time, or tenth of an
    arcsecond, counts as that value, because most of these values are not exact as binary or
    decimal numbers of degrees.

    Raises AstrodomeError for an invalid position.
    """
    if not 0 <= ra < 360 or not -90 <= dec <= 90:
        raise AstrodomeError(
            f"Invalid position ({ra}, {dec}): expected RA in [0, 360) and Dec in [-90, 90] deg."
        )
    hundredths = int((ra + SLACK) * 24_000) % 8_640_000  # of a second of time
    tenths = int((abs(dec) + SLACK) * 36_000)  # of an arcsecond
    hms = f"{hundredths // 360_000:02}{hundredths // 6_000 % 60:02}{hundredths % 6_000 / 100:05.2f}"
    dms = f"{tenths // 36_000:02}{tenths // 600 % 60:02}{tenths % 600 / 10:04.1f}"
    return f"{prefix}{hms}{'-' if dec < 0 else '+'}{dms}"
