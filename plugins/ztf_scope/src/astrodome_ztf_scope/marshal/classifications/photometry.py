"""Light curves as the photometry of a source on the marshal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from ...catalogues.light_curves import MJD
from ...catalogues.positions import unit_vectors

BANDS = {1: "ztfg", 2: "ztfr", 3: "ztfi"}
DEPTH = {"ztfg": 20.8, "ztfr": 20.6, "ztfi": 19.9}
"""Median 5-sigma depth (AB mag) of the survey's 30 s exposures; Bellm et al. 2019, PASP 131."""
BLOCK = 512
"""Days over which the Earth's orbit is worked out at once."""
PROGRAMMES = (1, 2, 3)
MOST = 5000
"""Points that are sent at once."""
SAME = 1e-6
"""Days by which two times of one exposure differ at most."""


def usable(
    epochs: pd.DataFrame,
    *,
    programmes: Sequence[int] = PROGRAMMES,
    latest: float | None = None,
) -> pd.DataFrame:
    """The epochs that may be shown: no flags, values, these programmes, up to ``latest`` (HJD, d).

    Of an exposure that is there several times, one epoch in each band. A limit on something
    that the catalogue does not know of an epoch is not applied.
    """
    missing = [name for name in ("filter", "magerr") if name not in epochs]
    if missing:
        raise AstrodomeError(
            f"The light curves have no column {', '.join(missing)}.",
            "To upload a light curve, the filter and the error of each magnitude are required.",
        )
    keep = np.isfinite(epochs["hjd"]) & np.isfinite(epochs["mag"]) & np.isfinite(epochs["magerr"])
    keep &= epochs["filter"].isin(list(BANDS))
    if "catflags" in epochs:
        keep &= epochs["catflags"].fillna(0) == 0
    if "programid" in epochs:
        keep &= epochs["programid"].isna() | epochs["programid"].isin(list(programmes))
    if latest is not None:
        keep &= epochs["hjd"] <= latest
    found = epochs[keep].sort_values("hjd", kind="stable")
    if "expid" in found:
        known = found["expid"].notna()
        again = known & found.duplicated(["filter", "expid"])
        found = found[~again]
    return found[~found.duplicated(["filter", "hjd"])]


def mjd_of_hjd(hjd: NDArray[np.float64], ra: float, dec: float) -> NDArray[np.float64]:
    """Modified Julian dates (UTC, d) on Earth of heliocentric Julian dates (UTC, d).

    Light from a position (deg) reaches the Sun up to 8.3 minutes before or after it reaches us:
    at the centre of the Earth, by which a time at Palomar is off by 0.02 s at most.
    """
    mjd = np.asarray(hjd, np.float64) - MJD
    if not len(mjd):
        return mjd
    towards = unit_vectors(ra, dec)[0]
    way = _earth(int(mjd.min() // BLOCK), int(mjd.max() // BLOCK) + 1)
    found = mjd
    for _ in range(2):  # the way changes by less than a millisecond within itself
        found = mjd - way(found) @ towards
    return np.asarray(found, np.float64)


@cache
def _earth(first: int, last: int) -> CubicSpline:
    """From the Sun to the Earth, in days of light, over these blocks of MJD (UTC)."""
    import astropy.units as u
    from astropy.constants import c
    from astropy.coordinates import get_body_barycentric
    from astropy.time import Time

    days = np.arange(first * BLOCK - 2.0, last * BLOCK + 3.0)
    time = Time(days, format="mjd", scale="utc")
    earth, sun = (get_body_barycentric(name, time, "builtin").xyz for name in ("earth", "sun"))
    return CubicSpline(days, ((earth - sun) / c).to_value(u.day).T)


def points(
    epochs: pd.DataFrame, ra: float, dec: float, limiting_mag: float | None = None
) -> pd.DataFrame:
    """Epochs as points of photometry: ``mjd``, ``filter``, AB ``mag``, …; one row each.

    ``limiting_mag`` (AB) of all, or what the survey reaches in the band; a point is never below it.
    """
    band = epochs["filter"].map(BANDS)
    depth = band.map(DEPTH) if limiting_mag is None else limiting_mag
    own = {name: epochs[name] for name in ("ra", "dec") if name in epochs}
    return pd.DataFrame(
        {
            "mjd": mjd_of_hjd(epochs["hjd"].to_numpy(np.float64), ra, dec),
            "mag": epochs["mag"].to_numpy(np.float64),
            "magerr": epochs["magerr"].to_numpy(np.float64),
            "limiting_mag": np.maximum(depth, epochs["mag"]),
            "filter": band,
            "ra": own["ra"].fillna(ra) if "ra" in own else ra,
            "dec": own["dec"].fillna(dec) if "dec" in own else dec,
        },
    ).reset_index(drop=True)


def missing(found: pd.DataFrame, there: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The points that are not among those that a source has already."""
    keep = np.ones(len(found), bool)
    for band in set(found["filter"]):
        times = [p["mjd"] for p in there if p.get("filter") == band and p.get("mjd") is not None]
        if not times:
            continue
        rows = np.flatnonzero(found["filter"] == band)
        known = np.sort(np.asarray(times, np.float64))
        wanted = found["mjd"].to_numpy()[rows]
        after = np.clip(np.searchsorted(known, wanted), 0, len(known) - 1)
        before = np.maximum(after - 1, 0)
        gap = np.minimum(np.abs(known[after] - wanted), np.abs(known[before] - wanted))
        keep[rows] = gap > SAME
    return found[keep]


def payloads(
    found: pd.DataFrame, obj_id: str, instrument_id: int, group_ids: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """The points as the marshal takes them, at most :data:`MOST` at once."""
    for first in range(0, len(found), MOST):
        part = found.iloc[first : first + MOST]
        yield {
            "obj_id": obj_id,
            "instrument_id": instrument_id,
            "magsys": "ab",
            "group_ids": list(group_ids),
            **{name: part[name].tolist() for name in part.columns},
        }
