"""Where things are: positions on the Sun (arcsec) and pixels of an image, by its own header.

Positions are helioprojective (Tx to the west, Ty to the north) as the image's observer sees
them. Pixels are counted from the upper left corner of the picture as it is shown, in edges:
the first pixel lies between 0 and 1. What moves is turned with the Sun by sunpy's model of
differential rotation.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from astrodome import AstrodomeError
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.typing import NDArray
from sunpy.coordinates import (
    HeliocentricInertial,
    HeliographicStonyhurst,
    Helioprojective,
    get_earth,
)
from sunpy.coordinates.wcs_utils import solar_wcs_frame_mapping
from sunpy.map import GenericMap
from sunpy.sun import constants
from sunpy.sun.models import differential_rotation
from sunpy.util import SunpyUserWarning

FRAME = 4096
"""Width (px) of the full frame in which ``meta.csv`` gives the geometry, whatever the image's."""
NEAR = 0.02 * u.AU
"""The L1 point, where SOHO is, is half as far from the Earth."""
NEEDED = ("X0", "Y0", "CDELT")

Points = NDArray[np.float64]
"""Positions, shape (N, 2)."""


@dataclass(frozen=True)
class View:
    """How an image sees the Sun: its world coordinates, size (px), and time (UTC).

    ``wcs`` counts pixels as FITS does, from the centre of the lower left one; ``limb_arcsec``
    is the radius of the disk.
    """

    wcs: WCS
    width: int
    height: int
    time: datetime
    limb_arcsec: float

    @cached_property
    def frame(self) -> Helioprojective:
        """The helioprojective frame of the image, with its observer."""
        return solar_wcs_frame_mapping(self.wcs)

    @cached_property
    def from_earth(self) -> bool:
        """Whether the observer is at or around the Earth, as SDO is."""
        observer, (earth, _) = self.frame.observer, _earth(self.time)
        return bool(observer.separation_3d(earth) < NEAR)

    def to_pixel(self, arcsec: Points) -> Points:
        """Pixels of helioprojective positions, both of shape (N, 2)."""
        columns, rows = self.wcs.wcs_world2pix(*(np.asarray(arcsec, float).T / 3600), 0)
        return np.column_stack([columns + 0.5, self.height - 0.5 - rows])

    def to_arcsec(self, pixels: Points) -> Points:
        """Helioprojective positions of pixels, both of shape (N, 2)."""
        x, y = np.asarray(pixels, float).T
        degrees = np.column_stack(self.wcs.wcs_pix2world(x - 0.5, self.height - 0.5 - y, 0))
        return (degrees + 180) % 360 * 3600 - 180 * 3600

    def limb(self, count: int = 360) -> Points:
        """The edge of the disk in pixels, closed, shape (``count`` + 1, 2)."""
        angle = np.linspace(0, 2 * np.pi, count + 1)
        return self.to_pixel(self.limb_arcsec * np.column_stack([np.cos(angle), np.sin(angle)]))


def from_meta(row: Mapping[str, Any], width: int, height: int, time: datetime) -> View:
    """The view of an image by its row of ``meta.csv``.

    X0, Y0 (px) are the disk's centre from the lower left corner, R_SUN (px) its radius and CDELT
    (arcsec/px) the scale, all in the full frame; DSUN (m) is the observer's distance, whose
    direction is that of the Earth. Raises AstrodomeError when a needed value is missing or wrong.
    """
    given = {key: _number(row.get(key)) for key in (*NEEDED, "R_SUN", "DSUN")}
    wrong = [key for key in NEEDED if given[key] is None]
    if wrong or (given["CDELT"] or 0) <= 0:
        raise AstrodomeError(
            f"Its row of meta.csv has no usable {', '.join(wrong) or 'CDELT'}.",
            "Its geometry comes with sdo data download --metadata, and with sdo data import.",
        )
    x0, y0, cdelt = (float(given[key] or 0) for key in NEEDED)
    across, up = width / FRAME, height / FRAME
    earth, _ = _earth(time)
    distance = given["DSUN"] or 0
    if not 1e10 < distance < 1e12:  # no heliocentric distance in metres
        distance = float(earth.radius.to_value(u.m))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["HPLN-TAN", "HPLT-TAN"]
    wcs.wcs.cunit = ["arcsec", "arcsec"]
    wcs.wcs.crval = [0, 0]
    wcs.wcs.cdelt = [cdelt / across, cdelt / up]
    wcs.wcs.crpix = [x0 * across + 0.5, y0 * up + 0.5]
    wcs.wcs.dateobs = wcs.wcs.dateavg = time.isoformat()
    wcs.wcs.aux.rsun_ref = constants.radius.to_value(u.m)
    wcs.wcs.aux.dsun_obs = distance
    wcs.wcs.aux.hgln_obs = float(earth.lon.to_value(u.deg))
    wcs.wcs.aux.hglt_obs = float(earth.lat.to_value(u.deg))
    wcs.wcs.set()
    wcs.array_shape = (height, width)
    radius = (given["R_SUN"] or 0) * cdelt or _disk(distance)
    return View(wcs, width, height, time, radius)


