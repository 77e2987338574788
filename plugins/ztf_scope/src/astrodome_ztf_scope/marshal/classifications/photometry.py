"""Convert light curves from a catalogue to photometric points for a marshal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError
from numpy.typing import NDArray
from scipy.spatial import cKDTree

FILTERS = {1: "ztfg", 2: "ztfr", 3: "ztfi"}
LIMITING_MAGNITUDES = {"ztfg": 20.8, "ztfr": 20.6, "ztfi": 19.9}
"""Median 5-sigma depths of 30-second exposures in the survey, as AB magnitudes.

Reference: Bellm et al. 2019, PASP 131.
"""
PROGRAMS = (1, 2, 3)
POINTS_PER_REQUEST = 5000
TIME_TOLERANCE = 1e-6
"""Maximum time difference between two points in the same exposure, in days."""


def select_epochs(
    epochs: pd.DataFrame, *, programs: Sequence[int] = PROGRAMS, max_hjd: float | None = None
) -> pd.DataFrame:
    """Return the epochs that can be uploaded as photometry.

    These are the epochs without quality flags that belong to one of the given survey programs and
    are not later than ``max_hjd``, a heliocentric Julian date. If several epochs have the same
    exposure and filter, only the first is returned. A criterion is ignored if the catalogue does
    not contain the corresponding column.
    """
    missing = [name for name in ("filter", "magerr") if name not in epochs]
    if missing:
        raise AstrodomeError(
            f"The light curves have no column {' or '.join(missing)}.",
            "To upload a light curve, the filter and the error of each magnitude are required.",
        )
    optional = epochs.reindex(columns=["catflags", "programid", "expid"])
    keep = np.isfinite(epochs[["hjd", "mag", "magerr"]]).all(axis=1)
    keep &= epochs["filter"].isin(list(FILTERS))
    keep &= optional["catflags"].fillna(0) == 0
    keep &= optional["programid"].isna() | optional["programid"].isin(list(programs))
    if max_hjd is not None:
        keep &= epochs["hjd"] <= max_hjd
    found = epochs.assign(expid=optional["expid"])[keep].sort_values("hjd", kind="stable")
    found = found[found["expid"].isna() | ~found.duplicated(["filter", "expid"])]
    return found[~found.duplicated(["filter", "hjd"])]


def mjd_from_hjd(hjd: NDArray[np.float64], ra: float, dec: float) -> NDArray[np.float64]:
    """Convert heliocentric Julian dates to geocentric modified Julian dates, both in UTC.

    The correction is the light travel time between the Sun and the center of the Earth along the
    direction to the source, at most 8.3 minutes. ``ra`` and ``dec`` are in degrees. The method
    ``Time.light_travel_time`` in astropy is not used, because it requires a location on the Earth
    and therefore downloads Earth rotation tables.
    """
    import astropy.units as u
    import erfa  # type: ignore[import-untyped]
    from astropy.constants import c
    from astropy.coordinates import SkyCoord
    from astropy.time import Time

    time = Time(np.asarray(hjd, np.float64), format="jd", scale="utc")
    earth, _ = erfa.epv00(time.tdb.jd1, time.tdb.jd2)  # relative to the Sun, in au and au/day
    direction = SkyCoord(ra, dec, unit="deg").cartesian.xyz.value
    days_per_au = (u.au / c).to_value(u.day)
    delay = earth["p"] @ direction * days_per_au
    delay -= earth["v"] @ direction * days_per_au * delay  # motion of the Earth during the delay
    mjd: NDArray[np.float64] = (time - delay * u.day).mjd
    return mjd


def to_photometry(
    epochs: pd.DataFrame, ra: float, dec: float, limiting_mag: float | None = None
) -> pd.DataFrame:
    """Convert epochs to photometric points.

    The result has the columns ``mjd``, ``filter``, ``mag`` (AB magnitude) and others. By default,
    ``limiting_mag`` is the AB magnitude in :data:`LIMITING_MAGNITUDES` for the band. If a point is
    fainter, its own magnitude is used as limiting magnitude. The position ``ra``, ``dec`` (in
    degrees) is used for points that have no position.
    """
    band = epochs["filter"].map(FILTERS)
    limits = band.map(LIMITING_MAGNITUDES) if limiting_mag is None else limiting_mag
    return pd.DataFrame(
        {
            "mjd": mjd_from_hjd(epochs["hjd"].to_numpy(np.float64), ra, dec),
            "mag": epochs["mag"].to_numpy(np.float64),
            "magerr": epochs["magerr"].to_numpy(np.float64),
            "limiting_mag": np.maximum(limits, epochs["mag"]),
            "filter": band,
            "ra": epochs["ra"].fillna(ra) if "ra" in epochs else ra,
            "dec": epochs["dec"].fillna(dec) if "dec" in epochs else dec,
        }
    ).reset_index(drop=True)


def missing_points(points: pd.DataFrame, existing: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the points that are not among the ``existing`` points on the marshal."""
    missing = pd.Series(True, points.index)
    for band, times in points.groupby("filter")["mjd"]:
        known = [p["mjd"] for p in existing if p.get("filter") == band and p.get("mjd") is not None]
        if known:
            nearest, _ = cKDTree(np.reshape(known, (-1, 1))).query(times.to_numpy()[:, None])
            missing[times.index] = nearest > TIME_TOLERANCE
    return points[missing]


def payloads(
    points: pd.DataFrame, obj_id: str, instrument_id: int, group_ids: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Yield request bodies, each with at most :data:`POINTS_PER_REQUEST` points."""
    for first in range(0, len(points), POINTS_PER_REQUEST):
        part = points.iloc[first : first + POINTS_PER_REQUEST]
        yield {
            "obj_id": obj_id,
            "instrument_id": instrument_id,
            "magsys": "ab",
            "group_ids": list(group_ids),
            **{name: part[name].tolist() for name in part.columns},
        }