def from_map(solar: GenericMap) -> View:
    """The view of a sunpy map."""
    height, width = solar.data.shape
    with quiet():
        return View(
            solar.wcs,
            width,
            height,
            solar.reference_date.utc.to_datetime(),
            float(solar.rsun_obs.to_value(u.arcsec)),
        )


def turned(
    points: Points, since: NDArray[np.object_], view: View, rotate: bool = True
) -> tuple[Points, NDArray[np.bool_]]:
    """Positions (arcsec) seen from the Earth at times ``since``, as the view sees them at its own.

    Shapes (N, 2) and (N,), and so are the results: positions, and whether they are on the side
    that the view sees. One that has gone behind the limb is moved onto it; one beside the disk,
    whose distance nobody knows, stays where it was (or, seen from elsewhere than the Earth,
    counts as on the limb). The rotation is that of Howard et al. (1990), as sunpy has it;
    without ``rotate`` nothing moves but the observer.
    """
    placed = np.array(points, float)
    seen = np.ones(len(placed), bool)
    if not len(placed) or (view.from_earth and not rotate):
        return placed, seen
    now = _earth(view.time)[1]
    longitude, latitude = np.full((2, len(placed)), np.nan)
    for moment in set(since):
        chosen = since == moment
        kept = np.ascontiguousarray(placed[chosen]).tobytes()
        lon, lat = _on_the_surface(kept, moment, not view.from_earth)
        if rotate:
            days = (view.time - moment).total_seconds() / 86400
            with np.errstate(invalid="ignore"):
                moved = differential_rotation(days * u.day, lat * u.deg)
            lon = lon + moved.to_value(u.deg) - (now - _earth(moment)[1])
        longitude[chosen], latitude[chosen] = lon, lat
    on_disk = np.isfinite(longitude)
    if on_disk.any():
        placed[on_disk], seen[on_disk] = seen_by(view, longitude[on_disk], latitude[on_disk])
    return placed, seen


def seen_by(
    view: View, longitude: NDArray[np.float64], latitude: NDArray[np.float64]
) -> tuple[Points, NDArray[np.bool_]]:
    """Places on the surface (Stonyhurst, deg) in arcsec, those behind moved onto the limb."""
    with quiet():
        surface = SkyCoord(
            longitude * u.deg,
            latitude * u.deg,
            constants.radius,
            frame=HeliographicStonyhurst(obstime=view.frame.obstime),
        ).transform_to(view.frame)
        reach = view.frame.observer.radius
    behind = np.asarray(surface.distance > np.sqrt(reach**2 - constants.radius**2))
    arcsec = np.column_stack([surface.Tx.to_value(u.arcsec), surface.Ty.to_value(u.arcsec)])
    length = np.maximum(np.hypot(*arcsec[behind].T), 1e-9)
    arcsec[behind] *= (_disk(reach.to_value(u.m)) / length)[:, None]
    return arcsec, ~behind


@lru_cache(maxsize=8192)
def _on_the_surface(points: bytes, time: datetime, all_of_them: bool) -> tuple[Points, Points]:
    """Stonyhurst longitudes and latitudes (deg) at ``time``; NaN beside the disk.

    With ``all_of_them`` what is beside the disk is moved onto its edge. Cached, for an event
    lasts for many images.
    """
    observer, _ = _earth(time)
    arcsec = np.frombuffer(points).reshape(-1, 2)
    if all_of_them:
        edge = 0.9999 * _disk(observer.radius.to_value(u.m))
        length = np.maximum(np.hypot(*arcsec.T), 1e-9)
        arcsec = arcsec * np.minimum(edge / length, 1)[:, None]
    with quiet():
        frame = Helioprojective(observer=observer, obstime=observer.obstime)
        found = SkyCoord(*(arcsec.T * u.arcsec), frame=frame).transform_to(
            HeliographicStonyhurst(obstime=observer.obstime)
        )
    return found.lon.wrap_at(180 * u.deg).to_value(u.deg), found.lat.to_value(u.deg)


@lru_cache(maxsize=8192)
def _earth(time: datetime) -> tuple[SkyCoord, float]:
    """The Earth at a time, and its longitude (deg) in a frame that does not turn."""
    with quiet():
        earth = get_earth(time)
        inertial = earth.transform_to(HeliocentricInertial(obstime=earth.obstime))
    return earth, float(inertial.lon.to_value(u.deg))


@contextmanager
def quiet() -> Iterator[None]:
    """Without what sunpy tells of missing metadata and of positions beside the disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SunpyUserWarning)
        yield


def _disk(distance: float) -> float:
    return float(np.degrees(np.arcsin(constants.radius.to_value(u.m) / distance)) * 3600)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
